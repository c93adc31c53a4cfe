"""The life of a trial, from its creation to its end, with nothing lost.

A trial is made by one event and ended by one event. If an exception is raised
in between, the lock is released and memory follows the journal.
"""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.display.terminal import printable_lines
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project.closing import closing_text
from kt_evolution.project.events import RunProgressed
from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.events import SearchGivenUp
from kt_evolution.project.events import SearchStopped
from kt_evolution.project.events import StatesDiscarded
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import record_requests
from kt_evolution.project.kept_states import delete_state
from kt_evolution.project.project import Project
from kt_evolution.project.tracebacks import short_message
from kt_evolution.project.trial_reports import TrialReports
from kt_evolution.user_warnings import warn_user


@dataclasses.dataclass
class Session:
    """The state of a session: from the first request to the last worker's end.

    Args:
        is_stopped: Bool, whether a stopping rule fired. Then all workers end,
            also if later results would change that.
        has_failed: Bool, whether too many trials failed.
        has_issued: Bool, whether a trial was given to a worker.
        has_printed_end: Bool, whether the reason for the end was printed.
    """

    is_stopped: bool = False
    has_failed: bool = False
    has_issued: bool = False
    has_printed_end: bool = False


class TrialLifecycle:
    """Makes and starts the trials of an oracle, and ends its search.

    Args:
        oracle: The `EvolutionOracle`, which proposes and scores trials.
        project: Its `Project`.

    Attributes:
        session: The `Session`.
        reports: The `TrialReports`, by which trials end.
        is_served: Bool, whether the session is that of a chief until `close`.
    """

    def __init__(self, oracle: Any, project: Project) -> None:
        self._oracle = oracle
        self._project = project
        self.session = Session()
        self.is_served = False
        self.reports = TrialReports(oracle, project, self._give_up)

    def forget(self) -> None:
        """Starts over like a new process, after the state was read again."""
        self.session = Session()

    # Beginning.

    def begin_session(self) -> None:
        """Starts the clock. Pauses are not counted."""
        with self._project.lock:
            self._project.open()
            self._project.clock.begin()
            self.session.is_stopped = False

    def create(self, worker: str) -> Trial:
        """Returns the next trial for a worker, see `EvolutionOracle`."""
        with self._project.changing(worker):
            self._project.claim(self._oracle.max_trials)
            self._oracle.tuner_ids.add(worker)
            if not self._project.clock.is_running:
                self._project.clock.begin()
            trial = self._next(worker)
            if trial is None:
                trial = self._project.state.new_trial(self._next_id(), {})
                trial.status = TrialStatus.IDLE
                if not self._is_waiting:
                    self._dismiss(worker)
                    trial.status = TrialStatus.STOPPED
                return trial
            self.session.has_issued = True
            self._set_rungs(trial)
            self._project.host_files.write_trial(trial)
            self._oracle.save()
            self._oracle._display.on_trial_begin(trial)
            if self._oracle._proposer.check.dry_build is None:
                record_requests(trial)
            return trial

    def _next(self, worker: str) -> IssuedTrial | None:
        """Returns a trial to run, old or new, None at the end."""
        # The process may have died before it reported the problem.
        problem = self._give_up([])
        if problem is not None:
            raise RuntimeError(problem)
        state = self._project.state
        state.drop_worker(worker)
        if self.check_rules():
            self._warn_if_all_failed()
            return None
        while state.retry_queue and not self._is_given_up:
            trial_id = state.retry_queue[0]
            if state.runs.num_starts(trial_id) < (
                self._oracle.max_starts_per_trial
            ):
                rebuilt = self._oracle._proposer.check_started(trial_id)
                self._project.commit(
                    TrialStarted(
                        trial_id=trial_id, worker=worker, rebuilt=rebuilt
                    )
                )
                return state.trials[trial_id]
            self.reports.fail_unended(trial_id)
        return self._new(worker)

    @property
    def _is_waiting(self) -> bool:
        """Whether a worker that gets no trial may get that of another one."""
        is_over = self.session.is_stopped or self.session.has_failed
        has_others = bool(self._project.state.ongoing_trials)
        return self.is_served and has_others and not is_over

    def check_rules(self) -> bool:
        """Checks the stopping rules, and reports the first that fires."""
        if not self.session.is_stopped:
            reason = self._oracle._end.reason()
            if reason is None:
                return False
            self.session.is_stopped = True
            self.stop(reason)
        return True

    @property
    def _is_given_up(self) -> bool:
        """Whether a chief's workers must end because trials failed."""
        return self.session.has_failed and private_api.is_chief()

    def _next_id(self) -> str:
        trials = self._project.state.trials
        # A larger `max_trials` later does not make ids wider: they name
        # folders, which other tools sort.
        newest = next(reversed(trials), str(self._oracle.max_trials))
        # Unreadable lines of the journal may have been deleted.
        numbers = itertools.count(len(trials))
        ids = (str(number).zfill(len(newest)) for number in numbers)
        return next(name for name in ids if name not in trials)

    def _new(self, worker: str) -> IssuedTrial | None:
        """Returns a new trial, or a paused one that is trained on."""
        state = self._project.state
        number, max_trials = len(state.trials), self._oracle.max_trials
        self._discard_states()
        if not self._is_given_up:
            promotion = self._oracle._end.promotion(max_trials)
            if promotion is not None:
                return self._promote(worker, **promotion)
        is_full = max_trials is not None and number >= max_trials
        if is_full or self._is_given_up:
            self._warn_if_all_failed()
            if is_full:
                self._print_full()
            return None
        trial_id = self._next_id()
        response = self._oracle.populate_space(trial_id)
        if response["status"] != TrialStatus.RUNNING:
            self._warn_if_all_failed()
            return None
        # If a subclass proposes the values, there is no record.
        record = response.get("record", {})
        epochs = response.get("epochs")
        if "promotes" in response:
            return self._promote(worker, response["promotes"], epochs, record)
        self._project.commit(
            TrialCreated(
                trial_id=trial_id,
                values=response["values"],
                record=record,
                worker=worker,
                epochs=epochs,
            )
        )
        return state.trials[trial_id]

    def _promote(
        self,
        worker: str,
        trial_id: str,
        epochs: int,
        record: dict[str, Any] | None = None,
    ) -> IssuedTrial:
        """Gives a paused trial to a worker."""
        rebuilt = self._oracle._proposer.check_started(trial_id)
        self._project.commit(
            TrialPromoted(
                trial_id=trial_id,
                epochs=epochs,
                worker=worker,
                rebuilt=rebuilt,
                record=record or None,
            )
        )
        return self._project.state.trials[trial_id]

    def _discard_states(self) -> None:
        """Deletes the states of paused trials that will not be trained on.

        Of the others they are kept at the end, too: `max_trials` may be raised.
        """
        unneeded = self._oracle._promotions.unneeded()
        if unneeded:
            self._project.commit(StatesDiscarded(trial_ids=unneeded))
        for trial_id in unneeded:
            delete_state(self._project.folder / f"trial_{trial_id}")

    def _set_rungs(self, trial: IssuedTrial) -> None:
        """Gives a trial that may be paused the rungs of the search."""
        rungs = self._oracle._promotions.rungs
        if not rungs:
            # An earlier session may have had a fidelity.
            trial.epochs = None
        elif trial.epochs is not None:
            trial.rungs = rungs

    def propose(self, trial_id: str) -> dict[str, Any]:
        """Proposes the values of a trial, see `EvolutionOracle`."""
        self._project.open()
        oracle = self._oracle
        proposed = oracle._proposer.propose(
            trial_id, oracle._end.num_left(oracle.max_trials)
        )
        if proposed is None:
            self.stop(oracle._proposer.why_nothing_is_left())
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, **proposed}

    def grow_space(self, found: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the search space, if that is allowed."""
        if not self._oracle.allow_new_entries:
            known = self._project.state.hyperparameters
            private_api.check_growth(found, known)
        if self._oracle.tune_new_entries:
            self._project.grow(found)

    def _dismiss(self, worker: str) -> None:
        """Removes a worker that ends."""
        self._oracle.tuner_ids.discard(worker)
        if self._oracle.tuner_ids or self.is_served:
            self._write_oracle()
        else:
            self.close()

    def close(self) -> None:
        """Prints the end of a session. The next request begins another one."""
        with self._project.lock:
            self._oracle._proposer.build_warnings.warn_at_end()
            self._oracle._display.close(closing_text(self._oracle))
            self.session = Session()
            self._project.clock.end()
            self._write_oracle()
            self._project.release()

    def save(self) -> None:
        """Writes `oracle.json` when there are enough new trials."""
        with self._project.lock:
            self._project.host_files.update_oracle(
                self._project.state, self._oracle.get_state
            )

    def _write_oracle(self) -> None:
        self._project.host_files.write_oracle(
            self._project.state, self._oracle.get_state
        )

    # The end of a search.

    def stop(self, reason: str) -> None:
        """Records why the search ends by itself, and prints it."""
        state = self._project.state
        # A build without a later line would seem to have ended the process.
        is_build_last = state.builds.is_last(self._project.clock.session)
        if reason != state.stop_reason or is_build_last:
            self._project.commit(SearchStopped(reason=reason))
        self._print_end(f"The search stopped: {reason}.")

    def _print_end(self, text: str) -> None:
        """Prints why the search is over, once for all workers."""
        if not self.session.has_printed_end:
            self._oracle._display.close(text)
        self.session.has_printed_end = True

    def _print_full(self) -> None:
        """Prints that all trials of `max_trials` have ended."""
        state = self._project.state
        number = len(state.trials)
        which = f"all {number} trials" if number > 1 else "the trial"
        ended = (
            f"{which} of max_trials={self._oracle.max_trials} "
            f"{'have' if number > 1 else 'has'} ended"
            f"{' or are paused' if state.paused else ''}."
        )
        if not self.session.has_issued:
            self._print_end(
                f"There is nothing left to run: {ended} To go on, run the "
                "same code with a larger `max_trials`."
            )
        elif not (state.ongoing_trials or self.session.has_failed):
            self._print_end(f"The search is finished: {ended}")

    def _warn_if_all_failed(self) -> None:
        """Warns when a search ends without a single result."""
        state = self._project.state
        if state.has_results or not state.end_order:
            return
        if state.ongoing_trials:
            # Another worker may still bring a result.
            return
        if self.session.has_failed:
            return
        self.session.has_failed = True
        number, last = len(state.end_order), self._last_message()
        self._project.commit(SearchGivenUp(reason="no trial completed"))
        failed = f"All {number} trials" if number > 1 else "The only trial"
        they = "they" if number > 1 else "it"
        warn_user(
            f"{failed} failed, so there is no result. Fix the cause and run "
            f"the same code again: {they} will run again. The last failure "
            f"was:\n{last}"
        )

    def _last_message(self) -> str:
        state = self._project.state
        message = state.trials[state.end_order[-1]].message or ""
        return printable_lines(short_message(message))

    def _give_up(self, workers: Iterable[str]) -> str | None:
        """Gives the search up if too many trials failed in a row.

        Args:
            workers: The workers that end now: a chief must not wait for them.

        Returns:
            String, the error, or None if the search goes on.
        """
        limit = self._oracle.max_consecutive_failed_trials
        number = self._project.state.num_failures_in_a_row
        if not limit or number < limit:
            return None
        self.session.has_failed = True
        self._oracle.tuner_ids.difference_update(workers)
        last = self._last_message()
        self._project.commit(SearchGivenUp(reason="too many failures in a row"))
        self._write_oracle()
        return (
            f"{number} trials in a row failed; the limit is "
            f"max_consecutive_failed_trials={limit}. All results are saved. "
            "Fix the cause and run the same code again to go on; if no trial "
            f"ever completed, all will run again. The last failure was:\n{last}"
        )

    def note_interruption(self) -> None:
        """Records that this session is ended from outside.

        Runs that have not ended don't count as crashes of their trials, and
        neither does a build that has not ended.
        """
        with self._project.changing():
            session = self._project.clock.session
            state = self._project.state
            left = state.runs.begun_in(session) if session else []
            if left or state.builds.is_last(session):
                self._project.commit(RunsInterrupted(trial_ids=left))

    def note_progress(self, trial_id: str) -> None:
        """Records that a training that was cut goes on, and is further by now.

        Such a start is not one of `max_starts_per_trial`.
        """
        with self._project.changing():
            self._project.commit(RunProgressed(trial_id=trial_id))
