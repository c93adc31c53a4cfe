"""How much memory a search with workers takes because of a large array.

    python -m benchmarks.workers_memory --workers 4 --gibibytes 1

The same search is run with the array and with its first rows only. The memory
is the sum of the proportional set sizes of the process of the search and of all
its children. Each page counts once there, also one of a file that is mapped. It
is read four times a second, and the table has the largest sum. The process of
the search has the array itself, with any number of workers; the last column is
what comes on top of that. `--mapped` gives the search a function that maps the
array from a file in each worker. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GIBIBYTE = 2**30
NUM_FEATURES = 250


def search(workers: int, rows: int, dtype: str, path: str) -> None:
    """Runs a search with an array of so many rows.

    Args:
        workers: Int, the number of workers.
        rows: Int.
        dtype: String, the precision of the array.
        path: String, a file that each worker maps, or an empty one.
    """
    import keras

    import kt_evolution

    def build(hp):  # type: ignore[no-untyped-def]
        model = keras.Sequential(
            [keras.Input((NUM_FEATURES,)), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-6, 1e-5)), "mse")
        return model

    def load_data():  # type: ignore[no-untyped-def]
        x = np.load(path, mmap_mode="c")
        return {"x": x, "y": np.zeros(len(x), "float32")}

    with tempfile.TemporaryDirectory() as directory:
        tuner = kt_evolution.EvolutionTuner(
            build,
            "val_loss",
            max_trials=3 * workers,
            workers=workers,
            directory=directory,
        )
        options = {"batch_size": 4096, "epochs": 2, "verbose": 0}
        if path:
            tuner.search(load_data, validation_split=0.2, **options)
        else:
            x = np.ones((rows, NUM_FEATURES), dtype)
            y = np.zeros(rows, "float32")
            tuner.search(x, y, validation_split=0.2, **options)
        statuses = {t.status for t in tuner.oracle.trials.values()}
        if statuses != {"COMPLETED"}:
            raise SystemExit(f"Some trials did not end well: {statuses}")


def tree_of(pid: int) -> Iterator[int]:
    """Yields a process and its children, and theirs."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = thread.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from tree_of(int(child))


def proportional_size(pid: int) -> int:
    """Returns the proportional set size of a process, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        # It has just ended.
        return 0
    sizes = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return 1024 * sum(map(int, sizes))


def peak_of(command: list[str]) -> int:
    """Runs a command, and returns the largest memory of its processes."""
    ended, peak = threading.Event(), 0
    with subprocess.Popen(command) as process:
        waiter = threading.Thread(target=lambda: (process.wait(), ended.set()))
        waiter.start()
        while not ended.wait(0.25):
            size = sum(map(proportional_size, tree_of(process.pid)))
            peak = max(peak, size)
        waiter.join()
    if process.returncode != 0:
        raise SystemExit(f"The search ended with {process.returncode}")
    return peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--gibibytes", type=float, default=1.0)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--path", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    workers, dtype = arguments.workers, arguments.dtype
    if arguments.rows:
        search(workers, arguments.rows, dtype, arguments.path)
        return
    row = NUM_FEATURES * np.dtype(dtype).itemsize
    sizes = []
    for rows in (4096, int(arguments.gibibytes * GIBIBYTE / row)):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "array.npy")
            command = [sys.executable, "-m", "benchmarks.workers_memory"]
            command += ["--workers", str(workers), "--dtype", dtype]
            command += ["--rows", str(rows)]
            if arguments.mapped:
                np.save(path, np.ones((rows, NUM_FEATURES), dtype))
                command += ["--path", str(path)]
            sizes.append(peak_of(command) / GIBIBYTE)
    added = sizes[1] - sizes[0]
    here = 0.0 if arguments.mapped else arguments.gibibytes
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    print("| backend | array | small | large | added | beyond the array here |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    kind = f"{dtype}, {'mapped' if arguments.mapped else 'in memory'}"
    print(
        f"| {backend} | {kind} | {sizes[0]:.2f} | {sizes[1]:.2f} "
        f"| {added:.2f} | {added - here:.2f} |"
    )


if __name__ == "__main__":
    main()
