"""Stopping rules alone, and the clock that they go by."""

import math
import re

import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution import Stagnation
from kt_evolution import Target
from kt_evolution import TimeBudget
from kt_evolution.project import clock
from kt_evolution.project.events import SearchGivenUp
from kt_evolution.stopping import SearchProgress
from kt_evolution.stopping import StoppingRule
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


def progress(**changes):
    values = {
        "num_completed": 9,
        "num_since_best": 3,
        "best": 0.5,
        "direction": "max",
        "seconds": 10.0,
    }
    return SearchProgress(**{**values, **changes})


def test_target_goes_the_way_of_the_objective():
    assert Target(0.51).reason(progress()) is None
    assert Target(0.5).reason(progress()) == (
        "the best score 0.5 reached the target 0.5"
    )
    assert Target(0.6).reason(progress(direction="min"))
    assert Target(0.4).reason(progress(direction="min")) is None
    assert Target(0.4).reason(progress(best=None)) is None


def test_stagnation():
    assert Stagnation(4).reason(progress()) is None
    assert Stagnation(trials=3).reason(progress()) == (
        "3 trials in a row improved nothing"
    )


def test_time_budget_adds_up():
    budget = TimeBudget(hours=1, minutes=2, seconds=3)
    assert budget.seconds == 3723.0
    assert budget.reason(progress(seconds=3722.9)) is None
    assert budget.reason(progress(seconds=3723.0)) == (
        "the time budget of 3723 s is over"
    )


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Target(math.nan), "score=nan"),
        (lambda: Target("0.9"), "score='0.9'"),
        (lambda: Stagnation(0), "trials=0"),
        (lambda: Stagnation(2.5), "trials=2.5"),
        (lambda: TimeBudget(hours=-1), "hours=-1"),
        (lambda: TimeBudget(minutes="3"), "minutes='3'"),
        (lambda: TimeBudget(seconds=math.inf), "seconds=inf"),
        (lambda: TimeBudget(seconds=10**400), "seconds=1000"),
        (lambda: Stagnation(10**400), "trials=1000"),
        (lambda: TimeBudget(), "hours=0.0, minutes=0.0, seconds=0.0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "objective, score",
    [
        ("val_accuracy", 99),
        ("val_accuracy", 0.0),
        ("val_accuracy", -0.5),
        ("val_sparse_categorical_accuracy", 1.5),
        (kt.Objective("val_auc_2", "max"), 2.0),
        (kt.Objective("val_accuracy", "min"), 1.0),
        ("params", -1),
        ("latency", -0.1),
    ],
)
def test_a_target_on_the_wrong_side_is_named(objective, score):
    with pytest.raises(ValueError, match=f"`score`.* score={score:g}"):
        kt_evolution.EvolutionOracle(objective, stop=Target(score))


@pytest.mark.parametrize(
    "objective, score",
    [
        ("val_accuracy", 1.0),
        ("val_loss", -3.0),
        ("val_loss", 30.0),
        (kt.Objective("val_points", "max"), 99),
        (kt.Objective("val_accuracy", "min"), 0.0),
        ("params", 20_000),
    ],
)
def test_a_target_that_can_be_reached(objective, score):
    kt_evolution.EvolutionOracle(objective, stop=Target(score))


def test_a_target_that_the_first_trial_reaches_tells_the_direction():
    first = progress(num_completed=1, best=0.7, direction="min")
    assert Target(0.99).reason(first) == (
        "the best score 0.7 reached the target 0.99 with the first trial (the "
        "objective is minimized)"
    )


def test_stop_must_be_rules():
    with pytest.raises(TypeError, match="stop=60"):
        kt_evolution.EvolutionOracle("val_loss", stop=60)
    with pytest.raises(TypeError, match="`stop` must be"):
        kt_evolution.EvolutionOracle("val_loss", stop=[Target(1.0), None])
    objectives = [kt.Objective("a", "min"), kt.Objective("b", "min")]
    with pytest.raises(ValueError, match="single objective"):
        kt_evolution.EvolutionOracle(objectives, stop=Target(1.0))


class Rule(StoppingRule):
    def __init__(self, value):
        self.value = value

    def reason(self, progress):
        return self.value if progress.num_completed >= 2 else None


@pytest.mark.parametrize("value", [True, 3, ["x"]])
def test_a_reason_that_is_no_text_is_named(tmp_path, value):
    oracle = make_oracle(tmp_path, stop=Rule(value))
    run_trials(oracle, 2)
    words = re.escape(f"Received: {value!r} (of type {type(value).__name__})")
    with pytest.raises(TypeError, match=f"{words} from Rule"):
        oracle.create_trial("tuner0")

    again = make_oracle(tmp_path, stop=Rule(np.str_("it is enough")))
    assert again.create_trial("tuner0").status == "STOPPED"
    assert len(again.end_order) == 2
    assert make_oracle(tmp_path).stop_reason is None
    opened = make_oracle(tmp_path)
    opened.reload()
    assert opened.stop_reason == "it is enough"


@pytest.mark.parametrize("value", [None, False, 0, ""])
def test_a_search_goes_on_without_a_reason(tmp_path, value):
    oracle = make_oracle(tmp_path, stop=[Rule(value), Stagnation(9)])
    assert len(run_trials(oracle, 4)) == 4


@pytest.mark.parametrize("is_old", [False, True])
def test_pauses_do_not_count(monkeypatch, is_old):
    time = [100.0]
    for name in ("now", "monotonic"):
        monkeypatch.setattr(clock, name, lambda: time[0])

    def event(at):
        time[0] = at
        session, seconds = running.stamp()
        if is_old:
            seconds = None
        event = SearchGivenUp(time=at, session=session, seconds=seconds)
        running.apply(event)
        return event

    running = clock.SearchClock()
    assert running.seconds == 0.0
    running.begin()
    events = [event(103.0), event(110.0)]
    time[0] = 111.5
    assert running.seconds == 11.5
    # Killed; what was not written is not known.
    resumed = clock.SearchClock()
    for one in events:
        resumed.apply(one)
    time[0] = 5000.0
    assert resumed.seconds == 10.0
    resumed.begin()
    time[0] = 5002.0
    assert resumed.seconds == 12.0
    resumed.begin()
    assert resumed.seconds == 10.0


def test_time_does_not_jump_with_the_date(monkeypatch):
    date, time = [1000.0], [5.0]
    monkeypatch.setattr(clock, "now", lambda: date[0])
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    running, resumed = clock.SearchClock(), clock.SearchClock()
    running.begin()
    # Set forward by a day, back by two, and to what it was.
    for seconds, at in enumerate((1001.0, 87402.0, -85397.0, 1004.0), start=1):
        date[0] = at
        time[0] = 5.0 + seconds
        session, began = running.stamp()
        event = SearchGivenUp(time=at, session=session, seconds=began)
        resumed.apply(event)
        assert running.seconds == resumed.seconds == seconds
    running.end()
    time[0] = 5000.0
    assert running.seconds == 4.0 and not running.is_running


def test_sessions_that_begin_at_the_same_date_both_count(monkeypatch):
    time = [5.0]
    monkeypatch.setattr(clock, "now", lambda: 1000.0)
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    running = clock.SearchClock()
    for number in range(1, 4):
        running.begin()
        time[0] += 10.0
        assert running.seconds == 10.0 * number
        running.end()
    assert running.seconds == 30.0


def test_an_epoch_budget_ends_a_search_when_it_is_spent():
    rule = kt_evolution.EpochBudget(epochs=270)
    assert rule.reason(progress(epochs=269)) is None
    reason = "the budget of 270 epochs is spent"
    assert rule.reason(progress(epochs=270)) == reason
    for epochs in (0, 2.5, "27"):
        with pytest.raises(ValueError, match="`epochs` must be an integer"):
            kt_evolution.EpochBudget(epochs=epochs)
