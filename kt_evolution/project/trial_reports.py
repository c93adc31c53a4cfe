"""The reports of workers: a trial's metrics, and its end.

A result is one event. Whatever is raised before that event leaves the trial
running, and whatever is raised after it leaves the result in the journal.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.space.genes import native
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import infer_direction
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.project.field_checks import is_finite
from kt_evolution.project.issued_trial import RUN
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import inherited_of
from kt_evolution.project.issued_trial import is_paused
from kt_evolution.project.issued_trial import message_of
from kt_evolution.project.issued_trial import requests_of
from kt_evolution.project.issued_trial import run_of
from kt_evolution.project.issued_trial import rungs_of
from kt_evolution.project.issued_trial import trained_of
from kt_evolution.project.messages import shortened
from kt_evolution.project.outcomes import divergence_of
from kt_evolution.project.outcomes import event_of_end
from kt_evolution.project.outcomes import event_of_pause
from kt_evolution.project.outcomes import new_rungs
from kt_evolution.project.project import Project
from kt_evolution.user_warnings import warn_user

# The statuses with which a run ends.
ENDS = (TrialStatus.COMPLETED, TrialStatus.INVALID, TrialStatus.FAILED)


class TrialReports:
    """Takes what workers report of trials.

    Args:
        oracle: The `EvolutionOracle`, which scores trials.
        project: Its `Project`.
        give_up: Function of the workers that end now. It gives the search up
            if too many trials failed in a row, and returns the error or None.
    """

    def __init__(
        self,
        oracle: Any,
        project: Project,
        give_up: Callable[[Iterable[str]], str | None],
    ) -> None:
        self._oracle = oracle
        self._project = project
        self._give_up = give_up

    def known(self, trial_id: Any) -> IssuedTrial:
        """Returns a trial by its id."""
        with self._project.reading() as state:
            if trial_id not in state.trials:
                raise ValueError(
                    "`trial_id` must be that of a trial of this search. "
                    f"Received: trial_id={trial_id!r}"
                )
            return state.trials[trial_id]

    def _is_awaited(self, trial_id: str, run: float | None) -> bool:
        """Returns whether a report belongs to the trial's newest run.

        Slow workers, and workers of a former chief, may report metrics of a
        run that has ended, or of one before the trial was started again.

        Args:
            trial_id: String.
            run: Float, the number of the run; None if the report has none.
        """
        newest = self._project.state.runs.newest(trial_id)
        return newest is not None and run in (None, newest.number)

    def _worker_of(self, trial_id: str) -> str | None:
        """Returns the worker that runs a trial, None if there is none."""
        return next(iter(self._project.state.workers_of(trial_id)), None)

    # Metrics.

    def update(
        self, trial_id: str, metrics: Mapping[str, Any], step: int | None
    ) -> Trial:
        """Takes the metrics that a worker reports."""
        metrics = dict(metrics)
        run = metrics.pop(RUN, None)
        with self._project.lock:
            trial = self.known(trial_id)
            numbers = as_numbers(metrics)
            self._oracle._check_objective_found(numbers)
            if self._is_awaited(trial_id, run):
                with self._project.changing(self._worker_of(trial_id)):
                    objective = self._oracle.objective
                    take_metrics(objective, trial, numbers, step)
            return trial

    # The end.

    def end(
        self,
        trial: Trial | str | None,
        status: str | None,
        trial_id: str | None,
    ) -> None:
        """Ends a trial as reported, see `EvolutionOracle.end_trial`."""
        with self._project.lock:
            if isinstance(trial, Trial):
                reported = trial
                known = self.known(reported.trial_id)
            else:
                known = self.known(trial_id or trial)
                reported = Trial(known.hyperparameters, known.trial_id)
                reported.status = status or TrialStatus.COMPLETED
            if reported.status not in ENDS:
                raise ValueError(
                    f"The `status` of a trial that ends must be one of {ENDS}. "
                    f"Received: status={reported.status!r}, "
                    f"trial_id={known.trial_id!r}"
                )
            if not self._is_awaited(known.trial_id, run_of(reported)):
                return
            name = self._oracle.objective.name
            is_completed = reported.status == TrialStatus.COMPLETED
            if is_completed and not known.metrics.exists(name):
                if not reported.metrics.exists(name):
                    if known.trial_id in self._project.state.retry_queue:
                        # Its result was reported to a chief that crashed.
                        return
                    raise ValueError(
                        f"Trial {known.trial_id} was ended as completed, but "
                        f"its objective '{name}' was not reported."
                    )
                # A worker repeats what it reported to a former chief.
                known.metrics = reported.metrics
            with self._project.changing(self._worker_of(known.trial_id)):
                problem = self._end(known, reported)
            if problem is not None:
                raise RuntimeError(problem)

    def fail_unended(self, trial_id: str) -> None:
        """Ends a trial whose process died every time."""
        state = self._project.state
        # The metrics of its last run are left out, because it did not end.
        known = state.new_trial(trial_id, state.proposed_values(trial_id))
        reported = Trial(known.hyperparameters, trial_id, TrialStatus.FAILED)
        reported.message = (
            f"The trial was started {state.runs.num_starts(trial_id)} times "
            "and never came to an end: its process died each time, for "
            "instance for want of memory, of a segmentation fault or of "
            "`sys.exit` "
            f"(max_starts_per_trial={self._oracle.max_starts_per_trial})."
        )
        print(f"Trial {trial_id} failed. {reported.message}")
        self._end(known, reported)

    def _end(self, trial: IssuedTrial, reported: Trial) -> str | None:
        """Ends a trial, and returns the error if the search is given up."""
        state = self._project.state
        self._oracle._lifecycle.grow_space(reported.hyperparameters)
        ran_with = private_api.share_space(
            reported.hyperparameters, reported.hyperparameters.values
        )
        private_api.settle_values(ran_with)
        values = {
            name: native(value) for name, value in ran_with.values.items()
        }
        status, message = reported.status, message_of(reported)
        if status == TrialStatus.COMPLETED:
            status, message = self._score(trial)
        trial_id = trial.trial_id
        workers = state.workers_of(trial_id)
        if status == TrialStatus.COMPLETED and is_paused(reported):
            self._pause(trial, reported, values)
        else:
            self._finish(trial, reported, values, status, message)
        ended = state.trials[trial_id]
        self._project.host_files.write_trial(ended)
        self._oracle.save()
        self._oracle._display.on_trial_end(ended)
        return self._give_up(workers)

    def _pause(
        self, trial: IssuedTrial, reported: Trial, values: dict[str, Any]
    ) -> None:
        """Records that a trial was trained to a rung."""
        self._project.commit(
            event_of_pause(
                self._project.state,
                trial,
                values,
                rungs_of(reported),
                self._requested_by(reported),
                inherited_of(reported),
            )
        )

    def _finish(
        self,
        trial: IssuedTrial,
        reported: Trial,
        values: dict[str, Any],
        status: str,
        message: str | None,
    ) -> None:
        """Records that a trial has ended, or that it will be run again."""
        state, trial_id = self._project.state, trial.trial_id
        num_left = self._oracle.max_retries_per_trial
        num_left -= state.run_times[trial_id]
        is_retried = status == TrialStatus.INVALID and num_left > 0
        has_crashed = status == TrialStatus.INVALID and not is_retried
        rungs = new_rungs(state, trial_id, rungs_of(reported))
        self._project.commit(
            event_of_end(
                state,
                trial,
                values,
                status=TrialStatus.FAILED if has_crashed else status,
                message=message and shortened(message),
                crashed=has_crashed,
                requested=None if is_retried else self._requested_by(reported),
                rungs=None if is_retried else rungs or None,
                inherited=inherited_of(reported),
                epochs=trained_of(reported),
            )
        )
        if is_retried:
            print(
                f"Trial {trial_id} has failed, and is run again. Retries left "
                f"after that: {num_left - 1}."
            )

    def _requested_by(self, reported: Trial) -> list[str] | None:
        """Returns what a training requested, None if that is not known.

        A dry build shows it before. A training that failed half way may have
        requested more.
        """
        has_built = self._oracle._proposer.check.dry_build is not None
        if has_built or reported.status != TrialStatus.COMPLETED:
            return None
        known = self._project.state.history.space.position
        return [key for key in requests_of(reported) if key in known] or None

    def _score(self, trial: IssuedTrial) -> tuple[str, str | None]:
        """Scores a trial, and returns its status and its problem or None."""
        with private_api.silence_nan_warning():
            self._oracle.score_trial(trial)
        problem = divergence_of(trial, self._oracle.objective.name)
        if problem is None:
            self._warn_of_unknown_spreads(trial)
            return TrialStatus.COMPLETED, None
        print(f"Trial {trial.trial_id} failed. {problem}")
        return TrialStatus.INVALID, problem

    def _warn_of_unknown_spreads(self, trial: IssuedTrial) -> None:
        scoring = self._project.state.scoring
        for limit in scoring.unknown_spreads(scoring.metrics_of(trial)):
            warn_user(
                f"{limit} counts as kept by a model that was trained once: a "
                "spread takes `executions_per_trial` or `cross_validation`, "
                "and time for two trainings at least."
            )


def take_metrics(
    objective: kt.Objective,
    trial: Trial,
    metrics: dict[str, float],
    step: int | None,
) -> None:
    """Adds metrics that were reported to a trial.

    Args:
        objective: The `keras_tuner.Objective` of the search.
        trial: The `Trial`.
        metrics: Dict of names to floats.
        step: Int, the epoch that they belong to; None for 0.

    Raises:
        keras_tuner.errors.FatalValueError: If `step` is not a finite number.
    """
    epoch: Any = 0 if step is None else native(step)
    if not is_finite(epoch):
        raise kt.errors.FatalValueError(
            "`step` must be the number of an epoch. Received: "
            f"step={step!r}, trial_id={trial.trial_id!r}"
        )
    directions = directions_of(objective)
    if objective.name not in metrics:
        # With several objectives Keras Tuner has one number for all.
        total = float(objective.get_value(metrics))
        metrics = {**metrics, objective.name: total}
    for name, value in metrics.items():
        if not trial.metrics.exists(name):
            # Keras Tuner would build a metric to infer the direction.
            direction = directions.get(name) or infer_direction(name)
            trial.metrics.register(name, direction or "min")
        with private_api.silence_nan_warning():
            trial.metrics.update(name, value, step=epoch)
