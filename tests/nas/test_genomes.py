"""Every genome of every ready space is a model that trains and reloads."""

import pytest

from tests.nas.nas_helpers import SPACES
from tests.nas.nas_helpers import check_genome
from tests.nas.nas_helpers import new_space
from tests.nas.nas_helpers import random_values

NUM_GENOMES = 200
NUM_PARTS = 4
NUM_QUICK = 3


@pytest.mark.parametrize("name", SPACES)
def test_random_genomes_build_train_and_reload(name):
    space, x = new_space(name)
    for values in random_values(space, NUM_QUICK, seed=1):
        check_genome(space, x, values)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(NUM_PARTS))
@pytest.mark.parametrize("name", SPACES)
def test_many_genomes_build_train_and_reload(name, part):
    space, x = new_space(name)
    for values in random_values(space, NUM_GENOMES)[part::NUM_PARTS]:
        check_genome(space, x, values)
