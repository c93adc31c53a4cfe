"""The directions of Keras's metrics, by name.

The host infers the direction of a string by making the Keras metric of that
name, which fails where a metric needs arguments, and it minimizes every
metric that is not on a short list. Here the directions are data.
"""

import difflib

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
# As Keras logs them.
COMMON = ("loss", "accuracy", "auc", "precision", "recall", "mae", "mse")
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


def close_metric(name: str) -> str | None:
    """Returns the common metric of Keras that a misspelled name means.

    Args:
        name: String, for instance "val_accurcy".
    """
    prefix = "val_" if name.startswith("val_") else ""
    rest = name.removeprefix("val_")
    matches = difflib.get_close_matches(rest, COMMON, n=1, cutoff=0.75)
    return prefix + matches[0] if matches else None
