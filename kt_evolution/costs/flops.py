"""Floating-point operations of a model, by the backend's own counter.

A multiply-add is two operations everywhere. The backends differ in the rest:
TensorFlow and JAX also count most operations on single elements, such as
biases, and torch counts matrix products, convolutions and attention only. JAX
leaves out products with the padding of a convolution, and TensorFlow counts a
transposed convolution as if it were computed at each point of its output.
"""

import contextlib
import functools
import io
import logging
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras

from kt_evolution.costs.rectifiers import Replacement
from kt_evolution.costs.rectifiers import replaced

# Operations that hold work which TensorFlow's profiler does not see.
UNSEEN_BY_TENSORFLOW = frozenset(
    {
        "Case",
        "Conv3DBackpropInputV2",
        "If",
        "PartitionedCall",
        "StatefulPartitionedCall",
        "StatelessCase",
        "StatelessIf",
        "StatelessWhile",
        "While",
    }
)
# The profiler skips these operations if the graph lacks their shapes.
TENSORFLOW_PRODUCTS = frozenset(
    {
        "BatchMatMul",
        "BatchMatMulV2",
        "BatchMatMulV3",
        "Conv2D",
        "Conv2DBackpropInput",
        "Conv3D",
        "DepthwiseConv2dNative",
        "Einsum",
        "MatMul",
    }
)


def count_flops(model: Any) -> int:
    """Counts the floating-point operations of one prediction.

    Recurrent layers are traced step by step, so long sequences take seconds.

    Example:

    ```python
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)])
    count_flops(model)  # 2 * 4 * 10, and 10 for the bias but on torch
    ```

    Args:
        model: A Keras model that is built.

    Returns:
        Int, the operations for a batch of one sample in inference. A
        multiply-add is two.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the shape of the model's input is not known.
        NotImplementedError: If the backend can't count them.
    """
    backend = keras.config.backend()
    if backend not in _COUNTERS:
        raise NotImplementedError(
            "FLOPs can be counted on the backends "
            f"{', '.join(_COUNTERS)}. Received: backend={backend!r}"
        )
    return int(_COUNTERS[backend](model, sample_of(model)))


def check_model(model: Any) -> None:
    """Raises a `TypeError` if a model is none, such as its build function."""
    if not isinstance(model, keras.Model):
        raise TypeError(
            "`model` must be a Keras model. "
            f"Received: model={model!r} (of type {type(model).__name__})"
        )


def sample_of(model: Any) -> Any:
    """Returns the shape and type of one sample of a model's input.

    Args:
        model: A Keras model that is built.

    Returns:
        A `KerasTensor` with a batch of one, or a list, tuple or dict of them,
        as the model takes it.

    Raises:
        TypeError: If it is not a Keras model.
        ValueError: If the shape is not known.
    """
    check_model(model)
    if isinstance(model, keras.Sequential):
        inputs = getattr(model, "inputs", [None])[0]
    else:
        inputs = getattr(model, "input", None)
    if inputs is None:
        inputs = _seen_in_training(model)
    return keras.tree.map_structure(_with_batch_of_one, inputs)


def _seen_in_training(model: Any) -> Any:
    """Returns the inputs with which a subclassed model was built."""
    shapes = (model.get_build_config() or {}).get("input_shape")
    if shapes is None:
        raise ValueError(
            "The shape of the model's input is not known. Begin the model "
            "with `keras.Input`, or build it by calling or training it. "
            f"Received: model={model}"
        )
    return _symbols(shapes)


def _symbols(shapes: Any) -> Any:
    # Backends know plain containers, not the tracking ones of Keras.
    if isinstance(shapes, Mapping):
        return {name: _symbols(shape) for name, shape in shapes.items()}
    if any(isinstance(part, (Mapping, list, tuple)) for part in shapes):
        return [_symbols(shape) for shape in shapes]
    # Keras keeps the shapes that a model was built with, but not the types.
    return keras.KerasTensor(tuple(shapes), keras.config.floatx())


def _with_batch_of_one(tensor: Any) -> Any:
    if None in tensor.shape[1:]:
        raise ValueError(
            f"The model's input '{tensor.name}' has dimensions that are not "
            "known, so one sample has no definite size. Give `keras.Input` a "
            f"full shape. Received: shape={tensor.shape}"
        )
    return keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype)


def _count_in_tensorflow(model: Any, sample: Any) -> int:
    import tensorflow as tf

    specs = keras.tree.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), sample
    )
    predict = tf.function(lambda inputs: model(inputs, training=False))
    were_eager = tf.config.functions_run_eagerly()
    # The profiler does not look into the functions of layers, such as a
    # convolution in groups. So the layers' operations go into the graph itself.
    tf.config.run_functions_eagerly(True)
    try:
        with _unrolled(model), replaced(_of_fixed_length(model)):
            graph = predict.get_concrete_function(specs).graph
    finally:
        tf.config.run_functions_eagerly(were_eager)
    operations = graph.get_operations()
    _check_countable_in_tensorflow(operations)
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    with _silenced(tf.get_logger()), contextlib.redirect_stderr(io.StringIO()):
        profile = tf.compat.v1.profiler.profile(graph, options=options)
    return profile.total_float_ops + sum(
        _einsum_flops(operation)
        for operation in operations
        if operation.type == "Einsum"
    )


def _of_fixed_length(model: Any) -> Iterator[Replacement]:
    """Yields what tells TensorFlow the length of vectorized texts."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.TextVectorization):
            length = layer.get_config()["output_sequence_length"]
            if length is not None:
                yield layer, "call", functools.partial(_cut, layer.call, length)


def _cut(vectorize: Callable[[Any], Any], length: int, texts: Any) -> Any:
    """Returns the tokens of one text, in a tensor of known shape."""
    tokens = vectorize(texts)
    if tokens.shape.rank == 2:
        tokens.set_shape((1, length))
    return tokens


def _check_countable_in_tensorflow(operations: list[Any]) -> None:
    """Raises for operations that the profiler would silently leave out."""
    unseen = {operation.type for operation in operations} & UNSEEN_BY_TENSORFLOW
    if unseen:
        raise NotImplementedError(
            "TensorFlow's profiler does not look into the operations "
            f"{sorted(unseen)} of the model."
        )
    unknown = {
        operation.type
        for operation in operations
        if operation.type in TENSORFLOW_PRODUCTS
        and not operation.outputs[0].shape.is_fully_defined()
    }
    if unknown:
        raise NotImplementedError(
            "TensorFlow's profiler can't count the operations "
            f"{sorted(unknown)} of the model, because their shapes depend on "
            "the data."
        )


def _einsum_flops(operation: Any) -> int:
    """Returns the operations of attention that the profiler leaves out."""
    terms, result = operation.get_attr("equation").decode().split("->")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms.split(","), operation.inputs, strict=True):
        first, _, last = term.partition("...")
        sizes.update(zip(first, tensor.shape, strict=False))
        sizes.update(zip(last[::-1], tensor.shape[::-1], strict=False))
    contracted = [sizes[label] for label in sizes if label not in result]
    return 2 * math.prod(contracted) * math.prod(operation.outputs[0].shape)


def _count_in_jax(model: Any, sample: Any) -> float:
    import jax

    def predict(values: list[Any], inputs: Any) -> Any:
        state = list(zip(model.variables, values, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return model(inputs, training=False)

    specs = keras.tree.map_structure(
        lambda tensor: jax.ShapeDtypeStruct(tensor.shape, tensor.dtype), sample
    )
    with _unrolled(model):
        values = [variable.value for variable in model.variables]
        lowered = jax.jit(predict).lower(values, specs)
    if "stablehlo.while" in lowered.as_text():
        raise NotImplementedError(
            "JAX's cost analysis counts the body of a loop once, and the "
            "model has a loop."
        )
    analysis = lowered.cost_analysis()
    if analysis is None:
        raise NotImplementedError("JAX has no cost analysis on this device.")
    return analysis.get("flops", 0.0)


def _count_in_torch(model: Any, sample: Any) -> int:
    import torch
    from torch.nn.attention import SDPBackend
    from torch.nn.attention import sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    inputs = keras.tree.map_structure(
        lambda tensor: keras.ops.zeros(tensor.shape, tensor.dtype), sample
    )
    counter = FlopCounterMode(display=False)
    # The counter does not know the fused attention of all devices.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model(inputs, training=False)
    return counter.get_total_flops()


_COUNTERS = {
    "tensorflow": _count_in_tensorflow,
    "jax": _count_in_jax,
    "torch": _count_in_torch,
}


@contextlib.contextmanager
def _unrolled(model: Any) -> Iterator[None]:
    """Unrolls recurrent layers, because a loop's step is counted once."""
    rolled = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN) and not layer.unroll
    ]
    for layer in rolled:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in rolled:
            layer.unroll = False


@contextlib.contextmanager
def _silenced(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
