"""What every registered surrogate promises, and what it refuses."""

import numpy as np
import pytest

from kt_evolution.algorithm.surrogate import GaussianProcess
from kt_evolution.algorithm.surrogate import Posterior
from kt_evolution.algorithm.surrogate import Surrogate
from kt_evolution.algorithm.surrogate.gaussian_process import SURROGATES
from tests.algorithm.surrogate.histories import individuals
from tests.algorithm.surrogate.histories import mixed_space


def test_scores_must_be_finite():
    genomes, expressed = individuals(mixed_space(), 2)
    with pytest.raises(ValueError, match="`scores` must be finite. Received"):
        GaussianProcess().fit(
            mixed_space(), genomes, expressed, np.array([0.0, np.inf])
        )


@pytest.mark.parametrize("rows, columns, scores", [(3, 4, 2), (2, 3, 2)])
def test_shapes_must_agree(rows, columns, scores):
    genomes = np.full((rows, columns), 0.5)
    with pytest.raises(ValueError, match="must have the shape"):
        GaussianProcess().fit(
            mixed_space(), genomes, genomes > 0.0, np.zeros(scores)
        )


def test_a_history_must_not_be_empty():
    genomes, expressed = individuals(mixed_space(), 1)
    with pytest.raises(ValueError, match="n >= 1"):
        GaussianProcess().fit(
            mixed_space(), genomes[:0], expressed[:0], np.zeros(0)
        )


@pytest.mark.parametrize("argument", ["max_points", "max_fit_points"])
def test_counts_are_checked(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer"):
        GaussianProcess(**{argument: 0})


def test_repeatability_is_checked():
    with pytest.raises(ValueError, match="`repeatability` must be in"):
        GaussianProcess(repeatability=1.5)


@pytest.mark.parametrize("name", SURROGATES)
def test_registered_surrogates_keep_to_the_protocols(name):
    surrogate = SURROGATES[name]()
    assert isinstance(surrogate, Surrogate)
    genomes, expressed = individuals(mixed_space(), 3)
    posterior = surrogate.fit(mixed_space(), genomes, expressed, np.arange(3.0))
    assert isinstance(posterior, Posterior)
    assert isinstance(posterior.condition_on(genomes, expressed), Posterior)
