"""Regularisation: of features, and of images by augmentation."""

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras import layers

from kt_evolution.nas.blocks.base import Unit
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_masked
from kt_evolution.nas.blocks.base import check_rank
from kt_evolution.nas.blocks.layers import NORMALISATIONS
from kt_evolution.nas.blocks.layers import drop
from kt_evolution.nas.blocks.layers import normalise
from kt_evolution.nas.genes import Genes
from kt_evolution.nas.genes import check_flag
from kt_evolution.nas.genes import check_options
from kt_evolution.nas.genes import check_rate
from kt_evolution.nas.genes import choose_each
from kt_evolution.nas.genes import one_of
from kt_evolution.nas.structure import Site


class Regulariser(Unit):
    """A normalisation, dropout and noise.

    For vectors, sequences, images and volumes.

    Example:

    ```python
    x = nas.Regulariser(dropout=(0.2, 0.0, 0.5))(hp, x, "regulariser")
    ```

    Args:
        normalisation: "batch", "layer", "group" or "none", or several. Of
            several values the first is the default, here and below. Defaults
            to all, "batch" first.
        dropout: Float in [0, 1) or several; of images and sequences whole
            channels are dropped. Defaults to 0.2, or 0, 0.1, 0.3, 0.5.
        noise: Float in [0, 1) or several, the standard deviation of the
            Gaussian noise that is added in training. Defaults to 0, or 0.1.
    """

    def __init__(
        self,
        normalisation: str | Sequence[str] = NORMALISATIONS,
        dropout: float | Sequence[float] = (0.2, 0.0, 0.1, 0.3, 0.5),
        noise: float | Sequence[float] = (0.0, 0.1),
    ) -> None:
        self.options = {
            "normalisation": check_options(
                "normalisation", normalisation, one_of(NORMALISATIONS)
            ),
            "dropout": check_options("dropout", dropout, check_rate),
            "noise": check_options("noise", noise, check_rate),
        }

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        with hp.name_scope(name):
            return choose_each(hp, self.options)

    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
        check_features("Regulariser", x, 2, 3, 4, 5)
        if mask is not None:
            check_masked(self.options)
        x = normalise(site, x, genes["normalisation"], mask)
        x = drop(site, x, genes["dropout"])
        if genes["noise"]:
            x = site.layer(layers.GaussianNoise, genes["noise"])(x)
        texts = []
        if genes["normalisation"] != "none":
            texts.append(f"{genes['normalisation']} norm")
        texts += [
            f"{name} {genes[name]:g}"
            for name in ("dropout", "noise")
            if genes[name]
        ]
        return site.done(x, "regulariser", ", ".join(texts) or "nothing")


class Augmentation(Unit):
    """Random changes of images, in training only.

    Example:

    ```python
    x = nas.Augmentation(flip=True, shift=(0.1, 0.0))(hp, x, "augmentation")
    ```

    Args:
        flip: Boolean or both, whether images are mirrored left to right. Of
            several values the first is the default, here and below. Defaults
            to True, or False.
        shift: Float in [0, 1) or several, how far at most images are moved, as
            a part of their size. Defaults to 0.1, or 0, 0.2.
        rotation: Float in [0, 1) or several, how far at most images are
            turned, as a part of a full turn. Defaults to 0, or 0.05.
        contrast: Float in [0, 1) or several, by how much at most the contrast
            changes. Defaults to 0, or 0.2.
    """

    def __init__(
        self,
        flip: bool | Sequence[bool] = (True, False),
        shift: float | Sequence[float] = (0.1, 0.0, 0.2),
        rotation: float | Sequence[float] = (0.0, 0.05),
        contrast: float | Sequence[float] = (0.0, 0.2),
    ) -> None:
        self.options = {
            "flip": check_options("flip", flip, check_flag),
            "shift": check_options("shift", shift, check_rate),
            "rotation": check_options("rotation", rotation, check_rate),
            "contrast": check_options("contrast", contrast, check_rate),
        }

    def declare(self, hp: kt.HyperParameters, name: str) -> Genes:
        with hp.name_scope(name):
            return choose_each(hp, self.options)

    def build(self, site: Site, x: Any, genes: Genes, mask: Any = None) -> Any:
        check_rank("Augmentation", x, 4)
        texts = []
        if genes["flip"]:
            x = site.layer(layers.RandomFlip, "horizontal")(x)
            texts.append("flip")
        if genes["shift"]:
            shift = genes["shift"]
            x = site.layer(layers.RandomTranslation, shift, shift)(x)
            texts.append(f"shift {shift:g}")
        if genes["rotation"]:
            x = site.layer(layers.RandomRotation, genes["rotation"])(x)
            texts.append(f"rotation {genes['rotation']:g}")
        if genes["contrast"]:
            x = site.layer(_contrast, genes["contrast"], name="contrast")(x)
            texts.append(f"contrast {genes['contrast']:g}")
        return site.done(x, "augmentation", ", ".join(texts) or "none")


def _contrast(factor: float, name: str) -> Any:
    # Images need not lie between 0 and 255, so nothing is cut off.
    return layers.RandomContrast(factor, value_range=(-1e9, 1e9), name=name)
