"""Checks of the arguments that all ready spaces have in common."""

from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.spaces.data import check_labels

TASKS = ("classification", "regression")
# What may be searched; the rest stays at its defaults.
GROUPS = ("layers", "connections", "regularisation", "training")


def check_task(
    task: str, num_classes: Any, num_outputs: Any, targets: Any
) -> str:
    """Returns the task if what was given is for it."""
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
        for name, value in (("num_outputs", num_outputs), ("targets", targets)):
            if value is not None:
                raise ValueError(
                    f"`{name}` is for regression only. "
                    f"Received: {name}={value}, task={task!r}"
                )
    elif num_classes is not None:
        raise ValueError(
            "`num_classes` is for classification only; a regression has "
            f"`num_outputs`. Received: num_classes={num_classes}, task={task!r}"
        )
    elif num_outputs is not None:
        check_count("num_outputs", num_outputs)
    return task


def check_targets(targets: Any, num_outputs: int) -> np.ndarray:
    """Returns the targets of a regression, a row for each sample."""
    try:
        table = np.asarray(targets, dtype="float32")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`targets` must be numbers. Received: {error}"
        ) from error
    if not table.size or not table.ndim:
        raise ValueError(
            f"`targets` must be those of all samples. Received: {targets!r}"
        )
    table = table.reshape(len(table), -1)
    check_labels(table, None, num_outputs, "targets")
    return table


def check_search(search: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the groups of genes that are searched."""
    groups = (search,) if isinstance(search, str) else search
    if not isinstance(groups, Collection) or not all(
        group in GROUPS for group in groups
    ):
        raise ValueError(
            "`search` must be of "
            f"{', '.join(repr(each) for each in GROUPS)}. "
            f"Received: search={search!r}"
        )
    return tuple(groups)
