"""Failures in a row are counted over restarts, as if there had been none."""

import json

import pytest

from kt_evolution.project.journal import Journal
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle


def lines(folder):
    text = (folder / "p" / "journal.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        for name in ("time", "session", "seconds", "began", "message"):
            line.pop(name, None)
    return [line for line in found if line["event"] != "start"]


def fail(oracle, how):
    trial = oracle.create_trial("tuner0")
    if how == "raises":
        crash(oracle, trial)
    else:
        complete(oracle, trial, float("nan"))


@pytest.mark.parametrize("how", ["raises", "NaN"])
@pytest.mark.parametrize("limit", [1, 3])
def test_the_limit_counts_over_restarts(tmp_path, how, limit):
    options = {"max_consecutive_failed_trials": limit}
    whole = make_oracle(tmp_path / "whole", **options)
    for _ in range(limit - 1):
        fail(whole, how)
    with pytest.raises(RuntimeError, match=f"{limit} trials in a row failed"):
        fail(whole, how)

    for _ in range(limit - 1):
        fail(make_oracle(tmp_path / "parts", **options), how)
    with pytest.raises(RuntimeError, match=f"{limit} trials in a row failed"):
        fail(make_oracle(tmp_path / "parts", **options), how)
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")


@pytest.mark.parametrize("how", ["raises", "NaN"])
@pytest.mark.parametrize("limit", [1, 2])
def test_killed_between_the_last_failure_and_the_end(
    tmp_path, monkeypatch, how, limit
):
    options = {"max_consecutive_failed_trials": limit}

    class Killed(BaseException):
        pass

    def failing(folder):
        oracle = make_oracle(folder, **options)
        for _ in range(limit):
            fail(oracle, how)

    with pytest.raises(RuntimeError):
        failing(tmp_path / "whole")

    append = Journal.append

    def killed(journal, line):
        if json.loads(line)["event"] == "stop":
            raise Killed
        append(journal, line)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", killed)
        with pytest.raises(Killed):
            failing(tmp_path / "killed")
    resumed = make_oracle(tmp_path / "killed", **options)
    with pytest.raises(RuntimeError, match=f"{limit} trials in a row failed"):
        resumed.create_trial("tuner0")
    assert lines(tmp_path / "killed") == lines(tmp_path / "whole")
    # The cause was fixed: the failed trials are run again.
    fixed = make_oracle(tmp_path / "killed", **options)
    trial = fixed.create_trial("tuner0")
    assert trial.trial_id == "00"
    complete(fixed, trial)


def test_after_a_result_the_same_code_goes_on(tmp_path):
    options = {"max_consecutive_failed_trials": 2}
    oracle = make_oracle(tmp_path, **options)
    complete(oracle, oracle.create_trial("tuner0"))
    fail(oracle, "raises")
    with pytest.raises(RuntimeError, match="2 trials in a row"):
        fail(oracle, "raises")
    resumed = make_oracle(tmp_path, **options)
    fail(resumed, "raises")
    with pytest.raises(RuntimeError, match="2 trials in a row"):
        fail(make_oracle(tmp_path, **options), "raises")


def test_a_result_in_between_starts_the_count_again(tmp_path):
    options = {"max_consecutive_failed_trials": 2}
    for number in range(6):
        oracle = make_oracle(tmp_path, **options)
        if number % 2:
            complete(oracle, oracle.create_trial("tuner0"))
        else:
            fail(oracle, "raises")


def test_what_the_user_gave_up_does_not_count(tmp_path):
    options = {"max_consecutive_failed_trials": 1}
    oracle = make_oracle(tmp_path, **options)
    crash(oracle, oracle.create_trial("tuner0"), "FAILED")
    resumed = make_oracle(tmp_path, **options)
    assert resumed.create_trial("tuner0").trial_id == "01"
