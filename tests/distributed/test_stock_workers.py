"""Workers of Keras Tuner's own, which say nothing of themselves."""

import os

import pytest

from tests.distributed.fleet import MAX_TRIALS
from tests.distributed.fleet import Fleet
from tests.distributed.fleet import build_model
from tests.project import searches


def take_part(folder, directory, port):
    import keras_tuner as kt
    import numpy as np

    os.environ["KERASTUNER_TUNER_ID"] = folder.name
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    tuner = kt.RandomSearch(
        build_model, "val_loss", directory=directory, project_name="project"
    )
    x = np.ones((8, 4), "float32")
    tuner.search(x, x[:, :1], validation_data=(x, x[:, :1]), verbose=0)
    searches.note(folder / "log.txt", "begun nothing")


@pytest.mark.later
def test_stock_worker_trains_for_our_chief(tmp_path):
    with Fleet(tmp_path, lease=5) as fleet:
        fleet.start_chief()
        args = (tmp_path, fleet.port)
        fleet.processes["stock"] = searches.start(
            take_part, tmp_path / "stock", *args
        )
        # One that leaves a trial, which the stock worker takes over.
        fleet.close_gate("worker_1")
        fleet.start("worker_1")
        fleet.wait(lambda: fleet.num_epochs("worker_1"))
        fleet.kill("worker_1")
        codes = fleet.codes()
        fleet.check_finished()
    assert codes["chief"] == codes["stock"] == 0
    assert "stock has joined the search" in fleet.output("chief")
    ends = [one for one in fleet.events() if one["event"] == "end"]
    assert [one["worker"] for one in ends] == ["stock"] * MAX_TRIALS
