"""The history: every individual that was ever proposed, in order."""

from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.evaluations import noise_variance
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.past_search import PastSearch
from kt_evolution.algorithm.history.phenotype_index import PhenotypeIndex
from kt_evolution.algorithm.history.rows import STATUS_CODES
from kt_evolution.algorithm.history.rows import HistoryRows
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace


class History:
    """The ordered individuals of a search, and arrays over them.

    The algorithm only reads the history; `SearchState` writes it.

    Args:
        space: The `SearchSpace` to start with. It grows with `grow`.
        num_objectives: Int. Defaults to 1.
        num_limits: Int, the number of limits on metrics. Defaults to 0.
    """

    def __init__(
        self, space: SearchSpace, num_objectives: int = 1, num_limits: int = 0
    ) -> None:
        self.space = space
        self.individuals: list[Individual] = []
        # The positions of individuals that another search evaluated.
        self.imports: list[int] = []
        # Searches on other data, whose models are no individuals.
        self.past: list[PastSearch] = []
        # The ids of re-evaluations to the ids of the models' first trials.
        self.reevaluations: dict[str, str] = {}
        self._by_trial: dict[str, int] = {}
        self._rows = HistoryRows(space.num_genes, num_objectives, num_limits)
        self._index = PhenotypeIndex(space, self.individuals, self._rows)

    def __len__(self) -> int:
        return len(self.individuals)

    @property
    def num_outdated(self) -> int:
        """Int, how many individuals were built before an edit."""
        return self._index.num_outdated

    @property
    def genomes(self) -> np.ndarray:
        """Float array of shape `(n, num_genes)`."""
        return self._rows.genomes[: len(self)]

    @property
    def expressed(self) -> np.ndarray:
        """Bool array of shape `(n, num_genes)`."""
        self._index.update()
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
    def violations(self) -> np.ndarray:
        """Float array of shape `(n, num_limits)`, infinite where unknown.

        A violation is at most 0 if the limit holds.
        """
        return self._rows.violations[: len(self)]

    @property
    def sum_of_squares(self) -> np.ndarray:
        """Float array of shape `(n, num_objectives)`.

        The sums of the squared deviations of a model's trainings.
        """
        return self._rows.sum_of_squares[: len(self)]

    @property
    def num_runs(self) -> np.ndarray:
        """Int array of shape `(n,)`, how often each was trained, at least 1."""
        return self._rows.num_runs[: len(self)]

    @property
    def noise_variance(self) -> np.ndarray:
        """Float array of shape `(n, num_objectives)`, variances of the means.

        The variances of `objectives` that are due to noise; NaN where they are
        not known.
        """
        variances = np.full(self.objectives.shape, np.nan)
        known = self.positions(Status.COMPLETED)
        variances[known] = noise_variance(
            self.sum_of_squares[known], self.num_runs[known]
        )
        return variances

    @property
    def scores(self) -> np.ndarray:
        """Float array of shape `(n,)`, the only objective."""
        (scores,) = self.objectives.T
        return scores

    def positions(self, *statuses: Status) -> np.ndarray:
        """Returns the positions of the individuals of some statuses."""
        wanted = [STATUS_CODES[status] for status in statuses]
        return np.flatnonzero(np.isin(self._rows.statuses[: len(self)], wanted))

    def position_of(self, trial_id: str) -> int:
        """Returns the position of a trial's individual."""
        return self._by_trial[trial_id]

    def individual_of(self, trial_id: str) -> Individual:
        """Returns the individual that a trial trains."""
        return self.individuals[self._by_trial[trial_id]]

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
        self._index.add(individual, position)
        return position

    def mark_requested(self, genes: Iterable[int]) -> int:
        """Marks genes as requested by a build.

        Args:
            genes: Positions of genes.

        Returns:
            Int, how many of them were not marked before.
        """
        return self._index.mark_requested(genes)

    def learn_training(
        self, trial_id: str, genes: Iterable[int], session: float
    ) -> None:
        """Takes what the training of a trial requested.

        The other genes of its individual are dormant.

        Args:
            trial_id: String.
            genes: Positions of all genes that were requested, in order.
            session: Float, its session. Before a later one the user may have
                edited the function.
        """
        if trial_id not in self.reevaluations:
            position = self._by_trial[trial_id]
            self._index.learn_training(position, genes, session)

    def reevaluate(self, position: int, trial_id: str) -> None:
        """Adds a trial that trains an individual once more.

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
        violations: Iterable[float] = (),
        stds: Iterable[float] = (),
        num_runs: int = 1,
    ) -> None:
        """Records the result of a trial.

        The result of a re-evaluation is merged with the earlier results of the
        individual. A failed re-evaluation changes nothing.

        Args:
            trial_id: String.
            status: A `Status`.
            objectives: Floats, if it is completed. If one is not finite, the
                trial counts as failed.
            violations: Floats, likewise.
            stds: Floats, the standard deviations of the objectives between
                the trainings of the trial, if there were several.
            num_runs: Int, the number of trainings. Defaults to 1.
        """
        evaluation = Evaluation(
            tuple(objectives), tuple(violations), tuple(stds), num_runs
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
            self._index.update_status(individual)
        self._rows.set_result(position, individual)

    def grow(
        self,
        space: SearchSpace,
        known: Mapping[str, Mapping[str, Value]] | None = None,
    ) -> None:
        """Takes a larger space; old genomes get the new genes' defaults.

        A new hyperparameter has its default value in the build that declares
        it first, and had no effect on earlier builds.

        Args:
            space: The `SearchSpace`, the present one extended.
            known: Dict of the trial ids of imported individuals to their
                values by name. The other search may have known the new genes.
        """
        first_new = self.space.num_genes
        defaults = space.default_genome()[first_new:]
        self.space = space
        for individual, _ in self._index.builds:
            individual.genome = np.concatenate([individual.genome, defaults])
        self._rows.add_genes(defaults)
        for trial_id, values in (known or {}).items():
            position = self._by_trial[trial_id]
            genome = self.individuals[position].genome
            written = genome.copy()
            space.write(written, values)
            genome[first_new:] = written[first_new:]
            self._rows.genomes[position] = genome
        self._index.grow(space)

    def set_values(self, trial_id: str, values: dict[str, Value]) -> None:
        """Changes a genome to the values with which the trial was trained."""
        position = self._by_trial[trial_id]
        individual = self.individuals[position]
        decoded = self.space.decode(individual.genome)
        changed = {
            name: value
            for name, value in values.items()
            if name in decoded
            and decoded[name] != value
            and not self.space.has_code(individual.genome, name, value)
        }
        if not changed:
            return
        genome = self.space.encode({**decoded, **changed})
        for i, gene in enumerate(self.space.genes):
            if gene.name in changed:
                individual.genome[i] = genome[i]
        self._rows.genomes[position] = individual.genome
        self._index.reset()

    def find(self, genome: np.ndarray) -> int:
        """Returns the position of the individual with the same phenotype.

        Returns:
            Int, or -1 if the phenotype is not known.
        """
        return self._index.known.tree.find(genome)

    def same_as(self, individual: Individual, counts_imports: bool) -> int:
        """Returns the position of an earlier individual of the same phenotype.

        `find` recognizes most of them before they are built. But the requests
        of an edited hypermodel are known only after the build.

        Args:
            individual: An `Individual` that was built.
            counts_imports: Bool, whether the earlier individual may be an
                imported one.

        Returns:
            Int, or -1 if there is none.
        """
        active = self._active(individual)
        return self._index.known.find_built(
            individual.genome,
            self._index.expression.path(individual, active),
            counts_imports,
        )

    def note_repeated(self, individual: Individual, position: int) -> None:
        """Adds a build that was the model of an earlier individual.

        Args:
            individual: The `Individual` that was built.
            position: Int, the earlier one, as returned by `same_as`.
        """
        self._index.add(individual, position)

    def note_rebuilt(self, trial_id: str, expression: tuple[int, ...]) -> None:
        """Changes which genes the model of a trial requests.

        The hypermodel was edited between the proposal and the training.

        Args:
            trial_id: String.
            expression: Tuple of the positions of the genes, in order.
        """
        position = self._by_trial[trial_id]
        individual = self.individuals[position]
        individual.expression = expression
        # As a further build it also counts once earlier builds are outdated.
        build = Individual(individual.genome.copy(), expression=expression)
        self.note_repeated(build, position)

    def forget_builds(self, num_outdated: int) -> None:
        """Makes all earlier builds outdated: the hypermodel was edited.

        It is not known which genes of the individuals the edited hypermodel
        expresses. An individual counts as the model that it builds with the
        same values, if it requests all of them, and otherwise only genes with
        default values. Rejected individuals don't count: the edit may have
        corrected the problem.

        Args:
            num_outdated: Int, how many individuals were built before.
        """
        self._index.forget_builds(num_outdated)

    def requests_same_genes(
        self, position: int, expression: Iterable[int]
    ) -> bool:
        """Returns whether a build requests the same genes as an earlier one.

        Args:
            position: Int, an individual that was built.
            expression: Positions of the genes that a further build of its
                values requested, in order.
        """
        individual = self.individuals[position]
        return self._index.expression.is_same(
            individual.expression, expression, self._active(individual)
        )

    def is_tried(self, genome: np.ndarray) -> bool:
        """Returns whether a phenotype is known, and not only from imports."""
        return self._index.known.is_tried(genome)

    def nearest_new(self, genome: np.ndarray) -> np.ndarray | None:
        """Returns a genome with a new phenotype that is near the given one.

        Returns:
            Float array of shape `(num_genes,)`, the given genome if its
            phenotype is new; None if every phenotype of the space is known.
        """
        return self._index.known.tree.nearest_new(genome)

    def predict_path(self, genome: np.ndarray) -> list[int]:
        """Predicts which genes a genome expresses, in the order of the build.

        Returns:
            List of the positions of genes; empty if nothing was built.
        """
        return self._index.known.tree.predict_path(genome)

    def predict_expressed(self, genomes: np.ndarray) -> np.ndarray:
        """Predicts which genes genomes express, from the builds so far.

        Args:
            genomes: Float array of shape `(n, num_genes)`.

        Returns:
            Bool array of shape `(n, num_genes)`.
        """
        active = self.space.active(genomes)
        tree = self._index.known.tree
        if not self._index.expression.is_known or tree.is_empty:
            return active
        expressed = np.zeros_like(active)
        for row, genome in enumerate(genomes):
            expressed[row] = tree.predict_expressed(genome)
        return expressed & active

    def _active(self, individual: Individual) -> np.ndarray:
        return self.space.active(individual.genome[None])[0]
