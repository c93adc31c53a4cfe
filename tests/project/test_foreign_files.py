"""The folder of a stranger: links out of it, pipes and devices."""

import os
import warnings

import pytest

from kt_evolution import files
from kt_evolution.project.journal import JournalError
from kt_evolution.project.journal import write_atomically
from kt_evolution.project.reader import read_stored
from tests.project.oracles import make_oracle
from tests.project.oracles import run_trials

SECRET = "not yours"


@pytest.fixture
def project(tmp_path):
    """The folder of a project with two ended trials and one that runs."""
    oracle = make_oracle(tmp_path)
    run_trials(oracle, 2)
    oracle.create_trial("tuner0")
    return tmp_path / "p"


@pytest.fixture
def outside(tmp_path):
    """A file of another folder, which nothing may touch."""
    path = tmp_path / "outside" / "file"
    path.parent.mkdir()
    path.write_text(SECRET)
    yield path
    assert path.read_text() == SECRET
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize(
    "name", ["oracle.json", "trial.json", "tuner0.json", "report.html"]
)
def test_temporary_files_are_new(tmp_path, outside, name):
    (tmp_path / f".{name}.tmp").symlink_to(outside)
    (tmp_path / name).symlink_to(outside)
    write_atomically(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text"
    assert not (tmp_path / name).is_symlink()


def test_two_writers_never_share_a_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "oracle.json"
    replace = os.replace

    def write_another_first(source, target):
        monkeypatch.setattr(os, "replace", replace)
        write_atomically(path, "second")
        replace(source, target)

    monkeypatch.setattr(os, "replace", write_another_first)
    write_atomically(path, "first")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["oracle.json"]


@pytest.mark.parametrize(
    "name",
    [
        "journal.jsonl",
        "tuner0.json",
        "oracle.json",
        "trial_02",
        "trial_02/trial.json",
        "trial_02/checkpoint.weights.h5",
        "trial_02/build_config.json",
        "trial_02/training.jsonl",
    ],
)
@pytest.mark.parametrize("is_relative", [True, False])
def test_links_out_of_the_folder_are_refused(
    project, outside, name, is_relative
):
    path = project / name
    target = outside.parent if name == "trial_02" else outside
    if path.is_dir():
        path.rename(project / "was")
    path.unlink(missing_ok=True)
    if is_relative:
        target = os.path.relpath(target, path.parent)
    path.symlink_to(target)
    with pytest.raises(JournalError, match="link that leads out") as caught:
        make_oracle(project.parent).create_trial("tuner0")
    assert str(path) in str(caught.value)


def test_a_later_link_in_the_place_of_the_journal_is_refused(project, outside):
    oracle = make_oracle(project.parent)
    trial = oracle.create_trial("tuner0")
    (project / "journal.jsonl").rename(project / "moved")
    (project / "journal.jsonl").symlink_to(outside)
    oracle.update_trial(trial.trial_id, {"score": 1.0})
    trial.status = "COMPLETED"
    with pytest.raises(JournalError, match="link that leads out"):
        oracle.end_trial(trial)


def test_links_within_the_folder_and_of_the_folder_are_fine(project):
    (project / "journal.jsonl").rename(project / "kept.jsonl")
    (project / "journal.jsonl").symlink_to("kept.jsonl")
    project.rename(project.with_name("elsewhere"))
    project.symlink_to("elsewhere")
    oracle = make_oracle(project.parent)
    assert oracle.create_trial("tuner0").trial_id == "02"
    assert len(read_stored(project).trials) == 3


def test_a_link_in_a_circle_is_refused(project):
    (project / "oracle.json").unlink()
    (project / "oracle.json").symlink_to("oracle.json")
    with pytest.raises(JournalError, match=r"oracle\.json"):
        make_oracle(project.parent)._project.open()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("journal.jsonl", os.mkfifo),
        ("journal.jsonl", os.mkdir),
        ("tuner0.json", os.mkfifo),
    ],
)
def test_what_is_no_file_is_not_waited_for(project, name, make):
    (project / name).unlink(missing_ok=True)
    make(project / name)
    with pytest.raises(JournalError, match=name):
        make_oracle(project.parent)._project.open()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin"])
def test_devices_are_not_read(tmp_path, device):
    (tmp_path / "journal.jsonl").symlink_to(device)
    with pytest.raises(JournalError, match=r"journal\.jsonl"):
        read_stored(tmp_path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda p: p.symlink_to("/dev/zero")]
)
def test_trial_files_that_are_none_are_damaged(tmp_path, make):
    path = tmp_path / "trial_0" / "trial.json"
    path.parent.mkdir()
    make(path)
    assert str(path) in read_stored(tmp_path).damaged[0]


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_an_error_like_others(tmp_path, opening):
    text = opening * 200_000
    with pytest.raises(ValueError, match="nested too deeply"):
        files.parse_json(text)
    (tmp_path / "journal.jsonl").write_text(f"{text}\n{{}}\n")
    with pytest.raises(JournalError, match="Line 1 .* nested too deeply"):
        read_stored(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "", "{}"])
def test_a_link_in_the_place_of_a_tuners_state_stays(project, outside, text):
    other = outside.with_name("other")
    other.write_text(text)
    (project / "tuner0.json").symlink_to(other)
    with warnings.catch_warnings():
        # It is not even read.
        warnings.simplefilter("error")
        with pytest.raises(JournalError, match=r"tuner0\.json is a link"):
            make_oracle(project.parent)._project.open()
    assert (project / "tuner0.json").is_symlink()
    assert other.read_text() == text
    other.unlink()


def test_a_deeply_nested_state_of_a_tuner_is_set_aside(project):
    (project / "tuner0.json").write_text("[" * 200_000)
    with pytest.warns(UserWarning, match=r"tuner0\.json is damaged"):
        assert make_oracle(project.parent).create_trial("tuner0")
