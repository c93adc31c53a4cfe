"""Rungs: the epochs after which the trainings of individuals are compared.

A trial may be trained in several steps. It is *pending* while it is trained
and *paused* at a rung below the last epoch, and a paused individual may be
*promoted*: then it is pending again. It is *completed* when it was trained to
the last epoch, or when a callback ended its training. The order of the calls
of a trial that is promoted once, of 27 epochs:

```python
history.add(Individual(genome, trial_id="7"))
begin(history, "7", 3)
reach(history, "7", 3, evaluation)
pause(history, "7")
promote(history, "7", 27)
reach(history, "7", 9, evaluation)  # It passes this rung without a stop.
history.finish("7", Status.COMPLETED, objectives)
```
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.ranking import best_first


def begin(history: History, trial_id: str, epochs: int) -> None:
    """Records to which epoch a new individual is trained at first.

    Args:
        history: The `History`.
        trial_id: String, the trial that trains it.
        epochs: Int, the epoch.
    """
    history.individual_of(trial_id).epochs = (epochs,)


def reach(
    history: History, trial_id: str, epochs: int, evaluation: Evaluation
) -> None:
    """Records how good an individual is after some epochs of its training.

    Args:
        history: The `History`.
        trial_id: String, the trial that trains it.
        epochs: Int, how many epochs it has been trained for in all.
        evaluation: The `Evaluation` that it would have if its training ended
            now, so that of the best epoch so far. It is ignored if it is not
            finite.
    """
    if evaluation.is_finite:
        history.individual_of(trial_id).rungs[epochs] = evaluation


def pause(history: History, trial_id: str) -> None:
    """Marks the individual of a trial as paused at the rung it reached.

    An individual that has reached no rung counts as failed.
    """
    has_score = bool(history.individual_of(trial_id).rungs)
    history.finish(trial_id, Status.PAUSED if has_score else Status.FAILED)


def add_partial(
    history: History, trial_id: str, epochs: int, evaluation: Evaluation
) -> None:
    """Records the only result of a training that another search did not end.

    Args:
        history: The `History`.
        trial_id: String, the id of the imported individual.
        epochs: Int, how many epochs it was trained for.
        evaluation: The `Evaluation` of its best epoch.
    """
    reach(history, trial_id, epochs, evaluation)
    pause(history, trial_id)
    discard_state(history, trial_id)


def promote(history: History, trial_id: str, epochs: int) -> None:
    """Marks a paused individual as pending: it is trained on.

    Args:
        history: The `History`.
        trial_id: String, the trial that trains it.
        epochs: Int, the epoch to which it is trained.
    """
    history.individual_of(trial_id).epochs += (epochs,)
    resume(history, trial_id)


def resume(history: History, trial_id: str) -> None:
    """Marks a paused individual as pending, with the target that it had.

    A time budget may end a training between two rungs.
    """
    history.finish(trial_id, Status.PENDING)


def discard_state(history: History, trial_id: str) -> None:
    """Records that the training of a paused individual can't go on.

    Its scores at the rungs still count.
    """
    history.individual_of(trial_id).can_resume = False


@dataclasses.dataclass(frozen=True)
class RungScores:
    """The scores at the rungs, as arrays over the individuals.

    Args:
        epochs: Tuple of the epochs of the rungs, ascending. Individuals that
            reached the last one are completed.
        objectives: Float array of shape `(num_rungs, n, num_objectives)`,
            infinite where an individual did not reach the rung.
        violations: Float array of shape `(num_rungs, n, num_limits)`.
        level: Int array of shape `(n,)`, the highest rung that an individual
            reached; -1 if it reached none.
    """

    epochs: tuple[int, ...]
    objectives: np.ndarray
    violations: np.ndarray
    level: np.ndarray

    @classmethod
    def of(cls, history: History, epochs: Sequence[int]) -> "RungScores":
        """Returns the scores of a history.

        A score between two rungs counts for the lower one, unless that has a
        score already: another search may have had other rungs.

        Args:
            history: The `History`.
            epochs: The epochs of the rungs, ascending.
        """
        last = len(epochs) - 1
        num_limits = history.violations.shape[1]
        shape = (len(epochs), len(history))
        objectives = np.full((*shape, history.num_objectives), np.inf)
        violations = np.full((*shape, num_limits), np.inf)
        for position, one in enumerate(history.individuals):
            for reached in sorted(one.rungs):
                rung = int(np.searchsorted(epochs, reached, side="right")) - 1
                if 0 <= rung < last and np.isinf(objectives[rung, position, 0]):
                    objectives[rung, position] = one.rungs[reached].objectives
                    violations[rung, position] = one.rungs[reached].violations
        completed = history.positions(Status.COMPLETED)
        objectives[last, completed] = history.objectives[completed]
        violations[last, completed] = history.violations[completed]
        is_known = np.isfinite(objectives[..., 0])
        level = np.where(
            is_known.any(axis=0), last - is_known[::-1].argmax(axis=0), -1
        )
        return cls(tuple(epochs), objectives, violations, level)

    def members(self, rung: int) -> np.ndarray:
        """Returns the positions of those that reached a rung, or passed it."""
        return np.flatnonzero(np.isfinite(self.objectives[rung, :, 0]))


def rank_paused(history: History) -> np.ndarray:
    """Returns the paused individuals, those trained longest first.

    Of equally long trainings the best one is the first.

    Args:
        history: The `History`.

    Returns:
        Int array of positions.
    """
    paused = history.positions(Status.PAUSED)
    individuals = [history.individuals[position] for position in paused]
    reached = np.array([one.epochs_reached for one in individuals], dtype=int)
    ranked = [np.empty(0, dtype=np.int64)]
    for epochs in np.unique(reached)[::-1]:
        rows = np.flatnonzero(reached == epochs)
        results = [individuals[row].rungs[int(epochs)] for row in rows]
        order = best_first(
            np.array([one.objectives for one in results]),
            np.array([one.violations for one in results]),
        )
        ranked.append(paused[rows[order]])
    return np.concatenate(ranked)


def epochs_spent(history: History, max_epochs: int) -> tuple[int, int]:
    """Returns for how many epochs individuals were, or are being, trained.

    Args:
        history: The `History`.
        max_epochs: Int, the last epoch.

    Returns:
        Tuple of the number of all epochs, and of those of the individuals that
        were never paused.
    """
    total = straight = 0
    for one in history.individuals:
        if one.status is Status.REJECTED or one.operator == IMPORT:
            continue
        spent = max_epochs
        if one.status is Status.PENDING and one.epochs:
            spent = one.epochs[-1]
        elif one.status in (Status.PAUSED, Status.FAILED):
            spent = one.epochs_reached
        total += spent
        if not one.epochs or one.epochs[0] >= max_epochs:
            straight += spent
    return total, straight
