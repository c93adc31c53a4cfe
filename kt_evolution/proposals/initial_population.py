"""The initial population: individuals of the user, as names and values."""

import difflib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import keras_tuner as kt
import numpy as np

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.initial_design import partial_genome
from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.genes import native
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.stored_space import own_values
from kt_evolution.proposals.dry_build import BuildReport

GivenModels: TypeAlias = Iterable[Mapping[str, Any] | kt.HyperParameters]


class InitialPopulation:
    """The individuals that are tried before all others.

    Args:
        individuals: Iterable of dicts of names to values, or of
            `keras_tuner.HyperParameters`. None for no individuals.

    Raises:
        TypeError: If it is something else.
    """

    def __init__(self, individuals: GivenModels | None) -> None:
        self._individuals = _checked(individuals)

    def genomes(self, space: SearchSpace) -> list[np.ndarray]:
        """Returns the codes of the individuals, NaN for missing values."""
        return [partial_genome(space, one) for one in self._individuals]

    def exact(
        self, number: int, values: Mapping[str, Value], space: SearchSpace
    ) -> dict[str, Value]:
        """Returns decoded values exactly as the user gave them.

        Several floats may share a code, so decoded values may differ in the
        last digits.

        Args:
            number: Int, the position of the individual.
            values: Dict of names to values, decoded from its genome.
            space: The `SearchSpace`.
        """
        given = self._individuals[number]
        return {
            name: given[name]
            if name in given
            and type(given[name]) is type(value)
            and space.codes_of(name, given[name])
            else value
            for name, value in values.items()
        }

    def check_values(self, space: SearchSpace) -> None:
        """Raises for values outside the domains of known hyperparameters.

        Raises:
            ValueError: It names the individual, the key and the value.
        """
        for number, values in enumerate(self._individuals):
            for name, value in values.items():
                known = space.genes_named(name)
                if not known or space.codes_of(name, value):
                    continue
                raise ValueError(
                    "`initial_population` must have values of the search "
                    "space. Received: "
                    f"initial_population[{number}][{name!r}]={value!r}. "
                    f"{_expected(space, known, value)}"
                )

    def check(
        self,
        history: History,
        build: Callable[[dict[str, Value]], BuildReport | None],
    ) -> None:
        """Raises for names and values that are not of the search space.

        If a name is not known, the model is built: its hyperparameter may
        depend on the other values of the individual.

        Args:
            history: The `History`, whose space grows by building.
            build: Function that builds the model of a dict of values, or
                returns None if that can't be done.

        Raises:
            ValueError: It names the individual, the key and the value.
        """
        self.check_values(history.space)
        for number, values in enumerate(self._individuals):
            if all(history.space.genes_named(name) for name in values):
                continue
            report = build(self._values_to_build(values, history.space))
            problem = report.problem if report is not None else None
            self._check_names(number, history.space, problem)
        self.check_values(history.space)

    def _values_to_build(
        self, given: dict[str, Value], space: SearchSpace
    ) -> dict[str, Value]:
        codes = partial_genome(space, given)
        genome = np.where(np.isnan(codes), space.default_genome(), codes)
        unknown = {
            name: value
            for name, value in given.items()
            if not space.genes_named(name)
        }
        return {**space.decode(genome), **unknown}

    def _check_names(
        self, number: int, space: SearchSpace, problem: str | None
    ) -> None:
        for name, value in self._individuals[number].items():
            if space.genes_named(name):
                continue
            names = list(dict.fromkeys(gene.name for gene in space.genes))
            hint = "".join(
                f" Did you mean {close!r}?"
                for close in difflib.get_close_matches(name, names, n=1)
            )
            if problem is not None:
                hint += f" Its model can't be built: {problem}"
            raise ValueError(
                "`initial_population` must have names of hyperparameters that "
                f"the model asks for, for instance {names[:20]}. Received: "
                f"initial_population[{number}][{name!r}]={value!r}.{hint} One "
                "that depends on others needs their values beside it, and one "
                "that is asked for in training only must be declared in "
                "`hyperparameters`."
            )


def _checked(individuals: Any) -> list[dict[str, Value]]:
    if individuals is None:
        return []
    no_list = (Mapping, str, kt.HyperParameters)
    if not isinstance(individuals, Iterable) or isinstance(
        individuals, no_list
    ):
        raise TypeError(
            "`initial_population` must be a list of dicts or "
            "`keras_tuner.HyperParameters`. Received: "
            f"initial_population={individuals!r} "
            f"(of type {type(individuals).__name__})"
        )
    checked = []
    for number, one in enumerate(individuals):
        values = one.values if isinstance(one, kt.HyperParameters) else one
        if not isinstance(values, Mapping) or not all(
            isinstance(name, str) for name in values
        ):
            raise TypeError(
                "`initial_population` must have dicts of names to values or "
                "`keras_tuner.HyperParameters`. Received: "
                f"initial_population[{number}]={one!r} "
                f"(of type {type(one).__name__})"
            )
        checked.append(
            {name: native(value) for name, value in own_values(values).items()}
        )
    return checked


def _expected(space: SearchSpace, genes: list[int], value: Value) -> str:
    """Returns the gene's own description of its domain."""
    try:
        space.genes[genes[0]].encode(value)
    except ValueError as error:
        return str(error)
    except (TypeError, OverflowError):
        return f"It is of type {type(value).__name__}."
    return ""
