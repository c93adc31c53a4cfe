"""Cross-validation: each trial is trained on several splits of the data."""

import copy
import dataclasses
import hashlib
import random
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import is_number
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.optional import import_module
from kt_evolution.training.training_state import random_state
from kt_evolution.training.training_state import set_random_state

# A constant, so that all trials, workers and sessions have the same folds.
SHUFFLE_SEED = 0
DATA_ARGUMENTS = ("x", "y", "sample_weight")
VALIDATION_ARGUMENTS = ("validation_data", "validation_split")


@dataclasses.dataclass(frozen=True)
class Fold:
    """The arguments of `fit` for one split.

    Args:
        arguments: Dict of all arguments of the search.
        positional: Tuple of the names of those that are given by position.
        train: Int array, the rows to train on.
        validation: Int array, the rows to validate on.
    """

    arguments: Mapping[str, Any]
    positional: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray

    @property
    def digest(self) -> str:
        """String that is equal for two folds of the same rows."""
        digest = hashlib.sha256()
        for rows in (self.train, self.validation):
            digest.update(np.asarray(rows, dtype=np.int64).tobytes())
            digest.update(b"|")
        return digest.hexdigest()

    def fit_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns the arguments of `fit`. The rows are copied here."""
        train, validation = (
            {
                name: take_rows(self.arguments[name], rows)
                for name in DATA_ARGUMENTS
                if self.arguments.get(name) is not None
            }
            for rows in (self.train, self.validation)
        )
        arguments = {**self.arguments, **train}
        args = tuple(arguments.pop(name) for name in self.positional)
        return args, {
            **arguments,
            "validation_data": tuple(validation.values()),
        }


class CrossValidation:
    """Splits the data of a search, the same way for every trial.

    Args:
        splitter: Int of at least 2, the number of folds: stratified ones if
            the labels are classes. Or a scikit-learn splitter.

    Raises:
        ImportError: If scikit-learn is not installed.
    """

    def __init__(self, splitter: Any) -> None:
        self.splitter = splitter
        if is_number(splitter):
            self.num_folds = check_count(
                "cross_validation", splitter, at_least=2
            )
            _model_selection()
        elif (
            not isinstance(splitter, type)
            and hasattr(splitter, "split")
            and hasattr(splitter, "get_n_splits")
        ):
            self.num_folds = _count_splits(splitter)
        else:
            raise TypeError(
                "`cross_validation` must be an integer of at least 2 or an "
                "instance of a scikit-learn splitter. "
                f"Received: cross_validation={splitter!r}"
            )

    def folds(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> list[Fold]:
        """Returns the folds of the arguments of a search.

        Args:
            args: Tuple, the positional arguments, those of `keras.Model.fit`.
            kwargs: Dict, the others. It may have "groups", labels of the rows
                for splitters that keep groups together.

        Raises:
            ValueError: If there are validation data, or too few rows, or if
                the splitter makes other folds each time.
            TypeError: If the data are not arrays, or if the splitter can't be
                copied.
        """
        arguments = private_api.fit_arguments(args, kwargs)
        positional = tuple(arguments)[: len(args)]
        for name in VALIDATION_ARGUMENTS:
            value = arguments.pop(name, None)
            if value is not None and not (is_number(value) and value == 0.0):
                raise ValueError(
                    f"`{name}` can't be given together with "
                    "`cross_validation`, which validates on a part of the "
                    f"training data. Received: {name}={_shown(value)}"
                )
        for name in DATA_ARGUMENTS:
            if name in arguments:
                arguments[name] = _as_array(arguments[name])
        groups = arguments.pop("groups", None)
        rows = np.zeros(_count_rows(arguments))
        targets = arguments.get("y")
        splitter = self._splitter_for(targets)
        try:
            splits = _split(splitter, rows, _labels(targets), groups)
        except ValueError as error:
            hint = ""
            if groups is None and "group" in str(error):
                hint = " Give them to `search` as `groups=`."
            raise ValueError(
                f"`cross_validation` can't split the data: {error}{hint} "
                f"Received: cross_validation={self.splitter!r} and "
                f"{len(rows)} rows"
            ) from error
        self._check_repeatable(splits, splitter, rows, targets, groups)
        return [Fold(arguments, positional, *split) for split in splits]

    def _check_repeatable(
        self,
        splits: Sequence[tuple[np.ndarray, np.ndarray]],
        splitter: Any,
        rows: np.ndarray,
        targets: Any,
        groups: Any,
    ) -> None:
        """Raises if another session would have other folds."""
        if is_number(self.splitter):
            return
        again = _split(splitter, rows, _labels(targets), groups)
        is_same = len(splits) == len(again)
        if not is_same or not all(map(_are_equal, splits, again)):
            raise ValueError(
                "`cross_validation` must be a splitter that always splits the "
                "same data in the same way, because all trials, workers and "
                "sessions must have the same folds: let it draw from a "
                "`random_state` that it is created with. "
                f"Received: cross_validation={self.splitter!r}"
            )

    def _splitter_for(self, targets: Any) -> Any:
        """Returns the splitter, stratified if the targets are classes."""
        if not is_number(self.splitter):
            return self.splitter
        selection = _model_selection()
        labels = _labels(targets)
        kind = (
            selection.StratifiedKFold
            if _are_classes(labels, self.num_folds)
            else selection.KFold
        )
        return kind(self.num_folds, shuffle=True, random_state=SHUFFLE_SEED)


def _split(
    splitter: Any, rows: np.ndarray, labels: np.ndarray | None, groups: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the splits, which are the same in each session.

    Without a `random_state` the splitters of scikit-learn draw from NumPy's
    global generator.
    """
    try:
        # Splitting changes a generator that it is created with.
        splitter = copy.deepcopy(splitter)
    except Exception as error:
        raise TypeError(
            "`cross_validation` must be a splitter that can be copied, so that "
            "it splits again in the same way. "
            f"Received: cross_validation={splitter!r}"
        ) from error
    state = random_state()
    random.seed(SHUFFLE_SEED)
    np.random.seed(SHUFFLE_SEED)
    try:
        return list(splitter.split(rows, labels, groups))
    finally:
        set_random_state(state)


def _are_equal(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> bool:
    return all(map(np.array_equal, one, other))


def take_rows(data: Any, rows: np.ndarray) -> Any:
    """Returns some rows of arrays, also of those in dicts and lists."""
    return keras.tree.map_structure(
        lambda leaf: (
            leaf.iloc[rows] if hasattr(leaf, "iloc") else np.asarray(leaf)[rows]
        ),
        data,
    )


def _count_rows(arguments: Mapping[str, Any]) -> int:
    """Checks that the data have rows, and returns their number.

    Raises:
        ValueError: If there are no data, or not the same number of rows.
        TypeError: If the data have no rows that can be picked.
    """
    if arguments.get("x") is None:
        raise ValueError(
            "`x` must be given to `search` for `cross_validation`. "
            "Received: x=None"
        )
    counts = [
        (name, _rows_of(name, leaf))
        for name in DATA_ARGUMENTS
        if arguments.get(name) is not None
        for leaf in keras.tree.flatten(arguments[name])
    ]
    if len({count for _, count in counts}) > 1:
        raise ValueError(
            "All arrays must have the same number of rows for "
            f"`cross_validation`. Received: {counts}"
        )
    return counts[0][1]


def _as_array(data: Any) -> Any:
    """Returns a list of numbers or strings as an array."""
    if isinstance(data, (list, tuple)) and data:
        if all(isinstance(each, str) for each in data):
            return np.array(data, dtype=object)
        if all(is_number(each) for each in data):
            return np.array(data)
    return data


def _rows_of(name: str, leaf: Any) -> int:
    shape = getattr(leaf, "shape", None)
    if not shape or not hasattr(leaf, "__array__"):
        raise TypeError(
            f"`{name}` must be an array, or a dict or list of arrays, for "
            "`cross_validation`: its rows are split. Turn a "
            "`tf.data.Dataset` into arrays with "
            "`next(iter(dataset.unbatch().batch(num_rows)))`, or split it in "
            "a `HyperModel.fit` of your own, which returns the mean score "
            f"of the folds. Received: {name}={_shown(leaf)}"
        )
    return int(shape[0])


def _labels(targets: Any) -> np.ndarray | None:
    """Returns one target for each row, the class if it is one-hot."""
    leaves = keras.tree.flatten(targets)
    if targets is None or len(leaves) != 1:
        return None
    labels = np.asarray(leaves[0])
    if labels.ndim == 2 and labels.shape[1] > 1:
        is_one_hot = np.isin(labels, (0, 1)).all() and np.all(
            labels.sum(axis=1) == 1
        )
        return labels.argmax(axis=1) if is_one_hot else labels
    return labels.reshape(len(labels), -1)[:, 0] if labels.ndim == 2 else labels


def _are_classes(labels: np.ndarray | None, num_folds: int) -> bool:
    """Returns whether targets are classes with enough rows for each fold."""
    if labels is None or labels.ndim != 1:
        return False
    is_binary = labels.dtype.kind == "f" and np.isin(labels, (0, 1)).all()
    if labels.dtype.kind == "f" and not is_binary:
        return False
    _, counts = np.unique(labels, return_counts=True)
    return bool(counts.min() >= num_folds)


def _count_splits(splitter: Any) -> int:
    try:
        return int(splitter.get_n_splits())
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`cross_validation` must be a splitter whose number of splits does "
            "not depend on the data. "
            f"Received: cross_validation={splitter!r}"
        ) from error


def _model_selection() -> Any:
    return import_module("sklearn.model_selection", "cross_validation")


def _shown(value: Any) -> str:
    """Returns a value as a short text for an error."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
