"""What it costs to keep the state of a training, on the quickstart.

    python benchmarks/keeping_overhead.py --trials 20 --epochs 4

The search of `examples/quickstart.py` is run, and the time in the callback that
keeps states is divided by that of all trainings. The time of the processor is
given as well, because other programs may run at the same time.
"""

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

import kt_evolution
from kt_evolution.training.continuation import Continuation
from kt_evolution.training.execution import TrialExecution
from kt_evolution.training.keep_epochs import KeepEpochs

ROOT = Path(__file__).parent.parent
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class Timed:
    """Adds up the time in a method of a class.

    Args:
        owner: The class, whose method is replaced.
        name: String, the name of the method.
    """

    def __init__(self, owner: Any, name: str) -> None:
        method = getattr(owner, name)
        self.num_calls = 0
        self.seconds = dict.fromkeys(CLOCKS, 0.0)

        def call(*args: Any, **kwargs: Any) -> Any:
            began = {name: clock() for name, clock in CLOCKS.items()}
            try:
                return method(*args, **kwargs)
            finally:
                self.num_calls += 1
                for name, clock in CLOCKS.items():
                    self.seconds[name] += clock() - began[name]

        setattr(owner, name, call)


def quickstart() -> Any:
    """Returns the module of the example."""
    path = ROOT / "examples" / "quickstart.py"
    spec = importlib.util.spec_from_file_location("quickstart", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    names = [f"on_{part}" for part in ("train_begin", "epoch_begin")]
    names += [f"on_{part}" for part in ("epoch_end", "train_end")]
    keeping = [Timed(KeepEpochs, name) for name in names]
    written = Timed(Continuation, "write")
    training = Timed(TrialExecution, "run")
    example = quickstart()
    train, validation, _ = example.load_digits()
    with tempfile.TemporaryDirectory() as directory:
        tuner = kt_evolution.EvolutionTuner(
            example.build_model,
            objective="val_accuracy",
            max_trials=arguments.trials,
            seed=0,
            directory=directory,
        )
        keras.utils.set_random_seed(0)
        tuner.search(
            *train,
            validation_data=validation,
            epochs=arguments.epochs,
            batch_size=64,
            verbose=0,
        )
    print(f"{written.num_calls} states of {keeping[1].num_calls} epochs")
    for name in CLOCKS:
        kept = sum(each.seconds[name] for each in keeping)
        whole = training.seconds[name]
        print(f"{name}: {kept:.2f} s of {whole:.1f} s, {kept / whole:.2%}")


if __name__ == "__main__":
    main()
