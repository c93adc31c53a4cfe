"""Models of every common layer are searched; `tests/backends` has the rest."""

import pytest

from tests.backends import searched_layers
from tests.nas.nas_helpers import SPACES

pytestmark = pytest.mark.graph


@pytest.mark.parametrize("kind", ["vector", "tokens"])
def test_no_model_of_a_common_layer_is_rejected(kind):
    searched_layers.check_layers(kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "sequence"])
def test_no_model_of_a_layer_for_images_or_sequences_is_rejected(kind):
    searched_layers.check_layers(kind)


def test_no_model_of_a_ready_space_is_rejected():
    searched_layers.check_space("HyperTextNet", num_models=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_no_model_of_any_ready_space_is_rejected(name):
    searched_layers.check_space(name, num_models=6)
