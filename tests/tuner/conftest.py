"""What tests of the tuner share: training steps that are not traced."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, scope="module")
def eager(request):
    """Runs training steps eagerly: to trace them takes longer than to train.

    Modules that are marked `graph` train as users do by default.
    """
    if request.node.get_closest_marker("graph"):
        yield
        return
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
