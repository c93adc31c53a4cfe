"""The parts of Keras Tuner and Keras that are not public, in one place.

Each is guarded by a test, so that a change of the host is noticed. What the
host offers publicly is used directly.
"""

import contextlib
import inspect
import os
import reprlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.src.engine.tuner_utils import SaveBestEpoch
from keras_tuner.src.engine.tuner_utils import TunerCallback

from kt_evolution import files
from kt_evolution.algorithm.checks import did_you_mean
from kt_evolution.algorithm.space.conditions import settle
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.genes import native
from kt_evolution.user_warnings import ignored_warnings
from kt_evolution.user_warnings import warn_user


class _OpenConditions(list[Any]):
    """The conditions of the open scopes. A deep copy shares them.

    The host deep-copies every value of every condition at each scope, which
    takes most of the time of a build with hundreds of scopes. Conditions never
    change.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return list(self)


class HyperParameters(kt.HyperParameters):
    """The host's container, in which NumPy's numbers may be choices.

    The host takes scalars of NumPy as bounds and defaults, but as values of a
    `Choice` only those that are Python's numbers too, such as `float64`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conditions = _OpenConditions()

    def copy(self) -> kt.HyperParameters:
        return share_space(self, self.values)

    def Choice(
        self,
        name: str,
        values: Any,
        ordered: bool | None = None,
        default: Any = None,
        **kwargs: Any,
    ) -> Any:
        values = [native(value) for value in values]
        default = native(default)
        return super().Choice(name, values, ordered, default, **kwargs)


def share_space(
    hyperparameters: kt.HyperParameters,
    values: Mapping[str, Value],
    into: kt.HyperParameters | None = None,
) -> kt.HyperParameters:
    """Returns a container of the same space with other values.

    `HyperParameters.copy()` rebuilds every hyperparameter, which is most of
    the host's cost per trial. They never change, so they are shared.

    Args:
        hyperparameters: The container whose space to share.
        values: Dict of names to values.
        into: The empty container to fill. Defaults to a new one.
    """
    clone = HyperParameters() if into is None else into
    clone._space.extend(hyperparameters._space)
    for name, same_name in hyperparameters._hps.items():
        clone._hps[name].extend(same_name)
    clone.values.update(unrecorded(values))
    return clone


def unrecorded(values: Mapping[str, Value]) -> dict[str, Value]:
    """Returns a copy of values; those of a trial don't record it as a read."""
    if isinstance(values, dict):
        return dict(dict.items(values))
    return dict(values)


def new_entries(
    known: kt.HyperParameters, found: kt.HyperParameters
) -> list[Any]:
    """Returns the hyperparameters of `found` that `known` does not have."""
    return [
        hp for hp in found.space if not known._exists(hp.name, hp.conditions)
    ]


def check_growth(
    hyperparameters: kt.HyperParameters, known: kt.HyperParameters
) -> None:
    """Raises if a hypermodel requested hyperparameters outside the space.

    Raises:
        RuntimeError: If it did. The message names them.
    """
    new = new_entries(known, hyperparameters)
    if new:
        names = [hp.name for hp in new]
        raise RuntimeError(
            "`allow_new_entries` is False, but the hypermodel asked "
            f"for hyperparameters that are not in the space: {names}"
        )


def settle_values(hyperparameters: kt.HyperParameters) -> None:
    """Keeps the values of active names only, and adds missing ones.

    The host's `ensure_active_values` walks the hyperparameters one by one. It
    drops the live value of a name when it meets an inactive hyperparameter of
    that name, and draws missing values without a seed. This function decides
    by name, and missing values are defaults.
    """
    values = hyperparameters.values
    space = hyperparameters.space
    # A parent may stand behind its child once a space came over gRPC.
    settled, _ = settle(
        space,
        lambda i: values.get(space[i].name, space[i].default),
        range(len(space)),
        is_sorted=False,
    )
    hyperparameters.values = {
        **{name: settled[name] for name in values if name in settled},
        **settled,
    }


def full_name(hyperparameters: kt.HyperParameters, name: str) -> str:
    """Returns the name that a hyperparameter has within the open scopes."""
    return str(hyperparameters._get_name(name))


def is_made_of(tensor: Any, source: Any) -> bool:
    """Returns whether one symbolic tensor was computed from another."""
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        each = waiting.pop()
        if each is source:
            return True
        # A tensor with values has no history.
        if id(each) not in seen and hasattr(each, "_keras_history"):
            seen.add(id(each))
            operation, number, _ = each._keras_history
            waiting += operation._inbound_nodes[number].input_tensors
    return False


def on_cpu() -> contextlib.AbstractContextManager[Any]:
    """Returns a context in which Keras makes variables on the CPU.

    On torch "cpu:0" is another device than "cpu": Keras makes plain tensors
    of integer variables there, such as the seed of a `Dropout`, which a model
    can't track.
    """
    try:
        return keras.device("cpu")
    except RuntimeError:
        # JAX has no CPU where `JAX_PLATFORMS` names an accelerator only.
        return contextlib.nullcontext()


def forget_kernels() -> None:
    """Frees the operations that TensorFlow caches for each shape.

    TensorFlow creates an operation again when it needs it.
    `keras.utils.clear_session` does the same, but resets the names of layers
    too.
    """
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


def tuner_arguments(tuner_class: type) -> set[str]:
    """Returns the names of the arguments of a tuner and of its bases."""
    return {
        name
        for one in tuner_class.__mro__[:-1]
        for name in inspect.signature(one).parameters
    } - {"self", "args", "kwargs"}


def check_names(
    tuner_class: type, known: set[str], kwargs: Mapping[str, Any]
) -> None:
    """Raises for an argument that a tuner does not have.

    Args:
        tuner_class: The class of the tuner.
        known: Set of the names of its arguments.
        kwargs: Dict of the arguments that it does not name itself.

    Raises:
        TypeError: If there is one. The message has the correct spelling of a
            misspelled one.
    """
    for name, value in kwargs.items():
        # The host still takes its former `logger`, and ignores it.
        if name not in known and name != "logger":
            hint = did_you_mean(name, known)
            raise TypeError(
                f"`{tuner_class.__name__}` has no argument `{name}`.{hint} "
                f"Received: {name}={value!r}"
            )


def fit_arguments(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns arguments of `keras.Model.fit` by name, positional ones first."""
    names = _names_of_fit()
    return {**dict(zip(names[: len(args)], args, strict=True)), **kwargs}


def _names_of_fit() -> list[str]:
    return list(inspect.signature(keras.Model.fit).parameters)[1:]


def check_fit_spelling(kwargs: Mapping[str, Any]) -> None:
    """Raises for an argument that `keras.Model.fit` does not have.

    Args:
        kwargs: Dict of the keyword arguments.

    Raises:
        keras_tuner.errors.FatalTypeError: If there is one. The message has the
            correct spelling, if there is a similar argument.
    """
    known = _names_of_fit()
    for name, value in kwargs.items():
        if name not in known:
            raise kt.errors.FatalTypeError(
                "`search` passes its arguments on to `keras.Model.fit`, which "
                f"has no argument `{name}`.{did_you_mean(name, known)} "
                f"Received: {name}={reprlib.repr(value)}"
            )


def check_fit_positions(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Raises for positional arguments that `keras.Model.fit` can't take.

    Args:
        args: Tuple, the positional arguments.
        kwargs: Dict, the others.

    Raises:
        TypeError: If there are too many, or if one is also among the others.
    """
    known = _names_of_fit()
    if len(args) > len(known):
        raise TypeError(
            f"`search` takes at most {len(known)} positional arguments, those "
            f"of `keras.Model.fit`. Received: {len(args)}"
        )
    for name, value in zip(known, args, strict=False):
        if name in kwargs:
            raise TypeError(
                f"`{name}` must be given to `search` by position or by name, "
                f"not twice. Received: {reprlib.repr(value)} and "
                f"{name}={reprlib.repr(kwargs[name])}"
            )


def layers_inside(layer: Any) -> list[Any]:
    """Returns the layers that a layer or model directly consists of."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def graph_of(model: Any) -> list[tuple[Any, list[Any], list[Any]]]:
    """Returns how the layers and operations of a model follow each other.

    Args:
        model: A layer or model.

    Returns:
        List of tuples of an operation, its input tensors and its output
        tensors, each after those that it depends on. It is empty for models
        that are no graph, such as subclassed ones.
    """
    if isinstance(model, keras.Sequential):
        model = model._functional
    nodes = getattr(model, "_nodes_by_depth", {})
    return [
        (node.operation, list(node.input_tensors), list(node.outputs))
        for depth in sorted(nodes, reverse=True)
        for node in nodes[depth]
    ]


def is_built_throughout(layer: Any) -> bool:
    """Returns whether a layer and all layers inside have their variables."""
    return all(each.built for each in layer._flatten_layers())


def wrapped_function(metric: Any) -> Any:
    """Returns the function or loss that Keras made a metric of, or None."""
    # A subclass is another metric.
    is_wrapper = type(metric) is keras.metrics.MeanMetricWrapper
    return metric._fn if is_wrapper else None


@contextlib.contextmanager
def silence_nan_warning() -> Iterator[None]:
    """Hides the warning of NumPy when the host takes a metric that is NaN.

    The message of the failed trial already reports it.
    """
    with ignored_warnings("All-NaN", category=RuntimeWarning):
        yield


def set_aside_torn_state(folder: Path) -> None:
    """Renames a torn file of a tuner, so that the search can be resumed.

    The host's tuners write the file in place, so a kill may leave a part of
    it. Their constructor reads it, and raises if it is torn.

    Args:
        folder: Path, the project.
    """
    tuner_id = os.environ.get("KERASTUNER_TUNER_ID", "tuner0")
    path = folder / f"{tuner_id}.json"
    # A link that leads elsewhere is neither followed nor moved. Opening the
    # project refuses it.
    is_own = os.path.lexists(path) and files.is_own(path, folder)
    if is_own and read_state(path) is None:
        # On a read-only disk it can't be renamed.
        with contextlib.suppress(OSError):
            os.replace(path, f"{path}.damaged")


def read_state(path: Path) -> dict[str, Any] | None:
    """Returns the state of a tuner, or None with a warning if it is torn."""
    state = None
    with contextlib.suppress(ValueError):
        # A failed copy may have left a folder there.
        if path.is_file():
            state = files.parse_json(path.read_bytes())
    if isinstance(state, dict):
        return state
    warn_user(
        f"{path} is damaged, perhaps because the process was killed while it "
        "wrote the file. The state of the tuner in it is lost. Trials are not "
        "stored there, and the search goes on."
    )
    return None


def is_chief() -> bool:
    """Returns whether this process is the chief of a distributed search."""
    return is_distributed() and (
        "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")
    )


def is_distributed() -> bool:
    """Returns whether this process is a chief or the worker of one."""
    return "KERASTUNER_ORACLE_IP" in os.environ


def users_of(callbacks: Iterable[Any]) -> list[Any]:
    """Returns the callbacks of the user, without those of the host.

    The host appends its own to them, see `keras_tuner.Tuner.run_trial`.
    """
    hosts = (TunerCallback, SaveBestEpoch)
    return [one for one in callbacks if not isinstance(one, hosts)]
