"""The optimizer of a model, as hyperparameters."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import check_positive
from kt_evolution.algorithm.checks import is_count
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.nas.architecture import record_training
from kt_evolution.nas.blocks.schedules import SCHEDULES
from kt_evolution.nas.blocks.schedules import CosineSchedule
from kt_evolution.nas.blocks.schedules import cosine
from kt_evolution.nas.choices import active_if
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.choices import one_of


@dataclasses.dataclass(frozen=True)
class Recipe:
    """An optimizer and the values that suit it.

    Args:
        create: Function of a learning rate or schedule and keyword arguments.
        learning_rate: Tuple of the default, the minimum and the maximum.
        weight_decay: Tuple of values, the first is the default.
    """

    create: Callable[..., keras.optimizers.Optimizer]
    learning_rate: tuple[float, float, float]
    weight_decay: tuple[float, ...]


def _momentum(learning_rate: Any, **kwargs: Any) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(
        learning_rate, momentum=0.9, nesterov=True, **kwargs
    )


OPTIMIZERS = {
    "adamw": Recipe(
        keras.optimizers.AdamW, (1e-3, 1e-4, 1e-2), (1e-2, 0.0, 1e-3, 1e-1)
    ),
    "sgd": Recipe(_momentum, (3e-2, 3e-3, 3e-1), (5e-4, 0.0, 5e-5, 5e-3)),
    "rmsprop": Recipe(
        keras.optimizers.RMSprop, (1e-3, 1e-4, 1e-2), (1e-2, 0.0, 1e-3, 1e-1)
    ),
}
# A learning rate, or the minimum and the maximum of a range.
Rates = float | Sequence[float]
# A weight decay, or the values to search.
Decays = float | Sequence[float]
# A number of steps that is known when the training begins.
FIT = "fit"


class Optimizer:
    """The optimizer, its learning rate and schedule, and the weight decay.

    Example:

    ```python
    optimizer = nas.Optimizer(total_steps=epochs * steps_per_epoch)
    model.compile(optimizer(hp, "training"), "mse")
    ```

    Args:
        optimizer: "adamw", "sgd" (with Nesterov momentum) or "rmsprop", or
            several. With several values the first is the default, here and
            below. Defaults to "adamw", or "sgd".
        learning_rate: Float, or the minimum and the maximum of a range, or a
            dict of these by optimizer. A range is searched on a logarithmic
            scale; its default is the geometric mean. Defaults to a range for
            each optimizer.
        weight_decay: Float or several, or a dict of these by optimizer.
            Defaults to several values for each optimizer.
        schedule: "cosine", which ends at 0, or "constant", or both. Without
            `total_steps` it is "constant". Defaults to "cosine", or
            "constant".
        warm_up: Float in [0, 1) or several, the fraction of the steps in which
            the learning rate of a cosine schedule rises. Defaults to 0.05, or
            0, 0.2.
        total_steps: Int, the number of batches that the model is trained on,
            or "fit". Then `callbacks` sets the schedule when a training
            begins, for the steps that it has. Defaults to None: unknown.
    """

    @named_arguments
    def __init__(
        self,
        optimizer: str | Sequence[str] = ("adamw", "sgd"),
        learning_rate: Rates | Mapping[str, Rates] | None = None,
        weight_decay: Decays | Mapping[str, Decays] | None = None,
        schedule: str | Sequence[str] = SCHEDULES,
        warm_up: float | Sequence[float] = (0.05, 0.0, 0.2),
        total_steps: int | str | None = None,
    ) -> None:
        self.optimizer = as_options("optimizer", optimizer, one_of(OPTIMIZERS))
        self.learning_rate = {
            name: _rates(recipe, name, learning_rate)
            for name, recipe in OPTIMIZERS.items()
        }
        self.weight_decay = {
            name: _decays(recipe, name, weight_decay)
            for name, recipe in OPTIMIZERS.items()
        }
        self.schedule = as_options("schedule", schedule, one_of(SCHEDULES))
        self.warm_up = as_options("warm_up", warm_up, check_rate)
        if total_steps is None:
            self.schedule = ("constant",)
        self.total_steps = _check_steps(total_steps)

    def __call__(
        self, hp: kt.HyperParameters, name: str = "training"
    ) -> keras.optimizers.Optimizer:
        """Returns the optimizer of the hyperparameters under `name`."""
        with hp.name_scope(name):
            chosen = declare_choice(hp, "optimizer", self.optimizer)
            settings = {
                each: self._settings(hp, each) for each in self.optimizer
            }
            rate, decay = settings[chosen]
            rate_text = f"learning rate {rate:.3g}"
            schedule, schedule_text = self._scheduled(hp, rate)
        texts = [chosen, rate_text, schedule_text]
        if decay:
            texts.append(f"weight decay {decay:g}")
        record_training(hp, name, ", ".join(texts))
        # The clipping keeps one bad batch from ruining a short trial.
        return OPTIMIZERS[chosen].create(
            schedule, weight_decay=decay, global_clipnorm=1.0
        )

    def _settings(
        self, hp: kt.HyperParameters, optimizer: str
    ) -> tuple[float, float]:
        default, low, high = self.learning_rate[optimizer]
        with active_if(hp, "optimizer", self.optimizer, [optimizer]):
            rate = default
            if low < high:
                rate = hp.Float(
                    f"{optimizer}_learning_rate",
                    low,
                    high,
                    sampling="log",
                    default=default,
                )
            decay = declare_choice(
                hp,
                f"{optimizer}_weight_decay",
                self.weight_decay[optimizer],
            )
        return rate, decay

    def callbacks(
        self, hp: kt.HyperParameters, name: str = "training"
    ) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that set the schedule in `fit`.

        Example:

        ```python
        class Net(kt.HyperModel):
            optimizer = nas.Optimizer(total_steps="fit")

            def build(self, hp): ...

            def fit(self, hp, model, *args, callbacks=(), **kwargs):
                callbacks = [*self.optimizer.callbacks(hp), *callbacks]
                return model.fit(*args, callbacks=callbacks, **kwargs)
        ```

        Args:
            hp: The `keras_tuner.HyperParameters` of the model.
            name: String, as in the call that made the optimizer.

        Returns:
            List, to come first in the `callbacks` of `fit`. It is empty if the
            learning rate is constant, or if `total_steps` is not "fit".
        """
        with hp.name_scope(name):
            warm_up = self._warm_up(hp)
        if self.total_steps != FIT or warm_up is None:
            return []
        return [CosineSchedule(warm_up)]

    def _scheduled(
        self, hp: kt.HyperParameters, rate: float
    ) -> tuple[Any, str]:
        warm_up = self._warm_up(hp)
        if warm_up is None:
            return rate, "constant"
        texts = ["cosine"]
        scheduled: Any = rate
        if isinstance(self.total_steps, int):
            texts = [f"cosine over {self.total_steps} steps"]
            scheduled = cosine(rate, self.total_steps, warm_up)
        if warm_up:
            texts.append(f"{warm_up:.0%} warm-up")
        return scheduled, ", ".join(texts)

    def _warm_up(self, hp: kt.HyperParameters) -> float | None:
        """Returns the warm-up of a cosine schedule, or None."""
        schedule = declare_choice(hp, "schedule", self.schedule)
        if "cosine" not in self.schedule:
            return None
        with active_if(hp, "schedule", self.schedule, ["cosine"]):
            warm_up = declare_choice(hp, "warm_up", self.warm_up)
        return float(warm_up) if schedule == "cosine" else None


def _decays(
    recipe: Recipe, name: str, given: Decays | Mapping[str, Decays] | None
) -> tuple[float, ...]:
    """Returns the allowed weight decays of an optimizer."""
    own = _own("weight_decay", name, given)
    if own is None:
        return recipe.weight_decay
    return as_options("weight_decay", own, check_rate)


def _own(argument: str, optimizer: str, given: Any) -> Any:
    """Returns what an argument has for an optimizer, or None."""
    if not isinstance(given, Mapping):
        return given
    if not given.keys() <= OPTIMIZERS.keys():
        listed = ", ".join(map(repr, OPTIMIZERS))
        raise ValueError(
            f"The keys of `{argument}` must be of {listed}. "
            f"Received: {argument}={given!r}"
        )
    return given.get(optimizer)


def _check_steps(total_steps: int | str | None) -> int | str | None:
    """Returns the number of steps, "fit" or None."""
    if total_steps is None:
        return None
    if isinstance(total_steps, str) and total_steps == FIT:
        return FIT
    if not is_count(total_steps, 1):
        raise ValueError(
            '`total_steps` must be an integer of at least 1, or "fit". '
            f"Received: total_steps={total_steps!r}"
        )
    return int(total_steps)


def _rates(
    recipe: Recipe, name: str, given: Rates | Mapping[str, Rates] | None
) -> tuple[float, float, float]:
    """Returns the default, minimum and maximum of a learning rate."""
    own = _own("learning_rate", name, given)
    return recipe.learning_rate if own is None else _check_bounds(own)


def _check_bounds(given_rate: Rates) -> tuple[float, float, float]:
    """Returns the default, minimum and maximum of a given range."""
    bounds: Any = given_rate
    if isinstance(given_rate, np.ndarray):
        bounds = given_rate.reshape(-1).tolist()
    elif not isinstance(given_rate, (list, tuple)):
        bounds = (given_rate,)
    rates = [check_positive("learning_rate", rate) for rate in bounds]
    if not 1 <= len(rates) <= 2 or rates[0] > rates[-1]:
        raise ValueError(
            "`learning_rate` must be a number, or a minimum and a maximum. "
            f"Received: learning_rate={given_rate}"
        )
    return (rates[0] * rates[-1]) ** 0.5, rates[0], rates[-1]
