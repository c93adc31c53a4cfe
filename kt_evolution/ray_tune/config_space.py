"""From a space of Ray Tune to hyperparameters, and from values to configs."""

import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.space.genes import native
from kt_evolution.optional import import_module

sample = import_module("ray.tune.search.sample", "ray")

Path = tuple[str, ...]
# Values of these types are written in the same way in each process.
PLAIN = (str, int, float, bool, type(None), list, tuple, dict)


class ConfigSpace:
    """A search space, and what its values are in the configs of trials.

    Args:
        space: `keras_tuner.HyperParameters`; or a function of them, which
            declares the space, or a `keras_tuner.HyperModel`; or a dict as
            Ray Tune's `param_space`, which may be nested.
        argument: String, the name of the argument, for errors.

    Attributes:
        hyperparameters: The `keras_tuner.HyperParameters`, empty for a
            function.
        hypermodel: The `keras_tuner.HyperModel` that declares the space, or
            None.

    Raises:
        TypeError: If `space` is something else.
        ValueError: If a part of a dict can't be searched. The message names
            it.
    """

    def __init__(self, space: Any, argument: str) -> None:
        self.hypermodel: kt.HyperModel | None = None
        self.hyperparameters = kt.HyperParameters()
        self._argument = argument
        # Where the value of a name is in a nested config.
        self._paths: dict[str, Path] = {}
        self._constants: dict[Path, Any] = {}
        # The categories of a choice that Keras Tuner has no value for.
        self._categories: dict[str, dict[str, Any]] = {}
        if isinstance(space, kt.HyperParameters):
            self.hyperparameters = space
        elif isinstance(space, Mapping):
            self._convert(space)
        elif isinstance(space, kt.HyperModel):
            self.hypermodel = space
        elif callable(space):
            self.hypermodel = _DeclaringFunction(space)
        else:
            raise TypeError(
                f"`{argument}` must be a `keras_tuner.HyperParameters`, a "
                "function of one, or a dict of Ray Tune's ranges and choices. "
                f"Received: {argument}={space!r} "
                f"(of type {type(space).__name__})"
            )

    # From values to configs, and back.

    def config_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the config of a trial.

        Args:
            values: Dict of the names of hyperparameters to values.
        """
        config: dict[str, Any] = {}
        for path, constant in self._constants.items():
            _put(config, path, constant)
        for name, value in values.items():
            path = self._paths.get(name, (name,))
            _put(config, path, self._categories.get(name, {}).get(value, value))
        return config

    def values_of(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the values of a config, or of a part of one."""
        if not self._paths:
            return dict(config)
        names = {path: name for name, path in self._paths.items()}
        found = {}
        for path, value in _leaves(config, until=names):
            if path not in self._constants:
                name = names.get(path, "/".join(path))
                found[name] = self._label_of(name, value)
        return found

    def _label_of(self, name: str, category: Any) -> Any:
        for label, known in self._categories.get(name, {}).items():
            if known is category or (
                type(known) is type(category) and known == category
            ):
                return label
        return category

    # From Ray Tune's domains to hyperparameters.

    def _convert(self, space: Mapping[str, Any]) -> None:
        for path, value in _leaves(space):
            if isinstance(value, sample.Domain):
                name = "/".join(path)
                self._paths[name] = path
                self._declare(name, path, value)
            elif any(isinstance(one, sample.Domain) for one in _inside(value)):
                raise self._error(
                    path, value, "a range can't be inside a list or a choice"
                )
            else:
                self._constants[path] = value

    def _declare(self, name: str, path: Path, domain: Any) -> None:
        if isinstance(domain, sample.Categorical):
            self._declare_choice(name, path, domain)
            return
        if not isinstance(domain, (sample.Float, sample.Integer)):
            raise self._error(
                path,
                domain,
                "a function can't be searched; `space` as a "
                "function of `hp` has hyperparameters that depend on others",
            )
        sampler, step = domain.get_sampler(), None
        if isinstance(sampler, sample.Quantized):
            sampler, step = sampler.get_sampler(), sampler.q
        is_log = isinstance(sampler, sample.LogUniform)
        if not is_log and not isinstance(sampler, sample.Uniform):
            raise self._error(path, domain, "it must have bounds")
        if step == 1 and isinstance(domain, sample.Integer):
            step = None
        if is_log and step is not None:
            raise self._error(
                path, domain, "with logarithmic sampling it can't be quantized"
            )
        if isinstance(domain, sample.Integer):
            self._declare_int(name, path, domain, step, is_log)
        else:
            self._declare_float(name, path, domain, step, is_log)

    def _declare_int(
        self, name: str, path: Path, domain: Any, step: Any, is_log: bool
    ) -> None:
        # Ray leaves the upper bound out, except with a step.
        low, high = int(domain.lower), int(domain.upper) - (step is None)
        if step is not None:
            low = math.ceil(low / step) * step
            high = math.floor(high / step) * step
        if low > high:
            raise self._error(path, domain, "it has no value")
        middle = _middle(low, high, is_log)
        if step is not None:
            middle = low + (middle - low) // step * step
        self._declare_range("Int", name, low, high, int(middle), step, is_log)

    def _declare_float(
        self, name: str, path: Path, domain: Any, step: Any, is_log: bool
    ) -> None:
        low, high = float(domain.lower), float(domain.upper)
        if not low <= high:
            raise self._error(path, domain, "it has no value")
        middle = _middle(low, high, is_log)
        if step is not None:
            middle = low + (middle - low) // step * step
        self._declare_range("Float", name, low, high, middle, step, is_log)

    def _declare_range(
        self,
        kind: str,
        name: str,
        low: float,
        high: float,
        default: float,
        step: Any,
        is_log: bool,
    ) -> None:
        """Declares a range. Its default, the first trial's, is the middle."""
        if low == high:
            self.hyperparameters.Fixed(name, low)
            return
        getattr(self.hyperparameters, kind)(
            name,
            low,
            high,
            step=native(step),
            sampling="log" if is_log else "linear",
            default=default,
        )

    def _declare_choice(self, name: str, path: Path, domain: Any) -> None:
        categories: list[Any] = [native(x) for x in domain.categories]
        if isinstance(domain.get_sampler(), sample.Grid) or not categories:
            raise self._error(
                path, domain, "a grid can't be searched; use `tune.choice`"
            )
        if any(isinstance(x, sample.Domain) for x in _inside(categories)):
            raise self._error(
                path, domain, "a range can't be inside a list or a choice"
            )
        kinds = {type(one) for one in categories}
        if len(kinds) > 1 or not kinds <= {int, float, str}:
            labels = _labels_of(categories)
            self._categories[name] = dict(zip(labels, categories, strict=True))
            categories = labels
        self.hyperparameters.Choice(name, list(dict.fromkeys(categories)))

    def _error(self, path: Path, value: Any, reason: str) -> ValueError:
        place = self._argument + "".join(f"[{key!r}]" for key in path)
        return ValueError(
            f"`{place}` can't be searched: {reason}. What can: uniform, "
            "quniform, loguniform, randint, qrandint, lograndint and choice "
            f"of `ray.tune`. Received: {place}={_described(value)}"
        )


class _DeclaringFunction(kt.HyperModel):
    """A hypermodel of which only the declarations count.

    Args:
        function: Function of `keras_tuner.HyperParameters`.
    """

    def __init__(self, function: Callable[[kt.HyperParameters], Any]) -> None:
        super().__init__()
        self._function = function

    def build(self, hp: kt.HyperParameters) -> Any:
        return self._function(hp)


def _leaves(
    config: Mapping[str, Any], until: Any = (), path: Path = ()
) -> Iterator[tuple[Path, Any]]:
    """Yields the paths and values of a nested dict.

    Args:
        config: The dict.
        until: Container of paths below which a dict is a value.
        path: That of `config`.
    """
    for key, value in config.items():
        place = (*path, key)
        is_grid = isinstance(value, Mapping) and list(value) == ["grid_search"]
        if is_grid:
            yield place, sample.Categorical(value["grid_search"]).grid()
        elif isinstance(value, Mapping) and value and place not in until:
            yield from _leaves(value, until, place)
        else:
            yield place, value


def _inside(value: Any) -> Iterator[Any]:
    """Yields what is in a value, at any depth, and itself."""
    yield value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _inside(one)


def _put(config: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        config = config.setdefault(key, {})
    config[path[-1]] = value


def _middle(low: float, high: float, is_log: bool) -> float:
    if is_log:
        return math.sqrt(low) * math.sqrt(high)
    return low + (high - low) / 2


def _labels_of(categories: Sequence[Any]) -> list[str]:
    """Returns a string for each category, the same in each process."""
    return [
        repr(one)
        if all(isinstance(x, PLAIN) for x in _inside(one))
        # The address of an object is another one in another process.
        else f"{position}: {getattr(one, '__name__', type(one).__name__)}"
        for position, one in enumerate(categories)
    ]


def _described(value: Any) -> str:
    if not isinstance(value, sample.Domain):
        return repr(value)
    sampler = value.get_sampler()
    names = [type(value).__name__, type(sampler).__name__.strip("_")]
    if isinstance(sampler, sample.Quantized):
        names.append(type(sampler.get_sampler()).__name__.strip("_"))
    return f"<{' '.join(names)}>"
