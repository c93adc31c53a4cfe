"""Random architectures of every ready space on one backend.

Run it as `KERAS_BACKEND=jax python -m tests.backends.architectures` where that
backend is installed.
"""

import argparse

import keras
import numpy as np

from tests.nas.nas_helpers import LABELS
from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import check_genome
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import random_values
from tests.nas.nas_helpers import with_values

# Genes of the default models that change a step of training.
CHANGED = {
    "training/label_smoothing": 0.1,
    "training/schedule": "cosine",
    "augmentation/rotation": 0.05,
    "augmentation/contrast": 0.2,
}


def check_compiled_training(space, x):
    """Trains as users do: with a compiled step, and validation."""
    hp = with_values(CHANGED)
    history = space.fit(
        hp,
        space.build(hp),
        x,
        LABELS,
        validation_data=(x, LABELS),
        epochs=2,
        batch_size=4,
        verbose=0,
    ).history
    assert np.isfinite([history["loss"], history["val_loss"]]).all()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genomes", type=int, default=20)
    arguments = parser.parse_args()
    for name in SPACES:
        space, x = new_space(name)
        for values in random_values(space, arguments.genomes):
            check_genome(space, x, values)
        check_compiled_training(space, x)
        print(f"backend={keras.backend.backend()} {name}", flush=True)


if __name__ == "__main__":
    main()
