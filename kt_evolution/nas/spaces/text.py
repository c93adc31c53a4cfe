"""A ready space for text."""

import dataclasses
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.architecture import BlockScope
from kt_evolution.nas.blocks.composition import LayerChoice
from kt_evolution.nas.blocks.convolution import ConvStage
from kt_evolution.nas.blocks.layers import pool
from kt_evolution.nas.blocks.tokens import RecurrentStage
from kt_evolution.nas.blocks.tokens import TokenEncoder
from kt_evolution.nas.blocks.tokens import TransformerStage
from kt_evolution.nas.choices import declare_choice
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.base import ReadySpace


@dataclasses.dataclass(eq=False, repr=False)
class HyperTextNet(ReadySpace):
    """Networks for text: an embedding, then one of three kinds of encoder.

    Convolutions, recurrent layers or a transformer read the tokens. Their
    outputs are pooled over the text.

    With an adapted `vectorizer`, which needs TensorFlow, the network takes raw
    strings; without one it takes token ids. The id 0 is padding and is
    ignored: more padding does not change the prediction.

    Example:

    ```python
    vectorizer = keras.layers.TextVectorization(
        max_tokens=20_000, output_sequence_length=200
    )
    vectorizer.adapt(texts)
    space = nas.HyperTextNet(vectorizer=vectorizer, num_classes=2)
    ```

    `search` takes strings in a list, an array, a pandas `Series` or a
    `tf.data.Dataset`. `predict` of a model takes a data set or an array of
    objects: `model.predict(np.array(texts, dtype=object))`.

    Args:
        input_shape: Tuple, the number of token ids of a text, or `(None,)` if
            texts differ in length. Not with a `vectorizer`.
        vocabulary_size: Int, the number of token ids. Not with a `vectorizer`.
        vectorizer: An adapted `keras.layers.TextVectorization` that outputs
            integers. Defaults to None: the texts are token ids.
        max_depth: Int, the largest number of blocks of an encoder. Defaults
            to 2.
        width: Int, the default size of the embedding. Defaults to 64.

    The other arguments are those of `ReadySpace`.
    """

    input_shape: Any = None
    _: dataclasses.KW_ONLY
    max_depth: int = 2
    width: int = 64
    vocabulary_size: int | None = None
    vectorizer: Any = None

    def __post_init__(self) -> None:
        if self.vectorizer is None and self.input_shape is None:
            raise ValueError(
                "A `vectorizer` must be given for strings, or `input_shape` "
                "and `vocabulary_size` for token ids. "
                "Received: vectorizer=None, input_shape=None"
            )
        if self.vectorizer is None:
            self.input_shape = check_shape(
                self.input_shape, "the number of tokens of a text", 1, 1
            )
            self._num_tokens = _check_vocabulary_size(self.vocabulary_size)
        else:
            _check_vectorizer(
                self.vectorizer, self.input_shape, self.vocabulary_size
            )
            self.input_shape = ()
            self._num_tokens = self.vectorizer.vocabulary_size()
        super().__post_init__()

    def samples(self, x: Any, name: str) -> Any:
        """Returns texts in the form that Keras takes, and checks token ids.

        Strings may be in a list, an array or a pandas `Series`.
        """
        if self.vectorizer is not None:
            return _as_objects(self.only_input(x), name)
        x = super().samples(x, name)
        if isinstance(x, np.ndarray) and x.size:
            least, largest = x.min(), x.max()
            is_id = 0 <= least and largest < self._num_tokens
            if not is_id or np.any(x % 1):
                raise kt.errors.FatalValueError(
                    f"`{name}` must be token ids from 0, below "
                    f"vocabulary_size={self._num_tokens}. "
                    f"Received: {name} of dtype {x.dtype} "
                    f"from {least} to {largest}"
                )
        return x

    def inputs(self) -> Any:
        dtype = "int32" if self.vectorizer is None else "string"
        return keras.Input(self.input_shape, dtype=dtype, name="text")

    def body(self, hp: kt.HyperParameters, inputs: Any) -> Any:
        ids = inputs
        if self.vectorizer is not None:
            ids = _copied(self.vectorizer)(inputs)
        is_token = keras.ops.not_equal(ids, 0)
        is_empty = keras.ops.logical_not(
            keras.ops.any(is_token, axis=1, keepdims=True)
        )
        counted = keras.ops.cumsum(keras.ops.ones_like(ids), axis=1)
        # An empty text counts as one token, so that it has a mean.
        mask = keras.ops.logical_or(
            is_token,
            keras.ops.logical_and(is_empty, keras.ops.equal(counted, 1)),
        )
        encoder = TokenEncoder(
            self._num_tokens,
            length=ids.shape[1],
            output_dim=self.widths(),
            positions=self.choices("layers", "learned", "none"),
            dropout=self.choices("regularization", 0.1, 0.0, 0.3),
        )
        x = encoder(hp, ids, "tokens", mask)
        x = LayerChoice(self._encoders())(hp, x, "encoder", mask)
        scope = BlockScope(hp, "pooling")
        poolings = self.choices("layers", "average", "max")
        pooling = declare_choice(hp, "pooling", poolings)
        x = pool(scope, x, pooling, mask)
        return scope.finish(x, "pooling", f"{pooling} pooling")

    def _encoders(self) -> dict[str, Any]:
        dropout = self.choices("regularization", 0.1, 0.0, 0.3)
        encoders = {
            "convolution": ConvStage(
                filters=self.widths(),
                depth=self.depths(default=1),
                operation=self.choices(
                    "layers", "conv", "separable", "dilated"
                ),
                kernel_size=self.choices("layers", 5, 3, 7),
                connection=self.choices(
                    "connections", "residual", "plain", "dense"
                ),
                activation=self.choices("layers", "relu", "gelu"),
                normalization="layer",
                squeeze_excite=False,
                dropout=dropout,
                stochastic_depth=0.0,
            ),
            "recurrent": RecurrentStage(
                units=self.widths(),
                depth=self.depths(default=1),
                cell=self.choices("layers", "gru", "lstm"),
                bidirectional=self.choices("connections", True, False),
                connection=self.choices("connections", "plain", "residual"),
                dropout=dropout,
            ),
            "transformer": TransformerStage(
                depth=self.depths(default=1),
                num_heads=self.choices("layers", 4, 2, 8),
                expansion=self.choices("layers", 2, 1, 4),
                activation=self.choices("layers", "gelu", "relu"),
                dropout=dropout,
            ),
        }
        searched = self.choices("layers", *encoders)
        return {name: encoders[name] for name in searched}


def _copied(vectorizer: Any) -> Any:
    """Returns an equal layer.

    A layer refers to every model that uses it. Models that share one layer
    would all stay in memory.
    """
    config = {**vectorizer.get_config(), "vocabulary": None}
    copy = type(vectorizer)(**config)
    copy.set_vocabulary(vectorizer.get_vocabulary())
    return copy


def _as_objects(texts: Any, name: str) -> Any:
    """Returns strings as an array of objects, one for each text.

    A tensor or a data set is returned unchanged.
    """
    is_pandas = hasattr(texts, "to_numpy")
    if not isinstance(texts, (list, tuple, np.ndarray)) and not is_pandas:
        return texts
    array = np.asarray(texts, dtype=object)
    rows = array.reshape(-1) if array.size == len(array) else list(array)
    for number, text in enumerate(rows):
        if not isinstance(text, (str, bytes)):
            raise kt.errors.FatalValueError(
                f"`{name}` must be one string for each text. "
                f"Received: {text!r} in row {number}"
            )
    return rows


def _check_vocabulary_size(vocabulary_size: int | None) -> int:
    if vocabulary_size is None:
        raise ValueError(
            "`vocabulary_size` must be given for token ids, or a `vectorizer` "
            "for strings. Received: vocabulary_size=None, vectorizer=None"
        )
    return check_count("vocabulary_size", vocabulary_size)


def _check_vectorizer(
    vectorizer: Any, input_shape: Any, vocabulary_size: Any
) -> None:
    if not isinstance(vectorizer, keras.layers.TextVectorization):
        raise ValueError(
            "`vectorizer` must be a `keras.layers.TextVectorization`. "
            f"Received: vectorizer={vectorizer!r}"
        )
    if vectorizer.get_config()["output_mode"] != "int":
        raise ValueError(
            '`vectorizer` must have output_mode="int". Received: output_mode='
            f"{vectorizer.get_config()['output_mode']!r}"
        )
    if vectorizer.vocabulary_size() <= 2:
        raise ValueError(
            "`vectorizer` must be adapted to texts or have a vocabulary. "
            f"Received: vectorizer={vectorizer!r}"
        )
    for name, value in (
        ("input_shape", input_shape),
        ("vocabulary_size", vocabulary_size),
    ):
        if value is not None:
            raise ValueError(
                f"`{name}` comes from the `vectorizer`, and must not be given "
                f"with it. Received: {name}={value}"
            )
