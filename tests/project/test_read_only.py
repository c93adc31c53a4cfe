"""A finished project where nothing can be written."""

import ctypes
import json
import os
import subprocess
import warnings

import pytest

from kt_evolution.project.journal import JournalError
from kt_evolution.reporting import read_search
from tests.project import searches
from tests.project import test_real_models as real_models
from tests.project import test_torn_files as torn_files

NEW_MOUNTS = 0x00020000


def make_read_only(folder):
    """Makes a folder read-only for this process, which may be root's."""
    if os.getuid():
        for path, _, names in os.walk(folder):
            for name in names:
                os.chmod(os.path.join(path, name), 0o444)
            os.chmod(path, 0o555)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "no mounts of its own")
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", folder, folder],
        ["mount", "-o", "remount,ro,bind", folder],
    ):
        subprocess.run(command, check=True)


def in_a_read_only_folder(folder, function, *args):
    """Calls a function, and writes what it returns."""
    out = {}
    with open(folder / "result.json", "w") as file:
        try:
            make_read_only(folder / "project")
        except (OSError, subprocess.CalledProcessError) as error:
            out["skip"] = str(error)
        else:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                out["result"] = function(folder, *args)
            out["warnings"] = [str(warning.message) for warning in caught]
        json.dump(out, file)


def run(folder, function, *args):
    assert searches.run(in_a_read_only_folder, folder, function, *args) == 0
    out = json.loads((folder / "result.json").read_text())
    if "skip" in out:
        pytest.skip(f"no folder can be made read-only: {out['skip']}")
    return out["result"], out["warnings"]


def snapshot(folder):
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (folder / "project").rglob("*")
        if path.is_file()
    }


def use_results(folder, make_tuner=searches.make_tuner):
    """Does what needs no writing, and a search of which nothing is left."""
    tuner = make_tuner(folder)
    tuner.results_summary()
    tuner.oracle.recommend()
    tuner.search(verbose=0)
    found = len(tuner.get_best_hyperparameters(99))
    return found, len(read_search(folder / "project").trials)


def use_models(folder):
    """Does the same where the models are real, and more."""
    counts = use_results(folder, real_models.make_tuner)
    tuner = real_models.make_tuner(folder)
    tuner.results_dataframe()
    tuner.gap_report()
    tuner.report(folder / "report.html")
    return *counts, len(tuner.get_best_models(9))


@pytest.mark.parametrize(
    ("search", "use", "counts"),
    [
        (searches.search, use_results, [12, 14]),
        pytest.param(
            real_models.search, use_models, [6, 6, 6], marks=pytest.mark.slow
        ),
    ],
)
def test_finished_project_opens_and_shows_all(tmp_path, search, use, counts):
    assert searches.run(search, tmp_path) == 0
    before = snapshot(tmp_path)

    result, warned = run(tmp_path, use)

    assert result == counts
    assert any("can't be written: its results can be read" in w for w in warned)
    assert snapshot(tmp_path) == before


def search_further(folder):
    tuner = searches.make_tuner(folder, max_trials=99)
    best = len(tuner.get_best_hyperparameters(99))
    try:
        tuner.search(verbose=0)
    except JournalError as error:
        return best, str(error), len(tuner.get_best_hyperparameters(99))
    return best, "no error", 0


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_search_that_would_go_on_says_that_it_can_not(
    tmp_path, uninterrupted, is_interrupted
):
    assert searches.run(searches.search, tmp_path) == 0
    journal = tmp_path / "project" / "journal.jsonl"
    if is_interrupted:
        lines = journal.read_bytes().splitlines(True)
        while b'"event":"trial"' not in lines[-1]:
            lines.pop()
        journal.write_bytes(b"".join(lines))
    before = snapshot(tmp_path)
    noted = searches.num_notes(tmp_path)

    (best, message, after), warned = run(tmp_path, search_further)

    assert best == after > 9
    assert "can't be written" in message
    assert any("no trial can be run" in warning for warning in warned)
    assert snapshot(tmp_path) == before
    assert searches.num_notes(tmp_path) == noted


HOSTS = {
    "counting": torn_files.search_counting,
    "plain": torn_files.search_plain,
}


def open_hosts_tuners(folder):
    return [
        len(search(folder / "project" / name, 2).get_best_hyperparameters(9))
        for name, search in HOSTS.items()
    ]


def test_hosts_tuners_open_it(tmp_path):
    for name, search in HOSTS.items():
        search(tmp_path / "project" / name, 2)
    before = snapshot(tmp_path)
    assert run(tmp_path, open_hosts_tuners)[0] == [2, 2]
    assert snapshot(tmp_path) == before


def test_opening_a_killed_search_writes_nothing(tmp_path):
    process = searches.start(searches.search, tmp_path, delay=0.05)
    while searches.num_notes(tmp_path) < 9:
        assert process.is_alive(), searches.output(tmp_path)
    process.kill()
    process.join()
    before = snapshot(tmp_path)
    tuner = searches.make_tuner(tmp_path)
    assert len(tuner.oracle.trials) > 2
    tuner.get_best_hyperparameters()
    after = snapshot(tmp_path)
    assert after == before
