"""Arguments as users give them: NumPy's numbers, None, one instead of a list.

What can only be meant in one way works. The rest is an error that names the
argument and the value.
"""

import re

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution.keras_tuner_bridge.objectives import directions_of


def build(hp):
    hp.Int("a", 0, 1000)
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def score(hp):
    return float(hp.get("a"))


def searched(folder, **kwargs):
    tuner = ScoringTuner(build, directory=folder, **{"max_trials": 3, **kwargs})
    tuner.search(score)
    return tuner


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), np.float32(3), 3.0])
def test_a_seed_may_be_a_number_of_numpy(tmp_path, seed):
    tuner = searched(tmp_path / "a", seed=seed)
    assert type(tuner.seed) is int
    assert type(tuner.oracle.seed) is int
    expected = searched(tmp_path / "b", seed=3)
    assert values_of(tuner) == values_of(expected)
    # And it is resumed.
    assert len(trials_of(searched(tmp_path / "a", seed=seed))) == 3


COUNTS = {
    "max_trials": 3,
    "max_retries_per_trial": 1,
    "max_consecutive_failed_trials": 2,
    "max_starts_per_trial": 2,
    "population_size": 4,
    "num_initial_points": 2,
    "reevaluate": 1,
    "keep_checkpoints": 1,
    "executions_per_trial": 1,
    "max_model_size": 1000,
}


@pytest.mark.parametrize("name", [*COUNTS, "seed", "trial_timeout"])
def test_what_is_too_large_for_a_float_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}=1000"):
        searched(tmp_path, **{name: 10**400})


@pytest.mark.parametrize("kind", [np.int64, np.float64, float])
def test_counts_may_be_whole_numbers_of_any_kind(tmp_path, kind):
    expected = searched(tmp_path / "a", seed=0, **COUNTS)
    counts = {name: kind(count) for name, count in COUNTS.items()}
    tuner = searched(tmp_path / "b", seed=0, **counts)
    assert values_of(tuner) == values_of(expected)
    # Trial ids have as many digits as the number of trials.
    assert list(tuner.oracle.trials) == ["0", "1", "2"]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("bad", [-1, 1.5, "2", True, np.nan])
def test_counts_must_be_whole_numbers(tmp_path, name, bad):
    with pytest.raises(ValueError, match=f"`{name}` must.*Received: {name}="):
        ScoringTuner(build, directory=tmp_path, **{name: bad})


FLAGS = ["allow_new_entries", "dry_build", "overwrite", "tune_new_entries"]


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("bad", ["no", "False", "", None, 2, []])
def test_text_is_no_boolean(tmp_path, name, bad):
    expected = f"`{name}` must be True or False. Received: {name}={bad!r}"
    with pytest.raises(TypeError, match=re.escape(expected)):
        ScoringTuner(build, directory=tmp_path, **{name: bad})
    if name in ("allow_new_entries", "tune_new_entries"):
        with pytest.raises(TypeError, match=re.escape(expected)):
            kt_evolution.EvolutionOracle("val_loss", **{name: bad})


@pytest.mark.parametrize("good", [np.True_, True, 1, np.int64(1)])
def test_a_boolean_may_be_one_of_numpy(tmp_path, good):
    flags = dict.fromkeys(FLAGS, good)
    assert len(trials_of(searched(tmp_path, **flags))) == 3


@pytest.mark.parametrize(
    ("make", "wrong", "expected"),
    [
        (
            kt_evolution.EvolutionOracle,
            {"max_trial": 3},
            "`EvolutionOracle` has no argument `max_trial`. Did you mean "
            "`max_trials`? Received: max_trial=3",
        ),
        (
            kt_evolution.EvolutionTuner,
            {"hypermodel": build, "zzz": 3},
            "`EvolutionTuner` has no argument `zzz`. Received: zzz=3",
        ),
        (
            kt_evolution.EvolutionOracle,
            {"directory": "x"},
            "`EvolutionOracle` has no argument `directory`. Received: "
            "directory='x'",
        ),
        (
            kt_evolution.Limit,
            {"what": "params", "maxi": 3},
            "`Limit` has no argument `maxi`. Did you mean `max`? Received: "
            "maxi=3",
        ),
        (
            kt_evolution.TimeBudget,
            {"hour": 2},
            "`TimeBudget` has no argument `hour`. Did you mean `hours`? "
            "Received: hour=2",
        ),
    ],
)
def test_an_argument_that_is_not_there_is_named(make, wrong, expected):
    with pytest.raises(TypeError, match=f"^{re.escape(expected)}$"):
        make(**wrong)


def test_none_is_no_limit_of_failures_but_no_number_of_retries(tmp_path):
    tuner = searched(tmp_path, max_consecutive_failed_trials=None)
    assert tuner.oracle.max_consecutive_failed_trials is None
    # The host would raise at the first trial, whatever it did.
    with pytest.raises(ValueError, match="trials` must.*at least 1.*trials=0"):
        ScoringTuner(build, directory=tmp_path, max_consecutive_failed_trials=0)
    with pytest.raises(ValueError, match="`max_retries_per_trial` must"):
        ScoringTuner(build, directory=tmp_path, max_retries_per_trial=None)


@pytest.mark.parametrize("kind", [list, tuple])
def test_objectives_may_be_a_list_or_a_tuple(tmp_path, kind):
    objectives = kind(["val_loss", "params", kt.Objective("gain", "max")])
    tuner = ScoringTuner(build, objectives, directory=tmp_path)
    assert directions_of(tuner.oracle.objective) == {
        "val_loss": "min",
        "params": "min",
        "gain": "max",
        "multi_objective": "min",
    }


@pytest.mark.parametrize(
    "bad", [{"val_loss": "min"}, 3, [None], [["val_loss"]], ["val_loss", 1]]
)
def test_what_is_no_objective_is_named(tmp_path, bad):
    expected = r"`objective` must be the name of a metric, .* or a list of them"
    with pytest.raises(TypeError, match=f"{expected}.*Received: objective="):
        ScoringTuner(build, bad, directory=tmp_path)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        (),
        ["val_loss", "val_loss"],
        ["params", kt.Objective("params", "max")],
    ],
)
def test_objectives_must_be_several_metrics(tmp_path, bad):
    with pytest.raises(ValueError, match="each of them once. Received: obj"):
        ScoringTuner(build, bad, directory=tmp_path)


def test_the_only_trial_of_a_search_has_ended(tmp_path, capsys):
    searched(tmp_path, max_trials=1)
    capsys.readouterr()
    searched(tmp_path, max_trials=1)
    assert "the trial of max_trials=1 has ended" in capsys.readouterr().out
    searched(tmp_path, max_trials=2)
    capsys.readouterr()
    searched(tmp_path, max_trials=2)
    assert "all 2 trials of max_trials=2 have" in capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        "val_loss",
        max_trials=3,
        seed=0,
        directory=tmp_path_factory.mktemp("trained"),
    )
    tuner.search(**FIT)
    return tuner


METHODS = {
    "get_best_models": "num_models",
    "get_best_hyperparameters": "num_trials",
    "results_summary": "num_trials",
    "get_pareto_models": "num_models",
    "gap_report": "num_trials",
    "get_best_trials": "num_trials",
    "recommend": "num_trials",
}


def method_of(tuner, name):
    return getattr(tuner, name, None) or getattr(tuner.oracle, name)


@pytest.mark.parametrize(("name", "argument"), METHODS.items())
@pytest.mark.parametrize("bad", [-1, 1.5, "2", True])
def test_how_many_must_be_a_whole_number(trained, name, argument, bad):
    with pytest.raises(ValueError, match=f"`{argument}` must.*{argument}="):
        method_of(trained, name)(bad)


@pytest.mark.parametrize("number", [np.int64(2), 2.0])
@pytest.mark.parametrize("name", METHODS)
def test_how_many_may_be_a_whole_number_of_any_kind(trained, name, number):
    found = method_of(trained, name)(number)
    assert len(found or []) == len(method_of(trained, name)(2) or [])


def test_none_at_all_is_a_number(trained):
    assert trained.get_best_models(0) == []
    assert trained.get_best_hyperparameters(0) == []
    assert trained.oracle.get_best_trials(0) == []


def test_a_tuner_takes_no_oracle(tmp_path):
    oracle = kt_evolution.EvolutionOracle("val_loss")
    with pytest.raises(TypeError, match="leave `oracle` out.*keras_tuner.Tune"):
        kt_evolution.EvolutionTuner(build, oracle=oracle, directory=tmp_path)


class CountsEpochs(keras.callbacks.Callback):
    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        CountsEpochs.epochs += 1


def fit(folder, tuner_class=kt_evolution.EvolutionTuner, **kwargs):
    tuner = tuner_class(
        build_dense, "val_loss", max_trials=1, seed=0, directory=folder
    )
    tuner.search(**{**FIT, **kwargs})
    return tuner


@pytest.mark.parametrize(
    ("callbacks", "epochs"),
    [
        (None, 0),
        ([], 0),
        ((), 0),
        (CountsEpochs(), 2),
        ((CountsEpochs(),), 2),
        (iter([CountsEpochs()]), 2),
    ],
)
def test_callbacks_may_be_none_one_or_several(
    tmp_path, monkeypatch, callbacks, epochs
):
    monkeypatch.setattr(CountsEpochs, "epochs", 0)
    tuner = fit(tmp_path, callbacks=callbacks, epochs=np.int64(2))
    assert len(trials_of(tuner, "COMPLETED")) == 1
    assert CountsEpochs.epochs == epochs


@pytest.mark.parametrize("callbacks", ["x", 5, [None], [5], CountsEpochs])
def test_what_is_no_callback_is_an_error(tmp_path, callbacks):
    with pytest.raises(TypeError, match="`callbacks` must.*Received"):
        fit(tmp_path, callbacks=callbacks)


@pytest.mark.parametrize(
    "callbacks", [None, CountsEpochs(), (CountsEpochs(),), [CountsEpochs()]]
)
def test_run_trial_of_the_tuner_takes_callbacks_as_search_does(
    tmp_path, monkeypatch, callbacks
):
    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, *args, **kwargs):
            kwargs["callbacks"] = callbacks
            return super().run_trial(trial, *args, **kwargs)

    monkeypatch.setattr(CountsEpochs, "epochs", 0)
    tuner = fit(tmp_path, Tuner)
    assert len(trials_of(tuner, "COMPLETED")) == 1
    assert CountsEpochs.epochs == (callbacks is not None)


def test_a_model_that_is_not_compiled_is_an_error_at_once(tmp_path):
    def uncompiled(hp):
        units = hp.Int("units", 1, 9)
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])

    tuner = kt_evolution.EvolutionTuner(
        uncompiled, "val_loss", max_trials=3, directory=tmp_path
    )
    with pytest.raises(ValueError, match="build must return a compiled model"):
        tuner.search(**FIT)
    assert not trials_of(tuner, "FAILED")


def test_only_the_trial_of_a_later_model_that_is_not_compiled_fails(tmp_path):
    def partly_compiled(hp):
        units = hp.Int("units", 1, 4)
        model = dense_model(units)
        return keras.Sequential(model.layers) if units > 1 else model

    tuner = kt_evolution.EvolutionTuner(
        partly_compiled, "val_loss", max_trials=2, directory=tmp_path
    )
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 1
    assert len(trials_of(tuner, "FAILED")) == 1


@pytest.mark.parametrize("kwargs", [{}, {"x": None, "y": None}])
def test_a_search_without_data_is_an_error_at_once(tmp_path, kwargs):
    tuner = kt_evolution.EvolutionTuner(
        build_dense, "val_loss", max_trials=1, directory=tmp_path
    )
    with pytest.raises(ValueError, match="`search` must get the data"):
        tuner.search(**kwargs)
    # Nothing is spent.
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 1


ROWS = np.zeros((6, 2))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"x": ROWS[:0], "y": ROWS[:0]},
            r"`x` must have at least one row. Received: x of shape \(0, 2\)",
        ),
        (
            {"x": {"a": ROWS, "b": ROWS[:5]}, "y": ROWS},
            "`x` must have one row for each row of `x`. Received: 5 rows of x",
        ),
        (
            {"x": ROWS, "y": ROWS[:5]},
            "`y` must have one row for each row of `x`. Received: 5 rows of y,"
            " 6 of x",
        ),
        (
            {"x": ROWS, "y": ROWS, "sample_weight": np.ones(7)},
            "`sample_weight` must have one row for each row of `x`",
        ),
        (
            {"x": ROWS, "y": ROWS, "validation_data": (ROWS[:0], ROWS[:0])},
            r"`validation_data\[0\]` must have at least one row",
        ),
        (
            {"x": ROWS, "y": ROWS, "validation_data": (ROWS, ROWS[1:])},
            r"`validation_data\[1\]` must have one row for each row of "
            r"`validation_data\[0\]`",
        ),
    ],
)
def test_rows_that_no_model_can_be_trained_on(tmp_path, kwargs, message):
    tuner = kt_evolution.EvolutionTuner(
        build_dense, "val_loss", max_trials=1, directory=tmp_path
    )
    with pytest.raises(ValueError, match=message):
        tuner.search(**kwargs, verbose=0)
    # Nothing is spent.
    assert not trials_of(tuner, "FAILED")
    tuner.search(**FIT)
    assert len(trials_of(tuner, "COMPLETED")) == 1


@pytest.mark.parametrize("epochs", [0, -1, None, 2.0, "2"])
def test_epochs_must_be_a_whole_number(tmp_path, epochs):
    with pytest.raises(ValueError, match="`epochs` must.*Received: epochs="):
        fit(tmp_path, epochs=epochs)


@pytest.mark.parametrize("initial_epoch", [3, 4, -1, None, 1.0])
def test_an_epoch_must_be_left_to_train(tmp_path, initial_epoch):
    expected = f"Received: initial_epoch={initial_epoch!r}, epochs=3"
    with pytest.raises(ValueError, match=f"`initial_epoch` must.*{expected}"):
        fit(tmp_path, epochs=3, initial_epoch=initial_epoch)
    assert len(trials_of(fit(tmp_path, initial_epoch=0), "COMPLETED")) == 1


def batches(number):
    for _ in range(number):
        yield X, Y


@pytest.mark.parametrize(
    ("name", "steps"),
    [("x", "steps_per_epoch"), ("validation_data", "validation_steps")],
)
def test_a_generator_must_have_data_for_all_trials(tmp_path, name, steps):
    data = {**FIT, "batch_size": None, name: batches(2)}
    if name == "x":
        data["y"] = None
    expected = f"`{name}` must not be a generator that ends.*{steps}=None"
    with pytest.raises(kt.errors.FatalTypeError, match=expected):
        fit(tmp_path, **data)
    ended = batches(0)
    assert not list(ended)
    expected = f"`{name}` must not be a generator that ends.*{steps}=1"
    with pytest.raises(kt.errors.FatalTypeError, match=expected):
        fit(tmp_path, **data | {name: ended, steps: 1})
    tuner = fit(tmp_path, **data | {name: batches(9), steps: 1})
    assert len(trials_of(tuner, "COMPLETED")) == 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("epoch", "`epoch`. Did you mean `epochs`? Received: epoch=5"),
        ("zzz", "no argument `zzz`. Received: zzz=5"),
    ],
)
def test_arguments_that_fit_does_not_have_are_an_error_at_once(
    tmp_path, argument, message
):
    with pytest.raises(TypeError, match=re.escape(message)):
        fit(tmp_path, **{argument: 5})
    # Nothing is spent.
    assert len(trials_of(fit(tmp_path), "COMPLETED")) == 1


def test_a_fit_of_a_model_may_have_further_arguments(tmp_path):
    class Model(keras.Sequential):
        def fit(self, *args, epoch, **kwargs):
            return super().fit(*args, **kwargs)

    def build_own(hp):
        hp.Int("units", 1, 9)
        model = Model([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    tuner = kt_evolution.EvolutionTuner(
        build_own, "val_loss", max_trials=1, directory=tmp_path
    )
    tuner.search(**FIT, epoch=1)
    assert len(trials_of(tuner, "COMPLETED")) == 1


@pytest.mark.parametrize("verbose", [None, np.int64(0), "auto"])
def test_verbose_may_be_left_to_the_default(tmp_path, verbose):
    tuner = fit(tmp_path, verbose=verbose)
    assert len(trials_of(tuner, "COMPLETED")) == 1


@pytest.mark.parametrize("verbose", ["x", -1, 1.5, np.array([1, 2])])
def test_verbose_must_be_a_number_or_left_to_the_default(tmp_path, verbose):
    with pytest.raises(ValueError, match="`verbose` must.*Received: verbose="):
        fit(tmp_path, verbose=verbose)


def search(folder, *args, **kwargs):
    """Searches with positional arguments of `fit`."""
    tuner = kt_evolution.EvolutionTuner(
        build_dense, "val_loss", max_trials=1, seed=0, directory=folder
    )
    tuner.search(*args, **kwargs)
    return tuner


def test_all_arguments_of_fit_may_be_positional(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(CountsEpochs, "epochs", 0)
    callbacks = [CountsEpochs()]
    tuner = search(tmp_path / "a", X, Y, 32, 2, 0, callbacks, 0.0, (X, Y))
    assert CountsEpochs.epochs == 2
    # `verbose` was 0.
    assert capsys.readouterr().out == ""
    assert len(trials_of(tuner, "COMPLETED")) == 1
    search(tmp_path / "b", X, Y, 32, 2, True, None, 0.0, (X, Y))
    assert capsys.readouterr().out


def test_an_argument_of_fit_must_be_given_once(tmp_path):
    with pytest.raises(
        TypeError, match="`verbose` must.*not twice.*0 and verb"
    ):
        search(tmp_path, X, Y, 32, 1, 0, verbose=2)
    with pytest.raises(TypeError, match="`y` must be .* not twice"):
        search(tmp_path, X, Y, y=Y)
    with pytest.raises(TypeError, match="at most 16 .* Received: 17"):
        search(tmp_path, *range(17))


def test_a_fit_of_the_user_gets_its_positional_arguments(tmp_path):
    class Fits(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, a, b, c, d, e, callbacks):
            return {"val_loss": float(f"0.{a}{b}{c}{d}{e}")}

    tuner = kt_evolution.EvolutionTuner(
        Fits(), "val_loss", max_trials=1, directory=tmp_path
    )
    tuner.search(1, 2, 3, 4, 5)
    assert tuner.oracle.get_trial("0").score == 0.12345


def test_a_hypermodel_may_have_data_of_its_own(tmp_path):
    class HasData(kt.HyperModel):
        def build(self, hp):
            return build_dense(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, **{**FIT, **kwargs})

    tuner = kt_evolution.EvolutionTuner(
        HasData(), "val_loss", max_trials=1, directory=tmp_path
    )
    tuner.search()
    assert len(trials_of(tuner, "COMPLETED")) == 1


class OwnFit(kt.HyperModel):
    def build(self, hp):
        return build_dense(hp)

    def fit(self, hp, model, *args, **kwargs):
        return {"other": 1.0}


class OwnRunTrial(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, *args, **kwargs):
        return {"other": 1.0}


@pytest.mark.parametrize(
    ("tuner_class", "hypermodel", "source"),
    [
        (kt_evolution.EvolutionTuner, OwnFit(), "HyperModel.fit"),
        (OwnRunTrial, build_dense, "run_trial"),
    ],
)
def test_errors_name_the_function_that_the_user_wrote(
    tmp_path, tuner_class, hypermodel, source
):
    tuner = tuner_class(hypermodel, "val_loss", directory=tmp_path)
    with pytest.raises(ValueError, match=f"metrics that {source} returns"):
        tuner.search(**FIT)


def test_errors_name_no_run_trial_that_the_user_did_not_write(tmp_path):
    class ForgetsTheObjective(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            del logs["val_loss"]

    tuner = kt_evolution.EvolutionTuner(
        build_dense, "val_loss", directory=tmp_path
    )
    with pytest.raises(ValueError, match="`objective` must") as caught:
        tuner.search(**FIT, callbacks=[ForgetsTheObjective()])
    assert "run_trial" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("max_trails", "max_trials"), ("project_nam", "project_name")],
)
def test_a_misspelled_argument_is_told_with_what_was_meant(
    tmp_path, wrong, right
):
    with pytest.raises(TypeError, match=f"Did you mean `{right}`"):
        kt_evolution.EvolutionTuner(
            lambda hp: None, "val_loss", directory=tmp_path, **{wrong: 3}
        )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("val_accurcy", "val_accuracy"), ("val_los", "val_loss")],
)
def test_a_misspelled_objective_is_told_with_what_was_meant(wrong, right):
    with pytest.raises(ValueError, match=f'Did you mean "{right}"'):
        kt_evolution.EvolutionOracle(wrong)
