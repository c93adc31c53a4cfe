"""Past searches: models that were scored on other data."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

import numpy as np

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace

T = TypeVar("T")


class PastSearch:
    """The models of a search on other data, and their scores there.

    They are no individuals of the history, because scores on other data can't
    be compared with those of this search.

    Args:
        values: Sequence of dicts of names to values, one for each model.
        objectives: Sequence of as many tuples of finite floats; lower is
            better.

    Attributes:
        objectives: Float array of shape `(n, num_objectives)`.
    """

    def __init__(
        self,
        values: Sequence[Mapping[str, Value]],
        objectives: Sequence[tuple[float, ...]],
    ) -> None:
        self._values = values
        self.objectives = np.array(objectives, dtype=float)
        # Caches: what was computed last, and from what.
        self._encoded: tuple[SearchSpace, np.ndarray] | None = None
        self._computed: tuple[Hashable, Any] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def genomes(self, space: SearchSpace) -> np.ndarray:
        """Returns the models as genomes of a space.

        A gene whose name the other search did not know has its default, and so
        does one that can't have the value.

        Args:
            space: The `SearchSpace`, which may have grown.

        Returns:
            Float array of shape `(n, num_genes)`.
        """
        if self._encoded is None or self._encoded[0] is not space:
            genomes = np.tile(space.default_genome(), (len(self), 1))
            for genome, values in zip(genomes, self._values, strict=True):
                space.write(genome, values)
            self._encoded = space, genomes
        return self._encoded[1]

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Returns what a function computes, once for equal keys in a row.

        Args:
            key: What it is computed from.
            compute: Function without arguments.
        """
        if self._computed is None or self._computed[0] != key:
            self._computed = key, compute()
        return self._computed[1]
