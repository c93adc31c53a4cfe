"""SynFlow, a zero-cost proxy: the flow through the weights of a model."""

import functools
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kt_evolution.costs.flops import sample_of
from kt_evolution.costs.rectifiers import RECTIFIER_LAYERS
from kt_evolution.costs.rectifiers import Replacement
from kt_evolution.costs.rectifiers import is_rectified
from kt_evolution.costs.rectifiers import known
from kt_evolution.costs.rectifiers import replaced

# Scales the input and the output if the flow is too large for a float.
SMALL_SCALE = 2.0**-100
NORMALIZATIONS = known(
    keras.layers,
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "Normalization",
    "RMSNormalization",
    "UnitNormalization",
)

Flow = Callable[[Sequence[Any]], Any]


def synflow(model: Any) -> float:
    """Measures how much flows through the weights of a model.

    The weights get their absolute values, and ones go in. Rectifiers and the
    activation of the output become linear, and normalizations are left out.
    Each weight counts by its product with the gradient of the summed outputs.

    Example:

    ```python
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    synflow(model)  # log(1 + abs(kernel))
    ```

    Reference:
        Tanaka et al. (2020), "Pruning neural networks without any data by
        iteratively conserving synaptic flow"; as a proxy: Abdelfattah et al.
        (2021), "Zero-Cost Proxies for Lightweight NAS".

    Args:
        model: A functional or sequential Keras model that is built.

    Returns:
        Float, `log(1 + sum)` of all weights.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the model is subclassed, if the shape or type of its
            input is not known, if it does not end in a layer, or if the flow
            is not finite.
        NotImplementedError: If the backend has no gradients here.
    """
    backend = keras.config.backend()
    if backend not in _GRADIENTS:
        raise NotImplementedError(
            "`synflow` has gradients on the backends "
            f"{', '.join(_GRADIENTS)}. Received: backend={backend!r}"
        )
    sample = sample_of(model)
    weights = [
        weight
        for weight in model.weights
        if keras.backend.is_float_dtype(weight.dtype)
    ]
    values = [keras.ops.abs(weight.value) for weight in weights]
    types = [tensor.dtype for tensor in keras.tree.flatten(sample)]
    scales = [1.0]
    if all(map(keras.backend.is_float_dtype, types)):
        scales.append(SMALL_SCALE)
    with replaced(_linear_parts(model)):
        for scale in scales:
            flow = functools.partial(_flow, model, weights, sample, scale)
            total = _sum_of_products(values, _GRADIENTS[backend](flow, values))
            if scale == 1.0 and math.isfinite(total):
                return math.log1p(total)
            if 0.0 < total < math.inf:
                return math.log(total) - 2.0 * math.log(scale)
    raise ValueError("The flow through the model is no finite number.")


def _flow(
    model: Any,
    weights: Sequence[Any],
    sample: Any,
    scale: float,
    values: Sequence[Any],
) -> Any:
    """Returns the sum of the outputs for inputs that are all equal.

    Args:
        model: The model.
        weights: Variables of the model.
        sample: See `sample_of`.
        scale: Float, the inputs; and what the sum is multiplied with.
        values: Tensors, the values of the weights.
    """
    inputs = keras.tree.map_structure(
        lambda tensor: _filled(tensor, scale), sample
    )
    mapping = list(zip(weights, values, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        outputs = keras.tree.flatten(model(inputs, training=False))
    return scale * sum(
        keras.ops.sum(keras.ops.cast(output, "float32")) for output in outputs
    )


def _filled(tensor: Any, number: float) -> Any:
    if tensor.dtype == "string":
        raise ValueError("An input of the model is text, which has no number.")
    return keras.ops.full(tensor.shape, number, tensor.dtype)


def _sum_of_products(values: Sequence[Any], gradients: Sequence[Any]) -> float:
    """Returns the sum of absolute products; None is no gradient."""
    total = 0.0
    for value, gradient in zip(values, gradients, strict=True):
        if gradient is not None:
            factors = [
                keras.ops.convert_to_numpy(one).astype("float64")
                for one in (value, gradient)
            ]
            # A flow that is too large is no number.
            with np.errstate(invalid="ignore"):
                total += float(np.abs(factors[0] * factors[1]).sum())
    return total


def _gradients_in_tensorflow(flow: Flow, values: Sequence[Any]) -> Any:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        total = flow(values)
    return [
        # The gradient of an embedding is sparse.
        None if gradient is None else tf.convert_to_tensor(gradient)
        for gradient in tape.gradient(total, values)
    ]


def _gradients_in_jax(flow: Flow, values: Sequence[Any]) -> Any:
    import jax

    return jax.grad(flow)(values)


def _gradients_in_torch(flow: Flow, values: Sequence[Any]) -> Any:
    import torch

    leaves = [value.detach().requires_grad_() for value in values]
    return torch.autograd.grad(flow(leaves), leaves, allow_unused=True)


_GRADIENTS = {
    "tensorflow": _gradients_in_tensorflow,
    "jax": _gradients_in_jax,
    "torch": _gradients_in_torch,
}


def _linear_parts(model: Any) -> Iterator[Replacement]:
    """Yields what makes the flow through a model linear."""
    heads = list(_heads(model))
    for layer in model._flatten_layers():
        if layer.compute_dtype != layer.variable_dtype:
            # Half precision is too small for a flow.
            policy = keras.DTypePolicy(layer.variable_dtype)
            yield layer, "_dtype_policy", policy
        is_head = any(layer is head for head in heads)
        is_softmax = isinstance(layer, keras.layers.Softmax)
        if isinstance(layer, (*NORMALIZATIONS, *RECTIFIER_LAYERS)) or (
            is_head and is_softmax
        ):
            yield layer, "call", functools.partial(_identity, layer)
        elif is_rectified(layer) or (is_head and "activation" in vars(layer)):
            yield layer, "activation", keras.activations.linear


def _heads(model: Any) -> Iterator[Any]:
    """Yields the layers that the outputs of a model come from."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        raise ValueError(
            "The model must be functional or sequential, so that the layer of "
            "its output is known."
        )
    for tensor in keras.tree.flatten(outputs):
        head = tensor._keras_history[0]
        while isinstance(head, keras.layers.Wrapper):
            head = head.layer
        if isinstance(head, keras.Model):
            yield from _heads(head)
        elif isinstance(head, keras.Layer):
            yield head
        else:
            raise ValueError("The output of the model must be that of a layer.")


def _identity(layer: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    del args, kwargs
    return keras.ops.cast(inputs, layer.compute_dtype)
