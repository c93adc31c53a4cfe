"""Searches spaces of hundreds and thousands of floats, of which six matter.

Example:

```
python -m benchmarks.wide --genes 100 500 --trials 60 --seeds 3
```

The objective is Hartmann's function of six dimensions, whose minimum is
-3.32; which of the genes those are is drawn with the seed. The oracles are
driven as a tuner drives them, without training. The time is that of
`create_trial`, in seconds of one core, the median of the last ten trials.

```
python -m benchmarks.wide --genes --fixed 20000 --branches 60 100 150 300
```

measures a proposal where all but one of the genes are `Fixed`, and the
constructor of a tuner whose hypermodel has so many conditional branches.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
SHARPNESS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
CENTERS = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
SEARCHERS = ("random", "evolution", "evolution-pure", "bayesian")


def hartmann(x: np.ndarray) -> float:
    """Returns Hartmann's function of six numbers between 0 and 1."""
    squares = (SHARPNESS * (x - CENTERS) ** 2).sum(axis=1)
    return -float(WEIGHTS @ np.exp(-squares))


def floats(number: int, fixed: int = 0) -> Any:
    """Returns hyperparameters: floats, and some that have one value only."""
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    for position in range(number):
        hp.Float(f"x{position}", 0.0, 1.0, default=0.5)
    for position in range(fixed):
        hp.Fixed(f"fixed{position}", position)
    return hp


def new_oracle(searcher: str, hp: Any, trials: int, seed: int) -> Any:
    import keras_tuner

    import kt_evolution

    options: dict[str, Any] = {
        "objective": keras_tuner.Objective("score", "min"),
        "max_trials": trials,
        "seed": seed + 1,
        "hyperparameters": hp,
    }
    if searcher == "random":
        return keras_tuner.oracles.RandomSearchOracle(**options)
    if searcher == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(**options)
    if searcher == "evolution-pure":
        options["surrogate"] = None
    return kt_evolution.EvolutionOracle(**options)


def drive(
    oracle: Any, trials: int, score: Callable[[dict[str, Any]], float]
) -> list[float]:
    """Runs trials without training, as a tuner would.

    Args:
        oracle: The oracle, which is new.
        trials: Integer.
        score: Function of the values of a trial.

    Returns:
        The seconds of each proposal.
    """
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        oracle.verbose = 0
        oracle._set_project_dir(folder, "project")
        for _ in range(trials):
            began = time.process_time()
            trial = oracle.create_trial("tuner0")
            seconds.append(time.process_time() - began)
            values = trial.hyperparameters.values
            oracle.update_trial(trial.trial_id, {"score": score(values)})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return seconds


def run(
    searcher: str, genes: int, trials: int, seed: int
) -> tuple[float, float]:
    """Returns the best score, and the seconds of one of the last proposals."""
    matter = np.random.default_rng(seed).permutation(genes)[:6]
    scores = []

    def score(values: dict[str, Any]) -> float:
        scores.append(hartmann(np.array([values[f"x{i}"] for i in matter])))
        return scores[-1]

    oracle = new_oracle(searcher, floats(genes), trials, seed)
    seconds = drive(oracle, trials, score)
    return min(scores), statistics.median(seconds[-10:])


def seconds_with_fixed(fixed: int, trials: int) -> float:
    """Returns the seconds of a proposal of one float and fixed genes."""
    oracle = new_oracle("evolution", floats(1, fixed), trials, 0)
    seconds = drive(oracle, trials, lambda values: values["x0"])
    return statistics.median(seconds)


def seconds_to_construct(branches: int) -> float:
    """Returns the seconds of the constructor of a tuner."""
    import keras_tuner

    import kt_evolution

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial: Any, **kwargs: Any) -> float:
            return 0.0

    class HyperModel(keras_tuner.HyperModel):
        def build(self, hp: Any) -> None:
            chosen = hp.Choice("branch", list(range(branches)))
            for number in range(branches):
                with hp.conditional_scope("branch", [number]):
                    if chosen == number:
                        hp.Float(f"x{number}", 0.0, 1.0)

    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        Tuner(HyperModel(), directory=folder, max_trials=1, seed=0)
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Search wide spaces.")
    parser.add_argument("--genes", type=int, nargs="*", default=[100, 500])
    parser.add_argument("--fixed", type=int, nargs="*", default=[])
    parser.add_argument("--branches", type=int, nargs="*", default=[])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--searchers", nargs="+", choices=SEARCHERS, default=SEARCHERS[:3]
    )
    arguments = parser.parse_args()
    print("| genes | searcher | best, mean | best, by seed | s a proposal |")
    print("|---:|---|---:|---|---:|")
    for genes in arguments.genes:
        for searcher in arguments.searchers:
            found = [
                run(searcher, genes, arguments.trials, seed)
                for seed in range(arguments.seeds)
            ]
            best, seconds = zip(*found, strict=True)
            each = ", ".join(f"{score:.2f}" for score in best)
            print(
                f"| {genes:,} | {searcher} | {statistics.mean(best):.2f} "
                f"| {each} | {statistics.median(seconds):.3f} |",
                flush=True,
            )
    for fixed in arguments.fixed:
        seconds = seconds_with_fixed(fixed, arguments.trials)
        print(f"{fixed:,} fixed: {seconds:.3f} s a proposal", flush=True)
    for branches in arguments.branches:
        seconds = seconds_to_construct(branches)
        print(f"{branches} branches: {seconds:.2f} s", flush=True)


if __name__ == "__main__":
    main()
