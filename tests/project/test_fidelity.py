"""Searches that pause and promote trials: whole, killed, and resumed."""

import shutil

import pytest

import kt_evolution
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.project import clock
from kt_evolution.project.journal import Journal
from kt_evolution.reporting import read_search
from tests import stock_projects
from tests.project.oracles import complete
from tests.project.oracles import crash
from tests.project.oracles import halving_oracle
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials
from tests.project.oracles import score_of
from tests.project.oracles import train


def search(oracle, log=None, workers=("tuner0",)):
    """Searches to the end, and returns what was decided."""
    log = [] if log is None else log
    reached = {}
    while True:
        trials = [oracle.create_trial(worker) for worker in workers]
        running = [one for one in trials if one.status == "RUNNING"]
        if not running:
            return log
        for trial in running:
            before = reached.get(trial.trial_id, 0)
            reached[trial.trial_id] = train(oracle, trial)
            log.append((trial.trial_id, before, reached[trial.trial_id]))


def individual_of(oracle, trial):
    history = oracle.history
    return history.individuals[history.position_of(trial.trial_id)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nothing ended, and its decisions."""
    folder = tmp_path_factory.mktemp("whole")
    oracle = halving_oracle(folder, max_trials=30)
    return folder, oracle, search(oracle)


def decisions(folder):
    """Returns the lines of a journal, without times."""
    lines = Journal(folder / "p" / "journal.jsonl").read()
    kept = [line for line in lines if line["event"] != "start"]
    for line in kept:
        for name in ("time", "session", "seconds", "began"):
            line.pop(name, None)
    return kept


def test_a_warm_start_ends_with_a_completed_trial(tmp_path):
    best = {"x": 99, "y": 0.3, "kind": "b"}
    first = make_oracle(
        tmp_path / "first",
        max_trials=3,
        surrogate=None,
        initial_population=[best],
    )
    run_trials(first, 3)
    second = halving_oracle(
        tmp_path / "second",
        max_trials=8,
        surrogate=None,
        warm_start=str(tmp_path / "first" / "p"),
    )
    search(second)
    # The best one of the first search is the first trial of the second one.
    trial = second.get_trial("0")
    assert trial.status == "COMPLETED"
    assert trial.hyperparameters.values == best
    (found,) = second.get_best_trials(1)
    assert found.status == "COMPLETED" and found.score >= trial.score


def test_a_search_takes_a_fraction_of_the_epochs(whole):
    _, oracle, log = whole
    assert len(oracle.trials) == 30
    assert sum(after - before for _, before, after in log) < 30 * 27 / 3
    # Each run goes on where the last one of its trial ended.
    assert all(before < after for _, before, after in log)
    statuses = {trial.status for trial in oracle.trials.values()}
    assert statuses == {"IDLE", "COMPLETED"}
    assert oracle.ongoing_trials == {} and oracle._retry_queue == []


def test_the_best_is_completed_and_is_the_best_of_all(whole):
    _, oracle, _ = whole
    best = oracle.get_best_trials(30)
    assert {trial.status for trial in best} == {"COMPLETED"}
    assert len(best) == len(oracle.end_order)
    seen = max(trial.score for trial in oracle.trials.values())
    assert best[0].score == seen
    assert oracle._promotions.last() is None


@pytest.mark.parametrize(
    ("surrogate", "step"), [("gaussian_process", 19), (None, 4)]
)
def test_a_search_resumed_at_any_point_decides_the_same(
    tmp_path, surrogate, step
):
    options = {"max_trials": 16, "surrogate": surrogate}
    search(halving_oracle(tmp_path, **options))
    expected = decisions(tmp_path)
    lines = (tmp_path / "p" / "journal.jsonl").read_bytes().splitlines(True)
    for number in range(1, len(lines), step):
        copy = tmp_path / str(number)
        (copy / "p").mkdir(parents=True)
        (copy / "p" / "journal.jsonl").write_bytes(b"".join(lines[:number]))
        search(halving_oracle(copy, **options))
        assert decisions(copy) == expected, number


def test_more_trials_can_be_asked_for_later(tmp_path, whole):
    folder, _, log = whole
    shutil.copytree(folder / "p", tmp_path / "p")
    oracle = halving_oracle(tmp_path, max_trials=40)
    more = search(oracle)
    assert len(oracle.trials) == 40
    promoted = {trial_id for trial_id, _, _ in more}
    assert promoted & {trial_id for trial_id, _, _ in log}


def test_nothing_is_left_to_do_once_a_search_is_over(tmp_path, whole, capsys):
    folder, _, _ = whole
    shutil.copytree(folder / "p", tmp_path / "p")
    oracle = halving_oracle(tmp_path, max_trials=30)
    oracle.verbose = 1
    assert search(oracle) == []
    assert "There is nothing left to run" in capsys.readouterr().out


def test_several_workers_end_with_a_completed_best(tmp_path):
    oracle = halving_oracle(tmp_path, max_trials=20)
    search(oracle, workers=("a", "b", "c"))
    assert len(oracle.trials) == 20
    assert oracle._promotions.last() is None
    restored = halving_oracle(tmp_path, max_trials=20)
    assert search(restored) == []


def test_a_promoted_trial_that_crashes_is_run_again_and_then_failed(tmp_path):
    oracle = halving_oracle(tmp_path, max_retries_per_trial=1)
    trial = oracle.create_trial("tuner0")
    while len(individual_of(oracle, trial).epochs) < 2:
        train(oracle, trial)
        trial = oracle.create_trial("tuner0")
    crash(oracle, trial)
    again = oracle.create_trial("tuner0")
    assert (again.trial_id, again.epochs) == (trial.trial_id, trial.epochs)
    crash(oracle, again)
    failed = oracle.trials[trial.trial_id]
    assert failed.status == "FAILED"
    assert individual_of(oracle, trial).status is Status.FAILED
    assert oracle.create_trial("tuner0").trial_id != trial.trial_id


def test_an_oracle_must_know_the_last_epoch(tmp_path):
    oracle = make_oracle(tmp_path, fidelity="auto")
    with pytest.raises(RuntimeError, match=r"SuccessiveHalving\(max_epochs="):
        oracle.create_trial("tuner0")
    # The lock is free, and nothing was written.
    oracle._promotions.set_max_epochs(27)
    assert oracle.create_trial("tuner0").epochs == 3**0


def test_one_rung_is_no_fidelity(tmp_path):
    fidelity = kt_evolution.SuccessiveHalving(max_epochs=1)
    oracle = make_oracle(tmp_path, fidelity=fidelity)
    trial = oracle.create_trial("tuner0")
    assert (trial.epochs, trial.rungs) == (None, ())


def test_a_search_goes_on_without_its_fidelity(tmp_path):
    oracle = halving_oracle(tmp_path)
    train(oracle, oracle.create_trial("tuner0"))
    waiting = oracle.create_trial("tuner0")
    assert waiting.rungs == (1, 3, 9, 27)
    resumed = make_oracle(tmp_path)
    trial = resumed.create_trial("tuner0")
    assert (trial.trial_id, trial.epochs, trial.rungs) == ("01", None, ())


def trained(log):
    """Returns for how many epochs trials were trained in all."""
    return sum(after - before for _, before, after in log)


@pytest.mark.parametrize("budget", [30, 100, 200])
def test_a_budget_of_epochs_ends_a_search_with_a_completed_best(
    tmp_path, budget
):
    stop = kt_evolution.EpochBudget(epochs=budget)
    oracle = halving_oracle(tmp_path, max_trials=None, stop=stop)
    log = search(oracle)
    assert oracle.stop_reason == f"the budget of {budget} epochs is spent"
    assert budget <= trained(log) == oracle.progress().epochs < budget + 27
    assert oracle.get_best_trials()


def test_a_budget_of_epochs_counts_full_trainings_without_a_fidelity(tmp_path):
    stop = kt_evolution.EpochBudget(epochs=100)
    oracle = make_oracle(tmp_path, stop=stop)
    oracle._promotions.set_max_epochs(27)
    log = search(oracle)
    assert [after for _, _, after in log] == [27] * 4


def test_a_time_budget_keeps_enough_to_finish_the_best(tmp_path, monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: seconds[0])
    stop = kt_evolution.TimeBudget(seconds=100)
    oracle = halving_oracle(tmp_path, max_trials=None, stop=stop)
    reached = {}
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        # An epoch takes a second.
        before = reached.get(trial.trial_id, 0)
        reached[trial.trial_id] = train(oracle, trial)
        seconds[0] += reached[trial.trial_id] - before
    assert 100 <= seconds[0] < 127
    assert oracle.get_best_trials()
    assert "the time budget" in oracle.stop_reason


def test_another_rule_finishes_the_best_before_it_ends_a_search(tmp_path):
    class Enough(kt_evolution.StoppingRule):
        def reason(self, progress):
            return "enough" if progress.epochs >= 8 else None

    oracle = halving_oracle(tmp_path, stop=Enough())
    log = search(oracle)
    assert oracle.stop_reason == "enough"
    assert log[-1][2] == 27
    assert oracle._promotions.last() is None


def test_a_best_that_is_only_paused_is_none(tmp_path):
    oracle = halving_oracle(tmp_path)
    train(oracle, oracle.create_trial("tuner0"))
    assert oracle.get_best_trials() == oracle.recommend() == []
    assert oracle.get_pareto_trials() == []


@pytest.mark.parametrize("has_fidelity", [True, False])
def test_shorter_trainings_of_hyperband_are_imported_as_paused(
    tmp_path, has_fidelity
):
    past = stock_projects.hyperband(tmp_path / "past")
    make = halving_oracle if has_fidelity else make_oracle
    options = {
        "objective": stock_projects.OBJECTIVE,
        "hyperparameters": stock_projects.space(),
        "warm_start": str(past),
    }
    oracle = make(tmp_path, **options)
    oracle._promotions.set_max_epochs(27)
    oracle.create_trial("tuner0")
    imports = [
        one for one in oracle.history.individuals if one.operator == "import"
    ]
    paused = [one for one in imports if one.status is Status.PAUSED]
    assert any(one.status is Status.COMPLETED for one in imports)
    assert bool(paused) == has_fidelity
    for one in paused:
        assert set(one.rungs) <= {1, 3} and not one.can_resume
    resumed = make(tmp_path, **options)
    resumed._project.open()
    again = resumed.history.individuals
    assert [(i.status, i.rungs) for i in again] == [
        (i.status, i.rungs) for i in oracle.history.individuals
    ]
    assert not oracle._project.state.paused


def test_paused_trials_of_a_search_are_imported_as_paused(tmp_path, whole):
    folder, past, _ = whole
    oracle = halving_oracle(tmp_path, warm_start=str(folder / "p"))
    oracle.create_trial("tuner0")
    statuses = [one.status for one in oracle.history.individuals[:-1]]
    assert len(statuses) == len(past.trials)
    assert statuses.count(Status.PAUSED) == len(past._project.state.paused)


def test_models_are_reevaluated_after_the_last_promotions(tmp_path):
    oracle = halving_oracle(tmp_path, max_trials=30, reevaluate=2)
    num_again = 0
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        if trial.trial_id in oracle.reevaluations:
            # The best may be among those that are promoted.
            assert oracle._promotions.due() is None
            num_again += 1
            # Another training of the same model has another score.
            noise = 0.1 * (-1) ** int(trial.trial_id)
            complete(oracle, trial, score_of(trial) + noise)
        else:
            train(oracle, trial)
    assert num_again > 1
    assert len(oracle.trials) == 30


def test_imports_of_paused_trials_are_reported_as_paused(tmp_path, whole):
    folder, past, _ = whole
    oracle = halving_oracle(tmp_path, warm_start=str(folder / "p"))
    oracle.create_trial("tuner0")
    imports = read_search(tmp_path / "p").imports
    paused = [one for one in imports if one.is_paused]
    assert len(paused) == len(past._project.state.paused)
    assert all(one.epochs in (1, 3, 9) for one in paused)
