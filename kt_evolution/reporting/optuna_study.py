"""A search as an Optuna study, for Optuna's plots and its dashboard."""

import datetime
import math
from typing import Any

from kt_evolution.algorithm.space.genes import ContinuousGene
from kt_evolution.algorithm.space.genes import Gene
from kt_evolution.algorithm.space.genes import one_nan
from kt_evolution.algorithm.space.integer_genes import IntegerGene
from kt_evolution.optional import import_module
from kt_evolution.reporting.reading import search_of
from kt_evolution.reporting.records import SearchRecord
from kt_evolution.reporting.rungs import logged_values
from kt_evolution.reporting.rungs import values_at_rungs
from kt_evolution.reporting.trial_records import TrialRecord


def to_optuna(source: Any, storage: Any = None) -> Any:
    """Returns an Optuna study with the trials that ended or are paused.

    Example:

    ```python
    study = kt_evolution.reporting.to_optuna("results/mnist")
    optuna.visualization.plot_slice(study)
    ```

    Dormant hyperparameters are no parameters of a trial, as Optuna has it
    for conditional ones. Limits are Optuna's constraints, operator, parents
    and metrics its user attributes, and recorded epochs its intermediate
    values. A trial that is paused is PRUNED.

    Args:
        source: A `SearchRecord`, or what `read_search` takes.
        storage: String or Optuna storage, for instance
            `"sqlite:///study.db"` for `optuna-dashboard`. Where it has a
            study with the project's name, that gets the trials that it
            lacks. A trial that was PRUNED there and was trained on since is
            added once more. Defaults to memory.

    Raises:
        ImportError: If Optuna is not installed.
    """
    optuna = import_module("optuna", "optuna")
    search = search_of(source)
    study = optuna.create_study(
        storage=storage,
        study_name=search.name,
        directions=[one.verb for one in search.objectives],
        load_if_exists=True,
    )
    known = {
        (trial.user_attrs.get("trial_id"), _pruned_at(trial, optuna))
        for trial in study.trials
    }
    distributions = {
        name: _distribution(optuna.distributions, search, name)
        for name in search.parameters
    }
    study.add_trials(
        [
            _frozen(optuna, search, trial, distributions)
            for trial in search.trials
            if not trial.is_running
            and (trial.trial_id, trial.paused_at) not in known
        ]
    )
    return study


def _pruned_at(trial: Any, optuna: Any) -> int | None:
    """Returns the epoch at which a trial of a study is paused, if it is."""
    is_pruned = trial.state == optuna.trial.TrialState.PRUNED
    return trial.user_attrs.get("epochs") if is_pruned else None


def _frozen(
    optuna: Any,
    search: SearchRecord,
    trial: TrialRecord,
    distributions: dict[str, Any],
) -> Any:
    is_scored = trial.is_completed and search.has_objectives(trial)
    states = optuna.trial.TrialState
    state = states.COMPLETE if is_scored else states.FAIL
    if trial.is_paused:
        state = states.PRUNED
    frozen = optuna.trial.create_trial(
        state=state,
        values=[trial.metrics[one.name] for one in search.objectives]
        if is_scored
        else None,
        params=trial.values,
        distributions={name: distributions[name] for name in trial.values},
        user_attrs={
            "trial_id": trial.trial_id,
            "operator": trial.operator,
            "parents": list(trial.parents),
            "metrics": trial.metrics,
            **({"epochs": trial.epochs} if trial.epochs else {}),
            **({"message": trial.message} if trial.message else {}),
        },
        intermediate_values=_epochs(search, trial),
        constraints=dict(
            zip(map(str, search.limits), trial.violations, strict=True)
        )
        if is_scored
        else None,
    )
    if trial.began is not None:
        frozen.datetime_start = datetime.datetime.fromtimestamp(trial.began)
    if trial.ended is not None:
        frozen.datetime_complete = datetime.datetime.fromtimestamp(trial.ended)
    return frozen


def _epochs(search: SearchRecord, trial: TrialRecord) -> dict[int, float]:
    """Returns the objective by epoch, of the first execution."""
    if len(search.objectives) > 1:
        # Optuna stores intermediate values for one objective only.
        return {}
    # Without a training log the rungs are known.
    values = logged_values(search, trial) or values_at_rungs(search, trial)
    return {epoch - 1: one for epoch, one in values.items() if one == one}


def _distribution(kinds: Any, search: SearchRecord, name: str) -> Any:
    """Returns the one distribution that Optuna has for a name.

    It spans all branches that have the name. Steps are left out: the default
    of a hyperparameter may lie between two.
    """
    genes = [search.space.genes[i] for i in search.space.genes_named(name)]
    values: list[Any] = [
        t.values[name] for t in search.trials if name in t.values
    ]
    for gene in genes:
        values += _domain(gene)
    if not all(map(_is_finite_number, values)):
        choices = dict.fromkeys(one_nan(value) for value in values)
        return kinds.CategoricalDistribution(list(choices))
    low, high = min(values), max(values)
    is_log = low > 0 and any(
        gene.scale.sampling == "log"
        for gene in genes
        if isinstance(gene, (ContinuousGene, IntegerGene))
    )
    if all(isinstance(value, int) for value in values):
        return kinds.IntDistribution(low, high, log=is_log)
    return kinds.FloatDistribution(low, high, log=is_log)


def _domain(gene: Gene) -> list[Any]:
    """Returns both ends of a range, or all values of a choice."""
    if isinstance(gene, (ContinuousGene, IntegerGene)):
        return [gene.scale.low, gene.scale.high]
    values = getattr(gene, "values", ())
    if gene.kind == "categorical":
        return list(values)
    return [values[0], values[-1]] if values else []


def _is_finite_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
