"""Trains the default model of the ready spaces, once for each data set.

Example:

```
python -m benchmarks.defaults --data FOLDER --tasks text tabular series
python -m benchmarks.defaults --data FOLDER --tasks cifar10/conv --epochs 10 \
    --values '{"stem_strides": 1}'
```

The rows are those of `benchmarks.nas_tasks`. The score is that of the last
epoch on the rows for testing, the seconds are those of the processor in `fit`.
With `--values` another model of the space is trained beside the default.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt

from benchmarks import nas_tasks
from benchmarks.nas_budget import BATCH_SIZE
from benchmarks.nas_budget import tested
from benchmarks.race import parse_seeds
from kt_evolution import nas


def train(
    space: Any, data: nas_tasks.Data, epochs: int, values: dict[str, object]
) -> tuple[keras.Model, float]:
    """Trains one model of a ready space, and returns it and its seconds."""
    hp = kt.HyperParameters()
    hp.values = dict(values)
    model = space.build(hp)
    began = time.process_time()
    space.fit(
        hp,
        model,
        *data.train,
        validation_data=data.validation,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        verbose=0,
    )
    return model, time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Train the default models of the ready spaces."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=["all"])
    add("--epochs", type=int, help="default: those of the task")
    add("--width", type=int, help="of HyperConvNet; default: that of the task")
    add("--train-size", type=int, help="rows; default: those of the task")
    add("--values", type=json.loads, metavar="JSON", help="of another model")
    add("--seeds", type=parse_seeds, default=[0])
    add("--data", type=pathlib.Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    for name in nas_tasks.task_names(options.tasks):
        task = nas_tasks.TASKS[name]
        epochs = options.epochs or task.epochs
        for seed in options.seeds:
            train_size = options.train_size or task.train_size
            data = task.split(options.data, seed, train_size)
            models: dict[str, dict[str, object]] = {"default": {}}
            if options.values:
                models[json.dumps(options.values)] = options.values
            for which, values in models.items():
                keras.backend.clear_session()
                keras.utils.set_random_seed(seed)
                space = task.space(data)
                if options.width and isinstance(space, nas.HyperConvNet):
                    space = nas.HyperConvNet(
                        data.input_shape,
                        num_classes=data.num_classes,
                        width=options.width,
                    )
                model, seconds = train(space, data, epochs, values)
                print(
                    f"{name} seed {seed}, {which}: {task.metric} "
                    f"{tested(task, data, model):.4f} after {epochs} epochs "
                    f"of {len(data.train[0])} rows, "
                    f"{model.count_params():,} parameters, {seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
