"""Draws the pictures of README and of the guides from searches on real data.

    python -m pip install -e ".[tensorflow,examples,test]"
    python docs/draw_figures.py

It runs four searches of the examples, in about 15 minutes on two cores, and
draws what they find. Those that are in the folder already only go on, as every
search does; the display is drawn while the first of them runs. Chromium takes
the pictures (`apt-get install chromium`).
"""

import argparse
import contextlib
import io
import os
import shutil
import sys
import urllib.parse
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
import numpy as np
from playwright.sync_api import sync_playwright
from rich.console import Console

import kt_evolution
from kt_evolution import nas
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search
from kt_evolution.reporting import write_report

DOCS = Path(__file__).parent
FIGURES = DOCS / "figures"
sys.path.append(str(DOCS.parent / "examples"))

import quickstart  # noqa: E402

# The width of the terminal in characters, and what the display shows.
COLUMNS = 92
SHOWN_TRIAL, SHOWN_EPOCH, SHOWN_BATCH = 15, 2, 30
# The project, what draws it, and the name and size of the picture.
DRAWN = [
    ("quickstart", figures.best_so_far, "best_so_far", (760, 340)),
    ("quickstart", figures.family_tree, "family_tree", (480, 480)),
    ("quickstart", figures.learning_curves, "learning_curves", (760, 400)),
    ("front", figures.pareto_front, "front", (760, 400)),
]
# The project, the scheme, and the sections of a report that are shown.
REPORTS = [
    ("quickstart", "light", ["best_so_far", "family_tree"]),
    ("front", "dark", ["pareto_front", "gene_importance"]),
]


class DisplayPicture(keras.callbacks.Callback):
    """Draws the display of a search while it trains.

    Args:
        oracle: The `EvolutionOracle` of the search.
    """

    def __init__(self, oracle):
        super().__init__()
        self._oracle = oracle
        self._epoch = 0
        # There is a picture in a terminal only.
        oracle._display._console = new_terminal()

    def __deepcopy__(self, memo):
        return self

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        place = (len(self._oracle.end_order), self._epoch, batch)
        if place == (SHOWN_TRIAL, SHOWN_EPOCH, SHOWN_BATCH):
            terminal = new_terminal(record=True)
            terminal.print(self._oracle._display._frame)
            title = "python examples/quickstart.py"
            svg = terminal.export_svg(title=title)
            with new_page() as page:
                page.set_content(f"<body style='margin:0'>{svg}")
                take(page.locator("svg").first, "display")


def new_terminal(record=False):
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=COLUMNS,
        record=record,
        highlight=False,
    )


@contextlib.contextmanager
def new_page(**options):
    """Opens a page of a browser that has no network."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        context = browser.new_context(offline=True, **options)
        yield context.new_page()
        browser.close()


def take(element, name):
    path = FIGURES / f"{name}.png"
    element.screenshot(path=path, omit_background=True)


# The searches.


def search(results, project, hypermodel, objective, trials, epochs, **kwargs):
    """Searches on the digits of the quickstart."""
    train, validation, _ = quickstart.load_digits()
    keras.utils.set_random_seed(0)
    tuner = kt_evolution.EvolutionTuner(
        hypermodel,
        objective,
        max_trials=trials,
        seed=0,
        directory=results,
        project_name=project,
        **kwargs,
    )
    callbacks = []
    if project == "quickstart":
        callbacks.append(DisplayPicture(tuner.oracle))
    tuner.search(
        *train,
        validation_data=validation,
        epochs=epochs,
        batch_size=64,
        callbacks=callbacks,
    )
    return tuner


def build_dense(hp):
    """Builds a network that is more accurate the larger it is."""
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    for i in range(hp.Int("layers", 1, 3)):
        units = hp.Int(f"units_{i}", 8, 256, step=8)
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def search_all(results):
    """Runs the searches, and draws the best architecture."""
    build = quickstart.build_model
    search(results, "quickstart", build, "val_accuracy", 20, 4)
    search(results, "rungs", build, "val_accuracy", 16, 27, fidelity="auto")
    objectives = ["val_accuracy", "params"]
    search(results, "front", build_dense, objectives, 40, 4)
    space = nas.HyperConvNet((28, 28, 1), num_classes=10, max_depth=2, width=16)
    tuner = search(results, "architecture", space, "val_accuracy", 8, 3)
    best = tuner.get_best_hyperparameters()[0]
    nas.draw(best, space, FIGURES / "architecture.svg")


# The pictures.


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


def draw_figures(results):
    with new_page(device_scale_factor=1.5) as page:
        for project, draw, name, (width, height) in DRAWN:
            drawn = draw(read_search(results / project))
            drawn.update_layout(paper_bgcolor="white", plot_bgcolor="white")
            drawn.update_layout(width=width, height=height)
            config = {"displayModeBar": False}
            page.set_content(drawn.to_html(config=config))
            take(page.locator(".plot-container"), name)


def draw_rungs(results):
    """Draws the rungs of a search as vectors, in plotly's own page."""
    drawn = figures.rungs(read_search(results / "rungs"))
    drawn.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    # Descriptions are shown with the mouse alone.
    drawn.update_traces(text=None)
    with new_page() as page:
        page.set_content(drawn.to_html(include_plotlyjs=True))
        svg = page.evaluate(
            """async () => {
                const shown = document.querySelector(".js-plotly-plot");
                const size = {format: "svg", width: 720, height: 380};
                return (await Plotly.toImage(shown, size)).split(",", 2)[1]
            }"""
        )
    text = urllib.parse.unquote(svg)
    (FIGURES / "rungs.svg").write_text(text, encoding="utf-8")


def draw_reports(results):
    for project, scheme, shown in REPORTS:
        path = results / f"{project}.html"
        write_report(results / project, path)
        viewport = {"width": 960, "height": 1400}
        with new_page(color_scheme=scheme, viewport=viewport) as page:
            page.goto(path.absolute().as_uri())
            page.evaluate(
                """shown => document.querySelectorAll("section.card, footer")
                .forEach(one => {
                    if (!shown.includes(one.id)) one.style.display = "none";
                })""",
                shown,
            )
            page.wait_for_timeout(3000)
            take(page.locator("body"), f"report_{scheme}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--directory", type=Path, default=DOCS.parent / "figure_results"
    )
    results = parser.parse_args().directory
    draw_cell_net()
    search_all(results)
    draw_figures(results)
    draw_rungs(results)
    draw_reports(results)


if __name__ == "__main__":
    main()
