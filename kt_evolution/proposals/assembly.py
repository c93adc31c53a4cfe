"""Assembly: what makes the proposals of a search, from its settings."""

from collections.abc import Callable
from collections.abc import Sequence

import keras_tuner as kt

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.limits import Limit
from kt_evolution.project.project import Project
from kt_evolution.proposals.build_proxies import BuildProxies
from kt_evolution.proposals.build_warnings import BuildWarnings
from kt_evolution.proposals.feasibility import FeasibilityCheck
from kt_evolution.proposals.initial_population import GivenModels
from kt_evolution.proposals.initial_population import InitialPopulation
from kt_evolution.proposals.promotions import Promotions
from kt_evolution.proposals.proposer import Proposer
from kt_evolution.proposals.warm_start import GivenProjects
from kt_evolution.proposals.warm_start import WarmStart


def new_proposer(
    project: Project,
    evolution: Evolution,
    promotions: Promotions,
    limits: Sequence[Limit],
    max_starts: int,
    initial_population: GivenModels | None,
    warm_start: GivenProjects | None,
    grow: Callable[[kt.HyperParameters], None],
    report: Callable[[str], None],
) -> Proposer:
    """Returns the `Proposer` of a search.

    Args:
        project: The `Project` of the search.
        evolution: The `Evolution`.
        promotions: Its `Promotions`.
        limits: The `Limit`s of models.
        max_starts: Int, how often a build may end its process before the model
            is rejected.
        initial_population: The user's models, to try before anything else.
        warm_start: The user's projects, whose trials enter the history, or
            `Transfer`s from them.
        grow: Function that adds new hyperparameters to the search space.
        report: Function that prints a line, if the user wants it.

    Raises:
        TypeError, ValueError: If the models or projects can't be used.
    """
    past = WarmStart(warm_start)
    if past.transfers:
        _check_prior_mean(evolution, warm_start)
    start = InitialPopulation(initial_population)
    start.check_values(project.state.history.space)
    build_warnings = BuildWarnings(project)
    check = FeasibilityCheck(
        project, limits, start, max_starts, grow, build_warnings
    )
    return Proposer(
        project,
        evolution,
        promotions,
        check,
        BuildProxies(project, evolution, check, report),
        start,
        past,
        build_warnings,
        report,
    )


def _check_prior_mean(
    evolution: Evolution, warm_start: GivenProjects | None
) -> None:
    """Raises if the surrogate can't begin with what other searches learned."""
    if not evolution.has_prior_mean:
        search = evolution.acquisition_search
        surrogate = None if search is None else search.surrogate
        raise ValueError(
            '`surrogate` must be "gaussian_process" or a `GaussianProcess` if '
            f"`warm_start` has a `Transfer`. Received: surrogate={surrogate!r}"
            f", warm_start={warm_start!r}"
        )
