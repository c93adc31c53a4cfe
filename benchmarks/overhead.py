"""What a trial costs besides its training, next to the host's random search.

    python benchmarks/overhead.py

Both search the same ten hyperparameters through the oracle's API, without
training: create, update and end a trial, save the tuner. Each runs in a
process of its own. Time and bytes are those of a trial around each size (the
last fifth before it); the growth of our time from 1,000 to 10,000 trials is
printed too.
"""

import argparse
import gc
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIZES = (100, 1_000, 10_000)
AIMS = {100: 1.0, 1_000: 0.5, 10_000: 0.1}
# Trials before anything is counted; the first ones are not bred yet.
WARM_UP = 25
TUNERS = ("RandomSearch", "EvolutionTuner")


def make_tuner(name: str, directory: str, max_trials: int) -> Any:
    """Returns a tuner of ten hyperparameters that never trains."""
    import keras_tuner as kt

    import kt_evolution

    hp = kt.HyperParameters()
    for i in range(3):
        hp.Float(f"linear_{i}", 0.0, 1.0)
        hp.Int(f"integer_{i}", 1, 256)
    hp.Float("log", 1e-5, 1e-1, sampling="log")
    hp.Choice("choice", ["a", "b", "c", "d"])
    hp.Choice("ordered", [16, 32, 64, 128])
    hp.Boolean("boolean")
    options: dict[str, Any] = {}
    if name == "EvolutionTuner":
        base: Any = kt_evolution.EvolutionTuner
        if "surrogate" in inspect.signature(base.__init__).parameters:
            # The genetic algorithm alone; a model of the objective costs
            # what it is worth.
            options["surrogate"] = None
    else:
        base = kt.RandomSearch

    class WithoutTraining(base):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
            raise NotImplementedError

    tuner = WithoutTraining(
        objective=kt.Objective("score", "max"),
        max_trials=max_trials,
        seed=1,
        hyperparameters=hp,
        directory=directory,
        project_name=name,
        **options,
    )
    tuner.oracle.verbose = 0
    return tuner


def score_of(values: dict[str, Any]) -> float:
    """A smooth objective, so that the search has something to climb."""
    terms = [1 - abs(values[f"linear_{i}"] - 0.3) for i in range(3)]
    terms += [values[f"integer_{i}"] / 256 for i in range(3)]
    terms += [values["choice"] == "b", values["boolean"]]
    return float(sum(terms))


def run_trials(tuner: Any, number: int) -> None:
    """Runs trials as a tuner does, without the training."""
    oracle = tuner.oracle
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        score = score_of(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        tuner.save()


def bytes_written() -> int:
    """Returns the bytes that this process has handed to `write`."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["wchar"])


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(name: str, directory: str, sizes: list[int]) -> None:
    """Prints one JSON line for each size."""
    tuner = make_tuner(name, directory, max(sizes))
    # What is loaded on first use is not the trials', nor is the time in which
    # the garbage collector walks over TensorFlow's modules.
    run_trials(tuner, WARM_UP)
    gc.collect()
    gc.freeze()
    done = WARM_UP
    memory = resident_bytes()
    for size in sizes:
        start = size * 4 // 5
        run_trials(tuner, start - done)
        before, clock = bytes_written(), time.process_time()
        run_trials(tuner, size - start)
        seconds, written = time.process_time() - clock, bytes_written() - before
        done = size
        row = {
            "size": size,
            "ms": 1000 * seconds / (size - start),
            "kB": written / 1000 / (size - start),
            "memory": (resident_bytes() - memory) / 1000 / (size - WARM_UP),
            "reload": run_self("--reload", name, directory),
        }
        print(json.dumps(row), flush=True)


def reload(name: str, directory: str) -> None:
    """Prints the seconds that opening a project takes."""
    tuner = make_tuner(name, tempfile.mkdtemp(dir=directory), 10)
    tuner.oracle._set_project_dir(directory, name)
    clock = time.process_time()
    tuner.oracle.reload()
    print(json.dumps(time.process_time() - clock))


def run_self(*arguments: str) -> Any:
    """Returns what this script prints last in a fresh process."""
    return list(lines_of_self(*arguments))[-1]


def lines_of_self(*arguments: str) -> Iterator[Any]:
    command = [sys.executable, __file__, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            if line.startswith(("{", "[")) or line[:1].isdigit():
                yield json.loads(line)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}")


def table(rows: dict[str, dict[int, dict[str, float]]]) -> str:
    """Returns the comparison as a markdown table."""
    theirs, ours = (rows[name] for name in TUNERS)
    lines = [
        "| trials | per trial | RandomSearch | EvolutionTuner | ratio | aim |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    labels = {
        "ms": "oracle time, ms",
        "kB": "written, kB",
        "memory": "memory, kB",
        "reload": "reload in all, s",
    }
    for size in ours:
        for key, label in labels.items():
            his, mine = theirs[size][key], ours[size][key]
            aim = {"ms": AIMS.get(size), "kB": AIMS.get(size), "memory": 1.0}
            limit = aim.get(key)
            shown = "" if limit is None else f"<= {limit:g}x"
            if key == "reload" and size == 10_000:
                shown = "< 2 s"
            ratio = f"{mine / his:.2f}x" if his else ""
            lines.append(
                f"| {size:,} | {label} | {his:,.2f} | {mine:,.2f} "
                f"| {ratio} | {shown} |"
            )
    if {1_000, 10_000} <= ours.keys():
        growth = ours[10_000]["ms"] / ours[1_000]["ms"]
        lines.append(
            f"\nOur time per trial grows {growth:.2f}x from 1,000 to 10,000 "
            "trials (aim: <= 1.5x)."
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", choices=TUNERS, help="print raw figures")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--reload", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    if arguments.reload:
        reload(*arguments.reload)
        return
    if arguments.measure:
        measure(*arguments.measure, sizes)
        return
    rows: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name in [arguments.only] if arguments.only else TUNERS:
            rows[name] = {}
            given = ["--sizes", *map(str, sizes)]
            for row in lines_of_self("--measure", name, directory, *given):
                rows[name][row["size"]] = row
                print(name, row, file=sys.stderr, flush=True)
    if not arguments.only:
        print(table(rows))


if __name__ == "__main__":
    main()
