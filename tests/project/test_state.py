"""The state of a search that runs is the one that a restart would restore."""

import json
import random

import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.events import from_line
from kt_evolution.project.events import to_line
from kt_evolution.project.journal import Journal
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState

ONE = kt.Objective("val_loss", "min")
SEVERAL = [kt.Objective("val_loss", "min"), kt.Objective("val_accuracy", "max")]


class Tuner(kt_evolution.EvolutionTuner):
    """Trains nothing: some trials crash, some diverge, some meet a gene."""

    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        loss = (hp.get("rate") - 0.4) ** 2 + 0.1 * hp.get("layers")
        dice = random.Random(f"{trial.trial_id} {self.attempts(trial)}")
        if dice.random() < 0.2:
            raise ValueError("It crashed.")
        if dice.random() < 0.1:
            loss = float("nan")
        if dice.random() < 0.2:
            loss += hp.Float("met_in_training", 0.0, 0.1)
        return {"val_loss": loss, "val_accuracy": dice.random()}

    def attempts(self, trial):
        return self.oracle._project.state.run_times[trial.trial_id]


class Model(kt.HyperModel):
    def build(self, hp):
        hp.Float("rate", 0.0, 1.0)
        for i in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{i}", 4, 8)
        if hp.get("rate") > 0.8:
            raise ValueError("The rate is too high.")


def make_tuner(folder, name="p", **kwargs):
    return Tuner(
        Model(),
        objective=kwargs.pop("objective", ONE),
        max_trials=kwargs.pop("max_trials", 16),
        seed=3,
        directory=folder,
        project_name=name,
        max_consecutive_failed_trials=None,
        **kwargs,
    )


def restored(project):
    """Returns the state that the journal holds."""
    state = SearchState(project._objective, project._limits, SearchClock())
    for line in Journal(project.folder / "journal.jsonl").read():
        state.apply(from_line(line))
    return state


def picture(state):
    """Returns all that a search goes by."""
    history = state.history
    arrays = {
        name: np.array(getattr(history, name)).tolist()
        for name in (
            *["genomes", "expressed", "objectives", "violations"],
            *["sum_of_squares", "num_runs"],
        )
    }
    attributes = {
        name: getattr(state, name)
        for name in (
            *["start_order", "end_order", "retry_queue", "stop_reason"],
            *["num_completed", "num_failures_in_a_row", "num_recorded"],
            *["sources", "last_rejected", "recorded_limits"],
        )
    } | {
        name: getattr(state.models, name)
        for name in (
            *["imported_values", "imports", "requested", "kinds_of_problems"],
        )
    }
    if not state.trials:
        # Until the first trial a restart explores the hypermodel once more.
        del attributes["requested"]
    return {
        **arrays,
        **attributes,
        "run_times": {k: n for k, n in state.run_times.items() if n},
        "reevaluations": dict(history.reevaluations),
        "statuses": [one.status for one in history.individuals],
        "evaluations": [one.evaluations for one in history.individuals],
        "origins": [
            (one.trial_id, one.operator, one.parents, one.prediction)
            for one in history.individuals
        ],
        "space": state.hyperparameters.get_config()["space"],
        "running": {k: t.trial_id for k, t in state.ongoing_trials.items()},
        "runs": {t: state.runs.newest(t) for t in state.trials},
        "starts": {t: state.runs.num_starts(t) for t in state.trials},
        "unbuilt": state.models.branches.unbuilt(),
        "trials": [
            # As text, in which NaN equals NaN.
            json.dumps({**trial.get_state(), "metrics": None})
            if state.runs.newest(trial.trial_id)
            else json.dumps(trial.get_state())
            for trial in state.trials.values()
        ],
    }


@pytest.fixture
def past(tmp_path):
    make_tuner(tmp_path, "past", max_trials=5).search(verbose=0)
    return str(tmp_path / "past")


CASES = {
    "failures and retries": {"max_retries_per_trial": 2},
    "several objectives": {"objective": SEVERAL},
    "re-evaluation": {"reevaluate": 2, "max_trials": 20},
    "a limit": {"limits": kt_evolution.Limit("val_accuracy", min=0.3)},
    "a stopping rule": {"stop": kt_evolution.Stagnation(4), "max_trials": None},
    "a warm start": {"warm_start": "past"},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_live_and_restored_states_are_equal(
    tmp_path, monkeypatch, past, options
):
    if "warm_start" in options:
        options = {"warm_start": past}
    commit = Project.commit
    kinds = []

    def checked(project, event):
        commit(project, event)
        # What a proposal learns on its way is written with its trial.
        if not isinstance(event, BuildBegan):
            kinds.append(event.kind)
            assert picture(project.state) == picture(restored(project))

    tuner = make_tuner(tmp_path, **options)
    monkeypatch.setattr(Project, "commit", checked)
    tuner.search(verbose=0)
    assert kinds.count("end") >= 6
    resumed = make_tuner(tmp_path, **options)
    assert picture(resumed.oracle._project.state) == picture(
        tuner.oracle._project.state
    )


def test_a_line_and_its_event_are_the_same(tmp_path):
    tuner = make_tuner(tmp_path, max_retries_per_trial=1)
    tuner.search(verbose=0)
    lines = Journal(tmp_path / "p" / "journal.jsonl").read()
    assert {"search", "trial", "start", "end"} <= {x["event"] for x in lines}
    for line in lines:
        assert to_line(from_line(line)) == line
