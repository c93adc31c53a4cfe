"""Architectures as search spaces: blocks, ready spaces, and their pictures."""

import importlib
from typing import Any

# Each module is imported on first use, as in `kt_evolution`.
_HOMES = {
    "Augmentation": "kt_evolution.nas.blocks.regularization",
    "BlockScope": "kt_evolution.nas.architecture",
    "Cell": "kt_evolution.nas.blocks.cells",
    "ConvStage": "kt_evolution.nas.blocks.convolution",
    "HyperCellNet": "kt_evolution.nas.spaces.images",
    "HyperConvNet": "kt_evolution.nas.spaces.images",
    "HyperMobileNet": "kt_evolution.nas.spaces.images",
    "HyperNASBench201": "kt_evolution.nas.nasbench201",
    "HyperSeriesNet": "kt_evolution.nas.spaces.series",
    "HyperTabularNet": "kt_evolution.nas.spaces.tabular",
    "HyperTextNet": "kt_evolution.nas.spaces.text",
    "InputChoice": "kt_evolution.nas.blocks.composition",
    "LayerChoice": "kt_evolution.nas.blocks.composition",
    "MBConvStage": "kt_evolution.nas.blocks.bottlenecks",
    "Optimizer": "kt_evolution.nas.blocks.optimizer",
    "RecurrentStage": "kt_evolution.nas.blocks.tokens",
    "Regularizer": "kt_evolution.nas.blocks.regularization",
    "Repeat": "kt_evolution.nas.blocks.composition",
    "ResidualMLP": "kt_evolution.nas.blocks.dense",
    "SeriesStage": "kt_evolution.nas.blocks.series",
    "TokenEncoder": "kt_evolution.nas.blocks.tokens",
    "TransformerStage": "kt_evolution.nas.blocks.tokens",
    "build_nasbench201": "kt_evolution.nas.nasbench201",
    "describe": "kt_evolution.nas.describing",
    "draw": "kt_evolution.nas.drawing",
}

__all__ = [
    "Augmentation",
    "BlockScope",
    "Cell",
    "ConvStage",
    "HyperCellNet",
    "HyperConvNet",
    "HyperMobileNet",
    "HyperNASBench201",
    "HyperSeriesNet",
    "HyperTabularNet",
    "HyperTextNet",
    "InputChoice",
    "LayerChoice",
    "MBConvStage",
    "Optimizer",
    "RecurrentStage",
    "Regularizer",
    "Repeat",
    "ResidualMLP",
    "SeriesStage",
    "TokenEncoder",
    "TransformerStage",
    "build_nasbench201",
    "describe",
    "draw",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
