"""Ready spaces: `keras_tuner.HyperModel`s, one module for each kind of data."""
