"""Makes trials cheap: most of a tiny one is the garbage collector."""

import gc

import keras  # noqa: F401
import keras_tuner  # noqa: F401
import pytest


@pytest.fixture(autouse=True, scope="session")
def cheap_garbage_collection():
    """Leaves out the backend's own objects, which are never collected.

    The host collects twice for each trial, half a second each time.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
