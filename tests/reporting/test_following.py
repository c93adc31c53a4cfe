"""A search that another process runs, seen by `watch` and `--follow`."""

import dataclasses
import itertools
import json
import os
from types import SimpleNamespace

import pytest

import kt_evolution
from kt_evolution.project.search_lock import SearchLock
from kt_evolution.project.search_lock import is_searching
from kt_evolution.reporting import following
from kt_evolution.reporting import watching
from kt_evolution.reporting.command_line import main
from kt_evolution.reporting.following import follow
from kt_evolution.reporting.reading import read_search
from tests import stock_projects
from tests.reporting import projects


class Elsewhere:
    """A search that goes on whenever somebody waits.

    Args:
        folder: The path of the project.
        num_trials: Int, after how many trials it ends.
    """

    def __init__(self, folder, num_trials=4):
        self.folder = folder
        self.num_trials = num_trials
        self.oracle = kt_evolution.EvolutionOracle(
            projects.ACCURACY, 20, seed=0, hyperparameters=projects.space()
        )
        self.oracle._set_project_dir(folder.parent, folder.name)
        self.oracle.verbose = 0
        self.trial = self.oracle.create_trial("worker0")
        self.num_ended = 0

    def is_searching(self, folder):
        return self.num_ended < self.num_trials

    def sleep(self, seconds):
        # Otherwise a search that is not seen to end is followed for ever.
        assert self.num_ended <= self.num_trials
        number = self.num_ended
        self.oracle.update_trial(
            self.trial.trial_id, {"val_accuracy": number / 10}
        )
        self.trial.status = "COMPLETED"
        self.oracle.end_trial(self.trial)
        self.num_ended += 1
        if self.num_ended < self.num_trials:
            self.trial = self.oracle.create_trial("worker0")
            log = self.folder / f"trial_{self.trial.trial_id}"
            log.mkdir(exist_ok=True)
            lines = [
                {"event": "begin", "epochs": 4},
                {"event": "epoch", "epoch": 0, "logs": {"loss": 0.25}},
            ]
            text = "\n".join(map(json.dumps, lines))
            (log / "training.jsonl").write_text(text, "utf-8")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    search = Elsewhere(tmp_path / "p")
    monkeypatch.setattr(following, "is_searching", search.is_searching)
    monkeypatch.setattr(following.time, "sleep", search.sleep)
    return search


def test_a_search_is_followed_to_its_end(elsewhere):
    seen = [
        sum(trial.is_completed for trial in search.trials)
        for search in follow(elsewhere.folder)
    ]
    assert seen == [0, 1, 2, 3, 4]


def test_a_project_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    folder = projects.simulate(tmp_path / "p", 3)
    answers = iter([True, True, True, False])
    monkeypatch.setattr(following, "is_searching", lambda _: next(answers))
    monkeypatch.setattr(following.time, "sleep", lambda seconds: None)
    searches = list(follow(folder))
    assert len(searches) == 4
    assert all(search is searches[0] for search in searches)


def test_watch_prints_a_line_for_each_trial_where_it_is_no_terminal(
    elsewhere, capsys
):
    assert main(["watch", str(elsewhere.folder)]) == 0
    *lines, last, best, values, after = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"[{number}/20] trial {number - 1:02}" for number in (1, 2, 3, 4)
    ]
    assert "val_accuracy 0.3" in lines[-1]
    assert last == "p: finished, 4 trials ended."
    assert best == "Best val_accuracy 0.3 (trial 03)"
    assert values.startswith("Its values: layers=")
    folder = elsewhere.folder
    assert after == (
        f"Next: `kt-evolution best {folder}` or `kt-evolution report {folder}`"
    )


def test_watch_waits_for_a_search_that_is_not_there_yet(
    tmp_path, monkeypatch, capsys
):
    naps = []

    def sleep(seconds):
        naps.append(seconds)
        assert len(naps) < 10
        if len(naps) == 3:
            projects.simulate(tmp_path / "p", 2)

    monkeypatch.setattr(following, "is_searching", lambda folder: False)
    monkeypatch.setattr(watching.time, "sleep", sleep)
    assert main(["watch", str(tmp_path / "p")]) == 0
    first, *_, last, best, _, _ = capsys.readouterr().out.splitlines()
    assert first == f"Waiting for a search in {tmp_path / 'p'}, until Ctrl-C."
    assert last == "p: finished, 2 trials ended."
    assert main(["watch", str(tmp_path)]) == 2
    assert "It holds the projects" in capsys.readouterr().err
    file = tmp_path / "p" / "journal.jsonl"
    assert main(["watch", str(file)]) == 2
    assert f"'{file}'" in capsys.readouterr().err


def test_watch_says_that_a_search_ended_before_its_trials(
    elsewhere, monkeypatch, capsys
):
    monkeypatch.setattr(following, "is_searching", lambda folder: False)
    assert main(["watch", str(elsewhere.folder)]) == 0
    assert capsys.readouterr().out == (
        "p: interrupted, 0 trials ended and 1 is unfinished.\n"
    )


@pytest.mark.parametrize(
    ("number", "line", "expected"),
    [
        (2, {"event": "build", "model": 1}, "interrupted, 2 trials ended"),
        (
            2,
            {"event": "interrupted", "trial_ids": []},
            "interrupted, 2 trials ended",
        ),
        (
            1,
            {"event": "stopped", "reason": "the loss is 0"},
            "finished, 1 trial ended: the loss is 0",
        ),
    ],
)
def test_watch_says_whether_a_search_is_finished(
    tmp_path, monkeypatch, capsys, number, line, expected
):
    folder = projects.simulate(tmp_path / "p", number)
    with open(folder / "journal.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({**line, "time": 2e9}) + "\n")
    monkeypatch.setattr(following, "is_searching", lambda folder: False)
    assert main(["watch", str(folder)]) == 0
    assert f"p: {expected}.\n" in capsys.readouterr().out


def test_a_paused_trial_is_shown_as_such(tmp_path):
    search = read_search(projects.simulate(tmp_path / "p", 3))
    paused = dataclasses.replace(
        search.trials[1], status="PAUSED", epochs=3, max_epochs=27
    )
    trials = (search.trials[0], paused, search.trials[2])
    search = dataclasses.replace(search, trials=trials)
    status = watching.status_of(search)
    assert (status.num_ended, status.num_paused) == (3, 1)
    assert status.num_running == 0
    summary = watching.summary_of(search, paused)
    assert summary.pause == "paused at epoch 3 of 27"
    line, *_ = watching._ending(search)
    assert line == "p: finished, 2 trials ended, 1 is paused."


def test_watch_shows_the_display_in_place(elsewhere, monkeypatch, capsys):
    frames = []
    original = watching.Frame

    def recorded(*args):
        frames.append(original(*args))
        return frames[-1]

    trained = []

    def train(self, trial_id, part, text):
        trained.append((trial_id, part, text))

    monkeypatch.setattr(watching, "Frame", recorded)
    monkeypatch.setattr(original, "train", train)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    watching.watch(elsewhere.folder)
    out = capsys.readouterr().out
    assert "4/20 trials · best val_accuracy 0.3 (trial 03)" in out
    assert "made by" in out
    assert ("01", 0.25, "epoch 1/4, loss 0.25") in trained


def test_watch_says_that_a_training_has_begun(elsewhere):
    trained = []
    (elsewhere.folder / "trial_00").mkdir(exist_ok=True)
    log = elsewhere.folder / "trial_00" / "training.jsonl"
    log.write_text(json.dumps({"event": "begin", "epochs": 4}), "utf-8")
    frame = SimpleNamespace(
        keep=list, train=lambda *shown: trained.append(shown)
    )
    watching._show_epochs(frame, read_search(elsewhere.folder))
    assert trained == [("00", 0.0, "training")]


@pytest.mark.parametrize("command", ["watch", "report"])
def test_ctrl_c_leaves_quietly(
    command, elsewhere, monkeypatch, tmp_path, capsys
):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(following.time, "sleep", interrupt)
    more = ["--follow", "-o", str(tmp_path / "r.html")]
    arguments = [command, str(elsewhere.folder)]
    assert main([*arguments, *(more if command == "report" else [])]) == 0
    assert capsys.readouterr().err == ""


def test_how_many_trials_there_will_be_is_known_while_a_process_runs(
    elsewhere,
):
    search = next(follow(elsewhere.folder))
    assert watching.status_of(search).max_trials == 20
    elsewhere.oracle._project.release()
    assert watching.status_of(search).max_trials is None
    # The last picture has what was known before.
    assert watching.status_of(search, 20).max_trials == 20
    (elsewhere.folder / "search.lock").write_text(' {"max_trials": "x"}')
    assert watching.status_of(search).max_trials is None


def test_a_report_is_written_until_the_search_ends(elsewhere, tmp_path, capsys):
    path = tmp_path / "r.html"
    pages = []
    sleep = following.time.sleep

    def noted(seconds):
        pages.append(path.read_text("utf-8"))
        sleep(seconds)

    following.time.sleep = noted
    assert (
        main(["report", str(elsewhere.folder), "--follow", "-o", str(path)])
        == 0
    )
    assert len(pages) == 4
    assert all('data-reload="15"' in page for page in pages)
    assert [page.count("1 unfinished") for page in pages] == [1] * 4
    assert capsys.readouterr().out.splitlines()[1:] == [
        "p: finished, 4 trials ended."
    ]
    last = path.read_text("utf-8")
    assert "data-reload=" not in last
    assert "4 completed" in last


def test_the_time_since_a_search_was_interrupted_does_not_count(elsewhere):
    long_ago = 1_000_000_000
    os.utime(elsewhere.folder / "journal.jsonl", (long_ago, long_ago))
    search = next(follow(elsewhere.folder))
    assert [trial.status for trial in search.trials] == ["RUNNING"]
    # The search of this process holds the lock.
    assert watching.status_of(search).seconds > 3600
    elsewhere.oracle._project.release()
    assert watching.status_of(search).seconds < 3600


def test_following_writes_nothing_into_a_project(elsewhere):
    def content():
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in elsewhere.folder.rglob("*")
        }

    searches = follow(elsewhere.folder)
    before = content()
    next(searches)
    watching.status_of(next(itertools.islice(searches, 0, 1)))
    changed = content()
    elsewhere.num_trials = elsewhere.num_ended
    assert list(searches)
    assert content().keys() == changed.keys() >= before.keys()


def test_a_stock_project_is_followed_too(tmp_path, monkeypatch):
    folder = stock_projects.random_search(tmp_path / "past", 3)
    monkeypatch.setattr(following.time, "sleep", lambda seconds: None)
    first, second = itertools.islice(follow(folder), 2)
    assert first is second
    assert watching.status_of(first).num_ended == 3


def test_only_a_living_process_searches(tmp_path):
    assert not is_searching(tmp_path)
    lock = SearchLock()
    lock.take(tmp_path)
    assert is_searching(tmp_path)
    lock.release()
    assert not is_searching(tmp_path)


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        ({"pid": 2**30, "host": "here"}, False),
        ({"pid": 2**80, "host": "here"}, False),
        ({"pid": -1, "host": "here"}, False),
        ({"pid": "1", "host": "here"}, False),
        ({"pid": os.getpid(), "host": "here"}, True),
        ({"pid": 1, "host": "another"}, True),
        ([], False),
        ("", False),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows locks what is read")
def test_the_lock_file_says_who_searches(
    tmp_path, monkeypatch, holder, expected
):
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    (tmp_path / "search.lock").write_text(" " + json.dumps(holder), "utf-8")
    assert is_searching(tmp_path) is expected
