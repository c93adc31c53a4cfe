"""Surrogates: models of the history that predict what offspring are worth.

A surrogate is anything with the one method of `Surrogate`. It learns from
the scores of completed individuals and returns a `Posterior`, which the search
asks about offspring. From labels it learns as well which models can't be
trained.
"""

from collections.abc import Callable

from kt_evolution.algorithm.surrogate.base import Posterior
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_hypervolume_improvement,
)
from kt_evolution.algorithm.surrogate.expected_improvement import (
    log_expected_improvement,
)
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess

__all__ = [
    "SURROGATES",
    "GaussianProcess",
    "Posterior",
    "Surrogate",
    "log_expected_hypervolume_improvement",
    "log_expected_improvement",
]

SURROGATES: dict[str, Callable[[], Surrogate]] = {
    "gaussian_process": GaussianProcess,
}
