"""Which weights a model begins its training with: those of a parent, or none.

A child has most values of its parent, and begins where that one ended. Its
score is then that of a model that was trained for longer than its own epochs.
"""

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras_tuner.engine.trial import Trial

from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project.issued_trial import schedule_of
from kt_evolution.training import training_state
from kt_evolution.training.checkpoints import CheckpointError
from kt_evolution.training.execution import TrialExecution
from kt_evolution.training.hooks import has_own_fit
from kt_evolution.training.net2net.transfer import transfer_weights
from kt_evolution.training.trial_oracle import TrialOracle
from kt_evolution.user_warnings import warn_user

ON_WORKERS = (
    "`inherit_weights` is off on workers of a chief: they don't know the "
    "parents of their trials. Each model is trained from scratch."
)
NOT_BUILT = (
    "A model makes its variables at its first batch only, and could not be "
    "built with the shape of its data before, so it is trained from scratch. "
    "`inherit_weights` needs models that begin with `keras.Input`, or data "
    "in arrays that `Model.fit` gets as `search` does."
)


class Inheritance:
    """Gives the models of a tuner's trials the weights of their parents.

    Args:
        tuner: The `EvolutionTuner`.
        is_on: Bool, whether the user wants it.
    """

    def __init__(self, tuner: Any, is_on: bool) -> None:
        self._tuner = tuner
        self._is_on = is_on
        self._warned: set[str] = set()

    def begin(
        self,
        trial: Trial,
        model: Any,
        execution: TrialExecution,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Gives a model weights of a parent, unless its training goes on.

        Args:
            trial: The `Trial`.
            model: Its model, as the hypermodel built it.
            execution: The `TrialExecution`, which learns whose weights it has.
            args: Tuple, the positional arguments of `fit`.
            kwargs: Mapping, the others.
        """
        is_on, tuner = self._is_on, self._tuner
        is_process = isinstance(tuner.oracle, TrialOracle)
        if is_on and tuner._is_worker() and not is_process:
            self._warn_once(ON_WORKERS, ON_WORKERS)
            is_on = False
        # A training that goes on needs the model as it was when it began.
        is_built = is_on and self._build(model, args, kwargs)
        execution.inherit(
            lambda: (
                self._take(trial, model, execution, is_built) if is_on else None
            )
        )

    def parents_of(self, trial: Trial) -> list[Trial]:
        """Returns the parents whose weights are kept, best first.

        There are none if weights are not inherited.
        """
        if not self._is_on:
            return []
        oracle = self._tuner.oracle
        if isinstance(oracle, TrialOracle):
            return list(oracle.parents)
        parents = oracle._standings.parents_of(trial.trial_id)
        return list(filter(self._tuner._saved.keeps_weights, parents))

    def _take(
        self,
        trial: Trial,
        model: Any,
        execution: TrialExecution,
        is_built: bool,
    ) -> dict[str, Any] | None:
        """Gives a model the weights of a parent, if there is one.

        Args:
            trial: The `Trial`.
            model: Its model.
            execution: The `TrialExecution`.
            is_built: Bool, whether the model has its variables.

        Returns:
            Dict with "from", the id of the parent's trial, and "share", the
            part of the model's weights that was taken; None if nothing was.
        """
        parent = self._parent_of(trial, execution)
        if parent is None:
            return None
        if not is_built:
            self._warn_once(NOT_BUILT, NOT_BUILT)
            return None
        number = len(execution.results)
        seed = [self._tuner.oracle.seed, int(trial.trial_id), number]
        with _same_random_numbers():
            share = self._transfer(model, parent, np.random.default_rng(seed))
        return {"from": parent.trial_id, "share": share} if share else None

    def _parent_of(
        self, trial: Trial, execution: TrialExecution
    ) -> Trial | None:
        """Returns the best parent whose weights are on disk, if any.

        With a fidelity the trials that are trained to the end at once show
        what hyperparameters are worth, so they are trained from scratch.
        """
        epochs, rungs = schedule_of(trial)
        parents = self.parents_of(trial)
        if execution.results:
            # The executions of a trial differ by chance alone.
            first = execution.inherited
            source = first["from"] if first else None
            parents = [one for one in parents if one.trial_id == source]
        elif rungs and epochs in (None, rungs[-1]):
            parents = []
        return next(iter(parents), None)

    def _build(
        self, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> bool:
        """Makes the variables of a model, and returns whether it has them.

        A `fit` of the user may train it on other data than it gets.
        """
        if private_api.is_built_throughout(model):
            return True
        is_kept = type(model).fit is keras.Model.fit
        if has_own_fit(self._tuner.hypermodel) or not is_kept:
            return False
        x = private_api.fit_arguments(args, kwargs).get("x")
        # The model may take data of any kind, and raise anything.
        with contextlib.suppress(Exception):
            model(_symbols_of(x))
        return private_api.is_built_throughout(model)

    def _transfer(
        self, model: Any, parent: Trial, rng: np.random.Generator
    ) -> float:
        """Gives a model the weights of a trial, and returns their share."""
        hyperparameters = private_api.share_space(
            parent.hyperparameters, parent.hyperparameters.values
        )
        copy = Trial(hyperparameters, parent.trial_id)
        try:
            # Accelerators have no room for two models.
            with private_api.on_cpu():
                other = self._tuner._saved.load(copy)
        except CheckpointError as error:
            self._warn_once(
                "weights", f"A child is trained from scratch. {error}"
            )
            return 0.0
        except Exception as error:
            self._warn_once(
                "model",
                f"The model of trial {parent.trial_id} can't be built again, "
                f"so its child is trained from scratch: {error!r}",
            )
            return 0.0
        return transfer_weights(model, other, rng)

    def _warn_once(self, kind: str, text: str) -> None:
        """Warns of a kind of problem once for a tuner."""
        if kind not in self._warned:
            self._warned.add(kind)
            warn_user(text)


@contextlib.contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Leaves the generators as if no other model had been built."""
    state = training_state.random_state()
    try:
        yield
    finally:
        training_state.set_random_state(state)


def _symbols_of(x: Any) -> Any:
    """Returns tensors without values, of the shapes of a batch of data.

    Raises:
        AttributeError: If they are not known, for instance of a generator.
    """
    if isinstance(x, keras.utils.PyDataset):
        x = x[0][0]
    elif hasattr(x, "element_spec"):
        # A dataset of TensorFlow, also on another backend.
        x = x.element_spec
        x = x[0] if isinstance(x, tuple) else x
    return keras.tree.map_structure(
        lambda one: keras.KerasTensor(
            (None, *one.shape[1:]), keras.backend.standardize_dtype(one.dtype)
        ),
        x,
    )
