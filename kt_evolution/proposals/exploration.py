"""Exploration: which hyperparameters a hypermodel declares in its branches."""

import functools
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.space.conditions import values_opening
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import genes_of
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.keras_tuner_bridge.redeclarations import has_same_range
from kt_evolution.keras_tuner_bridge.redeclarations import redeclared
from kt_evolution.proposals.dry_build import DryBuild
from kt_evolution.user_warnings import warn_user


def explore(dry_build: DryBuild, oracle: kt.Oracle) -> list[str]:
    """Builds a hypermodel with values that reach all of its branches.

    Keras Tuner builds once for each pair of conditions. Here one build takes
    as many branches at once as possible, so there is at most one build for
    each branch, and every value is in the parent's domain.

    Args:
        dry_build: The `DryBuild` of the hypermodel.
        oracle: The oracle; its space receives the hyperparameters found.

    Returns:
        List of the gene keys that the builds requested.

    Raises:
        SpaceError: If a hyperparameter can't be searched.
        AttributeError, LookupError, TypeError: If the user's own line raises
            it.
    """
    space = oracle.get_space()
    dry_build.hypermodel.declare_hyperparameters(space)
    oracle.update_space(space)
    requested: dict[str, None] = {}
    tried: set[Any] = set()
    wanted: dict[Any, list[Any]] = {}
    while True:
        space = oracle.get_space()
        scopes = list(wanted.values())
        report = dry_build(space, _values_reaching(space, scopes))
        report.check_defaults()
        found = report.hyperparameters
        oracle.update_space(found)
        requested |= found.requested
        tried.update(map(_scope_key, scopes[:1] + found.active_scopes))
        waiting = scopes + found.inactive_scopes
        wanted = {_scope_key(scope): scope for scope in waiting}
        wanted = {key: wanted[key] for key in wanted if key not in tried}
        if not wanted:
            return list(requested)


def changed_declarations(
    dry_build: DryBuild,
    known: kt.HyperParameters,
    given: kt.HyperParameters,
) -> list[str]:
    """Returns how a hypermodel differs from the space of its project.

    Args:
        dry_build: The `DryBuild` of the hypermodel.
        known: The space of the project.
        given: The `keras_tuner.HyperParameters` that the user declared in
            advance, which win over the hypermodel.

    Returns:
        List of one line for each hyperparameter that the default model
        declares otherwise than the project knows it.
    """
    # The hypermodel may only read hyperparameters that were declared in advance
    # in an earlier run.
    report = dry_build.build(known, _values_reaching(known, []))
    report.check_defaults()
    # Also within one build, the first declaration of a name counts.
    first = {key_of(hp): hp for hp in reversed(report.hyperparameters.declared)}
    in_advance = {key_of(hp) for hp in given.space}
    found = [first[key] for key in reversed(first) if key not in in_advance]
    before = {key_of(hp): hp for hp in known.space}
    # The caller warns of them.
    dry_build.redeclarations.mark_reported(
        hp for hp in found if not has_same_range(before.get(key_of(hp), hp), hp)
    )
    dry_build.compare_ranges(known, report)
    return redeclared(known.space, found)


def _scope_key(conditions: list[Any]) -> tuple[Any, ...]:
    return tuple((one.name, tuple(one.values)) for one in conditions)


def _values_reaching(
    space: kt.HyperParameters, scopes: list[Any]
) -> dict[str, Any]:
    """Returns values with which the first scope is active, and maybe more."""
    by_name: dict[str, list[Any]] = {}
    for hp in space.space:
        by_name.setdefault(hp.name, []).append(hp)

    # Hundreds of scopes may share a parent.
    @functools.cache
    def genes_named(name: str) -> list[Gene]:
        return genes_of(by_name.get(name, ()))

    chosen: dict[str, Any] = {}
    for scope in scopes:
        conditions = [(one.name, one.values) for one in scope]
        wish = values_opening(conditions, genes_named, {})
        if wish is not None and all(
            chosen.get(name, value) == value for name, value in wish.items()
        ):
            chosen.update(wish)
    # The rest are defaults: a value of the space may belong to a hyperparameter
    # of the same name in a branch that is inactive now.
    reached = private_api.share_space(space, chosen)
    private_api.settle_values(reached)
    return reached.values


def warn_of_changed_declarations(
    dry_build: DryBuild, known: kt.HyperParameters, given: kt.HyperParameters
) -> None:
    """Warns of hyperparameters that are not declared as in the project.

    Args:
        dry_build: The `DryBuild` of the hypermodel.
        known: The space of the project.
        given: The `keras_tuner.HyperParameters` that the user declared in
            advance.
    """
    for change in changed_declarations(dry_build, known, given):
        warn_user(
            "A hyperparameter of the project was declared otherwise when "
            f"the search began, and that counts: {printable(change)}. To "
            "search the new range use another `project_name`."
        )
