"""What every test needs: a silent backend."""

import os

# Before the first import of TensorFlow, which reads it once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
