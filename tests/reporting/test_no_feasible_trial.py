"""Searches in which no trial is within the limits."""

import numpy as np
import pytest

import kt_evolution
from kt_evolution.reporting import figures
from kt_evolution.reporting import plain_text
from kt_evolution.reporting import read_search
from kt_evolution.reporting.progress import approach_of
from kt_evolution.reporting.summary import summary_of
from tests.reporting import projects

OBJECTIVES = {"one": projects.ACCURACY, "several": projects.OBJECTIVES}


@pytest.fixture(params=OBJECTIVES, scope="module")
def search(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("infeasible") / request.param
    return read_search(
        projects.simulate(
            folder,
            12,
            OBJECTIVES[request.param],
            limits=kt_evolution.Limit("latency", max=0.5),
        )
    )


def nearest(search):
    return min(search.completed, key=lambda trial: trial.metrics["latency"])


def test_the_summary_says_how_far_the_nearest_is(search):
    facts = {fact.label: fact for fact in summary_of(search)}
    assert "on the front" not in facts
    assert facts["within all limits"].value == "no trial"
    best = nearest(search)
    percent = 100.0 * (best.metrics["latency"] / 0.5 - 1.0)
    assert f"({percent:.0f}% over 0.5)" in facts["within all limits"].note
    assert facts["val_accuracy"].note == (
        f"trial {best.trial_id}, the nearest to the limits"
    )


def test_the_code_of_the_nearest_is_no_knee(search):
    text = plain_text.best(search)
    assert text.startswith(f"# Trial {nearest(search).trial_id}: ")
    assert "# No trial is within all limits, and it is the nearest" in text
    assert "knee" not in text


def test_progress_is_the_way_to_the_limits(search):
    approach = approach_of(search)
    beyond = [one.metrics["latency"] / 0.5 - 1.0 for one in search.completed]
    np.testing.assert_allclose(approach.best, np.minimum.accumulate(beyond))
    assert approach.improved[0] and not approach.improved.all()
    drawn = figures.best_so_far(search)
    dots, line, milestones = drawn.data
    np.testing.assert_allclose(dots.y, beyond)
    np.testing.assert_allclose(line.y, approach.best)
    assert len(milestones.y) == approach.improved.sum()
    assert drawn.layout.yaxis.title.text == "distance to the limits"


def test_the_best_is_in_the_picture_though_it_is_far_from_the_others(tmp_path):
    latencies = iter([3.0, 2.9, 3.1, 3.0, 30.0, *[3.0] * 8, 1.0, 3.0, 3.0])

    def measure(values, rng):
        return {"val_accuracy": 0.5, "latency": next(latencies)}

    folder = projects.simulate(
        tmp_path / "p",
        16,
        failed=(),
        measure=measure,
        limits=kt_evolution.Limit("latency", max=0.5),
    )
    drawn = figures.best_so_far(read_search(folder))
    low, high = drawn.layout.yaxis.range
    # The nearest is 100% over the limit, what is far out is cut.
    assert low < 1.0 and 5.0 < high < 59.0


def test_a_running_search_says_so(tmp_path):
    oracle = kt_evolution.EvolutionOracle(
        projects.OBJECTIVES,
        max_trials=3,
        hyperparameters=projects.space(),
        limits=kt_evolution.Limit("latency", max=0.5),
    )
    oracle._set_project_dir(tmp_path, "p")
    oracle.verbose = 0
    trial = oracle.create_trial("a")
    metrics = {"val_accuracy": 0.5, "params": 9.0, "latency": 2.0}
    oracle.update_trial(trial.trial_id, metrics)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    oracle.create_trial("a")
    status = oracle._search_status()
    assert status.broken == ("latency 2 (300% over 0.5)",)
    assert status.num_on_front == 0
