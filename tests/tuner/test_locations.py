"""The folder of a project, for all names and working directories."""

import os
import pathlib

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense

import kt_evolution


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders; the process is in the first, and back there in the end."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    return here, there


def build(hp):
    hp.Int("a", 0, 1000)
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def score(hp):
    return float(hp.get("a"))


def test_a_directory_that_cant_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    place = str(tmp_path / "file")
    with pytest.raises(ValueError) as caught:
        ScoringTuner(build, directory=place)
    text = str(caught.value)
    assert text.startswith("`directory` must be a folder in which the project")
    assert text.endswith(f"Received: directory={place!r}")


def build_with_a_bug(hp):
    return no_such_name  # noqa: F821


REFUSED = [
    {"hypermodel": build_with_a_bug},
    {"initial_population": [{"b": 1}]},
    {"warm_start": "no_such_project"},
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda one: [*one][0])
def test_a_tuner_that_cant_be_made_leaves_no_folder(tmp_path, refused):
    (tmp_path / "old").mkdir()
    place = tmp_path / "old" / "new" / "newest"
    options = {"hypermodel": build, "objective": "loss", "directory": place}
    with pytest.raises((ValueError, NameError)):
        kt_evolution.EvolutionTuner(**{**options, **refused})
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda one: [*one][0])
def test_a_tuner_that_cant_be_made_keeps_what_was_there(tmp_path, refused):
    options = {"hypermodel": build, "objective": "loss", "directory": tmp_path}
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "notes.txt").touch()
    for name in ("empty", "full"):
        with pytest.raises((ValueError, NameError)):
            kt_evolution.EvolutionTuner(
                **{**options, "project_name": name, **refused}
            )
    assert empty.is_dir()
    assert (full / "notes.txt").is_file()


def test_overwrite_of_a_link_is_refused(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "notes.txt").touch()
    link = tmp_path / "p"
    try:
        link.symlink_to(there, target_is_directory=True)
    except OSError:
        pytest.skip("links need a right that this user lacks")
    options = {"directory": tmp_path, "project_name": "p"}
    with pytest.raises(ValueError) as caught:
        ScoringTuner(build, overwrite=True, **options)
    text = str(caught.value)
    assert text.startswith("`overwrite` must be False where the folder")
    assert f"{link} leads to {there.resolve()}" in text
    assert (there / "notes.txt").is_file()
    assert ScoringTuner(build, **options).project_dir == str(link)


@pytest.mark.parametrize("directory", ["results", ".", None])
def test_a_relative_directory_is_found_after_chdir(places, directory):
    here, there = places
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        "val_loss",
        max_trials=2,
        seed=0,
        directory=directory,
        keep_checkpoints=1,
    )
    folder = here / (directory or ".") / "untitled_project"
    assert tuner.project_dir == str(folder)
    os.chdir(there)
    tuner.search(**FIT)
    trial = tuner.oracle.get_best_trials()[0]
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(trial.score, abs=1e-3)
    assert len(list(folder.glob("trial_*/checkpoint.weights.h5"))) == 1
    assert (folder / "journal.jsonl").is_file()
    assert not list(there.iterdir())


def test_a_training_may_change_the_working_directory(places):
    here, there = places

    class Wanders(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, *args, **kwargs):
            os.chdir(there)
            return model.fit(*args, **kwargs)

    def new_tuner():
        return kt_evolution.EvolutionTuner(
            Wanders(), "val_loss", max_trials=2, seed=0, directory="results"
        )

    tuner = new_tuner()
    tuner.search(**FIT)
    expected = tuner.get_best_models()[0].predict(X, verbose=0)
    assert not list(there.iterdir())
    os.chdir(here)
    again = new_tuner()
    assert len(again.oracle.get_best_trials(5)) == 2
    model = again.get_best_models()[0]
    np.testing.assert_allclose(model.predict(X, verbose=0), expected)


class Host(kt.Tuner):
    def run_trial(self, trial):
        os.chdir(self.elsewhere)
        return score(trial.hyperparameters)


def test_an_oracle_alone_finds_its_journal_after_chdir(places):
    here, there = places
    oracle = kt_evolution.EvolutionOracle(max_trials=2, seed=0)
    tuner = Host(oracle, build, directory="results")
    tuner.elsewhere = there
    tuner.search()
    lines = (here / "results/untitled_project/journal.jsonl").read_text()
    assert lines.count('"event":"end"') == 2
    assert not list(there.rglob("journal.jsonl"))


def test_a_tilde_is_the_home_of_the_user(places, monkeypatch):
    here, there = places
    monkeypatch.setenv("HOME", str(there))
    tuner = ScoringTuner(build, directory="~/kt", max_trials=1)
    tuner.search(score)
    assert (there / "kt/untitled_project/journal.jsonl").is_file()
    assert not list(here.iterdir())
    # So it is for what a search starts from.
    os.chdir(there)
    warm = ScoringTuner(
        build,
        directory="other",
        max_trials=1,
        warm_start=["~/kt/untitled_project"],
    )
    warm.search(score)
    assert warm.oracle.history.imports


def test_a_relative_warm_start_is_found_after_chdir(places):
    here, there = places
    ScoringTuner(build, directory="old", max_trials=1).search(score)
    warm = ScoringTuner(
        directory="new",
        max_trials=1,
        warm_start="old/untitled_project",
        hypermodel=build,
    )
    os.chdir(there)
    warm.search(score)
    assert warm.oracle.history.imports


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (5, "5"),
        (0, "0"),
        (np.int64(5), "5"),
        (0.1, "0.1"),
        (pathlib.Path("a/b"), "a/b"),
        ("", "untitled_project"),
        (None, "untitled_project"),
    ],
)
def test_a_project_may_be_named_by_a_number_or_a_path(tmp_path, given, name):
    tuner = ScoringTuner(
        build, directory=tmp_path, project_name=given, max_trials=1
    )
    tuner.search(score)
    assert tuner.project_dir == str(tmp_path / name)
    assert (tmp_path / name / "journal.jsonl").is_file()


@pytest.mark.parametrize(
    "name", [".", "..", "../..", "a/..", True, ["p"], b"p"]
)
def test_a_project_name_must_be_that_of_a_folder(tmp_path, name):
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises((TypeError, ValueError), match="`project_name` must"):
        ScoringTuner(
            build, directory=tmp_path, project_name=name, overwrite=True
        )
    assert kept.is_dir()


@pytest.mark.parametrize("directory", [True, ["p"], b"p"])
def test_a_directory_must_be_a_path(directory):
    with pytest.raises(TypeError, match="`directory` must.*Received"):
        ScoringTuner(build, directory=directory)
