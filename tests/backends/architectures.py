"""Random architectures of every ready space on one backend.

Run it as `KERAS_BACKEND=jax python -m tests.backends.architectures` where that
backend is installed.
"""

import argparse

import keras

from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import check_genome
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import random_values


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genomes", type=int, default=20)
    arguments = parser.parse_args()
    for name in SPACES:
        space, x = new_space(name)
        for values in random_values(space, arguments.genomes):
            check_genome(space, x, values)
        print(f"backend={keras.backend.backend()} {name}", flush=True)


if __name__ == "__main__":
    main()
