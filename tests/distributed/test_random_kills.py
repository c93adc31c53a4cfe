"""A distributed search whose chief and workers are killed at random."""

import time

import numpy as np
import pytest

from tests.distributed.fleet import Fleet

NUM_TRIALS = 40
NUM_KILLS = 20


@pytest.mark.slow
def test_random_kills_lose_nothing(tmp_path):
    rng = np.random.default_rng(0)
    options = {"lease": 3, "max_starts_per_trial": 100}
    with Fleet(tmp_path, max_trials=NUM_TRIALS, **options) as fleet:
        fleet.start_chief()
        alive = ["chief", "worker_0", "worker_1"]
        for name in alive[1:]:
            fleet.start(name)
        for number in range(2, 2 + NUM_KILLS):
            # From before it has joined to the middle of a trial or a call.
            time.sleep(rng.uniform(0, 5))
            killed = alive.pop(rng.integers(len(alive)))
            assert fleet.processes[killed].is_alive(), fleet.outputs()
            fleet.kill(killed)
            if killed.startswith("chief"):
                alive.append(f"chief-{number}")
                fleet.start_chief(alive[-1])
                continue
            # Half of the workers come back under their names.
            tuner_id = killed.split("-")[0]
            if rng.random() < 0.5:
                tuner_id = f"worker_{number}"
            alive.append(f"{tuner_id}-{number}")
            fleet.start(alive[-1])
        codes = fleet.codes()
        # No process that was not killed has an error, and all have ended.
        assert {name: codes[name] for name in alive} == dict.fromkeys(alive, 0)
        fleet.check_finished(NUM_TRIALS)
