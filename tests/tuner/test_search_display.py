"""The display of a real search: in a terminal, a notebook and a log."""

import keras_tuner as kt
import pytest
from rich.console import Console
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution


def new_tuner(folder, build=build_dense, **kwargs):
    options = {"max_trials": 3, "seed": 0, "directory": folder, **kwargs}
    return kt_evolution.EvolutionTuner(build, "val_accuracy", **options)


def without(name, fit=FIT):
    return {key: value for key, value in fit.items() if key != name}


def use_terminal(tuner):
    tuner.oracle._display._console = Console(
        force_terminal=True, width=120, highlight=False
    )


def test_a_log_has_one_line_for_each_trial(tmp_path, capsys):
    new_tuner(tmp_path).search(**without("verbose"))
    lines = capsys.readouterr().out.strip().splitlines()
    *lines, end = lines
    assert [line[:6] for line in lines] == ["[1/3] ", "[2/3] ", "[3/3] "]
    assert lines[0].endswith(", default")
    assert end == (
        "The search is finished: all 3 trials of max_trials=3 have ended."
    )


def test_a_silent_search_says_nothing(tmp_path, capsys):
    tuner = new_tuner(tmp_path, max_trials=6, reevaluate=2)
    tuner.search(**{**FIT, "verbose": 0})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_terminal_has_the_display_and_bars_if_asked(
    tmp_path, capsys, verbose
):
    tuner = new_tuner(tmp_path)
    use_terminal(tuner)
    tuner.search(**{**FIT, "verbose": verbose})
    printed = capsys.readouterr().out
    assert "3/3 trials" in printed
    assert "made by" in printed
    assert ("s/step" in printed) is (verbose == 2)


def test_a_notebook_is_updated_in_place(tmp_path, monkeypatch, capsys):
    ipython = pytest.importorskip("IPython")
    shown = []

    class Handle:
        def update(self, frame):
            shown.append(frame._repr_mimebundle_((), ())["text/plain"])

    monkeypatch.setattr(
        ipython.display, "display", lambda frame, display_id: Handle()
    )
    tuner = new_tuner(tmp_path)
    console = Console(force_jupyter=True, width=120)
    tuner.oracle._display._console = console
    tuner.search(**without("verbose"))
    assert "3/3 trials" in shown[-1]


def test_failures_are_shown(tmp_path, capsys):
    tuner = ScoringTuner(max_trials=2, directory=tmp_path)

    def fail(hp):
        hp.Int("x", 0, 9)
        raise RuntimeError("No luck.")

    with pytest.warns(UserWarning, match="All 2 trials failed"):
        tuner.search(fail)
    assert "[1/2] trial 0: failed; " in capsys.readouterr().out


class Interrupted(kt.HyperModel):
    """Is interrupted in its third training."""

    def __init__(self):
        super().__init__()
        self.trainings = 0

    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, *args, **kwargs):
        self.trainings += 1
        if self.trainings == self.interrupted_at:
            raise KeyboardInterrupt
        return model.fit(*args, verbose=0, **without("verbose", kwargs))


def test_an_interrupt_ends_cleanly_and_the_search_goes_on(tmp_path, capsys):
    hypermodel = Interrupted()
    hypermodel.interrupted_at = 3
    tuner = new_tuner(tmp_path, hypermodel)
    tuner.search(**FIT)
    printed = capsys.readouterr().out
    assert "Interrupted after 2 trials; best val_accuracy" in printed
    assert len(tuner.get_best_models(2)) == 2
    interrupted = trials_of(tuner)[2]
    tuner.search(**FIT)
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 3
    assert trials[2].trial_id == interrupted.trial_id
    assert trials[2].hyperparameters.values == (
        interrupted.hyperparameters.values
    )


def test_an_interrupt_before_any_result_is_raised(tmp_path, capsys):
    hypermodel = Interrupted()
    hypermodel.interrupted_at = 1
    with pytest.raises(KeyboardInterrupt):
        new_tuner(tmp_path, hypermodel).search(**FIT)
    assert "no trial completed yet" in capsys.readouterr().out


def test_a_fit_of_ones_own_keeps_its_own_verbosity(tmp_path):
    seen = []

    class Own(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, x, y, validation_data, callbacks, **kwargs):
            seen.append(kwargs)
            return model.fit(x, y, validation_data=validation_data, verbose=0)

    new_tuner(tmp_path / "a", Own(), max_trials=1).search(**without("verbose"))
    assert "verbose" not in seen[-1]
    new_tuner(tmp_path / "b", Own(), max_trials=1).search(**FIT)
    assert seen[-1]["verbose"] == 0
