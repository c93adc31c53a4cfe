"""The code that builds the model of a trial again."""

import math

from kt_evolution import files
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.trial_records import TrialRecord

WEIGHTS = "checkpoint.weights.h5"


def rebuild_code(search: SearchRecord, trial: TrialRecord) -> str:
    """Returns Python code that builds a trial's model.

    It names the build function `build_model`; of a `HyperModel` that is its
    `build`. Where the trial's weights are on disk it loads them.

    Args:
        search: The `SearchRecord`.
        trial: One of its `TrialRecord`s.
    """
    values = "".join(
        f"    {name!r}: {_literal(value)},\n"
        for name, value in trial.values.items()
    )
    lines = [
        "import keras_tuner",
        "",
        "hp = keras_tuner.HyperParameters()",
        f"hp.values = {{\n{values}}}" if values else "hp.values = {}",
        "# The function that you searched, or the `build` of your HyperModel.",
        "model = build_model(hp)",
    ]
    weights = search.folder / f"trial_{trial.trial_id}" / WEIGHTS
    if weights.is_file() and files.is_own(weights, search.folder):
        lines.append(f"model.load_weights({str(weights)!r})")
    return "\n".join(lines)


def _literal(value: Value) -> str:
    """Returns the code of a value. Names and texts stay on one line."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
