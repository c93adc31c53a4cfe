"""One trial in training: its executions, their results and their costs.

A trial is trained `executions_per_trial` times, in each fold if there are
folds, and its metrics are the means over these executions. With a fidelity the
first execution may be paused. Once that has ended, the others are trained.
"""

import math
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kt_evolution.costs import measurement
from kt_evolution.display.architecture.blocks import BlockRecord
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.divergence import DivergenceWatch
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import names_of
from kt_evolution.project.training_log import FILE_NAME
from kt_evolution.stopping import StopAtEpochEnd
from kt_evolution.training.checkpoints import SaveMeasuredEpochs
from kt_evolution.training.continuation import Continuation
from kt_evolution.training.cross_validation import Fold
from kt_evolution.training.curve import rungs_reached
from kt_evolution.training.epoch_log import EpochLog
from kt_evolution.training.history_epochs import NoteEpochs
from kt_evolution.training.interruption import EndWatch
from kt_evolution.training.interruption import InterruptionWatch
from kt_evolution.training.keep_epochs import KeepEpochs
from kt_evolution.training.metric_check import DirectionCheck
from kt_evolution.training.metric_check import MetricCheck
from kt_evolution.training.metric_check import can_add_metrics
from kt_evolution.training.metrics import metrics_of
from kt_evolution.training.pausing import FitAgainError
from kt_evolution.training.pausing import Pause
from kt_evolution.training.plan import TrainingPlan
from kt_evolution.training.settings import Settings
from kt_evolution.training.training_state import from_record
from kt_evolution.training.training_state import to_record


class TrialExecution:
    """Trains the model of one trial, several times if need be.

    Args:
        plan: The `TrainingPlan`.
        trial_id: String.
        folder: Path, the folder of the trial.
        folds: The `Fold`s of the data, none without cross-validation.
        continuation: The `Continuation` of the trial, or None if its training
            is not kept.
        pause_at: Int, after how many epochs the first execution is paused, or
            None.
        rungs: Tuple of the epochs at which trials are compared, the last of
            which is that of the search; empty without a fidelity.

    Attributes:
        results: List of the results of the executions, such as `History`s.
        is_paused: Bool, whether the first execution was paused.
        reached: List of dicts, the rungs that it reached, see `rungs_of`.
        inherited: Dict, whose weights the last execution began with, or None.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        trial_id: str,
        folder: Path,
        folds: Sequence[Fold] = (),
        continuation: Continuation | None = None,
        pause_at: int | None = None,
        rungs: tuple[int, ...] = (),
    ) -> None:
        self.trial_id = trial_id
        self._plan = plan
        self._folder = folder
        self._folds = folds
        self._continuation = continuation
        self._pause_at = pause_at
        self._rungs = rungs
        self._pause = self._new_pause(None)
        self._keep: KeepEpochs | None = None
        self._epoch_stop: StopAtEpochEnd | None = None
        self._costs: list[dict[str, float]] = []
        self._proxies: dict[str, float] = {}
        self._diverged: dict[str, float] = {}
        self._divergence = DivergenceWatch()
        self.results: list[Any] = []
        self.is_paused = False
        self.reached: list[dict[str, Any]] = []
        self.inherited: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether no further execution is to begin."""
        is_out_of_time = bool(self.results) and self._plan.is_time_over()
        return self.is_paused or is_out_of_time

    @property
    def pause_problem(self) -> str | None:
        """String, why the first execution could not be paused, or None."""
        return self._pause.problem

    def begin(self, model: Any, settings: Settings) -> Any:
        """Returns the result of the next execution, if an earlier run has it.

        Args:
            model: The model, as the hypermodel built it.
            settings: The `Settings` of the trial.
        """
        finished = None
        if self._continuation is not None:
            finished = self._continuation.take_finished(model, settings)
        if finished is None:
            measured = self._plan.measured
            self._proxies = measurement.measure_proxies(model, measured)
            return None
        self._costs.append(finished["costs"])
        self._diverged |= finished["diverged"]
        self.reached += finished["reached"]
        self.inherited = finished.get("inherited")
        self.results.append(from_record(finished["result"]))
        return self.results[-1]

    def arguments(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        checks_metrics: bool,
        get_blocks: Callable[[], Sequence[BlockRecord]],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns the arguments of `fit` for the next execution.

        Args:
            args: Tuple, the positional arguments of `fit`.
            kwargs: Dict, the others.
            checks_metrics: Bool, whether Keras alone makes the metrics, so
                that a missing one is an error at the first batch.
            get_blocks: Function that returns the `BlockRecord`s of the model.
        """
        if self._folds:
            fold = self._folds[len(self.results) % len(self._folds)]
            args, others = fold.fit_arguments()
            kwargs = {**others, "callbacks": kwargs["callbacks"]}
        given = kwargs.get("callbacks", [])
        callbacks = [
            SaveMeasuredEpochs(callback, measurement.NAMES)
            if type(callback).__name__ == "SaveBestEpoch"
            else callback
            for callback in given
        ]
        checks_metrics &= not any(map(can_add_metrics, callbacks))
        awaited = self._awaited_metrics(kwargs)
        if math.isfinite(self._plan.time_budget):
            self._epoch_stop = StopAtEpochEnd(self._plan.is_time_over, awaited)
            callbacks.append(self._epoch_stop)
        self._divergence = DivergenceWatch()
        epoch_log = EpochLog(
            self._folder / FILE_NAME,
            overwrite=not self.results,
            get_blocks=get_blocks,
        )
        callbacks += [epoch_log, self._divergence, NoteEpochs()]
        if checks_metrics:
            arguments = private_api.fit_arguments(args, kwargs)
            callbacks.append(MetricCheck(self._plan.expected, arguments))
        callbacks += [DirectionCheck(self._plan.inferred), InterruptionWatch()]
        callbacks.insert(len(private_api.users_of(given)), EndWatch())
        self._pause = self._new_pause(
            None if self.results else self._pause_at, awaited
        )
        callbacks += self._new_keep_epochs(given, epoch_log)
        return args, {**kwargs, "callbacks": callbacks}

    def _new_keep_epochs(
        self, given: Sequence[Any], epoch_log: EpochLog
    ) -> list[KeepEpochs]:
        """Returns the callback that keeps the state of the training, if any.

        Args:
            given: List of the callbacks of the user and of the host.
            epoch_log: The `EpochLog`.
        """
        if self._continuation is None:
            return []
        named = {type(callback).__name__: callback for callback in given}
        checkpoint = named.get("SaveBestEpoch")
        self._continuation.begin_execution(checkpoint)
        self._keep = KeepEpochs(
            self._continuation,
            [*private_api.users_of(given), self._divergence],
            checkpoint,
            epoch_log,
            self._pause,
        )
        return [self._keep]

    def _new_pause(
        self, target: int | None, awaited: Collection[str] = ()
    ) -> Pause:
        """Returns the `Pause` of the next execution.

        Args:
            target: Int, after how many epochs it is paused, or None.
            awaited: Strings, the metrics without which there is no score.
        """
        last = max(self._rungs, default=0)
        if target is not None and target >= last:
            target = None
        return Pause(
            target,
            last,
            names_of(self._plan.objective),
            awaited,
            lambda: (
                self._epoch_stop is not None and self._epoch_stop.has_stopped
            ),
        )

    def _awaited_metrics(self, kwargs: Mapping[str, Any]) -> set[str]:
        """Returns the metrics without which a training has no score.

        Args:
            kwargs: Dict of the arguments of `fit`.
        """
        if kwargs.get("validation_freq", 1) == 1:
            # A missing metric may come from the user's own `fit`.
            return set()
        named = {*directions_of(self._plan.objective), *self._plan.limited}
        return {name for name in named if name.startswith("val_")}

    def inherit(self, take: Callable[[], dict[str, Any] | None]) -> None:
        """Lets the next execution begin with other weights than fresh ones.

        Args:
            take: Function that gives them to the model and returns whose they
                are, or None.
        """
        if self._continuation is None:
            self.inherited = take()
        else:
            self._continuation.inherit(take)

    def run(self, model: Any, fit: Callable[[], Any], source: str) -> Any:
        """Trains a model once, and measures what it costs.

        Args:
            model: The model.
            fit: Function that trains it and returns the result.
            source: String, the name of the function that returns metrics.

        Raises:
            FitAgainError: If the training was paused that must not be. Then it
                begins again, and is not paused.
        """
        measured: dict[str, float] = {}
        if model.built:
            # A cost that can't be counted raises before the training.
            measured = measurement.measure(
                model, self._plan.measured & {"flops"}
            )
        began = time.perf_counter()
        result = fit()
        if self._pause.is_paused and self._pause.problem is not None:
            # `HyperModel.fit` may catch it.
            raise FitAgainError(self._pause.problem)
        measured[measurement.TRAIN_SECONDS] = time.perf_counter() - began
        if self._keep is not None:
            measured[measurement.TRAIN_SECONDS] += self._keep.seconds
        measured |= self._proxies | measurement.parameter_counts(model)
        measured |= measurement.measure(
            model, self._plan.measured - measured.keys()
        )
        reached = []
        if self._keep is not None and not self.results:
            reached = rungs_reached(
                self._keep.curve,
                result,
                self._pause.is_paused,
                self._rungs,
                self._plan.objective,
                source,
                measured,
                self._plan.limited,
            )
        self.is_paused = self._pause.is_paused
        self.reached += reached
        if self._continuation is not None:
            self.inherited = self._continuation.inherited
        self._costs.append(measured)
        self.results.append(result)
        self._diverged |= self._divergence.losses
        if self._continuation is not None and not self.is_paused:
            self._continuation.add_finished(
                {
                    "result": to_record(result),
                    "costs": measured,
                    "diverged": self._divergence.losses,
                    "reached": reached,
                    "inherited": self.inherited,
                }
            )
        if not isinstance(result, keras.callbacks.History):
            # An unusable result raises before the next execution.
            metrics_of(result, self._plan.objective, source, measured)
        return result

    def metrics(
        self,
        results: Any,
        source: str,
        count_costs: Callable[[], Mapping[str, float]],
    ) -> tuple[dict[str, float], int]:
        """Returns the metrics of the trial, and their epoch.

        Args:
            results: The value that `run_trial` returned.
            source: String, the name of the function that returned it.
            count_costs: Function that returns the costs of a model that the
                tuner did not train.
        """
        measured: Mapping[str, float] = measurement.average(self._costs)
        if not self._costs and self._plan.measured & measurement.COUNTED.keys():
            measured = count_costs()
        metrics, step = metrics_of(
            results, self._plan.objective, source, measured, self._plan.limited
        )
        return {**metrics, **self._diverged}, step
