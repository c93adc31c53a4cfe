"""Individuals of the history as parts of the journal's lines, and back.

Genomes are stored by gene identity, because spaces grow.
"""

from collections.abc import Mapping
from typing import Any

from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.space.search_space import SearchSpace


def record_of(
    individual: Individual, space: SearchSpace, sign: float
) -> dict[str, Any]:
    """Returns an individual as it is stored.

    Args:
        individual: The `Individual`.
        space: The `SearchSpace` of its genome.
        sign: Float, -1 if the objective is maximized, else 1. Stored
            predictions are values of the objective.
    """
    genes = space.genes
    record: dict[str, Any] = {
        "genome": {
            gene.key: code
            for gene, code in zip(
                genes, individual.genome.tolist(), strict=True
            )
        },
        "operator": individual.operator,
    }
    if individual.expression:
        record["expressed"] = [genes[i].key for i in individual.expression]
    if individual.parents:
        record["parents"] = list(individual.parents)
    if individual.prediction is not None:
        mean, std = individual.prediction
        record["prediction"] = [sign * mean, std]
    if individual.user_index is not None:
        record["given"] = individual.user_index
    if individual.violation is not None:
        record["excess"] = individual.violation
    return record


def individual_of(
    record: Mapping[str, Any], space: SearchSpace, sign: float
) -> Individual:
    """Returns the individual of a record, see `record_of`."""
    genome = space.default_genome()
    for key, code in record["genome"].items():
        genome[space.position[key]] = code
    prediction = record.get("prediction")
    return Individual(
        genome,
        expression=tuple(
            space.position[key] for key in record.get("expressed", [])
        ),
        parents=tuple(record.get("parents", [])),
        operator=record["operator"],
        prediction=(
            (sign * prediction[0], prediction[1]) if prediction else None
        ),
        user_index=record.get("given"),
        violation=record.get("excess"),
    )
