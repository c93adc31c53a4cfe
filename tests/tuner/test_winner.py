"""The winner at hand: its values, and the defaults to compare it with."""

import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model

import kt_evolution


def build(hp):
    for i in range(hp.Int("layers", 1, 3, default=2)):
        hp.Int(f"units_{i}", 1, 9)
    with hp.conditional_scope("layers", [3]):
        if hp.get("layers") == 3:
            hp.Boolean("residual")
    return empty_model()


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    tuner = ScoringTuner(
        build,
        max_trials=12,
        seed=0,
        directory=tmp_path_factory.mktemp("winner"),
    )
    tuner.search(lambda hp: hp["layers"] + hp["units_0"] / 10)
    return tuner


def test_the_best_values_are_those_that_the_model_uses(tuner):
    best = tuner.get_best_hyperparameters()[0]
    assert best.values["layers"] == 1 and "units_1" in best.values
    assert tuner.best_values == {
        "layers": 1,
        "units_0": best.values["units_0"],
    }


def test_the_summary_has_the_used_values_only(tuner, capsys):
    tuner.results_summary(12)
    (*blocks,) = capsys.readouterr().out.split(" summary\n")[2:]
    assert len(blocks) == 12
    for block in blocks:
        layers = int(block.split("layers: ")[1][0])
        assert block.count("units_") == layers
        assert ("residual" in block) is (layers == 3)


def test_the_default_trial_is_the_one_of_the_defaults(tuner):
    assert tuner.default_trial.trial_id == tuner.oracle.start_order[0]
    assert tuner.default_trial.hyperparameters["layers"] == 2


def test_the_default_trial_is_found_by_its_values(tmp_path):
    def trained(initial, name):
        tuner = ScoringTuner(
            build,
            max_trials=3,
            seed=0,
            initial_population=initial,
            directory=tmp_path,
            project_name=name,
        )
        tuner.search(lambda hp: 1.0)
        return tuner

    other = {"layers": 3, "units_0": 5}
    defaults = {"layers": 2, "units_0": 1, "units_1": 1}
    tuner = trained([other, defaults], "a")
    assert tuner.default_trial.trial_id == tuner.oracle.start_order[1]
    tuner = trained([other, {"layers": 1}, {"layers": 3, "units_0": 2}], "b")
    assert tuner.default_trial is None


def test_without_a_result_there_are_no_best_values(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        lambda hp: build(hp), "val_loss", directory=tmp_path
    )
    assert tuner.best_values == {}
    assert tuner.default_trial is None


def test_the_summary_says_that_no_trial_is_completed(tmp_path, capsys):
    def fail(hp):
        if hp["layers"] == 2:
            raise ValueError("Two layers.")
        raise OSError("no disk")

    tuner = ScoringTuner(build, max_trials=3, seed=0, directory=tmp_path)
    tuner.results_summary()
    printed = capsys.readouterr().out
    assert printed.endswith("\nNo trial is completed.\n")
    with pytest.warns(UserWarning, match="All 3 trials failed"):
        tuner.search(fail)
    capsys.readouterr()
    tuner.results_summary()
    printed = capsys.readouterr().out
    start = "\nNo trial is completed.\n3 trials failed:\n"
    assert start in printed
    counted = printed.split(start)[1].splitlines()
    often, reasons = zip(
        *(line.split(": ", 1) for line in counted), strict=True
    )
    assert sorted(reasons) == ["OSError: no disk", "ValueError: Two layers."]
    assert often == ("  2 times", "  once")


def test_the_summary_counts_what_was_turned_down(tmp_path, capsys):
    def picky(hp):
        if hp.Choice("units", [1, 2, 3, 4]) > 2:
            raise ValueError("It is too large.")
        return empty_model()

    def tuner():
        return ScoringTuner(picky, max_trials=9, seed=0, directory=tmp_path)

    tuner().search(lambda hp: 1.0)
    capsys.readouterr()
    # As it is resumed in another process, too.
    tuner().results_summary()
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if "turned down" in line
    ]
    assert line.startswith(
        "2 proposals were turned down before training: 2 times: ValueError: "
        "It is too large. (raised in test_winner.py"
    )


def test_a_model_is_loaded_by_its_trial_not_by_an_id(tuner):
    with pytest.raises(TypeError, match="`trial` must.*Received: trial='77'"):
        tuner.load_model("77")


def test_an_interrupted_search_shows_the_winner(tmp_path, capsys):
    def score(hp):
        if len(tuner.oracle.trials) == 3:
            raise KeyboardInterrupt
        return hp["layers"]

    tuner = ScoringTuner(build, max_trials=9, seed=0, directory=tmp_path)
    tuner.search(score)
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Interrupted after 2") for line in printed)
    assert any(line.startswith("Its values: layers=") for line in printed)
    folder = tmp_path / "untitled_project"
    assert printed[-1] == (
        "Next: `tuner.results_summary()`, or in a shell "
        f"`kt-evolution report {folder}`"
    )
