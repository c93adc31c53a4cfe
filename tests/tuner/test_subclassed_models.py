"""Subclassed models come back as trained; `tests/backends` has the models."""

import keras
import pytest

from tests.backends import subclassed_models

pytestmark = pytest.mark.graph

# Each is restored in another way; the rest takes longer.
QUICK = ["list", "tokens", "own weights", "layers in call", "marked as built"]


@pytest.mark.parametrize("name", QUICK)
def test_a_subclassed_model_predicts_as_at_the_end_of_its_best_epoch(name):
    subclassed_models.check(name, run_eagerly=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", subclassed_models.MODELS)
def test_every_subclassed_model_predicts_as_at_its_best_epoch(name):
    subclassed_models.check(name)


@pytest.mark.skipif(
    keras.config.backend() == "jax", reason="its train_step is another one"
)
def test_a_gan_that_is_never_called_as_a_whole_is_searched_and_restored():
    subclassed_models.check_gan()
