"""How different the individuals of a search are."""

import bisect
import dataclasses

import numpy as np

from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.surrogate.kernel import embed
from kt_evolution.algorithm.surrogate.kernel import squared_distances
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import evenly
from kt_evolution.reporting.trial_records import TrialRecord

# The default size of a population.
POPULATION_SIZE = 20
# An even sample of so many trials represents a search.
MAX_SAMPLE = 1_000


@dataclasses.dataclass(frozen=True)
class Diversity:
    """How different models are, after each completed trial.

    A difference is the mean distance of two of them, as the surrogate sees
    genomes, as a part of that of all trials of the search or, of more than
    a thousand, of a thousand evenly over it.

    Args:
        trials: List of the completed `TrialRecord`s, in their order.
        recent: Float array, of the latest trials.
        best: Float array, of the best so far.
    """

    trials: list[TrialRecord]
    recent: np.ndarray
    best: np.ndarray


def diversity_of(
    search: SearchRecord, population_size: int = POPULATION_SIZE
) -> Diversity:
    """Returns how different the latest and the best trials are.

    Args:
        search: The `SearchRecord`.
        population_size: Int, how many of them. Defaults to 20.
    """
    trials = search.completed
    points = points_of(search, trials)
    sample = points_of(search, evenly(trials, MAX_SAMPLE))
    scale = _mean_distance(sample) or 1.0
    fit = fitness(search.points(trials), search.violations(trials)).tolist()
    recent, best = np.zeros(len(trials)), np.zeros(len(trials))
    fittest: list[tuple[float, int]] = []
    for i in range(len(trials)):
        latest = points[max(0, i + 1 - population_size) : i + 1]
        recent[i] = _mean_distance(latest) / scale
        bisect.insort(fittest, (fit[i], i))
        dropped = fittest[population_size:]
        del fittest[population_size:]
        if dropped == [(fit[i], i)]:
            best[i] = best[i - 1]
        else:
            best[i] = _mean_distance(points[[j for _, j in fittest]]) / scale
    return Diversity(trials, recent, best)


def points_of(search: SearchRecord, trials: list[TrialRecord]) -> np.ndarray:
    """Returns trials as points, whose distances are those of the surrogate."""
    space = search.space
    genomes = np.array([genome_of(search, trial) for trial in trials])
    genomes = genomes.reshape(len(trials), space.num_genes)
    named = np.array(
        [
            [gene.name in trial.values for gene in space.genes]
            for trial in trials
        ],
        dtype=bool,
    ).reshape(genomes.shape)
    points, _ = embed(space, genomes, named & space.active(genomes))
    return points


def genome_of(search: SearchRecord, trial: TrialRecord) -> np.ndarray:
    """Returns the genome of a trial's values, and defaults for the others."""
    genome = search.space.default_genome()
    search.space.write(genome, trial.values)
    return genome


def _mean_distance(points: np.ndarray) -> float:
    """Returns the mean distance of two of some points."""
    pairs = len(points) * (len(points) - 1)
    if not pairs:
        return 0.0
    squared = np.maximum(squared_distances(points, points), 0.0)
    return float(np.sqrt(squared).sum() / pairs)
