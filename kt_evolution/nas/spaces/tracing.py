"""Makes TensorFlow trace the training step only once."""

from typing import Any

import keras
import numpy as np


def create_training_state(model: keras.Model, labels: Any) -> None:
    """Creates the variables of optimizer and metrics before the training.

    TensorFlow traces a function twice if the first trace creates variables.
    For a deep network the second trace takes longer than an epoch. A
    distribution strategy creates its variables itself.

    Args:
        model: The compiled model, with one output.
        labels: The `y` of `fit`. If it is not an array, the training creates
            the variables of the metrics.
    """
    if keras.backend.backend() != "tensorflow" or _is_distributed(model):
        return
    model.optimizer.build(model.trainable_variables)
    if hasattr(labels, "shape"):
        one = np.zeros_like(np.asarray(labels)[:1])
        predicted = keras.ops.ones((1, *model.output_shape[1:]))
        model.compute_metrics(None, keras.ops.array(one), predicted)
        model.reset_metrics()


def _is_distributed(model: keras.Model) -> bool:
    import tensorflow as tf

    current = tf.distribute.get_strategy()
    return tf.distribute.has_strategy() or model.distribute_strategy != current
