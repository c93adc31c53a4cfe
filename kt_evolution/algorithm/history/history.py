"""The history: every individual that was ever proposed, in order."""

import dataclasses
import enum
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.evaluations import chance
from kt_evolution.algorithm.history.evaluations import pool
from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace

# The operator of individuals that were evaluated by another search.
IMPORT = "import"
# Codes that differ by less are the same, but for what rounding leaves.
SAME_CODE = 1e-12


class Status(str, enum.Enum):
    """What became of an individual."""

    PENDING = "pending"
    COMPLETED = "completed"
    # It was trained in vain, or its score is not finite.
    FAILED = "failed"
    # It can't be built, or breaks a limit known before training.
    REJECTED = "rejected"


@dataclasses.dataclass(slots=True)
class Individual:
    """A genome, where it comes from and what became of it.

    Args:
        genome: Float array of shape `(num_genes,)`, canonical codes.
        expression: Tuple of the positions of the genes that the hypermodel's
            build asked for, in the order in which it asked.
        trial_id: String, the trial that evaluates it; None for rejected ones.
            Imported ones have no trial here, and an id such as "import/3".
        parents: Tuple of the parents' trial ids.
        operator: String, how it was made.
        status: A `Status`.
        evaluations: Dict of the ids of all trials that train it to what they
            found, None where that is nothing. The first is its own trial; the
            others are re-evaluations.
        prediction: The mean and standard deviation that the surrogate
            expected, or None.
        given: Int, its position in the initial population that the user gave,
            or None.
        excess: Float, of a rejected one by how much it breaks limits that
            are known before training; None if that is not why.
    """

    genome: np.ndarray
    expression: tuple[int, ...] = ()
    trial_id: str | None = None
    parents: tuple[str, ...] = ()
    operator: str = ""
    status: Status = Status.PENDING
    evaluations: dict[str, Evaluation | None] = dataclasses.field(
        default_factory=dict
    )
    prediction: tuple[float, float] | None = None
    given: int | None = None
    excess: float | None = None

    @property
    def result(self) -> Evaluation | None:
        """An `Evaluation` of all its trainings, None until it is completed."""
        known = [one for one in self.evaluations.values() if one is not None]
        return pool(known) if known else None

    @property
    def objectives(self) -> tuple[float, ...]:
        """Tuple of floats, lower is better; empty until it is completed."""
        result = self.result
        return result.objectives if result else ()


class History:
    """The ordered individuals of a search, and arrays over them.

    A search reads it and proposes; whoever owns the trials writes it.

    Args:
        space: The `SearchSpace` to start with. It grows with `grow`.
        num_objectives: Int. Defaults to 1.
        num_limits: Int, how many limits only training tells. Defaults to 0.
    """

    def __init__(
        self, space: SearchSpace, num_objectives: int = 1, num_limits: int = 0
    ) -> None:
        self.space = space
        self.individuals: list[Individual] = []
        # The positions of those that another search evaluated.
        self.imports: list[int] = []
        # The trials that train an individual again, and the first that did.
        self.reevaluations: dict[str, str] = {}
        self._by_trial: dict[str, int] = {}
        # Genes that some build asked for. The others, if any, are asked for
        # in training only, so they count as expressed whenever active.
        self._built: set[int] = set()
        self._rows = _Rows(space.num_genes, num_objectives, num_limits)
        self._tree = PhenotypeTree(space)
        # The phenotypes that have or had a trial here, or were rejected, and
        # the first individual of each.
        self._tried: dict[bytes, int] = {}
        # How many individuals were built before the hypermodel was edited.
        self.num_outdated = 0
        # Their phenotypes, by what is not a default.
        self._outdated: dict[bytes, list[tuple[frozenset[int], int]]] = {}
        # Builds that were the models of earlier individuals.
        self._repeated: list[tuple[Individual, int]] = []
        self._defaults = space.default_genome()

    def __len__(self) -> int:
        return len(self.individuals)

    @property
    def genomes(self) -> np.ndarray:
        """Float array of shape `(n, num_genes)`."""
        return self._rows.genomes[: len(self)]

    @property
    def expressed(self) -> np.ndarray:
        """Bool array of shape `(n, num_genes)`."""
        return self._rows.expressed[: len(self)]

    @property
    def num_objectives(self) -> int:
        return self._rows.objectives.shape[1]

    @property
    def objectives(self) -> np.ndarray:
        """Float array of shape `(n, num_objectives)`, infinite where unknown.

        Lower is better.
        """
        return self._rows.objectives[: len(self)]

    @property
    def limits(self) -> np.ndarray:
        """Float array of shape `(n, num_limits)`, infinite where unknown.

        At most 0 where the limit holds.
        """
        return self._rows.limits[: len(self)]

    @property
    def squares(self) -> np.ndarray:
        """Float array of shape `(n, num_objectives)`.

        The sums of the squared deviations of a model's trainings.
        """
        return self._rows.squares[: len(self)]

    @property
    def num_runs(self) -> np.ndarray:
        """Int array of shape `(n,)`, how often each was trained, at least 1."""
        return self._rows.num_runs[: len(self)]

    @property
    def chance(self) -> np.ndarray:
        """Float array of shape `(n, num_objectives)`, variances of the means.

        How much of `objectives` is chance; NaN where that is not known.
        """
        variances = np.full(self.objectives.shape, np.nan)
        known = self.positions(Status.COMPLETED)
        variances[known] = chance(self.squares[known], self.num_runs[known])
        return variances

    @property
    def scores(self) -> np.ndarray:
        """Float array of shape `(n,)`, the only objective."""
        (scores,) = self.objectives.T
        return scores

    def positions(self, *statuses: Status) -> np.ndarray:
        """Returns the positions of the individuals of some statuses."""
        wanted = [_STATUS_CODES[status] for status in statuses]
        return np.flatnonzero(np.isin(self._rows.statuses[: len(self)], wanted))

    def position_of(self, trial_id: str) -> int:
        """Returns the position of a trial's individual."""
        return self._by_trial[trial_id]

    def add(self, individual: Individual) -> int:
        """Appends an individual and returns its position."""
        position = len(self)
        self.individuals.append(individual)
        if individual.trial_id is not None:
            self._by_trial[individual.trial_id] = position
            individual.evaluations.setdefault(individual.trial_id, None)
        if individual.operator == IMPORT:
            self.imports.append(position)
        self._rows.append(individual)
        if self.note_built(individual.expression) == 0:
            self._index(position)
        return position

    def note_built(self, genes: Iterable[int]) -> int:
        """Notes genes that some build asked for.

        Args:
            genes: Positions of genes.

        Returns:
            Int, how many of them were not known to be.
        """
        news = set(genes) - self._built
        if news:
            self._built |= news
            self._rebuild()
        return len(news)

    def reevaluate(self, position: int, trial_id: str) -> None:
        """Notes that a further trial trains an individual again.

        Args:
            position: Int, a completed individual.
            trial_id: String, the trial.
        """
        individual = self.individuals[position]
        individual.evaluations[trial_id] = None
        self.reevaluations[trial_id] = individual.trial_id or ""
        self._by_trial[trial_id] = position

    def finish(
        self,
        trial_id: str,
        status: Status,
        objectives: Iterable[float] = (),
        limits: Iterable[float] = (),
        stds: Iterable[float] = (),
        num_runs: int = 1,
    ) -> None:
        """Records what became of a trial.

        A re-evaluation adds to what is known of its individual, or nothing if
        it failed.

        Args:
            trial_id: String.
            status: A `Status`.
            objectives: Floats, if it is completed. One that is not finite
                makes it failed.
            limits: Floats, likewise.
            stds: Floats, the standard deviations of the objectives between
                the trainings of the trial, if there were several.
            num_runs: Int, the number of these. Defaults to 1.
        """
        evaluation = Evaluation(
            tuple(objectives), tuple(limits), tuple(stds), num_runs
        )
        if not evaluation.is_finite:
            status = Status.FAILED
        position = self._by_trial[trial_id]
        individual = self.individuals[position]
        individual.evaluations[trial_id] = (
            evaluation if status is Status.COMPLETED else None
        )
        if trial_id not in self.reevaluations:
            individual.status = status
        self._rows.set_result(position, individual)

    def grow(
        self,
        space: SearchSpace,
        known: Mapping[str, Mapping[str, Value]] | None = None,
    ) -> None:
        """Takes a larger space; old genomes get the new genes' defaults.

        A hyperparameter that is met for the first time has its default value
        in the very build that meets it, and had no say in those before.

        Args:
            space: The `SearchSpace`, the present one extended.
            known: Dict of trial ids to the values, by name, of individuals
                that another search evaluated: it may have met the new genes.
        """
        first_new = self.space.num_genes
        defaults = space.default_genome()[first_new:]
        self.space = space
        repeated = [individual for individual, _ in self._repeated]
        for individual in self.individuals + repeated:
            individual.genome = np.concatenate([individual.genome, defaults])
        self._rows.add_genes(defaults)
        for trial_id, values in (known or {}).items():
            position = self._by_trial[trial_id]
            genome = self.individuals[position].genome
            for name, value in values.items():
                for i, code in space.codes_of(name, value).items():
                    if i >= first_new:
                        genome[i] = code
            self._rows.genomes[position] = genome
        self._rebuild()

    def set_values(self, trial_id: str, values: dict[str, Value]) -> None:
        """Corrects a genome to the values that the trial really had."""
        position = self._by_trial[trial_id]
        individual = self.individuals[position]
        decoded = self.space.decode(individual.genome)
        changed = {
            name: value
            for name, value in values.items()
            if name in decoded
            and decoded[name] != value
            and not self._has_code(individual.genome, name, value)
        }
        if not changed:
            return
        genome = self.space.encode({**decoded, **changed})
        for i, gene in enumerate(self.space.genes):
            if gene.name in changed:
                individual.genome[i] = genome[i]
        self._rows.genomes[position] = individual.genome
        self._rebuild()

    def _has_code(self, genome: np.ndarray, name: str, value: Value) -> bool:
        """Tells whether a value has a genome's code, which others may share."""
        codes = self.space.codes_of(name, value).items()
        return any(abs(genome[i] - code) <= SAME_CODE for i, code in codes)

    def find(self, genome: np.ndarray) -> int:
        """Returns the position of the individual with the same phenotype.

        Returns:
            Int, or -1 when the phenotype is not known.
        """
        return self._tree.find(genome)

    def same_as(self, individual: Individual, counts_imports: bool) -> int:
        """Returns the position of an earlier individual of the same phenotype.

        The tree finds most of them before they are built. A hypermodel that
        was edited shows what it asks for only when it is built.

        Args:
            individual: An `Individual` that was built.
            counts_imports: Bool, whether it may be one that only another
                search evaluated.

        Returns:
            Int, or -1 if there is none.
        """
        path = self._path(individual, self._active(individual))
        position = self._tried.get(_phenotype_key(individual.genome, path), -1)
        if position >= 0:
            return position
        for expressed, position in self._outdated.get(
            self._changes_key(individual.genome, path), []
        ):
            is_import = self.individuals[position].operator == IMPORT
            # What it was not asked for has its default. What is no longer
            # asked for may have been any value, so that is another model.
            if expressed <= set(path) and (counts_imports or not is_import):
                return position
        return -1

    def note_repeated(self, individual: Individual, position: int) -> None:
        """Notes that a build was the model of an earlier individual.

        Args:
            individual: The `Individual` that was built.
            position: Int, what `same_as` returned for it.
        """
        self._repeated.append((individual, position))
        if self.note_built(individual.expression) == 0:
            self._index_repeated(individual, position)

    def forget_builds(self, num_outdated: int) -> None:
        """Notes that the hypermodel was edited.

        What individuals express is not known of the edited hypermodel until
        it is built. They count as the models that it builds with the same
        values, if it asks for all of them, and for defaults besides. Those
        that were rejected don't count: that may be mended.

        Args:
            num_outdated: Int, how many individuals were built before.
        """
        self.num_outdated = num_outdated
        self._repeated.clear()
        self._rebuild()

    def asks_alike(self, position: int, expression: Iterable[int]) -> bool:
        """Tells whether a build asks for what an individual's asked for.

        Args:
            position: Int, an individual that was built.
            expression: Positions of genes, what a further build of its values
                asked for, in order.
        """
        individual = self.individuals[position]
        active = self._active(individual)
        return self._live(individual.expression, active) == self._live(
            expression, active
        )

    def is_tried(self, genome: np.ndarray) -> bool:
        """Tells whether a phenotype is known, and not from imports only."""
        if self.find(genome) < 0:
            return False
        path = self._tree.predict_path(genome)
        return _phenotype_key(genome, path) in self._tried

    def nearest_new(self, genome: np.ndarray) -> np.ndarray | None:
        """Returns the genome, changed if need be to be a new phenotype.

        Returns:
            Float array of shape `(num_genes,)`, or None when every phenotype
            of the space is known.
        """
        return self._tree.nearest_new(genome)

    def predict_path(self, genome: np.ndarray) -> list[int]:
        """Predicts which genes a genome expresses, in the order of the build.

        Returns:
            List of the positions of genes; empty if nothing was built.
        """
        return self._tree.predict_path(genome)

    def predict_expressed(self, genomes: np.ndarray) -> np.ndarray:
        """Predicts which genes genomes express, from the builds so far.

        Args:
            genomes: Float array of shape `(n, num_genes)`.

        Returns:
            Bool array of shape `(n, num_genes)`.
        """
        active = self.space.active(genomes)
        if not self._built or self._tree.is_empty:
            return active
        expressed = np.zeros_like(active)
        for row, genome in enumerate(genomes):
            expressed[row] = self._tree.predict_expressed(genome)
        return expressed & active

    def _path(self, individual: Individual, active: np.ndarray) -> list[int]:
        """Returns the expressed genes in the order they are asked for."""
        path = self._live(individual.expression, active)
        if individual.status is Status.REJECTED:
            # It never came to training.
            return path
        # One that was never built may have asked for all that is active.
        built = self._built if path else set()
        seen = {self.space.genes[i].name for i in path}
        for i in self.space.order:
            gene = self.space.genes[i]
            if i in built or gene.name in seen or not active[i]:
                continue
            if all(condition.parent in seen for condition in gene.conditions):
                seen.add(gene.name)
                path.append(i)
        return path

    def _active(self, individual: Individual) -> np.ndarray:
        return self.space.active(individual.genome[None])[0]

    def _changes_key(self, genome: np.ndarray, path: list[int]) -> bytes:
        """Returns a key of the values that are not defaults."""
        changed = genome != self._defaults
        return _phenotype_key(genome, [i for i in path if changed[i]])

    def _live(self, asked: Iterable[int], active: np.ndarray) -> list[int]:
        """Returns the genes that gave the names asked for their values."""
        live: dict[int, None] = {}
        for i in asked:
            twins = self.space.genes_named(self.space.genes[i].name)
            live.update(dict.fromkeys(twin for twin in twins if active[twin]))
        return list(live)

    def _index(self, position: int) -> None:
        individual = self.individuals[position]
        path = self._path(individual, self._active(individual))
        self._rows.expressed[position] = False
        self._rows.expressed[position, path] = True
        if position < self.num_outdated:
            if individual.status is not Status.REJECTED:
                key = self._changes_key(individual.genome, path)
                same = self._outdated.setdefault(key, [])
                same.append((frozenset(path), position))
            return
        self._file(individual, path, position)

    def _index_repeated(self, individual: Individual, position: int) -> None:
        path = self._path(individual, self._active(individual))
        self._file(individual, path, position)

    def _file(
        self, individual: Individual, path: list[int], position: int
    ) -> None:
        self._tree.add(individual.genome, path, position)
        if self.individuals[position].operator != IMPORT:
            key = _phenotype_key(individual.genome, path)
            self._tried.setdefault(key, position)

    def _rebuild(self) -> None:
        self._tried = {}
        self._outdated = {}
        self._tree = PhenotypeTree(self.space)
        self._defaults = self.space.default_genome()
        for position in range(len(self)):
            self._index(position)
        for individual, position in self._repeated:
            self._index_repeated(individual, position)


def _phenotype_key(genome: np.ndarray, path: list[int]) -> bytes:
    genes = np.sort(np.array(path, dtype=np.int32))
    return genes.tobytes() + genome[genes].tobytes()


UNKNOWN = Evaluation()
_STATUS_CODES = {status: code for code, status in enumerate(Status)}


class _Rows:
    """Arrays over the individuals, with room to grow at both ends."""

    def __init__(
        self, num_genes: int, num_objectives: int, num_limits: int
    ) -> None:
        self.genomes = np.empty((16, num_genes))
        self.expressed = np.empty((16, num_genes), dtype=bool)
        self.objectives = np.empty((16, num_objectives))
        self.limits = np.empty((16, num_limits))
        self.squares = np.empty((16, num_objectives))
        self.num_runs = np.empty(16, dtype=np.int64)
        self.statuses = np.empty(16, dtype=np.int8)
        self._length = 0

    def append(self, individual: Individual) -> None:
        if self._length == len(self.statuses):
            self.genomes = _doubled(self.genomes)
            self.expressed = _doubled(self.expressed)
            self.objectives = _doubled(self.objectives)
            self.limits = _doubled(self.limits)
            self.squares = _doubled(self.squares)
            self.num_runs = _doubled(self.num_runs)
            self.statuses = _doubled(self.statuses)
        self.genomes[self._length] = individual.genome
        self.set_result(self._length, individual)
        self._length += 1

    def set_result(self, position: int, individual: Individual) -> None:
        result = individual.result or UNKNOWN
        self.objectives[position] = result.objectives or np.inf
        self.limits[position] = result.limits or np.inf
        self.squares[position] = result.squares or 0.0
        self.num_runs[position] = result.num_runs
        self.statuses[position] = _STATUS_CODES[individual.status]

    def add_genes(self, codes: np.ndarray) -> None:
        columns = np.tile(codes, (len(self.genomes), 1))
        self.genomes = np.hstack([self.genomes, columns])
        silent = np.zeros(columns.shape, dtype=bool)
        self.expressed = np.hstack([self.expressed, silent])


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.empty_like(array)])
