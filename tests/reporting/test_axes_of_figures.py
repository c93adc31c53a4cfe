"""Axes that leave out what diverged, and say so."""

import pytest

import kt_evolution
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search
from kt_evolution.reporting.figures.style import draw_outside
from kt_evolution.reporting.figures.style import figure
from kt_evolution.reporting.progress import progress_caption
from tests.reporting import projects

BAD = {1: 0.688, 4: 0.838}


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """Two early trials are far below the others."""
    numbers = iter(range(30))

    def measure(values, rng):
        usual = projects.metrics_of(values, rng)["val_accuracy"]
        score = 0.93 + 0.01 * min(max(usual, 0.0), 1.0)
        return {"val_accuracy": BAD.get(next(numbers), score)}

    folder = tmp_path_factory.mktemp("diverged") / "p"
    return read_search(
        projects.simulate(folder, 24, failed=(), measure=measure)
    )


@pytest.mark.parametrize(
    "draw", [figures.best_so_far, figures.population, figures.value_slice]
)
def test_trials_below_the_axis_are_drawn_at_its_edge(search, draw):
    drawn = draw(search)
    low, high = drawn.layout.yaxis.range
    assert low > max(BAD.values())
    edge = drawn.data[-1]
    assert len(edge.y) == len(BAD) and set(edge.y) == {low}
    assert any("val_accuracy 0.688" in text for text in edge.hovertext)
    assert [one.text for one in drawn.layout.annotations] == ["2 trials below"]


def test_nothing_is_said_where_all_trials_are_shown(tmp_path):
    few = read_search(projects.simulate(tmp_path / "p", 3, failed=()))
    drawn = figures.best_so_far(few)
    assert drawn.layout.yaxis.range is None
    assert not drawn.layout.annotations and len(drawn.data) == 3


def test_trials_above_the_axis_are_counted():
    drawn = figure(yaxis={"range": [0.0, 1.0]})
    draw_outside(drawn, [1, 2, 3], [0.5, 7.0, float("nan")], ["a", "b", "c"])
    assert list(drawn.data[0].x) == [2] and list(drawn.data[0].y) == [1.0]
    assert drawn.layout.annotations[0].text == "1 trial above"


def test_few_trials_have_no_fractions_among_the_ticks(tmp_path, single):
    few = read_search(projects.simulate(tmp_path / "p", 3, failed=()))
    assert figures.best_so_far(few).layout.xaxis.dtick == 1
    assert figures.best_so_far(single).layout.xaxis.dtick is None


def test_the_caption_of_progress_is_about_this_search(
    single, several, tmp_path
):
    assert progress_caption(single) == (
        "Every completed trial, and the best so far."
    )
    assert progress_caption(several).startswith("The hypervolume ")
    limit = kt_evolution.Limit("latency", max=0.5)
    folder = projects.simulate(tmp_path / "p", 3, limits=limit)
    assert progress_caption(read_search(folder)).startswith("No trial is ")
