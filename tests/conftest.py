"""What every test needs: a silent backend, and the same examples each time."""

import os

from hypothesis import settings

# Before the first import of TensorFlow, which reads it once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Property tests see the same examples in each run, and may take any time. To
# look for new examples, run `pytest --hypothesis-profile=default`.
settings.register_profile("same_examples", derandomize=True, deadline=None)
settings.load_profile("same_examples")
