"""A network of NAS-Bench-201 on one backend, against the published size.

Run it as `KERAS_BACKEND=jax python tests/backends/published_cells.py`.
"""

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution import nas


def main():
    model = nas.HyperNASBench201().build(kt.HyperParameters())
    frozen = sum(np.prod(v.shape) for v in model.non_trainable_variables)
    # 0.559386 million in the table.
    assert model.count_params() - frozen == 559_386
    model.run_eagerly = True
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3))
    before = model.predict(images, verbose=0)
    model.fit(images, np.array([0, 1, 2, 3]), verbose=0)
    after = model.predict(images, verbose=0)
    assert before.shape == after.shape == (4, 10)
    assert np.all(np.isfinite(after)) and np.any(after != before)
    print(f"backend={keras.config.backend()} params=as published")


if __name__ == "__main__":
    main()
