"""What every test needs: silence, the same examples, and cheap trials."""

import gc
import os
import signal

import pytest
from hypothesis import settings

# Before the first import of what reads these, which is once. The tests run in
# as many processes as there are cores, and a thread of BLAS that waits for
# its core spins: small matrices then take ten times as long.
for variable, value in {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(variable, value)

# Property tests see the same examples in each run, and may take any time. To
# look for new examples, run `pytest --hypothesis-profile=default`.
settings.register_profile("same_examples", derandomize=True, deadline=None)
settings.load_profile("same_examples")

RESTORED_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1")
    # Windows has no SIGUSR1.
    if hasattr(signal, name)
]


@pytest.fixture(autouse=True, scope="module")
def cheap_garbage_collection():
    """Leaves out what is alive when the tests of a module begin.

    The host collects twice for each trial, and Keras whenever a session is
    cleared, which takes up to half a second with the backend's own objects.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_signal_handlers():
    """Takes back the handlers that a test leaves behind.

    A run of Ray Tune leaves one that keeps the next Ctrl-C to itself.
    """
    handlers = {kind: signal.getsignal(kind) for kind in RESTORED_SIGNALS}
    yield
    for kind, handler in handlers.items():
        signal.signal(kind, handler)
