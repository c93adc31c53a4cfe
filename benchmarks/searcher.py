"""What the race asks of a searcher."""

from __future__ import annotations

import abc

from benchmarks.tasks import Cell

# A number, or one for each objective of a task that has several. It is infinite
# where a cell can't be evaluated.
Loss = float | tuple[float, ...]


class Searcher(abc.ABC):
    """Proposes cells of a table and learns their losses, smaller is better.

    Several cells may be asked before the first is told. They are told in any
    order to the oracles of Keras Tuner, and to all others in the order in which
    they were asked.
    """

    @abc.abstractmethod
    def ask(self) -> Cell | None:
        """Returns the next cell to evaluate, None if the search is over."""

    @abc.abstractmethod
    def tell(self, cell: Cell, loss: Loss) -> None:
        """Reports the loss of a cell that was asked."""

    def recommend(self) -> Cell | None:
        """Returns the cell to use in the end, None for the best observed."""
        return None

    def close(self) -> None:  # noqa: B027
        """Frees what the searcher holds."""
