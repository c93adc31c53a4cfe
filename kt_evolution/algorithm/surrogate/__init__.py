"""Surrogates: models of the history that predict the scores of offspring.

A surrogate is any object with the one method of `Surrogate`. It learns from
the scores of completed individuals and returns a `Posterior`, which predicts
the scores of offspring. From labels it also learns which models can be trained.
"""

from kt_evolution.algorithm.surrogate.base import Posterior
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess

__all__ = ["GaussianProcess", "Posterior", "Surrogate"]
