"""Imports packages that only some features need."""

import importlib
from typing import Any


def import_module(module: str, extra: str = "report") -> Any:
    """Returns a module of a package that may not be installed.

    Args:
        module: String, its name.
        extra: String, the extra of this package that installs it. Defaults
            to "report".

    Raises:
        ImportError: If it is missing. The message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{package} is needed for this and can't be imported: {error}. "
            f'Install it: pip install "kt-evolution[{extra}]"'
        ) from error
