"""What each worker process of this machine has for itself: cores and a GPU."""

import os
import shutil
import subprocess
from collections.abc import Mapping

import keras

# The variables that limit the threads of one operation: those of OpenMP, which
# torch uses, of TensorFlow, of BLAS, and of XLA on a CPU, which JAX uses.
THREADS = (
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NPROC",
)
# TensorFlow and JAX would take all memory of a GPU that several may share.
MEMORY_GROWTH = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def num_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus(variables: Mapping[str, str]) -> list[str]:
    """Returns the GPUs of NVIDIA that a process may use.

    The backend is not asked, since it would take memory of each.

    Args:
        variables: Dict, the environment of the process.

    Returns:
        List of strings as `CUDA_VISIBLE_DEVICES` has them.
    """
    given = variables.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        # CUDA ignores what follows an invalid name.
        return [name for name in names if name and name != "-1"]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    listed = subprocess.run([command, "-L"], capture_output=True, text=True)
    lines = [line for line in listed.stdout.splitlines() if "GPU " in line[:4]]
    return [str(number) for number in range(len(lines))]


def environment(
    number: int, num_workers: int, gpus: list[str]
) -> dict[str, str]:
    """Returns the environment of a worker process.

    What the user has set stays as it is.

    Args:
        number: Int, the number of the worker, from 0.
        num_workers: Int, how many there are.
        gpus: List of strings, see `visible_gpus`.
    """
    num_threads = str(max(num_cores() // num_workers, 1))
    variables = {
        **dict.fromkeys(THREADS, num_threads),
        **MEMORY_GROWTH,
        # This process has printed what TensorFlow says of the machine.
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **os.environ,
        "KERAS_BACKEND": keras.backend.backend(),
        "PYTHONUNBUFFERED": "1",
    }
    if gpus:
        variables["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return variables


def leave_gpus_to_workers() -> None:
    """Keeps this process, which builds models, from taking a GPU's memory.

    TensorFlow takes it when it first computes something, and JAX too.
    """
    for name, value in MEMORY_GROWTH.items():
        os.environ.setdefault(name, value)
