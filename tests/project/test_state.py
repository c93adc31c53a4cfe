"""The state of a search that runs is the one that a restart would restore."""

import json
import random

import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.project.clock import SearchClock
from kt_evolution.project.event_checks import EventCheck
from kt_evolution.project.event_lines import from_line
from kt_evolution.project.event_lines import to_line
from kt_evolution.project.events import BuildBegan
from kt_evolution.project.events import StatesDiscarded
from kt_evolution.project.events import TrialCreated
from kt_evolution.project.events import TrialEnded
from kt_evolution.project.events import TrialPaused
from kt_evolution.project.events import TrialPromoted
from kt_evolution.project.events import TrialStarted
from kt_evolution.project.journal import Journal
from kt_evolution.project.project import Project
from kt_evolution.project.state import SearchState
from tests.project.oracles import make_oracle

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
            *["paused", "num_pauses", "num_promotions"],
            *["last_rejected", "recorded_limits"],
        )
    } | {
        name: getattr(state.models, name)
        for name in ("imports", "requested", "kinds_of_problems", "sources")
    }
    if not state.trials:
        # Until the first trial a restart explores the hypermodel once more.
        del attributes["requested"]
    return {
        **arrays,
        **attributes,
        "run_times": {k: n for k, n in state.run_times.items() if n},
        "reevaluations": dict(history.reevaluations),
        "past": [
            (one.genomes(history.space).tolist(), one.objectives.tolist())
            for one in history.past
        ],
        "statuses": [one.status for one in history.individuals],
        "evaluations": [one.evaluations for one in history.individuals],
        "rungs": [
            (one.epochs, one.rungs, one.can_resume)
            for one in history.individuals
        ],
        "targets": [trial.epochs for trial in state.trials.values()],
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
    "a transfer": {"warm_start": kt_evolution.Transfer("past")},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_live_and_restored_states_are_equal(
    tmp_path, monkeypatch, past, options
):
    if "warm_start" in options:
        is_transfer = isinstance(options["warm_start"], kt_evolution.Transfer)
        start = kt_evolution.Transfer(past) if is_transfer else past
        options = {"warm_start": start}
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


def fields_at(epochs, score):
    """Returns what events say of a run that was promoted by one rung."""
    return {
        "score": score,
        "best_step": epochs - 1,
        "metrics": {
            "score": {"direction": "max", "steps": [[epochs - 1, score]]}
        },
        "rungs": [
            {"epochs": e, "best_step": e - 1, "metrics": {"score": score}}
            for e in (1, 3, 9)
            if e == min(epochs, 9)
        ],
    }


def paused(trial_id, epochs, score, **fields):
    """Returns the event of a trial that was paused."""
    fields = {**fields_at(epochs, score), **fields}
    return TrialPaused(trial_id=trial_id, epochs=epochs, **fields)


NO_RESULT = {"score": None, "best_step": None, "metrics": {}}
VALUES = {"x": 3, "y": 0.5, "kind": "b"}
# A trial that is promoted twice, the second time past a rung, one whose
# promoted run crashes for good, one that fails at once, and one whose state
# is deleted. All requested what there is, except where they say so.
FIDELITY = [
    TrialCreated(trial_id="00", values=VALUES, record={}, worker="a", epochs=1),
    paused("00", 1, 0.25, worker="a"),
    TrialCreated(
        trial_id="01", values=VALUES | {"x": 4}, record={}, worker="a", epochs=3
    ),
    TrialPromoted(trial_id="00", epochs=3, worker="b"),
    paused("01", 3, 0.5, values=VALUES | {"x": 4, "met": 2.0}),
    paused("00", 3, 0.75, requested=["x", "kind"]),
    TrialPromoted(trial_id="00", epochs=27, worker="b"),
    TrialPromoted(trial_id="01", epochs=9, worker="a"),
    TrialEnded(
        trial_id="01",
        status="INVALID",
        **NO_RESULT,
    ),
    TrialStarted(trial_id="01", worker="a"),
    TrialEnded(
        trial_id="01",
        status="FAILED",
        crashed=True,
        **NO_RESULT,
    ),
    TrialCreated(trial_id="02", values=VALUES | {"x": 5}, record={}, epochs=1),
    paused("02", 1, 0.125),
    StatesDiscarded(trial_ids=["02"]),
    TrialEnded(trial_id="00", status="COMPLETED", **fields_at(27, 0.875)),
]


def test_live_and_restored_states_are_equal_with_a_fidelity(tmp_path):
    oracle = make_oracle(tmp_path)
    project = oracle._project
    targets, idle = [], []
    for event in FIDELITY:
        project.commit(event)
        assert picture(project.state) == picture(restored(project))
        state = project.state
        targets.append({w: t.epochs for w, t in state.ongoing_trials.items()})
        idle.append(
            [t for t, one in state.trials.items() if one.status == "IDLE"]
        )
        assert idle[-1] == sorted(state.paused)
    assert targets[3:8] == [
        *[{"a": 3, "b": 3}, {"b": 3}, {}],
        *[{"b": 27}, {"a": 9, "b": 27}],
    ]
    assert idle[5:8] == [["00", "01"], ["01"], []]
    one, two, three = state.history.individuals
    assert (one.status, one.epochs) == (Status.COMPLETED, (1, 3, 27))
    assert [r.objectives for r in one.rungs.values()] == [
        *[(-0.25,), (-0.75,), (-0.875,)]
    ]
    assert (two.status, two.epochs) == (Status.FAILED, (3, 9))
    assert (three.status, three.can_resume) == (Status.PAUSED, False)
    assert state.num_decisions == 6
    resumed = make_oracle(tmp_path)
    assert resumed._project.open()
    assert picture(resumed._project.state) == picture(state)
    assert [*resumed.end_order, *resumed._retry_queue] == ["01", "00"]


def test_lines_of_a_fidelity_are_events_and_are_checked(tmp_path):
    oracle = make_oracle(tmp_path)
    for event in FIDELITY:
        oracle._project.commit(event)
    check = EventCheck()
    for line in Journal(tmp_path / "p" / "journal.jsonl").read():
        check(line)
        assert to_line(from_line(line)) == line
    for wrong in (
        to_line(paused("00", 3, 0.5)) | {"rungs": []},
        to_line(paused("00", 3, 0.5)) | {"score": None},
        to_line(paused("00", 3, 0.5)) | {"epochs": 0},
        to_line(TrialPromoted(trial_id="77", epochs=3)),
        to_line(StatesDiscarded(trial_ids=["77"])),
        to_line(FIDELITY[0]) | {"epochs": "3"},
    ):
        with pytest.raises(ValueError, match="must"):
            check(wrong)


def test_a_trial_that_a_time_budget_cut_goes_on_after_a_restart(tmp_path):
    oracle = make_oracle(tmp_path)
    for event in FIDELITY[0], paused("00", 1, 0.25):
        oracle._project.commit(event)
    cut = TrialCreated(
        trial_id="01", values=VALUES | {"x": 4}, record={}, epochs=9
    )
    oracle._project.commit(cut)
    oracle._project.commit(paused("01", 3, 0.5))
    halving = kt_evolution.SuccessiveHalving(max_epochs=27)
    resumed = make_oracle(tmp_path, fidelity=halving)
    trial = resumed.create_trial("tuner0")
    assert (trial.trial_id, trial.epochs) == ("01", 9)
    statuses = [one.status for one in resumed.history.individuals]
    assert statuses == [Status.PAUSED, Status.PENDING]
