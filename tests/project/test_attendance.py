"""Workers of a chief that leave and come back, and their trials."""

import kt_evolution
from kt_evolution.project.attendance import Attendance
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import make_oracle


def chief(tmp_path, **kwargs):
    oracle = make_oracle(tmp_path, **kwargs)
    oracle._lifecycle.is_served = True
    return oracle, Attendance(oracle, oracle._project)


def test_next_worker_gets_the_trial_of_one_that_left(tmp_path):
    oracle, attendance = chief(tmp_path)
    trial = oracle.create_trial("a")
    assert attendance.leave("a") == trial.trial_id
    assert attendance.leave("a") is None
    assert oracle.tuner_ids == set()
    again = oracle.create_trial("b")
    assert again.trial_id == trial.trial_id
    assert again.run > trial.run
    crash(oracle, trial)
    assert oracle.end_order == []
    complete(oracle, again, 2.0)
    assert oracle.trials["00"].score == 2.0


def test_worker_that_left_may_still_report(tmp_path):
    oracle, attendance = chief(tmp_path)
    trial = oracle.create_trial("a")
    attendance.leave("a")
    complete(oracle, trial, 1.0)
    assert oracle.end_order == ["00"]
    assert oracle.create_trial("b").trial_id == "01"


def test_only_interrupted_starts_do_not_count(tmp_path):
    oracle, attendance = chief(tmp_path, max_starts_per_trial=2)
    for is_interrupted in (True, False, True, True):
        assert oracle.create_trial("a").trial_id == "00"
        attendance.leave("a", is_interrupted)
    assert oracle.create_trial("a").trial_id == "00"
    attendance.leave("a")
    assert oracle.create_trial("a").trial_id == "01"
    assert oracle.trials["00"].status == "FAILED"


def test_worker_comes_back_to_its_trial(tmp_path):
    oracle, attendance = chief(tmp_path)
    trial = oracle.create_trial("a")
    assert attendance.come_back("a", "00", trial.run)
    attendance.leave("a")
    assert attendance.come_back("a", "00", trial.run)
    assert oracle.ongoing_trials["a"].trial_id == "00"
    assert oracle.tuner_ids == {"a"}
    assert oracle.create_trial("b").trial_id == "01"


def test_worker_does_not_come_back_to_the_trial_of_another(tmp_path):
    oracle, attendance = chief(tmp_path)
    trial = oracle.create_trial("a")
    attendance.leave("a")
    again = oracle.create_trial("b")
    assert not attendance.come_back("a", "00", trial.run)
    assert not attendance.come_back("a", "no such", 1)
    # Numbers of runs can be guessed.
    assert not attendance.come_back("a", "00", again.run)
    assert oracle.ongoing_trials["b"].trial_id == "00"
    complete(oracle, again, 1.0)
    assert not attendance.come_back("a", "00", again.run)


def test_worker_does_not_come_back_to_a_crash(tmp_path):
    oracle, attendance = chief(tmp_path, max_retries_per_trial=1)
    trial = oracle.create_trial("a")
    crash(oracle, trial)
    assert not attendance.come_back("a", "00", trial.run)
    assert oracle.create_trial("b").trial_id == "00"


def test_new_chief_expects_the_workers_of_the_former(tmp_path):
    former, attendance = chief(tmp_path)
    first, second = former.create_trial("a"), former.create_trial("b")
    former.create_trial("c")
    # The trial of c is open, and c trains another one.
    attendance.leave("c")
    assert former.create_trial("d").trial_id == "02"
    attendance.leave("d")
    former._lifecycle.session.is_stopped = False
    oracle, attendance = chief(tmp_path)
    assert sorted(attendance.expect()) == ["a", "b", "d"]
    assert oracle.create_trial("e").trial_id == "03"
    # One that was started again begins its trial again.
    assert oracle.create_trial("a").trial_id == "00"
    assert attendance.come_back("b", "01", second.run)
    assert not attendance.come_back("a", "00", first.run)
    assert attendance.leave("d") == "02"
    assert oracle.create_trial("f").trial_id == "02"


def test_new_chief_does_not_expect_those_that_were_interrupted(tmp_path):
    former, _ = chief(tmp_path)
    former.create_trial("a")
    former._lifecycle.note_interruption()
    oracle, attendance = chief(tmp_path)
    assert attendance.expect() == []
    assert oracle.create_trial("b").trial_id == "00"


def test_worker_waits_for_the_last_trials_of_others(tmp_path):
    oracle, attendance = chief(tmp_path, max_trials=2)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    complete(oracle, second, 1.0)
    assert oracle.create_trial("b").status == "IDLE"
    assert not attendance.is_over()
    attendance.leave("a")
    assert not attendance.is_over()
    again = oracle.create_trial("b")
    assert again.trial_id == first.trial_id
    complete(oracle, again, 1.0)
    assert attendance.is_over()
    assert oracle.create_trial("b").status == "STOPPED"


def test_nobody_waits_once_a_rule_has_fired(tmp_path):
    oracle, attendance = chief(tmp_path, stop=kt_evolution.Target(0.5))
    oracle.create_trial("a")
    complete(oracle, oracle.create_trial("b"), 1.0)
    assert attendance.is_over()
    assert oracle.create_trial("b").status == "STOPPED"


def test_session_lasts_as_long_as_its_chief(tmp_path, capsys):
    oracle, _ = chief(tmp_path, max_trials=1)
    oracle.verbose = 1
    complete(oracle, oracle.create_trial("a"), 1.0)
    assert oracle.create_trial("a").status == "STOPPED"
    assert oracle._project.clock.is_running
    assert "Results are in" not in capsys.readouterr().out
    oracle._lifecycle.close()
    assert not oracle._project.clock.is_running
    assert "Results are in" in capsys.readouterr().out
