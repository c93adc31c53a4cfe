"""What people and other tools see of paused and of promoted trials."""

import collections
import csv
import dataclasses
import io
import json

import pytest

from kt_evolution.project.closing import closing_text
from kt_evolution.reporting import figures
from kt_evolution.reporting import read_search
from kt_evolution.reporting.command_line import main
from kt_evolution.reporting.report import render
from kt_evolution.reporting.rungs import course_of
from kt_evolution.reporting.rungs import rungs_of
from kt_evolution.reporting.summary import summary_of
from kt_evolution.reporting.tables import results_dataframe
from kt_evolution.reporting.tables import write_csv
from kt_evolution.reporting.tables import write_json
from kt_evolution.reporting.timeline import timeline_of
from kt_evolution.reporting.trials_table import table_of
from tests.project.oracles import halving_oracle
from tests.project.oracles import train
from tests.reporting import fidelities

NUM_TRIALS = 12


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    """The oracle of a search that has come to its end."""
    folder = tmp_path_factory.mktemp("paused")
    return fidelities.simulate(folder, max_trials=NUM_TRIALS)


@pytest.fixture(scope="module")
def search(oracle):
    return read_search(oracle)


def test_a_record_says_where_a_trial_is(oracle, search):
    statuses = collections.Counter(one.status for one in search.trials)
    assert set(statuses) == {"COMPLETED", "PAUSED"}
    assert {one.trial_id for one in search.paused} == set(
        oracle._project.state.paused
    )
    for one in search.paused:
        last = f"paused at epoch {one.epochs} of 27"
        assert one.state.startswith(last)
        assert one.epochs == max(one.scores) < 27
        assert one.reason == ""
    promoted = [one for one in search.trials if one.promoted_at]
    assert any(one.is_completed for one in promoted)
    assert any(one.is_paused for one in promoted)
    for one in promoted:
        assert "promoted at epoch" in one.state
        assert set(one.promoted_at) <= set(one.scores)
        assert len(one.earlier) == len(one.promoted_at)


def test_only_completed_trials_compete(search):
    assert {one.status for one in search.ranked()} == {"COMPLETED"}
    assert {one.status for one in search.front()} == {"COMPLETED"}


def test_all_epochs_are_counted_once(oracle, search):
    assert search.num_epochs == oracle._standings.num_epochs()
    assert search.num_epochs == sum(one.epochs for one in search.trials)
    assert search.num_epochs_in_full == NUM_TRIALS * 27
    facts = {fact.label: fact for fact in summary_of(search)}
    saved = search.num_epochs_in_full - search.num_epochs
    assert facts["epochs"].note.endswith(f": {saved} saved")
    assert facts["trials"].note == (
        f"{len(search.paused)} paused, {len(search.completed)} completed"
    )


def test_each_rung_has_its_trials(search):
    rungs = rungs_of(search)
    assert [one.epochs for one in rungs] == [1, 3, 9, 27]
    assert [one.num_paused for one in rungs] == [
        sum(one.epochs == rung.epochs for one in search.paused)
        for rung in rungs
    ]
    # Whoever stopped at a rung is there or went on.
    for lower, upper in zip(rungs, rungs[1:], strict=False):
        assert lower.num_reached >= upper.num_reached
        assert lower.num_paused + upper.num_reached >= lower.num_reached
    assert sum(one.num_promoted for one in rungs) == sum(
        len(one.promoted_at) for one in search.trials
    )
    assert rungs[-1].num_reached == len(search.completed)


def test_tables_have_the_same_words(search):
    frame = results_dataframe(search)
    assert set(frame["status"]) == {"COMPLETED", "PAUSED"}
    assert str(frame["epochs"].dtype) == "Int64"
    assert frame["epochs"].sum() == search.num_epochs
    assert frame["num_promotions"].max() > 0
    file = io.StringIO()
    write_csv(search, file)
    file.seek(0)
    rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == list(frame["status"])
    file = io.StringIO()
    write_json(search, file)
    trials = json.loads(file.getvalue())["trials"]
    assert [one["status"] for one in trials] == list(frame["status"])
    for one in trials:
        assert [rung["epochs"] for rung in one["rungs"]] == sorted(
            search.individual(one["trial_id"]).scores
        )
    table = table_of(search)
    place = table.columns.index("status")
    shown = collections.Counter(row[place].shown for row in table.rows)
    assert shown == collections.Counter(one.state for one in search.trials)


def test_the_command_line_says_the_same(search, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    folder = str(search.folder)
    assert main(["show", folder]) == 0
    output = capsys.readouterr().out
    assert f"({len(search.paused)} paused, " in output
    assert "idle" not in output.lower()
    assert f"  epochs             {search.num_epochs}  (" in output
    assert main(["watch", folder]) == 0
    output = capsys.readouterr().out
    assert f"{len(search.paused)} are paused" in output
    assert main(["compare", folder, folder]) == 0
    header, row, *_ = capsys.readouterr().out.splitlines()[2:]
    assert header.split()[:4] == ["project", "trials", "completed", "epochs"]
    assert row.split()[3] == str(search.num_epochs)


def test_the_closing_text_says_what_was_saved(oracle, search):
    saved = search.num_epochs_in_full - search.num_epochs
    expected = f"{search.num_epochs} of the {NUM_TRIALS * 27} epochs of full "
    text = closing_text(oracle)
    assert f"{expected}trainings were trained: {saved} (" in text
    resumed = halving_oracle(search.folder.parent, max_trials=NUM_TRIALS)
    resumed.reload()
    assert resumed.create_trial("tuner0").status == "STOPPED"
    assert closing_text(resumed) == text


def test_each_run_of_a_promoted_trial_is_in_the_timeline(search):
    spans = timeline_of(search)
    assert len(spans) == len(search.trials) + sum(
        len(one.promoted_at) for one in search.trials
    )
    assert sum(span.is_paused for span in spans) == len(spans) - len(
        search.completed
    )


def test_nothing_is_completed_yet(tmp_path, capsys):
    oracle = halving_oracle(tmp_path)
    for _ in range(2):
        train(oracle, oracle.create_trial("tuner0"))
    search = read_search(oracle)
    for words in (
        "No trial is trained to the end yet: 2 are paused, the furthest at "
        "epoch 1.",
        "  trials             2  (2 paused)",
    ):
        main(["show", str(search.folder)])
        assert words in capsys.readouterr().out
    assert "To train them on, run the same code" in closing_text(oracle)
    assert "2 paused" in oracle._display.interruption()
    assert main(["best", str(search.folder)]) == 1
    assert "2 are paused" in capsys.readouterr().err


def test_a_promoted_trial_that_runs_is_no_longer_paused(tmp_path):
    oracle = halving_oracle(tmp_path)
    while (trial := oracle.create_trial("tuner0")).epochs == 1:
        train(oracle, trial)
    record = read_search(oracle).individual(trial.trial_id)
    assert record.state == "running, promoted at epoch 1"
    assert (record.epochs, record.seconds) == (1, None)


def test_the_seconds_of_a_trial_are_those_of_its_whole_training(tmp_path):
    oracle = halving_oracle(tmp_path)
    while (trial := oracle.create_trial("tuner0")).epochs == 1:
        train(oracle, trial)
    train(oracle, trial)
    # It had as many seconds as epochs, and most of them before its pause.
    seconds = float(trial.epochs)
    for since, whole in {0.5: seconds, 99.0: 99.0, None: None}.items():
        summary = oracle._standings.trial_summary(trial, since, False)
        assert summary.seconds == whole
    record = read_search(oracle).individual(trial.trial_id)
    assert record.seconds == seconds


def test_the_report_draws_where_trials_were_paused_and_promoted(search):
    drawn = figures.rungs(search)
    found = {trace.name: trace for trace in drawn.data if trace.name}
    assert set(found) == {"paused", "promoted", "best"}
    assert sorted(found["paused"].x) == sorted(
        one.epochs for one in search.paused
    )
    assert sorted(found["promoted"].x) == sorted(
        epochs for one in search.trials for epochs in one.promoted_at
    )
    assert list(found["best"].x) == [27]
    best = search.ranked()[0]
    assert list(found["best"].y) == [best.metrics["score"]]
    counts = [str(one.num_reached) for one in rungs_of(search)]
    labels = [label.split("<br>")[1] for label in drawn.layout.xaxis.ticktext]
    assert labels == counts
    text = render(search)
    assert "At a rung it is compared" in text
    assert "paused at epoch" in text


def test_a_course_is_the_best_so_far_of_the_training_log(search, tmp_path):
    folder = tmp_path / "trial_00"
    folder.mkdir()
    nan = float("nan")
    lines = [{"event": "begin", "epochs": 27}]
    lines += [
        {"event": "epoch", "epoch": i, "logs": {"score": value}}
        for i, value in enumerate([nan, 0.5, 0.25, 0.75])
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "training.jsonl").write_text(text)
    logged = dataclasses.replace(search, folder=tmp_path)
    course = course_of(logged, logged.trials[0])
    assert course.points == [(2, 0.5), (3, 0.5), (4, 0.75)]
    # Without a log the rungs are known.
    (folder / "training.jsonl").unlink()
    course = course_of(logged, search.ranked()[0])
    assert [epoch for epoch, _ in course.points] == [1, 3, 9, 27]


def test_workers_are_not_said_to_have_failed_paused_trials(search):
    drawn = figures.workers(search)
    assert [trace.name for trace in drawn.data] == ["completed", "paused"]
