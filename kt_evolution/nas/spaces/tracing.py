"""Makes TensorFlow trace a step of training once."""

from typing import Any

import keras
import numpy as np


def create_training_state(model: keras.Model, labels: Any) -> None:
    """Creates the variables of a compiled model's training before it begins.

    A distribution strategy creates them on its devices itself. Elsewhere
    TensorFlow traces a function again that created variables when it was
    traced first, and for a deep network that takes longer than an epoch.

    Args:
        model: The model, with one output.
        labels: The `y` of a fit. Where it is no array, the variables of
            metrics are left for the training to create.
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
