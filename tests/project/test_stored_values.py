"""What is written to the journal can be read and applied by a restart."""

import json
import re

import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.event_lines import encode
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import TrialCreated
from kt_evolution.reporting import read_search
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


def lines_of(tmp_path):
    return (tmp_path / "p" / "journal.jsonl").read_text().splitlines()


def reopened(tmp_path, **kwargs):
    oracle = make_oracle(tmp_path, **kwargs)
    oracle._project.open()
    return oracle


def goes_on(tmp_path, trial, **kwargs):
    """Returns an oracle that was opened again and has completed a trial."""
    oracle = reopened(tmp_path, **kwargs)
    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    complete(oracle, again)
    assert reopened(tmp_path, **kwargs).end_order == oracle.end_order
    return oracle


# The line of an event.


def test_scalars_of_numpy_are_numbers_in_the_journal():
    event = TrialCreated(
        trial_id="0",
        values={
            "a": np.float32(0.5),
            "b": np.int64(3),
            "c": np.True_,
            "d": np.str_("x"),
        },
        record={"operator": "custom"},
        epochs=np.int64(4),
    )
    line = json.loads(encode(event, EventCheck()))
    assert line["values"] == {"a": 0.5, "b": 3, "c": True, "d": "x"}
    assert line["epochs"] == 4


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "event, words",
    [
        (SearchStopped(reason=3), "`reason` must be a string. Received: 3"),
        (
            SearchStopped(reason=object()),
            "`reason` must consist of .* Received: <object obj",
        ),
        (
            TrialCreated(trial_id="0", values={"a": None}, record={}),
            "trial 0 .*`values` must be .* Received: {'a': None}",
        ),
        (
            TrialCreated(trial_id="0", values={}, record=nested(100_000)),
            "`record` must consist of",
        ),
        (
            TrialCreated(trial_id="0", values={("a", 1): 2}, record={}),
            "`values` must consist of",
        ),
    ],
)
def test_a_line_that_could_not_be_read_names_its_field(event, words):
    with pytest.raises(kt.errors.FatalValueError, match=words):
        encode(event, EventCheck())


def test_a_trial_must_be_known_to_the_journal():
    check = EventCheck()
    first = TrialCreated(trial_id="0", values={}, record={})
    encode(first, check)
    again = {"operator": "again", "reevaluates": "0"}
    encode(TrialCreated(trial_id="1", values={}, record=again), check)
    with pytest.raises(ValueError, match="`reevaluates` must be .*'0'"):
        encode(
            TrialCreated(trial_id="1", values={}, record=again), EventCheck()
        )


# Values of the user.


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, object(), 10**400])
def test_a_value_that_can_not_be_stored_ends_no_trial(tmp_path, value):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 2)
    trial = oracle.create_trial("tuner0")
    before = lines_of(tmp_path)
    trial.hyperparameters.values["y"] = value
    with pytest.raises(ValueError, match="`values` must .*Received: .*'y': "):
        complete(oracle, trial, 1.0)
    assert lines_of(tmp_path) == before
    assert goes_on(tmp_path, trial).end_order == ["00", "01", "02"]


@pytest.mark.parametrize(
    "name, value",
    [("y", "text"), ("y", 7.5), ("x", float("nan")), ("kind", "d")],
)
def test_a_value_outside_its_range_ends_no_trial(tmp_path, name, value):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    before = lines_of(tmp_path)
    trial.hyperparameters.values[name] = value
    words = re.escape(f"Received: {value!r}")
    with pytest.raises(ValueError, match=f"'{name}' must be .* {words}"):
        complete(oracle, trial, 1.0)
    assert lines_of(tmp_path) == before
    goes_on(tmp_path, trial)


def test_a_value_of_numpy_is_that_of_the_trial(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.hyperparameters.values["y"] = np.float32(0.25)
    complete(oracle, trial)
    for one in (oracle, reopened(tmp_path)):
        found = one.trials[trial.trial_id].hyperparameters.values["y"]
        assert (found, type(found)) == (0.25, float)


def test_declarations_may_have_scalars_of_numpy(tmp_path):
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0, default=np.float32(0.5))
    hp.Int("n", 0, 9, default=np.int64(3))
    hp.Boolean("b", default=np.True_)
    oracle = make_oracle(tmp_path, hyperparameters=hp)
    trial = oracle.create_trial("tuner0")
    assert trial.hyperparameters.values == {"x": 0.5, "n": 3, "b": True}
    complete(oracle, trial, 1.0)
    assert reopened(tmp_path, hyperparameters=hp).end_order == ["00"]
    state = json.loads((tmp_path / "p" / "oracle.json").read_text())
    defaults = [
        one["config"]["default"] for one in state["hyperparameters"]["space"]
    ]
    assert defaults == [0.5, 3, True]


@pytest.mark.parametrize("step", ["x", float("nan"), [1], 1j])
def test_a_step_that_is_no_number_is_named(tmp_path, step):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    with pytest.raises(
        kt.errors.FatalValueError, match=re.escape(f"step={step!r}")
    ):
        oracle.update_trial(trial.trial_id, {"score": 1.0}, step=step)
    assert not oracle.trials[trial.trial_id].metrics.metrics
    goes_on(tmp_path, trial)


@pytest.mark.parametrize(
    "step, expected", [(None, 0), (np.int64(3), 3), (2.5, 2.5)]
)
def test_steps_of_all_kinds_of_numbers(tmp_path, step, expected):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 1.0}, step=step)
    oracle.end_trial(trial.trial_id)
    for one in (oracle, reopened(tmp_path)):
        assert one.trials[trial.trial_id].best_step == expected


class ScoringOracle(kt_evolution.EvolutionOracle):
    """Scores trials by itself, with a best step of a test."""

    step = None

    def score_trial(self, trial):
        trial.score, trial.best_step = 1.0, self.step


@pytest.mark.parametrize("step", ["last", float("nan")])
def test_a_best_step_that_is_no_number_is_named(tmp_path, step):
    oracle = ScoringOracle(kt.Objective("score", "max"), seed=0)
    oracle._set_project_dir(tmp_path, "p")
    oracle.step = step
    trial = oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match=f"`best_step` .* {step!r}"):
        complete(oracle, trial, 1.0)
    oracle.step = np.int64(2)
    trial = oracle.create_trial("tuner0")
    complete(oracle, trial, 1.0)
    assert oracle.trials[trial.trial_id].best_step == 2
    again = ScoringOracle(kt.Objective("score", "max"))
    again._set_project_dir(tmp_path, "p")
    again.reload()
    assert again.trials[trial.trial_id].best_step == 2


@pytest.mark.parametrize("worker", [5, None])
def test_a_worker_may_have_any_id(tmp_path, worker):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial(worker)
    assert list(oracle.ongoing_trials) == [str(worker)]
    complete(oracle, trial)
    assert reopened(tmp_path).end_order == [trial.trial_id]


def test_a_message_may_be_an_exception(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.status, trial.message = "FAILED", ValueError("too small")
    oracle.end_trial(trial)
    assert reopened(tmp_path).trials[trial.trial_id].message == "too small"


# The status of a trial that ends.


@pytest.mark.parametrize(
    "status", ["COMPLETE", "completed", None, "RUNNING", "IDLE", "STOPPED", []]
)
def test_a_status_that_is_no_end_is_named(tmp_path, status):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 1.0})
    before = lines_of(tmp_path)
    trial.status = status
    words = re.escape(f"Received: status={status!r}, trial_id='00'")
    with pytest.raises(ValueError, match=f"'COMPLETED', .*{words}"):
        oracle.end_trial(trial)
    assert lines_of(tmp_path) == before
    # It runs on, and its metrics are there.
    assert list(oracle.ongoing_trials) == ["tuner0"]
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert reopened(tmp_path).trials[trial.trial_id].score == 1.0


def test_the_former_signature_checks_the_status_too(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="status='DONE'"):
        oracle.end_trial(trial.trial_id, "DONE")


def test_a_journal_with_other_ends_is_still_read(tmp_path):
    oracle = make_oracle(tmp_path)
    crash(oracle, oracle.create_trial("tuner0"), "FAILED")
    run_trials(oracle, 1)
    path = tmp_path / "p" / "journal.jsonl"
    path.write_text(path.read_text().replace('"FAILED"', '"IDLE"'))
    assert reopened(tmp_path).end_order == ["00", "01"]


# The limits.


def test_a_limit_without_its_metric_ends_no_trial(tmp_path):
    limits = kt_evolution.Limit("memory", max=2.0)
    oracle = make_oracle(tmp_path, limits=limits)
    trial = oracle.create_trial("tuner0")
    before = lines_of(tmp_path)
    with pytest.raises(
        kt.errors.FatalValueError, match=r"\"memory\".*metrics=\['score'\]"
    ):
        complete(oracle, trial)
    assert lines_of(tmp_path) == before

    oracle = reopened(tmp_path, limits=limits)
    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    oracle.update_trial(again.trial_id, {"score": 1.0, "memory": 3.0})
    oracle.end_trial(again.trial_id)
    oracle = reopened(tmp_path, limits=limits)
    assert oracle.history.violations.tolist() == [[0.5]]


@pytest.mark.parametrize("executions", [{}, {"num_executions": 1.0}])
def test_the_spread_of_one_execution_keeps_its_limit(tmp_path, executions):
    limits = [
        kt_evolution.Limit("score_std", max=0.1),
        kt_evolution.Limit("num_executions", min=2),
    ]
    oracle = make_oracle(tmp_path, limits=limits)
    twice = {"score": 1.0, "score_std": 0.3, "num_executions": 2.0}
    for metrics in ({"score": 1.0, **executions}, twice):
        trial = oracle.create_trial("tuner0")
        oracle.update_trial(trial.trial_id, metrics)
        if metrics is twice:
            oracle.end_trial(trial.trial_id)
        else:
            with pytest.warns(UserWarning, match="score_std.* counts as kept"):
                oracle.end_trial(trial.trial_id)
    expected = np.array([[0.0, 0.5], [2.0, 0.0]])
    for one in (oracle, reopened(tmp_path, limits=limits)):
        np.testing.assert_allclose(one.history.violations, expected)
    shown = read_search(tmp_path / "p").trials
    np.testing.assert_allclose([one.violations for one in shown], expected)


def test_the_spread_of_several_executions_must_be_there(tmp_path):
    oracle = make_oracle(
        tmp_path, limits=kt_evolution.Limit("score_std", max=0.1)
    )
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 1.0, "num_executions": 2.0})
    with pytest.raises(kt.errors.FatalValueError, match="score_std"):
        oracle.end_trial(trial.trial_id)
