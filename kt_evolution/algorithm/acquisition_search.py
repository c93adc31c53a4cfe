"""Acquisition search: the offspring that is most worth training is looked up.

The acquisition function is maximized by evolution itself: a few generations of
offspring are made of the best individuals and scored with the surrogate, which
costs no training. The best of them is improved by steps of single genes, and
only the result is trained.
"""

import dataclasses
import itertools
import math

import numpy as np

from kt_evolution.algorithm.acquisition import Acquisition
from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition import fit_each
from kt_evolution.algorithm.acquisition import predicted_mean
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.algorithm.ranking import chebyshev
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.reproduction import Offspring
from kt_evolution.algorithm.reproduction import Reproduction
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.surrogate.base import Surrogate

NUM_GENERATIONS = 4
NUM_OFFSPRING = 150
# Survivors are chosen from this many of the best, and of the youngest.
MAX_SURVIVAL_CANDIDATES = 200
# The share of random genomes in the first generation: with them the search can
# leave its best region.
IMMIGRANT_SHARE = 0.15
# Every genome of a space with at most this many is scored.
MAX_ENUMERATED = 2000
# The operator of individuals that were found by scoring a whole space.
ENUMERATION = "enumeration"
MAX_CLIMBS = 3
# With more objectives the gained hypervolume takes long to compute.
MAX_HYPERVOLUME_OBJECTIVES = 2
# Continuous codes are equal within intervals of this length.
RESOLUTION = 1e-3
# How many genes of a wide space one step of the climb tries.
MAX_CLIMBED_GENES = 20
# How many values of a gene one step of the climb tries.
MAX_STEPS = 10


class AcquisitionSearch:
    """Finds the offspring with the largest acquisition.

    Args:
        surrogate: The `Surrogate`.
        reproduction: The `Reproduction`.
        survival: The `Survival`. It compares the predicted scores of the
            evaluated individuals, not their observed ones.
        population_size: Int, how many individuals may become parents.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        reproduction: Reproduction,
        survival: Survival,
        population_size: int,
    ) -> None:
        self.surrogate = surrogate
        self.reproduction = reproduction
        self.survival = survival
        self.population_size = population_size

    def __call__(
        self,
        history: History,
        known: KnownScores,
        rng: np.random.Generator,
        proxies: Proxies | None = None,
    ) -> tuple[Offspring, Acquisition] | None:
        """Returns the best offspring found, and the acquisition.

        Args:
            history: The `History`.
            known: The `KnownScores`, of an individual at least.
            rng: The source of randomness.
            proxies: The `Proxies` of models, by which the best candidates are
                compared again. Defaults to None. Only for a `GaussianProcess`.

        Returns:
            An `Offspring` of one row, and the `Acquisition`; None if no new
            phenotype was found.
        """
        known_few = _with_few_objectives(known, rng)
        acquisition = Acquisition(self.surrogate, history, known_few)
        pool = _Pool(history, acquisition)
        genomes = _all_genomes(history)
        if genomes is not None:
            pool.add(Offspring.of_genomes(history, genomes, ENUMERATION))
        else:
            self._evolve(pool, known, rng)
        if not len(pool):
            return None
        if proxies is None:
            return pool.best(1), acquisition
        candidates = pool.best(NUM_CANDIDATES)
        can_train = np.flatnonzero(proxies.can_train(candidates.genomes))
        if not len(can_train):
            # The search learns from one that is rejected.
            return candidates.take(np.array([0])), acquisition
        return self._best_by_proxies(
            history, known_few, candidates.take(can_train), proxies
        )

    def _best_by_proxies(
        self,
        history: History,
        known: KnownScores,
        candidates: Offspring,
        proxies: Proxies,
    ) -> tuple[Offspring, Acquisition]:
        """Returns the best candidate once their proxies are known."""
        compared = np.union1d(
            known.positions, history.positions(Status.PENDING)
        )
        added = proxies.functions(
            np.concatenate([history.genomes[compared], candidates.genomes]),
            known.objectives.shape[1],
        )
        acquisition = Acquisition(self.surrogate, history, known, added)
        gains = acquisition.log_acquisition(
            candidates.genomes, candidates.expressed
        )
        return candidates.take(np.array([np.argmax(gains)])), acquisition

    def predicted_mean(
        self, history: History, positions: np.ndarray
    ) -> np.ndarray:
        """Returns the predicted objectives of individuals.

        Args:
            history: The `History`.
            positions: Int array of shape `(n,)`, completed individuals.

        Returns:
            Float array of shape `(n, num_objectives)`.
        """
        return predicted_mean(
            fit_each(
                self.surrogate, history, KnownScores.of_completed(history)
            ),
            history.genomes[positions],
            history.expressed[positions],
        )

    def _evolve(
        self, pool: "_Pool", known: KnownScores, rng: np.random.Generator
    ) -> None:
        history = pool.history
        if history.space.is_tunable.sum() > WIDE and len(history) % 2:
            # Offspring differ from their parents in few of hundreds of genes.
            # So every second proposal is the best of random genomes, and the
            # search is never much worse than a random search with half of its
            # trials: Ahmed et al. (2016), "Do we need 'Harmless' Bayesian
            # Optimization and 'First-Order' Bayesian Optimization?".
            pool.add(_immigrants(history, NUM_OFFSPRING, rng))
            return
        candidates = _candidates_for_survival(known)
        means = pool.acquisition.predicted_mean(
            history.genomes[candidates], history.expressed[candidates]
        )
        ranks = fitness(means, known.violations[candidates])
        survivors = self.survival(ranks, self.population_size)
        population = Offspring.of_history(history, candidates[survivors])
        scores = ranks[survivors]
        count = round(IMMIGRANT_SHARE * NUM_OFFSPRING)
        pool.add(_immigrants(history, count, rng))
        for _ in range(NUM_GENERATIONS):
            pool.add(
                self.reproduction(
                    history, population, scores, NUM_OFFSPRING, rng
                )
            )
            if not len(pool):
                return
            population = pool.best(self.population_size)
            scores = np.sort(-pool.log_acquisition)[: self.population_size]
        for _ in range(MAX_CLIMBS):
            before = pool.log_acquisition.max()
            relevance = pool.acquisition.relevance
            pool.add(_neighbors(history, pool.best(1), relevance, rng))
            if pool.log_acquisition.max() <= before:
                return


class _Pool:
    """The candidates of one proposal: new phenotypes, each of them once."""

    def __init__(self, history: History, acquisition: Acquisition) -> None:
        self.history = history
        self.acquisition = acquisition
        self.log_acquisition = np.empty(0)
        self._batches: list[Offspring] = []
        self._seen: set[bytes] = set()
        # `History.find` knows equal models; those with continuous genes may
        # be nearly equal as well.
        if not np.isfinite(history.space.sizes).all():
            self._seen.update(_keys(history.genomes, history.expressed))

    def __len__(self) -> int:
        return len(self.log_acquisition)

    def add(self, offspring: Offspring) -> None:
        """Adds the new ones among offspring, with their acquisition."""
        keys = _keys(offspring.genomes, offspring.expressed)
        rows = []
        for row, (key, genome) in enumerate(
            zip(keys, offspring.genomes, strict=True)
        ):
            if key not in self._seen and self.history.find(genome) < 0:
                rows.append(row)
            self._seen.add(key)
        if not rows:
            return
        fresh = offspring.take(np.array(rows))
        log_acquisition = self.acquisition.log_acquisition(
            fresh.genomes, fresh.expressed
        )
        self.log_acquisition = np.concatenate(
            [self.log_acquisition, log_acquisition]
        )
        self._batches.append(fresh)

    def best(self, count: int) -> Offspring:
        """Returns the candidates with the largest acquisition, best first."""
        everything = Offspring.joined(self._batches)
        self._batches = [everything]
        order = np.argsort(-self.log_acquisition, kind="stable")
        return everything.take(order[:count])


def _with_few_objectives(
    known: KnownScores, rng: np.random.Generator
) -> KnownScores:
    """Returns the scores with two objectives at most.

    More than two objectives become one number, with random weights that are
    new for each proposal, so that the proposals spread over the front.
    """
    num_objectives = known.objectives.shape[1]
    if num_objectives <= MAX_HYPERVOLUME_OBJECTIVES:
        return known
    weights = rng.dirichlet(np.ones(num_objectives))
    scores = np.full((len(known.objectives), 1), np.inf)
    scores[known.positions, 0] = chebyshev(
        known.objectives[known.positions],
        known.violations[known.positions],
        weights,
    )
    unknown = np.full(scores.shape, np.nan)
    return dataclasses.replace(
        known,
        objectives=scores,
        noise_variance=unknown,
        extrapolation_variance=None,
    )


def _candidates_for_survival(known: KnownScores) -> np.ndarray:
    """Returns the best and the youngest known individuals, oldest first."""
    positions = known.positions
    ranks = fitness(known.objectives[positions], known.violations[positions])
    order = np.argsort(ranks, kind="stable")
    best = positions[order[:MAX_SURVIVAL_CANDIDATES]]
    return np.union1d(best, positions[-MAX_SURVIVAL_CANDIDATES:])


def _keys(genomes: np.ndarray, expressed: np.ndarray) -> list[bytes]:
    """Returns keys that are equal for nearly equal models.

    Continuous codes are rounded to steps of `RESOLUTION`. The two bounds have
    keys of their own, because the best value is often one of them.
    """
    steps = (genomes / RESOLUTION).astype(np.int16)
    steps[genomes == 0.0] = -1
    steps[genomes == LAST_CODE] = -2
    steps[~expressed] = -3
    return [row.tobytes() for row in steps]


def _all_genomes(history: History) -> np.ndarray | None:
    """Returns every genome of a small space, None if there are too many."""
    space = history.space
    # NumPy's product warns where it overflows.
    num_genomes = math.prod(space.sizes.tolist())
    if not space.num_genes or num_genomes > MAX_ENUMERATED:
        return None
    codes = [
        gene.canonicalize(gene.code_at(np.arange(int(gene.size))))
        for gene in space.genes
    ]
    return np.array(list(itertools.product(*codes)))


def _immigrants(
    history: History, count: int, rng: np.random.Generator
) -> Offspring:
    space = history.space
    genomes = space.canonicalize(rng.random((count, space.num_genes)))
    return Offspring.of_genomes(history, genomes, "random")


def _neighbors(
    history: History,
    individual: Offspring,
    relevance: np.ndarray | None,
    rng: np.random.Generator,
) -> Offspring:
    """Returns genomes that differ from one in a single expressed gene.

    Of very many genes only some are changed. They are drawn at random, those
    with a larger relevance more often.
    """
    space = history.space
    genome, expressed = individual.genomes[0], individual.expressed[0]
    genomes = []
    genes = np.flatnonzero(expressed & space.is_tunable)
    if len(genes) > WIDE:
        share = None
        if relevance is not None:
            share = relevance[genes] / relevance[genes].sum()
        genes = rng.choice(genes, MAX_CLIMBED_GENES, replace=False, p=share)
    for i in genes:
        gene = space.genes[i]
        if gene.size <= MAX_STEPS:
            codes = gene.code_at(np.arange(int(gene.size)))
        else:
            reach = 10.0 ** rng.uniform(-2.5, -0.5, size=MAX_STEPS)
            steps = reach * rng.normal(size=MAX_STEPS)
            codes = np.clip(genome[i] + steps, 0.0, LAST_CODE)
        for code in gene.canonicalize(codes):
            if code != genome[i]:
                neighbor = genome.copy()
                neighbor[i] = code
                genomes.append(neighbor)
    return Offspring.of_genomes(
        history,
        np.array(genomes).reshape(-1, space.num_genes),
        "neighbor",
        individual.parents[0],
    )
