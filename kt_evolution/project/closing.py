"""What is printed at the end of a search: the winner, and where to look."""

import shlex
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kt_evolution.display.formatting import nothing_completed
from kt_evolution.display.formatting import saving_words
from kt_evolution.display.formatting import setting
from kt_evolution.display.frame import best_words
from kt_evolution.display.terminal import printable
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.project.rejections import reasons_of

# So many values are printed.
MAX_VALUES = 10


def closing_text(oracle: Any) -> str:
    """Returns the best model, the rejections, the folder and what is next.

    Args:
        oracle: The `EvolutionOracle`.
    """
    folder = oracle._project.folder
    problems = rejected_problems(oracle._project.state)
    lines = [rejection_summary(problems)]
    if oracle._promotions.rungs:
        lines += _savings(oracle)
    best = oracle._standings.ranked(1)
    if best:
        names = [one.name for one in objectives_of(oracle.objective)]
        words = "; ".join(best_words(oracle._search_status(), names))
        values = values_line(oracle._standings.used_values(best[0]))
        lines.append(f"{words[:1].upper()}{words[1:]}")
        lines.append(f"Its values: {values}" if values else "")
        lines.append(f"Results are in {folder.absolute()}")
        lines.append(_next_steps(folder, best[0].trial_id))
    return "\n".join(printable(line) for line in lines if line)


def _savings(oracle: Any) -> list[str]:
    """Returns how many epochs were saved, and how many trials are paused."""
    state, last = oracle._project.state, oracle._promotions.max_epochs
    if not state.trials:
        return []
    in_full = last * len(state.trials)
    words = saving_words(oracle._standings.num_epochs(), in_full)
    lines = [f"{words}."]
    if state.paused and not state.num_completed:
        epochs = oracle._standings.paused_epochs()
        lines.append(
            f"{nothing_completed(epochs)} To train them on, run the same code "
            "with a larger `max_trials` or budget."
        )
    return lines


def values_line(values: Mapping[str, Any]) -> str:
    """Returns values as one line, the first of them where there are many."""
    shown = [f"{name}={setting(value)}" for name, value in values.items()]
    line = ", ".join(shown[:MAX_VALUES])
    rest = len(shown) - MAX_VALUES
    return f"{line} and {rest} more (`tuner.best_values`)" if rest > 0 else line


def _next_steps(folder: Path, trial_id: str) -> str:
    steps = ["`tuner.results_summary()`"]
    # A `run_trial` of the user saves no weights.
    if any(folder.glob(f"trial_{trial_id}/*.weights.h5")):
        steps.append("`tuner.get_best_models()[0]`")
    command = shell_command("report", folder)
    return f"Next: {', '.join(steps)}, or in a shell `{command}`"


def shell_command(name: str, folder: Path) -> str:
    """Returns a command of `kt-evolution` for a project, for a shell."""
    return f"kt-evolution {name} {shlex.quote(str(folder))}"


def rejected_problems(state: Any) -> list[str]:
    """Returns why models were rejected, also after the last trial.

    Args:
        state: The `SearchState`.
    """
    problems: list[str] = state.models.all_problems(state.last_rejected)
    return problems


def rejection_summary(problems: Sequence[str]) -> str:
    """Returns why models were rejected as one line, empty if none was.

    Args:
        problems: Sequence of the problems of the rejected models.
    """
    if not problems:
        return ""
    number = len(problems)
    were = "proposal was" if number == 1 else "proposals were"
    reasons = ", ".join(reasons_of(problems))
    return f"{number} {were} turned down before training: {reasons}"
