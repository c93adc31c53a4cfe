"""The search itself: numpy only, no Keras, no trials."""
