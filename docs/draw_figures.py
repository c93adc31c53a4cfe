"""Draws the figures of README and of the guides.

python docs/draw_figures.py
python docs/draw_figures.py examples/notebooks/results

Without the projects of the notebooks only `cell_net.svg` is drawn.
"""

import argparse
import shutil
from pathlib import Path

import keras_tuner
import numpy as np

from kt_evolution import nas
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search

FIGURES = Path(__file__).parent / "figures"
DRAWN = [
    ("quickstart", figures.best_so_far, "best_so_far", 360),
    ("quickstart", figures.family_tree, "family_tree", 460),
    ("quickstart", figures.learning_curves, "learning_curves", 400),
    ("front", figures.pareto_front, "front", 420),
]


def draw_cell_net():
    """Draws a network of `HyperCellNet` with random cells."""
    space = nas.HyperCellNet((32, 32, 3), num_classes=10, max_depth=1)
    hp = keras_tuner.HyperParameters()
    space.build(hp)
    rng = np.random.default_rng(1)
    for one in hp.space:
        if "/node_" in one.name:
            hp.values[one.name] = one.values[rng.integers(len(one.values))]
    nas.draw(hp, space, FIGURES / "cell_net.svg")


def draw_from(results):
    """Draws what the notebooks found.

    Args:
        results: Path, the folder with the projects of the notebooks.
    """
    for project, draw, name, height in DRAWN:
        drawn = draw(read_search(results / project))
        drawn.update_layout(paper_bgcolor="white", plot_bgcolor="white")
        path = FIGURES / f"{name}.png"
        drawn.write_image(path, width=760, height=height, scale=1.5)
    shutil.copy(results / "architecture.svg", FIGURES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?")
    results = parser.parse_args().results
    draw_cell_net()
    if results is not None:
        draw_from(results)


if __name__ == "__main__":
    main()
