"""The report of a search: one HTML file that needs nothing else."""

import dataclasses
import datetime
import json
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kt_evolution
from kt_evolution import files
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.display.architecture.layout import arrange
from kt_evolution.display.architecture.svg import render as render_architecture
from kt_evolution.display.formatting import number
from kt_evolution.display.formatting import prediction
from kt_evolution.display.formatting import setting
from kt_evolution.optional import import_module
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.training_log import TrainingRecord
from kt_evolution.project.training_log import read_training
from kt_evolution.reporting.following import follow
from kt_evolution.reporting.progress import progress_caption
from kt_evolution.reporting.reading import search_of
from kt_evolution.reporting.rebuild import rebuild_code
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.rungs import rungs_caption
from kt_evolution.reporting.summary import failures_of
from kt_evolution.reporting.summary import rejections_of
from kt_evolution.reporting.summary import summary_of
from kt_evolution.reporting.trial_records import TrialRecord
from kt_evolution.reporting.trials_table import table_of

# How many family trees the report offers.
NUM_TREES = 12
# A wider picture of an architecture, in pixels, has a row of its own.
MAX_WIDTH = 560
# A page of a search that runs is read again after so many seconds.
RELOAD_SECONDS = 15


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        name: String, the name of a function of `figures`.
        title: String.
        caption: String, what is seen and how it was computed; or a function
            that returns it for a `SearchRecord`.
        missing: String, why there may be nothing to see.
        is_wide: Bool, whether it can't be read on the width of a phone and
            is scrolled there. Defaults to False.
    """

    name: str
    title: str
    caption: str | Callable[[SearchRecord], str]
    missing: str
    is_wide: bool = False


SECTIONS = (
    Section(
        "best_so_far",
        "Progress",
        progress_caption,
        "No trial is completed.",
    ),
    Section(
        "pareto_front",
        "Trade-off",
        "Nothing is better than a trial of the front in one respect without "
        "being worse in another. Dashed lines are limits.",
        "The search has one objective and no limits.",
    ),
    Section(
        "family_tree",
        "Family tree",
        "The ancestors of a trial, each below its parents, with its score and "
        "the values that none of its parents has. The more orange, the better.",
        "None of the best trials has parents.",
    ),
    Section(
        "population",
        "Population",
        "All completed trials with lines to their parents, colored by rank. "
        "The orange lines lead to the best.",
        "No trial has parents.",
    ),
    Section(
        "parallel_coordinates",
        "Values",
        "A line for each trial. Drag along an axis to keep a part of it, drag "
        "its name to move it. Scores are spaced by rank. If there are more "
        "than 300 trials, 300 of them are shown, evenly by rank.",
        "Too few trials are completed.",
        is_wide=True,
    ),
    Section(
        "gene_importance",
        "What matters",
        "How much worse a random forest predicts the rank of trials that it "
        "has not seen once the values of one hyperparameter are shuffled. "
        "Bars are means over three folds and three shuffles, with standard "
        "deviations. If there are more than 2,000 trials, 2,000 of them are "
        "used, evenly over the search.",
        "Too few trials are completed: it takes twelve.",
    ),
    Section(
        "value_slice",
        "One hyperparameter",
        "The score of each trial over its value, those first that go with the "
        "rank most.",
        "Too few trials are completed.",
    ),
    Section(
        "value_contour",
        "Two hyperparameters",
        "The color between the trials is the rank that a Gaussian process "
        "predicts from these two values alone. The more orange, the better.",
        "Too few trials use two hyperparameters: it takes twelve.",
    ),
    Section(
        "diversity",
        "Diversity",
        "The mean distance of two models, as the surrogate measures it. It "
        "falls as the search settles.",
        "Too few trials are completed.",
    ),
    Section(
        "operator_credit",
        "Operators",
        "How often each way of making a trial was a success: better than all "
        "of its parents or, with several objectives, on the front of its "
        "time. What has no parents has to be the best so far.",
        "Keras Tuner's own oracles don't store how a trial was made.",
    ),
    Section(
        "workers",
        "Workers",
        "Which worker ran which trial, and for how long.",
        "Keras Tuner's own oracles don't store times.",
    ),
    Section(
        "rungs",
        "Rungs",
        rungs_caption,
        "The search has no rungs.",
    ),
    Section(
        "learning_curves",
        "Learning curves",
        "The training of the best trials, epoch by epoch; means over "
        "executions.",
        "No training was recorded.",
    ),
)


def write_report(
    source: Any,
    path: str | os.PathLike[str] = "report.html",
    trial_id: str | None = None,
    reload_seconds: int | None = None,
) -> Path:
    """Writes a report of a search: one file, which works offline.

    Example:

    ```python
    kt_evolution.reporting.write_report("results/mnist", "report.html")
    ```

    Args:
        source: A `SearchRecord`, or what `read_search` takes: the folder of
            a project, a tuner or an oracle. The search may be running.
        path: String or path, the file. Defaults to "report.html".
        trial_id: String, the trial that is shown in full. Defaults to the
            best.
        reload_seconds: Int, after how many seconds a browser reads the page
            again, for a file that is written again. Defaults to never.

    Returns:
        The path of the file.

    Raises:
        ImportError: If plotly, jinja2, scikit-learn or drawsvg is not
            installed.
        ValueError: If there is no project, or no such trial.
        OSError: If the file can't be written.
    """
    if not files.is_replaceable(path):
        raise OSError(
            "`path` must be a regular file, or that of a new one. "
            f"Received: path={str(path)!r}"
        )
    search = search_of(source)
    text = render(search, trial_id, reload_seconds)
    try:
        write_atomically(path, text)
    except JournalError as error:
        raise OSError(
            f"`path` must be a file that can be written: {error.__cause__}. "
            f"Received: path={str(path)!r}"
        ) from error
    return Path(path)


def follow_report(
    directory: str | os.PathLike[str],
    path: str | os.PathLike[str] = "report.html",
    trial_id: str | None = None,
    objective: str | None = None,
) -> SearchRecord:
    """Writes a report again whenever a search changes, until it ends.

    A browser that shows the page reads it again. The last page stays as it is.

    Args:
        directory: String or path, the folder of a project.
        path: As in `write_report`.
        trial_id: As in `write_report`.
        objective: String, see `read_search`.

    Returns:
        The `SearchRecord` as it ended.
    """
    searches = follow(directory, objective)
    written = next(searches)
    try:
        write_report(written, path, trial_id, RELOAD_SECONDS)
        for search in searches:
            if search is not written:
                write_report(search, path, trial_id, RELOAD_SECONDS)
                written = search
    finally:
        # Ctrl-C ends this, too.
        write_report(written, path, trial_id)
    return written


def render(
    search: SearchRecord,
    trial_id: str | None = None,
    reload_seconds: int | None = None,
) -> str:
    """Returns the report as HTML, see `write_report`."""
    jinja2 = import_module("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kt_evolution.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": number, "setting": setting}
    ranked = search.ranked()
    shown = ranked[0] if ranked else None
    if trial_id is not None:
        shown = search.individual(trial_id)
    training = _training(search, shown) if shown else TrainingRecord()
    sections, figures = _drawn(search, shown.trial_id if shown else None)
    texts: dict[str, int] = {}
    for figure in figures.values():
        _store_texts(figure, texts)
    template = environment.get_template("report.html")
    return template.render(
        prediction=prediction,
        search=search,
        summary=summary_of(search),
        reasons={
            "failed in training": failures_of(search),
            "turned down before training": rejections_of(search),
        },
        reload_seconds=reload_seconds,
        shown=shown,
        is_best=bool(ranked) and shown is ranked[0],
        code=rebuild_code(search, shown) if shown else "",
        layers=training.layers,
        architecture=_architecture(training.blocks),
        sections=sections,
        figures=figures,
        texts=list(texts),
        table=table_of(search),
        plotly=import_module("plotly.offline").get_plotlyjs(),
        version=kt_evolution.__version__,
        date=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    )


def _training(search: SearchRecord, trial: TrialRecord) -> TrainingRecord:
    return read_training(search.folder / f"trial_{trial.trial_id}")


def _architecture(blocks: Sequence[BlockRecord]) -> dict[str, Any] | None:
    """Returns the picture of an architecture, None if it has no blocks.

    What a project named is text in it, as drawsvg escapes it.

    Returns:
        Dict with "svg", a string, and "is_wide", whether it has no room beside
        the values.
    """
    if not blocks:
        return None
    import_module("drawsvg")
    picture = arrange(blocks)
    drawing = render_architecture(picture, paper="none")
    return {
        "svg": drawing.as_svg(header=""),
        "is_wide": picture.width > MAX_WIDTH,
    }


def _store_texts(figure: dict[str, Any], texts: dict[str, int]) -> None:
    """Puts numbers in place of texts that stand at many points."""
    for trace in figure["data"]:
        for key in ("text", "hovertext"):
            if isinstance(trace.get(key), list):
                numbers = [
                    texts.setdefault(text, len(texts)) for text in trace[key]
                ]
                trace[key] = {"stored": numbers}


def _drawn(
    search: SearchRecord, trial_id: str | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Returns the sections as the template needs them, and the figures."""
    drawing = import_module("kt_evolution.reporting.figures")
    figures: dict[str, Any] = {}
    sections = []
    for section in SECTIONS:
        draw = getattr(drawing, section.name)
        choices: dict[str, str] = {}
        for label, figure in _versions(section.name, draw, search, trial_id):
            if figure is not None:
                key = f"{section.name}-{len(choices)}"
                # Other JSON encoders refuse halves of surrogate pairs.
                figures[key] = json.loads(figure.to_json(engine="json"))
                choices[label] = key
        caption = section.caption
        sections.append(
            {
                "about": section,
                "caption": caption
                if isinstance(caption, str)
                else caption(search),
                "choices": choices,
            }
        )
    return sections, figures


def _versions(
    name: str,
    draw: Callable[..., Any],
    search: SearchRecord,
    trial_id: str | None,
) -> Iterator[tuple[str, Any]]:
    """Yields the label and the figure of what can be chosen in a section."""
    if name == "family_tree" and trial_id is not None:
        ids = [trial_id, *(trial.trial_id for trial in search.ranked())]
        for one in list(dict.fromkeys(ids))[:NUM_TREES]:
            yield f"trial {one}", draw(search, one)
    elif name == "pareto_front":
        trade_off = import_module("kt_evolution.reporting.figures.trade_off")
        for x, y in trade_off.pairs_of(search):
            yield f"{y} against {x}", draw(search, x, y)
    elif name in ("value_slice", "value_contour"):
        landscape = import_module("kt_evolution.reporting.figures.landscape")
        if name == "value_slice":
            for one in landscape.slices_of(search):
                yield one, draw(search, one)
        else:
            for x, y in landscape.contours_of(search):
                yield f"{y} against {x}", draw(search, x, y)
    else:
        yield "", draw(search)
