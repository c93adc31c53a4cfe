"""Cosine schedules of the learning rate."""

from typing import Any

import keras

SCHEDULES = ("cosine", "constant")


def cosine(
    rate: float, total_steps: int, warm_up: float
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule that rises to a learning rate, and falls to 0.

    Args:
        rate: Float, the largest learning rate.
        total_steps: Int, the number of batches of the training.
        warm_up: Float in [0, 1), the fraction of the steps in which it rises.
    """
    warm_steps = round(warm_up * total_steps)
    decay_steps = max(1, total_steps - warm_steps)
    if not warm_steps:
        return keras.optimizers.schedules.CosineDecay(rate, decay_steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps, warmup_target=rate, warmup_steps=warm_steps
    )


def cosine_again(
    rate: float, past_steps: int, total_steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule that falls from a learning rate to 0 once more.

    Args:
        rate: Float, the largest learning rate.
        past_steps: Int, the number of batches of earlier trainings.
        total_steps: Int, the number of batches of this training.
    """
    # The warm-up takes the steps that are over.
    return keras.optimizers.schedules.CosineDecay(
        0.0, total_steps, warmup_target=rate, warmup_steps=past_steps
    )


class CosineSchedule(keras.callbacks.Callback):
    """Sets a cosine schedule over all steps of a `fit`.

    A schedule of the optimizer's iterations follows the training through a
    pause, and a saved model has it without this package. If Keras does not
    know the number of steps, as with a generator, the learning rate stays
    constant. A second training of a model falls from the same learning rate,
    without a warm-up.

    Args:
        warm_up: Float in [0, 1), the fraction of the steps in which the
            learning rate rises to the one of the optimizer.
    """

    def __init__(self, warm_up: float) -> None:
        super().__init__()
        self._warm_up = warm_up
        self._rate: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # A schedule takes the place of a variable of the optimizer: before
        # another callback restores the variables.
        if self.params.get("steps"):
            self._rate = _largest_rate(self.model.optimizer)
            self._set_schedule(self._rate)
            # A step that was traced before would keep its schedule.
            self.model.make_train_function(force=True)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # A training that goes on does so from its first epoch. Later epochs use
        # the step that is traced in the first one.
        if self._rate is not None:
            self._set_schedule(self._rate, epoch)
            self._rate = None

    def _set_schedule(self, rate: float, epoch: int = 0) -> None:
        optimizer = self.model.optimizer
        past = int(keras.ops.convert_to_numpy(optimizer.iterations))
        steps = (self.params["epochs"] - epoch) * self.params["steps"]
        if past and not epoch:
            optimizer.learning_rate = cosine_again(rate, past, steps)
        else:
            optimizer.learning_rate = cosine(rate, past + steps, self._warm_up)


def _largest_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns the learning rate from which a schedule falls."""
    # That of mixed precision has another one inside.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    given = optimizer.get_config()["learning_rate"]
    if isinstance(given, dict) and given["class_name"] == "CosineDecay":
        config = given["config"]
        return config.get("warmup_target") or config["initial_learning_rate"]
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def sets_learning_rate(callback: Any) -> bool:
    """Returns whether a callback of Keras sets the learning rate itself."""
    return isinstance(
        callback,
        (
            keras.callbacks.LearningRateScheduler,
            keras.callbacks.ReduceLROnPlateau,
        ),
    )
