"""Screening: a surrogate chooses among offspring that cost nothing.

The acquisition function is maximised by evolution itself: some generations of
offspring of the best individuals are bred and scored by the surrogate, the
best of them is improved by single steps, and it alone is trained.
"""

import itertools
import math

import numpy as np

from kt_evolution.algorithm.acquisition import Outlook
from kt_evolution.algorithm.acquisition import expected
from kt_evolution.algorithm.acquisition import fit_each
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.history import Status
from kt_evolution.algorithm.operators.survival import Survival
from kt_evolution.algorithm.ranking import chebyshev
from kt_evolution.algorithm.ranking import fitness
from kt_evolution.algorithm.reproduction import Breeder
from kt_evolution.algorithm.reproduction import Litter
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.search_space import WIDE
from kt_evolution.algorithm.surrogate import Surrogate

NUM_GENERATIONS = 4
NUM_OFFSPRING = 150
# So many of the best observed and of the youngest may survive.
MAX_SURVIVAL_CANDIDATES = 200
# Of the first generation, so that the search can leave its best region.
IMMIGRANT_SHARE = 0.15
# Spaces of at most so many genomes are scored one by one.
MAX_ENUMERATED = 2000
MAX_CLIMBS = 3
# Of more, the hypervolume that is gained takes long to compute.
MAX_HYPERVOLUME_OBJECTIVES = 2
# Two continuous codes in the same part of a range this long are alike.
RESOLUTION = 1e-3
# In a wide space a step of the climb goes along so many genes.
MAX_CLIMBED_GENES = 20
# Values of a gene that are tried in one step of the climb.
MAX_STEPS = 10


class Screening:
    """Chooses the offspring that a surrogate expects most of.

    Args:
        surrogate: The `Surrogate`.
        breeder: The `Breeder`.
        survival: The `Survival`. It goes by what the surrogate expects of the
            evaluated individuals, not by their observed scores.
        population_size: Int, how many individuals breed.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        breeder: Breeder,
        survival: Survival,
        population_size: int,
    ) -> None:
        self.surrogate = surrogate
        self.breeder = breeder
        self.survival = survival
        self.population_size = population_size

    def __call__(
        self, history: History, rng: np.random.Generator
    ) -> tuple[Litter, Outlook] | None:
        """Returns the best offspring found, and what is believed of it.

        Args:
            history: The `History`, with a completed individual at least.
            rng: The source of randomness.

        Returns:
            A `Litter` of one, and the `Outlook`; None if no new phenotype was
            found.
        """
        outlook = Outlook(self.surrogate, history, *_objectives(history, rng))
        pool = _Pool(history, outlook)
        genomes = _all_genomes(history)
        if genomes is not None:
            pool.add(Litter.of_genomes(history, genomes, "enumeration"))
        else:
            self._evolve(pool, rng)
        if not len(pool):
            return None
        return pool.best(1), outlook

    def expected(self, history: History, positions: np.ndarray) -> np.ndarray:
        """Returns the objectives that individuals are expected to have.

        Args:
            history: The `History`.
            positions: Int array of shape `(n,)`, completed individuals.

        Returns:
            Float array of shape `(n, num_objectives)`.
        """
        return expected(
            fit_each(
                self.surrogate, history, history.objectives, history.chance
            ),
            history.genomes[positions],
            history.expressed[positions],
        )

    def _evolve(self, pool: "_Pool", rng: np.random.Generator) -> None:
        history = pool.history
        if history.space.is_tunable.sum() > WIDE and len(history) % 2:
            # Offspring differ from their parents in few genes, of hundreds.
            # So every other individual is the best of random ones, and the
            # search is never much worse than half of a random search: Ahmed
            # et al. (2016), "Do we need 'Harmless' Bayesian Optimization and
            # 'First-Order' Bayesian Optimization?".
            pool.add(_immigrants(history, NUM_OFFSPRING, rng))
            return
        known = _candidates_for_survival(history)
        means = pool.outlook.expected(
            history.genomes[known], history.expressed[known]
        )
        ranks = fitness(means, history.limits[known])
        survivors = self.survival(ranks, self.population_size)
        population = Litter.of_history(history, known[survivors])
        scores = ranks[survivors]
        count = round(IMMIGRANT_SHARE * NUM_OFFSPRING)
        pool.add(_immigrants(history, count, rng))
        for _ in range(NUM_GENERATIONS):
            pool.add(
                self.breeder(history, population, scores, NUM_OFFSPRING, rng)
            )
            if not len(pool):
                return
            population = pool.best(self.population_size)
            scores = np.sort(-pool.promise)[: self.population_size]
        for _ in range(MAX_CLIMBS):
            before = pool.promise.max()
            relevance = pool.outlook.relevance
            pool.add(_neighbours(history, pool.best(1), relevance, rng))
            if pool.promise.max() <= before:
                return


class _Pool:
    """The candidates of one proposal, each phenotype once, none known."""

    def __init__(self, history: History, outlook: Outlook) -> None:
        self.history = history
        self.outlook = outlook
        self.promise = np.empty(0)
        self._litters: list[Litter] = []
        self._seen: set[bytes] = set()
        # A known genome of a grid is found by its phenotype.
        if not np.isfinite(history.space.sizes).all():
            self._seen.update(_keys(history.genomes, history.expressed))

    def __len__(self) -> int:
        return len(self.promise)

    def add(self, litter: Litter) -> None:
        """Adds those offspring that are new, with what they promise."""
        keys = _keys(litter.genomes, litter.expressed)
        rows = []
        for row, (key, genome) in enumerate(
            zip(keys, litter.genomes, strict=True)
        ):
            if key not in self._seen and self.history.find(genome) < 0:
                rows.append(row)
            self._seen.add(key)
        if not rows:
            return
        fresh = litter.take(np.array(rows))
        promise = self.outlook.promise(fresh.genomes, fresh.expressed)
        self.promise = np.concatenate([self.promise, promise])
        self._litters.append(fresh)

    def best(self, count: int) -> Litter:
        """Returns the most promising candidates, best first."""
        everything = Litter.joined(self._litters)
        self._litters = [everything]
        order = np.argsort(-self.promise, kind="stable")
        return everything.take(order[:count])


def _objectives(
    history: History, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what is minimised, and how much of it is chance.

    It is infinite where nothing is completed.

    Of more than two objectives it is one number that weighs them at random,
    another for each proposal, so that the proposals spread over the front.
    """
    if history.num_objectives <= MAX_HYPERVOLUME_OBJECTIVES:
        return history.objectives, history.chance
    completed = history.positions(Status.COMPLETED)
    weights = rng.dirichlet(np.ones(history.num_objectives))
    scores = np.full(len(history), np.inf)
    scores[completed] = chebyshev(
        history.objectives[completed], history.limits[completed], weights
    )
    return scores[:, None], np.full((len(history), 1), np.nan)


def _candidates_for_survival(history: History) -> np.ndarray:
    """Returns the best and the youngest that are completed, by birth."""
    known = history.positions(Status.COMPLETED)
    ranks = fitness(history.objectives[known], history.limits[known])
    order = np.argsort(ranks, kind="stable")
    best = known[order[:MAX_SURVIVAL_CANDIDATES]]
    return np.union1d(best, known[-MAX_SURVIVAL_CANDIDATES:])


def _keys(genomes: np.ndarray, expressed: np.ndarray) -> list[bytes]:
    """Returns keys that are equal for practically the same models.

    Continuous codes count in steps of `RESOLUTION`. Only the bounds are told
    from all else, because the best value is often one of them.
    """
    steps = (genomes / RESOLUTION).astype(np.int16)
    steps[genomes == 0.0] = -1
    steps[genomes == LAST_CODE] = -2
    steps[~expressed] = -3
    return [row.tobytes() for row in steps]


def _all_genomes(history: History) -> np.ndarray | None:
    """Returns every genome of a small space, None if it is larger."""
    space = history.space
    # NumPy's product warns where it overflows.
    num_genomes = math.prod(space.sizes.tolist())
    if not space.num_genes or num_genomes > MAX_ENUMERATED:
        return None
    codes = [
        gene.snap(gene.code_at(np.arange(int(gene.size))))
        for gene in space.genes
    ]
    return np.array(list(itertools.product(*codes)))


def _immigrants(
    history: History, count: int, rng: np.random.Generator
) -> Litter:
    space = history.space
    genomes = space.snap(rng.random((count, space.num_genes)))
    return Litter.of_genomes(history, genomes, "random")


def _neighbours(
    history: History,
    individual: Litter,
    relevance: np.ndarray | None,
    rng: np.random.Generator,
) -> Litter:
    """Returns the genomes that differ from one in a single expressed gene.

    Of many genes some are drawn, mostly those that matter.
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
        for code in gene.snap(codes):
            if code != genome[i]:
                neighbour = genome.copy()
                neighbour[i] = code
                genomes.append(neighbour)
    return Litter.of_genomes(
        history,
        np.array(genomes).reshape(-1, space.num_genes),
        "neighbour",
        individual.parents[0],
    )
