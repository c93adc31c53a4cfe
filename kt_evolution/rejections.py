"""What rejected models tell of the search space.

A mistake of a build function behind a plain `if` rejects every model with one
value of a hyperparameter. Such a branch is found here, because a search that
steers away from it would look as if the value were a bad one.
"""

import dataclasses
import math
import re
from collections import Counter
from collections import deque
from collections.abc import Iterable
from collections.abc import Mapping

from kt_evolution.core.genes import Value
from kt_evolution.core.space import SearchSpace

# The name of a hyperparameter and one of its values.
Branch = tuple[str, Value]
# The branches of a rejected model, in the order of the build, and its problem.
Evidence = tuple[list[Branch], str]

# So many rejected models, and none that was built, make a branch suspicious.
MIN_REJECTED = 3
# With the share of failures that other values have, so many would fail by
# chance this rarely.
MAX_CHANCE = 0.05
# A hyperparameter with more values than these has no branches.
MAX_VALUES = 20
# The newest rejections that are evidence; it bounds the cost of a proposal.
MAX_EVIDENCE = 300
# A problem begins with the name of its error; that of a limit does not.
_ERROR = re.compile(r"(?:`initial_population\[\d+\]`: )?(\w+): ")
# The name of the error of a model that was built.
OVERSIZED = "OversizedModelError"


def is_error(problem: str | None) -> bool:
    """Tells whether a model was rejected because its build raised."""
    match = _ERROR.match(problem or "")
    return match is not None and match[1] != OVERSIZED


def kind_of(problem: str) -> str:
    """Returns a problem without its numbers, which differ by the values."""
    return re.sub(r"\d+(\.\d+)?", "#", problem)


def by_kind(problems: Iterable[str]) -> list[list[str]]:
    """Groups problems that differ in their numbers only, most common first."""
    kinds: dict[str, list[str]] = {}
    for problem in problems:
        kinds.setdefault(kind_of(problem), []).append(problem)
    return sorted(kinds.values(), key=len, reverse=True)


@dataclasses.dataclass(frozen=True)
class UnbuiltBranch:
    """A value of a hyperparameter with which no model could be built.

    Args:
        name: String, the hyperparameter.
        value: The value.
        num_rejected: Int, how many models with it were proposed.
        problem: String, why the last of them can't be built.
    """

    name: str
    value: Value
    num_rejected: int
    problem: str

    def __str__(self) -> str:
        return (
            f"No model with {self.name}={self.value!r} could be built "
            f"({self.num_rejected} proposed), so that part of the space is "
            f"not searched. The last error: {self.problem}"
        )


class BranchTally:
    """Counts the built and the rejected models of each value.

    Example:

    ```python
    tally = BranchTally()
    tally.add(space, {"residual": False}, None)
    tally.add(space, {"residual": True}, "TypeError: ...")
    tally.unbuilt()  # residual=True
    ```
    """

    def __init__(self) -> None:
        self._num_built: Counter[Branch] = Counter()
        self._num_rejected: dict[Branch, int] = {}
        # How many models of a branch differ in what was asked for until the
        # error: all of them are known once so many are rejected.
        self._num_models: dict[Branch, float] = {}
        self._newest: deque[Evidence] = deque(maxlen=MAX_EVIDENCE)

    def add(
        self,
        space: SearchSpace,
        values: Mapping[str, Value],
        problem: str | None,
    ) -> None:
        """Takes a model that was built, or rejected.

        Args:
            space: The `SearchSpace`.
            values: Dict of the names that the build asked for to their
                values, in the order in which it asked.
            problem: String, why it was rejected, or None.
        """
        sizes = {
            name: min(space.genes[i].size for i in space.genes_named(name))
            for name in values
            if space.genes_named(name)
        }
        branches = [
            (name, values[name])
            for name, size in sizes.items()
            if 1 < size <= MAX_VALUES
        ]
        if not is_error(problem):
            self._num_built.update(branches)
            return
        num_models = math.prod(sizes.values())
        for branch in branches:
            self._num_rejected[branch] = self._num_rejected.get(branch, 0) + 1
            self._num_models[branch] = max(
                self._num_models.get(branch, 0.0),
                num_models / sizes[branch[0]],
            )
        self._newest.append((branches, str(problem)))

    def unbuilt(self) -> list[UnbuiltBranch]:
        """Returns the branches of which no model could be built."""
        found = []
        evidence = list(self._newest)
        suspects = {
            branch for branch in self._num_rejected if self._is_suspect(branch)
        }
        while suspects and (worst := _most_rejected(suspects, evidence)):
            suspects.remove(worst)
            explained = [one for one in evidence if worst in one[0]]
            if len(explained) < self._num_needed(worst, evidence):
                continue
            # What one branch explains is no evidence against another.
            evidence = [one for one in evidence if worst not in one[0]]
            found.append(
                UnbuiltBranch(
                    *worst, self._num_rejected[worst], explained[-1][1]
                )
            )
        return found

    def _is_suspect(self, branch: Branch) -> bool:
        name, _ = branch
        return (
            branch not in self._num_built
            # Otherwise the cause lies elsewhere.
            and any(name == built for built, _ in self._num_built)
        )

    def _num_needed(self, branch: Branch, evidence: list[Evidence]) -> float:
        """Returns how many models must be rejected to blame a branch.

        Where values that can be built fail often, a few failures are no
        surprise.
        """
        name, _ = branch
        num_built = {
            built: count
            for built, count in self._num_built.items()
            if built[0] == name
        }
        num_failed = sum(
            any(one in num_built for one in branches)
            for branches, _ in evidence
        )
        num_known = num_failed + sum(num_built.values())
        # The rule of succession: a share of 0 or 1 is never certain.
        share = (num_failed + 1) / (num_known + 2)
        needed = math.ceil(math.log(MAX_CHANCE) / math.log(share))
        return min(max(MIN_REJECTED, needed), self._num_models[branch])


def _most_rejected(
    suspects: set[Branch], evidence: list[Evidence]
) -> Branch | None:
    """Returns the branch that explains most of the rejections.

    Of equal ones it is that of the value which was asked for last, because it
    is nearest to the error.
    """
    counts: dict[Branch, tuple[int, int]] = {}
    for branches, _ in evidence:
        for place, branch in enumerate(branches):
            if branch in suspects:
                count, last = counts.get(branch, (0, 0))
                counts[branch] = (count + 1, max(last, place))
    return max(counts, key=lambda branch: counts[branch], default=None)
