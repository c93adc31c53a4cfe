"""Architectures as search spaces."""

import importlib
from typing import Any

# Loaded on first use, as in the package above.
_HOMES = {
    "HyperNASBench201": "kt_evolution.nas.nasbench201",
    "NASBench201": "kt_evolution.nas.nasbench201",
}

__all__ = [
    "HyperNASBench201",
    "NASBench201",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
