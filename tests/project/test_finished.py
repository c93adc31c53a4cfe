"""Whether a search is over, as a process sees it that only reads."""

import kt_evolution
from kt_evolution.project.finished import Finished
from kt_evolution.project.search_lock import FILE_NAME


class Squares(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, **kwargs):
        if trial.trial_id == self.interrupted_in:
            raise KeyboardInterrupt
        return trial.hyperparameters.Float("x", 0.0, 1.0) ** 2


def search(folder, interrupted_in=None, **kwargs):
    tuner = Squares(
        directory=folder, project_name="project", max_trials=3, **kwargs
    )
    tuner.interrupted_in = interrupted_in
    tuner.search(verbose=0)


def test_a_search_that_has_run_all_trials_is_over(tmp_path):
    folder = tmp_path / "project"
    assert Finished(folder).how(3) is None
    search(tmp_path)
    assert Finished(folder).how(3) == "all 3 trials have been run"
    assert Finished(folder).how(2) == "all 3 trials have been run"
    assert Finished(folder).how(4) is None
    assert Finished(folder).how(None) is None


def test_a_search_that_a_rule_has_stopped_is_over(tmp_path):
    search(tmp_path, stop=kt_evolution.Target(1.0))
    assert Finished(tmp_path / "project").how(3) == (
        "the best score 0 reached the target 1 with the first trial (the "
        "objective is minimized)"
    )


def test_a_search_whose_process_was_killed_is_not_over(tmp_path):
    search(tmp_path)
    # Its lock is left there.
    (tmp_path / "project" / FILE_NAME).touch()
    assert Finished(tmp_path / "project").how(3) is None


def test_an_interrupted_search_is_not_over(tmp_path):
    search(tmp_path, interrupted_in="2")
    finished = Finished(tmp_path / "project")
    assert finished.how(3) is None
    # The journal is read again once it has changed.
    search(tmp_path)
    assert finished.how(3) == "all 3 trials have been run"


def test_a_damaged_journal_is_no_end(tmp_path):
    search(tmp_path)
    (tmp_path / "project" / "journal.jsonl").write_bytes(b"\xff garbage")
    assert Finished(tmp_path / "project").how(3) is None
