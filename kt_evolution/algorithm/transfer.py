"""Transfer: what searches on other data say about this one.

The scores that their surrogates predict are basis functions of the prior mean
of this search's surrogate, see `surrogate/prior_mean.py`.
"""

import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.past_search import PastSearch
from kt_evolution.algorithm.ranking import best_first
from kt_evolution.algorithm.surrogate.base import Surrogate
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianPosterior
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess
from kt_evolution.algorithm.surrogate.prior_mean import PriorMean

# The operator of individuals that other searches found best.
TRANSFER = "transfer"


def prior_means(
    surrogate: Surrogate, history: History, num_columns: int
) -> list[PriorMean | None]:
    """Returns the prior mean of each number that is minimized.

    Args:
        surrogate: The `Surrogate`. Only a `GaussianProcess` has a prior mean.
        history: The `History`.
        num_columns: Int, how many numbers are minimized: the objectives, or
            one that combines them, which all of them may tell of.

    Returns:
        List of `PriorMean`s, or of None where there is no other search.
    """
    known = [past for past in history.past if len(past)]
    if not known or not isinstance(surrogate, GaussianProcess):
        return [None] * num_columns
    each = [
        [one.standardized_mean for one in _fit_past(surrogate, history, past)]
        for past in known
    ]
    if num_columns == history.num_objectives:
        return [PriorMean(column) for column in zip(*each, strict=True)]
    every = tuple(function for functions in each for function in functions)
    return [PriorMean(every)] * num_columns


def _fit_past(
    surrogate: GaussianProcess, history: History, past: PastSearch
) -> list[GaussianPosterior]:
    """Returns what another search has learned, for each objective."""
    space = history.space
    genomes = past.genomes(space)
    expressed = history.predict_expressed(genomes)
    return past.once(
        (surrogate, space, expressed.tobytes()),
        lambda: [
            surrogate.fit(space, genomes, expressed, scores)
            for scores in past.objectives.T
        ],
    )


def next_from_past(surrogate: Surrogate, history: History) -> np.ndarray | None:
    """Returns the model that other searches found best, if nothing is scored.

    Args:
        surrogate: The `Surrogate`.
        history: The `History`.

    Returns:
        Float array of shape `(num_genes,)`, a genome that is not known; None if
        there is none, or once this search has a score of its own.
    """
    if len(history.positions(Status.COMPLETED, Status.PAUSED)):
        return None
    columns = []
    genomes = np.empty((0, history.space.num_genes))
    for prior_mean in prior_means(surrogate, history, history.num_objectives):
        if prior_mean is None:
            return None
        genomes = np.concatenate(
            [past.genomes(history.space) for past in history.past]
        )
        basis = prior_mean.basis(genomes, history.predict_expressed(genomes))
        columns.append(prior_mean.expected(basis))
    no_limits = np.empty((len(genomes), 0))
    for row in best_first(np.stack(columns, axis=1), no_limits):
        if history.find(genomes[row]) < 0:
            return genomes[row]
    return None
