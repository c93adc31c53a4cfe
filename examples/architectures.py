"""Functions that the examples of architecture search share."""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import kt_evolution
from kt_evolution import nas


def split(inputs, labels, num_validation, num_test):
    """Returns (inputs, labels) for training, validation and testing."""
    # Data are often sorted by label. The split is the same in every run.
    order = np.random.default_rng(0).permutation(len(inputs))
    inputs, labels = inputs[order], labels[order]
    test, validation = num_test, num_test + num_validation
    return (
        (inputs[validation:], labels[validation:]),
        (inputs[test:validation], labels[test:validation]),
        (inputs[:test], labels[:test]),
    )


def search(space, train, validation, arguments):
    """Searches a space and returns the tuner."""
    tuner = kt_evolution.EvolutionTuner(
        space,
        objective="val_accuracy",
        max_trials=arguments.trials,
        seed=arguments.seed,
        directory=arguments.directory,
        project_name=f"seed_{arguments.seed}_epochs_{arguments.epochs}",
    )
    start = time.time()
    keras.utils.set_random_seed(arguments.seed)
    tuner.search(
        *train,
        validation_data=validation,
        epochs=arguments.epochs,
        batch_size=32,
        verbose=2,
    )
    print(f"\nSearched for {time.time() - start:.0f} s.\n")
    return tuner


def report(tuner, space, validation, test, drawing=None):
    """Prints the best architecture, and how it and the default one do."""
    best = tuner.oracle.get_best_trials()[0]
    # The first trial has the default values of the space.
    default = tuner.oracle.get_trial(tuner.oracle.start_order[0])
    print(f"The architecture found (trial {best.trial_id}):\n")
    nas.describe(best.hyperparameters, space)
    if drawing:
        nas.draw(best.hyperparameters, space, drawing)
    print(f"\n{'accuracy':16} {'validation':>10} {'test':>10}")
    for name, trial in (("architecture", best), ("default model", default)):
        model = tuner.load_model(trial)
        scores = [
            model.evaluate(*part, verbose=0, return_dict=True)["accuracy"]
            for part in (validation, test)
        ]
        print(f"{name:16} " + " ".join(f"{score:10.4f}" for score in scores))


def parse_arguments(doc, trials, epochs, directory):
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--directory", default=directory)
    parser.add_argument(
        "--draw", metavar="FILE.svg", help="draw the architecture found"
    )
    return parser.parse_args()
