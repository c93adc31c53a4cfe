"""The display of a real search: in a terminal, a notebook and a log."""

import re
import warnings

import keras
import keras_tuner as kt
import pytest
from rich.console import Console
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.training.verbosity import default_verbose


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
    lines, end, closing = lines[:3], lines[3], lines[4:]
    assert [line[:6] for line in lines] == ["[1/3] ", "[2/3] ", "[3/3] "]
    assert lines[0].endswith(", default")
    assert end == (
        "The search is finished: all 3 trials of max_trials=3 have ended."
    )
    folder = tmp_path / "untitled_project"
    best, values, where, following = closing
    assert best.startswith("Best val_accuracy ") and "(trial " in best
    assert values.startswith("Its values: units=") and ", lr=" in values
    assert where == f"Results are in {folder}"
    assert following == (
        "Next: `tuner.results_summary()`, `tuner.get_best_models()[0]`, or in "
        f"a shell `kt-evolution report {folder}`"
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
    printed = capsys.readouterr().out
    assert "[1/2] trial 0: failed: RuntimeError: No luck.; " in printed


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


class Own(kt.HyperModel):
    """Searches the batch size, evaluates, and predicts, as guides do."""

    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        kwargs["batch_size"] = hp.Choice("batch_size", [16, 32])
        model.predict(x)
        result = model.fit(x, y, validation_data=validation_data, **kwargs)
        model.evaluate(*validation_data)
        return result


@pytest.mark.parametrize("verbose", [None, 1, 2])
def test_a_fit_of_the_user_shows_no_bars_unless_asked(
    tmp_path, capsys, verbose
):
    tuner = new_tuner(tmp_path, Own(), max_trials=2)
    use_terminal(tuner)
    tuner.search(**{**FIT, "verbose": verbose})
    printed = capsys.readouterr().out
    assert "2/2 trials" in printed
    assert ("/step" in printed) is (verbose == 2)


def test_a_verbose_that_the_user_passes_to_a_model_counts(tmp_path, capsys):
    class Loud(Own):
        def fit(self, hp, model, x, y, validation_data, **kwargs):
            return model.fit(x, y, 8, 1, 1, validation_data=validation_data)

    new_tuner(tmp_path, Loud(), max_trials=1).search(**without("verbose"))
    assert "/step" in capsys.readouterr().out


def test_only_the_model_of_the_trial_is_quiet_and_only_meanwhile(capsys):
    model, other = dense_model(2), dense_model(2)
    x = FIT["x"]
    with default_verbose(model, 0):
        model.predict(x)
        model.fit(x, FIT["y"], verbose="auto")
        assert capsys.readouterr().out == ""
        other.predict(x)
        assert "/step" in capsys.readouterr().out
    assert not {"fit", "evaluate", "predict"} & vars(model).keys()
    model.predict(x)
    assert "/step" in capsys.readouterr().out


def test_a_method_without_verbose_is_left_alone():
    class Odd(keras.Model):
        def fit(self, x):
            return x

    with default_verbose(Odd(), 0):
        assert Odd().fit(3) == 3


def test_a_search_that_goes_on_shows_the_best_of_before(tmp_path, capsys):
    def score(hp):
        hp.Int("x", 0, 99)
        return len(tuner.oracle.trials)

    for num_trials in (3, 5):
        tuner = ScoringTuner(max_trials=num_trials, directory=tmp_path, seed=0)
        use_terminal(tuner)
        capsys.readouterr()
        tuner.search(score)
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    last = printed[printed.rindex("made by") :].splitlines()
    assert [line.split()[:2] for line in last[1:4]] == [
        ["0", "1"],
        ["4", "5"],
        ["3", "4"],
    ]
    assert last[4].startswith("The search is finished")
    assert last[5:7] == [
        "Best default_objective 1 (trial 0)",
        f"Its values: x={tuner.best_values['x']}",
    ]
    assert last[7].startswith("Results are in ")


def score_or_reject(hp):
    if hp.Int("layers", 1, 4) > 3:
        raise ValueError("Four are too many.")
    return build_dense(hp)


def test_rejections_are_counted_at_the_end(tmp_path, capsys):
    tuner = new_tuner(
        tmp_path, score_or_reject, max_trials=5, max_model_size=60
    )
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        tuner.search(**without("verbose"))
    problems = tuner.oracle._project.state.models.problems
    num_over = sum(problem.startswith("Oversized") for problem in problems)
    assert 0 < num_over < len(problems)
    printed = capsys.readouterr().out
    assert f"\n{len(problems)} proposals were turned down before" in printed
    num_raised = len(problems) - num_over
    assert f"{num_over} times: larger than max_model_size=60" in printed
    often = "once" if num_raised == 1 else f"{num_raised} times"
    assert f"{often}: ValueError: Four are too" in printed
    texts = [str(one.message) for one in shown]
    # The user's own `raise` rejects them, as the limit does.
    assert not any("rejected" in text for text in texts)
    assert not any("limit" in text or "larger" in text for text in texts)


def score_or_fail(hp):
    if hp.Int("layers", 1, 4) > 3:
        keras.layers.Dense(-1)
    return build_dense(hp)


def test_an_error_of_a_layer_is_a_warning_once(tmp_path):
    tuner = new_tuner(tmp_path, score_or_fail, max_trials=5)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        tuner.search(**without("verbose"))
    texts = [str(one.message) for one in shown]
    (first,) = [text for text in texts if "was rejected before" in text]
    assert first.startswith("A proposed model can't be built and was rejected")
    assert "ValueError: Received an invalid value for `units`" in first
