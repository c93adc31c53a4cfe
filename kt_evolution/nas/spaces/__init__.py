"""Ready spaces: `keras_tuner.HyperModel`s, one module a kind of data."""
