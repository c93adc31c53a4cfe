"""Objectives: the names of their metrics, their directions and signs.

The host infers the direction of a string by making the Keras metric of that
name, which fails where a metric needs arguments, and it minimizes every
metric that is not on a short list. Here the directions of Keras's metrics are
data.
"""

from collections import Counter
from typing import Any

import keras_tuner as kt

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
# Not here are the losses Dice and Tversky: of these names users have scores
# that are better when higher.
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


def infer_direction(name: str) -> str | None:
    """Returns the direction of a metric of Keras.

    Args:
        name: String, the name of the metric in the logs of training. It may
            begin with "val_" or the name of an output, and end with the
            number that Keras gives to a second metric of the same name.

    Returns:
        "min" or "max", or None where the name does not tell.
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


def as_objectives(objective: Any) -> Any:
    """Returns an objective in which strings have become `Objective`s.

    Args:
        objective: None, a string, `keras_tuner.Objective`, or a list or
            tuple of them.

    Raises:
        TypeError: If it is something else.
        ValueError: If the direction of a string is not known, if there is
            none in a list, or one twice.
    """
    if objective is None:
        return None
    if not isinstance(objective, (list, tuple)):
        return _as_objective(objective)
    several = [_as_objective(one) for one in objective]
    counts = Counter(one.name for one in several)
    twice = [name for name, count in counts.items() if count > 1]
    if twice or not several:
        received = [one.name for one in several]
        raise ValueError(
            "`objective` must name one metric or more, each of them once. "
            f"Received: objective={received!r}"
        )
    return several


def _as_objective(objective: Any) -> kt.Objective:
    if isinstance(objective, kt.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(
            "`objective` must be the name of a metric, a "
            "`keras_tuner.Objective`, or a list of them. "
            f"Received: objective={objective!r} "
            f"(of type {type(objective).__name__})"
        )
    direction = infer_direction(objective)
    if direction is None:
        raise ValueError(
            "`objective` must be a `keras_tuner.Objective` where the "
            "direction of its metric is not known: "
            f'`keras_tuner.Objective("{objective}", "max")` where higher is '
            f'better, "min" where lower is. Received: objective={objective!r}'
        )
    return kt.Objective(objective, direction)


def inferred_directions(objective: Any) -> dict[str, str]:
    """Returns the directions of the objectives that are strings of Keras.

    Args:
        objective: A string, `keras_tuner.Objective`, or a list or tuple of
            them.
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


def directions_of(objective: kt.Objective) -> dict[str, str]:
    """Returns the direction of each metric that an objective names."""
    several = getattr(objective, "name_to_direction", {})
    return {**several, objective.name: objective.direction}


def objectives_of(objective: kt.Objective) -> list[kt.Objective]:
    """Returns the objectives that one consists of, or itself."""
    return list(getattr(objective, "objectives", [objective]))


def names_of(objective: kt.Objective) -> list[str]:
    """Returns the names of the metrics that an objective needs, sorted."""
    return sorted(one.name for one in objectives_of(objective))


def sign_of(objective: kt.Objective) -> float:
    """Returns the factor that makes lower values better."""
    return -1.0 if objective.direction == "max" else 1.0


def check_directions(objective: kt.Objective) -> None:
    """Raises if a direction of an objective is not one."""
    for name, direction in directions_of(objective).items():
        if direction not in ("min", "max"):
            raise ValueError(
                f"The direction of the objective '{name}' must be \"min\" or "
                f'"max". Received: direction={direction!r}'
            )
