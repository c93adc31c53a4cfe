"""Trains random networks of two cells once, for a table of their accuracies.

Example:

```
python -m benchmarks.cell_trainings --networks 0-299
python -m benchmarks.cell_trainings --networks 0-19 --seed 1
```

Trained are networks of `nas.HyperCellNet` on scikit-learn's digits, images of
8 by 8 pixels: three normal cells of 8, 16 and 32 channels, a reduction cell
between two of them, `EPOCHS` epochs, 1,150 images for training and 647 that are
not trained on. The accuracy on these is kept for each epoch. Network `n` is the
same in each run; the seed draws its first weights and the order of the images,
so another one tells how much of the differences is noise. What is in the table
already is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import pathlib
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from benchmarks import nas_tasks
from benchmarks import results
from benchmarks.race import parse_seeds
from kt_evolution import nas
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import genes_of

FILE_NAME = "trained-cells.jsonl"
EPOCHS = 10
BATCH_SIZE = 64
WIDTH = 8


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a network.

    Args:
        network: Int, its number.
        seed: Int, of the training.
        accuracies: List of floats, on the rows that are not trained on, for
            each epoch.
        seconds: Float, of the processor.
        values: Dict, the hyperparameters.
    """

    network: int
    seed: int
    accuracies: list[float]
    seconds: float
    values: dict[str, Any]


def load(folder: pathlib.Path) -> dict[tuple[int, int], Training]:
    """Returns (network, seed) -> training."""
    found = {}
    for line in results.lines_of(folder / FILE_NAME):
        try:
            training = Training(**json.loads(line))
        except json.JSONDecodeError:
            continue  # Torn when the process died; it is trained again.
        found[training.network, training.seed] = training
    return found


@functools.cache
def data() -> tuple[nas_tasks.Rows, nas_tasks.Rows]:
    """Returns the rows for training, and all others."""
    task = nas_tasks.TASKS["digits/conv"]
    split = task.split(None, 0, task.train_size)
    x, y = (
        np.concatenate(parts)
        for parts in zip(split.validation, split.test, strict=True)
    )
    return split.train, (x, y)


@functools.cache
def hypermodel() -> nas.HyperCellNet:
    (x, _), _ = data()
    return nas.HyperCellNet(
        x.shape[1:], num_classes=10, max_depth=1, width=WIDTH
    )


@functools.cache
def hyperparameters() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hypermodel().build(hp)
    return hp


@functools.cache
def space() -> SearchSpace:
    return SearchSpace(genes_of(hyperparameters().space))


def values_of(network: int) -> dict[str, Any]:
    """Returns the values of a random network; each number has its own."""
    genomes = np.random.default_rng(network).random((1, space().num_genes))
    return space().decode(space().canonicalize(genomes)[0])


def built(hp: kt.HyperParameters, seed: int) -> keras.Model:
    """Returns the network of some values, with the first weights of a seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    return hypermodel().build(hp)


def hyperparameters_of(values: Mapping[str, Any]) -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.values = dict(values)
    return hp


def train(
    values: Mapping[str, Any], seed: int, epochs: int = EPOCHS
) -> list[float]:
    """Returns the accuracy after each epoch, on rows not trained on."""
    hp = hyperparameters_of(values)
    model = built(hp, seed)
    rows, others = data()
    history = hypermodel().fit(
        hp,
        model,
        *rows,
        validation_data=others,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        verbose=0,
    )
    return [round(one, 5) for one in history.history["val_accuracy"]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train random cells.")
    add = parser.add_argument
    add("--networks", type=parse_seeds, default=list(range(300)))
    add("--seed", type=int, default=0)
    add("--epochs", type=int, default=EPOCHS)
    add("--results", type=pathlib.Path, default=results.FOLDER)
    options = parser.parse_args(arguments)
    known = load(options.results)
    # The space may have changed since they were drawn.
    drawn = {network: one.values for (network, _), one in known.items()}
    for network in options.networks:
        if (network, options.seed) in known:
            continue
        began = time.process_time()
        values = drawn.get(network) or values_of(network)
        accuracies = train(values, options.seed, options.epochs)
        training = Training(
            network,
            options.seed,
            accuracies,
            round(time.process_time() - began, 1),
            values,
        )
        results.append_line(
            options.results / FILE_NAME, dataclasses.asdict(training)
        )
        print(
            f"network {network}, seed {options.seed}: "
            f"{max(accuracies):.4f}, {training.seconds} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
