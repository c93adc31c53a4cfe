"""What dry builds cost: builds per trial, and the time of one.

    python benchmarks/dry_build.py

The space is a small CNN of which 40% of the values can't be built. Nothing
is trained, so what is measured is the search alone. The explorations of the
tuner's constructor count too.
"""

import argparse
import tempfile
import time
import warnings
from typing import Any


def build_model(hp: Any) -> Any:
    """Builds a CNN of 1 to 3 blocks; two of five kernel sizes are too large."""
    import keras

    model = keras.Sequential([keras.Input((28, 28, 1))])
    for i in range(hp.Int("blocks", 1, 3)):
        filters = hp.Int(f"filters_{i}", 8, 32, step=8)
        model.add(keras.layers.Conv2D(filters, 3, padding="same"))
        model.add(keras.layers.ReLU())
        model.add(keras.layers.MaxPooling2D())
    # What is left is at least 3 wide: kernels of 40 and 50 do not fit.
    kernel = hp.Choice("kernel", [1, 2, 3, 40, 50])
    model.add(keras.layers.Conv2D(16, kernel))
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy"
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    import kt_evolution

    seconds: list[float] = []

    def timed_build(hp: Any) -> Any:
        clock = time.perf_counter()
        try:
            return build_model(hp)
        finally:
            seconds.append(time.perf_counter() - clock)

    class WithoutTraining(kt_evolution.EvolutionTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            values = trial.hyperparameters.values
            return abs(values["dropout"] - 0.2) + values["kernel"] / 100

    with (
        tempfile.TemporaryDirectory() as directory,
        warnings.catch_warnings(),
    ):
        # It warns of what it rejects.
        warnings.simplefilter("ignore")
        tuner = WithoutTraining(
            timed_build,
            max_trials=arguments.trials,
            seed=arguments.seed,
            directory=directory,
        )
        explored = len(seconds)
        tuner.search(verbose=0)
        num_trials = len(tuner.oracle.end_order)
    built = sorted(seconds[explored:])
    print(f"trials: {num_trials}")
    print(f"builds to explore the space: {explored}")
    print(
        f"builds per trial: {len(built) / num_trials:.2f} "
        f"({len(built) - num_trials} models rejected)"
    )
    print(
        f"ms per dry build: median {1000 * built[len(built) // 2]:.0f}, "
        f"mean {1000 * sum(built) / len(built):.0f}"
    )


if __name__ == "__main__":
    main()
