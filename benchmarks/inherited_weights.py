"""What inherited weights do to trainings, and to the ranking of models.

Children differ from their parents in two genes. Each is trained on
scikit-learn's digits in four ways: from scratch, with those weights of its
parent that have equal shapes, with overlapping slices, and with Net2Net, which
is what `inherit_weights=True` does. Another training from scratch shows how
truly each way ranks the children.

Example:

```
KERAS_BACKEND=torch python -m benchmarks.inherited_weights
```
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.curve_trainings import Split
from benchmarks.curve_trainings import load_digits

GENES: dict[str, list[Any]] = {
    "filters": [4, 8, 16],
    "blocks": [1, 2],
    "kernel_size": [3, 5],
    "units": [16, 32, 64],
    "normalization": [False, True],
    "dropout": [0.0, 0.2, 0.4],
    "optimizer": ["adam", "rmsprop", "sgd"],
    "learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
}
TRAINING = ("dropout", "optimizer", "learning_rate")
EPOCHS = 12
NUM_ROWS = 600
SHOWN = (1, 3, 12)
WAYS = ("scratch", "equal shapes", "overlapping slices", "Net2Net")
Values = dict[str, Any]


def build(values: Values, seed: int) -> Any:
    """Returns a compiled network of some values."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for block in range(values["blocks"]):
        model.add(
            layers.Conv2D(
                values["filters"] * (block + 1),
                values["kernel_size"],
                padding="same",
            )
        )
        if values["normalization"]:
            model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(values["units"], activation="relu"))
    model.add(layers.Dropout(values["dropout"], seed=seed))
    model.add(layers.Dense(10))
    optimizer = keras.optimizers.get(values["optimizer"])
    optimizer.learning_rate = values["learning_rate"]
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(model: Any, data: Split) -> list[float]:
    """Returns the validation accuracy after each epoch."""
    x, y, x_val, y_val = data
    history = model.fit(
        x,
        y,
        validation_data=(x_val, y_val),
        batch_size=32,
        epochs=EPOCHS,
        verbose=0,
    )
    return [float(value) for value in history.history["val_accuracy"]]


def inherit(way: str, child: Any, parent: Any, seed: int) -> float:
    """Gives a child its parent's weights in one of the `WAYS`.

    Returns:
        Float, the part of the child's weights that was taken.
    """
    from kt_evolution.keras_tuner_bridge import private_api
    from kt_evolution.training.net2net.transfer import transfer_weights

    rng = np.random.default_rng(seed)
    if way == "Net2Net":
        return transfer_weights(child, parent, rng)
    if way == "equal shapes":
        return _copy_equal(child, parent)
    # Without a graph only overlapping parts are copied.
    with mock.patch.object(private_api, "graph_of", lambda model: []):
        return transfer_weights(child, parent, rng)


def _copy_equal(child: Any, parent: Any) -> float:
    """Copies the weights that have equal shapes, and returns their share."""
    from kt_evolution.training.net2net.layer_matching import matched_layers
    from kt_evolution.training.net2net.layer_matching import own_weights

    taken = 0
    for layer, other in matched_layers(child, parent):
        for mine, its in zip(
            own_weights(layer), own_weights(other), strict=False
        ):
            if tuple(mine.shape) == tuple(its.shape):
                mine.assign(its)
                taken += int(np.prod(mine.shape))
    return taken / child.count_params()


def mutated(values: Values, rng: random.Random) -> Values:
    """Returns values that differ from others in two genes."""
    child = dict(values)
    for name in rng.sample(sorted(GENES), 2):
        others = [one for one in GENES[name] if one != values[name]]
        child[name] = rng.choice(others)
    return child


def measure(
    num_parents: int,
    num_children: int,
    data: Split,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Trains parents and children.

    Returns:
        List of dicts, one for each child: "changed", the names of genes, and
        for each way "curve" and "share"; "again" is the accuracy after another
        training from scratch.
    """
    found = []
    for number in range(num_parents):
        rng = random.Random(number)
        # After a while a search has parents that can be trained.
        values = {name: rng.choice(options) for name, options in GENES.items()}
        values |= {"optimizer": "adam", "learning_rate": 1e-3}
        parent = build(values, seed=number)
        reached = train(parent, data)[-1]
        say(f"parent {number}: {values} {reached:.3f}")
        for place in range(num_children):
            seed = 1000 * (number + 1) + place
            child = mutated(values, rng)
            changed = [name for name in GENES if child[name] != values[name]]
            one: dict[str, Any] = {"changed": changed, "curves": {}}
            one["shares"] = {}
            for way in WAYS:
                model = build(child, seed)
                if way != "scratch":
                    share = inherit(way, model, parent, seed)
                    one["shares"][way] = share
                one["curves"][way] = train(model, data)
            one["again"] = train(build(child, seed + 500), data)[-1]
            found.append(one)
            ends = {way: one["curves"][way][-1] for way in WAYS}
            say(f"  {changed} {ends}")
    return found


def rank_correlation(found: Sequence[Mapping[str, Any]], way: str) -> float:
    """Returns how truly one way ranks children, by Spearman."""
    from scipy.stats import spearmanr

    ends = [one["curves"][way][-1] for one in found]
    return float(spearmanr(ends, [one["again"] for one in found]).statistic)


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Returns the figures as a table."""
    at = " | ".join(f"after {epoch}" for epoch in SHOWN)
    lines = [
        f"| weights | {at} | epochs to scratch's last | taken | rank "
        "correlation | of changed optimizers |",
        "|---|" + "---:|" * (len(SHOWN) + 4),
    ]
    goals = [one["curves"]["scratch"][-1] for one in found]
    rough = [one for one in found if set(one["changed"]) & set(TRAINING[1:])]
    for way in WAYS:
        curves = np.array([one["curves"][way] for one in found])
        means = curves.mean(axis=0)
        needed = [
            next(
                (i for i, value in enumerate(curve, 1) if value >= goal),
                EPOCHS + 1,
            )
            for curve, goal in zip(curves, goals, strict=True)
        ]
        shares = [one["shares"].get(way, 0.0) for one in found]
        cells = [
            way,
            *(f"{means[epoch - 1]:.3f}" for epoch in SHOWN),
            f"{np.median(needed):g}",
            f"{np.mean(shares):.0%}",
            f"{rank_correlation(found, way):.2f}",
            f"{rank_correlation(rough, way):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure inherited weights.")
    parser.add_argument("--parents", type=int, default=8)
    parser.add_argument("--children", type=int, default=5)
    options = parser.parse_args(arguments)
    x, y, x_val, y_val = load_digits()
    data = (
        x[:NUM_ROWS].reshape(-1, 8, 8, 1),
        y[:NUM_ROWS],
        x_val.reshape(-1, 8, 8, 1),
        y_val,
    )
    began = time.perf_counter()
    found = measure(
        options.parents,
        options.children,
        data,
        lambda text: print(text, flush=True),
    )
    seconds = time.perf_counter() - began
    print(f"\n{len(found)} children, {seconds:.0f} s\n\n{table(found)}")


if __name__ == "__main__":
    main()
