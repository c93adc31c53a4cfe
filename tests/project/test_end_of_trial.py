"""The end of a trial: once, in any signature, with retries and failures."""

import threading

import keras
import keras_tuner as kt
import pytest

import kt_evolution
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials
from tests.project.oracles import score_of


def events_of(tmp_path):
    return (tmp_path / "p" / "journal.jsonl").read_text().splitlines()


def in_another_thread(function, *args):
    """Returns what a function returns in a thread that must not hang."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(function(*args)), daemon=True
    )
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive(), "the lock was not released"
    return results[0]


# The lock.


def test_lock_is_free_after_create_trial_raised(tmp_path, monkeypatch):
    oracle = make_oracle(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(oracle, "populate_space", lambda trial_id: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            oracle.create_trial("tuner0")
    assert in_another_thread(oracle.create_trial, "tuner1").status == "RUNNING"


def test_lock_is_free_after_update_trial_raised(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="Objective value missing"):
        oracle.update_trial(trial.trial_id, {"other": 1.0})
    in_another_thread(oracle.update_trial, trial.trial_id, {"score": 1.0})


def test_lock_is_free_after_end_trial_raised(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.status = "COMPLETED"
    with pytest.raises(ValueError, match="'score' was not reported"):
        oracle.end_trial(trial)
    in_another_thread(complete, oracle, trial)
    assert oracle.end_order == [trial.trial_id]


def test_unknown_trial_is_named(tmp_path):
    oracle = make_oracle(tmp_path)
    with pytest.raises(ValueError, match="trial_id='77'"):
        oracle.update_trial("77", {"score": 1.0})
    with pytest.raises(ValueError, match="trial_id='77'"):
        oracle.end_trial("77")


def test_many_threads_share_an_oracle(tmp_path):
    oracle = make_oracle(tmp_path, max_trials=40)

    def work(tuner_id):
        while (trial := oracle.create_trial(tuner_id)).status == "RUNNING":
            complete(oracle, trial)
        return trial.status

    threads = [
        threading.Thread(target=work, args=(f"tuner{i}",), daemon=True)
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    assert len(set(oracle.end_order)) == len(oracle.end_order) == 40
    assert oracle.ongoing_trials == {}
    assert len(make_oracle(tmp_path).get_best_trials(100)) == 40


# Signatures.


@pytest.mark.parametrize(
    "end",
    [
        lambda oracle, trial: oracle.end_trial(trial),
        lambda oracle, trial: oracle.end_trial(trial=trial),
        lambda oracle, trial: oracle.end_trial(trial.trial_id),
        lambda oracle, trial: oracle.end_trial(trial.trial_id, "COMPLETED"),
        lambda oracle, trial: oracle.end_trial(trial_id=trial.trial_id),
        lambda oracle, trial: oracle.end_trial(
            trial_id=trial.trial_id, status="COMPLETED"
        ),
    ],
)
def test_every_signature_ends_a_trial(tmp_path, end):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 2.0})
    trial.status = "COMPLETED"
    end(oracle, trial)
    assert oracle.get_trial(trial.trial_id).score == 2.0
    assert oracle.end_order == [trial.trial_id]


def test_former_signature_tells_of_a_failure(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.end_trial(trial.trial_id, "INVALID")
    assert oracle.get_trial(trial.trial_id).status == "FAILED"


def test_ending_twice_changes_nothing(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    complete(oracle, trial, 1.0)
    before = events_of(tmp_path)
    oracle.end_trial(trial)
    oracle.end_trial(trial.trial_id, "FAILED")
    assert events_of(tmp_path) == before
    assert oracle.end_order == [trial.trial_id]
    assert oracle.get_trial(trial.trial_id).score == 1.0
    # Nor does it after a restart.
    resumed = make_oracle(tmp_path)
    resumed.end_trial(trial)
    assert events_of(tmp_path) == before


# Retries.


@pytest.mark.parametrize("restarts", [False, True])
def test_retried_trials_new_result_counts(tmp_path, restarts):
    oracle = make_oracle(tmp_path, max_retries_per_trial=1)
    trial = oracle.create_trial("tuner0")
    values = dict(trial.hyperparameters.values)
    complete(oracle, trial, float("nan"))
    assert oracle.end_order == []
    if restarts:
        oracle = make_oracle(tmp_path, max_retries_per_trial=1)

    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    assert again.hyperparameters.values == values
    assert not again.metrics.exists("score")
    complete(oracle, again, 0.25)

    assert oracle.get_trial(trial.trial_id).score == 0.25
    assert oracle.get_trial(trial.trial_id).status == "COMPLETED"
    assert make_oracle(tmp_path).get_best_trials()[0].score == 0.25


@pytest.mark.parametrize("restarts", [False, True])
def test_retries_are_counted(tmp_path, restarts):
    oracle = make_oracle(tmp_path, max_retries_per_trial=2)
    runs = []
    for _ in range(4):
        trial = oracle.create_trial("tuner0")
        runs.append(trial.trial_id)
        crash(oracle, trial)
        if restarts:
            oracle = make_oracle(tmp_path, max_retries_per_trial=2)
    assert runs == ["00", "00", "00", "01"]
    assert oracle.get_trial("00").status == "FAILED"


def test_failed_trial_is_not_retried(tmp_path):
    oracle = make_oracle(tmp_path, max_retries_per_trial=2)
    crash(oracle, oracle.create_trial("tuner0"), "FAILED")
    assert oracle.create_trial("tuner0").trial_id == "01"


def test_interrupted_trial_starts_with_fresh_metrics(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": 100.0})
    # Here the process ends.
    oracle = make_oracle(tmp_path)
    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    complete(oracle, again, 1.0)
    assert oracle.get_trial(trial.trial_id).score == 1.0


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_result_that_is_not_finite_is_a_failure(tmp_path, score):
    oracle = make_oracle(tmp_path)
    complete(oracle, oracle.create_trial("tuner0"), score)
    trial = oracle.get_trial("00")
    assert trial.status == "FAILED"
    assert trial.score is None
    assert "'score' is not finite" in trial.message
    assert oracle.get_best_trials() == []
    restored = make_oracle(tmp_path)
    restored._project.open()
    assert restored.get_trial("00").message == trial.message


# Failures in a row.


def test_failures_in_a_row_end_the_search_saved(tmp_path):
    oracle = make_oracle(tmp_path, max_consecutive_failed_trials=3)
    run_trials(oracle, 1)
    for _ in range(2):
        crash(oracle, oracle.create_trial("tuner0"))
    last = oracle.create_trial("tuner0")
    with pytest.raises(RuntimeError, match="Trial 03 crashed"):
        crash(oracle, last)

    assert oracle.ongoing_trials == {}
    # A chief ends when it waits for nobody.
    assert oracle.tuner_ids == set()
    for known in (oracle, make_oracle(tmp_path)):
        assert known._project.open()
        assert known.end_order == ["00", "01", "02", "03"]
        assert known.get_trial("03").status == "FAILED"
    # Called again, the search goes on.
    run_trials(oracle, 2)


def test_only_real_failures_in_a_row_count(tmp_path):
    oracle = make_oracle(
        tmp_path, max_trials=60, max_consecutive_failed_trials=3
    )
    for _ in range(4):
        crash(oracle, oracle.create_trial("tuner0"))
        crash(oracle, oracle.create_trial("tuner0"))
        # A model that is too large, say, is no failure of the training.
        crash(oracle, oracle.create_trial("tuner0"), "FAILED")
        run_trials(oracle, 1)


def test_retries_are_not_failures(tmp_path):
    oracle = make_oracle(
        tmp_path, max_retries_per_trial=3, max_consecutive_failed_trials=2
    )
    trial = oracle.create_trial("tuner0")
    for _ in range(3):
        crash(oracle, trial)
        trial = oracle.create_trial("tuner0")
        assert trial.trial_id == "00"
    complete(oracle, trial)


def test_ten_failures_in_a_row_by_default(tmp_path):
    oracle = make_oracle(tmp_path)
    for _ in range(9):
        crash(oracle, oracle.create_trial("tuner0"))
    with pytest.raises(RuntimeError, match="10 trials in a row"):
        crash(oracle, oracle.create_trial("tuner0"))


def test_search_called_again_after_failures_trains_all_trials(tmp_path):
    class Tuner(kt_evolution.EvolutionTuner):
        is_broken = True

        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Float("x", 0.0, 1.0)
            if self.is_broken:
                raise OSError("The data are away.")
            return x

    tuner = Tuner(max_trials=15, directory=tmp_path, project_name="p")
    with pytest.raises(RuntimeError, match="The data are away"):
        tuner.search(verbose=0)
    assert len(tuner.oracle.end_order) == 10
    tuner.is_broken = False
    tuner.search(verbose=0)
    statuses = [
        tuner.oracle.get_trial(trial_id).status
        for trial_id in tuner.oracle.end_order
    ]
    # None of them had a result, so the ten have another chance.
    assert statuses == 15 * ["COMPLETED"]


# In doubt.


def test_result_that_could_not_be_saved_can_be_given_again(
    tmp_path, monkeypatch
):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    values = dict(trial.hyperparameters.values)
    oracle.update_trial(trial.trial_id, {"score": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            oracle.end_trial(trial.trial_id)
    again = oracle.create_trial("tuner0")
    assert again.trial_id == trial.trial_id
    assert again.hyperparameters.values == values
    complete(oracle, again, 2.0)
    assert make_oracle(tmp_path).get_best_trials()[0].score == 2.0


def test_trial_whose_file_could_not_be_written_is_not_run_again(
    tmp_path, monkeypatch
):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    with monkeypatch.context() as patch:
        patch.setattr(
            oracle._project.host_files, "write_trial", lambda trial: 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            complete(oracle, trial)
    assert oracle.create_trial("tuner0").trial_id == "01"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_proposal_is_made_again(tmp_path, monkeypatch, error):
    expected = run_trials(make_oracle(tmp_path / "whole"), 8)
    oracle = make_oracle(tmp_path / "interrupted")
    values = run_trials(oracle, 5)

    populate_space = oracle.populate_space

    def interrupted(trial_id):
        populate_space(trial_id)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(oracle, "populate_space", interrupted)
        with pytest.raises(error):
            oracle.create_trial("tuner0")
    assert values + run_trials(oracle, 3) == expected


def test_unfinished_trials_are_never_among_the_best(tmp_path):
    oracle = make_oracle(tmp_path)
    complete(oracle, oracle.create_trial("tuner0"))
    crash(oracle, oracle.create_trial("tuner0"))
    oracle.create_trial("tuner0")
    best = oracle.get_best_trials(10)
    assert [trial.status for trial in best] == ["COMPLETED"]
    assert best[0].score == score_of(best[0])


def test_the_hosts_numbers_become_json(tmp_path):
    import numpy as np

    oracle = make_oracle(tmp_path)
    for score in (np.int64(3), np.float32(0.5), np.float64(1.5), True, 2):
        complete(oracle, oracle.create_trial("tuner0"), score)
    scores = [trial.score for trial in oracle.get_best_trials(9)]
    assert scores == [3.0, 2.0, 1.5, 1.0, 0.5]
    restored = make_oracle(tmp_path).get_best_trials(9)
    assert [trial.score for trial in restored] == scores


def test_host_still_passes_its_tuners_trial_object(tmp_path):
    """Guards what the idempotence relies on: one object, already ended."""
    seen = []

    class Oracle(kt_evolution.EvolutionOracle):
        def end_trial(self, trial=None, status=None, trial_id=None):
            seen.append(trial is self.trials[trial.trial_id])
            super().end_trial(trial, status, trial_id)

    class Tuner(kt.engine.base_tuner.BaseTuner):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters.Float("x", 0.0, 1.0)

    Tuner(Oracle(max_trials=2), directory=tmp_path, project_name="p").search(
        verbose=0
    )
    assert seen == [True, True]


@pytest.mark.parametrize("restarts", [False, True])
def test_long_message_keeps_its_beginning_and_its_end(tmp_path, restarts):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.status = "INVALID"
    trial.message = (
        "Traceback (most recent call last):\n  File my_model.py, line 3\n"
        f"ValueError: rows differ: {'0.5, ' * 99_000}\nOnly this helps."
    )
    oracle.end_trial(trial)
    if restarts:
        oracle = make_oracle(tmp_path)

    message = oracle.get_trial(trial.trial_id).message
    assert message.startswith("Traceback")
    assert "my_model.py, line 3\nValueError: rows differ: 0.5" in message
    assert "characters left out" in message
    assert message.endswith("Only this helps.")
    assert len(message) < 11_000
    for name in ("journal.jsonl", f"trial_{trial.trial_id}/trial.json"):
        assert (tmp_path / "p" / name).stat().st_size < 20_000


def test_short_message_is_kept_whole(tmp_path):
    oracle = make_oracle(tmp_path)
    trial = oracle.create_trial("tuner0")
    trial.status = "FAILED"
    trial.message = "x" * 10_000
    oracle.end_trial(trial)
    assert make_oracle(tmp_path).get_trial("00").message == "x" * 10_000


def test_problem_of_a_model_that_can_not_be_built_is_cut(tmp_path):
    def build(hp):
        if hp.Boolean("wide"):
            raise ValueError(f"Rows differ: {'0.5, ' * 99_000}")
        hp.Int("x", 0, 99)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, verbose=0):
            return 1.0

    tuner = Tuner(build, max_trials=8, seed=0, directory=tmp_path)
    tuner.search(verbose=0)

    journal = tmp_path / "untitled_project" / "journal.jsonl"
    rejected = journal.read_text().count('"problem"')
    assert rejected
    assert journal.stat().st_size < 20_000 + 3_000 * rejected
