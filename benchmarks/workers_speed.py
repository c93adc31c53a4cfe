"""How much faster a search is with two workers than with one.

    python -m benchmarks.workers_speed --trials 12 --epochs 4

The search of `examples/quickstart.py` on real digits is run in this process
(`workers=1`), with worker processes (`workers=2`) and on Ray
(`RayWorkers(2)`), each in a process of its own, one after the other. The
seconds are those of `search`, without the import of Keras before it. "Start"
is the part until the first training begins, "end" the part in which workers are
closed. "CPU seconds" are those of this process and its children, without those
of Ray. They say how many cores a search with one worker uses, and so how much
faster any could be. The load is that of the minute before. Seconds with a load
above .5 say little, CPU seconds say more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import kt_evolution
from kt_evolution.workers import interface
from kt_evolution.workers.local import LocalWorkers

KINDS = ("workers=1", "workers=2", "RayWorkers(2)")
COLUMNS = (
    "workers",
    "load before",
    "seconds",
    "start",
    "end",
    "CPU seconds",
    "trials per hour",
    "times as fast",
)


class TimedWorkers(interface.Workers):
    """Workers whose start and end are measured.

    Args:
        workers: The `Workers`.

    Attributes:
        began: Float, when the first training began.
        closing: Float, for how many seconds workers were closed.
    """

    def __init__(self, workers: interface.Workers) -> None:
        self._workers = workers
        self.began: float | None = None
        self.closing = 0.0

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return self._workers.names

    def start(
        self, tuner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._workers.start(tuner, args, kwargs)

    def submit(self, worker: str, task: interface.Task) -> None:
        self._workers.submit(worker, task)

    def events(self, timeout: float) -> Sequence[interface.Event]:
        events = self._workers.events(timeout)
        if self.began is None and any(
            isinstance(event, interface.TrainingBegan) for event in events
        ):
            self.began = time.perf_counter()
        return events

    def terminate(self, worker: str) -> None:
        self._workers.terminate(worker)

    def close(self, at_once: bool) -> None:
        began = time.perf_counter()
        self._workers.close(at_once)
        self.closing = time.perf_counter() - began


def new_workers(kind: str) -> int | TimedWorkers:
    """Returns the argument `workers` of one of the `KINDS`."""
    if kind == "workers=1":
        return 1
    if kind == "workers=2":
        return TimedWorkers(LocalWorkers(2))
    # Not on a cluster that somebody else has started.
    return TimedWorkers(kt_evolution.RayWorkers(2, address=None))


def search(kind: str, trials: int, epochs: int) -> dict[str, Any]:
    """Runs the search of the quickstart, and returns how long it took.

    Args:
        kind: String, one of the `KINDS`.
        trials: Int, how many.
        epochs: Int, those of each trial.
    """
    import keras

    from examples import quickstart

    train, validation, _ = quickstart.load_digits()
    keras.utils.set_random_seed(0)
    workers = new_workers(kind)
    with tempfile.TemporaryDirectory() as directory:
        tuner = kt_evolution.EvolutionTuner(
            quickstart.build_model,
            objective="val_accuracy",
            max_trials=trials,
            seed=0,
            workers=workers,
            directory=directory,
        )
        began, used = time.perf_counter(), cpu_seconds()
        tuner.search(
            *train,
            validation_data=validation,
            epochs=epochs,
            batch_size=64,
            verbose=0,
        )
        seconds, used = time.perf_counter() - began, cpu_seconds() - used
        statuses = [t.status for t in tuner.oracle.trials.values()]
    if statuses != ["COMPLETED"] * trials:
        raise SystemExit(f"Some trials did not end well: {statuses}")
    start = end = None
    if isinstance(workers, TimedWorkers) and workers.began is not None:
        start, end = workers.began - began, workers.closing
    return {"seconds": seconds, "start": start, "end": end, "cpu": used}


def cpu_seconds() -> float:
    """Returns those of this process, and of its children that have ended."""
    return sum(os.times()[:4])


def measure(kind: str, trials: int, epochs: int) -> dict[str, Any]:
    """Runs `search` in a process of its own."""
    load = os.getloadavg()[0]
    command = [sys.executable, "-m", "benchmarks.workers_speed"]
    command += ["--trials", str(trials), "--epochs", str(epochs)]
    command += ["--kind", kind]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"The search with {kind} ended with an error")
    # What Ray prints comes before.
    result = json.loads(ended.stdout.splitlines()[-1])
    return {"workers": kind, "load": load, **result}


def row_of(
    result: Mapping[str, Any], trials: int, alone: Mapping[str, Any]
) -> str:
    """Returns a result as a row of the table.

    Args:
        result: Dict, by `measure`.
        trials: Int, how many there were.
        alone: Dict, the result of `workers=1` in the same round.
    """

    def shown(seconds: float | None) -> str:
        return "" if seconds is None else f"{seconds:.1f}"

    cells = [
        f"`{result['workers']}`",
        f"{result['load']:.1f}",
        shown(result["seconds"]),
        shown(result["start"]),
        shown(result["end"]),
        shown(None if "Ray" in result["workers"] else result["cpu"]),
        f"{3600 * trials / result['seconds']:,.0f}",
        f"{alone['seconds'] / result['seconds']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = arguments.trials, arguments.epochs
    if arguments.kind is not None:
        print(json.dumps(search(arguments.kind, *size)), flush=True)
        return
    if "workers=1" not in arguments.kinds:
        parser.error("--kinds must have workers=1, to which others compare")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + " --- |" + " ---: |" * (len(COLUMNS) - 1))
    for _ in range(arguments.rounds):
        alone = measure("workers=1", *size)
        for kind in arguments.kinds:
            result = alone if kind == "workers=1" else measure(kind, *size)
            print(row_of(result, arguments.trials, alone), flush=True)


if __name__ == "__main__":
    main()
