"""Trials that end the process that runs them, again and again."""

import json
import os
import signal
import sys
import time
from contextlib import nullcontext

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.project.reader import read_stored
from tests.project import searches
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


def lines(folder, kind):
    text = (folder / "journal.jsonl").read_text()
    events = [json.loads(line) for line in text.splitlines()]
    return [event for event in events if event["event"] == kind]


def started(tmp_path, times, **kwargs):
    """Returns the oracle of a search that died so often in its first trial."""
    for _ in range(times):
        oracle = make_oracle(tmp_path, **kwargs)
        assert oracle.create_trial("tuner0").trial_id == "00"
    return make_oracle(tmp_path, **kwargs)


def test_trial_that_was_started_three_times_without_an_end_fails(tmp_path):
    oracle = started(tmp_path, 3)
    assert oracle.create_trial("tuner0").trial_id == "01"
    trial = oracle.get_trial("00")
    assert trial.status == "FAILED"
    assert trial.message.startswith(
        "The trial was started 3 times and never came to an end"
    )
    assert "max_starts_per_trial=3" in trial.message
    # The file says the same, also to those who only read.
    restored = make_oracle(tmp_path).get_trial("00")
    assert (restored.status, restored.message) == ("FAILED", trial.message)
    stored = read_stored(tmp_path / "p").trials[0]
    assert (stored.status, stored.message) == ("FAILED", trial.message)
    assert [len(lines(tmp_path / "p", kind)) for kind in ("start", "end")] == [
        2,
        1,
    ]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_number_of_starts_can_be_set(tmp_path, limit):
    oracle = started(tmp_path, limit, max_starts_per_trial=limit)
    assert oracle.create_trial("tuner0").trial_id == "01"
    assert f"started {limit} times" in oracle.get_trial("00").message


def test_number_of_starts_must_be_positive():
    with pytest.raises(ValueError, match="max_starts_per_trial=0"):
        kt_evolution.EvolutionOracle("loss", max_starts_per_trial=0)


def test_trial_that_ends_with_its_last_start_counts(tmp_path):
    oracle = started(tmp_path, 2)
    complete(oracle, oracle.create_trial("tuner0"), 0.5)
    assert make_oracle(tmp_path).get_best_trials()[0].score == 0.5


def test_crashes_that_are_retried_are_no_starts_without_an_end(tmp_path):
    options = {"max_retries_per_trial": 5, "max_starts_per_trial": 2}
    for _ in range(5):
        oracle = started(tmp_path, 1, **options)
        crash(oracle, oracle.create_trial("tuner0"))
    assert oracle.create_trial("tuner0").trial_id == "00"


def test_worker_that_asks_again_has_lost_its_process(tmp_path):
    """A chief lives on when its workers die."""
    oracle = make_oracle(tmp_path)
    oracle.create_trial("worker0")
    for _ in range(3):
        trial = oracle.create_trial("worker1")
        assert trial.trial_id == "01"
        # It reported, but it died before the end.
        oracle.update_trial(trial.trial_id, {"score": 7.0})
    assert oracle.create_trial("worker1").trial_id == "02"
    failed = oracle.get_trial("01")
    assert failed.status == "FAILED"
    assert not failed.metrics.exists("score")
    # The others' trials are their own.
    assert oracle.ongoing_trials["worker0"].trial_id == "00"


def test_project_without_lines_of_starts_is_resumed(tmp_path):
    """As those that older versions wrote."""
    expected = run_trials(make_oracle(tmp_path / "whole"), 6)
    oracle = started(tmp_path / "old", 2)
    values = run_trials(oracle, 3)
    oracle.create_trial("tuner0")
    path = tmp_path / "old" / "p" / "journal.jsonl"
    kept = [
        line
        for line in path.read_text().splitlines(keepends=True)
        if '"event":"start"' not in line
    ]
    path.write_text("".join(kept))
    values += run_trials(make_oracle(tmp_path / "old"), 3)
    assert values == expected


def search_that_dies(folder, how, max_trials=4):
    """Searches; the training or the fold of the third trial is fatal."""

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            searches.note(folder / "log.txt", f"begun {trial.trial_id}")
            if int(trial.trial_id) == 2:
                DEATHS[how]()
            return trial.hyperparameters.Float("x", 0.0, 1.0)

    Tuner(
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="project",
    ).search(verbose=0)


DEATHS = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segmentation fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "sys.exit": lambda: sys.exit(3),
}


@pytest.mark.parametrize("how", DEATHS)
def test_search_goes_on_after_three_deaths(tmp_path, how):
    codes = []
    while not codes or codes[-1] != 0:
        process = searches.start(search_that_dies, tmp_path, how)
        process.join()
        codes.append(process.exitcode)
        assert len(codes) <= 4
    assert len(codes) == 4
    assert searches.begun(tmp_path) == ["0", "1", "2", "2", "2", "3"]
    scores = searches.ended(tmp_path)
    assert list(scores) == ["0", "1", "2", "3"]
    assert [name for name in scores if scores[name] is None] == ["2"]


# What ends a trial from outside is not held against it.


class Interrupted(kt_evolution.EvolutionTuner):
    """Its training is ended by an error."""

    error: BaseException | None = None

    def run_trial(self, trial, *args, **kwargs):
        x = trial.hyperparameters.Float("x", 0.0, 1.0)
        if self.error is not None:
            raise self.error
        return x


def make_interrupted(tmp_path):
    return Interrupted(
        max_trials=2, seed=0, directory=tmp_path, project_name="p"
    )


ERRORS = [KeyboardInterrupt(), kt.errors.FatalError("Of all models.")]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("error", ERRORS)
def test_interrupted_starts_do_not_count(tmp_path, error, restarts):
    tuner = make_interrupted(tmp_path)
    for _ in range(5):
        tuner.error = error
        with pytest.raises(type(error)):
            tuner.search(verbose=0)
        if restarts:
            tuner = make_interrupted(tmp_path)
    tuner.error = None
    tuner.search(verbose=0)
    statuses = [trial.status for trial in tuner.oracle.trials.values()]
    assert statuses == ["COMPLETED", "COMPLETED"]
    interrupted = lines(tmp_path / "p", "interrupted")
    assert [line["trial_ids"] for line in interrupted] == 5 * [["0"]]


def test_starts_before_and_after_an_interruption_count(tmp_path):
    for error in (SystemExit(), KeyboardInterrupt(), SystemExit()):
        tuner = make_interrupted(tmp_path)
        tuner.error = error
        with pytest.raises(type(error)):
            tuner.search(verbose=0)
    tuner = make_interrupted(tmp_path)
    tuner.error = SystemExit()
    with pytest.raises(SystemExit):
        tuner.search(verbose=0)
    tuner = make_interrupted(tmp_path)
    tuner.search(verbose=0)
    assert tuner.oracle.trials["0"].status == "FAILED"
    assert "started 3 times" in tuner.oracle.trials["0"].message


def search_that_waits(folder, forks=False):
    """Searches; its first trial takes until somebody ends the process."""

    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Float("x", 0.0, 1.0)
            searches.note(folder / "log.txt", f"begun {trial.trial_id}")
            if forks:
                return x if killed_fork() == signal.SIGTERM else None
            while not (folder / "go").exists():
                time.sleep(0.01)
            return x

    Tuner(
        max_trials=2, seed=0, directory=folder, project_name="project"
    ).search(verbose=0)


def killed_fork():
    """Returns the signal that ended a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        # Python forgets the signals that come while it forks.
        os.write(writer, b".")
        # Not at once: a signal that comes just before a sleep ends none.
        for _ in range(6000):
            time.sleep(0.01)
        os._exit(0)
    os.read(reader, 1)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


def test_sigterm_does_not_count_and_ends_the_process(tmp_path):
    for number in range(1, 5):
        process = searches.start(search_that_waits, tmp_path)
        while len(searches.begun(tmp_path)) < number:
            assert process.is_alive()
            time.sleep(0.01)
        process.terminate()
        process.join()
        assert process.exitcode == -signal.SIGTERM
    (tmp_path / "go").touch()
    assert searches.run(search_that_waits, tmp_path) == 0
    assert None not in searches.ended(tmp_path).values()


def test_forks_of_a_search_end_by_sigterm_as_ever(tmp_path):
    assert searches.run(search_that_waits, tmp_path, forks=True) == 0
    assert None not in searches.ended(tmp_path).values()


@pytest.mark.parametrize("raises", [False, True])
def test_handler_of_sigterm_is_only_that_of_a_search(tmp_path, raises):
    tuner = make_interrupted(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    tuner.error = KeyboardInterrupt() if raises else None
    with pytest.raises(KeyboardInterrupt) if raises else nullcontext():
        tuner.search(verbose=0)
    assert signal.getsignal(signal.SIGTERM) is before


def test_handler_of_the_user_stays(tmp_path):
    def handler(*args):
        pass

    seen = []

    class Tuner(Interrupted):
        def run_trial(self, *args, **kwargs):
            seen.append(signal.getsignal(signal.SIGTERM))
            return super().run_trial(*args, **kwargs)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        Tuner(max_trials=1, directory=tmp_path, project_name="p").search(
            verbose=0
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [handler]
