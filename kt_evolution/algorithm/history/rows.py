"""Arrays over the individuals of a history."""

import numpy as np

from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status

UNKNOWN = Evaluation()
STATUS_CODES = {status: code for code, status in enumerate(Status)}


class HistoryRows:
    """Arrays over the individuals, with spare rows at the end."""

    def __init__(
        self, num_genes: int, num_objectives: int, num_limits: int
    ) -> None:
        self.genomes = np.empty((16, num_genes))
        self.expressed = np.empty((16, num_genes), dtype=bool)
        self.objectives = np.empty((16, num_objectives))
        self.violations = np.empty((16, num_limits))
        self.sum_of_squares = np.empty((16, num_objectives))
        self.num_runs = np.empty(16, dtype=np.int64)
        self.statuses = np.empty(16, dtype=np.int8)
        self._length = 0

    def append(self, individual: Individual) -> None:
        if self._length == len(self.statuses):
            self.genomes = _doubled(self.genomes)
            self.expressed = _doubled(self.expressed)
            self.objectives = _doubled(self.objectives)
            self.violations = _doubled(self.violations)
            self.sum_of_squares = _doubled(self.sum_of_squares)
            self.num_runs = _doubled(self.num_runs)
            self.statuses = _doubled(self.statuses)
        self.genomes[self._length] = individual.genome
        self.set_result(self._length, individual)
        self._length += 1

    def set_result(self, position: int, individual: Individual) -> None:
        result = individual.result or UNKNOWN
        self.objectives[position] = result.objectives or np.inf
        self.violations[position] = result.violations or np.inf
        self.sum_of_squares[position] = result.sum_of_squares or 0.0
        self.num_runs[position] = result.num_runs
        self.statuses[position] = STATUS_CODES[individual.status]

    def add_genes(self, codes: np.ndarray) -> None:
        columns = np.tile(codes, (len(self.genomes), 1))
        self.genomes = np.hstack([self.genomes, columns])
        unexpressed = np.zeros(columns.shape, dtype=bool)
        self.expressed = np.hstack([self.expressed, unexpressed])


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.empty_like(array)])
