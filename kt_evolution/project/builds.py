"""The dry builds of a search, from the lines of its journal.

A model is built before it becomes a trial, and its build may end the process.
Proposals depend on the history only, so the same model comes back after each
restart. Therefore a line is written before each build. A build ended its
process if the same session has no line after it.
"""

import collections
import json
import zlib
from collections.abc import Mapping

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.events import Event
from kt_evolution.project.events import RunsInterrupted


def fingerprint(values: Mapping[str, Value]) -> int:
    """Returns a number that identifies the values of a model."""
    return zlib.crc32(json.dumps(values, sort_keys=True).encode())


class Builds:
    """Counts how often each model ended the process that built it."""

    def __init__(self) -> None:
        # The model and session of the last line, if that began a build.
        self._last: tuple[int, float | None] | None = None
        # How often each model ended its process since it was last built.
        self._num_deaths: dict[int, int] = collections.defaultdict(int)
        self._built: set[int] = set()

    def apply(self, event: Event) -> None:
        """Applies an event of any kind."""
        if self._last is not None:
            model, began_in = self._last
            if event.session != began_in:
                self._num_deaths[model] += 1
            elif not isinstance(event, RunsInterrupted):
                self._num_deaths.pop(model, None)
                self._built.add(model)
        self._last = None
        if isinstance(event, BuildBegan):
            self._last = (event.model, event.session)

    def is_last(self, session: float | None) -> bool:
        """Returns whether the last line of a session began a build."""
        return self._last is not None and self._last[1] == session

    def was_built(self, model: int) -> bool:
        """Returns whether a build of a model, by its `fingerprint`, ended."""
        return model in self._built

    def num_deaths(self, model: int, session: float | None) -> int:
        """Returns how often a model ended the process that built it.

        Builds that were interrupted from outside don't count.

        Args:
            model: Int, its `fingerprint`.
            session: Float, the present session, whose process lives.
        """
        number = self._num_deaths.get(model, 0)
        if self._last is not None and self._last[1] != session:
            number += self._last[0] == model
        return number
