"""A chief that ends by an error before it listens, and can't tell its workers.

It leaves the error in the project, which its workers read while they wait.
"""

import contextlib
import dataclasses
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from kt_evolution import files
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.messages import shortened
from kt_evolution.workers.host_calls import MAX_TEXT

FILE_NAME = "chief_error.txt"
# An error from before is that of a chief of an earlier attempt.
_BEGAN = time.time()


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a chief ended before it listened.

    Args:
        error: String, the error without the period at its end.
        is_new: Bool, whether it came after this process was started.
    """

    error: str
    is_new: bool


@contextlib.contextmanager
def noting_failure(folder: Path) -> Iterator[None]:
    """Leaves the error of a chief in the project, and removes an earlier one.

    Args:
        folder: Path, the project.
    """
    if not private_api.is_chief():
        yield
        return
    path = folder / FILE_NAME
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        with contextlib.suppress(OSError):
            write_atomically(path, shortened(text, MAX_TEXT))
        raise


def failure_of_chief(folder: Path) -> Failure | None:
    """Returns why the last chief ended before it listened, None if it didn't.

    Args:
        folder: Path, the project. It need not exist.
    """
    path = folder / FILE_NAME
    try:
        is_new = path.stat().st_mtime > _BEGAN
        text = files.read_own(path, folder).decode(errors="replace")
    except OSError:
        return None
    return Failure(text.rstrip("."), is_new)
