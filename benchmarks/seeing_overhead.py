"""What the display and the records of a training cost for each trial.

    python benchmarks/seeing_overhead.py

The display: trials are run through the oracle's API without training, silently
and with the display, which writes to a terminal that nobody sees, next to the
host's. The difference is what is shown, ours being drawn in a thread besides.
CPU milliseconds per trial, of the last fifth before each size.

A training: Keras's callbacks that show the epochs and write them to
`training.jsonl` are called as `fit` calls them, for a convolutional network, 10
epochs of 100 batches. CPU milliseconds per trial, of 1,000 trials.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import overhead

SIZES = (100, 1_000)
AIM = 5.0
TRAINING = "training"
EPOCHS = 10
BATCHES = 100


def measure(name: str, verbose: int, sizes: list[int]) -> dict[int, float]:
    """Returns the milliseconds per trial, by size."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        tuner = overhead.make_tuner(name, directory, max(sizes))
        tuner.oracle.verbose = verbose
        with contextlib.ExitStack() as stack:
            if verbose and name == "EvolutionTuner":
                display: Any = tuner.oracle._display
                stack.enter_context(display.live())
            overhead.run_trials(tuner, overhead.WARM_UP)
            done = overhead.WARM_UP
            for size in sizes:
                start = size * 4 // 5
                overhead.run_trials(tuner, start - done)
                clock = time.process_time()
                overhead.run_trials(tuner, size - start)
                seconds = time.process_time() - clock
                found[size] = 1000 * seconds / (size - start)
                done = size
    return found


def measure_training(num_trials: int, verbose: int) -> dict[int, float]:
    """Returns what the callbacks of a trial's training cost.

    Args:
        num_trials: Int.
        verbose: Int, 1 for the callback of the display too.
    """
    import keras_tuner as kt

    from kt_evolution import nas
    from kt_evolution.project.training_log import FILE_NAME
    from kt_evolution.training.epoch_log import EpochLog

    space = nas.HyperConvNet(input_shape=(32, 32, 3), num_classes=10)
    model = space.build(kt.HyperParameters())
    logs = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.7}
    with tempfile.TemporaryDirectory() as directory:
        tuner = overhead.make_tuner("EvolutionTuner", directory, num_trials)
        tuner.oracle.verbose = verbose
        display: Any = tuner.oracle._display
        with display.live():
            began = time.process_time()
            for number in range(num_trials):
                path = Path(directory) / f"trial_{number}" / FILE_NAME
                callbacks: list[Any] = [
                    EpochLog(path, overwrite=True, get_blocks=tuple)
                ]
                if verbose:
                    callbacks.append(display.new_callback(str(number), 0, 1))
                _tell_of_training(callbacks, model, logs)
            seconds = time.process_time() - began
    return {num_trials: 1000 * seconds / num_trials}


def _tell_of_training(
    callbacks: list[Any], model: Any, logs: dict[str, float]
) -> None:
    for callback in callbacks:
        callback.set_model(model)
        callback.set_params({"epochs": EPOCHS, "steps": BATCHES})
        callback.on_train_begin()
        for epoch in range(EPOCHS):
            callback.on_epoch_begin(epoch)
            for batch in range(BATCHES):
                callback.on_train_batch_end(batch, logs)
            callback.on_epoch_end(epoch, logs)
        callback.on_train_end(logs)


def run_self(name: str, verbose: int, sizes: list[int]) -> dict[int, float]:
    """Measures in a fresh process that believes in a terminal."""
    command = [sys.executable, __file__, "--measure", name, str(verbose)]
    command += ["--sizes", *map(str, sizes)]
    output = subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**overhead.os.environ, "FORCE_COLOR": "1"},
    )
    last = output.stderr.strip().splitlines()[-1]
    return {int(size): ms for size, ms in json.loads(last).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    if arguments.measure:
        name, verbose = arguments.measure
        found = (
            measure_training(max(sizes), int(verbose))
            if name == TRAINING
            else measure(name, int(verbose), sizes)
        )
        print(json.dumps(found), file=sys.stderr)
        return
    print("| trials | display | silent, ms | shown, ms | display, ms | aim |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for name in overhead.TUNERS:
        silent, shown = (run_self(name, verbose, sizes) for verbose in (0, 1))
        for size in sizes:
            is_ours = name == "EvolutionTuner" and size == 1_000
            aim = f"< {AIM:g} ms" if is_ours else ""
            print(
                f"| {size:,} | {name} | {silent[size]:.2f} | {shown[size]:.2f} "
                f"| {shown[size] - silent[size]:.2f} | {aim} |"
            )
    size = max(sizes)
    written, both = (
        run_self(TRAINING, verbose, sizes)[size] for verbose in (0, 1)
    )
    print(
        f"\nA training of {EPOCHS} epochs of {BATCHES} batches, "
        f"{size:,} trials: {written:.2f} ms to record, "
        f"{both - written:.2f} ms to show"
    )


if __name__ == "__main__":
    main()
