"""Workers pause trials, and train on those that other workers paused."""

import pytest

import kt_evolution
from kt_evolution.project.journal import Journal
from tests.distributed.test_chief_and_workers import MAX_TRIALS
from tests.distributed.test_chief_and_workers import num_lines
from tests.distributed.test_chief_and_workers import search_together
from tests.project import searches

EPOCHS = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a distributed search that has come to its end."""
    folder = tmp_path_factory.mktemp("distributed")
    halving = kt_evolution.SuccessiveHalving(max_epochs=EPOCHS)
    codes = search_together(folder, epochs=EPOCHS, fidelity=halving)
    assert set(codes.values()) == {0}, [
        searches.output(folder / name) for name in codes
    ]
    return folder


def lines(folder):
    return Journal(folder / "project" / "journal.jsonl").read()


def test_workers_pause_and_promote_trials(folder):
    found = lines(folder)
    kinds = [line["event"] for line in found]
    assert kinds.count("trial") == MAX_TRIALS
    assert {"pause", "promote", "end"} <= set(kinds)
    workers = {one["worker"] for one in found if one["event"] == "pause"}
    assert len(workers) == 2
    # What a worker is told of the fidelity is no value of a hyperparameter.
    values = [one["values"] for one in found if one.get("values")]
    assert not [name for one in values for name in one if "tuner/" in name]


def test_no_epoch_is_trained_twice(folder):
    trained = sum(
        num_lines(folder / name / "epochs.txt")
        for name in ("worker0", "worker1")
    )
    expected, reached = 0, {}
    for line in lines(folder):
        if line["event"] in ("pause", "end"):
            assert line.get("status", "COMPLETED") == "COMPLETED"
            epochs = line.get("epochs", EPOCHS)
            expected += epochs - reached.get(line["trial_id"], 0)
            reached[line["trial_id"]] = epochs
    assert trained == expected < MAX_TRIALS * EPOCHS


def test_workers_say_where_trials_are_paused(folder):
    printed = [searches.output(folder / f"worker{i}") for i in range(2)]
    pauses = [line for line in lines(folder) if line["event"] == "pause"]
    for line in pauses:
        said = f"paused at epoch {line['epochs']} of {EPOCHS}; "
        assert any(
            f"trial {line['trial_id']}: " in row and said in row
            for text in printed
            for row in text.splitlines()
        )
    assert not any("failed" in text for text in printed)
