"""A search whose trials are trained by workers."""

import random
import time
from collections.abc import Mapping
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_evolution.display.terminal import printable_lines
from kt_evolution.project.issued_trial import IssuedTrial
from kt_evolution.project.issued_trial import take_report
from kt_evolution.project.signals import raise_if_interrupted
from kt_evolution.training.seeds import combined_seed
from kt_evolution.training.seeds import seed_of
from kt_evolution.workers.interface import Event
from kt_evolution.workers.interface import SearchFailed
from kt_evolution.workers.interface import Task
from kt_evolution.workers.interface import TrainingBegan
from kt_evolution.workers.interface import TrainingProgressed
from kt_evolution.workers.interface import TrainingResumed
from kt_evolution.workers.interface import TrialReported
from kt_evolution.workers.interface import WorkerDied
from kt_evolution.workers.interface import WorkerJoined
from kt_evolution.workers.interface import WorkerPrinted
from kt_evolution.workers.interface import Workers

# Seconds between two looks at what may end a search or a trial from outside.
INTERVAL = 0.5
# After so many workers in a row that died before they trained, the search ends.
MAX_FAILED_STARTS = 3


def _seed_of_process() -> int:
    """Returns a seed that follows from that of Python, which stays as it is."""
    generator = random.Random()
    generator.setstate(random.getstate())
    return generator.getrandbits(32)


class WorkerError(RuntimeError):
    """A worker can't train, and no other could. Its traceback is the text."""


def search_by_workers(
    tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Searches as `keras_tuner.Tuner.search` does, with several workers.

    Args:
        tuner: The `EvolutionTuner`.
        args: Tuple, the positional arguments of `search`.
        kwargs: Dict, the others.
    """
    workers: Workers = tuner._workers
    tuner.on_search_begin()
    at_once = True
    try:
        workers.start(tuner, args, kwargs)
        Dispatch(tuner, workers, tuner._timeout).run()
        at_once = False
    finally:
        workers.close(at_once)
    tuner.on_search_end()


class Dispatch:
    """Gives trials to workers, and takes what they report.

    Args:
        tuner: The `EvolutionTuner`.
        workers: The `Workers`, which were started.
        trial_timeout: Float, for how many seconds a trial may run, or None.
    """

    def __init__(
        self, tuner: Any, workers: Workers, trial_timeout: float | None
    ) -> None:
        self._tuner = tuner
        self._workers = workers
        self._trial_timeout = trial_timeout
        self._running: dict[str, Task] = {}
        # After `keras.utils.set_random_seed` it is the same in each search.
        self._seed = _seed_of_process()
        # How many workers died before they trained, since the last one did.
        self._failed_starts = 0
        # When the training of a worker began.
        self._began: dict[str, float] = {}
        # Those that were terminated because their trial ran for too long.
        self._overdue: set[str] = set()

    def run(self) -> None:
        """Runs the search to its end."""
        self._give_out()
        while self._running:
            for event in self._workers.events(INTERVAL):
                self._take(event)
            raise_if_interrupted()
            self._terminate_overdue()

    def _give_out(self, first: str | None = None) -> None:
        """Gives trials to the workers without one, as far as there are any.

        A worker that gets none is no worker of the search any more. The last
        one of which this is true ends the search.

        Args:
            first: String, the worker that is the first to get one, if any.
        """
        idle = [x for x in self._workers.names if x not in self._running]
        idle.sort(key=lambda name: name != first)
        for worker in idle:
            self._tuner.pre_create_trial()
            trial = self._tuner.oracle.create_trial(worker)
            if trial.status == TrialStatus.STOPPED:
                return
            self._tuner.on_trial_begin(trial)
            self._running[worker] = Task(
                trial,
                self._tuner._trainer.inheritance.parents_of(trial),
                self._tuner.oracle._project.clock.seconds,
                self._seed_of(trial),
            )
            self._workers.submit(worker, self._running[worker])

    def _seed_of(self, trial: IssuedTrial) -> int:
        """Returns the seed of a run of a trial."""
        seed = seed_of(self._tuner.oracle, trial.trial_id)
        if seed is not None:
            return seed
        return combined_seed(self._seed, int(trial.trial_id), trial.run or 0)

    def _take(self, event: Event) -> None:
        worker = event.worker
        if isinstance(event, SearchFailed):
            raise event.error from WorkerError(event.text)
        if isinstance(event, WorkerJoined):
            self._give_out(worker)
        if worker not in self._running:
            # A process that had no trial ended by itself.
            return
        trial = self._running[worker].trial
        match event:
            case TrainingBegan():
                self._failed_starts = 0
                self._began[worker] = time.monotonic()
                # Its seconds begin when its process has started.
                self._tuner.oracle._display.on_trial_begin(trial)
            case TrainingResumed():
                self._tuner.oracle._lifecycle.note_progress(trial.trial_id)
            case TrainingProgressed():
                self._tuner.oracle._display.train(
                    trial.trial_id, event.part, event.text
                )
            case WorkerPrinted():
                print(printable_lines(event.text), end="")
            case TrialReported():
                for metrics, step in event.updates:
                    self._tuner.oracle.update_trial(
                        trial.trial_id, metrics, step=step
                    )
                take_report(trial, event.trial)
                self._end(worker)
            case WorkerDied() if self._may_start_again(worker):
                self._start_again(event)
            case WorkerDied():
                trial.status = TrialStatus.INVALID
                trial.message = self._reason_of(event)
                # What the worker printed comes first, and was printed already.
                last_line = trial.message.splitlines()[-1]
                print(f"Trial {trial.trial_id} failed. {last_line}")
                self._end(worker)

    def _may_start_again(self, worker: str) -> bool:
        """Returns whether a worker that did not train is still there."""
        return worker not in self._began and worker in self._workers.names

    def _start_again(self, event: WorkerDied) -> None:
        """Submits a trial again whose worker died before it trained."""
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WorkerError(
                f"{MAX_FAILED_STARTS} workers in a row died before they could "
                f"train, and no trial was lost. The last: {event.reason}"
            )
        self._workers.submit(event.worker, self._running[event.worker])

    def _reason_of(self, event: WorkerDied) -> str:
        if event.worker in self._overdue:
            return (
                "Its worker was ended because the trial did not end within "
                f"trial_timeout={self._trial_timeout:g} seconds"
            )
        return event.reason

    def _end(self, worker: str) -> None:
        """Ends the trial of a worker, and gives out the next ones."""
        trial = self._running.pop(worker).trial
        self._began.pop(worker, None)
        self._overdue.discard(worker)
        self._tuner.on_trial_end(trial)
        if worker not in self._workers.names:
            # It asks for no trial, at which the oracle would note its end.
            self._tuner.oracle.tuner_ids.discard(worker)
        # There may be trials for those again that got none before.
        self._give_out(worker)

    def _terminate_overdue(self) -> None:
        """Ends the workers whose trials run for too long."""
        if self._trial_timeout is None:
            return
        now = time.monotonic()
        for worker, began in self._began.items():
            is_late = now - began > self._trial_timeout
            if is_late and worker not in self._overdue:
                self._overdue.add(worker)
                self._workers.terminate(worker)
