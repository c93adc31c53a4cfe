"""Trains the default `HyperConvNet`, and what the default was before.

Example:

```
python -m benchmarks.image_defaults --data FOLDER --tasks cifar10/conv
```

The rows are those of `benchmarks.nas_tasks`. The accuracy is that of the last
epoch on the rows for testing, the seconds are those of the processor. Before,
the learning rate was constant and a third as large, and all images were
flipped.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Sequence

import keras
import keras_tuner as kt

from benchmarks import nas_tasks
from benchmarks.nas_budget import BATCH_SIZE
from benchmarks.nas_budget import tested
from benchmarks.race import parse_seeds
from kt_evolution import nas

BEFORE = {
    "augmentation/flip": True,
    "training/schedule": "constant",
    "training/adamw_learning_rate": 1e-3,
}


TASKS = ("cifar10/conv", "mnist/conv", "digits/conv")


def train(
    data: nas_tasks.Data, width: int, epochs: int, values: dict[str, object]
) -> tuple[keras.Model, float]:
    """Trains a model of `HyperConvNet`, and returns it and its seconds."""
    space = nas.HyperConvNet(
        data.input_shape, num_classes=data.num_classes, width=width
    )
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
        description="Train the default network for images."
    )
    add = parser.add_argument
    add("--tasks", nargs="+", default=TASKS, choices=TASKS)
    add("--epochs", type=int, default=10)
    add("--width", type=int, default=nas_tasks.WIDTH)
    add("--train-size", type=int, default=3200, help="rows for training")
    add("--seeds", type=parse_seeds, default=[0])
    add("--data", type=pathlib.Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    for name in options.tasks:
        task = nas_tasks.TASKS[name]
        for seed in options.seeds:
            data = task.split(options.data, seed, options.train_size)
            for which, values in (("default", {}), ("before", BEFORE)):
                keras.backend.clear_session()
                keras.utils.set_random_seed(seed)
                model, seconds = train(
                    data, options.width, options.epochs, values
                )
                print(
                    f"{name} seed {seed}, {which}: "
                    f"{tested(task, data, model):.4f} after "
                    f"{options.epochs} epochs of {len(data.train[0])} images, "
                    f"{model.count_params():,} parameters, {seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
