"""Searches with a fidelity, through the public API and with real training."""

import collections
import contextlib
import json

import keras
import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import X
from tuner_helpers import Y
from tuner_helpers import build_dense
from tuner_helpers import trials_of

import kt_evolution
from kt_evolution.algorithm.fidelity import successive_halving
from kt_evolution.project.journal import Journal

EPOCHS = 9
NUM_TRIALS = 8


class Noted(keras.callbacks.Callback):
    """Notes the epochs that begin, and may be interrupted in one of them.

    What it notes is of the class, because it is no state of a training.
    """

    begun = []
    cut = None

    def on_epoch_begin(self, epoch, logs=None):
        if len(self.begun) == Noted.cut:
            raise KeyboardInterrupt
        self.begun.append(epoch)


def build(hp):
    # The same weights in any run, also in one that goes on.
    keras.utils.set_random_seed(3)
    return build_dense(hp)


def make_tuner(folder, **kwargs):
    options = {
        "hypermodel": build,
        "objective": "val_loss",
        "max_trials": NUM_TRIALS,
        "seed": 0,
        "fidelity": kt_evolution.SuccessiveHalving(),
        "directory": folder,
        "project_name": "p",
        **kwargs,
    }
    return kt_evolution.EvolutionTuner(**options)


def search(tuner, **kwargs):
    """Searches, and returns the epochs that began."""
    Noted.begun = []
    options = {
        "validation_data": (X, Y),
        "epochs": EPOCHS,
        "batch_size": 32,
        "shuffle": False,
        "callbacks": [Noted()],
        "verbose": 0,
        **kwargs,
    }
    tuner.search(X, Y, **options)
    return list(Noted.begun)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, eager):
    """The folder of a search that nothing ended, its tuner and its epochs."""
    folder = tmp_path_factory.mktemp("whole")
    tuner = make_tuner(folder)
    return folder, tuner, search(tuner)


def lines(folder):
    return Journal(folder / "p" / "journal.jsonl").read()


def decisions(folder):
    """Returns what a search decided and found, without times and costs."""
    found = []
    for line in lines(folder):
        if line["event"] in ("trial", "promote", "discard"):
            names = ("event", "trial_id", "trial_ids", "epochs", "values")
            found.append([line.get(name) for name in names])
        elif line["event"] in ("pause", "end"):
            rungs = [
                [one["epochs"], one["metrics"]["val_loss"]]
                for one in line.get("rungs") or ()
            ]
            found.append([line["trial_id"], line["score"], rungs])
    return found


def curve_of(folder, trial_id):
    """Returns the epochs in the training log of a trial."""
    log = folder / "p" / f"trial_{trial_id}" / "training.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["epoch"] for line in lines if line["event"] == "epoch"]


def test_a_search_takes_a_fraction_of_the_epochs(whole):
    folder, tuner, begun = whole
    trials = trials_of(tuner)
    assert len(trials) == NUM_TRIALS
    assert len(begun) < NUM_TRIALS * EPOCHS / 2
    # No epoch is repeated, and each trial has one curve.
    history = tuner.oracle.history
    total = 0
    for trial in trials:
        position = history.position_of(trial.trial_id)
        reached = history.individuals[position].epochs_reached
        epochs = EPOCHS if trial.status == "COMPLETED" else reached
        assert curve_of(folder, trial.trial_id) == list(range(epochs))
        total += epochs
    assert total == len(begun)


def test_only_completed_trials_compete_for_the_best(whole):
    _, tuner, _ = whole
    statuses = collections.Counter(one.status for one in trials_of(tuner))
    assert set(statuses) == {"COMPLETED", "IDLE"}
    best = tuner.oracle.get_best_trials(NUM_TRIALS)
    assert len(best) == statuses["COMPLETED"]
    for trials in (
        tuner.oracle.recommend(NUM_TRIALS),
        tuner.get_pareto_trials(),
        best,
    ):
        assert {trial.status for trial in trials} == {"COMPLETED"}
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(best[0].score, rel=1e-4)


@pytest.mark.slow
def test_a_search_that_is_interrupted_in_any_run_decides_the_same(
    tmp_path, monkeypatch, whole
):
    folder, _, begun = whole
    for cut in (1, len(begun) // 2, len(begun) - 1):
        monkeypatch.setattr(Noted, "cut", cut)
        with contextlib.suppress(KeyboardInterrupt):
            search(make_tuner(tmp_path / str(cut)))
        monkeypatch.setattr(Noted, "cut", None)
        rest = search(make_tuner(tmp_path / str(cut)))
        assert decisions(tmp_path / str(cut)) == decisions(folder), cut
        # Only epochs of the run that was cut are trained again.
        assert len(begun) <= cut + len(rest) < len(begun) + EPOCHS


def states_of(folder):
    """Returns the trials whose state is on disk."""
    kept = (folder / "p").glob("trial_*/unfinished")
    return {path.parent.name.removeprefix("trial_") for path in kept}


def test_states_of_paused_trials_are_kept_while_they_may_be_trained_on(whole):
    folder, tuner, _ = whole
    paused = {one.trial_id for one in trials_of(tuner, "IDLE")}
    assert states_of(folder) == paused


def test_states_of_hopeless_trials_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(successive_halving, "MAX_STATES", 1)
    tuner = make_tuner(tmp_path)
    search(tuner)
    discarded = {
        trial_id
        for line in lines(tmp_path)
        if line["event"] == "discard"
        for trial_id in line["trial_ids"]
    }
    paused = {one.trial_id for one in trials_of(tuner, "IDLE")}
    assert discarded and discarded <= paused
    assert states_of(tmp_path) == paused - discarded
    # As a process would leave it that died before the folder was deleted.
    left = tmp_path / "p" / f"trial_{min(discarded)}" / "unfinished"
    left.mkdir()
    search(make_tuner(tmp_path))
    assert not left.exists()


def test_trials_say_where_they_are_paused(tmp_path, capsys):
    tuner = make_tuner(tmp_path, max_trials=1)
    search(tuner, verbose=1)
    output = capsys.readouterr().out
    assert "[1/1] trial 0: val_loss 0." in output
    assert ", paused at epoch 1 of 9; " in output
    assert "failed" not in output


def test_auto_is_successive_halving(tmp_path):
    tuner = make_tuner(tmp_path, fidelity="auto", max_trials=3)
    assert isinstance(
        tuner.oracle._evolution.fidelity, kt_evolution.SuccessiveHalving
    )
    begun = search(tuner)
    assert len(begun) < 3 * EPOCHS


@pytest.mark.parametrize("fidelity", [None, "auto"])
def test_one_epoch_is_no_fidelity(tmp_path, fidelity):
    tuner = make_tuner(tmp_path, fidelity=fidelity, max_trials=2)
    assert search(tuner, epochs=1) == [0, 0]
    assert [one.status for one in trials_of(tuner)] == ["COMPLETED"] * 2


def test_a_search_must_get_its_epochs(tmp_path):
    tuner = make_tuner(tmp_path)
    with pytest.raises(ValueError, match="`search` needs .*`epochs`"):
        tuner.search(X, Y, validation_data=(X, Y))
    with pytest.raises(ValueError, match="`epochs` must .*epochs=0"):
        search(tuner, epochs=0)
    assert not tuner.oracle.trials


def test_the_last_epoch_may_not_be_given_twice(tmp_path):
    halving = kt_evolution.SuccessiveHalving(max_epochs=27)
    tuner = make_tuner(tmp_path, fidelity=halving)
    with pytest.raises(ValueError, match=r"max_epochs=27, epochs=9"):
        search(tuner)


def test_epochs_may_be_positional(tmp_path):
    tuner = make_tuner(tmp_path, max_trials=1)
    tuner.search(X, Y, 32, EPOCHS, 0, validation_data=(X, Y))
    assert tuner.oracle._promotions.max_epochs == EPOCHS


@pytest.mark.parametrize(
    ("fidelity", "error"),
    [
        ("fast", ValueError),
        (3, TypeError),
        (kt_evolution.Stagnation, TypeError),
    ],
)
def test_a_wrong_fidelity_is_named(tmp_path, fidelity, error):
    with pytest.raises(error, match="`fidelity` must be"):
        make_tuner(tmp_path, fidelity=fidelity)


@pytest.mark.parametrize(
    ("objective", "metric"),
    [
        ("val_loss", "score_std"),
        ("val_loss", "num_executions"),
        (["val_loss", "params"], "params_std"),
    ],
)
def test_limits_must_be_known_at_a_rung(tmp_path, objective, metric):
    limits = [
        kt_evolution.Limit("params", max=9),
        kt_evolution.Limit(metric, max=9.0),
    ]
    options = {"objective": objective, "limits": limits}
    with pytest.raises(ValueError, match=f'`limits` must .*Limit."{metric}'):
        make_tuner(tmp_path, **options)
    make_tuner(tmp_path, **options, fidelity=None)


def test_trainings_of_the_user_can_not_be_paused(tmp_path):
    with pytest.raises(ValueError, match="`fidelity` is for models that"):
        ScoringTuner(objective="val_loss", fidelity="auto", directory=tmp_path)


class EndsEarly(keras.callbacks.Callback):
    """Ends a training as `EarlyStopping` does, always at the same epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 4:
            self.model.stop_training = True


def test_a_budget_counts_the_epochs_that_callbacks_left(tmp_path, eager):
    def make_search(epochs):
        stop = kt_evolution.EpochBudget(epochs)
        return make_tuner(tmp_path, max_trials=None, stop=stop)

    callbacks = [EndsEarly(), Noted()]
    tuner = make_search(12)
    num_begun = len(search(tuner, callbacks=callbacks))
    assert tuner.oracle.progress().epochs == num_begun < 12 + EPOCHS
    # Completed trainings were over after 5 epochs of 9.
    ends = [line for line in lines(tmp_path) if line["event"] == "end"]
    assert ends and {line["epochs"] for line in ends} == {5}
    # A search that goes on knows them, too, and none of them twice.
    tuner = make_search(24)
    assert tuner.oracle._standings.num_epochs() == 0
    num_begun += len(search(tuner, callbacks=callbacks))
    assert 24 <= tuner.oracle.progress().epochs == num_begun < 24 + EPOCHS


def test_a_budget_counts_repeated_trainings_and_unknown_ones_in_full(
    tmp_path, eager
):
    class Computed(kt.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return min(model.fit(*args, **kwargs).history["val_loss"])

    stop = kt_evolution.EpochBudget(6)
    options = {"max_trials": None, "stop": stop, "fidelity": None}
    tuner = make_tuner(tmp_path / "own", hypermodel=Computed(), **options)
    search(tuner, epochs=3, callbacks=[EndsEarly()])
    assert len(tuner.oracle.trials) == 2
    assert tuner.oracle.progress().epochs == 6
    options |= {"max_trials": 4, "stop": kt_evolution.EpochBudget(99)}
    tuner = make_tuner(tmp_path, reevaluate=2, **options)
    begun = search(tuner, epochs=2)
    assert tuner.oracle.reevaluations
    assert tuner.oracle.progress().epochs == len(begun) == 8


def test_search_callbacks_hear_of_pauses(tmp_path, eager):
    class Heard(kt_evolution.SearchCallback):
        def __init__(self):
            self.paused, self.ended = [], []

        def on_trial_pause(self, tuner, trial):
            self.paused.append(trial.trial_id)

        def on_trial_end(self, tuner, trial):
            self.ended.append(trial.trial_id)

    heard = Heard()
    tuner = make_tuner(tmp_path, max_trials=3)
    search(tuner, epochs=3, callbacks=[heard])
    ends = collections.Counter(line["event"] for line in lines(tmp_path))
    assert len(heard.paused) == ends["pause"] > 0
    assert len(heard.ended) == ends["end"] > 0


def test_a_resumed_search_says_what_is_paused(tmp_path, eager, capsys):
    search(make_tuner(tmp_path, max_trials=2))
    capsys.readouterr()
    tuner = make_tuner(tmp_path, max_trials=2)
    num_paused = len(trials_of(tuner, "IDLE"))
    assert f" completed and {num_paused} paused" in capsys.readouterr().out
    search(tuner, verbose=1)
    printed = capsys.readouterr().out
    num_epochs = tuner.oracle._standings.num_epochs()
    assert f"{num_epochs} of the {2 * EPOCHS} epochs of full" in printed
    assert "all 2 trials of max_trials=2 have ended or are paused." in printed
