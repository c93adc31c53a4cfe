"""Children that start from the weights of their parents, and who does not."""

import json
import shutil

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution import reporting
from kt_evolution.algorithm.fidelity import successive_halving
from kt_evolution.training import continuation
from kt_evolution.training.inheritance import Inheritance
from tests.backends import inherited_weights


class Watch(keras.callbacks.Callback):
    """Notes the weights with which trainings begin, and may cut a search.

    What it notes is of the class, because it is no state of a training.
    """

    begun = []
    epochs = []
    cut_at = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)
        if epoch == 0:
            self.begun.append(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        if len(self.epochs) == self.cut_at:
            raise KeyboardInterrupt


def build(hp, units=3):
    hp.Float("momentum", 0.0, 0.9)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, hp.get("momentum")), "binary_crossentropy"
    )
    return model


def new_tuner(folder, hypermodel=build, **kwargs):
    options = {
        "objective": "val_loss",
        "max_trials": 5,
        "seed": 0,
        "num_initial_points": 2,
        "surrogate": None,
        "inherit_weights": True,
        "directory": folder,
        "project_name": "project",
        **kwargs,
    }
    return kt_evolution.EvolutionTuner(hypermodel, **options)


def search(folder, hypermodel=build, fit=FIT, **kwargs):
    """Searches, and returns the tuner and the weights of all beginnings."""
    keras.utils.set_random_seed(0)
    Watch.begun, Watch.epochs = [], []
    tuner = new_tuner(folder, hypermodel, **kwargs)
    tuner.search(**fit, callbacks=[Watch()])
    return tuner, Watch.begun


def sources_of(tuner):
    return [one.inherited and one.inherited["from"] for one in trials_of(tuner)]


def check_equal(weights, others):
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)


def are_equal(weights, others):
    pairs = zip(weights, others, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A finished search, whose folder must not be changed."""
    return search(tmp_path_factory.mktemp("found"))


@pytest.fixture
def copied(found, tmp_path):
    """The directory of a copy of that search."""
    tuner, _ = found
    shutil.copytree(tuner.project_dir, tmp_path / "copy" / "project")
    return tmp_path / "copy"


def test_children_begin_with_the_weights_of_their_best_parent(found):
    tuner, begun = found
    trials = trials_of(tuner)
    assert sources_of(tuner)[:2] == [None, None]
    heirs = [trial for trial in trials if trial.inherited]
    assert len(heirs) == 3
    for trial in heirs:
        assert trial.inherited["share"] == 1.0
        individual = tuner.oracle.history.individuals[int(trial.trial_id)]
        parents = [tuner.oracle.get_trial(one) for one in individual.parents]
        best = min(parents, key=lambda one: one.score)
        assert trial.inherited["from"] == best.trial_id
        # Batch normalization's statistics, too.
        expected = tuner.load_model(best).get_weights()
        check_equal(begun[int(trial.trial_id)], expected)


def test_first_individuals_and_proposals_are_those_of_a_search_without(
    found, tmp_path
):
    tuner, begun = found
    without, fresh = search(tmp_path, inherit_weights=False, max_trials=3)
    values = [one.hyperparameters.values for one in trials_of(tuner)[:3]]
    assert values == [one.hyperparameters.values for one in trials_of(without)]
    assert sources_of(without) == [None] * 3
    assert "inherited" not in (
        (tmp_path / "project" / "journal.jsonl").read_text()
    )
    for number, is_same in enumerate([True, True, False]):
        assert are_equal(begun[number], fresh[number]) is is_same


def test_two_searches_with_one_seed_begin_with_the_same_weights(tmp_path):
    def wide(hp):
        return build(hp, units=3 if hp.Boolean("narrow", default=True) else 5)

    fit = {**FIT, "shuffle": False}
    (one, begun), (other, again) = [
        search(tmp_path / name, wide, fit, max_trials=4) for name in "ab"
    ]
    assert sources_of(one) == sources_of(other)
    assert any(sources_of(one))
    for weights, same in zip(begun, again, strict=True):
        check_equal(weights, same)


def test_each_execution_begins_with_the_weights(tmp_path):
    tuner, begun = search(tmp_path, max_trials=3, executions_per_trial=2)
    source = tuner.oracle.get_trial(sources_of(tuner)[2])
    expected = tuner.load_model(source).get_weights()
    check_equal(begun[4], expected)
    check_equal(begun[5], expected)


def test_the_journal_and_all_that_reads_it_know_from_whom(found):
    tuner, _ = found
    folder = tuner.oracle._project.folder
    lines = (folder / "journal.jsonl").read_text().splitlines()
    events = map(json.loads, lines)
    ends = [event for event in events if event["event"] == "end"]
    assert [event.get("inherited") for event in ends] == [
        one.inherited for one in trials_of(tuner)
    ]
    resumed = new_tuner(folder.parent)
    assert sources_of(resumed) == sources_of(tuner)
    record = reporting.read_search(tuner)
    assert [
        one.inherited and one.inherited.source for one in record.trials
    ] == sources_of(tuner)
    frame = tuner.results_dataframe()
    assert frame["inherited_from"].tolist()[2:] == sources_of(tuner)[2:]
    assert frame["inherited_share"].tolist()[2:] == [1.0] * 3


def test_a_model_that_is_trained_again_starts_from_scratch(tmp_path):
    tuner, begun = search(tmp_path, max_trials=7, reevaluate=2)
    again = sorted(tuner.oracle.reevaluations)
    assert again
    for trial_id in again:
        assert tuner.oracle.get_trial(trial_id).inherited is None
    kept = [tuner.load_model(one).get_weights() for one in trials_of(tuner)]
    for trial_id in again:
        first = begun[int(trial_id)]
        assert not any(are_equal(first, one) for one in kept)


def test_hyperparameters_of_an_heir_carry_a_note_once(found, recwarn):
    tuner, _ = found
    tuner._has_noted_heirs = False
    recwarn.clear()
    assert len(tuner.get_best_hyperparameters(5)) == 5
    tuner.get_best_hyperparameters(5)
    texts = [str(one.message) for one in recwarn]
    (text,) = [one for one in texts if "inherit_weights" in one]
    assert "100% of its weights" in text
    assert "reevaluate" in text


def test_no_note_is_made_of_models_from_scratch(tmp_path, recwarn):
    tuner, _ = search(tmp_path, max_trials=2)
    recwarn.clear()
    tuner.get_best_hyperparameters(2)
    assert not [one for one in recwarn if "inherit" in str(one.message)]


def weights_of(directory, trial_id):
    return directory / f"project/trial_{trial_id}/checkpoint.weights.h5"


def test_damaged_weights_are_reported_once_and_cost_no_trial(copied, recwarn):
    for number in range(5):
        path = weights_of(copied, number)
        path.write_bytes(path.read_bytes()[:100])
    tuner, _ = search(copied, max_trials=7)
    assert [one.status for one in trials_of(tuner)] == ["COMPLETED"] * 7
    assert sources_of(tuner)[5:] == [None, None]
    texts = [str(one.message) for one in recwarn]
    (text,) = [one for one in texts if "from scratch" in one]
    assert "damaged" in text and "checkpoint.weights.h5" in text


def test_parents_without_weights_on_disk_are_skipped(copied):
    for number in range(5):
        weights_of(copied, number).unlink()
    tuner, _ = search(copied, max_trials=6)
    assert sources_of(tuner)[5] is None


def test_weights_that_were_pruned_are_not_needed(tmp_path):
    tuner, _ = search(tmp_path, max_trials=5, keep_checkpoints=1)
    assert [one.status for one in trials_of(tuner)] == ["COMPLETED"] * 5
    left = list((tmp_path / "project").glob("*/checkpoint.weights.h5"))
    assert len(left) == 1
    assert any(sources_of(tuner))


def test_weights_that_a_kill_left_on_disk_are_not_inherited(copied):
    tuner, _ = search(copied, max_trials=7, keep_checkpoints=1)
    trials = trials_of(tuner)
    for number in (5, 6):
        best = min(trials[:number], key=lambda one: one.score).trial_id
        individual = tuner.oracle.history.individuals[number]
        source = best if best in individual.parents else None
        assert sources_of(tuner)[number] == source


def test_a_hypermodel_that_was_edited_trains_from_scratch(copied, recwarn):
    def edited(hp):
        if hp.get("momentum") in known:
            raise ValueError("no more")
        return build(hp)

    known = [
        one.hyperparameters.values["momentum"]
        for one in trials_of(new_tuner(copied))
    ]
    tuner, _ = search(copied, edited, max_trials=6, dry_build=False)
    (new,) = [one for one in trials_of(tuner)[5:]]
    assert (new.status, new.inherited) == ("COMPLETED", None)
    texts = [str(one.message) for one in recwarn]
    assert [one for one in texts if "can't be built again" in one]


class OwnFit(kt.HyperModel):
    """Has a `fit` of its own, as for a batch size that is searched."""

    def __init__(self, hypermodel):
        super().__init__()
        self._build = hypermodel

    def build(self, hp):
        return self._build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **{**kwargs, "batch_size": 16})


def build_subclassed(hp):
    hp.Float("rate", 1e-3, 1e-1)
    model = inherited_weights.Subclassed()
    model.compile(keras.optimizers.SGD(hp.get("rate")), "mse")
    return model


def test_a_fit_of_the_user_gets_a_model_with_the_weights(tmp_path):
    tuner, begun = search(tmp_path, OwnFit(build), max_trials=3)
    source = tuner.oracle.get_trial(sources_of(tuner)[2])
    check_equal(begun[2], tuner.load_model(source).get_weights())


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """The directory of a search that was cut in the training of a child."""
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(continuation, "MAX_SHARE", float("inf"))
        # In the third epoch of the third trial.
        patch.setattr(Watch, "cut_at", 4 + 4 + 3)
        search(folder, fit={**FIT, "epochs": 4}, max_trials=3)
    return folder


@pytest.fixture
def cut_copy(cut, tmp_path):
    return shutil.copytree(cut, tmp_path / "copy")


@pytest.mark.parametrize("is_on", [True, False])
def test_a_training_that_goes_on_is_still_that_of_an_heir(cut_copy, is_on):
    for number in (0, 1):
        # Its parent's weights are not needed any more.
        weights_of(cut_copy, number).unlink()
    fit = {**FIT, "epochs": 4}
    tuner, _ = search(cut_copy, fit=fit, max_trials=3, inherit_weights=is_on)
    assert Watch.epochs == [2, 3]
    assert trials_of(tuner)[2].status == "COMPLETED"
    assert trials_of(tuner)[2].inherited["share"] == 1.0


class ThreeEpochs(OwnFit):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **{**kwargs, "epochs": 3})


@pytest.mark.parametrize(
    ("make", "epochs", "is_heir"),
    [
        (lambda: build, 3, True),
        # It is not known in time that the training starts over.
        (lambda: ThreeEpochs(build), 4, False),
    ],
    ids=["argument", "own_fit"],
)
def test_the_record_is_true_of_a_training_that_starts_over(
    cut_copy, capsys, make, epochs, is_heir
):
    # With another number of epochs it can't go on.
    fit = {**FIT, "epochs": epochs, "verbose": 2}
    tuner, begun = search(cut_copy, make(), fit=fit, max_trials=3)
    assert "starts from its beginning" in capsys.readouterr().out
    assert Watch.epochs == [0, 1, 2]
    inherited = trials_of(tuner)[2].inherited
    assert (inherited is not None) == is_heir
    if is_heir:
        source = tuner.oracle.get_trial(inherited["from"])
        check_equal(begun[0], tuner.load_model(source).get_weights())


ROWS = {**FIT, "x": X, "y": Y[:, None].repeat(3, axis=1)}
ROWS["validation_data"] = (ROWS["x"], ROWS["y"])


def test_a_subclassed_model_is_built_for_its_weights(tmp_path):
    tuner, begun = search(tmp_path, build_subclassed, ROWS, max_trials=3)
    assert trials_of(tuner)[2].inherited["share"] == 1.0
    source = tuner.oracle.get_trial(sources_of(tuner)[2])
    check_equal(begun[2], tuner.load_model(source).get_weights())


def test_a_model_that_can_t_be_built_before_is_said_once(tmp_path, recwarn):
    tuner, _ = search(tmp_path, OwnFit(build_subclassed), ROWS, max_trials=4)
    assert [one.status for one in trials_of(tuner)] == ["COMPLETED"] * 4
    assert sources_of(tuner) == [None] * 4
    texts = [str(one.message) for one in recwarn]
    assert len([one for one in texts if "at its first batch" in one]) == 1


@pytest.mark.graph
def test_a_dataset_shows_the_shape_of_its_batches(tmp_path):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, ROWS["y"])).batch(16)
    fit = {"x": data, "validation_data": data, "epochs": 1, "verbose": 0}
    tuner, _ = search(tmp_path, build_subclassed, fit, max_trials=3)
    assert trials_of(tuner)[2].inherited["share"] == 1.0


def build_alike(hp):
    # All models that are trained from scratch begin alike.
    keras.utils.set_random_seed(1)
    model = build(hp)
    model.run_eagerly = True
    return model


@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_with_a_fidelity_what_is_trained_at_once_starts_from_scratch(
    tmp_path, monkeypatch, number
):
    # Trials are soon trained to the end at once.
    monkeypatch.setattr(successive_halving, "COMPARED_TRAININGS", 1)
    fit = {**FIT, "epochs": 4, "batch_size": len(X)}
    tuner, begun = search(
        tmp_path,
        build_alike,
        fit,
        max_trials=6,
        fidelity=kt_evolution.SuccessiveHalving(factor=2),
        executions_per_trial=number,
    )
    lines = (tmp_path / "project/journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    first_steps = {
        event["trial_id"]: event["epochs"]
        for event in events
        if event["event"] == "trial"
    }
    individuals = tuner.oracle.history.individuals
    trials = trials_of(tuner)
    for trial, individual in zip(trials, individuals, strict=True):
        is_heir = individual.parents and first_steps[trial.trial_id] < 4
        assert bool(trial.inherited) is bool(is_heir)
    assert 4 in [first_steps[one.trial_id] for one in trials[2:]]
    # A paused parent has weights, too.
    pauses = [event for event in events if event["event"] == "pause"]
    ended = next(i for i, one in enumerate(events) if one["event"] == "end")
    assert any(one.get("inherited") for one in events[:ended])
    for event in pauses:
        trial = tuner.oracle.get_trial(event["trial_id"])
        assert event.get("inherited") == trial.inherited
    # All executions of a trial begin alike.
    counts = [number if one.status == "COMPLETED" else 1 for one in trials]
    assert len(begun) == sum(counts)
    fresh = build_alike(kt.HyperParameters()).get_weights()
    assert sum(are_equal(one, fresh) for one in begun) == sum(
        count
        for count, one in zip(counts, trials, strict=True)
        if not one.inherited
    )


def test_workers_of_a_chief_say_once_that_it_is_off(found, monkeypatch):
    tuner, _ = found
    inheritance = Inheritance(tuner, is_on=True)
    monkeypatch.setattr(tuner, "_is_worker", lambda: True)
    trial = trials_of(tuner)[4]
    execution = tuner._trainer._new_execution(trial, None)
    with pytest.warns(UserWarning, match="off on workers") as caught:
        for _ in range(2):
            inheritance.begin(trial, None, execution, (), FIT)
    assert execution.inherited is None
    assert len(caught) == 1


@pytest.mark.parametrize("value", ["yes", 2, None, 0.5])
def test_the_argument_is_a_boolean(tmp_path, value):
    with pytest.raises(TypeError, match="`inherit_weights`.*Received"):
        new_tuner(tmp_path, inherit_weights=value)


def test_a_parent_has_seen_what_the_folds_of_its_child_validate_on(tmp_path):
    with pytest.raises(ValueError, match="`inherit_weights`.*Received.*=3"):
        new_tuner(tmp_path, cross_validation=3)


def test_a_tuner_that_trains_no_models_has_no_weights_to_inherit(tmp_path):
    with pytest.raises(ValueError, match="`inherit_weights`.*run_trial"):
        ScoringTuner(
            objective=kt.Objective("score", "min"),
            inherit_weights=True,
            directory=tmp_path,
        )


def test_the_nearest_trial_is_the_parent_where_all_models_are_scored(tmp_path):
    def small(hp):
        hp.Choice("activation", ["relu", "tanh", "gelu"])
        hp.Choice("loss", ["mse", "mae", "huber"])
        return build(hp)

    space = kt.HyperParameters()
    space.Fixed("momentum", 0.5)
    tuner, _ = search(
        tmp_path,
        small,
        hyperparameters=space,
        surrogate="gaussian_process",
        max_trials=4,
    )
    history = tuner.oracle.history
    trials = trials_of(tuner)[2:]
    assert {history.individuals[i].operator for i in (2, 3)} == {"enumeration"}
    values = [one.hyperparameters.values for one in trials_of(tuner)]
    for number, trial in enumerate(trials, start=2):
        differences = [
            sum(values[number][name] != one[name] for name in one)
            for one in values[:number]
        ]
        source = int(trial.inherited["from"])
        assert differences[source] == min(differences)
