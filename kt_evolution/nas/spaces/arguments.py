"""Checks of the arguments that all ready spaces share."""

from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from kt_evolution.algorithm.checks import check_count

TASKS = ("classification", "regression")
# The groups of hyperparameters that a space can search.
GROUPS = ("layers", "connections", "regularization", "training")


def check_task(task: str, num_classes: Any, num_outputs: Any) -> None:
    """Raises if the task is unknown or lacks the arguments that it needs."""
    if task not in TASKS:
        raise ValueError(
            '`task` must be "classification" or "regression". '
            f"Received: task={task!r}"
        )
    if task == "classification":
        if num_classes is None:
            raise ValueError(
                "`num_classes` must be given for classification. "
                f"Received: num_classes=None, task={task!r}"
            )
        check_count("num_classes", num_classes, at_least=2)
        if num_outputs is not None:
            raise ValueError(
                "`num_outputs` is for regression only. "
                f"Received: num_outputs={num_outputs}, task={task!r}"
            )
    elif num_classes is not None:
        raise ValueError(
            "`num_classes` is for classification only; a regression has "
            f"`num_outputs`. Received: num_classes={num_classes}, task={task!r}"
        )
    elif num_outputs is not None:
        check_count("num_outputs", num_outputs)


def check_searched_groups(
    searched_groups: str | Sequence[str],
) -> tuple[str, ...]:
    """Returns the groups of hyperparameters that are searched."""
    groups = searched_groups
    if isinstance(groups, str):
        groups = (groups,)
    if not isinstance(groups, Collection) or not all(
        group in GROUPS for group in groups
    ):
        raise ValueError(
            "`searched_groups` must be of "
            f"{', '.join(repr(each) for each in GROUPS)}. "
            f"Received: searched_groups={searched_groups!r}"
        )
    return tuple(groups)
