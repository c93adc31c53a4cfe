"""Stopping rules end a search cleanly, and it can go on."""

import contextlib

import keras
import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution import EvolutionTuner
from kt_evolution import Stagnation
from kt_evolution import Target
from kt_evolution import TimeBudget
from kt_evolution.project import clock
from kt_evolution.workers import session
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import ScoringTuner
from tests.tuner.tuner_helpers import X
from tests.tuner.tuner_helpers import Y
from tests.tuner.tuner_helpers import build_dense
from tests.tuner.tuner_helpers import empty_model
from tests.tuner.tuner_helpers import trials_of
from tests.tuner.tuner_helpers import values_of


@pytest.fixture
def time(monkeypatch):
    """The clock, which stands still unless a test moves it."""
    time = [1000.0]
    for name in ("now", "monotonic"):
        monkeypatch.setattr(clock, name, lambda: time[0])
    return time


def build(hp):
    hp.Float("x", 0.0, 1.0, default=0.9)
    return empty_model()


def new_tuner(folder, stop, max_trials=None, **kwargs):
    return ScoringTuner(
        build,
        max_trials=max_trials,
        stop=stop,
        seed=0,
        directory=folder,
        project_name="p",
        **kwargs,
    )


def loss(hp):
    return hp.get("x")


def test_target(tmp_path, capsys):
    tuner = new_tuner(tmp_path, Target(0.05))
    tuner.search(loss)
    scores = [trial.score for trial in trials_of(tuner)]
    assert scores[-1] <= 0.05 and min(scores[:-1]) > 0.05
    reason = tuner.oracle.stop_reason
    assert reason.endswith("reached the target 0.05")
    assert capsys.readouterr().out.count(f"The search stopped: {reason}.") == 1


def test_target_to_maximize(tmp_path):
    objective = kt.Objective("gain", "max")
    tuner = new_tuner(tmp_path, [Target(0.95)], objective=objective)
    tuner.search(lambda hp: {"gain": hp.get("x")})
    assert trials_of(tuner)[-1].score >= 0.95
    assert len(trials_of(tuner)) < 20


def test_stagnation(tmp_path):
    tuner = new_tuner(tmp_path, Stagnation(trials=4))
    tuner.search(lambda hp: 1.0)
    # The first is the best; as good as it is no improvement.
    assert len(trials_of(tuner)) == 5
    assert tuner.oracle.stop_reason == "4 trials in a row improved nothing"


def test_stagnation_of_a_front(tmp_path):
    objectives = [kt.Objective("a", "min"), kt.Objective("b", "min")]
    tuner = new_tuner(tmp_path, Stagnation(3), objective=objectives)
    costs = iter([(1, 5), (2, 4), (3, 3), (9, 9), (4, 2)] + [(9, 9)] * 9)
    tuner.search(lambda hp: dict(zip("ab", next(costs), strict=True)))
    assert len(trials_of(tuner)) == 5 + 3


def test_first_rule_wins_and_the_search_goes_on_with_others(tmp_path, capsys):
    rules = [Target(-1.0), Stagnation(50)]
    tuner = new_tuner(tmp_path, rules, max_trials=6)
    tuner.search(loss)
    assert len(trials_of(tuner)) == 6
    assert tuner.oracle.stop_reason is None

    stopped = new_tuner(tmp_path, Stagnation(1), max_trials=12)
    stopped.search(lambda hp: 9.0)
    reason = stopped.oracle.stop_reason
    assert reason.endswith("improved nothing")
    before = len(trials_of(stopped))
    again = new_tuner(tmp_path, Target(-1.0), max_trials=12)
    assert again.oracle.stop_reason == reason
    again.search(loss)
    assert len(trials_of(again)) == 12 > before
    assert again.oracle.stop_reason is None
    assert "All" not in capsys.readouterr().err


def test_a_rule_of_ones_own(tmp_path):
    class ThreeTrials(kt_evolution.StoppingRule):
        def reason(self, progress):
            return "three" if progress.num_completed == 3 else None

    tuner = new_tuner(tmp_path, ThreeTrials())
    tuner.search(loss)
    assert len(trials_of(tuner)) == 3
    assert tuner.oracle.stop_reason == "three"


def test_a_time_budget_counts_across_sessions(tmp_path, time):
    def slow(hp):
        time[0] += 10.0
        return loss(hp)

    def killed(hp):
        if len(trials_of(tuner)) == 3:
            raise KeyboardInterrupt
        return slow(hp)

    tuner = new_tuner(tmp_path, TimeBudget(seconds=55))
    tuner.search(killed)
    assert tuner.oracle.progress().seconds == 20.0
    time[0] += 9999.0
    resumed = new_tuner(tmp_path, TimeBudget(seconds=55))
    assert resumed.oracle.progress().seconds == 20.0
    resumed.search(slow)
    # Two trials before, and four more until 60 s.
    assert len(trials_of(resumed)) == 6
    assert resumed.oracle.stop_reason == "the time budget of 55 s is over"
    time[0] += 9999.0
    resumed.search(slow)
    assert len(trials_of(resumed)) == 6
    whole = new_tuner(tmp_path / "whole", TimeBudget(seconds=55))
    whole.search(slow)
    assert values_of(whole) == values_of(resumed)


def test_an_interrupted_trial_does_not_run_after_the_budget(tmp_path, time):
    def killed(hp):
        time[0] += 100.0
        raise KeyboardInterrupt

    tuner = new_tuner(tmp_path, TimeBudget(seconds=50))
    with pytest.raises(KeyboardInterrupt):
        tuner.search(killed)
    resumed = new_tuner(tmp_path, TimeBudget(seconds=0.5))
    time[0] += 1.0
    resumed.oracle._lifecycle.begin_session()
    time[0] += 1.0
    assert resumed.oracle.create_trial("tuner0").status == "STOPPED"


class Ticking(keras.callbacks.Callback):
    """Makes each epoch ten seconds long."""

    time: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.time[0] += 10.0

    def __deepcopy__(self, memo):
        return self


def fitting_tuner(folder, hypermodel=build_dense, **kwargs):
    options = {"max_trials": None, "stop": TimeBudget(minutes=0.5), **kwargs}
    return EvolutionTuner(
        hypermodel,
        objective="val_loss",
        seed=0,
        directory=folder,
        project_name="p",
        **options,
    )


def test_the_running_trial_ends_with_its_epoch(tmp_path, time):
    tuner = fitting_tuner(tmp_path)
    Ticking.time = time
    epochs = []

    class Counting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append(epoch)

    tuner.search(**{**FIT, "epochs": 2}, callbacks=[Ticking(), Counting()])
    trials = trials_of(tuner)
    # Thirty seconds are two epochs of the first and one of the second.
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    assert time[0] == 1030.0
    assert trials[1].best_step == 0
    model = tuner.get_best_models()[0]
    assert model.count_params() > 0


def test_nothing_is_executed_again_after_the_budget(tmp_path, time):
    tuner = fitting_tuner(tmp_path, executions_per_trial=3)
    Ticking.time = time
    tuner.search(**{**FIT, "epochs": 2}, callbacks=[Ticking()])
    assert len(trials_of(tuner)) == 1
    # Two epochs of the first execution, and one of the second.
    assert time[0] == 1030.0
    assert trials_of(tuner)[0].status == "COMPLETED"


def test_training_goes_on_until_it_can_be_scored(tmp_path, time):
    tuner = fitting_tuner(tmp_path)
    Ticking.time = time
    tuner.search(
        **{**FIT, "epochs": 9}, validation_freq=5, callbacks=[Ticking()]
    )
    # Over after three epochs, but validated in the fifth.
    assert [t.status for t in trials_of(tuner)] == ["COMPLETED"]
    assert time[0] == 1050.0


def test_once_stopped_all_workers_end(tmp_path):
    tuner = new_tuner(tmp_path, Stagnation(2))
    oracle = tuner.oracle

    def end(trial, score):
        oracle.update_trial(trial.trial_id, {"default_objective": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)

    late = oracle.create_trial("late")
    for score in (1.0, 2.0, 3.0):
        end(oracle.create_trial("tuner0"), score)
    assert oracle.create_trial("tuner0").status == "STOPPED"
    # It is better than all before, which no longer matters.
    end(late, 0.0)
    assert oracle.create_trial("late").status == "STOPPED"
    assert not oracle.tuner_ids
    assert oracle.stop_reason == "2 trials in a row improved nothing"
    assert oracle.get_best_trials()[0].score == 0.0


def test_a_hypermodel_is_required(tmp_path):
    with pytest.raises(ValueError, match="hypermodel=None"):
        EvolutionTuner(objective="val_loss", directory=tmp_path)


def test_validation_of_ones_own_does_not_delay_the_end(tmp_path, time):
    class Model(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, **kwargs)
            return {"val_loss": model.evaluate(*validation_data, verbose=0)[0]}

    tuner = fitting_tuner(tmp_path, Model())
    Ticking.time = time
    tuner.search(**{**FIT, "epochs": 9}, callbacks=[Ticking()])
    assert [trial.status for trial in trials_of(tuner)] == ["COMPLETED"]
    assert time[0] == 1030.0


def test_trials_that_all_failed_are_told_of_and_run_again(tmp_path, time):
    def crash(hp):
        time[0] += 10.0
        raise RuntimeError("Training crashes.")

    tuner = new_tuner(tmp_path, TimeBudget(seconds=25))
    with pytest.warns(UserWarning, match="All 3 trials failed"):
        tuner.search(crash)
    fixed = new_tuner(tmp_path, None, max_trials=3)
    fixed.search(loss)
    assert len(trials_of(fixed, "COMPLETED")) == 3


def test_failures_before_a_result_stay_failed(tmp_path):
    def train(hp):
        if len(trials_of(tuner)) == 1:
            raise RuntimeError("Training crashes.")
        return loss(hp)

    tuner = new_tuner(tmp_path, Target(1.0))
    tuner.search(train)
    resumed = new_tuner(tmp_path, None, max_trials=3)
    resumed.search(loss)
    statuses = [trial.status for trial in trials_of(resumed)]
    assert statuses == ["FAILED", "COMPLETED", "COMPLETED"]


def test_another_rule_that_holds_at_once_has_its_own_reason(tmp_path, capsys):
    new_tuner(tmp_path, Target(1.0)).search(loss)
    other = new_tuner(tmp_path, Target(0.95))
    other.search(loss)
    assert len(trials_of(other)) == 1
    reason = other.oracle.stop_reason
    assert reason.startswith("the best score 0.9 reached the target 0.95")
    assert new_tuner(tmp_path, None).oracle.stop_reason == reason
    capsys.readouterr()
    # Nobody wonders why it ended at once, and the journal has it already.
    journal = tmp_path / "p" / "journal.jsonl"
    before = journal.read_bytes()
    other.search(loss)
    assert capsys.readouterr().out.count(reason) == 1
    assert journal.read_bytes() == before


def test_silent_search_prints_no_reason(tmp_path, capsys):
    tuner = new_tuner(tmp_path, Target(1.0))
    tuner.oracle.verbose = 0
    tuner.search(loss)
    assert tuner.oracle.stop_reason
    assert "stopped" not in capsys.readouterr().out


def test_no_reason_is_left_once_an_interrupted_trial_goes_on(tmp_path, time):
    class Now(kt_evolution.StoppingRule):
        def reason(self, progress):
            return "now"

    def interrupt(hp):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new_tuner(tmp_path, None).search(interrupt)
    time[0] += 1.0
    stopped = new_tuner(tmp_path, Now())
    stopped.search(loss)
    assert stopped.oracle.stop_reason == "now"
    time[0] += 1.0
    going_on = new_tuner(tmp_path, None, max_trials=1)
    going_on.search(loss)
    assert len(trials_of(going_on, "COMPLETED")) == 1
    assert going_on.oracle.stop_reason is None
    assert new_tuner(tmp_path, None).oracle.stop_reason is None


def test_time_ends_with_the_search(tmp_path, time):
    class HostTuner(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            time[0] += 30.0
            return 1.0

    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = kt_evolution.EvolutionOracle(
        max_trials=2, hyperparameters=hp, stop=TimeBudget(seconds=100), seed=0
    )
    tuner = HostTuner(oracle=oracle, directory=tmp_path, project_name="p")
    tuner.search()
    time[0] += 9999.0
    assert oracle.progress().seconds == 60.0
    oracle.max_trials = None
    tuner.search()
    assert len(oracle.trials) == 4
    assert oracle.progress().seconds == 120.0


def test_time_is_kept_when_a_proposal_fails(tmp_path, time, monkeypatch):
    oracle = new_tuner(tmp_path, TimeBudget(seconds=100)).oracle
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {oracle.objective.name: 0.5})
    oracle.end_trial(trial.trial_id)
    time[0] += 60.0

    def fail(trial_id):
        raise OSError("No space is left.")

    with monkeypatch.context() as patch:
        patch.setattr(oracle, "populate_space", fail)
        with pytest.raises(OSError, match="No space"):
            oracle.create_trial("tuner0")
    assert oracle.create_trial("tuner0").status == "RUNNING"
    assert oracle.progress().seconds == 60.0


def test_a_worker_counts_from_its_own_first_trial(tmp_path, time, monkeypatch):
    tuner = fitting_tuner(tmp_path, max_trials=2)
    # Its stub of an oracle knows neither time nor rules, and it has no chief.
    monkeypatch.setattr(tuner, "_is_worker", lambda: True)
    monkeypatch.setattr(session, "beating", contextlib.nullcontext)
    monkeypatch.setattr(tuner.oracle._end, "_rules", [])
    time[0] += 500.0
    Ticking.time = time
    tuner.search(**{**FIT, "epochs": 9}, callbacks=[Ticking()])
    # Three epochs of the first trial, one of the second.
    assert len(trials_of(tuner, "COMPLETED")) == 2
    assert time[0] == 1540.0


def test_a_real_budget_cuts_training_between_epochs(tmp_path):
    tuner = fitting_tuner(tmp_path, stop=TimeBudget(seconds=2))
    epochs = []

    class Counting(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append(epoch)

        def __deepcopy__(self, memo):
            return self

    tuner.search(**{**FIT, "epochs": 100_000}, callbacks=[Counting()])
    (trial,) = trials_of(tuner, "COMPLETED")
    assert epochs == list(range(len(epochs)))
    assert 1 <= len(epochs) < 100_000
    assert tuner.oracle.stop_reason == "the time budget of 2 s is over"
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(trial.score, rel=1e-3)
