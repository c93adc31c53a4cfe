"""Times one proposal of the default search as the history grows.

Example:

```
python -m benchmarks.proposal_time --sizes 100 300 1000 10000
```

The space has 10 genes: 4 continuous, 3 ordinal, 3 categorical. The history is
random; nothing is trained. The time includes fit and acquisition search.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.scales import Scale
from kt_evolution.algorithm.space.search_space import SearchSpace


def ten_genes() -> SearchSpace:
    scale = Scale(1e-4, 1.0, "log")
    return SearchSpace(
        [ContinuousGene(f"rate_{i}", scale, 1e-2) for i in range(4)]
        + [OrdinalGene(f"units_{i}", range(16, 513, 16), 64) for i in range(3)]
        + [CategoricalGene(f"kind_{i}", ("a", "b", "c"), "a") for i in range(3)]
    )


def random_history(space: SearchSpace, size: int, seed: int) -> History:
    rng = np.random.default_rng([seed, size])
    history = History(space)
    genomes = space.canonicalize(rng.random((size, space.num_genes)))
    slopes = rng.normal(size=space.num_genes)
    for number, genome in enumerate(genomes):
        trial_id = str(number)
        history.add(Individual(genome, trial_id=trial_id))
        score = float(slopes @ genome + 0.1 * rng.normal())
        history.finish(trial_id, Status.COMPLETED, [score])
    return history


def milliseconds(history: History, repeats: int) -> list[float]:
    evolution = Evolution()
    times = []
    for number in range(repeats):
        start = time.perf_counter()
        evolution.propose(history, np.random.default_rng(number))
        times.append(1000.0 * (time.perf_counter() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description="Time proposals.")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[20, 100, 300, 1000, 10000]
    )
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    space = ten_genes()
    print("| trials | median ms | largest ms |")
    print("|---|---|---|")
    for size in arguments.sizes:
        times = milliseconds(random_history(space, size, 0), arguments.repeats)
        print(f"| {size} | {statistics.median(times):.1f} | {max(times):.1f} |")


if __name__ == "__main__":
    main()
