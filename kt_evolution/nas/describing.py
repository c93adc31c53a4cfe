"""An architecture in words."""

from typing import Any

import keras_tuner as kt

from kt_evolution.nas.structure import TRAINING
from kt_evolution.nas.structure import Edge
from kt_evolution.nas.structure import Part
from kt_evolution.nas.structure import structure_of


def describe(hp: kt.HyperParameters, hypermodel: Any = None) -> str:
    """Prints the architecture that hyperparameters express.

    Each block has one line: its name, what it is, the shape of its output and
    how many parameters it has. What is dormant is not shown, and what a build
    function adds between blocks is neither shown nor counted.

    Example:

    ```python
    nas.describe(tuner.get_best_hyperparameters()[0])
    ```

    Args:
        hp: The `keras_tuner.HyperParameters`.
        hypermodel: The `keras_tuner.HyperModel` or build function that they
            belong to. Defaults to the one that was last built with `hp`, or to
            the ready space whose hyperparameters these are.

    Returns:
        String, what was printed.

    Raises:
        ValueError: If it is not known what `hp` belongs to.
        TypeError: If an argument is of another type.
    """
    structure = structure_of(hp, hypermodel)
    rows: list[tuple[str, str, str, str]] = []
    cells: dict[tuple[Edge, ...], str] = {}
    for part in structure.parts:
        rows.append(_row(part))
        if part.edges and part.edges in cells:
            rows.append(("", f"as in {cells[part.edges]}", "", ""))
        elif part.edges:
            cells[part.edges] = part.path
            rows += [("", node, "", "") for node in _nodes(part.edges)]
    rows.append(("", "parameters of all blocks", "", f"{structure.params:,}"))
    text = _table(rows)
    print(text)
    return text


def _row(part: Part) -> tuple[str, str, str, str]:
    if part.kind == TRAINING:
        return part.path, part.text, "", ""
    shape = "x".join("?" if size is None else str(size) for size in part.shape)
    return part.path, part.text, shape, f"{part.params:,}"


def _nodes(edges: tuple[Edge, ...]) -> list[str]:
    """Returns what meets in each node, one line each."""
    incoming: dict[str, list[str]] = {}
    for edge in edges:
        what = edge.source
        if edge.operation:
            what = f"{edge.operation}({edge.source})"
        incoming.setdefault(edge.target, []).append(what)
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
