"""How different the individuals of a search are."""

import dataclasses

import numpy as np

from kt_evolution.core.ranking import fitness
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.records import TrialRecord
from kt_evolution.surrogate.kernel import embed
from kt_evolution.surrogate.kernel import squared_distances

# As many as breed by default.
POPULATION_SIZE = 20


@dataclasses.dataclass(frozen=True)
class Diversity:
    """How different models are, after each completed trial.

    A difference is the mean distance of two of them, as the surrogate sees
    genomes, as a part of that of all trials of the search.

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
    distances = distances_of(search, trials)
    scale = _mean_distance(distances) or 1.0
    fit = fitness(search.points(trials), search.excesses(trials))
    recent, best = np.zeros(len(trials)), np.zeros(len(trials))
    for i in range(len(trials)):
        latest = np.arange(max(0, i + 1 - population_size), i + 1)
        fittest = np.argsort(fit[: i + 1], kind="stable")[:population_size]
        recent[i] = _mean_distance(distances[np.ix_(latest, latest)]) / scale
        best[i] = _mean_distance(distances[np.ix_(fittest, fittest)]) / scale
    return Diversity(trials, recent, best)


def distances_of(search: SearchRecord, trials: list[TrialRecord]) -> np.ndarray:
    """Returns the distances of all pairs of trials, as the surrogate does."""
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
    return np.sqrt(np.maximum(squared_distances(points, points), 0.0))


def genome_of(search: SearchRecord, trial: TrialRecord) -> np.ndarray:
    """Returns the genome of a trial's values, and defaults for the others."""
    genome = search.space.default_genome()
    for name, value in trial.values.items():
        for position, code in search.space.codes_of(name, value).items():
            genome[position] = code
    return genome


def _mean_distance(distances: np.ndarray) -> float:
    pairs = len(distances) * (len(distances) - 1)
    return float(distances.sum() / pairs) if pairs else 0.0
