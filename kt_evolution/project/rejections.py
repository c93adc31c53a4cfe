"""Rejections: values of hyperparameters with which no model can be built.

A mistake of a build function in one of its branches rejects every model with
one value of a hyperparameter. Such branches are reported. Otherwise the search
would avoid the value, and it would look as if the value were bad.
"""

import dataclasses
import functools
import math
import re
from collections import Counter
from collections import deque
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from kt_evolution.algorithm.space.genes import Value
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.formatting import times

# The name of a hyperparameter and one of its values.
Branch = tuple[str, Value]

# A branch is suspicious if this many models were rejected for the same problem,
# and none was built.
MIN_REJECTED = 2
# If the error depends on other values, too, at most this share of the models is
# expected to fail.
MAX_SHARE_OF_ERRORS = 0.85
# A row of failures is evidence if its probability is at most this, given the
# share of failures with other values.
MAX_CHANCE = 0.05
# Hyperparameters with more values have no branches.
MAX_VALUES = 20
# How many of the newest rejections are evidence, which bounds the cost of a
# proposal.
MAX_EVIDENCE = 300
# The problem of an error begins with the error's name, that of a limit doesn't.
_FROM_USER = re.compile(r"`initial_population\[\d+\]`: ")
_ERROR = re.compile(rf"(?:{_FROM_USER.pattern})?(\w+): ")
# The name of the error of a model that was built.
OVERSIZED = "OversizedModelError"
# At the end of a problem, before the place of the user's own line: the line is
# a `raise`, or it has a bug.
RAISED = "raised in "
MISTAKEN = "mistake in "
_PLACE = re.compile(rf" \(({RAISED}|{MISTAKEN}).*, line \d+\)$")


def is_error(problem: str | None) -> bool:
    """Returns whether a model was rejected because its build raised."""
    match = _ERROR.match(problem or "")
    return match is not None and match[1] != OVERSIZED


def is_from_user(problem: str) -> bool:
    """Returns whether a rejected model is one that the user proposed."""
    return _FROM_USER.match(problem) is not None


def is_deliberate(problem: str) -> bool:
    """Returns whether the user's code rejected a model by a `raise`."""
    match = _PLACE.search(problem)
    return match is not None and match[1] == RAISED


def is_bug(problem: str) -> bool:
    """Returns whether a model was rejected for a bug in the user's own line."""
    match = _PLACE.search(problem)
    return match is not None and match[1] == MISTAKEN


def kind_of(problem: str) -> str:
    """Returns a problem without its numbers, which depend on the values."""
    return re.sub(r"\d+(,\d{3})*(\.\d+)?", "#", problem)


def by_kind(problems: Iterable[str]) -> list[list[str]]:
    """Groups problems that differ in their numbers only, most common first."""
    kinds: dict[str, list[str]] = {}
    for problem in problems:
        kinds.setdefault(kind_of(problem), []).append(problem)
    return sorted(kinds.values(), key=len, reverse=True)


def is_over_limit(problem: str) -> bool:
    """Returns whether a model was built, and is over a limit."""
    return not is_error(problem)


def reason_of(problem: str) -> str:
    """Returns a problem in the words of a summary."""
    reason = problem.replace(f"{OVERSIZED}: The model is larger", "larger")
    return reason if reason == problem else reason.rstrip(".")


def reasons_of(problems: Iterable[str]) -> list[str]:
    """Returns how often models were rejected for what, most common first.

    Example:

    ```python
    reasons_of(["TypeError: no", "TypeError: no", "OversizedModelError: ..."])
    # ["2 times: TypeError: no", "once: larger than max_model_size=30000"]
    ```

    Args:
        problems: Iterable of the problems of the rejected models.
    """
    return [_counted(kind) for kind in by_kind(problems)]


def _counted(kind: Sequence[str]) -> str:
    """Returns how often a kind of problem occurred, with the last of them."""
    reason = reason_of(kind[-1])
    often = times(len(kind))
    if len(set(kind)) == 1:
        return f"{often}: {reason}"
    # The numbers in it are those of one model.
    error = _ERROR.match(reason)
    name = f": {reason[: error.end(1)]}" if error else ""
    text = reason[error.end() :] if error else reason
    return f"{often}{name}, for instance: {text}"


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A model that was rejected because its build raised.

    Args:
        branches: List of its `Branch`es, in the order of the build.
        problem: String, why it was rejected.
    """

    branches: list[Branch]
    problem: str

    @functools.cached_property
    def kind(self) -> str:
        """String, the problem without its numbers."""
        return kind_of(self.problem)


@dataclasses.dataclass(frozen=True)
class UnbuiltBranch:
    """A value of a hyperparameter with which no model could be built so far.

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

    @property
    def is_deliberate(self) -> bool:
        """Bool, whether the user's code rejected the last model."""
        return is_deliberate(self.problem)

    def __str__(self) -> str:
        text = (
            f"No model with {self.name}={self.value!r} could be built so far "
            f"({self.num_rejected} proposed, none built)"
        )
        if not self.is_deliberate:
            text += ", so that part of the space is not searched"
        return f"{text}. The last error: {self.problem}"


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A bug of the build function that occurs for some values.

    Args:
        num_rejected: Int, how many proposed models had it.
        problem: String, the error and its place.
    """

    num_rejected: int
    problem: str

    def __str__(self) -> str:
        models = "model" if self.num_rejected == 1 else "models"
        return (
            "The build function has a mistake that some values lead to "
            f"({self.num_rejected} {models} rejected so far), so what it keeps "
            f"from being built is not searched. {self.problem}"
        )


def lines_of(
    mistakes: Iterable[Mistake], branches: Iterable[UnbuiltBranch]
) -> list[str]:
    """Returns the lines of a summary about mistakes and branches."""
    lines = [f"WARNING: {mistake}" for mistake in mistakes]
    for branch in branches:
        lines.append(
            str(branch) if branch.is_deliberate else f"WARNING: {branch}"
        )
    return lines


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
        # How many models of a branch differ in their requests before the error.
        # If this many are rejected, all of them are known.
        self._num_models: dict[Branch, float] = {}
        self._newest: deque[Rejection] = deque(maxlen=MAX_EVIDENCE)
        # By their kinds.
        self._mistakes: dict[str, Mistake] = {}

    def add(
        self,
        space: SearchSpace,
        values: Mapping[str, Value],
        problem: str | None,
    ) -> None:
        """Counts a model that was built, or rejected.

        Args:
            space: The `SearchSpace`.
            values: Dict of the requested names to their values, in the order
                of the requests.
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
        if problem is None or not is_error(problem):
            self._num_built.update(branches)
            return
        num_models = math.prod(sizes.values())
        for branch in branches:
            self._num_rejected[branch] = self._num_rejected.get(branch, 0) + 1
            self._num_models[branch] = max(
                self._num_models.get(branch, 0.0),
                num_models / sizes[branch[0]],
            )
        rejection = Rejection(branches, problem)
        self._newest.append(rejection)
        if is_bug(problem):
            before = self._mistakes.get(rejection.kind)
            number = before.num_rejected if before else 0
            self._mistakes[rejection.kind] = Mistake(number + 1, problem)

    def lines(self) -> list[str]:
        """Returns the lines of a summary."""
        return lines_of(self.mistakes(), self.unbuilt())

    def mistakes(self) -> list[Mistake]:
        """Returns the bugs that no unbuilt branch explains, worst first."""
        explained = {kind_of(branch.problem) for branch in self.unbuilt()}
        return sorted(
            (
                bug
                for kind, bug in self._mistakes.items()
                if kind not in explained
            ),
            key=lambda mistake: -mistake.num_rejected,
        )

    def unbuilt(self) -> list[UnbuiltBranch]:
        """Returns the branches of which no model could be built."""
        found = []
        evidence = list(self._newest)
        suspects = {
            branch for branch in self._num_rejected if self._is_suspect(branch)
        }
        while suspects and (worst := _most_rejected(suspects, evidence)):
            suspects.remove(worst)
            explained = [one for one in evidence if worst in one.branches]
            if not self._is_enough(worst, explained, evidence):
                continue
            # Rejections that one branch explains are no evidence for another.
            evidence = [one for one in evidence if worst not in one.branches]
            found.append(
                UnbuiltBranch(
                    *worst, self._num_rejected[worst], explained[-1].problem
                )
            )
        return found

    def _is_suspect(self, branch: Branch) -> bool:
        name, _ = branch
        return (
            branch not in self._num_built
            # Otherwise the cause is not the value.
            and any(name == built for built, _ in self._num_built)
        )

    def _is_enough(
        self,
        branch: Branch,
        explained: list[Rejection],
        evidence: list[Rejection],
    ) -> bool:
        """Returns whether rejections show that a branch can't be built.

        Args:
            branch: The `Branch`.
            explained: List of the `Rejection`s of its models.
            evidence: List of all `Rejection`s that no other branch explains.
        """
        name, _ = branch
        num_built = {
            built: count
            for built, count in self._num_built.items()
            if built[0] == name
        }
        others = [
            one
            for one in evidence
            if any(other in num_built for other in one.branches)
        ]
        # The rule of succession: a share of 0 or 1 is never certain.
        num_known = len(others) + sum(num_built.values())
        share = (len(others) + 1) / (num_known + 2)
        needed = max(MIN_REJECTED, _num_unlikely(share))
        if _num_alike(explained, others) < needed:
            needed = max(needed, _num_unlikely(MAX_SHARE_OF_ERRORS))
        return len(explained) >= min(needed, self._num_models[branch])


def _num_unlikely(share: float) -> int:
    """Returns how many failures in a row are unlikely by chance.

    Args:
        share: Float, the share of all models that fail.
    """
    return math.ceil(math.log(MAX_CHANCE) / math.log(share))


def _num_alike(explained: list[Rejection], others: list[Rejection]) -> int:
    """Returns how many models of a branch had the same error, its own.

    The error is the branch's own if its numbers do not depend on the other
    values, and if no model with another value has it. Errors that the user's
    code raises don't count: they may reject a combination of values.

    Args:
        explained: List of the `Rejection`s of the branch.
        others: List of the `Rejection`s with other values that can be built.
    """
    shared = {one.kind for one in others}
    counts = Counter(
        one.problem
        for one in explained
        if one.kind not in shared and not is_deliberate(one.problem)
    )
    return max(counts.values(), default=0)


def _most_rejected(
    suspects: set[Branch], evidence: list[Rejection]
) -> Branch | None:
    """Returns the branch that explains most of the rejections.

    Among equal branches it is the one that was requested last, because it is
    nearest to the error.
    """
    counts: dict[Branch, tuple[int, int]] = {}
    for rejection in evidence:
        for place, branch in enumerate(rejection.branches):
            if branch in suspects:
                count, last = counts.get(branch, (0, 0))
                counts[branch] = (count + 1, max(last, place))
    return max(counts, key=lambda branch: counts[branch], default=None)
