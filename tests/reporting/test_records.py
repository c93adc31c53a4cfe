"""A search as records: the same from its folder, its tuner and its oracle."""

import dataclasses
import json

import keras
import pytest

import kt_evolution
from kt_evolution.project.closing import rejection_summary
from kt_evolution.project.rejections import reasons_of
from kt_evolution.project.training_log import read_training
from kt_evolution.reporting import plain_text
from kt_evolution.reporting import read_search
from kt_evolution.reporting.records import RejectionRecord
from kt_evolution.reporting.summary import failures_of
from kt_evolution.reporting.summary import rejections_of
from kt_evolution.reporting.summary import summary_of
from kt_evolution.reporting.trial_records import TrialRecord
from tests import stock_projects
from tests.reporting import projects
from tests.tuner.tuner_helpers import FIT
from tests.tuner.tuner_helpers import ScoringTuner
from tests.tuner.tuner_helpers import build_dense
from tests.tuner.tuner_helpers import empty_model


def build_layers(hp):
    for i in range(hp.Int("layers", 1, 3)):
        hp.Int(f"units_{i}", 8, 64, step=8)
    return empty_model()


def search_layers(folder, num_trials=8, **kwargs):
    tuner = ScoringTuner(
        build_layers,
        objective=projects.ACCURACY,
        max_trials=num_trials,
        seed=0,
        directory=folder,
        project_name="p",
        **kwargs,
    )
    tuner.search(lambda hp: {"val_accuracy": hp.get("layers") / 3, "cost": 5.0})
    return tuner


def test_trials_are_those_of_the_oracle(tmp_path):
    tuner = search_layers(tmp_path)
    search = read_search(tmp_path / "p")
    assert search.name == "p"
    assert [(o.name, o.direction) for o in search.objectives] == [
        ("val_accuracy", "max")
    ]
    assert [t.trial_id for t in search.trials] == tuner.oracle.start_order
    for one in search.trials:
        trial = tuner.oracle.get_trial(one.trial_id)
        individual = tuner.oracle.history.individuals[
            tuner.oracle.history.position_of(one.trial_id)
        ]
        assert one.status == trial.status
        assert one.metrics["val_accuracy"] == trial.score
        assert one.parents == individual.parents
        assert one.operator == individual.operator
        assert one.worker == "tuner0"
        assert one.began <= one.ended
    best = [t.trial_id for t in tuner.oracle.get_best_trials(8)]
    assert [t.trial_id for t in search.ranked()] == best


def test_dormant_values_are_left_out(tmp_path):
    search_layers(tmp_path)
    trials = read_search(tmp_path / "p").trials
    assert {trial.values["layers"] for trial in trials} > {1}
    for trial in trials:
        used = {f"units_{i}" for i in range(trial.values["layers"])}
        assert trial.values.keys() == {"layers", *used}


def test_a_tuner_and_an_oracle_are_sources_too(tmp_path):
    tuner = search_layers(tmp_path)
    by_path = read_search(tmp_path / "p").trials
    assert read_search(tuner).trials == by_path
    assert read_search(tuner.oracle).trials == by_path
    with pytest.raises(TypeError, match=r"`source` must be .*source=3"):
        read_search(3)


def test_a_running_search_is_read_and_left_alone(tmp_path):
    oracle = kt_evolution.EvolutionOracle(
        projects.ACCURACY, 5, seed=0, hyperparameters=projects.space()
    )
    oracle._set_project_dir(tmp_path, "p")
    trial = oracle.create_trial("worker0")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    (running,) = read_search(tmp_path / "p").trials
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert before == after
    assert (running.status, running.worker) == ("RUNNING", "worker0")
    assert running.metrics == {} and running.ended is None
    # The search goes on.
    oracle.update_trial(trial.trial_id, {"val_accuracy": 0.5})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    (ended,) = read_search(tmp_path / "p").trials
    assert ended.is_completed


def test_several_objectives_and_limits(tmp_path):
    limit = kt_evolution.Limit("latency", max=3.0)
    folder = projects.simulate(
        tmp_path / "p", 40, projects.OBJECTIVES, limits=limit
    )
    search = read_search(folder)
    assert [one.name for one in search.objectives] == ["val_accuracy", "params"]
    assert list(map(str, search.limits)) == [str(limit)]
    assert "multi_objective" not in search.metrics
    broken = [t for t in search.completed if t.metrics["latency"] > 3.0]
    assert broken
    assert [t for t in search.completed if t.broken] == broken
    assert not any(trial.broken for trial in search.front())
    oracle = kt_evolution.EvolutionOracle(projects.OBJECTIVES, 40, limits=limit)
    oracle._set_project_dir(tmp_path, "p")
    assert [t.trial_id for t in search.front()] == [
        t.trial_id for t in oracle.get_pareto_trials()
    ]
    assert [t.trial_id for t in search.ranked()] == [
        t.trial_id for t in oracle.get_best_trials(40)
    ]


def test_limits_that_changed_on_resume_are_the_last_ones(tmp_path):
    for num_trials, bound in ((4, 3.0), (8, 9.0)):
        oracle = kt_evolution.EvolutionOracle(
            projects.ACCURACY,
            num_trials,
            seed=0,
            hyperparameters=projects.space(),
            limits=kt_evolution.Limit("latency", max=bound),
        )
        stock_projects.drive(
            oracle,
            tmp_path / "p",
            lambda trial: {"val_accuracy": 0.5, "latency": 5.0},
        )
    search = read_search(tmp_path / "p")
    assert [limit.max for limit in search.limits] == [9.0]
    lines = (tmp_path / "p" / "journal.jsonl").read_text().splitlines()
    written = [json.loads(line).get("limits") for line in lines]
    assert len([limits for limits in written if limits]) == 2


def test_what_was_imported_is_there_for_its_children(tmp_path):
    past = projects.simulate(tmp_path / "past", 10)
    folder = projects.simulate(tmp_path / "p", 12, warm_start=str(past))
    search = read_search(folder)
    assert len(search.imports) == 9
    known = {one.trial_id for one in (*search.imports, *search.trials)}
    assert all(set(trial.parents) <= known for trial in search.trials)
    assert any("import/" in "".join(t.parents) for t in search.trials)


def test_a_summary_says_what_was_transferred(tmp_path):
    past = projects.simulate(tmp_path / "past", 3)
    start = {
        "warm_start": kt_evolution.Transfer(past),
        "surrogate": "gaussian_process",
    }
    search = read_search(projects.simulate(tmp_path / "p", 1, **start))
    assert search.transfers == {str(past): 3}
    assert search.trials[0].operator == "transfer"
    shown = plain_text.overview(search)
    assert f"transferred        3  (of searches on other data: {past})" in shown
    assert not search.imports


@pytest.mark.parametrize("kind", ["random_search", "hyperband", "bayesian"])
def test_stock_projects(tmp_path, kind):
    folder = getattr(stock_projects, kind)(tmp_path / "past")
    search = read_search(folder)
    assert not search.has_journal
    assert search.objectives[0].name == "score"
    assert search.objectives[0].direction == "min"
    scores = {}
    for path in folder.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        scores[state["trial_id"]] = state["score"]
    assert {t.trial_id: t.metrics["score"] for t in search.trials} == scores
    assert all(trial.values.keys() == {"x", "y"} for trial in search.trials)
    assert search.ranked()[0].metrics["score"] == min(scores.values())


def test_the_objective_of_a_stock_project_can_be_given(tmp_path):
    folder = stock_projects.random_search(tmp_path / "past")
    search = read_search(folder, "max:size")
    sizes = [trial.metrics["size"] for trial in search.ranked()]
    assert sizes == sorted(sizes, reverse=True)


def test_the_direction_of_an_objective_of_keras_need_not_be_given(tmp_path):
    folder = stock_projects.random_search(
        tmp_path / "past",
        metrics_of=lambda trial: {
            "score": 0.0,
            "val_f1_score": float(trial.hyperparameters.values["x"]),
        },
    )
    search = read_search(folder, "val_f1_score")
    values = [trial.metrics["val_f1_score"] for trial in search.ranked()]
    assert len(set(values)) > 1
    assert values == sorted(values, reverse=True)


def test_each_unreadable_trial_is_a_warning(tmp_path):
    folder = stock_projects.random_search(tmp_path / "past", 5)
    paths = sorted(folder.glob("trial_*/trial.json"))
    paths[1].write_text('{"trial_id": "1", "sta')
    paths[3].write_text("[]")
    with pytest.warns(UserWarning) as warned:
        search = read_search(folder)
    warnings_given = [
        str(w.message) for w in warned if "can't be read" in str(w.message)
    ]
    assert len(warnings_given) == 2 and str(paths[1]) in warnings_given[0]
    assert search.problems == tuple(warnings_given)
    assert [trial.trial_id for trial in search.trials] == ["0", "2", "4"]


def test_a_damaged_journal_is_read_as_far_as_it_goes(tmp_path):
    folder = projects.simulate(tmp_path / "p", 6, failed=())
    path = folder / "journal.jsonl"
    lines = path.read_text().splitlines()
    lines[3] = lines[3][:20]
    path.write_text("\n".join([*lines, '{"event":"end"']))
    with pytest.warns(UserWarning, match="Line 4 of .* can't be read"):
        search = read_search(folder)
    assert len(search.problems) >= 1
    assert len(search.completed) >= 4


def test_what_is_no_project_is_named(tmp_path):
    projects.simulate(tmp_path / "p", 2)
    message = r"`source` must be.*It holds the projects \[.*p'\]"
    with pytest.raises(ValueError, match=message):
        read_search(tmp_path)


def test_epochs_and_layers_are_recorded(tmp_path):
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        objective="val_loss",
        max_trials=2,
        seed=0,
        executions_per_trial=2,
        directory=tmp_path,
        project_name="p",
    )
    tuner.search(**{**FIT, "epochs": 3})
    record = read_training(tmp_path / "p" / "trial_0")
    assert len(record.curves) == 2
    assert all(len(curve["val_loss"]) == 3 for curve in record.curves)
    score = tuner.oracle.get_trial("0").score
    best = [min(curve["val_loss"]) for curve in record.curves]
    assert score == pytest.approx(sum(best) / 2)
    assert [layer["type"] for layer in record.layers] == ["Dense", "Dense"]
    units = tuner.oracle.get_trial("0").hyperparameters.get("units")
    assert record.layers[0]["params"] == 5 * units
    assert record.layers[0]["shape"] == str(units)
    metrics = read_search(tmp_path / "p").completed[0].metrics
    assert repr(metrics["num_executions"]) == "2"
    for trial in read_search(tmp_path / "p").completed:
        assert len(repr(trial.seconds).partition(".")[2]) <= 6


def test_a_trial_that_runs_again_begins_its_curves_anew(tmp_path):
    def make():
        return kt_evolution.EvolutionTuner(
            build_dense,
            objective="val_loss",
            max_trials=1,
            seed=0,
            directory=tmp_path,
            project_name="p",
        )

    class Killed(BaseException):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise Killed

    with pytest.raises(Killed):
        make().search(**{**FIT, "epochs": 2}, callbacks=[Kill()])
    make().search(**{**FIT, "epochs": 2})
    record = read_training(tmp_path / "p" / "trial_0")
    assert len(record.curves) == 1
    assert len(record.curves[0]["val_loss"]) == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "Traceback\n  File x\nMemoryError: too large\n",
            "MemoryError: too large",
        ),
        (
            "Traceback\ntf.errors.InvalidArgumentError: bad\n\t[[node]]",
            "InvalidArgumentError: bad",
        ),
        ("the loss is NaN", "the loss is NaN"),
        (None, ""),
    ],
)
def test_a_failure_has_a_reason_of_one_line(message, reason):
    trial = TrialRecord("0", 0, "FAILED", {}, {}, message=message)
    assert trial.reason == reason
    assert dataclasses.replace(trial, status="COMPLETED").reason == ""


def test_messages_that_differ_in_their_numbers_are_an_instance():
    assert reasons_of(
        [
            "RuntimeError: boom u=64",
            "RuntimeError: boom u=198",
            "It has 9 params",
            "It has 8 params",
            "It has 7 params",
            "ValueError: no 1",
        ]
    ) == [
        "3 times, for instance: It has 7 params",
        "2 times: RuntimeError, for instance: boom u=198",
        "once: ValueError: no 1",
    ]


def test_failures_and_rejections_are_counted_by_their_reasons(tmp_path):
    folder = projects.simulate(tmp_path / "p", 12, failed=(2, 5, 7))
    search = read_search(folder)
    assert failures_of(search) == ["3 times: MemoryError: too large"]
    problems = [
        "TypeError: no (raised in a.py, line 3)",
        "OversizedModelError: The model is larger than max_model_size=30",
        'It has 9,000 params: Limit("params", max=10).',
        "OversizedModelError: The model is larger than max_model_size=30",
    ]
    search = dataclasses.replace(
        search,
        rejections=tuple(RejectionRecord({}, one) for one in problems),
    )
    assert rejections_of(search)[0] == "2 times: larger than max_model_size=30"
    (fact,) = [f for f in summary_of(search) if "rejected" in f.label]
    assert fact.note == "3 over a limit, 1 can't be built"
    assert rejection_summary(problems) == (
        "4 proposals were turned down before training: "
        "2 times: larger than max_model_size=30, "
        "once: TypeError: no (raised in a.py, line 3), "
        'once: It has 9,000 params: Limit("params", max=10).'
    )
    assert rejection_summary([]) == ""


def test_counts_of_a_summary_are_written_as_those_of_tables(single):
    many = dataclasses.replace(single, trials=single.trials * 100)
    (fact,) = [f for f in summary_of(many) if f.label == "trials"]
    assert fact.value == "4,000"
    assert fact.note == "3,900 completed, 100 failed"
