"""Objectives: the names of their metrics, their directions and their signs.

The host infers the direction of a string by making the Keras metric of that
name, which fails where a metric needs arguments, and it minimizes every
metric that is not on a short list. Here the directions are data.

What only reads a project uses this module too, so it loads Keras Tuner only to
make an objective.
"""

import difflib
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    import keras_tuner as kt

# The metrics of validation data begin with it.
VALIDATION = "val_"
# The directions of objectives, and what is done in each.
VERBS = {"min": "minimize", "max": "maximize"}
# The host's name of the sum of several objectives.
SUM_OF_OBJECTIVES = "multi_objective"
# Names as Keras logs them, in lower case and without underscores: the metric
# "binary_io_u" is BinaryIoU by its default name and "binary_iou" by hand.
HIGHER_IS_BETTER = frozenset(
    {
        "acc",
        "accuracy",
        "auc",
        "binaryaccuracy",
        "binaryiou",
        "categoricalaccuracy",
        "concordancecorrelation",
        # The metric; a loss of that name is logged as "loss".
        "cosinesimilarity",
        "f1score",
        "fbetascore",
        "iou",
        "meaniou",
        "onehotiou",
        "onehotmeaniou",
        "pearsoncorrelation",
        "precision",
        "precisionatrecall",
        "r2score",
        "recall",
        "recallatprecision",
        "sensitivityatspecificity",
        "sparsecategoricalaccuracy",
        "sparsetopkcategoricalaccuracy",
        "specificityatsensitivity",
        "topkcategoricalaccuracy",
        "truenegatives",
        "truepositives",
    }
)
# The losses Dice and Tversky are missing, because users call scores by these
# names that are better when higher.
LOWER_IS_BETTER = frozenset(
    {
        "bce",
        "binarycrossentropy",
        "binaryfocalcrossentropy",
        "categoricalcrossentropy",
        "categoricalfocalcrossentropy",
        "categoricalgeneralizedcrossentropy",
        "categoricalhinge",
        "ce",
        "circle",
        "crossentropy",
        "ctc",
        "falsenegatives",
        "falsepositives",
        "hinge",
        "huber",
        "kld",
        "kldivergence",
        "logcosh",
        "logcosherror",
        "loss",
        "mae",
        "mape",
        "meanabsoluteerror",
        "meanabsolutepercentageerror",
        "meansquarederror",
        "meansquaredlogarithmicerror",
        "mse",
        "msle",
        "poisson",
        "rootmeansquarederror",
        "sparsecategoricalcrossentropy",
        "squaredhinge",
    }
)
# Metrics that users misspell, as Keras logs them.
_COMMON = ("loss", "accuracy", "auc", "precision", "recall", "mae", "mse")
COMMON = (*_COMMON, *(VALIDATION + name for name in _COMMON))
# In front of a metric's name these words may make it another quantity, such
# as the "neg_mean_squared_error" of scikit-learn.
REVERSING = frozenset(
    {
        "anti",
        "delta",
        "diff",
        "difference",
        "drop",
        "gap",
        "inv",
        "inverse",
        "inverted",
        "minus",
        "neg",
        "negated",
        "negative",
        "non",
        "not",
        "std",
        "var",
        "variance",
    }
)


def is_direction(value: Any) -> bool:
    """Returns whether a value is "min" or "max"."""
    return isinstance(value, str) and value in VERBS


def opposite_of(direction: str) -> str:
    """Returns "max" for "min", and "min" for "max"."""
    return "min" if direction == "max" else "max"


def sign_of(direction: str) -> float:
    """Returns the factor that makes lower values better: 1.0 or -1.0."""
    return -1.0 if direction == "max" else 1.0


def best_of(values: Iterable[float], direction: str) -> float:
    """Returns the smallest or the largest value, as the direction says."""
    return max(values) if direction == "max" else min(values)


def infer_direction(name: str) -> str | None:
    """Returns the direction of a metric of Keras by its name.

    Args:
        name: String, the name of the metric in the logs of training. It may
            begin with "val_" or the name of an output, and end with the
            number that Keras gives to a second metric of the same name.

    Returns:
        "min" or "max", or None where the direction is not known.
    """
    words = name.lower().split("_")
    if len(words) > 1 and words[-1].isdigit():
        words.pop()
    for first in range(len(words)):
        metric = "".join(words[first:])
        if metric in HIGHER_IS_BETTER | LOWER_IS_BETTER:
            if REVERSING.intersection(words[:first]):
                return None
            return "max" if metric in HIGHER_IS_BETTER else "min"
    return None


def closest_metric(
    name: str, known: Collection[str] = COMMON, similarity: float = 0.6
) -> str | None:
    """Returns the known metric that a misspelled name most likely means.

    Args:
        name: String, for instance "val_accurcy".
        known: Strings. Defaults to the common metrics of Keras.
        similarity: Float in [0, 1], how similar the names must be. Defaults
            to 0.6.
    """
    spelled = {
        _spelling(each): each
        for each in known
        if _is_validated(each) == _is_validated(name)
    }
    spelling = _spelling(name)
    matches = difflib.get_close_matches(
        spelling, spelled, n=1, cutoff=similarity
    ) or [each for each in spelled if each.startswith(spelling)]
    return spelled[matches[0]] if matches else None


def did_you_mean_metric(name: str, known: Collection[str]) -> str:
    """Returns a hint with the `closest_metric`, empty if there is none.

    Args:
        name: String.
        known: Strings.
    """
    close = closest_metric(name, known)
    return f' Did you mean "{close}"?' if close else ""


def _is_validated(name: str) -> bool:
    return name.lower().startswith(VALIDATION)


def _spelling(name: str) -> str:
    """Returns a text that "val_acc" and "val_accuracy" share."""
    words = name.lower().removeprefix(VALIDATION).split("_")
    return "_".join("accuracy" if word == "acc" else word for word in words)


def as_objectives(objective: Any, minimized: Collection[str] = ()) -> Any:
    """Returns an objective in which strings have become `Objective`s.

    Args:
        objective: None, a string, `keras_tuner.Objective`, or a list or
            tuple of them.
        minimized: Strings, metrics to minimize that are not Keras's, such as
            costs. Defaults to none.

    Raises:
        TypeError: If it is something else.
        ValueError: If the direction of a string is not known, if a list is
            empty, or if it names a metric twice.
    """
    if objective is None:
        return None
    if not isinstance(objective, (list, tuple)):
        return _as_objective(objective, minimized)
    several = [_as_objective(one, minimized) for one in objective]
    counts = Counter(one.name for one in several)
    twice = [name for name, count in counts.items() if count > 1]
    if twice or not several:
        received = [one.name for one in several]
        raise ValueError(
            "`objective` must name one metric or more, each of them once. "
            f"Received: objective={received!r}"
        )
    return several


def _as_objective(objective: Any, minimized: Collection[str]) -> "kt.Objective":
    import keras_tuner as kt

    if isinstance(objective, kt.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(
            "`objective` must be the name of a metric, a "
            "`keras_tuner.Objective`, or a list of them. "
            f"Received: objective={objective!r} "
            f"(of type {type(objective).__name__})"
        )
    is_minimized = objective in minimized
    direction = "min" if is_minimized else infer_direction(objective)
    if direction is None:
        # A metric of the user's own may have a name that is a little similar.
        close = closest_metric(objective, similarity=0.75)
        hint = f' Did you mean "{close}"?' if close else ""
        raise ValueError(
            "`objective` must be a `keras_tuner.Objective` where the "
            "direction of its metric is not known: "
            f'`keras_tuner.Objective("{objective}", "max")` where higher is '
            'better, "min" where lower is. Received: '
            f"objective={objective!r}.{hint}"
        )
    return kt.Objective(objective, direction)


def inferred_directions(objective: Any) -> dict[str, str]:
    """Returns the directions of the objectives that are Keras's metrics.

    Args:
        objective: What the user gave: a string, `keras_tuner.Objective`, or a
            list or tuple of them. Only strings count.
    """
    is_several = isinstance(objective, (list, tuple))
    several = objective if is_several else [objective]
    directions = {
        one: infer_direction(one) for one in several if isinstance(one, str)
    }
    return {
        name: direction
        for name, direction in directions.items()
        if direction is not None
    }


def objectives_of(objective: "kt.Objective") -> list["kt.Objective"]:
    """Returns the objectives that one consists of, or itself."""
    return list(getattr(objective, "objectives", [objective]))


def directions_of(objective: "kt.Objective") -> dict[str, str]:
    """Returns the directions of an objective's metrics, and of their sum."""
    several = {one.name: one.direction for one in objectives_of(objective)}
    return {**several, objective.name: objective.direction}


def without_sum(directions: Mapping[str, str]) -> dict[str, str]:
    """Returns directions without that of the host's sum of several."""
    named = dict(directions)
    if len(named) > 1:
        named.pop(SUM_OF_OBJECTIVES, None)
    return named


def names_of(objective: "kt.Objective") -> list[str]:
    """Returns the names of the metrics that an objective needs, sorted."""
    return sorted(one.name for one in objectives_of(objective))


def check_directions(objective: "kt.Objective") -> None:
    """Raises if a direction is neither "min" nor "max"."""
    for name, direction in directions_of(objective).items():
        if not is_direction(direction):
            raise ValueError(
                f"The direction of the objective '{name}' must be \"min\" or "
                f'"max". Received: direction={direction!r}'
            )
