"""The best trials of a tuner, and their text as Keras Tuner prints it."""

import math
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from kt_evolution.algorithm.checks import check_count
from kt_evolution.algorithm.checks import check_optional_count
from kt_evolution.display.formatting import failure_reason
from kt_evolution.display.formatting import nothing_completed
from kt_evolution.display.formatting import score_rows
from kt_evolution.display.formatting import times
from kt_evolution.display.terminal import printable
from kt_evolution.display.terminal import printing_safely
from kt_evolution.keras_tuner_bridge import private_api
from kt_evolution.keras_tuner_bridge.objectives import objectives_of
from kt_evolution.keras_tuner_bridge.trial_metrics import value_of
from kt_evolution.user_warnings import warn_user

# How many trials a worker asks its chief for: a message of gRPC is bounded.
MAX_TRIALS_IN_MESSAGE = 1000


def best_values(tuner: Any) -> dict[str, Any]:
    """Dict, the hyperparameters that the best model uses, and their values.

    Dormant ones are left out: in
    `for i in range(hp.Int("layers", 1, 3)): hp.Int(f"units_{i}", 8, 64)` a
    model of one layer does not use `units_1`. The values that
    `get_best_hyperparameters` returns have it. It is empty if no trial is
    completed.

    Example:

    ```python
    tuner.best_values  # {"layers": 1, "units_0": 48}
    ```

    Args:
        tuner: The `EvolutionTuner`, whose property this is.
    """
    best = tuner.oracle.get_best_trials(1)
    return _used_values(tuner, best[0]) if best else {}


def default_trial(tuner: Any) -> Trial | None:
    """The `Trial` of the default values, None if there is none.

    Its model is the one to compare with the best. With a `fidelity` it may be
    paused; then its status is "IDLE". A worker of a distributed
    search finds it among the 1,000 best completed trials.

    Example:

    ```python
    model = tuner.load_model(tuner.default_trial)
    ```

    Args:
        tuner: The `EvolutionTuner`, whose property this is.
    """
    if tuner._is_worker():
        return _default_trial_of_chief(tuner.oracle)
    trial: Trial | None = tuner.oracle._standings.default_trial()
    return trial


def _default_trial_of_chief(oracle: Any) -> Trial | None:
    """Returns the completed trial of the default values, if there is one.

    Args:
        oracle: The stub of the oracle that a worker has.
    """
    space = oracle.get_space()
    space.values = {}
    private_api.settle_values(space)
    for trial in oracle.get_best_trials(MAX_TRIALS_IN_MESSAGE):
        values = trial.hyperparameters.values
        # A hyperparameter that was discovered later had its default.
        if all(
            _is_same(values.get(name, default), default)
            for name, default in space.values.items()
        ):
            return trial
    return None


def _is_same(value: Any, default: Any) -> bool:
    """Returns whether a value is the default; messages have 32-bit floats."""
    if isinstance(value, float) and isinstance(default, float):
        return math.isclose(value, default, rel_tol=1e-6)
    return bool(value == default)


def search_space_summary(tuner: Any, extended: bool = False) -> None:
    """Prints the hyperparameters, see `keras_tuner.Tuner`.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        extended: Bool, whether conditional ones are told in full. Defaults to
            False.
    """
    with printing_safely():
        kt.Tuner.search_space_summary(tuner, extended)


def get_best_hyperparameters(
    tuner: Any, num_trials: int = 1
) -> list[kt.HyperParameters]:
    """Returns the hyperparameters of the best trials, best first.

    With `inherit_weights` it warns where the model of a trial began with
    weights of another one: the score is that of the model, and another one
    that is trained from scratch with these hyperparameters may be worse.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        num_trials: Int, how many at most. Defaults to 1.
    """
    num_trials = check_count("num_trials", num_trials, at_least=0)
    trials = tuner.oracle.get_best_trials(num_trials)
    heirs = [trial for trial in trials if getattr(trial, "inherited", None)]
    if heirs and not tuner._has_noted_heirs:
        tuner._has_noted_heirs = True
        first = heirs[0]
        warn_user(
            f"The score of trial {first.trial_id} is that of a model that "
            f"began with {first.inherited['share']:.0%} of its weights from "
            f"trial {first.inherited['from']} (`inherit_weights`). Trained "
            "from scratch, its hyperparameters may do worse: "
            "`get_best_models` returns the model itself, and `reevaluate` "
            "trains the best from scratch."
        )
    return [trial.hyperparameters for trial in trials]


def get_best_models(tuner: Any, num_models: int = 1) -> list[Any]:
    """Returns the trained models of the best trials, best first.

    Each has the weights of the best epoch of its trial.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        num_models: Int, how many at most. Defaults to 1.

    Raises:
        ValueError: If the weights of a trial can't be loaded.
    """
    num_models = check_count("num_models", num_models, at_least=0)
    trials = tuner.oracle.get_best_trials(num_models)
    return [tuner.load_model(trial) for trial in trials]


def get_pareto_trials(tuner: Any) -> list[Trial]:
    """Returns the completed trials that no other is better than.

    They keep all limits. The knee comes first: the trial nearest to the best
    of each objective.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
    """
    trials: list[Trial] = tuner.oracle.get_pareto_trials()
    return trials


def get_pareto_hyperparameters(tuner: Any) -> list[kt.HyperParameters]:
    """Returns the hyperparameters of the Pareto trials, knee first.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
    """
    return [trial.hyperparameters for trial in tuner.get_pareto_trials()]


def get_pareto_models(tuner: Any, num_models: int | None = None) -> list[Any]:
    """Returns the trained models of the Pareto trials, knee first.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        num_models: Int, how many at most. Defaults to None, all of them.
    """
    num_models = check_optional_count("num_models", num_models)
    trials = tuner.get_pareto_trials()[:num_models]
    return [tuner.load_model(trial) for trial in trials]


def results_summary(tuner: Any, num_trials: int = 10) -> None:
    """Prints the best trials, and why proposals were turned down.

    Hyperparameters that a model does not use are left out. If no trial is
    completed, why trials failed is printed.

    Args:
        tuner: The `EvolutionTuner`, whose method this is.
        num_trials: Int, how many trials. Defaults to 10.
    """
    num_trials = check_count("num_trials", num_trials, at_least=0)
    completed = tuner.oracle.get_best_trials(max(num_trials, 1))
    best = completed[:num_trials]
    values = [_used_values(tuner, trial) for trial in best]
    print(
        results_text(
            tuner.project_dir, num_trials, tuner.oracle.objective, best, values
        )
    )
    if not completed:
        # A worker does not know them.
        paused = (
            []
            if tuner._is_worker()
            else tuner.oracle._standings.paused_epochs()
        )
        print(f"\n{nothing_completed(paused)}")
    if not tuner._is_worker():
        if not completed:
            print(_failures_text(tuner.oracle.trials.values()), end="")
        for line in tuner.oracle._standings.rejection_notes():
            print(f"\n{printable(line)}")


def _failures_text(trials: Iterable[Trial]) -> str:
    """Returns how many trials failed, and for what, empty if none did."""
    reasons = Counter(
        failure_reason(trial.message or "")
        for trial in trials
        if trial.status == TrialStatus.FAILED
    )
    if not reasons:
        return ""
    number = reasons.total()
    lines = [f"{number} {'trials' if number > 1 else 'trial'} failed:"]
    lines += [
        f"  {times(count)}: {why}" for why, count in reasons.most_common()
    ]
    return "".join(f"{printable(line)}\n" for line in lines)


def _used_values(tuner: Any, trial: Trial) -> dict[str, Any]:
    """Returns the values that the model of a trial uses."""
    if tuner._is_worker():
        # Only the chief knows the builds.
        return dict(trial.hyperparameters.values)
    values: dict[str, Any] = tuner.oracle._standings.used_values(trial)
    return values


def results_text(
    folder: str,
    num_trials: int,
    objective: Any,
    trials: Sequence[Trial],
    values: Sequence[Mapping[str, Any]],
) -> str:
    """Returns the text of `results_summary`.

    The host prints scores with all digits of the 32-bit floats that they are,
    and the sum of several objectives in place of each.

    Args:
        folder: String, the folder of the project.
        num_trials: Int, how many trials were asked for.
        objective: The objective of the oracle.
        trials: Sequence of completed `Trial`s, the best first.
        values: Sequence of their values, dicts of names to values.
    """
    objectives = objectives_of(objective)
    if len(objectives) == 1:
        names = ["Score"]
        measured = [{"Score": trial.score} for trial in trials]
    else:
        names = [one.name for one in objectives]
        measured = [
            {name: value_of(trial, name) for name in names} for trial in trials
        ]
    lines = [
        "Results summary",
        f"Results in {folder}",
        f"Showing {num_trials} best trials",
        *map(str, objectives),
    ]
    shown = score_rows(measured, names)
    for trial, used, scores in zip(trials, values, shown, strict=True):
        lines += ["", f"Trial {trial.trial_id} summary", "Hyperparameters:"]
        lines += [f"{name}: {value}" for name, value in used.items()]
        if not used:
            lines.append("default configuration")
        pairs = zip(names, scores, strict=True)
        lines += [f"{name}: {score}" for name, score in pairs]
    return "\n".join(map(printable, lines))
