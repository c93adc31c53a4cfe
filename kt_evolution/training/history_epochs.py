"""Which epoch a value of a `History` is of.

A `History` has a list for each metric. Where a metric is not logged in each
epoch, as with `validation_freq`, its list is shorter than others, and nothing
in the `History` says of which epochs its values are.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

# The attribute of a `History` with the names of the metrics of each epoch.
NAMES = "names_by_epoch"


class NoteEpochs(keras.callbacks.Callback):
    """Notes in the `History` of a training which metrics each epoch has.

    It must come after the callbacks that add metrics to the logs.
    """

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        history = getattr(self.model, "history", None)
        # A loop of the user's may have none.
        if isinstance(history, keras.callbacks.History):
            vars(history).setdefault(NAMES, []).append(list(logs or {}))


def fill_history(
    history: keras.callbacks.History,
    epochs: Iterable[int],
    logs: Sequence[Mapping[str, Any]],
) -> None:
    """Gives a `History` the epochs of a training in place of its own.

    Args:
        history: The `History`, which is changed.
        epochs: Iterable of ints, the numbers of the epochs.
        logs: List of dicts, the logs of each epoch.
    """
    columns: dict[str, list[Any]] = {}
    for each in logs:
        for name, value in each.items():
            columns.setdefault(name, []).append(value)
    names = [list(each) for each in logs]
    vars(history).update(
        {"history": columns, "epoch": list(epochs), NAMES: names}
    )


def logs_by_epoch(
    history: keras.callbacks.History, objectives: Collection[str]
) -> list[dict[str, Any]]:
    """Returns the metrics of each epoch of a training.

    If it is not noted of which epochs the objectives are, their values count
    as those of the first epochs. A metric that can't belong to the same epochs
    is left out.

    Args:
        history: The `History`.
        objectives: Strings, the names of the objectives.

    Raises:
        keras_tuner.errors.FatalValueError: If it is not known which values of
            several objectives belong together.
    """
    columns = history.history
    known = _noted_epochs(history)
    num_epochs = max(
        [len(getattr(history, NAMES, ())), *map(len, columns.values())]
    )
    unknown = {
        name: len(columns[name])
        for name in objectives
        if name not in known and 0 < len(columns.get(name, ())) < num_epochs
    }
    if unknown:
        num_epochs, known = max(unknown.values()), {}
        _check_lengths(
            {name: len(columns.get(name, ())) for name in objectives}
        )
    logs: list[dict[str, Any]] = [{} for _ in range(num_epochs)]
    for name, values in columns.items():
        is_full = len(values) == num_epochs
        positions = known.get(name, range(num_epochs) if is_full else ())
        for position, value in zip(positions, values, strict=False):
            logs[position][name] = value
    return logs


def _noted_epochs(history: keras.callbacks.History) -> dict[str, list[int]]:
    """Returns the positions of the epochs that have a metric, by its name.

    Metrics that were added to the `History` after the training are left out.
    """
    positions: dict[str, list[int]] = {}
    for position, names in enumerate(getattr(history, NAMES, ())):
        for name in names:
            positions.setdefault(name, []).append(position)
    return {
        name: found
        for name, found in positions.items()
        if len(found) == len(history.history.get(name, ()))
    }


def _check_lengths(lengths: Mapping[str, int]) -> None:
    """Raises if objectives can't be paired, as their epochs are not known."""
    if len(set(lengths.values()) - {0}) > 1:
        raise kt.errors.FatalValueError(
            "`objective` must name metrics that are known for the same epochs. "
            "Pass the `callbacks` that `HyperModel.fit` gets on to "
            "`Model.fit`, or return a dict of metrics in place of the "
            f"`History`. Received: a `History` with {dict(lengths)} values"
        )
