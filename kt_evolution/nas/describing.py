"""Prints an architecture as a table of its blocks."""

from typing import Any

import keras_tuner as kt

from kt_evolution.display.architecture.blocks import TRAINING
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.blocks import Edge
from kt_evolution.nas.architecture import build_architecture


def describe(hp: kt.HyperParameters, hypermodel: Any) -> str:
    """Prints the architecture that hyperparameters express.

    Each block has one line: its name, a description, the shape of its output
    and its number of parameters. Dormant blocks are left out. Layers that a
    build function adds between blocks are neither shown nor counted.

    Example:

    ```python
    best = tuner.get_best_hyperparameters()[0]
    nas.describe(best, tuner.hypermodel)
    ```

    Args:
        hp: The `keras_tuner.HyperParameters`.
        hypermodel: The `keras_tuner.HyperModel` or build function that
            declares the hyperparameters.

    Returns:
        String, the printed table.

    Raises:
        ValueError: If the hypermodel builds no block.
        TypeError: If an argument has the wrong type.
    """
    architecture = build_architecture(hp, hypermodel)
    rows: list[tuple[str, str, str, str]] = []
    cells: dict[tuple[Edge, ...], str] = {}
    for block in architecture.blocks:
        rows.append(_row(block))
        if block.edges and block.edges in cells:
            rows.append(("", f"as in {cells[block.edges]}", "", ""))
        elif block.edges:
            cells[block.edges] = block.path
            rows += [("", node, "", "") for node in _nodes(block.edges)]
    rows.append(
        ("", "parameters of all blocks", "", f"{architecture.params:,}")
    )
    text = _table(rows)
    print(text)
    return text


def describe_trial(tuner: Any, trial_id: str | None = None) -> str:
    """Prints the architecture of a trial, see `kt_evolution.nas.describe`.

    Example:

    ```python
    tuner.describe()
    ```

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        trial_id: String, the trial. Defaults to the best one.

    Returns:
        String, the printed table.

    Raises:
        ValueError: If no trial is completed, or if the hypermodel builds no
            block of `kt_evolution.nas`.
    """
    if trial_id is not None:
        trials = [tuner.oracle.get_trial(trial_id)]
    else:
        trials = tuner.oracle.get_best_trials(1)
    if not trials:
        raise ValueError("There is no completed trial to describe.")
    return describe(trials[0].hyperparameters, tuner.hypermodel)


def _row(block: BlockRecord) -> tuple[str, str, str, str]:
    if block.kind == TRAINING:
        return block.path, block.text, "", ""
    shape = "x".join("?" if size is None else str(size) for size in block.shape)
    return block.path, block.text, shape, f"{block.params:,}"


def _nodes(edges: tuple[Edge, ...]) -> list[str]:
    """Returns one line for each node: the operations that it joins."""
    incoming: dict[str, list[str]] = {}
    for edge in edges:
        term = edge.source
        if edge.operation:
            term = f"{edge.operation}({edge.source})"
        incoming.setdefault(edge.target, []).append(term)
    return [
        f"  {target} = {(', ' if target == 'output' else ' + ').join(terms)}"
        for target, terms in incoming.items()
    ]


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{path:{widths[0]}}  {text:{widths[1]}}  {shape:>{widths[2]}}  "
        f"{params:>{widths[3]}}".rstrip()
        for path, text, shape, params in rows
    )
