"""What workers request in a `run_trial` of their own reaches the chief."""

import os
import time

import pytest

import kt_evolution
from kt_evolution.reporting.reading import read_search
from tests.distributed.test_chief_and_workers import free_port
from tests.project import searches

MAX_TRIALS = 14
NAMES = ("chief", "worker0", "worker1")


def take_part(folder, directory, tuner_id, port):
    """Runs the same code that each process of a distributed search runs."""
    import keras_tuner as kt

    os.environ["KERASTUNER_TUNER_ID"] = tuner_id
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 3)

    class Layered(kt_evolution.EvolutionTuner):
        def run_trial(self, trial, **kwargs):
            # A worker that asks after the chief has left waits for ever.
            searches.note(folder / "begun.txt", trial.trial_id)
            while not all(
                (directory / one / "begun.txt").exists() for one in NAMES[1:]
            ):
                time.sleep(0.05)
            hp = trial.hyperparameters
            layers = hp.Int("layers", 1, 3)
            return sum(hp.Int(f"units_{i}", 1, 4) for i in range(layers))

    tuner = Layered(
        max_trials=MAX_TRIALS,
        seed=0,
        hyperparameters=hp,
        directory=directory,
        project_name="project",
    )
    tuner.search()


@pytest.mark.slow
def test_workers_train_no_model_twice(tmp_path):
    port = free_port()
    processes = [
        searches.start(take_part, tmp_path / name, tmp_path, name, port)
        for name in NAMES
    ]
    for name, process in zip(NAMES, processes, strict=True):
        process.join(240)
        process.kill()
        assert process.exitcode == 0, searches.output(tmp_path / name)
    ends = [one for one in searches.events(tmp_path) if one["event"] == "end"]
    assert len(ends) == MAX_TRIALS
    for end in ends:
        assert len(end["requested"]) >= 2
    trials = read_search(tmp_path / "project").trials
    models = {tuple(sorted(trial.values.items())) for trial in trials}
    assert len(models) == MAX_TRIALS
    for trial in trials:
        assert len(trial.values) == 1 + trial.values["layers"]
