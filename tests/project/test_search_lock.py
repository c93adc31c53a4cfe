"""Two processes on one project: the second is refused at its start."""

import fcntl
import os
import socket
import time
import warnings

import pytest

import kt_evolution
from kt_evolution.project import search_lock
from kt_evolution.project.journal import JournalError
from kt_evolution.project.search_lock import ProjectInUseError
from kt_evolution.reporting import read_search
from tests.project import searches
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


class Tuner(kt_evolution.EvolutionTuner):
    def run_trial(self, trial, act=lambda: None, verbose=0):
        act()
        return float(trial.hyperparameters.Int("x", 0, 99))


def make_tuner(folder, max_trials=2, **kwargs):
    options = {"seed": 0, "directory": folder, "project_name": "project"}
    return Tuner(max_trials=max_trials, **{**options, **kwargs})


def is_locked(folder):
    """Tells whether the lock is taken, also by this process."""
    path = folder / "project" / "search.lock"
    if not path.exists():
        return False
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_for(condition, process):
    while not condition():
        assert process.is_alive()
        time.sleep(0.05)


def search_until_told(folder, sleeps_in_fork=False):
    """Runs two trials, of which the second waits for a file."""

    def act():
        note = folder / "child"
        if sleeps_in_fork and not note.exists():
            child = os.fork()
            if not child:
                time.sleep(600)
                os._exit(0)
            note.write_text(str(child))
        if (folder / "project" / "trial_1").exists():
            (folder / "waits").touch()
            while not (folder / "goes on").exists():
                time.sleep(0.02)

    make_tuner(folder).search(act)


@pytest.fixture
def other(tmp_path):
    """Another process that is in the middle of its search."""
    process = searches.start(search_until_told, tmp_path)
    wait_for((tmp_path / "waits").exists, process)
    yield process
    process.kill()
    process.join()


def test_second_process_is_refused_before_it_trains(tmp_path, other):
    folder = tmp_path / "project"
    before = (folder / "journal.jsonl").read_bytes()
    ran = []
    tuner = make_tuner(tmp_path, max_trials=4)

    for _ in range(2):
        with pytest.raises(ProjectInUseError) as caught:
            tuner.search(lambda: ran.append(1))
    message = str(caught.value)
    assert f"Process {other.pid} on {socket.gethostname()!r}" in message
    assert str(folder) in message
    with pytest.raises(ProjectInUseError):
        make_tuner(tmp_path).oracle.create_trial("tuner0")

    # It may look, and the other goes on.
    assert not ran
    assert (folder / "journal.jsonl").read_bytes() == before
    assert len(tuner.oracle.get_best_trials(9)) == 1
    assert len(read_search(folder).trials) == 2
    (tmp_path / "goes on").touch()
    other.join()
    assert other.exitcode == 0, searches.output(tmp_path)
    assert not is_locked(tmp_path)
    # What the other has found since is known.
    tuner.search()
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 4
    assert len((folder / "journal.jsonl").read_text().splitlines()) == 1 + 2 * 4


def test_project_that_another_process_searches_is_not_overwritten(
    tmp_path, other
):
    before = (tmp_path / "project" / "journal.jsonl").read_bytes()
    with pytest.raises(ProjectInUseError, match=f"Process {other.pid}"):
        make_tuner(tmp_path, overwrite=True)
    assert (tmp_path / "project" / "journal.jsonl").read_bytes() == before


def test_kill_leaves_no_lock(tmp_path, other):
    assert is_locked(tmp_path)
    other.kill()
    other.join()
    tuner = make_tuner(tmp_path)
    tuner.search()
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 2
    assert not is_locked(tmp_path)


def test_forked_process_that_outlives_a_kill_has_no_lock(tmp_path):
    """Such as one that loads data."""
    process = searches.start(search_until_told, tmp_path, sleeps_in_fork=True)
    wait_for((tmp_path / "waits").exists, process)
    assert is_locked(tmp_path)
    process.kill()
    process.join()
    child = int((tmp_path / "child").read_text())
    try:
        os.kill(child, 0)
        make_tuner(tmp_path).search()
    finally:
        os.kill(child, 9)


def test_forked_process_does_not_end_the_lock(tmp_path):
    oracle = make_oracle(tmp_path, max_trials=1)
    oracle._set_project_dir(tmp_path, "project")
    oracle.create_trial("tuner0")
    child = os.fork()
    if not child:
        oracle._project.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert is_locked(tmp_path)
    oracle._project.release()
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    "error", [None, KeyboardInterrupt, MemoryError, SystemExit]
)
def test_lock_is_released_when_a_search_ends(tmp_path, error):
    seen = []

    class Ending(Tuner):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            seen.append(is_locked(tmp_path))
            if error is not None:
                raise error

    tuner = Ending(
        max_trials=2, seed=0, directory=tmp_path, project_name="project"
    )
    if error in (None, KeyboardInterrupt):
        tuner.search()
    else:
        with pytest.raises(error):
            tuner.search()

    assert seen and all(seen)
    assert not is_locked(tmp_path)
    assert not (tmp_path / "project" / "search.lock").exists()


def test_opening_and_reading_takes_no_lock(tmp_path):
    make_tuner(tmp_path).search()
    tuner = make_tuner(tmp_path)
    tuner.get_best_hyperparameters()
    tuner.results_summary()
    tuner.oracle.recommend()
    tuner.oracle.get_space()
    assert not (tmp_path / "project" / "search.lock").exists()


def test_same_process_opens_a_project_again(tmp_path):
    """As when the cell of a notebook is run once more."""
    first = make_tuner(tmp_path)
    first.oracle.create_trial("tuner0")
    assert is_locked(tmp_path)
    # The old tuner is still there, in the middle of its trial.
    second = make_tuner(tmp_path, max_trials=3)
    second.search()
    assert len(second.oracle.end_order) == 3
    assert is_locked(tmp_path)
    with pytest.raises(JournalError, match="changed by another process"):
        first.oracle.create_trial("tuner0")
    del first
    third = make_tuner(tmp_path, max_trials=4, overwrite=True)
    third.search()
    assert len(third.oracle.end_order) == 4
    assert not is_locked(tmp_path)


def test_oracle_alone_keeps_the_lock_until_its_search_is_over(tmp_path):
    oracle = make_oracle(tmp_path, max_trials=2)
    oracle._set_project_dir(tmp_path, "project")
    oracle._project.open()
    assert not is_locked(tmp_path)
    run_trials(oracle, 2)
    assert is_locked(tmp_path)
    assert oracle.create_trial("tuner0").status == "STOPPED"
    assert not is_locked(tmp_path)


def test_file_system_without_locks_is_warned_of(tmp_path, monkeypatch):
    def fail(descriptor, blocking):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(search_lock, "lock_descriptor", fail)
    tuner = make_tuner(tmp_path)
    with pytest.warns(UserWarning, match="can't be locked") as caught:
        tuner.search()
    assert len([w for w in caught if "can't be locked" in str(w.message)]) == 1
    assert "No locks available" in str(caught[0].message)
    assert len(tuner.oracle.end_order) == 2


def make_link(path, target):
    path.symlink_to(target)


def make_hard_link(path, target):
    os.link(target, path)


def make_link_inside(path, target):
    (path.parent / "inside").write_text("precious")
    path.symlink_to(path.parent / "inside")


@pytest.mark.filterwarnings("ignore:The project in:UserWarning")
@pytest.mark.parametrize("plant", [make_link, make_hard_link, make_link_inside])
def test_what_a_link_in_its_place_leads_to_is_not_touched(tmp_path, plant):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "search.lock"
    plant(path, precious)
    with warnings.catch_warnings():
        try:
            make_tuner(tmp_path).search()
        except JournalError as error:
            assert "link" in str(error)
    assert precious.read_text() == "precious"
    inside = tmp_path / "project" / "inside"
    assert not inside.exists() or inside.read_text() == "precious"


def test_named_pipe_in_its_place_is_refused(tmp_path):
    (tmp_path / "project").mkdir()
    os.mkfifo(tmp_path / "project" / "search.lock")
    with pytest.raises(JournalError, match="neither a file nor a folder"):
        make_tuner(tmp_path).search()


def test_second_chief_is_refused_before_it_serves(tmp_path, monkeypatch, other):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    chief = make_tuner(tmp_path)
    with pytest.raises(ProjectInUseError, match=f"Process {other.pid}"):
        chief.search()


def test_project_without_a_name_is_not_overwritten_either(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = {"directory": None, "project_name": None}
    make_tuner(tmp_path, **options).search()
    folder = tmp_path / "untitled_project"
    with open(folder / "search.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ProjectInUseError):
            make_tuner(tmp_path, overwrite=True, **options)
    assert len(read_search(folder).trials) == 2
    make_tuner(tmp_path, overwrite=True, **options)
    assert not folder.exists() or not (folder / "journal.jsonl").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b" {", b' {"pid": "\\u001b[31m", "host": 3}', b" []", b"\xff" * 5000],
)
def test_holder_that_can_not_be_read_is_another_process(tmp_path, content):
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "search.lock"
    path.write_bytes(content)
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ProjectInUseError, match="searches in") as caught:
            make_tuner(tmp_path).search()
    assert "\x1b" not in str(caught.value)
    make_tuner(tmp_path).search()
