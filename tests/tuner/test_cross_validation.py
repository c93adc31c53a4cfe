"""`cross_validation`: the score of a trial is the mean over its folds."""

import time

import keras
import keras_tuner as kt
import numpy as np
import pytest
from sklearn import model_selection
from sklearn.datasets import load_breast_cancer
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.training.cross_validation import CrossValidation


class RecordingModel(kt.HyperModel):
    """Notes the data of each training, and scores by what it is given."""

    def __init__(self, build=build_dense):
        super().__init__()
        self.wrapped = build
        self.seen = []

    def build(self, hp):
        return self.wrapped(hp)

    def fit(self, hp, model, x, y=None, validation_data=None, **kwargs):
        self.seen.append((x, y, validation_data, kwargs))
        return {"val_loss": float(len(self.seen))}


def search(folder, *args, cross_validation=4, hypermodel=None, **kwargs):
    hypermodel = hypermodel or RecordingModel()
    tuner = kt_evolution.EvolutionTuner(
        hypermodel,
        kt.Objective("val_loss", "min"),
        max_trials=2,
        seed=0,
        cross_validation=cross_validation,
        directory=folder,
    )
    tuner.search(*args, **kwargs)
    return tuner, hypermodel.seen


ROWS = np.arange(40, dtype="float32").reshape(20, 2)
CLASSES = np.arange(20) % 2


class SlowModel(RecordingModel):
    def fit(self, *args, **kwargs):
        time.sleep(0.05)
        return super().fit(*args, **kwargs)


def test_a_time_budget_may_end_a_trial_before_its_spread_is_known(tmp_path):
    options = {
        "objective": "val_loss",
        "max_trials": 2,
        "seed": 0,
        "cross_validation": 2,
        "stop": kt_evolution.TimeBudget(seconds=0.01),
        "limits": kt_evolution.Limit("score_std", max=1.0),
        "directory": tmp_path,
    }
    model = SlowModel()
    tuner = kt_evolution.EvolutionTuner(model, **options)
    with pytest.warns(UserWarning, match="score_std.* counts as kept"):
        tuner.search(ROWS, CLASSES)
    assert len(model.seen) == 1
    again = kt_evolution.EvolutionTuner(model, **options)
    assert [trial.score for trial in trials_of(again)] == [1.0]


def test_each_row_validates_once_in_each_trial(tmp_path):
    tuner, seen = search(tmp_path, ROWS, CLASSES, epochs=3)
    assert len(seen) == 8
    for trial in (seen[:4], seen[4:]):
        validated = np.concatenate(
            [validation[0] for *_, validation, _ in trial]
        )
        assert sorted(validated[:, 0]) == ROWS[:, 0].tolist()
        for x, y, validation, kwargs in trial:
            rows = np.concatenate([x, validation[0]])
            assert sorted(rows[:, 0]) == ROWS[:, 0].tolist()
            np.testing.assert_array_equal(y, CLASSES[(x[:, 0] / 2).astype(int)])
            # Stratified: as many of one class as of the other, nearly.
            assert abs(np.mean(validation[1]) - 0.5) <= 0.2
            assert kwargs["epochs"] == 3
    first = tuner.oracle.get_trial("0").metrics
    assert first.get_best_value("val_loss") == 2.5
    assert first.get_best_value("score_std") == pytest.approx(
        np.std([1, 2, 3, 4], ddof=1)
    )
    assert first.get_best_value("num_executions") == 4


def test_all_trials_and_sessions_have_the_same_folds(tmp_path):
    _, seen = search(tmp_path / "a", ROWS, CLASSES)
    _, again = search(tmp_path / "b", ROWS, CLASSES)
    for one, two, three in zip(seen[:4], seen[4:], again[:4], strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[0], three[0])


def test_dicts_of_arrays_weights_and_data_frames(tmp_path):
    pandas = pytest.importorskip("pandas")
    x = {
        "a": ROWS,
        "b": pandas.DataFrame({"c": np.arange(20), "d": np.arange(20)}),
    }
    _, seen = search(
        tmp_path,
        x=x,
        y={"out": CLASSES},
        sample_weight=np.arange(20),
        cross_validation=5,
    )
    for x, y, validation, kwargs in seen:
        assert len(x["a"]) == len(x["b"]) == len(y["out"]) == 16
        np.testing.assert_array_equal(x["b"]["c"], kwargs["sample_weight"])
        np.testing.assert_array_equal(x["a"][:, 0] / 2, x["b"]["c"])
        assert len(validation) == 3
        assert validation[0]["a"].shape == (4, 2)
        np.testing.assert_array_equal(validation[0]["b"]["c"], validation[2])


def test_splitters_of_scikit_learn(tmp_path):
    splitter = model_selection.TimeSeriesSplit(3)
    _, seen = search(tmp_path, ROWS, CLASSES, cross_validation=splitter)
    assert [len(x) for x, *_ in seen[:3]] == [5, 10, 15]


def test_groups_are_kept_together(tmp_path):
    groups = np.arange(20) // 5
    splitter = model_selection.GroupKFold(4)
    _, seen = search(
        tmp_path, ROWS, CLASSES, cross_validation=splitter, groups=groups
    )
    for *_, validation, kwargs in seen:
        assert len(np.unique(validation[0][:, 0] // 10)) == 1
        assert "groups" not in kwargs


@pytest.mark.parametrize(
    ("targets", "is_stratified"),
    [
        (CLASSES, True),
        (CLASSES[:, None], True),
        (CLASSES.astype("float32"), True),
        (CLASSES.astype(bool), True),
        (np.array(["ham", "spam"])[CLASSES], True),
        (np.eye(2)[CLASSES], True),
        (np.linspace(0.0, 1.0, 20), False),
        # Counts, of which most occur once.
        (np.arange(20), False),
        (np.ones((20, 3)), False),
        (None, False),
    ],
)
def test_classes_are_stratified(targets, is_stratified):
    args = (ROWS,) if targets is None else (ROWS, targets)
    folds = CrossValidation(2).folds(args, {})
    kind = (
        model_selection.StratifiedKFold
        if is_stratified
        else model_selection.KFold
    )
    expected = kind(2, shuffle=True, random_state=0).split(ROWS, CLASSES)
    for fold, (train, validation) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.validation, validation)


def test_real_training_with_executions(tmp_path):
    keras.utils.set_random_seed(0)
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    def build(hp):
        return _compiled(hp.Int("units", 2, 8))

    tuner = kt_evolution.EvolutionTuner(
        build,
        "val_accuracy",
        max_trials=2,
        seed=0,
        executions_per_trial=2,
        cross_validation=3,
        directory=tmp_path,
    )
    tuner.search(x, y, epochs=2, batch_size=64, verbose=0)
    for trial in trials_of(tuner):
        assert trial.metrics.get_best_value("num_executions") == 6
        assert 0.0 < trial.metrics.get_best_value("score_std") < 0.3
        assert 0.5 < trial.score <= 1.0
    # The weights are those of the best of all folds.
    model = tuner.get_best_models()[0]
    assert model.evaluate(x, y, verbose=0)[1] > 0.5
    (history,) = [tuner.oracle.history]
    assert np.isfinite(history.noise_variance).all()
    assert history.num_runs.tolist() == [6, 6]


def _compiled(units):
    model = keras.Sequential(
        [
            keras.Input((30,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    # Each of the many short trainings would be traced again.
    model.compile(
        "adam",
        "binary_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,
    )
    return model


def test_a_time_budget_ends_with_the_folds_that_it_allows(
    tmp_path, monkeypatch
):
    from kt_evolution.project import clock

    time = [1000.0]
    for name in ("now", "monotonic"):
        monkeypatch.setattr(clock, name, lambda: time[0])

    class SlowModel(RecordingModel):
        def fit(self, *args, **kwargs):
            time[0] += 10.0
            return super().fit(*args, **kwargs)

    model = SlowModel()
    tuner = kt_evolution.EvolutionTuner(
        model,
        kt.Objective("val_loss", "min"),
        max_trials=None,
        stop=kt_evolution.TimeBudget(seconds=55),
        cross_validation=4,
        directory=tmp_path,
    )
    tuner.search(ROWS, CLASSES)
    assert len(model.seen) == 6
    numbers = [
        trial.metrics.get_best_value("num_executions")
        for trial in trials_of(tuner)
    ]
    assert numbers == [4, 2]


# Mistakes.


@pytest.mark.parametrize("value", [1, 0, -3, 2.5, True])
def test_the_number_of_folds_is_checked(tmp_path, value):
    with pytest.raises(
        (ValueError, TypeError), match=f"`cross_validation` must .*={value}"
    ):
        search(tmp_path, ROWS, CLASSES, cross_validation=value)


@pytest.mark.parametrize("value", ["five", object()])
def test_what_is_no_splitter(tmp_path, value):
    with pytest.raises(
        TypeError, match="`cross_validation` must be an integer"
    ):
        search(tmp_path, ROWS, CLASSES, cross_validation=value)


def test_a_splitter_of_unknown_length(tmp_path):
    with pytest.raises(ValueError, match="does not depend on the data"):
        search(tmp_path, ROWS, cross_validation=model_selection.LeaveOneOut())


@pytest.mark.parametrize(
    "given", [{"validation_data": (ROWS, CLASSES)}, {"validation_split": 0.2}]
)
def test_validation_data_are_an_error(tmp_path, given):
    (name,) = given
    with pytest.raises(ValueError, match=f"`{name}` can't be given together"):
        search(tmp_path, ROWS, CLASSES, **given)


def test_no_validation_split_is_none(tmp_path):
    _, seen = search(tmp_path, ROWS, CLASSES, validation_split=0.0)
    assert len(seen) == 8


def test_data_sets_say_what_to_do(tmp_path):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((ROWS, CLASSES)).batch(4)
    with pytest.raises(TypeError, match="Turn a `tf.data.Dataset` into arrays"):
        search(tmp_path, dataset)


def test_lists_of_texts_and_labels_have_rows(tmp_path):
    texts = [f"text {i}" for i in range(20)]
    _, seen = search(tmp_path, texts, CLASSES.tolist())
    assert len(seen) == 8
    x, y, (x_held_out, _), _ = seen[0]
    assert sorted([*x, *x_held_out]) == sorted(texts)
    assert [int(text.split()[1]) % 2 for text in x] == y.tolist()


@pytest.mark.parametrize("data", [(one for one in ROWS), [1, "a", 3]])
def test_what_has_no_rows(tmp_path, data):
    with pytest.raises(TypeError, match="`x` must be an array"):
        search(tmp_path, data)


def test_numbers_of_rows_must_agree(tmp_path):
    with pytest.raises(ValueError, match=r"\('x', 20\), \('y', 19\)"):
        search(tmp_path, ROWS, CLASSES[:-1])


def test_data_must_be_there(tmp_path):
    with pytest.raises(ValueError, match="`x` must be given"):
        search(tmp_path)


def test_a_run_trial_of_ones_own_has_no_folds(tmp_path):
    class Tuner(kt_evolution.EvolutionTuner):
        def run_trial(self, trial):
            return 1.0

    with pytest.raises(ValueError, match="a `run_trial` of your own"):
        Tuner(build_dense, "val_loss", cross_validation=3, directory=tmp_path)


def test_real_arrays_of_the_helpers(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        lambda hp: dense_model(hp.Int("units", 1, 4)),
        "val_loss",
        max_trials=1,
        cross_validation=2,
        directory=tmp_path,
    )
    tuner.search(X, Y, 16, epochs=1, verbose=0)
    assert tuner.oracle.get_best_trials()[0].score > 0.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: model_selection.ShuffleSplit(2),
        lambda: model_selection.KFold(3, shuffle=True),
        lambda: model_selection.ShuffleSplit(
            2, random_state=np.random.RandomState(7)
        ),
    ],
    ids=["no_random_state", "shuffle", "generator"],
)
def test_folds_are_the_same_without_a_random_state(make):
    splitting = CrossValidation(make())
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first = splitting.folds((ROWS, CLASSES), {})
    # Nobody else gets other random numbers.
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.random.seed(2)
    # The same splitter again, and that of another session.
    for other in (splitting, CrossValidation(make())):
        again = other.folds((ROWS, CLASSES), {})
        digests = [fold.digest for fold in again]
        assert digests == [fold.digest for fold in first]
    assert len({fold.digest for fold in first}) == len(first)


class Unseeded:
    """Splits in another way each time."""

    def get_n_splits(self):
        return 2

    def split(self, rows, labels, groups):
        order = np.random.default_rng().permutation(len(rows))
        return [(order[:10], order[10:]), (order[10:], order[:10])]


def test_a_splitter_of_other_folds_each_time_is_an_error():
    with pytest.raises(ValueError, match="`cross_validation` must be a split"):
        CrossValidation(Unseeded()).folds((ROWS, CLASSES), {})


def test_a_splitter_that_cannot_be_copied_is_an_error():
    splitter = Unseeded()
    splitter.splits = (split for split in ())
    with pytest.raises(TypeError, match="`cross_validation` must be a split"):
        CrossValidation(splitter).folds((ROWS, CLASSES), {})
