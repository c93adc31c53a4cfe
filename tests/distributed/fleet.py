"""A chief and workers, each a process, that tests end as they like."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.project import searches

# Seconds in which everything has to happen, also on a slow busy machine.
LIMIT = 120
MAX_TRIALS = 5
EPOCHS = 3


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def take_part(folder: Path, directory: Path, port: int, **options: Any) -> None:
    """Runs the same code that each process of a distributed search runs.

    Args:
        folder: Path of the process, whose name is its tuner id.
        directory: Path of all processes.
        port: Int.
        **options: Arguments of `make_tuner`, "lease" and "patience" in
            seconds, and "dies_in", the call after which a chief is killed.
    """
    os.environ["KERASTUNER_TUNER_ID"] = folder.name.split("-")[0]
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    os.environ["KT_EVOLUTION_LEASE_SECONDS"] = str(options.pop("lease", 60))
    os.environ["KT_EVOLUTION_CHIEF_SECONDS"] = str(options.pop("patience", 600))
    dies_in = options.pop("dies_in", None)
    import keras
    import numpy as np

    from kt_evolution.training import continuation

    # After each epoch, however long the last write took.
    continuation.MAX_SHARE = float("inf")

    class Gate(keras.callbacks.Callback):
        """Notes each epoch, and waits before it while the gate is closed."""

        def on_epoch_begin(self, epoch, logs=None):
            searches.note(folder / "epochs.txt", str(epoch))
            while (directory / f"closed-{folder.name}").exists():
                time.sleep(0.02)

    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    tuner = make_tuner(folder, directory, **options)
    if dies_in is not None:
        kill_after(tuner.oracle, dies_in)
    tuner.search(
        x[:16],
        x[:16, :1],
        validation_data=(x[16:], x[16:, :1]),
        epochs=EPOCHS,
        callbacks=[Gate()],
    )


def kill_after(oracle: Any, name: str) -> None:
    """Lets a chief be killed after a call, before it has answered."""
    call = getattr(oracle, name)

    def die(*args: Any, **kwargs: Any) -> None:
        call(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(oracle, name, die)


def make_tuner(
    folder: Path,
    directory: Path,
    build: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Any:
    import kt_evolution

    class Tuner(kt_evolution.EvolutionTuner):
        def on_trial_begin(self, trial):
            searches.note(folder / "log.txt", f"begun {trial.trial_id}")
            super().on_trial_begin(trial)

    return Tuner(
        build or build_model,
        **{
            "objective": "val_loss",
            "max_trials": MAX_TRIALS,
            "seed": 0,
            "surrogate": None,
            "directory": directory,
            "project_name": "project",
            **options,
        },
    )


def build_model(hp, max_units=64):
    import keras

    units = hp.Int("units", 1, max_units)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


class Fleet:
    """Starts and ends the processes of a search.

    Args:
        directory: Path of the project and of what processes print.
        **options: Those of `take_part`, for all processes.
    """

    def __init__(self, directory: Path, **options: Any) -> None:
        self.directory = directory
        self.options = options
        self.port = 0
        self.processes: dict[str, Any] = {}

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *args: Any) -> None:
        for process in self.processes.values():
            if process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.join()

    def start(self, name: str, **options: Any) -> None:
        """Starts a worker. What follows a "-" is no part of its tuner id."""
        self.processes[name] = searches.start(
            take_part,
            self.directory / name,
            self.directory,
            self.port,
            **{**self.options, **options},
        )

    def start_chief(self, name: str = "chief", **options: Any) -> None:
        """Starts the chief, on the port of the last one if there was one."""
        while True:
            is_first = not self.port
            self.port = self.port or free_port()
            self.start(name, **options)
            while self.processes[name].is_alive():
                with contextlib.suppress(OSError):
                    address = ("127.0.0.1", self.port)
                    socket.create_connection(address, timeout=5).close()
                    return
                time.sleep(0.02)
            # Another process may have taken the port in the meantime.
            is_taken = "no other process uses" in self.output(name)
            assert is_first and is_taken, self.output(name)
            self.port = 0

    def close_gate(self, name: str) -> None:
        """Lets a worker wait before its next epoch."""
        (self.directory / f"closed-{name}").touch()

    def open_gate(self, name: str) -> None:
        (self.directory / f"closed-{name}").unlink()

    def send(self, name: str, signal_number: int) -> None:
        os.kill(self.processes[name].pid, signal_number)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].join()

    def output(self, name: str) -> str:
        path = self.directory / name / "output.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def outputs(self) -> str:
        return "\n".join(
            f"--- {name}: {process.exitcode}\n{self.output(name)}"
            for name, process in self.processes.items()
        )

    def begun(self, name: str) -> list[str]:
        """Returns the trials that a worker has begun."""
        return searches.begun(self.directory / name)

    def num_epochs(self, name: str) -> int:
        path = self.directory / name / "epochs.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def wait(self, is_true: Callable[[], Any]) -> None:
        """Waits until something has happened."""
        end = time.monotonic() + LIMIT
        while not is_true():
            assert time.monotonic() < end, self.outputs()
            time.sleep(0.02)

    def wait_for_text(self, name: str, text: str) -> None:
        self.wait(lambda: text in self.output(name))

    def end_of_chief(self) -> int:
        """Returns the exit code of the chief, once it has ended."""
        self.wait(lambda: not self.processes["chief"].is_alive())
        return self.processes["chief"].exitcode

    def codes(self) -> dict[str, int]:
        """Returns the exit codes of all processes, once they have ended."""
        end = time.monotonic() + LIMIT
        for process in self.processes.values():
            process.join(max(end - time.monotonic(), 0))
            assert not process.is_alive(), self.outputs()
        return {name: one.exitcode for name, one in self.processes.items()}

    def events(self) -> list[dict[str, Any]]:
        return searches.events(self.directory)

    def num_ended(self) -> int:
        """Returns how many trials have a result."""
        return sum(one["event"] == "end" for one in self.events())

    def check_finished(self, max_trials: int = MAX_TRIALS) -> None:
        """Checks that each trial was completed, and has one result."""
        ends = [one for one in self.events() if one["event"] == "end"]
        assert len(ends) == max_trials, self.outputs()
        assert len({one["trial_id"] for one in ends}) == max_trials
        assert {one["status"] for one in ends} == {"COMPLETED"}
