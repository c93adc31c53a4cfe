"""How a model is trained, as genes."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_positive
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose
from kt_evolution.nas.genes import given
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import note_training


@dataclasses.dataclass(frozen=True)
class Recipe:
    """An optimiser and what is good for it.

    Args:
        make: Function of a learning rate or schedule and keyword arguments.
        learning_rate: Tuple of the default, the least and the largest.
        weight_decay: Tuple of values, the first is the default.
    """

    make: Callable[..., keras.optimizers.Optimizer]
    learning_rate: tuple[float, float, float]
    weight_decay: tuple[float, ...]


def _momentum(learning_rate: Any, **kwargs: Any) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(
        learning_rate, momentum=0.9, nesterov=True, **kwargs
    )


OPTIMISERS = {
    "adamw": Recipe(
        keras.optimizers.AdamW, (1e-3, 1e-4, 1e-2), (1e-2, 0.0, 1e-3, 1e-1)
    ),
    "sgd": Recipe(_momentum, (3e-2, 3e-3, 3e-1), (5e-4, 0.0, 5e-5, 5e-3)),
    "rmsprop": Recipe(
        keras.optimizers.RMSprop, (1e-3, 1e-4, 1e-2), (1e-2, 0.0, 1e-3, 1e-1)
    ),
}
SCHEDULES = ("cosine", "constant")


class Optimiser:
    """The optimiser, its learning rate and schedule, and the weight decay.

    Example:

    ```python
    optimiser = nas.Optimiser(steps=epochs * steps_per_epoch)
    model.compile(optimiser(hp, "training"), "mse")
    ```

    Args:
        optimiser: "adamw", "sgd" (with Nesterov momentum) or "rmsprop", or
            several. Of several values the first is the default, here and
            below. Defaults to "adamw", or "sgd".
        learning_rate: Float, or the least and the largest, which are searched
            on a logarithmic scale from their geometric mean. Defaults to a
            range for each optimiser.
        weight_decay: Float or several, or "default": the first of those that
            it defaults to, which are some for each optimiser.
        schedule: "constant" or "cosine" (down to zero at the end of the
            training), or several. It is "constant" without `steps`. Defaults
            to "cosine", or "constant".
        warm_up: Float in [0, 1) or several, the part of the steps during
            which the learning rate of a cosine schedule rises. Defaults to
            0.05, or 0, 0.2.
        steps: Int, in how many batches the model is trained. Defaults to not
            known.
    """

    def __init__(
        self,
        optimiser: str | Sequence[str] = ("adamw", "sgd"),
        learning_rate: float | Sequence[float] | None = None,
        weight_decay: float | Sequence[float] | str | None = None,
        schedule: str | Sequence[str] = SCHEDULES,
        warm_up: float | Sequence[float] = (0.05, 0.0, 0.2),
        steps: int | None = None,
    ) -> None:
        self.optimiser = check_options(
            "optimiser", optimiser, one_of(OPTIMISERS)
        )
        self.learning_rate = _check_bounds(learning_rate)
        self.weight_decay = {
            name: _decays(recipe, weight_decay)
            for name, recipe in OPTIMISERS.items()
        }
        self.schedule = check_options("schedule", schedule, one_of(SCHEDULES))
        self.warm_up = check_options("warm_up", warm_up, check_rate)
        self.steps = None if steps is None else check_count("steps", steps)
        if steps is None:
            self.schedule = ("constant",)

    def __call__(
        self, hp: kt.HyperParameters, name: str = "training"
    ) -> keras.optimizers.Optimizer:
        """Returns the optimiser that the genes of a name make."""
        with hp.name_scope(name):
            chosen = choose(hp, "optimiser", self.optimiser)
            settings = {
                each: self._settings(hp, each) for each in self.optimiser
            }
            rate, decay = settings[chosen]
            rate_text = f"learning rate {rate:.3g}"
            schedule, schedule_text = self._scheduled(hp, rate)
        texts = [chosen, rate_text, schedule_text]
        if decay:
            texts.append(f"weight decay {decay:g}")
        note_training(hp, name, ", ".join(texts))
        # One bad batch must not end a short trial.
        return OPTIMISERS[chosen].make(
            schedule, weight_decay=decay, global_clipnorm=1.0
        )

    def _settings(
        self, hp: kt.HyperParameters, optimiser: str
    ) -> tuple[float, float]:
        recipe = OPTIMISERS[optimiser]
        default, low, high = self.learning_rate or recipe.learning_rate
        with given(hp, "optimiser", self.optimiser, [optimiser]):
            rate = default
            if low < high:
                rate = hp.Float(
                    f"{optimiser}_learning_rate",
                    low,
                    high,
                    sampling="log",
                    default=default,
                )
            decay = choose(
                hp,
                f"{optimiser}_weight_decay",
                self.weight_decay[optimiser],
            )
        return rate, decay

    def _scheduled(
        self, hp: kt.HyperParameters, rate: float
    ) -> tuple[Any, str]:
        schedule = choose(hp, "schedule", self.schedule)
        if "cosine" not in self.schedule:
            return rate, schedule
        with given(hp, "schedule", self.schedule, ["cosine"]):
            warm_up = choose(hp, "warm_up", self.warm_up)
        if schedule == "constant":
            return rate, schedule
        warm_steps = round(warm_up * self.steps)
        decay_steps = max(1, self.steps - warm_steps)
        text = f"cosine over {self.steps} steps"
        if not warm_steps:
            cosine = keras.optimizers.schedules.CosineDecay(rate, decay_steps)
            return cosine, text
        cosine = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps, warmup_target=rate, warmup_steps=warm_steps
        )
        return cosine, f"{text}, {warm_up:.0%} warm-up"


def _decays(
    recipe: Recipe, weight_decay: float | Sequence[float] | str | None
) -> tuple[float, ...]:
    """Returns the weight decays that an optimiser may have."""
    if weight_decay is None:
        return recipe.weight_decay
    if weight_decay == "default":
        return recipe.weight_decay[:1]
    return check_options("weight_decay", weight_decay, check_rate)


def _check_bounds(
    given_rate: float | Sequence[float] | None,
) -> tuple[float, float, float] | None:
    """Returns the default, the least and the largest learning rate."""
    if given_rate is None:
        return None
    bounds: Any = given_rate
    if not isinstance(given_rate, (list, tuple)):
        bounds = (given_rate,)
    rates = [check_positive("learning_rate", rate) for rate in bounds]
    if not 1 <= len(rates) <= 2 or rates[0] > rates[-1]:
        raise ValueError(
            "`learning_rate` must be a number, or the least and the largest. "
            f"Received: learning_rate={given_rate}"
        )
    return (rates[0] * rates[-1]) ** 0.5, rates[0], rates[-1]
