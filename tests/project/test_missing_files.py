"""A folder or files of it are gone, while a search runs or before it."""

import re
import shutil

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.project.journal import JournalError
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


def build(hp):
    hp.Int("x", 0, 99)


class Tuner(kt_evolution.EvolutionTuner):
    """A tuner that scores by x, and lets a test act in the fourth trial."""

    def run_trial(self, trial, act=None, verbose=0):
        if trial.trial_id == "03" and act is not None:
            act()
        return float(trial.hyperparameters.get("x"))


def make_tuner(folder, **kwargs):
    options = {
        "max_trials": 10,
        "seed": 0,
        "dry_build": False,
        "directory": folder,
        "project_name": "project",
        **kwargs,
    }
    return Tuner(build, **options)


def move_folder(folder):
    shutil.move(folder / "project", folder / "elsewhere")


def move_journal(folder):
    (folder / "project" / "journal.jsonl").rename(folder / "journal.jsonl")


def remake_folder(folder):
    move_folder(folder)
    (folder / "project").mkdir()


def put_back(folder):
    if (folder / "journal.jsonl").exists():
        (folder / "journal.jsonl").rename(folder / "project" / "journal.jsonl")
    else:
        shutil.rmtree(folder / "project", ignore_errors=True)
        shutil.move(folder / "elsewhere", folder / "project")


@pytest.mark.parametrize(
    "take_away", [move_folder, move_journal, remake_folder]
)
@pytest.mark.parametrize("in_same_process", [True, False])
def test_journal_that_is_gone_is_told_and_memory_stays(
    tmp_path, take_away, in_same_process
):
    tuner = make_tuner(tmp_path)
    with pytest.raises(JournalError, match="is gone") as caught:
        tuner.search(lambda: take_away(tmp_path), verbose=0)

    assert "deleted or moved while the search ran" in str(caught.value)
    assert "another process" not in str(caught.value)
    assert not (tmp_path / "project" / "journal.jsonl").exists()
    best = tuner.get_best_hyperparameters(9)
    scores = [hp.get("x") for hp in best]
    assert len(scores) == 3
    assert scores == sorted(scores)

    put_back(tmp_path)
    if not in_same_process:
        tuner = make_tuner(tmp_path)
    tuner.search(verbose=0)
    whole = make_tuner(tmp_path / "whole")
    whole.search(verbose=0)
    assert [t.score for t in tuner.oracle.trials.values()] == [
        t.score for t in whole.oracle.trials.values()
    ]


def test_folder_that_another_tuner_began_anew_is_told(tmp_path):
    def begin_anew():
        other = make_tuner(tmp_path, overwrite=True)
        other.oracle.create_trial("tuner0")

    with pytest.raises(JournalError, match="began anew in the folder"):
        make_tuner(tmp_path).search(begin_anew, verbose=0)

    resumed = make_tuner(tmp_path)
    assert list(resumed.oracle.trials) == ["00"]


def test_folder_deleted_before_the_first_trial_is_made(tmp_path):
    tuner = make_tuner(tmp_path, max_trials=2)
    shutil.rmtree(tmp_path / "project")
    tuner.search(verbose=0)
    assert len(tuner.oracle.end_order) == 2


@pytest.mark.parametrize("rest", [None, b""])
def test_journal_lost_with_trials_offers_warm_start(tmp_path, rest):
    folder = tmp_path / "it's here"
    tuner = make_tuner(folder, max_trials=4)
    tuner.search(verbose=0)
    journal = folder / "project" / "journal.jsonl"
    journal.unlink()
    if rest is not None:
        journal.write_bytes(rest)

    with pytest.raises(RuntimeError, match="can't be continued") as caught:
        make_tuner(folder)
    assert "has trials but no journal.jsonl" in str(caught.value)
    line = re.search(r"EvolutionTuner\(\.\.\., (.*)\)\n", str(caught.value))
    # It is the code to run.
    arguments = eval(f"dict({line[1]})")

    rescued = make_tuner(
        folder, objective=kt.Objective("default_objective", "min"), **arguments
    )
    rescued.search(verbose=0)
    assert rescued.project_name == "project_2"
    assert len(rescued.oracle.history.imports) == 4
    first = rescued.oracle.trials["00"]
    assert first.score == min(t.score for t in tuner.oracle.trials.values())


def test_stock_project_is_offered_as_a_warm_start(tmp_path):
    stock = kt.RandomSearch(
        build, objective="val_loss", directory=tmp_path, project_name="p"
    )
    stock.oracle.create_trial("tuner0")
    oracle = make_oracle(tmp_path)
    with pytest.raises(RuntimeError, match="warm_start=") as caught:
        run_trials(oracle, 1)
    assert f"warm_start={str(tmp_path / 'p')!r}" in str(caught.value)
