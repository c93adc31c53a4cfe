"""Ctrl-C at any line of a search, and `search` again in the same process."""

import random

import pytest

from tests.project import interruptions
from tests.project import searches

# So many tests share the points, to run in several processes.
NUM_PARTS = 8
NUM_SAMPLED = 24
# What a restart finds is what memory has.
STATE = (
    *["trials", "start_order", "end_order", "ongoing_trials"],
    *["retry_queue", "num_recorded", "num_completed", "run_times"],
)


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A point of time in the search for each line of ours that it runs."""
    folder = tmp_path_factory.mktemp("lines")
    # The first search of a process also runs what is cached later.
    interruptions.lines_of_a_search(folder / "first")
    times = {}
    lines = interruptions.lines_of_a_search(folder / "counted")
    for number, line in enumerate(lines):
        times.setdefault(line, []).append(number)
    rng = random.Random(0)
    return [rng.choice(numbers) for numbers in times.values()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The lines of the journal of a search that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    interruptions.make_tuner(folder).search(verbose=0)
    return searches.events(folder)


def state_of(tuner):
    state = {name: getattr(tuner.oracle._project.state, name) for name in STATE}
    state["trials"] = [
        trial.get_state() for trial in state.pop("trials").values()
    ]
    return state


def check_point(folder, number, whole):
    tuner = interruptions.search_twice(folder, number)
    searches.check_finished(folder, whole)
    assert state_of(tuner) == state_of(interruptions.make_tuner(folder))


def test_interrupted_search_goes_on_as_if_nothing_was(tmp_path, points, whole):
    """A sample of all points; the slow test has the others."""
    for number in random.Random(1).sample(points, NUM_SAMPLED):
        check_point(tmp_path / str(number), number, whole)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(NUM_PARTS))
def test_every_line_can_be_interrupted(tmp_path, points, whole, part):
    assert len(points) > 900
    for number in points[part::NUM_PARTS]:
        check_point(tmp_path / str(number), number, whole)
