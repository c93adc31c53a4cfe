"""What every test needs: silence, one thread of BLAS, the same examples."""

import os

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
