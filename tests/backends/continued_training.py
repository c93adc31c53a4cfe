"""A training that is cut or paused goes on as if nothing was, on one backend.

Run it as `KERAS_BACKEND=torch python -m tests.backends.continued_training`
where that backend is installed.
"""

import contextlib
import tempfile
from pathlib import Path

import keras
import numpy as np

import kt_evolution
from kt_evolution.training import continuation

layers = keras.layers

NUM_ROWS = 48
EPOCHS = 6
X = np.random.default_rng(0).normal(size=(NUM_ROWS, 4)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")


class Cut(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch, and counts epochs.

    Args:
        at: Int, the epoch, counted over all trainings, or None.
    """

    # A copy for each training has the same list.
    begun = []
    weights = []
    at = None

    def __deepcopy__(self, memo):
        return Cut()

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1 and len(self.begun) - 1 == Cut.at:
            raise KeyboardInterrupt

    def on_train_end(self, logs=None):
        # Those of the optimizer, too.
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self.weights[:] = map(keras.ops.convert_to_numpy, variables)


class Remembers(keras.callbacks.Callback):
    """A callback of a user, with a state of many types."""

    seen = []

    def __deepcopy__(self, memo):
        return Remembers()

    def on_train_begin(self, logs=None):
        self.losses, self.total, self.best = [], np.float32(0), None
        self.mean = np.zeros(2)

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.total += np.float32(logs["loss"])
        self.mean = self.mean + logs["loss"]
        self.best = {"epoch": (epoch, {epoch})}

    def on_train_end(self, logs=None):
        self.seen[:] = [
            *self.losses,
            self.total,
            *self.mean,
            str(self.best),
        ]


def sequential():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


class Subclassed(keras.Model):
    """Its layers are built by the first batch."""

    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(8), layers.Dropout(0.3)]
        self.head = sequential_head()

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if part is self.parts[1] else part(x)
        return self.head(x)


def sequential_head():
    return keras.Sequential([layers.Dense(1, activation="sigmoid")])


def scheduled():
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.05, EPOCHS * 3)
    )


CASES = {
    "adam": (sequential, lambda: keras.optimizers.Adam(0.01), []),
    "subclassed": (
        Subclassed,
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        [],
    ),
    "schedule by steps": (sequential, scheduled, []),
    "averaged weights": (
        sequential,
        lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        [],
    ),
    "schedule by epochs": (
        sequential,
        lambda: keras.optimizers.SGD(0.1),
        [
            lambda: keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: rate * 0.7
            )
        ],
    ),
    "plateau": (
        sequential,
        lambda: keras.optimizers.Adam(0.3),
        [
            lambda: keras.callbacks.ReduceLROnPlateau(
                "val_loss", factor=0.5, patience=1, min_delta=0.05
            )
        ],
    ),
    "early stopping": (
        sequential,
        lambda: keras.optimizers.Adam(0.1),
        [
            lambda: keras.callbacks.EarlyStopping(
                "val_loss",
                patience=4,
                # No epoch is as much better than the first.
                min_delta=10.0,
                restore_best_weights=True,
            )
        ],
    ),
}


def search(folder, case, cut=None, shuffle=False, steps=None, **kwargs):
    """Runs a search of one trial in a folder, which may be cut.

    Returns:
        The metrics of the trial, its curve, the variables after training, the
        epochs that were begun, and what a callback remembers.
    """
    make_model, make_optimizer, callbacks = CASES[case]
    Cut.at, Cut.begun, Cut.weights = cut, [], []

    def build(hp):
        hp.Fixed("one", 1)
        # The same weights and the same dropout in any process.
        keras.utils.set_random_seed(3)
        model = make_model()
        model.compile(
            make_optimizer(), "binary_crossentropy", jit_compile=False
        )
        return model

    tuner = kt_evolution.EvolutionTuner(
        build,
        "val_loss",
        max_trials=1,
        seed=0,
        directory=folder,
        project_name="project",
        **kwargs,
    )
    with contextlib.suppress(KeyboardInterrupt):
        tuner.search(
            X,
            Y,
            validation_data=(X, Y),
            epochs=EPOCHS,
            batch_size=16,
            shuffle=shuffle,
            steps_per_epoch=steps,
            callbacks=[Remembers(), Cut(), *(make() for make in callbacks)],
            verbose=0,
        )
    trial = next(iter(tuner.oracle.trials.values()))
    metrics = {
        name: metric.get_best_value()
        for name, metric in trial.metrics.metrics.items()
    }
    metrics.pop("train_seconds", None)
    return {
        "metrics": {**metrics, "best_step": trial.best_step},
        "weights": list(Cut.weights),
        "begun": list(Cut.begun),
        "remembered": list(Remembers.seen),
        "best": best_weights(tuner) if trial.status == "COMPLETED" else None,
    }


def best_weights(tuner):
    (model,) = tuner.get_best_models()
    return model.get_weights()


def check_same(found, expected):
    assert found["metrics"] == expected["metrics"], (found, expected)
    assert found["remembered"] == expected["remembered"]
    for name in ("weights", "best"):
        assert len(found[name]) == len(expected[name]) > 0
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_array_equal(one, other)


def check(case, cut=3, **data):
    """Compares a training that is whole with others that are not.

    One is cut in its fourth epoch, or another, and one is paused after its
    third.
    """
    with tempfile.TemporaryDirectory() as directory:
        whole = search(Path(directory, "whole"), case, **data)
        folder = Path(directory, "cut")
        first = search(folder, case, cut=cut, **data)
        assert first["begun"] == list(range(cut + 1))
        state = folder / "project" / "trial_0" / "unfinished"
        assert state.is_dir()
        rest = search(folder, case, **data)
        assert not state.exists()
        assert [*first["begun"][:-1], *rest["begun"]] == whole["begun"]
        check_same(rest, whole)

        folder = Path(directory, "paused")
        # Of a single trial the last step trains it to its end.
        fidelity = kt_evolution.SuccessiveHalving(min_epochs=3)
        paused = search(folder, case, **data, fidelity=fidelity)
        journal = (folder / "project" / "journal.jsonl").read_text()
        assert '"event":"pause"' in journal.replace(" ", "")
        assert paused["begun"] == whole["begun"]
        check_same(paused, whole)


def main():
    # Each epoch is kept, however long that takes.
    continuation.MAX_SHARE = float("inf")
    backend = keras.config.backend()
    for case in CASES:
        check(case)
        print(f"backend={backend} {case}: goes on as if whole", flush=True)
    # Each epoch goes on in the data where the one before it ended.
    check("adam", cut=2, steps=2)
    print(f"backend={backend} steps: goes on as if whole", flush=True)
    if backend != "tensorflow":
        # TensorFlow shuffles in its pipeline, whose state can't be kept.
        check("adam", shuffle=True)
        print(f"backend={backend} shuffled: goes on as if whole", flush=True)


if __name__ == "__main__":
    main()
