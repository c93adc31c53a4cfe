"""The report as a file: complete, alone, and safe."""

import dataclasses
import html.parser
import json
import re

import keras
import keras_tuner
import numpy as np
import pytest

import kt_evolution
from kt_evolution import nas
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search
from kt_evolution.reporting import write_report
from kt_evolution.reporting.lineage import family_of
from kt_evolution.reporting.report import SECTIONS
from tests import stock_projects
from tests.reporting import projects
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import build_dense

NAMES = [section.name for section in SECTIONS]
# Not of simulated searches, which train nothing.
SIMULATED = [name for name in NAMES if name not in ("learning_curves", "rungs")]


class Page(html.parser.HTMLParser):
    """Collects what is in a page, as a browser would see it."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.figures = {}
        self.text = ""
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = dict(attrs).get("id") if tag == "script" else None

    def handle_endtag(self, tag):
        if tag == "script":
            self._inside = None

    def handle_data(self, data):
        if self._inside and self._inside.startswith("figure-"):
            self.figures[self._inside] = json.loads(data)
        elif self._inside is None:
            self.text += data


@pytest.fixture(scope="module")
def pages(single, several, hostile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    return {
        search.name: write_report(search, folder / f"{i}.html").read_text(
            encoding="utf-8"
        )
        for i, search in enumerate((single, several, hostile))
    }


def test_every_figure_has_a_section():
    assert sorted(figures.__all__) == sorted(NAMES)


@pytest.mark.parametrize("kind", ["single", "several"])
def test_every_figure_is_there(pages, kind):
    drawn = {name.split("-")[1] for name in Page(pages[kind]).figures}
    missing = {"pareto_front"} if kind == "single" else set()
    assert drawn == set(SIMULATED) - missing


def test_it_needs_no_network(pages):
    page = Page(pages["single"])
    for name, value in page.attributes:
        assert name not in ("src", "href"), value
    assert "default-src 'none'" in pages["single"]


def test_names_values_and_errors_are_text(hostile, pages):
    text = pages[hostile.name]
    page = Page(text)
    plain = Page(pages["several"])
    # Nothing of what was named became a tag or an attribute.
    assert set(page.tags) <= set(plain.tags)
    assert "script" in page.tags
    scripts = [
        len(re.findall("script", " ".join(p.tags))) for p in (page, plain)
    ]
    figures_more = len(page.figures) - len(plain.figures)
    assert scripts[0] - scripts[1] == figures_more
    known = {name for name, _ in plain.attributes}
    assert {name for name, _ in page.attributes} <= known
    # And all of it can be read.
    assert projects.HOSTILE in page.text
    assert "</script><svg onload=alert(4)>" in page.text
    assert "x'<b onmouseover=alert(3)>" in page.text


def test_labels_of_figures_are_escaped(hostile, pages):
    for name, figure in Page(pages[hostile.name]).figures.items():
        for trace in figure["data"]:
            for axis in trace.get("dimensions", ()):
                # Plotly takes these for mere text.
                del axis["ticktext"]
        strings = json.dumps(figure)
        assert "<script" not in strings, name
        assert "<img" not in strings and "<svg" not in strings, name
        # Plotly fills in templates; there are none, so names stay names.
        assert (
            '"hovertemplate"' not in strings and "texttemplate" not in strings
        )
    texts = re.search(r'id="texts">(.*?)</script>', pages[hostile.name], re.S)
    for text in json.loads(texts[1]):
        assert "<script" not in text
        assert set(re.findall(r"</?(\w+)", text)) <= {"b", "br"}


def test_all_trials_are_in_the_table(single, pages):
    table = pages["single"].split('<table class="trials">')[1]
    rows = table.split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr>") == len(single.trials)
    best = single.ranked()[0].trial_id
    assert rows.index(f">{best}<") < 200
    assert "MemoryError: too large" in rows


def test_a_stock_project_says_what_it_lacks(tmp_path):
    folder = stock_projects.random_search(tmp_path / "past", 15)
    page = Page(
        write_report(folder, tmp_path / "r.html").read_text(encoding="utf-8")
    )
    drawn = {name.split("-")[1] for name in page.figures}
    assert drawn == {
        "best_so_far",
        "diversity",
        "gene_importance",
        "parallel_coordinates",
        "value_contour",
        "value_slice",
    }
    assert (
        "Family tree is not shown. None of the best trials has parents."
        in page.text
    )


def test_a_hyperband_project_shows_its_rungs(tmp_path):
    folder = stock_projects.hyperband(tmp_path / "past")
    search = read_search(folder)
    firsts = [t for t in search.trials if t.rung.bracket == 2]
    assert [(t.rung.round, t.rung.epochs) for t in firsts].count((0, 1)) > 3
    drawn = figures.rungs(search)
    names = [trace.name for trace in drawn.data if trace.name]
    assert names[-1].startswith("bracket 2: ")
    assert list(drawn.layout.xaxis.tickvals) == [1, 3, 9]
    # A line leads to each trial that goes on with the model of another.
    promoted = [t for t in search.completed if t.rung.source]
    assert promoted
    num_lines = sum(
        list(trace.x).count(None) for trace in drawn.data if not trace.name
    )
    assert num_lines == len(promoted)
    path = write_report(folder, tmp_path / "r.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert "figure-rungs-0" in page.figures
    assert "goes on from" in page.text


def test_notes_of_figures_fit_on_a_phone(several):
    drawn = figures.gene_importance(several)
    assert max(map(len, drawn.layout.title.text.split("<br>"))) <= 46
    assert not drawn.layout.annotations
    assert len(drawn.layout.xaxis.title.text) <= 30


def test_problems_are_told(tmp_path):
    folder = stock_projects.random_search(tmp_path / "past", 4)
    (folder / "trial_1" / "trial.json").write_text("{")
    with pytest.warns(UserWarning):
        path = write_report(folder, tmp_path / "r.html")
    assert "part(s) of the project can't be read" in path.read_text("utf-8")


def test_a_trained_search_shows_curves_and_the_architecture(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        objective="val_accuracy",
        max_trials=2,
        seed=0,
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(**{**FIT, "epochs": 3})
    path = tuner.report(tmp_path / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    (figure,) = [v for k, v in page.figures.items() if "learning_curves" in k]
    metric = figure["layout"]["yaxis"]["title"]["text"]
    assert metric == "val_accuracy"
    assert max(len(trace["x"]) for trace in figure["data"]) == 3
    assert "Dense" in page.text
    # The code that is shown builds that model, with its weights.
    code = re.search(r"<code>(.*?)</code>", path.read_text("utf-8"), re.S)[1]
    names = {"keras_tuner": keras_tuner, "build_model": build_dense}
    exec(html.unescape(code), names)
    best = tuner.get_best_models()[0]
    for mine, theirs in zip(
        names["model"].get_weights(), best.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert isinstance(names["model"], keras.Model)


def test_an_architecture_of_blocks_is_drawn_in_place_of_its_layers(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        nas.HyperConvNet((8, 8, 1), num_classes=3, max_depth=1, width=2),
        objective="val_accuracy",
        max_trials=1,
        seed=0,
        directory=tmp_path,
        project_name="p",
    )
    rng = np.random.default_rng(0)
    x, y = rng.random((8, 8, 8, 1)), rng.integers(0, 3, 8)
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    path = tuner.report(tmp_path / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.tags.count("svg") == 1
    assert '<table class="layers">' not in path.read_text(encoding="utf-8")
    for text in ("stage 1", "softmax over 3 classes", "parameters of all"):
        assert text in page.text
    log = tmp_path / "p" / "trial_0" / "training.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["epochs"] == 1
    # What another person's project names is text, and what can't be drawn is
    # left out.
    last = json.loads(lines[-1])
    last["blocks"][0]["text"] = projects.HOSTILE
    last["blocks"][0]["path"] = f"</svg>{projects.HOSTILE}"
    log.write_text("\n".join([*lines[:-1], json.dumps(last)]), "utf-8")
    write_report(tmp_path / "p", path)
    hostile = Page(path.read_text(encoding="utf-8"))
    assert set(hostile.tags) == set(page.tags)
    assert hostile.tags.count("script") == page.tags.count("script")
    assert projects.HOSTILE in hostile.text
    edge = {"source": "a", "target": "a", "operation": "conv"}
    last["blocks"][0]["edges"] = [edge]
    log.write_text("\n".join([*lines[:-1], json.dumps(last)]), "utf-8")
    write_report(tmp_path / "p", path)
    assert '<table class="layers">' in path.read_text(encoding="utf-8")


def test_each_member_of_a_family_tree_shows_its_score_and_what_is_new(single):
    tree = figures.family_tree(single)
    members = family_of(single, single.ranked()[0].trial_id).members
    texts = list(tree.data[2].text)
    assert len(texts) == len(members)
    rows = list(tree.data[1].y)
    assert rows == sorted(rows) and len(set(rows)) == len(rows)
    for shown, member in zip(texts, members.values(), strict=True):
        score, new = shown.split("<br>")
        assert f"trial {member.trial.trial_id}" in score
        value = member.trial.metrics.get("val_accuracy")
        if value is not None:
            shown_value = float(re.search("<b>(.*)</b>", score)[1])
            assert shown_value == pytest.approx(value, abs=1e-3)
        assert len(html.unescape(new)) <= 34
        if member.changed:
            assert new.split()[0] in member.changed
    # On a desktop there is room for how it was made, and for more changes.
    wide = [html.unescape(one) for one in tree.data[2].meta["wide"]]
    for longer, member in zip(wide, members.values(), strict=True):
        score, new = longer.split("<br>")
        for parent in member.trial.parents:
            assert f" {parent}" in score.split("trial ", 1)[1]
        assert len(new) <= 80
        assert all(name in new for name in list(member.changed)[:2])


def test_a_search_record_may_be_drawn_by_hand(single):
    tree = figures.family_tree(single)
    assert len(tree.data[1].x) >= 2
    assert figures.pareto_front(single) is None
    front = figures.pareto_front(single, "params", "val_accuracy")
    assert front is None or front.data


def test_a_tree_of_an_unknown_trial_is_an_error(single):
    with pytest.raises(ValueError, match="trial_id='nobody'"):
        figures.family_tree(single, "nobody")


def test_a_trial_without_parents_has_no_tree(single):
    first = single.trials[0]
    assert not first.parents
    assert figures.family_tree(single, first.trial_id) is None


def test_few_trials_have_one_line_of_diversity(single):
    assert len(single.completed) > 20
    names = [trace.name for trace in figures.diversity(single).data]
    assert names == ["latest 20", "best 20 so far"]
    few = dataclasses.replace(single, trials=single.trials[:20])
    assert len(few.completed) <= 20
    names = [trace.name for trace in figures.diversity(few).data]
    assert names == ["all trials so far"]


def test_an_unknown_trial_is_an_error_also_where_no_trial_has_parents(
    tmp_path,
):
    search = read_search(stock_projects.random_search(tmp_path / "past", 4))
    assert figures.family_tree(search, "2") is None
    with pytest.raises(ValueError, match="0, 1, 2, 3.*trial_id='17'"):
        figures.family_tree(search, "17")


def test_a_running_search_can_be_reported(tmp_path):
    oracle = kt_evolution.EvolutionOracle(
        projects.ACCURACY, 3, seed=0, hyperparameters=projects.space()
    )
    oracle._set_project_dir(tmp_path, "p")
    oracle.create_trial("worker0")
    search = read_search(oracle)
    assert "1 unfinished" in write_report(
        search, tmp_path / "r.html"
    ).read_text("utf-8")
