"""Regularization of features, and augmentation of images."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from kt_evolution.algorithm.checks import check_flag
from kt_evolution.algorithm.checks import named_arguments
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.base import OptionsBlock
from kt_evolution.nas.blocks.base import check_features
from kt_evolution.nas.blocks.base import check_masked
from kt_evolution.nas.blocks.base import check_rank
from kt_evolution.nas.blocks.layers import NORMALIZATIONS
from kt_evolution.nas.blocks.layers import dropout
from kt_evolution.nas.blocks.layers import normalize
from kt_evolution.nas.choices import Values
from kt_evolution.nas.choices import as_options
from kt_evolution.nas.choices import check_rate
from kt_evolution.nas.choices import one_of

# The smallest fraction of an image that is erased, as in Keras.
LEAST_ERASED = 0.02
# Pixels may have any range, so no layer must clip them.
ANY_RANGE = (-1e9, 1e9)


class Regularizer(OptionsBlock):
    """Normalization, dropout and noise.

    It takes vectors, sequences, images and volumes.

    Example:

    ```python
    x = nas.Regularizer(dropout=(0.2, 0.0, 0.5))(hp, x, "regularizer")
    ```

    Args:
        normalization: "batch", "layer", "group" or "none", or several. Of
            several values the first is the default, here and below. Defaults
            to all, "batch" first.
        dropout: Float in [0, 1) or several, the fraction of the features, or
            of the channels of images and sequences, to drop. Defaults to 0.2,
            or 0, 0.1, 0.3, 0.5.
        noise: Float in [0, 1) or several, the standard deviation of Gaussian
            noise in training. Defaults to 0, or 0.1.
    """

    @named_arguments
    def __init__(
        self,
        normalization: str | Sequence[str] = NORMALIZATIONS,
        dropout: float | Sequence[float] = (0.2, 0.0, 0.1, 0.3, 0.5),
        noise: float | Sequence[float] = (0.0, 0.1),
    ) -> None:
        self.options = {
            "normalization": as_options(
                "normalization", normalization, one_of(NORMALIZATIONS)
            ),
            "dropout": as_options("dropout", dropout, check_rate),
            "noise": as_options("noise", noise, check_rate),
        }

    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        check_features("Regularizer", x, 2, 3, 4, 5)
        if mask is not None:
            check_masked(self.options)
        x = normalize(scope, x, values["normalization"], mask)
        x = dropout(scope, x, values["dropout"])
        if values["noise"]:
            x = scope.layer(layers.GaussianNoise, values["noise"])(x)
        texts = []
        if values["normalization"] != "none":
            texts.append(f"{values['normalization']} norm")
        texts += [
            f"{name} {values[name]:g}"
            for name in ("dropout", "noise")
            if values[name]
        ]
        return scope.finish(x, "regularizer", ", ".join(texts) or "nothing")


class Augmentation(OptionsBlock):
    """Random changes of images, in training only.

    Example:

    ```python
    x = nas.Augmentation(flip=True, shift=(0.1, 0.0))(hp, x, "augmentation")
    ```

    Args:
        flip: Boolean or both, whether to mirror images left to right. Of
            several values the first is the default, here and below. Defaults
            to True, or False.
        shift: Float in [0, 1) or several, the largest shift as a fraction of
            the image size. Defaults to 0.1, or 0, 0.2.
        rotation: Float in [0, 1) or several, the largest rotation as a
            fraction of a full turn. Defaults to 0, or 0.05.
        contrast: Float in [0, 1) or several, the largest relative change of
            the contrast. Defaults to 0, or 0.2.
        erase: Float in [0, 1) or several, the largest fraction of an image
            that is set to 0, in every other image on average. Defaults to 0,
            or 0.25.

    Reference:
        Zhong et al. (2020), "Random erasing data augmentation", for `erase`.
    """

    @named_arguments
    def __init__(
        self,
        flip: bool | Sequence[bool] = (True, False),
        shift: float | Sequence[float] = (0.1, 0.0, 0.2),
        rotation: float | Sequence[float] = (0.0, 0.05),
        contrast: float | Sequence[float] = (0.0, 0.2),
        erase: float | Sequence[float] = (0.0, 0.25),
    ) -> None:
        self.options = {
            "flip": as_options("flip", flip, check_flag),
            "shift": as_options("shift", shift, check_rate),
            "rotation": as_options("rotation", rotation, check_rate),
            "contrast": as_options("contrast", contrast, check_rate),
            "erase": as_options("erase", erase, check_rate),
        }

    def build(
        self, scope: BlockScope, x: Any, values: Values, mask: Any = None
    ) -> Any:
        check_rank("Augmentation", x, 4)
        texts = []
        if values["flip"]:
            x = scope.layer(layers.RandomFlip, "horizontal")(x)
            texts.append("flip")
        if values["shift"]:
            shift = values["shift"]
            x = scope.layer(layers.RandomTranslation, shift, shift)(x)
            texts.append(f"shift {shift:g}")
        if values["rotation"]:
            x = scope.layer(layers.RandomRotation, values["rotation"])(x)
            texts.append(f"rotation {values['rotation']:g}")
        if values["contrast"]:
            x = scope.layer(_contrast, values["contrast"], name="contrast")(x)
            texts.append(f"contrast {values['contrast']:g}")
        if values["erase"]:
            x = scope.layer(_erasing, values["erase"], name="erasing")(x)
            texts.append(f"erase {values['erase']:g}")
        return scope.finish(x, "augmentation", ", ".join(texts) or "none")


def _contrast(factor: float, name: str) -> Any:
    return layers.RandomContrast(factor, value_range=ANY_RANGE, name=name)


def _erasing(largest: float, name: str) -> Any:
    smallest = min(LEAST_ERASED, largest)
    return layers.RandomErasing(
        (0.5, 0.5),
        (smallest, largest),
        fill_value=0.0,
        value_range=ANY_RANGE,
        name=name,
    )
