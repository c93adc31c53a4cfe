"""`kill -9` at random moments, again and again, until the search ends."""

import random
import time

import pytest

from tests.project import searches

# Long enough for a kill to fall into each part of a trial's life.
DELAY = 0.004


def kill_until_finished(folder, rng, max_kills, **kwargs):
    """Runs a search, kills it and starts it again, until it ends.

    Returns:
        The number of kills.
    """
    kills = 0
    while True:
        was_ended = searches.ended(folder)
        noted = searches.noted_ends(folder)
        assert was_ended.keys() >= noted
        notes = searches.num_notes(folder)
        process = searches.start(searches.search, folder, delay=DELAY, **kwargs)
        if kills < max_kills:
            time.sleep(rng.uniform(0.02, 0.35))
            process.kill()
        process.join()
        assert process.exitcode in (0, -9), searches.output(folder)
        assert searches.ended(folder).items() >= was_ended.items()
        begun = searches.begun(folder, since=notes)
        assert not was_ended.keys() & set(begun)
        if process.exitcode == 0:
            return kills
        kills += 1


@pytest.mark.parametrize(
    "num_kills",
    [15, pytest.param(100, marks=pytest.mark.slow)],
)
def test_killed_search_ends_as_the_uninterrupted_one(tmp_path, num_kills):
    rng = random.Random(0)
    kills = 0
    # On a fast machine many searches end before their kill comes.
    for seed in range(20 * num_kills):
        options = {
            "seed": seed,
            "max_trials": 24,
            # Three kills in a row may hit the same build or training.
            "max_starts_per_trial": 1000,
            "surrogate": "gaussian_process" if seed % 2 else None,
        }
        expected = tmp_path / f"uninterrupted_{seed}"
        assert searches.run(searches.search, expected, **options) == 0
        folder = tmp_path / f"killed_{seed}"
        kills += kill_until_finished(folder, rng, num_kills - kills, **options)
        searches.check_finished(folder, searches.events(expected))
        if kills == num_kills:
            return
    raise AssertionError(f"Only {kills} of {num_kills} kills hit a search.")
