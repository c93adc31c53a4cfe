"""Exploration: which hyperparameters a hypermodel declares in its branches."""

import contextlib
import warnings
from typing import Any

import keras_tuner as kt

from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.encoding import gene_of
from kt_evolution.keras_tuner_bridge.encoding import key_of
from kt_evolution.keras_tuner_bridge.redeclarations import has_same_range
from kt_evolution.keras_tuner_bridge.redeclarations import redeclared
from kt_evolution.proposals.dry_build import DryBuild


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
    parents = _Parents(space)
    chosen: dict[str, Any] = {}
    for scope in scopes:
        wish = parents.values_opening(scope)
        if wish is not None and all(
            chosen.get(name, value) == value for name, value in wish.items()
        ):
            chosen.update(wish)
    # The rest are defaults: a value of the space may belong to a hyperparameter
    # of the same name in a branch that is inactive now.
    hp = private_api.share_space(space, chosen)
    private_api.settle_values(hp)
    return hp.values


class _Parents:
    """The hyperparameters of a space by name, and the genes of some.

    Hundreds of scopes may share a parent, so its gene is made once.

    Args:
        space: The search space.
    """

    def __init__(self, space: kt.HyperParameters) -> None:
        self._by_name: dict[str, list[Any]] = {}
        for hp in space.space:
            self._by_name.setdefault(hp.name, []).append(hp)
        self._genes: dict[str, list[Gene]] = {}
        # By the identity of a parent, as far as computed.
        self._activating: dict[int, dict[str, Any] | None] = {}

    def values_opening(self, conditions: list[Any]) -> dict[str, Any] | None:
        """Returns values for which conditions hold, None if there are none."""
        values: dict[str, Any] = {}
        for condition in conditions:
            name = condition.name
            if name not in self._genes:
                known = self._by_name.get(name, [])
                self._genes[name] = [gene_of(hp) for hp in known]
            for parent, gene in zip(
                self._by_name.get(name, []), self._genes[name], strict=True
            ):
                value = _first_in_domain(gene, condition.values)
                outer = self._values_activating(parent)
                if value is not None and outer is not None:
                    values = {**outer, **values, name: value}
                    break
            else:
                return None
        return values

    def _values_activating(self, parent: Any) -> dict[str, Any] | None:
        # Nested scopes share their outer parents.
        if id(parent) not in self._activating:
            values = self.values_opening(parent.conditions)
            self._activating[id(parent)] = values
        return self._activating[id(parent)]


def _first_in_domain(gene: Gene, values: list[Any]) -> Any:
    for value in values:
        with contextlib.suppress(ValueError):
            gene.encode(value)
            return value
    return None


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
        warnings.warn(
            "A hyperparameter of the project was declared otherwise when "
            f"the search began, and that counts: {printable(change)}. To "
            "search the new range use another `project_name`.",
            stacklevel=2,
        )
