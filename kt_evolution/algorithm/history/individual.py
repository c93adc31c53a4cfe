"""An individual: a genome, its origin and its outcome."""

import dataclasses
import enum

import numpy as np

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.evaluations import merge

# The operator of individuals that were evaluated by another search.
IMPORT = "import"


class Status(str, enum.Enum):
    """The state of an individual."""

    # It is being trained, or is going to be.
    PENDING = "pending"
    # It was trained to a rung below the highest, and may be trained on.
    PAUSED = "paused"
    # It was trained to the end.
    COMPLETED = "completed"
    # Its training failed, or its score is not finite.
    FAILED = "failed"
    # It can't be built, or breaks a limit that is checked before training.
    REJECTED = "rejected"


@dataclasses.dataclass(slots=True)
class Individual:
    """A genome, its origin and its result.

    Args:
        genome: Float array of shape `(num_genes,)`, canonical codes.
        expression: Tuple of the positions of the genes that the hypermodel's
            build requested, in order; or its training, see `trained_in`.
        trial_id: String, the trial that evaluates it; None if it was
            rejected. An imported individual has no trial in this search, and
            an id such as "import/3".
        parents: Tuple of the parents' trial ids.
        operator: String, how it was made.
        status: A `Status`.
        evaluations: Dict of the ids of all trials that train it to their
            `Evaluation`s, None without a result. The first trial is its own,
            the others are re-evaluations.
        prediction: The predicted mean and standard deviation of the score, or
            None.
        user_index: Int, its position in the user's initial population, or
            None.
        violation: Float, by how much a rejected individual breaks limits that
            are checked before training; None if it breaks none.
        trained_in: Float, the session whose training recorded `expression`,
            so no other gene was requested; None if no training did.
        epochs: Tuple of the epochs to which it was proposed to be trained, in
            order; empty if it is trained to the end at once.
        rungs: Dict of the epochs after which it was compared to their
            `Evaluation`s, as if its training had ended there. See
            `kt_evolution.algorithm.history.rungs`.
        can_resume: Bool, whether its training can go on where it stopped.
            Defaults to True.
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
    user_index: int | None = None
    violation: float | None = None
    trained_in: float | None = None
    epochs: tuple[int, ...] = ()
    rungs: dict[int, Evaluation] = dataclasses.field(default_factory=dict)
    can_resume: bool = True

    @property
    def epochs_reached(self) -> int:
        """The highest rung that it reached, 0 if it reached none."""
        return max(self.rungs, default=0)

    @property
    def result(self) -> Evaluation | None:
        """An `Evaluation` of all its trainings, None until it is completed."""
        known = [one for one in self.evaluations.values() if one is not None]
        return merge(known) if known else None

    @property
    def objectives(self) -> tuple[float, ...]:
        """Tuple of floats, lower is better; empty until it is completed."""
        result = self.result
        return result.objectives if result else ()
