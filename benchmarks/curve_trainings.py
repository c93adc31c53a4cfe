"""Makes the learning-curve tables of small networks, with real trainings.

Every cell of a grid of optimizer settings and sizes is trained for 27 epochs.
Many of them diverge: these are the rough tables of `benchmarks.curve_tables`.

Example:

```
python -m benchmarks.curve_trainings --table digits
python -m benchmarks.curve_trainings --table sms --data sms_spam.tsv
```

It needs JAX, which trains the cells of one architecture all at once.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.curve_tables import GRID_EPOCHS

BATCH_SIZE = 32
GRID = {
    "optimizer": ["adam", "rmsprop", "sgd"],
    "units": [8, 64],
    "layers": [1, 3],
    "learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0],
    "momentum": [0.0, 0.5, 0.9, 0.99],
    "l2": [0.0, 1e-3, 0.1],
}
# These decide the shape of the computation; others are vectorized.
OUTER = ("optimizer", "units", "layers")
FOLDER = pathlib.Path(__file__).parent / "curves"

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load_digits() -> Split:
    """Returns scikit-learn's digits, split for training and validation."""
    from sklearn.datasets import load_digits as load

    x, y = load(return_X_y=True)
    return _split(x / 16.0, y, 1200)


def load_sms(file: pathlib.Path) -> Split:
    """Returns text messages as 64 features, and whether each is spam."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    lines = file.read_text(encoding="utf-8").splitlines()
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    counts = TfidfVectorizer(min_df=3).fit_transform(texts)
    x = TruncatedSVD(64, random_state=0).fit_transform(counts)
    y = np.array([label == "spam" for label in labels], dtype=int)
    return _split(x / x.std(axis=0), y, 2400)


def _split(x: np.ndarray, y: np.ndarray, num_train: int) -> Split:
    order = np.random.default_rng(0).permutation(len(y))[: num_train + 1200]
    train, rest = order[:num_train], order[num_train:]
    return (
        x[train].astype("float32"),
        y[train],
        x[rest].astype("float32"),
        y[rest],
    )


def curves_of(
    data: Split, optimizer: str, units: int, layers: int
) -> np.ndarray:
    """Trains all cells of an architecture and an optimizer.

    Returns:
        Float array of shape `(*sizes of the other axes, GRID_EPOCHS)`, the
        validation losses. Worse ones than twice that of a uniform guess are
        equal to it.
    """
    import jax
    import jax.numpy as jnp

    x, y, x_val, y_val = data
    num_classes = int(y.max()) + 1
    widths = [x.shape[1], *[units] * layers, num_classes]
    rng = np.random.default_rng(0)
    weights = [
        (
            rng.normal(0, math.sqrt(2 / a), (a, b)).astype("float32"),
            np.zeros(b, "float32"),
        )
        for a, b in itertools.pairwise(widths)
    ]

    def loss(weights: Any, x: Any, y: Any) -> Any:
        for kernel, bias in weights[:-1]:
            x = jax.nn.relu(x @ kernel + bias)
        logits = x @ weights[-1][0] + weights[-1][1]
        return -jax.nn.log_softmax(logits)[jnp.arange(len(y)), y].mean()

    def step(settings: Any, state: Any, batch: Any) -> Any:
        weights, first, second, count = state
        rate, momentum, l2 = settings
        gradients = jax.grad(loss)(weights, *batch)
        gradients = jax.tree.map(lambda g, w: g + l2 * w, gradients, weights)
        count += 1
        scale = 1.0 - momentum if optimizer == "adam" else 1.0
        if optimizer == "sgd":
            moves = gradients
        else:
            decay = 0.999 if optimizer == "adam" else 0.9
            second = jax.tree.map(
                lambda s, g: decay * s + (1 - decay) * g**2, second, gradients
            )
            fix = 1 - decay**count if optimizer == "adam" else 1.0
            moves = jax.tree.map(
                lambda g, s: g / (jnp.sqrt(s / fix) + 1e-7), gradients, second
            )
        first = jax.tree.map(
            lambda f, m: momentum * f + scale * m, first, moves
        )
        fix = 1 - momentum**count if optimizer == "adam" else 1.0
        weights = jax.tree.map(lambda w, f: w - rate * f / fix, weights, first)
        return (weights, first, second, count), None

    @functools.partial(jax.jit, static_argnums=())
    @functools.partial(jax.vmap, in_axes=(0, 0, None))
    def epoch(settings: Any, state: Any, order: Any) -> Any:
        batches = x[order], y[order]
        state, _ = jax.lax.scan(
            functools.partial(step, settings), state, batches
        )
        return state, loss(state[0], x_val, y_val)

    inner = [GRID[name] for name in GRID if name not in OUTER]
    settings = np.array(list(itertools.product(*inner)), "float32").T
    count = settings.shape[1]
    x, x_val, y, y_val = map(jnp.asarray, (x, x_val, y, y_val))
    zeros = jax.tree.map(np.zeros_like, weights)
    state = jax.tree.map(
        lambda w: jnp.repeat(jnp.asarray(w)[None], count, axis=0),
        (weights, zeros, zeros, np.zeros((), "float32")),
    )
    found = []
    steps = len(y) // BATCH_SIZE
    for _ in range(GRID_EPOCHS):
        order = rng.permutation(len(y))[: steps * BATCH_SIZE]
        state, losses = epoch(
            tuple(settings), state, order.reshape(steps, BATCH_SIZE)
        )
        found.append(np.asarray(losses))
    worst = 2.0 * math.log(num_classes)
    curves = np.nan_to_num(np.array(found).T, nan=worst, posinf=worst)
    return np.minimum(curves, worst).reshape(*map(len, inner), GRID_EPOCHS)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make learning-curve tables.")
    parser.add_argument("--table", choices=["digits", "sms"], required=True)
    parser.add_argument("--data", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args(arguments)
    data = (
        load_digits() if options.table == "digits" else load_sms(options.data)
    )
    outer = [GRID[name] for name in OUTER]
    found = [curves_of(data, *each) for each in itertools.product(*outer)]
    curves = np.array(found).reshape(*map(len, GRID.values()), GRID_EPOCHS)
    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(
        FOLDER / f"{options.table}_mlp.npz",
        grid=json.dumps(GRID),
        curves=curves.astype("float16"),
    )
    print(f"{curves[..., 0].size} trainings, best {curves.min():.4f}")


if __name__ == "__main__":
    main()
