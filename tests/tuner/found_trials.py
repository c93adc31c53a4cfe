"""The only trial of a search, and what its training has left."""

import json

import numpy as np
from tuner_helpers import X
from tuner_helpers import Y

import kt_evolution


class FoundTrial:
    """A search of one trial, which subclasses run.

    Args:
        folder: Path.
        hypermodel: The build function.
        **kwargs: Arguments of the tuner, and of `fit` in place of those here.
            One that is None is left out.
    """

    # Of the search, unless it is given.
    epochs = 1

    def __init__(self, folder, hypermodel, **kwargs):
        fit = {
            "x": X,
            "y": Y,
            "validation_data": (X, Y),
            "epochs": self.epochs,
            "batch_size": 16,
            "shuffle": False,
        }
        fit |= {name: kwargs.pop(name) for name in fit if name in kwargs}
        fit |= kwargs.pop("fit", {})
        self.fit = {
            name: value for name, value in fit.items() if value is not None
        }
        options = {
            "objective": "val_loss",
            "max_trials": 1,
            "seed": 0,
            "directory": folder,
            "project_name": "project",
            **kwargs,
        }
        self.folder = folder / "project" / "trial_0"
        self.state = self.folder / "unfinished" / "state.npz"
        self.tuner = kt_evolution.EvolutionTuner(hypermodel, **options)

    def search(self, *callbacks):
        """Runs the search, which a callback may cut."""
        self.is_cut = False
        try:
            self.tuner.search(**self.fit, callbacks=list(callbacks))
        except KeyboardInterrupt:
            self.is_cut = True
        self.trial = next(iter(self.tuner.oracle.trials.values()))

    @property
    def metrics(self):
        metrics = {
            name: metric.get_best_value()
            for name, metric in self.trial.metrics.metrics.items()
        }
        metrics.pop("train_seconds", None)
        return {**metrics, "best_step": self.trial.best_step}

    @property
    def curves(self):
        lines = (self.folder / "training.jsonl").read_text().splitlines()
        return [
            {**json.loads(line), "time": None, "layers": None} for line in lines
        ]

    @property
    def weights(self):
        (model,) = self.tuner.get_best_models()
        return model.get_weights()


def check_same_trial(found, expected):
    """The trials, and what is left of their trainings, are equal."""
    assert found.trial.status == "COMPLETED", found.trial.message
    assert found.metrics == expected.metrics
    assert found.curves == expected.curves
    for one, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not found.state.parent.exists()
