"""Draws the figures of the guides, from the projects of the notebooks.

python docs/draw_figures.py examples/notebooks/results
"""

import argparse
import shutil
from pathlib import Path

from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search

FIGURES = Path(__file__).parent / "figures"
DRAWN = [
    ("quickstart", figures.best_so_far, "best_so_far", 360),
    ("quickstart", figures.family_tree, "family_tree", 460),
    ("quickstart", figures.learning_curves, "learning_curves", 400),
    ("front", figures.pareto_front, "front", 420),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    for project, draw, name, height in DRAWN:
        drawn = draw(read_search(results / project))
        drawn.update_layout(paper_bgcolor="white", plot_bgcolor="white")
        path = FIGURES / f"{name}.png"
        drawn.write_image(path, width=760, height=height, scale=1.5)
    shutil.copy(results / "architecture.svg", FIGURES)


if __name__ == "__main__":
    main()
