"""Draws an architecture as a picture."""

import os
from pathlib import Path
from typing import Any

import keras_tuner as kt

from kt_evolution.display.architecture.layout import arrange
from kt_evolution.display.architecture.svg import render
from kt_evolution.nas.architecture import build_architecture


def draw(
    hp: kt.HyperParameters,
    hypermodel: Any,
    path: str | os.PathLike[str],
) -> None:
    """Draws the architecture that hyperparameters express.

    The picture has the blocks from top to bottom, with their shapes and
    numbers of parameters, and cells as graphs. It needs the package drawsvg,
    which comes with `pip install "kt-evolution[drawing]"`.

    Example:

    ```python
    best = tuner.get_best_hyperparameters()[0]
    nas.draw(best, tuner.hypermodel, "best.svg")
    ```

    Args:
        hp: The `keras_tuner.HyperParameters`.
        hypermodel: The `keras_tuner.HyperModel` or build function that
            declares the hyperparameters.
        path: String or path of the file to write, which ends in ".svg".

    Raises:
        ValueError: If `path` has another ending or its folder does not
            exist, or if the hypermodel builds no block.
        TypeError: If an argument has the wrong type.
        ImportError: If drawsvg is missing.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            "`path` must be a string or a path. "
            f"Received: path={path!r} (of type {type(path).__name__})"
        )
    if Path(path).suffix.lower() != ".svg":
        raise ValueError(f"`path` must end in .svg. Received: path={path!r}")
    if not Path(path).parent.is_dir():
        raise ValueError(
            f"The folder of `path` must exist. Received: path={path!r}"
        )
    architecture = build_architecture(hp, hypermodel)
    try:
        drawing = render(arrange(architecture.blocks))
    except ImportError as error:
        raise ImportError(
            "`draw` needs the package drawsvg: "
            'pip install "kt-evolution[drawing]"'
        ) from error
    drawing.save_svg(str(path))
