"""Code that was written for Hyperband or BayesianOptimization."""

import warnings

import keras
import keras_tuner as kt
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import empty_model

import kt_evolution

WITHOUT_EPOCHS = {name: FIT[name] for name in FIT if name != "epochs"}
WARNING = "trains for one epoch only"


def new_tuner(folder, hypermodel=build_dense, **kwargs):
    return kt_evolution.EvolutionTuner(
        hypermodel, "val_loss", 2, seed=0, directory=folder, **kwargs
    )


@pytest.fixture
def no_epoch_warning():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", WARNING)
        yield


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("max_epochs", "give `epochs` to `search`"),
        ("factor", "give `epochs` to `search`"),
        ("hyperband_iterations", "set `max_trials` or `stop="),
        ("alpha", "leave it out"),
        ("beta", "leave it out"),
    ],
)
def test_an_argument_of_another_tuner_says_what_to_do(tmp_path, name, advice):
    expected = f"no argument `{name}`.*{advice}.*Received: {name}=40"
    with pytest.raises(TypeError, match=expected):
        new_tuner(tmp_path, **{name: 40})
    assert not any(tmp_path.iterdir())


def test_a_subclass_may_have_such_an_argument(tmp_path):
    class Scaled(ScoringTuner):
        def __init__(self, *args, factor=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.factor = factor

    tuner = Scaled(
        lambda hp: empty_model(), "val_loss", directory=tmp_path, factor=3
    )
    assert tuner.factor == 3


@pytest.mark.parametrize("folds", [None, 2])
def test_a_search_without_epochs_warns_once(tmp_path, folds):
    fit = dict(WITHOUT_EPOCHS)
    if folds:
        del fit["validation_data"]
    tuner = new_tuner(tmp_path, cross_validation=folds)
    with pytest.warns(UserWarning, match=WARNING) as caught:
        tuner.search(**fit)
    assert len([w for w in caught if WARNING in str(w.message)]) == 1
    assert len(tuner.oracle.get_best_trials(3)) == 2


@pytest.mark.usefixtures("no_epoch_warning")
class TestNoWarning:
    def test_where_epochs_are_given(self, tmp_path):
        new_tuner(tmp_path / "named").search(**FIT)
        # The fourth of `keras.Model.fit` is `epochs`.
        x, y, data = FIT["x"], FIT["y"], FIT["validation_data"]
        new_tuner(tmp_path / "placed").search(
            x, y, 32, 1, 0, validation_data=data
        )

    def test_where_the_hypermodel_may_set_them(self, tmp_path):
        class Tuned(kt.HyperModel):
            def build(self, hp):
                return build_dense(hp)

            def fit(self, hp, model, *args, **kwargs):
                epochs = hp.Int("epochs", 1, 2)
                return model.fit(*args, epochs=epochs, **kwargs)

        new_tuner(tmp_path, Tuned()).search(**WITHOUT_EPOCHS)

    def test_where_the_model_has_its_own_fit(self, tmp_path):
        class Twice(keras.Sequential):
            def fit(self, *args, **kwargs):
                return super().fit(*args, epochs=2, **kwargs)

        def build(hp):
            model = Twice([keras.Input((4,)), keras.layers.Dense(1)])
            model.compile(hp.Choice("optimizer", ["sgd", "adam"]), "mse")
            return model

        new_tuner(tmp_path, build).search(**WITHOUT_EPOCHS)

    def test_where_run_trial_is_overridden(self, tmp_path):
        tuner = ScoringTuner(
            build_dense, max_trials=2, seed=0, directory=tmp_path
        )
        tuner.search(lambda hp: hp.get("lr"))
