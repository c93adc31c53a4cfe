"""The dry build: a model is built without training.

It shows which hyperparameters the hypermodel requests for the proposed values,
how large the model is, and whether it can be built at all.
"""

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.costs.flops import count_flops
from kt_evolution.costs.measurement import parameter_counts
from kt_evolution.costs.measurement import proxies_of
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import gene_of
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.keras_tuner_bridge.recording import RecordingHyperParameters
from kt_evolution.keras_tuner_bridge.redeclarations import Redeclaration
from kt_evolution.keras_tuner_bridge.redeclarations import Redeclarations
from kt_evolution.keras_tuner_bridge.redeclarations import has_same_range
from kt_evolution.project.messages import shortened
from kt_evolution.project.signals import Terminated
from kt_evolution.project.signals import raise_if_interrupted
from kt_evolution.proposals.mistakes import BUGS
from kt_evolution.proposals.mistakes import first_line
from kt_evolution.proposals.mistakes import is_mistake
from kt_evolution.proposals.mistakes import place_of


class BuildHyperParameters(RecordingHyperParameters):
    """A `HyperParameters` that also records how a build declares each.

    Attributes:
        declared: List of the `HyperParameter`s as the build declared them,
            active and inactive.
        redeclared: Dict of the keys of genes that were declared with another
            range than in the space, to their first `Redeclaration`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.declared: list[Any] = []
        self.redeclared: dict[str, Redeclaration] = {}

    def copy(self) -> "BuildHyperParameters":
        clone = super().copy()
        clone.declared = self.declared
        clone.redeclared = self.redeclared
        return clone

    def Boolean(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(name, args, kwargs):
            return super().Boolean(name, *args, **kwargs)

    def Choice(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(name, args, kwargs):
            return super().Choice(name, *args, **kwargs)

    def Fixed(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(name, args, kwargs):
            return super().Fixed(name, *args, **kwargs)

    def Float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(name, args, kwargs):
            return super().Float(name, *args, **kwargs)

    def Int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _naming(name, args, kwargs):
            return super().Int(name, *args, **kwargs)

    def _retrieve(self, hp: Any) -> Any:
        self.declared.append(hp)
        known = self._known(hp)
        if known is not None:
            self._compare(known, hp)
        return super()._retrieve(hp)

    def _compare(self, known: Any, declared: Any) -> None:
        if not has_same_range(known, declared):
            names = {key_of(hp): hp.name for hp in self._space}
            before = tuple(names[key] for key in self.requested if key in names)
            self.redeclared.setdefault(
                key_of(known), Redeclaration(known, declared, before)
            )

    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        # Raises if the hyperparameter can't be searched.
        gene_of(hyperparameter)
        return super()._register(hyperparameter, overwrite)


@contextlib.contextmanager
def _naming(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[None]:
    """Adds the hyperparameter and its arguments to errors of a declaration."""
    try:
        yield
    except SpaceError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        given = [repr(value) for value in args]
        given += [f"{key}={value!r}" for key, value in kwargs.items()]
        raise SpaceError(
            f"Hyperparameter '{name}': {error} Received: {', '.join(given)}"
        ) from error


@dataclasses.dataclass(frozen=True)
class BuildReport:
    """The result of a dry build.

    Args:
        requested: Tuple of the keys of the requested genes, in order.
        hyperparameters: The container that the model was built with, new
            entries and their values included.
        costs: Dict of the names of costs that are known before training to
            their values; empty if there is no built model.
        error: The exception because of which the model can't be trained, or
            None if it can.
        violation: Float, by which share the model exceeds `max_model_size`;
            None if it does not.
        proxies: Dict of the names of zero-cost proxies to their values; empty
            unless they were asked for.
    """

    requested: tuple[str, ...]
    hyperparameters: BuildHyperParameters
    costs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    error: BaseException | None = None
    violation: float | None = None
    proxies: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """String, why the model can't be trained, None if it can."""
        if self.error is None:
            return None
        text = first_line(self.error) or "no message"
        problem = f"{type(self.error).__name__}: {text}"
        problem = shortened(problem, MAX_PROBLEM_LENGTH)
        return problem + place_of(self.error)

    def check_defaults(self) -> None:
        """Raises the error if it is a mistake of the code, with defaults."""
        if self.error is not None and is_mistake(self.error):
            raise self.error


# Exceptions that end the build from outside: they say nothing of the model.
_FROM_OUTSIDE = (KeyboardInterrupt, GeneratorExit, Terminated)
# In characters. Up to 100 problems are in one line of the journal.
MAX_PROBLEM_LENGTH = 500
# Proxies depend on the first weights, so all models begin with one seed. Then
# a search that is resumed knows the same proxies.
PROXY_SEED = 0


class OversizedModelError(ValueError):
    """A model has more parameters than `max_model_size`."""


class FatalBuildError(RuntimeError):
    """A model ended the process that built it, every time."""


class DryBuild:
    """Builds models without training them.

    Args:
        hypermodel: The `keras_tuner.HyperModel`.
        max_model_size: Int, the largest number of trainable parameters that
            a model may have; None for no limit.
        requires_model: Boolean, whether the build must return a Keras model.
            A tuner with its own `run_trial` may use other objects. Defaults
            to True.
        counts_flops: Boolean, whether FLOPs are counted, which takes longer
            than to build the model. Defaults to False.
        proxies: Strings, the names of the zero-cost proxies that
            `build(with_proxies=True)` measures. Defaults to none.
        redeclarations: The `Redeclarations` that watch the builds. Defaults
            to new ones.
    """

    def __init__(
        self,
        hypermodel: kt.HyperModel,
        max_model_size: int | None = None,
        requires_model: bool = True,
        counts_flops: bool = False,
        proxies: Sequence[str] = (),
        redeclarations: Redeclarations | None = None,
    ) -> None:
        self.hypermodel = hypermodel
        self.max_model_size = max_model_size
        self.requires_model = requires_model
        self.counts_flops = counts_flops
        self.proxies = tuple(proxies)
        self.redeclarations = redeclarations or Redeclarations()

    def __call__(
        self, space: kt.HyperParameters, values: dict[str, Any]
    ) -> BuildReport:
        """Builds the model of some values.

        Args:
            space: The search space.
            values: Dict of the names of active hyperparameters to values.

        Returns:
            The `BuildReport`.

        Raises:
            keras_tuner.errors.FatalError: If the hypermodel raises it, or if
                a Keras model is required and it returns something else.
            NameError, ImportError, SyntaxError: If the hypermodel has such a
                bug, which occurs for all values.
        """
        report = self.build(space, values)
        self.compare_ranges(space, report)
        return report

    def compare_ranges(
        self, space: kt.HyperParameters, report: BuildReport
    ) -> None:
        """Warns of ranges that a build declared otherwise than the space."""
        self.redeclarations.note(
            report.hyperparameters,
            lambda others: self.build(space, others).hyperparameters,
        )

    def build(
        self,
        space: kt.HyperParameters,
        values: dict[str, Any],
        with_proxies: bool = False,
    ) -> BuildReport:
        """Builds a model as a call does, without a check of its ranges.

        Args:
            space: The search space.
            values: Dict of the names of active hyperparameters to values.
            with_proxies: Bool, whether the zero-cost proxies of a model that
                is not too large are measured. Defaults to False.
        """
        hp = BuildHyperParameters()
        private_api.share_space(space, values, into=hp)
        costs: dict[str, int] = {}
        proxies: dict[str, float] = {}
        error: BaseException | None = None
        violation = 0.0
        try:
            with _leaving_no_trace():
                if with_proxies:
                    random.seed(PROXY_SEED)
                    np.random.seed(PROXY_SEED)
                model = self.hypermodel.build(hp)
                costs = self._costs_of(model)
                violation = self._violation_of(costs)
                if with_proxies and costs and violation == 0.0:
                    proxies, _ = proxies_of(model, self.proxies)
        except (kt.errors.FatalError, *BUGS, *_FROM_OUTSIDE):
            raise
        except BaseException as caught:
            # `sys.exit` ends this build and not the search.
            error = caught
        raise_if_interrupted()
        if violation > 0.0:
            error = OversizedModelError(
                f"The model is larger than max_model_size={self.max_model_size}"
            )
        return BuildReport(
            tuple(hp.requested), hp, costs, error, violation or None, proxies
        )

    def _costs_of(self, model: Any) -> dict[str, int]:
        if isinstance(model, keras.Model):
            counts = parameter_counts(model)
            if counts and self.counts_flops:
                counts["flops"] = count_flops(model)
            return counts
        if self.requires_model:
            raise kt.errors.FatalTypeError(
                "The hypermodel's build must return a Keras model. "
                f"Received: {model!r} (of type {type(model).__name__})"
            )
        return {}

    def _violation_of(self, costs: Mapping[str, int]) -> float:
        limit = self.max_model_size
        if not limit:
            return 0.0
        return max(costs.get("trainable_params", 0) / limit - 1.0, 0.0)


@contextlib.contextmanager
def _leaving_no_trace() -> Iterator[None]:
    """Builds on the CPU, and restores random states and memory."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    try:
        with private_api.on_cpu():
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        # Otherwise each new shape of a variable keeps memory allocated.
        private_api.forget_kernels()
