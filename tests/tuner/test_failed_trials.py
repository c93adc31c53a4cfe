"""What is printed of a trial that fails, and what is kept of it."""

import json
import traceback

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_evolution
from kt_evolution.project.tracebacks import LAST_LINES
from kt_evolution.project.tracebacks import MAX_FRAMES
from kt_evolution.project.tracebacks import MAX_LINES
from kt_evolution.project.tracebacks import MAX_WIDTH
from kt_evolution.project.tracebacks import short_message
from kt_evolution.project.tracebacks import short_traceback


def build_model(hp):
    hp.Float("x", 0.0, 1.0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fit_badly(model):
    return model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)


class Failing(kt.HyperModel):
    def __init__(self, error=None):
        super().__init__()
        self.error = error

    def build(self, hp):
        return build_model(hp)

    def fit(self, hp, model, *args, **kwargs):
        if self.error is not None:
            raise self.error
        return fit_badly(model)


def searched(folder, hypermodel):
    """Returns a tuner that had one trial, which failed."""
    tuner = kt_evolution.EvolutionTuner(
        hypermodel, "loss", max_trials=1, directory=folder, project_name="p"
    )
    with pytest.warns(UserWarning, match="The only trial failed") as caught:
        tuner.search(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    tuner.warned = [str(warning.message) for warning in caught]
    return tuner


def test_the_lines_of_the_user_are_printed_and_all_is_kept(tmp_path, capsys):
    tuner = searched(tmp_path, Failing())
    first, *lines, last = capsys.readouterr().err.splitlines()
    path = tmp_path / "p" / "trial_0" / "trial.json"
    assert first == "Trial 0 failed:"
    assert last == f"The whole traceback is the trial's `message`, in {path}"
    files = [line for line in lines if line.startswith("  File ")]
    assert [line.rpartition(" in ")[2] for line in files] == [
        "fit",
        "fit_badly",
    ]
    assert all(f'"{__file__}"' in line for line in files)
    assert any("expected axis -1 of input shape" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert len(lines) <= 2 * len(files) + MAX_LINES + 1
    (message,) = {
        tuner.oracle.get_trial("0").message,
        json.loads(path.read_text())["message"],
    }
    assert message.startswith("Traceback (most recent call last)")
    assert "keras/src" in message
    assert "Arguments received by" in message


@pytest.mark.parametrize(
    ("error", "status", "is_repeated"),
    [
        (ValueError("x"), "FAILED", True),
        (kt.errors.FailedTrialError("x"), "FAILED", False),
    ],
)
def test_a_trial_ends_as_with_the_host(tmp_path, error, status, is_repeated):
    tuner = kt_evolution.EvolutionTuner(
        Failing(error),
        "loss",
        max_trials=1,
        max_retries_per_trial=1,
        directory=tmp_path,
        project_name="p",
    )
    with pytest.warns(UserWarning, match="The only trial failed"):
        tuner.search(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    assert tuner.oracle.get_trial("0").status == status
    starts = (tmp_path / "p" / "journal.jsonl").read_text().count('"start"')
    assert (starts == 1) == is_repeated


def test_a_fatal_error_ends_the_search(tmp_path, capsys):
    error = kt.errors.FatalRuntimeError("x")
    tuner = kt_evolution.EvolutionTuner(
        Failing(error), "loss", directory=tmp_path, project_name="p"
    )
    with pytest.raises(kt.errors.FatalRuntimeError):
        tuner.search(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    assert capsys.readouterr().err == ""


def deep(number):
    if not number:
        json.loads("{")
    deep(number - 1)


def test_a_short_traceback_has_the_last_frames_of_the_user():
    with pytest.raises(ValueError) as caught:
        deep(9)
    text = short_traceback(caught.value)
    assert text.count("in deep") == MAX_FRAMES
    assert 'json.loads("{")' in text
    assert "decoder.py" not in text
    assert text.splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")


def test_without_a_frame_of_the_user_it_has_the_innermost():
    with pytest.raises(ValueError) as caught:
        json.loads("{")
    error = caught.value
    error.__traceback__ = error.__traceback__.tb_next
    text = short_traceback(error)
    assert text.count("File ") == 1
    assert "decoder.py" in text


def test_a_long_text_of_an_error_is_cut():
    text = short_traceback(ValueError("\n".join(map(str, range(20)))))
    assert text.splitlines() == [
        "ValueError: 0",
        *map(str, range(1, MAX_LINES - LAST_LINES)),
        "[...]",
        *map(str, range(20 - LAST_LINES, 20)),
    ]
    (line,) = short_traceback(ValueError("7, " * 1000)).splitlines()
    assert line == f"ValueError: {'7, ' * 1000}"[:MAX_WIDTH] + "[...]"


def test_a_stored_traceback_is_shortened_as_the_error_itself():
    try:
        try:
            deep(9)
        except ValueError as error:
            raise KeyError("a\nb") from error
    except KeyError as error:
        chained, expected = traceback.format_exc(), short_traceback(error)
    assert short_message(chained) == expected
    try:
        deep(9)
    except ValueError as error:
        whole, expected = traceback.format_exc(), short_traceback(error)
    text = short_message(whole)
    assert text.splitlines()[-1] == expected.splitlines()[-1]
    assert text.count("in deep") == MAX_FRAMES
    assert "decoder.py" not in text and "Traceback" not in text
    assert short_message("It ran out of memory.") == "It ran out of memory."


def test_the_end_of_a_search_without_a_result_has_the_users_lines(tmp_path):
    tuner = searched(tmp_path, Failing())
    (text,) = [text for text in tuner.warned if "The only trial" in text]
    assert "in fit_badly" in text and "ValueError: " in text
    assert "site-packages" not in text and "trainer.py" not in text
