"""What is said of rejected models when a search comes to its end."""

from collections.abc import Sequence
from typing import Any

from kt_evolution.project.rejections import is_over_limit
from kt_evolution.project.rejections import reasons_of
from kt_evolution.project.state import SearchState


def why_nothing_is_left(state: SearchState) -> str:
    """Returns why a search has no further proposal."""
    if not state.history.space.is_tunable.any():
        return (
            "there is no hyperparameter with several values to search, so "
            "there is one model only"
        )
    reason = "every model of the search space is known"
    return reason + _rejected_share(state.models.problems)


def _rejected_share(problems: Sequence[str]) -> str:
    """Returns how many of the known models were rejected, empty if none was.

    Args:
        problems: Sequence of the problems of the rejected models.
    """
    num_over = sum(map(is_over_limit, problems))
    num_unbuilt = len(problems) - num_over
    text = f", {num_unbuilt} of which can't be trained" if num_unbuilt else ""
    if num_over:
        are = "is" if num_over == 1 else "are"
        text += f", {num_over} of which {are} over a limit"
    return text


def explanation(rejected: Sequence[dict[str, Any]]) -> str:
    """Returns why no model of a search can be trained.

    Args:
        rejected: Sequence of the records of the rejected models.
    """
    problems = [one["problem"] for one in rejected]
    causes = "\n".join(f"  {reason}" for reason in reasons_of(problems))
    number = len(rejected)
    what, nearest = "can't be trained", ""
    if all(map(is_over_limit, problems)):
        what = f"{'are' if number > 1 else 'is'} over a limit"
        nearest = _nearest(rejected)
    models = "models" if number > 1 else "model"
    return (
        f"{number} proposed {models} in a row {what}:\n"
        f"{causes}\nNothing is lost. Change the hypermodel or its limits"
        f"{nearest} and run again."
    )


def _nearest(rejected: Sequence[dict[str, Any]]) -> str:
    """Returns by how much the nearest model misses its limits, if known."""
    shares = [one["excess"] for one in rejected if "excess" in one]
    if not shares:
        return ""
    percent = 100.0 * min(shares)
    shown = f"{percent:,.0f}" if percent >= 10.0 else f"{percent:.2g}"
    return f", which the nearest model misses by {shown}%,"
