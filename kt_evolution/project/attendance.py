"""The workers of a chief that leave and come back, and their trials."""

from typing import Any

from kt_evolution.project.events import RunsInterrupted
from kt_evolution.project.project import Project


class Attendance:
    """Takes trials from workers that leave, and gives them back.

    Args:
        oracle: The `EvolutionOracle` of the chief.
        project: Its `Project`.
    """

    def __init__(self, oracle: Any, project: Project) -> None:
        self._oracle = oracle
        self._project = project

    def leave(self, worker: str, is_interrupted: bool = False) -> str | None:
        """Takes its trial from a worker that has ended or died.

        The next worker that asks gets the trial. The start is one of
        `max_starts_per_trial`, unless the worker was interrupted.

        Args:
            worker: String.
            is_interrupted: Bool, whether it was ended from outside. Defaults
                to False.

        Returns:
            String, the id of the trial, or None if it had none.
        """
        with self._project.changing():
            state = self._project.state
            self._oracle.tuner_ids.discard(worker)
            trial = state.ongoing_trials.get(worker)
            if trial is None:
                return None
            if is_interrupted:
                self._project.commit(
                    RunsInterrupted(trial_ids=[trial.trial_id])
                )
            state.drop_worker(worker)
            return trial.trial_id

    def come_back(self, worker: str, trial_id: str, run: int) -> bool:
        """Gives a worker the trial that it trains, if no other worker has it.

        Its lease may have run out while it was suspended, or the chief may
        have been restarted.

        Args:
            worker: String.
            trial_id: String.
            run: Int, the number of the run in which it trains the trial.

        Returns:
            Bool, whether the trial is that of the worker.
        """
        with self._project.changing():
            state = self._project.state
            newest = state.runs.newest(trial_id)
            if newest is None or newest.number != run:
                return False
            if trial_id in state.retry_queue:
                if worker in state.ongoing_trials:
                    return False
                trial = state.trials[trial_id]
                state.keep_running({worker: trial})
            self._oracle.tuner_ids.add(worker)
            return state.workers_of(trial_id) == [worker]

    def expect(self) -> list[str]:
        """Leaves trials to the workers that had them under a former chief.

        Those that a former chief interrupted are not trained any more.

        Returns:
            List of the workers.
        """
        with self._project.changing():
            state = self._project.state
            expected = {}
            # Of several trials, a worker trains the one that began last.
            runs = sorted(
                (run.number, trial_id, run.worker)
                for trial_id in state.retry_queue
                if (run := state.runs.newest(trial_id)) is not None
                and not state.runs.is_excused(trial_id)
            )
            for _, trial_id, worker in runs:
                if worker is not None:
                    expected[worker] = state.trials[trial_id]
            state.keep_running(expected)
            self._oracle.tuner_ids.update(expected)
            return list(expected)

    def is_over(self) -> bool:
        """Returns whether the search has ended, as no worker is left to ask."""
        oracle, lifecycle = self._oracle, self._oracle._lifecycle
        with self._project.changing():
            state, max_trials = self._project.state, oracle.max_trials
            if lifecycle.session.has_failed or lifecycle.check_rules():
                return True
            is_full = max_trials is not None and len(state.trials) >= max_trials
            return (
                is_full
                and not (state.ongoing_trials or state.retry_queue)
                and oracle._end.promotion(max_trials) is None
            )
