"""Searches that a rule ends, killed on the way: they end where all do."""

import json
import os

import pytest

from kt_evolution import Stagnation
from kt_evolution import Target
from kt_evolution import TimeBudget
from kt_evolution.project import clock
from tests.project import searches
from tests.project.test_kill_points import break_call


def killed_search(folder, trials, **kwargs):
    """Searches, ten seconds a trial, and dies in the last of the trials."""
    # A million seconds are a pause before each session.
    times = [1e9 + 1e6 * searches.num_notes(folder)]
    clock.now = clock.monotonic = lambda: times[0]
    tuner = searches.make_tuner(folder, max_trials=None, **kwargs)
    run_trial = tuner.run_trial
    runs = []

    def timed(trial, *args, **kwargs):
        runs.append(trial.trial_id)
        if len(runs) == trials:
            os._exit(9)
        times[0] += 10.0
        return run_trial(trial, *args, **kwargs)

    tuner.run_trial = timed
    tuner.search(verbose=0)
    seconds = tuner.oracle.progress().seconds
    (folder / "seconds.txt").write_text(str(seconds))


def test_budget_counts_across_kills_without_the_pauses(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    rule = TimeBudget(seconds=100)
    run = searches.run
    assert run(killed_search, whole, None, stop=rule) == 0
    assert run(killed_search, killed, 4, stop=rule) == 9
    assert run(killed_search, killed, 3, stop=rule) == 9
    assert run(killed_search, killed, None, stop=rule) == 0
    for folder in (whole, killed):
        assert (folder / "seconds.txt").read_text() == "100.0"
    assert len(searches.begun(whole)) == 10
    assert searches.events(killed) == searches.events(whole)
    assert searches.events(killed)[-1]["event"] == "stopped"


@pytest.mark.parametrize("trials", [2, 4])
@pytest.mark.parametrize("rule", [Stagnation(5), Target(0.6)])
def test_killed_search_stops_where_the_whole_one_does(tmp_path, rule, trials):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert searches.run(killed_search, whole, None, stop=rule) == 0
    code = 9
    while code == 9:
        had = len(searches.events(killed))
        code = searches.run(killed_search, killed, trials, stop=rule)
        assert code == 0 or len(searches.events(killed)) > had
    assert searches.events(killed) == searches.events(whole)
    assert searches.events(whole)[-1]["event"] == "stopped"


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_kill_at_the_line_of_the_reason(tmp_path, when):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = {"stop": Stagnation(3), "max_trials": None}
    assert searches.run(searches.search, whole, **options) == 0
    assert searches.run(die_when_stopped, killed, when, **options) == 9
    assert searches.run(searches.search, killed, **options) == 0
    assert searches.events(killed) == searches.events(whole)
    kinds = [event["event"] for event in searches.events(whole)]
    assert kinds.count("stopped") == 1


def die_when_stopped(folder, when, **options):
    from kt_evolution.project.journal import Journal

    def is_reason(journal, line):
        return json.loads(line)["event"] == "stopped"

    break_call(Journal, "append", when, 0, is_reason)
    searches.search(folder, **options)
