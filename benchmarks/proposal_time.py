"""Times one proposal of the default search as the history grows.

Example:

```
export OMP_NUM_THREADS=1
python -m benchmarks.proposal_time --sizes 100 300 1000 10000
python -m benchmarks.proposal_time --sizes 100 300 --fidelity
python -m benchmarks.proposal_time --sizes 300 --pending 64
```

The space has 10 genes: 4 continuous, 3 ordinal, 3 categorical. The history is
random; nothing is trained. The time includes fit and acquisition search. With
`--fidelity` all but the best are paused at the rungs of 27 epochs, no promotion
is due, and the time includes the decision for how long to train. With
`--pending` so many more individuals have no result yet. Times are CPU seconds,
which other programs change little.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.fidelity import SuccessiveHalving
from kt_evolution.algorithm.history import rungs
from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace

EPOCHS = 27


def ten_genes() -> SearchSpace:
    scale = Scale(1e-4, 1.0, "log")
    return SearchSpace(
        [ContinuousGene(f"rate_{i}", scale, 1e-2) for i in range(4)]
        + [OrdinalGene(f"units_{i}", range(16, 513, 16), 64) for i in range(3)]
        + [CategoricalGene(f"kind_{i}", ("a", "b", "c"), "a") for i in range(3)]
    )


def random_history(
    space: SearchSpace,
    size: int,
    seed: int,
    fidelity: SuccessiveHalving | None,
    pending: int = 0,
) -> History:
    rng = np.random.default_rng([seed, size])
    history = History(space)
    genomes = space.canonicalize(rng.random((size, space.num_genes)))
    scores = genomes @ rng.normal(size=space.num_genes)
    scores += 0.1 * rng.normal(size=size)
    for number, genome in enumerate(genomes):
        epochs = (1,) if fidelity else ()
        history.add(Individual(genome, trial_id=str(number), epochs=epochs))
    if fidelity is None:
        best = np.arange(size)
    else:
        best = halve(history, fidelity, scores)
    for number in best:
        history.finish(str(number), Status.COMPLETED, [float(scores[number])])
    for number in range(size, size + pending):
        genome = space.canonicalize(rng.random((1, space.num_genes)))[0]
        epochs = (1,) if fidelity else ()
        history.add(Individual(genome, trial_id=str(number), epochs=epochs))
    return history


def halve(
    history: History, fidelity: SuccessiveHalving, scores: np.ndarray
) -> np.ndarray:
    """Pauses all individuals but those that get to the last rung."""
    best = np.argsort(scores)
    for rung, epochs in enumerate(fidelity.rungs(EPOCHS)[:-1]):
        for number in best:
            if rung:
                rungs.promote(history, str(number), epochs)
            score = float(scores[number]) + 1.0 / epochs
            rungs.reach(history, str(number), epochs, Evaluation((score,)))
            rungs.pause(history, str(number))
        best = best[: len(best) // fidelity.factor]
    return best


def milliseconds(
    history: History, repeats: int, fidelity: SuccessiveHalving | None
) -> list[float]:
    evolution = Evolution(fidelity=fidelity)
    times = []
    for number in range(repeats):
        start = time.process_time()
        evolution.propose(
            history, np.random.default_rng(number), max_epochs=EPOCHS
        )
        times.append(1000.0 * (time.process_time() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description="Time proposals.")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[20, 100, 300, 1000, 10000]
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--fidelity", action="store_true")
    parser.add_argument("--pending", type=int, default=0)
    arguments = parser.parse_args()
    fidelity = SuccessiveHalving() if arguments.fidelity else None
    space = ten_genes()
    print("| trials | median ms | largest ms |")
    print("|---|---|---|")
    for size in arguments.sizes:
        history = random_history(space, size, 0, fidelity, arguments.pending)
        times = milliseconds(history, arguments.repeats, fidelity)
        print(f"| {size} | {statistics.median(times):.1f} | {max(times):.1f} |")


if __name__ == "__main__":
    main()
