"""Files beside the journal that a kill or a disk left empty or torn."""

import shutil

import keras_tuner as kt
import numpy as np
import pytest
from sklearn.linear_model import Ridge

import kt_evolution
from kt_evolution.reporting import read_search

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = X[:, 0] + 1


def new_oracle(objective, max_trials):
    return kt_evolution.EvolutionOracle(
        objective=objective, max_trials=max_trials, seed=0
    )


class PlainTuner(kt.Tuner):
    """The host's tuner."""

    def run_trial(self, trial):
        return float(trial.hyperparameters.Int("x", 0, 99))


def search_plain(folder, max_trials):
    tuner = PlainTuner(
        new_oracle(None, max_trials), directory=folder, project_name="p"
    )
    tuner.search()
    return tuner


def search_sklearn(folder, max_trials):
    tuner = kt.SklearnTuner(
        new_oracle(kt.Objective("score", "max"), max_trials),
        lambda hp: Ridge(hp.Float("alpha", 0.1, 1.0)),
        directory=folder,
        project_name="p",
    )
    tuner.search(X, Y)
    return tuner


class CountingTuner(kt.engine.base_tuner.BaseTuner):
    """A tuner with a state of its own."""

    num_runs = 0

    def run_trial(self, trial):
        self.num_runs += 1
        return float(trial.hyperparameters.Int("x", 0, 99))

    def get_state(self):
        return {"num_runs": self.num_runs}

    def set_state(self, state):
        self.num_runs = state["num_runs"]


def search_counting(folder, max_trials):
    tuner = CountingTuner(
        new_oracle(None, max_trials), directory=folder, project_name="p"
    )
    tuner.search()
    return tuner


class OwnTuner(kt_evolution.EvolutionTuner):
    num_runs = 0
    run_trial = CountingTuner.run_trial
    get_state = CountingTuner.get_state
    set_state = CountingTuner.set_state


def search_own(folder, max_trials, **kwargs):
    tuner = OwnTuner(
        max_trials=max_trials,
        seed=0,
        directory=folder,
        project_name="p",
        **kwargs,
    )
    tuner.search()
    return tuner


def search_own_with_id(folder, max_trials):
    return search_own(folder, max_trials, tuner_id="me")


TEXTS = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "not text": lambda content: b"\x00\xff{",
    "no dict": lambda content: b"null",
}


def check_resumed(tuner, folder):
    assert len(tuner.oracle.end_order) == 3
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    tuner.results_summary()
    assert len(tuner.get_best_hyperparameters(9)) == 3
    seen = read_search(folder / "p")
    assert not seen.problems
    assert len(seen.trials) == 3


@pytest.mark.filterwarnings("ignore:.*is damaged:UserWarning")
@pytest.mark.filterwarnings("ignore:.*already been loaded:UserWarning")
@pytest.mark.parametrize(
    "search",
    [
        search_plain,
        search_sklearn,
        search_counting,
        search_own,
        search_own_with_id,
    ],
)
def test_damaged_file_beside_the_journal_never_stops_a_resume(tmp_path, search):
    whole = tmp_path / "whole"
    search(whole, 2)
    names = [
        path.relative_to(whole)
        for path in whole.rglob("*")
        if path.suffix == ".json"
    ]
    assert len(names) >= 4
    for name in names:
        for kind, damage in TEXTS.items():
            folder = tmp_path / kind / name.stem
            shutil.copytree(whole, folder)
            (folder / name).write_bytes(damage((folder / name).read_bytes()))

            check_resumed(search(folder, 3), folder)

            shutil.rmtree(folder)


@pytest.mark.parametrize("search", [search_counting, search_own_with_id])
def test_state_of_a_tuner_is_restored_or_said_to_be_lost(tmp_path, search):
    search(tmp_path, 2)
    assert search(tmp_path, 3).num_runs == 3
    name = "me.json" if search is search_own_with_id else "tuner0.json"
    (tmp_path / "p" / name).write_bytes(b'{"num_ru')

    with pytest.warns(UserWarning, match=f"{name} is damaged"):
        assert search(tmp_path, 4).num_runs == 1

    assert search(tmp_path, 5).num_runs == 2


@pytest.mark.parametrize("search", [search_counting, search_own])
def test_folder_in_the_place_of_a_tuners_state_is_set_aside(tmp_path, search):
    search(tmp_path, 2)
    path = tmp_path / "p" / "tuner0.json"
    path.unlink()
    path.mkdir()
    (path / "kept").touch()

    with pytest.warns(UserWarning, match=r"tuner0\.json is damaged"):
        check_resumed(search(tmp_path, 3), tmp_path)

    assert path.is_file()
    assert path.with_name("tuner0.json.damaged").joinpath("kept").exists()


def test_worker_that_has_a_name_of_its_own_resumes(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "gpu_3")
    search_counting(tmp_path, 2)
    path = tmp_path / "p" / "gpu_3.json"
    path.write_bytes(b'{"num_ru')

    with pytest.warns(UserWarning, match="gpu_3.json is damaged"):
        check_resumed(search_counting(tmp_path, 3), tmp_path)

    # What may be left of it is kept.
    assert path.with_name("gpu_3.json.damaged").read_bytes() == b'{"num_ru'
