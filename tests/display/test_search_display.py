"""What a person sees of a search, as text."""

import io

import numpy as np
import pytest
from rich.console import Console

from kt_evolution.algorithm.calibration import calibrate
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.display.formatting import duration
from kt_evolution.display.formatting import failure_reason
from kt_evolution.display.frame import Frame
from kt_evolution.display.frame import best_words
from kt_evolution.display.frame import interruption
from kt_evolution.display.frame import plain_line
from kt_evolution.display.frame import search_line
from kt_evolution.display.search_display import EpochProgress
from kt_evolution.display.search_display import SearchDisplay
from kt_evolution.display.status import SearchStatus
from kt_evolution.display.status import TrialSummary
from kt_evolution.display.status import expected_of
from kt_evolution.display.status import origin_of
from kt_evolution.display.status import seconds_left

ONE = ["val_accuracy"]
TWO = ["val_accuracy", "params"]


def search_status(**changes):
    values = {
        "num_ended": 8,
        "max_trials": 20,
        "num_running": 1,
        "num_rejected": 0,
        "best_trial_id": "07",
        "best": (0.96451,),
        "num_on_front": 0,
        "seconds": 100.0,
        "seconds_left": 150.0,
    }
    return SearchStatus(**{**values, **changes})


def trial_summary(**changes):
    values = {
        "trial_id": "07",
        "scores": (0.96451,),
        "is_best": True,
        "expected": (0.95, 0.0123),
        "origin": "crossover and mutation of 03 and 05",
        "seconds": 12.3,
    }
    return TrialSummary(**{**values, **changes})


def drawn(frame, width=110):
    console = Console(file=io.StringIO(), width=width)
    console.print(frame)
    return console.file.getvalue().splitlines()


def test_a_frame_tells_of_the_search_the_trial_and_the_results():
    frame = Frame(search_status(num_ended=7, num_rejected=3), ONE)
    frame.begin("07")
    frame.train("07", 0.5, "epoch 2/4, loss 0.1")
    lines = drawn(frame)
    assert len(lines) == 2
    assert lines[0].startswith("Search ")
    for words in (
        "7/20 trials · best val_accuracy 0.9645 (trial 07)",
        "1:40, about 2:30 left",
        "3 rejected",
    ):
        assert words in lines[0]
    assert lines[1].startswith("Trial 07 ")
    assert lines[1].rstrip().endswith("epoch 2/4, loss 0.1")
    frame.add(trial_summary(), search_status(num_running=3))
    frame.add(trial_summary(trial_id="08", scores=()), search_status())
    lines = drawn(frame)
    # What trains no more is not shown.
    assert [line.split()[0] for line in lines] == [
        "Search",
        "trial",
        "08",
        "07",
    ]
    assert lines[2].split()[1] == "failed"
    assert (
        lines[3].split()
        == (
            "07 0.9645 0.95 ± 0.012 12 s crossover and mutation of 03 and 05"
        ).split()
    )


def test_a_trial_says_what_it_does_before_its_first_epoch_ends():
    # An empty bar without colors looks like a full one.
    frame = Frame(search_status(), ONE)
    frame.begin("08")
    assert drawn(frame)[1].rstrip().endswith(" running")
    display = SearchDisplay(search_status, trial_summary, ONE)
    display._frame = frame
    display.on_build("08", 1, 2)
    assert drawn(frame)[1].rstrip().endswith(" building")
    callback = display.new_callback("08", 1, 2)
    callback.set_params({"epochs": 2, "steps": 4})
    callback.on_train_begin()
    assert drawn(frame)[1].rstrip().endswith(" training")
    assert frame._running["08"][0] == 0.5
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(1)
    assert drawn(frame)[1].rstrip().endswith(" training")
    callback.on_epoch_end(0, {"loss": 0.1})
    assert drawn(frame)[1].rstrip().endswith("epoch 1/2, loss 0.1")


def test_each_trial_that_trains_has_a_line():
    frame = Frame(search_status(), ONE)
    frame.begin("07")
    frame.begin("08")
    frame.train("07", 0.5, "epoch 1/2, loss 0.1")
    frame.train("07", 0.6, None)
    lines = [line.rstrip() for line in drawn(frame)]
    assert [line[:8] for line in lines[1:]] == ["Trial 07", "Trial 08"]
    assert lines[1].endswith("epoch 1/2, loss 0.1")
    assert lines[2].endswith(" running")
    # What another process says of trials that train no more is not shown.
    frame.keep(["08", "09"])
    assert [line[:8] for line in drawn(frame)[1:]] == ["Trial 08"]
    frame.add(trial_summary(trial_id="08"), search_status())
    assert not any(line.startswith("Trial") for line in drawn(frame))


def test_the_best_row_is_marked_without_colors():
    best = trial_summary()
    frame = Frame(search_status(best_trial=best), ONE)
    earlier = trial_summary(trial_id="05", scores=(0.9,), origin="mutation")
    for _ in range(2):
        frame.add(earlier, search_status(best_trial=best))
        pinned = drawn(frame)[2]
        assert pinned.rstrip().endswith(f" best: {best.origin}")
    assert "best: mutation" not in "\n".join(drawn(frame))


def test_only_the_newest_results_are_shown():
    frame = Frame(search_status(), ONE)
    for number in range(30):
        frame.add(trial_summary(trial_id=str(number)), search_status())
    shown = [line.split()[0] for line in drawn(frame)[2:]]
    assert shown == [str(number) for number in range(29, 21, -1)]


def test_the_best_trial_is_the_first_row():
    best = trial_summary(trial_id="07", is_best=True, seconds=None)
    frame = Frame(search_status(best_trial=best), ONE)
    # It is of an earlier session, which had its time.
    assert drawn(frame)[2].split()[:2] == ["07", "0.9645"]
    assert " s " not in drawn(frame)[2]
    for number in range(10, 30):
        frame.add(
            trial_summary(trial_id=str(number), scores=(0.5,), is_best=False),
            search_status(best_trial=best),
        )
    rows = [line.split()[0] for line in drawn(frame)[2:]]
    assert rows == ["07", *map(str, range(29, 21, -1))]
    new = trial_summary(trial_id="25", seconds=None)
    frame.update(search_status(best_trial=new, best_trial_id="25"))
    rows = [line.split() for line in drawn(frame)[2:]]
    assert [row[0] for row in rows[:3]] == ["25", "29", "28"]
    # What is known of it is shown once.
    assert sum(row[0] == "25" for row in rows) == 1
    assert rows[0][5:7] == ["12", "s"]


def test_a_failed_row_says_why():
    frame = Frame(search_status(), ONE)
    failed = trial_summary(scores=(), reason="ValueError: No luck.")
    frame.add(failed, search_status())
    row = drawn(frame)[2]
    assert row.split()[1] == "failed"
    assert row.rstrip().endswith("12 s ValueError: No luck.")
    long = trial_summary(scores=(), reason="ValueError: " + "no " * 100)
    line = plain_line(long, search_status(best_trial_id=None, best=()), ONE)
    assert line.startswith("[8/20] trial 07: failed: ValueError: no no ")
    assert "no\u2026; 12 s, crossover" in line and len(line) < 180


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", ""),
        ("It was started 3 times.\n", "It was started 3 times."),
        (
            "Traceback (most recent call last):\n  x\nkeras.src.OddError: a\nb",
            "OddError: a",
        ),
        (
            "Traceback:\nValueError: Exception encountered when calling "
            "Dense.call().\n\n\x1b[1mIts shape is wrong.\x1b[0m\n\nArguments:",
            "ValueError: Its shape is wrong.",
        ),
        (
            "Traceback:\nInvalidArgumentError: Graph execution error:\n\n"
            'Detected at node a defined at:\n  File "a.py", line 3, in fit\n\n'
            "A label is 7.\n\t [[{{node a}}]] [Op:b]\n",
            "InvalidArgumentError: A label is 7.",
        ),
    ],
)
def test_why_a_trial_failed_is_one_line(message, reason):
    assert failure_reason(message) == reason


def test_scores_and_ids_in_a_table_are_told_apart():
    frame = Frame(search_status(), ONE)
    for trial_id, score in (("9", 0.999970018863678), ("10", 0.99998)):
        frame.add(
            trial_summary(trial_id=trial_id, scores=(score,)), search_status()
        )
    lines = drawn(frame)[2:]
    assert lines[0].startswith("   10 ") and lines[1].startswith("    9 ")
    assert [line.split()[1] for line in lines] == ["0.99998", "0.99997"]


def test_ids_of_four_digits_are_not_cut():
    frame = Frame(search_status(max_trials=None), ONE)
    frame.begin("0007")
    assert drawn(frame)[1].startswith("Trial 0007 ")


def test_workers_are_counted():
    frame = Frame(search_status(num_running=4), ONE)
    assert "4 workers" in drawn(frame)[0]


def test_several_objectives():
    news = search_status(best=(0.9, 610.0), num_on_front=4)
    frame = Frame(news, TWO)
    frame.add(trial_summary(scores=(0.9, 610.0), expected=None), news)
    lines = drawn(frame)
    assert "4 on the front, knee val_accuracy 0.9, params 610" in lines[0]
    assert lines[1].split()[:3] == ["trial", *TWO]
    assert lines[2].split()[:3] == ["07", "0.9", "610"]


@pytest.mark.parametrize("names", [ONE, TWO])
def test_the_nearest_is_shown_while_no_trial_keeps_the_limits(names):
    status = search_status(
        best=(0.9, 610.0)[: len(names)], broken=("latency 5.3 (33% over 4)",)
    )
    (line, *_) = drawn(Frame(status, names), 200)
    assert "no trial is within all limits · nearest is trial 07 with " in line
    assert "with latency 5.3 (33% over 4), val_accuracy 0.9" in line
    assert "front" not in line and "best" not in line


def test_an_objective_with_the_limit_is_shown_once():
    broken = ("val_accuracy 0.9 (9.1% under 0.99)",)
    status = search_status(best=(0.9, 610.0), broken=broken)
    assert best_words(status, TWO)[1] == (
        "nearest is trial 07 with val_accuracy 0.9 (9.1% under 0.99), "
        "params 610"
    )


def test_one_trial_is_no_plural():
    one = search_status(num_ended=1, max_trials=None)
    assert drawn(Frame(one, ONE))[0].split("━ ")[1].startswith("1 trial · ")
    assert "Interrupted after 1 trial; best" in interruption(one, ONE)


def test_names_are_text_and_no_markup():
    frame = Frame(search_status(), ["[bold]a[/bold]"])
    frame.add(trial_summary(origin="[red]x[/red]"), search_status())
    text = "\n".join(drawn(frame))
    assert "[bold]a[/bold]" in text and "[red]x[/red]" in text


@pytest.mark.parametrize("width", [30, 60])
def test_a_narrow_terminal_is_no_error(width):
    frame = Frame(search_status(), ONE)
    frame.add(trial_summary(), search_status())
    assert all(len(line) <= width for line in drawn(frame, width))


def test_a_trial_as_one_line():
    assert plain_line(trial_summary(), search_status(), ONE) == (
        "[8/20] trial 07: val_accuracy 0.9645 (expected 0.95 ± 0.012); best "
        "val_accuracy 0.9645 (trial 07); 12 s, crossover and mutation of 03 "
        "and 05"
    )
    failed = trial_summary(scores=(), is_best=False)
    nothing = search_status(max_trials=None, best_trial_id=None, best=())
    assert plain_line(failed, nothing, ONE) == (
        "[8] trial 07: failed; 12 s, crossover and mutation of 03 and 05"
    )


def test_an_interrupted_search():
    text = interruption(search_status(), ONE)
    assert "Interrupted after 8 trials; best val_accuracy 0.9645" in text
    assert "`tuner.search(...)`" in text
    nothing = search_status(num_ended=0, best_trial_id=None, best=())
    assert best_words(nothing, ONE) == []
    assert "no trial completed yet" in interruption(nothing, ONE)


@pytest.mark.parametrize(
    ("number", "end"),
    [
        (0, "to go on."),
        (1, "to go on, also with the trial that was running."),
        (2, "to go on, also with the 2 that were running."),
    ],
)
def test_an_interrupted_search_says_that_running_trials_go_on(number, end):
    status = search_status(num_running=number)
    assert interruption(status, ONE).endswith(end)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (65.0, "1:05"),
        (3599.7, "1:00:00"),
        (7209.0, "2:00:09"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_nothing_is_left_at_the_end():
    frame = Frame(search_status(), ONE)
    frame.end()
    (line, *_) = drawn(frame)
    assert line.rstrip().endswith("1:40")


def test_the_time_that_is_left():
    assert seconds_left(10.0, 5, 20, np.inf) == 30.0
    assert seconds_left(10.0, 5, 20, 25.0) == 15.0
    assert seconds_left(10.0, 5, None, 25.0) == 15.0
    assert seconds_left(30.0, 5, None, 25.0) == 0.0
    assert seconds_left(0.0, 0, 20, np.inf) is None
    assert seconds_left(10.0, 5, None, np.inf) is None


def test_why_a_trial_was_proposed():
    space = SearchSpace([OrdinalGene("x", range(9), 0)])
    history = History(space)
    history.add(
        Individual(
            space.default_genome(),
            trial_id="07",
            parents=("03", "05"),
            operator="crossover+mutation",
            prediction=(-0.9, 0.1),
        )
    )
    history.reevaluate(0, "11")
    (individual,) = history.individuals
    assert origin_of(individual, "07") == "crossover and mutation of 03 and 05"
    assert origin_of(individual, "11") == "reevaluation of 07"
    mean, std = calibrate((-0.9, 0.1), [])
    assert expected_of(history, "07", -1.0) == (-mean, std)
    assert expected_of(history, "11", -1.0) is None


def test_epochs_fill_the_bar():
    reports = []

    class Recorder:
        def train(self, *news):
            reports.append(news)

    callback = EpochProgress(Recorder(), "07")
    callback.set_params({"epochs": 2, "steps": 4})
    callback.on_epoch_begin(1)
    callback.on_train_batch_end(1)
    callback.on_epoch_end(1, {"loss": 0.25, "val_loss": 12.0})
    assert reports == [
        ("07", 0.75, None),
        ("07", 1.0, "epoch 2/2, loss 0.25, val_loss 12"),
    ]
    callback.set_params({"epochs": 2, "steps": None})
    callback.on_train_batch_end(1)
    assert len(reports) == 2


def test_a_narrow_terminal_keeps_the_title_and_the_bar():
    status = SearchStatus(
        num_ended=7,
        max_trials=30,
        num_running=1,
        num_rejected=3,
        best_trial_id="07",
        best=(0.9645,),
        num_on_front=0,
        seconds=1900.0,
        seconds_left=1240.0,
    )
    console = Console(width=80, file=io.StringIO())
    console.print(search_line(status, ["val_accuracy"]))
    line = console.file.getvalue().rstrip("\n")
    assert line.startswith("Search    \u2501") and len(line) == 80
    # The time that is left counts more than what fits no more.
    assert line.rstrip().endswith(
        "7/30 trials · best val_accuracy 0.9645 · about 20:40 left"
    )
    console = Console(width=100, file=io.StringIO())
    console.print(search_line(status, ["val_accuracy"]))
    line = console.file.getvalue()
    assert "(trial 07) · 31:40, about 20:40 left" in line
    assert "rejected" not in line
    console = Console(width=30, file=io.StringIO())
    console.print(search_line(status, ["val_accuracy"]))
    line = console.file.getvalue().rstrip("\n")
    assert line.startswith("Search    \u2501") and line.endswith("\u2026")
    assert len(line) == 30
