"""The process ends at each step of a trial's life, and is started again."""

import functools
import itertools
import json
import os

import pytest

from tests.project import searches

EXIT_CODE = 9


def end_process():
    os._exit(EXIT_CODE)


def break_call(owner, name, when, nth, matches=lambda *args: True):
    """Makes the nth matching call of a function the process's last."""
    original = getattr(owner, name)
    number = itertools.count()

    @functools.wraps(original)
    def last(*args, **kwargs):
        is_last = matches(*args) and next(number) == nth
        if is_last and when == "before":
            end_process()
        if is_last and when == "during":
            _write_half(*args)
            end_process()
        try:
            return original(*args, **kwargs)
        finally:
            if is_last and when == "after":
                end_process()

    setattr(owner, name, last)


def _write_half(target, content):
    """Leaves half of what a call would have written."""
    from kt_evolution.project.journal import Journal

    if isinstance(target, Journal):
        with open(target.path, "ab") as file:
            file.write(content[: len(content) // 2])
    else:
        # A temporary file; what it is to replace is whole.
        torn = os.path.join(
            os.path.dirname(target), f".{os.path.basename(target)}.tmp"
        )
        os.makedirs(os.path.dirname(torn), exist_ok=True)
        with open(torn, "w") as file:
            file.write(content[: len(content) // 2])


def search_until(folder, point, when, nth):
    """Runs a search that ends at a point of the code."""
    from kt_evolution import tuner
    from kt_evolution.oracle import EvolutionOracle
    from kt_evolution.project import host_files
    from kt_evolution.project.journal import Journal
    from kt_evolution.proposals.dry_build import DryBuild

    def writes(file_name):
        return lambda path, text: os.path.basename(path) == file_name

    def appends(kind):
        return lambda journal, line: json.loads(line)["event"] == kind

    made = searches.make_tuner(folder) if point != "exploration" else None
    calls = {
        "exploration": (DryBuild, "__call__"),
        "dry build": (DryBuild, "__call__"),
        "first line": (Journal, "append", appends("search")),
        "trial line": (Journal, "append", appends("trial")),
        "end line": (Journal, "append", appends("end")),
        "trial.json": (host_files, "write_atomically", writes("trial.json")),
        "oracle.json": (host_files, "write_atomically", writes("oracle.json")),
        "tuner0.json": (tuner, "write_atomically", writes("tuner0.json")),
        "rename": (os, "replace"),
        "create_trial": (EvolutionOracle, "create_trial"),
        "training": (type(made), "run_trial"),
        "update_trial": (EvolutionOracle, "update_trial"),
        "end_trial": (EvolutionOracle, "end_trial"),
        "search's end": (type(made), "on_search_end"),
    }
    owner, name, *matches = calls[point]
    break_call(owner, name, when, nth, *matches)
    made = made or searches.make_tuner(folder)
    made.search(verbose=0)


POINTS = [
    ("exploration", "before", [0, 1]),
    ("dry build", "before", [0, 3, 9, 14]),
    ("dry build", "after", [1, 4, 5, 6, 7, 8, 14]),
    ("first line", "before", [0]),
    ("first line", "during", [0]),
    ("first line", "after", [0]),
    ("trial line", "before", [0, 6]),
    ("trial line", "during", [0, 6]),
    ("trial line", "after", [0, 6]),
    ("end line", "before", [0, 6]),
    ("end line", "during", [0, 6]),
    ("end line", "after", [0, 6, 13]),
    ("trial.json", "before", [0, 1, 12, 13]),
    ("trial.json", "during", [0, 1, 12, 13]),
    ("trial.json", "after", [0, 1, 12, 13]),
    ("oracle.json", "before", [0, 5]),
    ("oracle.json", "during", [0, 5]),
    ("oracle.json", "after", [0, 5]),
    ("tuner0.json", "during", [0]),
    ("tuner0.json", "after", [0]),
    ("rename", "before", [0, 11]),
    ("create_trial", "after", [0, 6]),
    ("training", "before", [0, 6]),
    ("training", "after", [0, 6]),
    ("update_trial", "before", [0, 6]),
    ("update_trial", "after", [0, 6]),
    ("end_trial", "before", [0, 6]),
    ("end_trial", "after", [0, 6, 13]),
    ("search's end", "before", [0]),
]


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [(point, when, nth) for point, when, all_nth in POINTS for nth in all_nth],
)
def test_search_goes_on_as_if_nothing_was(
    tmp_path, uninterrupted, point, when, nth
):
    code = searches.run(search_until, tmp_path, point, when, nth)
    assert code == EXIT_CODE
    was_ended = searches.ended(tmp_path)
    notes = searches.num_notes(tmp_path)

    assert searches.run(searches.search, tmp_path) == 0

    searches.check_finished(tmp_path, uninterrupted)
    assert not was_ended.keys() & set(searches.begun(tmp_path, since=notes))


def test_uninterrupted_search_has_what_is_to_survive(uninterrupted):
    trials = [event for event in uninterrupted if event["event"] == "trial"]
    ends = [event for event in uninterrupted if event["event"] == "end"]
    statuses = {event["status"] for event in ends}
    assert statuses == {"COMPLETED", "INVALID", "FAILED"}
    assert any("rejected" in event["record"] for event in trials)
    assert any("parents" in event["record"] for event in trials)
    assert any("space" in event for event in ends)
