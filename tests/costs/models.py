"""Models whose inputs are of several kinds, and of text."""

import keras

layers = keras.layers


def inputs_of_each_kind():
    """Returns inputs of three kinds, and all of them as one vector."""
    number = keras.Input((3,), name="number")
    code = keras.Input((2,), name="code", dtype="int32")
    image = keras.Input((2, 2), name="image", dtype="uint8")
    inputs = {"number": number, "code": code, "image": image}
    parts = [
        number,
        layers.Flatten()(layers.Embedding(5, 2)(code)),
        layers.Flatten()(layers.Rescaling(1 / 255)(image)),
    ]
    return inputs, layers.Concatenate()(parts)


def text_model(*others, length=5):
    """Returns a model of strings: embedded tokens, then other layers."""
    text = layers.TextVectorization(
        output_sequence_length=length, vocabulary=["a", "b"]
    )
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            text,
            layers.Embedding(5, 3),
            *others,
        ]
    )
