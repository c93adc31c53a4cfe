"""Makes Keras Tuner's errors that end a search.

Keras Tuner is loaded when an error is made.
"""


def fatal_value_error(message: str) -> Exception:
    """Returns a `keras_tuner.errors.FatalValueError`."""
    import keras_tuner as kt

    return kt.errors.FatalValueError(message)


def fatal_type_error(message: str) -> Exception:
    """Returns a `keras_tuner.errors.FatalTypeError`."""
    import keras_tuner as kt

    return kt.errors.FatalTypeError(message)
