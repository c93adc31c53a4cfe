"""Surrogates: models of the history that predict what offspring are worth.

A surrogate is anything with the one method of `Surrogate`. It learns from
completed individuals (and failed ones, see `impute_failures`) and returns a
`Posterior`, which the search asks about offspring.
"""

from collections.abc import Callable

from kt_evolution.surrogate.acquisition import (
    log_expected_hypervolume_improvement,
)
from kt_evolution.surrogate.acquisition import log_expected_improvement
from kt_evolution.surrogate.base import Posterior
from kt_evolution.surrogate.base import Surrogate
from kt_evolution.surrogate.base import impute_failures
from kt_evolution.surrogate.gaussian_process import GaussianProcess

__all__ = [
    "SURROGATES",
    "GaussianProcess",
    "Posterior",
    "Surrogate",
    "impute_failures",
    "log_expected_hypervolume_improvement",
    "log_expected_improvement",
]

SURROGATES: dict[str, Callable[[], Surrogate]] = {
    "gaussian_process": GaussianProcess,
}
