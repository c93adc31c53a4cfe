"""The life of a trial, from its creation to its end, with nothing lost.

A trial is made by one line of the journal and ended by one line. Whatever
raises in between, the lock is released and memory follows the file.
"""

import itertools
import math
import warnings
from collections.abc import Iterable
from typing import Any

from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.checks import check_count
from kt_evolution.display.terminal import printable_lines
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.divergence import diverged_losses
from kt_evolution.keras_tuner_bridge.objectives import directions_of
from kt_evolution.keras_tuner_bridge.objectives import infer_direction
from kt_evolution.keras_tuner_bridge.scalars import as_numbers
from kt_evolution.project import events
from kt_evolution.project.issued_trial import RUN
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import message_of
from kt_evolution.project.issued_trial import run_of
from kt_evolution.project.messages import shortened
from kt_evolution.project.project import ProjectOracle


class DurableOracle(ProjectOracle):
    """Base class of oracles that lose no trial.

    A subclass implements `populate_space`, as with `kt.Oracle`. The returned
    dict may have a further key "record": a JSON-serialisable dict that is
    stored with the trial and handed to `restore_trial` after a restart.

    Args:
        max_starts_per_trial: Int, how often a trial is started that never
            comes to an end, because its process dies, before it is FAILED.
            Defaults to 3.
        **kwargs: Arguments of `ProjectOracle`.
    """

    def __init__(self, max_starts_per_trial: int = 3, **kwargs: Any) -> None:
        self.max_starts_per_trial = check_count(
            "max_starts_per_trial", max_starts_per_trial
        )
        super().__init__(**kwargs)

    def _forget(self) -> None:
        super()._forget()
        self._consecutive_failures = 0
        self._has_failed = False
        # Then all workers are to end, whatever the last of them report.
        self._is_stopped = False
        # What the user need not be told again until all workers have ended.
        self._has_issued = False
        self._has_told_end = False

    def _replay(self, event: dict[str, Any]) -> None:
        num_ended = len(self.end_order)
        super()._replay(event)
        if event["event"] == "stop":
            self._consecutive_failures = 0
        elif len(self.end_order) > num_ended:
            trial = self.trials[self.end_order[-1]]
            self._count_failures(trial, event.get("crashed", False))
            limit = self.max_consecutive_failed_trials
            if self._ranking and limit and self._consecutive_failures >= limit:
                # Its error was raised; no line tells of it.
                self._consecutive_failures = 0

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial to run.

        Args:
            tuner_id: String, the worker that asks. One that has a trial
                already lost its process in it: it starts that again.

        Returns:
            A `Trial` whose status is RUNNING, or STOPPED when the search is
            at its end. It is never IDLE: nobody waits.
        """
        with self._changing(tuner_id):
            self.claim()
            self.tuner_ids.add(tuner_id)
            if not self._clock.is_running:
                self._clock.begin()
            trial = self._next_trial(tuner_id)
            if trial.status == TrialStatus.STOPPED:
                self._dismiss(tuner_id)
                return trial
            self.stop_reason = None
            self._has_issued = True
            self.ongoing_trials[tuner_id] = trial
            run = self._runs.newest(trial.trial_id)
            trial.run = run.number if run is not None else None
            self._save_trial(trial)
            self.save()
            self._display.on_trial_begin(trial)
            return trial

    def _next_trial(self, tuner_id: str) -> IssuedTrial:
        """Returns an old trial that has to run, a new one, or a STOPPED one."""
        # The process may have died before it said so.
        problem = self._give_up_after_failures([])
        if problem is not None:
            raise RuntimeError(problem)
        ongoing = self.ongoing_trials.pop(tuner_id, None)
        if ongoing is not None:
            self._retry_queue.insert(0, ongoing.trial_id)
        if self.is_over():
            self._tell_if_all_failed()
            return self._stopped_trial()
        while self._retry_queue and not self._is_given_up():
            trial_id = self._retry_queue[0]
            if self._runs.num_starts(trial_id) < self.max_starts_per_trial:
                return self._start_again(self._retry_queue.pop(0), tuner_id)
            self._fail_unended(trial_id)
        return self._new_trial(tuner_id)

    def _start_again(self, trial_id: str, tuner_id: str) -> IssuedTrial:
        self._record(events.start_event(trial_id, tuner_id))
        trial = self._reissue(trial_id)
        # What was met since it was proposed has its default here.
        private_api.settle_values(trial.hyperparameters)
        return trial

    def _fail_unended(self, trial_id: str) -> None:
        """Ends a trial that ends its process each time."""
        known = self._reissue(trial_id)
        reported = Trial(known.hyperparameters, trial_id, TrialStatus.FAILED)
        reported.message = (
            f"The trial was started {self._runs.num_starts(trial_id)} times "
            "and never came to an end: its process died each time, for "
            "instance for want of memory, of a segmentation fault or of "
            f"`sys.exit` (max_starts_per_trial={self.max_starts_per_trial})."
        )
        print(f"Trial {trial_id} failed. {reported.message}")
        self._end(known, reported)

    def _dismiss(self, tuner_id: str) -> None:
        """Lets go of a worker that is told to end."""
        self.tuner_ids.discard(tuner_id)
        if not self.tuner_ids:
            # Who asks after all were told begins anew.
            self._is_stopped = False
            self._has_issued = False
            self._has_told_end = False
            self._clock.end()
        self._save_oracle_file()
        if not self.tuner_ids:
            self.release()

    def is_over(self) -> bool:
        """Tells whether no further trial is to run, whatever is left."""
        return False

    def _next_trial_id(self) -> str:
        digits = len(str(self.max_trials))
        # Lines of a journal that can't be read may have been deleted.
        numbers = itertools.count(len(self.trials))
        ids = (str(number).zfill(digits) for number in numbers)
        return next(name for name in ids if name not in self.trials)

    def _stopped_trial(self) -> IssuedTrial:
        trial = self._make_trial(self._next_trial_id(), {})
        trial.status = TrialStatus.STOPPED
        return trial

    def _new_trial(self, tuner_id: str) -> IssuedTrial:
        number = len(self.trials)
        trial_id = self._next_trial_id()
        is_full = self.max_trials is not None and number >= self.max_trials
        stopped = self._stopped_trial()
        if is_full or self._is_given_up():
            self._tell_if_all_failed()
            if is_full and not self._has_issued:
                ended = f"all {number} trials" if number > 1 else "the trial"
                have = "have" if number > 1 else "has"
                self._tell_end(
                    f"There is nothing left to run: {ended} of "
                    f"max_trials={self.max_trials} {have} ended. To go on, run "
                    "the same code with a larger `max_trials`."
                )
            return stopped
        response = self.populate_space(trial_id)
        if response["status"] != TrialStatus.RUNNING:
            self._tell_if_all_failed()
            return stopped
        trial = self._make_trial(trial_id, response["values"])
        self._record(
            events.trial_event(
                trial_id,
                response["values"],
                response.get("record", {}),
                tuner_id,
            )
        )
        self._register(trial)
        return trial

    def _tell_end(self, text: str) -> None:
        """Prints why a search is over, once for all workers."""
        if self.verbose and not self._has_told_end:
            print(text)
        self._has_told_end = True

    def _tell_if_all_failed(self) -> None:
        """Warns when a search ends without a single result."""
        if self._ranking or not self.end_order or self._has_failed:
            return
        self._has_failed = True
        self._record(events.stop_event("no trial completed"))
        last = self.trials[self.end_order[-1]].message or ""
        number = len(self.end_order)
        failed = f"All {number} trials" if number > 1 else "The only trial"
        they = "they" if number > 1 else "it"
        warnings.warn(
            f"{failed} failed, so there is no result. Mend the cause and run "
            f"the same code again: {they} will be run anew. The last failure "
            f"was:\n{printable_lines(last)}",
            stacklevel=2,
        )

    def _is_given_up(self) -> bool:
        """Tells a chief's workers to end once too many trials failed."""
        return self._has_failed and private_api.is_chief()

    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Trial:
        """Takes the metrics that a worker reports.

        Args:
            trial_id: String, the trial.
            metrics: Dict of names to numbers; the objectives must be there.
            step: Int, the epoch that the metrics belong to.

        Returns:
            The `Trial`.
        """
        metrics = dict(metrics)
        run = metrics.pop(RUN, None)
        with self._lock:
            trial = self._known_trial(trial_id)
            metrics = as_numbers(metrics)
            self._check_objective_found(metrics)
            if self._is_awaited(trial_id, run):
                with self._changing(self._worker_of(trial_id)):
                    self._take_metrics(trial, metrics, step)
            return trial

    def _is_awaited(self, trial_id: str, run: float | None) -> bool:
        """Tells whether a report is of the run that counts: the newest.

        Nobody reports of a run that has ended, or of one before a trial was
        started again, but a worker that was slow or that a former chief sent.

        Args:
            trial_id: String.
            run: Float, the number of the run; None if the report has none.
        """
        newest = self._runs.newest(trial_id)
        return newest is not None and run in (None, newest.number)

    def _worker_of(self, trial_id: str) -> str | None:
        """Returns who runs a trial, None if nobody of this session does."""
        workers = (
            tuner_id
            for tuner_id, ongoing in self.ongoing_trials.items()
            if ongoing.trial_id == trial_id
        )
        return next(workers, None)

    def _take_metrics(self, trial: Trial, metrics: Any, step: int) -> None:
        directions = directions_of(self.objective)
        if self.objective.name not in metrics:
            # Of several objectives: the host's one number for all.
            total = float(self.objective.get_value(metrics))
            metrics = {**metrics, self.objective.name: total}
        for name, value in metrics.items():
            if not trial.metrics.exists(name):
                # The host would make a metric of that name to find out.
                direction = directions.get(name) or infer_direction(name)
                trial.metrics.register(name, direction or "min")
            with private_api.silence_nan_warning():
                trial.metrics.update(name, value, step=step)

    def end_trial(
        self,
        trial: Trial | str | None = None,
        status: str | None = None,
        trial_id: str | None = None,
    ) -> None:
        """Takes a trial's end. Ending it twice changes nothing.

        Args:
            trial: The `Trial`, with the status COMPLETED, INVALID (it crashed
                and may be tried again) or FAILED (it must not be).
            status: String. The host's former signature was a trial id and a
                status, "COMPLETED" by default; it still works.
            trial_id: String, see `status`.

        Raises:
            RuntimeError: If too many trials in a row failed. The trial is
                saved before.
        """
        with self._lock:
            if isinstance(trial, Trial):
                reported = trial
                known = self._known_trial(reported.trial_id)
            else:
                known = self._known_trial(trial_id or trial)
                reported = Trial(known.hyperparameters, known.trial_id)
                reported.status = status or TrialStatus.COMPLETED
            if not self._is_awaited(known.trial_id, run_of(reported)):
                return
            if reported.status == TrialStatus.COMPLETED and not (
                known.metrics.exists(self.objective.name)
            ):
                if known.trial_id in self._retry_queue:
                    # It ran for a chief that is gone, and so is the result.
                    return
                raise ValueError(
                    f"Trial {known.trial_id} was ended as completed, but its "
                    f"objective '{self.objective.name}' was not reported."
                )
            with self._changing(self._worker_of(known.trial_id)):
                problem = self._end(known, reported)
            if problem is not None:
                raise RuntimeError(problem)

    def _end(self, trial: Trial, reported: Trial) -> str | None:
        """Ends a trial, and returns why the search is given up, if it is."""
        self._grow_space(reported.hyperparameters)
        trial.hyperparameters = private_api.share_space(
            reported.hyperparameters, reported.hyperparameters.values
        )
        private_api.settle_values(trial.hyperparameters)
        trial.message = message_of(reported)
        if reported.status == TrialStatus.COMPLETED:
            self._score(trial)
        else:
            trial.status = reported.status
        crashed = trial.status == TrialStatus.INVALID
        runs_left = self.max_retries_per_trial - self._run_times[trial.trial_id]
        retries = crashed and runs_left > 0
        if crashed and not retries:
            trial.status = TrialStatus.FAILED
        if trial.message is not None:
            trial.message = shortened(trial.message)
        self._record(
            events.end_event(
                trial,
                self._proposed_values[trial.trial_id],
                self._runs.newest(trial.trial_id),
                has_crashed=crashed and not retries,
            )
        )
        if trial.trial_id in self._retry_queue:
            self._retry_queue.remove(trial.trial_id)
        self._settle(trial)
        if retries:
            print(
                f"Trial {trial.trial_id} failed "
                f"{self._run_times[trial.trial_id]} times. "
                f"{runs_left} retries left."
            )
            self._retry_queue.append(trial.trial_id)
        self._count_failures(trial, crashed and not retries)
        self._save_trial(trial)
        self.save()
        self._display.on_trial_end(trial)
        return self._give_up_after_failures(self._release(trial))

    def _score(self, trial: Trial) -> None:
        with private_api.silence_nan_warning():
            self.score_trial(trial)
        trial.status = TrialStatus.COMPLETED
        problem = self._divergence_of(trial)
        if problem is not None:
            trial.status = TrialStatus.INVALID
            trial.message = problem
            trial.score = None
            print(f"Trial {trial.trial_id} failed. {trial.message}")

    def _divergence_of(self, trial: Trial) -> str | None:
        """Returns what is not finite of a trial that was scored, if any."""
        if not math.isfinite(trial.score):
            return (
                f"The objective '{self.objective.name}' is not finite: "
                f"{trial.score}"
            )
        last = {
            name: history.get_last_value()
            for name, history in trial.metrics.metrics.items()
        }
        losses = diverged_losses(last)
        if not losses:
            return None
        values = ", ".join(f"{name}={x}" for name, x in losses.items())
        return f"Training diverged: at its end a loss is not finite. {values}"

    def _count_failures(self, trial: Trial, is_real: bool) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._consecutive_failures = 0
        elif is_real:
            self._consecutive_failures += 1

    def _give_up_after_failures(self, workers: Iterable[str]) -> str | None:
        limit = self.max_consecutive_failed_trials
        if not limit or self._consecutive_failures < limit:
            return None
        self._has_failed = True
        # They end with this error: a chief must not wait for them.
        self.tuner_ids.difference_update(workers)
        if not self._ranking:
            self._record(events.stop_event("too many failures in a row"))
        self._save_oracle_file()
        failures, self._consecutive_failures = self._consecutive_failures, 0
        return (
            f"{failures} trials in a row failed; the limit is "
            f"max_consecutive_failed_trials={limit}. All results are saved. "
            "Mend the cause and run the same code again to go on; if no trial "
            "ever completed, all are run anew. The last failure was:\n"
            f"{printable_lines(self.trials[self.end_order[-1]].message or '')}"
        )

    def _release(self, trial: Trial) -> list[str]:
        """Lets go of a trial, and returns the workers that are free now."""
        workers = [
            tuner_id
            for tuner_id, ongoing in self.ongoing_trials.items()
            if ongoing.trial_id == trial.trial_id
        ]
        for tuner_id in workers:
            del self.ongoing_trials[tuner_id]
        return workers

    def note_interruption(self) -> None:
        """Notes that what ends this session is no fault of its trials.

        Starts of trials that it leaves behind without an end don't count, and
        neither does a build that it was in.
        """
        with self._changing():
            session = self._clock.session
            left = self._runs.begun_in(session) if session else []
            if left or self._builds.is_last(session):
                # Before the first trial the search space may change yet.
                self._append(events.interrupted_event(left))

    def _known_trial(self, trial_id: Any) -> Trial:
        self.open()
        if trial_id not in self.trials:
            raise ValueError(
                "`trial_id` must be that of a trial of this search. "
                f"Received: trial_id={trial_id!r}"
            )
        return self.trials[trial_id]

    def get_trial(self, trial_id: str) -> Trial:
        """Returns a trial by its id."""
        with self._lock:
            return self._known_trial(trial_id)

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the completed trials with the best scores, best first.

        Unlike the host's, it never fills up with unfinished trials.

        Args:
            num_trials: Int, how many at most. Defaults to 1.
        """
        num_trials = check_count("num_trials", num_trials, at_least=0)
        with self._lock:
            self.open()
            best = self._ranking[:num_trials]
            return [self.trials[trial_id] for _, _, trial_id in best]
