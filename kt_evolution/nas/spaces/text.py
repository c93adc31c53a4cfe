"""A ready space for text."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.checks import check_count
from kt_evolution.nas.blocks.composition import LayerChoice
from kt_evolution.nas.blocks.convolution import ConvStage
from kt_evolution.nas.blocks.layers import pool
from kt_evolution.nas.blocks.tokens import RecurrentStage
from kt_evolution.nas.blocks.tokens import TokenEncoder
from kt_evolution.nas.blocks.tokens import TransformerStage
from kt_evolution.nas.genes import choose
from kt_evolution.nas.shapes import check_shape
from kt_evolution.nas.spaces.arguments import GROUPS
from kt_evolution.nas.spaces.base import ReadySpace
from kt_evolution.nas.structure import Site


class HyperTextNet(ReadySpace):
    """Networks for text: an embedding, then one of three kinds of encoder.

    Convolutions, recurrent layers or a transformer read the tokens, each with
    genes of its own; what is read is pooled over the text.

    The network takes raw strings if it is given an adapted `vectorizer`, which
    works on TensorFlow, and token ids otherwise. The id 0 is padding, which is
    not read: how long a text is padded changes nothing.

    Example:

    ```python
    vectorizer = keras.layers.TextVectorization(
        max_tokens=20_000, output_sequence_length=200
    )
    vectorizer.adapt(texts)
    space = nas.HyperTextNet(vectorizer=vectorizer, num_classes=2)
    ```

    `search` takes strings in a list, an array, a pandas `Series` or a
    `tf.data.Dataset`. A model's own `predict` takes the last and arrays of
    objects: `model.predict(np.array(texts, dtype=object))`.

    Args:
        input_shape: Tuple, the number of token ids of a text, or None in it if
            that differs. Not with a `vectorizer`.
        vocabulary_size: Int, how many token ids there are. Not with a
            `vectorizer`.
        vectorizer: An adapted `keras.layers.TextVectorization` that gives
            integers. Defaults to none: the texts are token ids.
        num_classes: Int, for classification.
        num_outputs: Int, for regression. Defaults to 1.
        task: "classification" or "regression". Defaults to "classification".
        max_depth: Int, how many blocks an encoder has at most. Defaults to 2.
        width: Int, the size of the embedding by default. Defaults to 64.
        search: Strings, the groups of genes to search: "layers",
            "connections", "regularisation" and "training". What is not
            searched has its default values. Defaults to all.
        steps: Int, in how many batches a model is trained, for the cosine
            schedule. Defaults to a constant learning rate.
        targets: Array of the targets of a regression, whose mean and scale the
            output gets. Defaults to outputs around 0.
        name: String, the name of the hypermodel.
        tunable: Boolean, as in `keras_tuner.HyperModel`. Defaults to True.

    Raises:
        ValueError: If an argument is not as described. `fit`, and so a search,
            raises `keras_tuner.errors.FatalValueError` for samples and labels
            that fit no model of the space.
    """

    def __init__(
        self,
        input_shape: Sequence[int | None] | None = None,
        vocabulary_size: int | None = None,
        vectorizer: Any = None,
        num_classes: int | None = None,
        num_outputs: int | None = None,
        task: str = "classification",
        max_depth: int = 2,
        width: int = 64,
        search: str | Sequence[str] = GROUPS,
        steps: int | None = None,
        targets: Any = None,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        self.vectorizer = vectorizer
        if vectorizer is None and input_shape is None:
            raise ValueError(
                "A `vectorizer` must be given for strings, or `input_shape` "
                "and `vocabulary_size` for token ids. "
                "Received: vectorizer=None, input_shape=None"
            )
        if vectorizer is None:
            self.input_shape = check_shape(
                input_shape, "the number of tokens of a text", 1, 1
            )
            self.vocabulary_size = _check_vocabulary_size(vocabulary_size)
        else:
            _check_vectorizer(vectorizer, input_shape, vocabulary_size)
            self.input_shape = ()
            self.vocabulary_size = vectorizer.vocabulary_size()
        super().__init__(
            num_classes,
            num_outputs,
            task,
            max_depth,
            width,
            search,
            steps,
            targets,
            name,
            tunable,
        )

    def samples(self, x: Any, name: str) -> Any:
        """Returns texts as Keras takes them, and checks that ids are known.

        Strings may be in a list, an array or a pandas `Series`.
        """
        if self.vectorizer is not None:
            return _as_objects(self.only_input(x), name)
        x = super().samples(x, name)
        if isinstance(x, np.ndarray) and x.size:
            least, largest = x.min(), x.max()
            is_id = 0 <= least and largest < self.vocabulary_size
            if not is_id or np.any(x % 1):
                raise kt.errors.FatalValueError(
                    f"`{name}` must be token ids from 0, below "
                    f"vocabulary_size={self.vocabulary_size}. "
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
        # An empty text is one token, or its mean would be of nothing.
        mask = keras.ops.logical_or(
            is_token,
            keras.ops.logical_and(is_empty, keras.ops.equal(counted, 1)),
        )
        encoder = TokenEncoder(
            self.vocabulary_size,
            length=ids.shape[1],
            dimension=self.widths(),
            positions=self.choices("layers", "learned", "none"),
            dropout=self.choices("regularisation", 0.1, 0.0, 0.3),
        )
        x = encoder(hp, ids, "tokens", mask)
        x = LayerChoice(self._encoders())(hp, x, "encoder", mask)
        site = Site(hp, "pooling")
        poolings = self.choices("layers", "average", "max")
        pooling = choose(hp, "pooling", poolings)
        x = pool(site, x, pooling, mask)
        return site.done(x, "pooling", f"{pooling} pooling")

    def _encoders(self) -> dict[str, Any]:
        dropout = self.choices("regularisation", 0.1, 0.0, 0.3)
        encoders = {
            "convolution": ConvStage(
                filters=self.widths(),
                depth=self.depths(default=1),
                operation=self.choices(
                    "layers", "conv", "separable", "dilated"
                ),
                kernel=self.choices("layers", 5, 3, 7),
                connection=self.choices(
                    "connections", "residual", "plain", "dense"
                ),
                activation=self.choices("layers", "relu", "gelu"),
                normalisation="layer",
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
                heads=self.choices("layers", 4, 2, 8),
                expansion=self.choices("layers", 2, 1, 4),
                activation=self.choices("layers", "gelu", "relu"),
                dropout=dropout,
            ),
        }
        searched = self.choices("layers", *encoders)
        return {name: encoders[name] for name in searched}


def _copied(vectorizer: Any) -> Any:
    """Returns a layer that does the same.

    A layer holds what was built on it, so that models which share one would
    all stay in memory.
    """
    config = {**vectorizer.get_config(), "vocabulary": None}
    copy = type(vectorizer)(**config)
    copy.set_vocabulary(vectorizer.get_vocabulary())
    return copy


def _as_objects(texts: Any, name: str) -> Any:
    """Returns strings as Keras takes them: an array of objects, one for each.

    Anything else, such as a tensor or a data set, is returned as it is.
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
