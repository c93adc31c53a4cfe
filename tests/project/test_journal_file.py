"""The journal's file: torn, damaged, shared, on a full disk."""

import json
import os
import resource
import shutil
import signal

import keras_tuner as kt
import pytest

import kt_evolution
from kt_evolution.project.journal import Journal
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import write_atomically
from kt_evolution.reporting import read_search
from tests.project import searches
from tests.project.oracles import crash
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials


def line_of(event):
    return json.dumps(event).encode() + b"\n"


def write_journal(path, num_events=3):
    journal = Journal(path)
    written = [{"event": "end", "trial_id": str(i)} for i in range(num_events)]
    for event in written:
        journal.append(line_of(event))
    return written


def test_events_are_read_in_order(tmp_path):
    written = write_journal(tmp_path / "journal.jsonl")
    assert Journal(tmp_path / "journal.jsonl").read() == written


def test_last_line_torn_at_any_byte_is_left_out_and_overwritten(tmp_path):
    path = tmp_path / "journal.jsonl"
    written = write_journal(path)
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        journal = Journal(path)
        assert journal.read() == written[:-1]
        journal.append(line_of(written[-1]))
        assert path.read_bytes() == whole


def test_first_line_torn_is_as_if_there_was_no_journal(tmp_path):
    oracle = make_oracle(tmp_path, seed=None)
    run_trials(oracle, 2)
    path = tmp_path / "p" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:10])

    resumed = make_oracle(tmp_path, seed=None)
    run_trials(resumed, 2)

    first = json.loads(path.read_text().splitlines()[0])
    assert first["event"] == "search"
    assert first["seed"] == resumed.seed
    assert make_oracle(tmp_path, seed=None)._project.open()


@pytest.mark.parametrize("damage", [b'{"event": "tr', b"\x00" * 40])
def test_damage_in_the_middle_names_file_line_and_remedy(tmp_path, damage):
    path = tmp_path / "journal.jsonl"
    written = write_journal(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = damage + b"\n"
    path.write_bytes(b"".join(lines))

    with pytest.raises(JournalError) as caught:
        Journal(path).read()

    assert f"Line 3 of {path}" in str(caught.value)
    assert "Only if neither is possible" in str(caught.value)
    assert "delete line 3" in str(caught.value)
    # Which is what it says.
    path.write_bytes(b"".join(lines[:2]))
    assert Journal(path).read() == written[:2]


def edit_nothing(lines):
    return lines


def add_blank_lines(lines):
    return [b"\n", *(line + b"  \n\r\n" for line in lines), b"\n", b"  "]


def repeat_each_line(lines):
    return [line for line in lines for _ in range(2)]


def repeat_the_last_lines(lines):
    return [*lines, *lines[-5:]]


def repeat_the_last_line_and_tear_it(lines):
    return [*lines, lines[-1], lines[-1][:20]]


def end_lines_as_windows_does(lines):
    return [line[:-1] + b"\r\n" for line in lines]


EDITS = [
    add_blank_lines,
    repeat_each_line,
    repeat_the_last_lines,
    repeat_the_last_line_and_tear_it,
    end_lines_as_windows_does,
]


def run_edited(folder, edit):
    """Runs 9 trials in two sessions, and edits the journal between them."""
    oracle = make_oracle(folder)
    run_trials(oracle, 3)
    crash(oracle, oracle.create_trial("tuner0"))
    run_trials(oracle, 2)
    path = folder / "p" / "journal.jsonl"
    path.write_bytes(b"".join(edit(path.read_bytes().splitlines(True))))

    resumed = make_oracle(folder)
    resumed._project.open()
    run_trials(resumed, 3)
    return resumed


@pytest.mark.parametrize("edit", EDITS)
def test_blank_and_repeated_lines_are_harmless(tmp_path, edit):
    whole = run_edited(tmp_path / "whole", edit_nothing)
    edited = run_edited(tmp_path / "edited", edit)
    again = make_oracle(tmp_path / "edited")
    again._project.open()

    for oracle in (edited, again):
        assert {
            trial_id: (trial.hyperparameters.values, trial.score, trial.status)
            for trial_id, trial in oracle.trials.items()
        } == {
            trial_id: (trial.hyperparameters.values, trial.score, trial.status)
            for trial_id, trial in whole.trials.items()
        }
        assert oracle.end_order == whole.end_order
        assert len(oracle.history.individuals) == len(whole.history.individuals)
    seen = read_search(tmp_path / "edited" / "p")
    assert not seen.problems
    assert [trial.status for trial in seen.trials] == [
        trial.status for trial in whole.trials.values()
    ]


@pytest.mark.parametrize("tail", [b"\n", b"\n\n  \n", b'{"event": "tr\n\n'])
def test_what_is_no_line_is_cut_off_before_the_next(tmp_path, tail):
    path = tmp_path / "journal.jsonl"
    written = write_journal(path)
    journal = Journal(path)
    journal.read()
    with open(path, "ab") as file:
        file.write(tail)

    journal.append(line_of(written[0]))

    assert Journal(path).read() == [*written, written[0]]


def test_damaged_project_is_not_touched(tmp_path):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 3)
    path = tmp_path / "p" / "journal.jsonl"
    damaged = path.read_bytes().replace(b'"end"', b'"en', 1)
    path.write_bytes(damaged)

    resumed = make_oracle(tmp_path)
    with pytest.raises(JournalError, match="Line 3 of"):
        resumed.create_trial("tuner0")

    assert path.read_bytes() == damaged


def test_line_of_another_process_is_noticed(tmp_path):
    first = make_oracle(tmp_path)
    run_trials(first, 2)
    second = make_oracle(tmp_path)
    run_trials(second, 1)
    before = (tmp_path / "p" / "journal.jsonl").read_bytes()

    with pytest.raises(JournalError, match="changed by another process"):
        first.create_trial("tuner0")

    assert (tmp_path / "p" / "journal.jsonl").read_bytes() == before
    # In doubt memory follows the file.
    assert first.create_trial("tuner0").trial_id == "03"


def search_with_little_room(folder, room):
    """Runs a search whose files may not grow beyond `room` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    tuner = searches.make_tuner(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        tuner.search(verbose=0)
    except JournalError as error:
        message = str(error)
    else:
        message = "no error"
    results = len(tuner.oracle.get_best_trials(100))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    (folder / "error.txt").write_text(f"{results} results. {message}")
    if room % 2:
        # In the same process; else in a new one.
        tuner.search(verbose=0)


@pytest.mark.parametrize("room", [10, 400, 1801, 2600, 3501, 5000, 6001])
def test_full_disk_ends_the_search_at_once(tmp_path, uninterrupted, room):
    assert searches.run(search_with_little_room, tmp_path, room) == 0
    message = (tmp_path / "error.txt").read_text()
    was_ended = searches.ended(tmp_path)
    completed = [x for x in was_ended.values() if x is not None]

    assert "can't be written" in message
    if not room % 2:
        assert message.startswith(f"{len(completed)} results.")
        assert searches.run(searches.search, tmp_path) == 0

    searches.check_finished(tmp_path, uninterrupted)
    runs = searches.begun(tmp_path)
    assert len(runs) <= len(set(runs)) + 1 + searches.num_retries(tmp_path)


def test_file_in_the_folders_place_is_an_error(tmp_path):
    (tmp_path / "p").write_text("not a folder")
    oracle = make_oracle(tmp_path)
    with pytest.raises((JournalError, OSError)) as caught:
        oracle.create_trial("tuner0")
    assert str(tmp_path / "p") in str(caught.value)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_folder_without_write_permission_is_an_error(tmp_path):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 1)
    (tmp_path / "p").chmod(0o500)
    with pytest.raises(JournalError, match="can't be written"):
        oracle.create_trial("tuner0")
    (tmp_path / "p").chmod(0o700)
    run_trials(oracle, 1)


def test_stock_project_is_not_continued(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("x", 1, 9)
    stock = kt.oracles.RandomSearchOracle(
        objective=kt.Objective("score", "max"),
        max_trials=20,
        hyperparameters=hp,
    )
    stock._set_project_dir(tmp_path, "p")
    stock.verbose = 0
    stock.create_trial("tuner0")
    stock.save()

    with pytest.raises(RuntimeError, match="made by another oracle"):
        make_oracle(tmp_path).create_trial("tuner0")


def test_tuner_saved_before_its_first_trial_can_be_resumed(tmp_path):
    for _ in range(2):
        searches.make_tuner(tmp_path).save()
    tuner = searches.make_tuner(tmp_path)
    assert [hp.name for hp in tuner.oracle.get_space().space] == [
        "layers",
        "units_0",
        "kind",
    ]


def test_folder_on_another_file_system_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="gs://bucket"):
        make_oracle("gs://bucket")


def test_atomic_write_leaves_the_old_text_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "trial.json"
    write_atomically(path, "old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(JournalError, match="No space left"):
        write_atomically(path, "new")

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["trial.json"]


def test_atomic_write_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "trial.json", "text")
    finally:
        os.umask(old)
    mode = (tmp_path / "trial.json").stat().st_mode
    assert mode & 0o777 == 0o640


def test_search_leaves_no_temporary_files(tmp_path):
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 6)
    oracle._project.release()
    names = {name for _, _, files in os.walk(tmp_path) for name in files}
    assert names == {"journal.jsonl", "trial.json", "oracle.json"}


def test_project_can_be_moved(tmp_path):
    oracle = make_oracle(tmp_path / "here")
    run_trials(oracle, 3)
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = make_oracle(tmp_path / "there")
    assert moved._project.open()
    assert len(moved.get_best_trials(10)) == 3


# What another version of the package may write behind its first line.
OTHER_LINES = [b"", b"not JSON at all\n", b"\x00\x01\n\x02\n", b"[1]\n[2]\n"]


@pytest.mark.parametrize("rest", OTHER_LINES)
def test_later_version_is_told_before_its_lines_are_read(tmp_path, rest):
    run_trials(make_oracle(tmp_path), 1)
    path = tmp_path / "p" / "journal.jsonl"
    first = path.read_bytes().splitlines(True)[0]
    newer = first.replace(b'"version":1', b'"version":99', 1) + rest
    path.write_bytes(newer)

    for read in (
        make_oracle(tmp_path)._project.open,
        lambda: read_search(tmp_path / "p"),
        make_oracle(
            tmp_path / "q", warm_start=tmp_path / "p"
        )._proposer.prepare,
    ):
        with pytest.raises(JournalError, match="newer version") as caught:
            read()
        assert "journal has version 99, and this one reads 1" in str(
            caught.value
        )
        assert "--upgrade" in str(caught.value)
        assert "delete" not in str(caught.value)
    assert path.read_bytes() == newer


@pytest.mark.parametrize("version", ["9" * 100_000, [1] * 50_000, 10**4000])
def test_version_of_any_length_is_told_in_short(tmp_path, version):
    run_trials(make_oracle(tmp_path), 1)
    path = tmp_path / "p" / "journal.jsonl"
    first, *rest = path.read_text().splitlines()
    first = json.dumps({**json.loads(first), "version": version})
    path.write_text("\n".join([first, *rest, ""]))
    with pytest.raises(JournalError, match="version of kt-evolution") as caught:
        make_oracle(tmp_path)._project.open()
    assert len(str(caught.value)) < 600 + len(str(tmp_path))


@pytest.mark.parametrize(
    "seconds", ["5", "../../x", None, [], {}, -1, float("nan"), 1e308]
)
@pytest.mark.parametrize("number", [1, 2])
def test_duration_of_a_session_is_checked(tmp_path, seconds, number):
    run_trials(make_oracle(tmp_path), 2)
    path = tmp_path / "p" / "journal.jsonl"
    lines = path.read_text().splitlines()
    line = {**json.loads(lines[number]), "seconds": seconds}
    lines[number] = json.dumps(line)
    path.write_text("\n".join([*lines, ""]))
    with pytest.raises(JournalError, match="`seconds` must be a number of"):
        make_oracle(tmp_path)._project.open()


def test_two_tuners_of_one_process_are_no_other_process(tmp_path):
    oracles = [make_oracle(tmp_path), make_oracle(tmp_path)]
    for oracle in oracles:
        oracle.create_trial("tuner0")
    with pytest.raises(JournalError, match="another tuner of this one"):
        oracles[0].create_trial("tuner0")


def test_version_that_is_no_newer_is_another(tmp_path):
    run_trials(make_oracle(tmp_path), 1)
    path = tmp_path / "p" / "journal.jsonl"
    text = path.read_text().replace('"version":1', '"version":"beta"', 1)
    path.write_text(text)
    with pytest.raises(JournalError, match="another version") as caught:
        make_oracle(tmp_path)._project.open()
    assert "upgrade" not in str(caught.value)


def test_oracle_without_a_folder_says_so():
    oracle = kt_evolution.EvolutionOracle(objective="val_loss")
    with pytest.raises(RuntimeError, match="project folder"):
        oracle.create_trial("tuner0")
