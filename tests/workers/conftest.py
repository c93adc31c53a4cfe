"""What tests of workers share: training steps that are not traced."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Runs training steps eagerly: to trace them takes longer than to train."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
