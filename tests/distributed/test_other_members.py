"""Members of a search that do not belong together, and a removed folder."""

import os
import shutil
from concurrent import futures

import grpc
import pytest

import kt_evolution
from tests.distributed.fleet import MAX_TRIALS
from tests.distributed.fleet import Fleet
from tests.distributed.fleet import build_model
from tests.distributed.fleet import free_port
from tests.distributed.fleet import take_part
from tests.project import searches

pytestmark = pytest.mark.later
NAMES = ("worker_1", "worker_2")


def start_other_chief(fleet, take_part_as_chief):
    """Starts a chief that a function runs, and waits for nothing."""
    fleet.port = free_port()
    fleet.processes["chief"] = searches.start(
        take_part_as_chief,
        fleet.directory / "chief",
        fleet.directory,
        fleet.port,
    )


def last_line(fleet, name):
    return fleet.output(name).rstrip().splitlines()[-1]


def be_stock_chief(folder, directory, port):
    import keras_tuner as kt

    os.environ["KERASTUNER_TUNER_ID"] = "chief"
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    kt.RandomSearch(
        build_model,
        "val_loss",
        max_trials=3,
        directory=directory,
        project_name="project",
    ).search()


def test_worker_trains_for_a_stock_chief(tmp_path):
    with Fleet(tmp_path) as fleet:
        start_other_chief(fleet, be_stock_chief)
        fleet.start("worker_1")
        assert fleet.codes() == {"chief": 0, "worker_1": 0}
        assert len(fleet.begun("worker_1")) == 3
        assert "Trial 3 Complete" in fleet.output("chief")


def be_chief_of_another_version(folder, directory, port):
    from kt_evolution.workers import host_calls

    # It does not know one of the fields that a worker sends.
    del host_calls._TYPES["seconds"]
    take_part(folder, directory, port)


def test_chief_of_another_version_is_an_error(tmp_path):
    version = kt_evolution.__version__
    with Fleet(tmp_path) as fleet:
        start_other_chief(fleet, be_chief_of_another_version)
        fleet.start("worker_1")
        fleet.wait(lambda: not fleet.processes["worker_1"].is_alive())
        assert fleet.processes["chief"].is_alive()
        fleet.kill("chief")
        assert fleet.codes()["worker_1"] == 1
        line = last_line(fleet, "worker_1")
    assert "The chief can't read the call of this worker: " in line
    assert line.endswith(
        "All processes of a search need one version of kt_evolution. The chief "
        f"has {version}. This worker has {version}."
    )


def test_server_that_is_no_chief_is_an_error(tmp_path):
    server = grpc.server(futures.ThreadPoolExecutor(1))
    with Fleet(tmp_path) as fleet:
        fleet.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        fleet.start("worker_1")
        assert fleet.codes() == {"worker_1": 1}
        server.stop(None)
        line = last_line(fleet, "worker_1")
    assert line.endswith(
        f"What listens at 127.0.0.1:{fleet.port} is no chief of a search. "
        "Check KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT."
    )


def build_other_model(hp):
    if os.environ["KERASTUNER_TUNER_ID"] == "chief":
        return build_model(hp)
    hp.Float("rate", 0.0, 1.0)
    return build_model(hp, max_units=200)


def test_worker_of_another_space_trains_in_that_of_the_chief(tmp_path):
    with Fleet(tmp_path, build=build_other_model) as fleet:
        fleet.start_chief()
        fleet.start("worker_1")
        assert fleet.codes() == {"chief": 0, "worker_1": 0}
        fleet.check_finished()
        events = fleet.events()
    trials = [one["values"] for one in events if one["event"] == "trial"]
    # Its other range is ignored, and what only it has is searched from then on.
    assert max(values["units"] for values in trials) <= 64
    assert [values.keys() for values in trials] == [
        {"units"},
        *[{"units", "rate"}] * (MAX_TRIALS - 1),
    ]


def test_removed_folder_ends_all(tmp_path):
    with Fleet(tmp_path, lease=6) as fleet:
        fleet.start_chief()
        for name in NAMES:
            fleet.close_gate(name)
            fleet.start(name)
        for name in NAMES:
            fleet.wait(lambda name=name: fleet.num_epochs(name))
        shutil.rmtree(tmp_path / "project")
        for name in NAMES:
            fleet.open_gate(name)
        assert fleet.codes() == {"chief": 1, "worker_1": 1, "worker_2": 1}
    for name in ("chief", *NAMES):
        assert "journal.jsonl is gone: the file" in last_line(fleet, name)
    for name in NAMES:
        assert (
            "The folder of the project was removed while trial"
            in fleet.output(name)
        )
        assert "another worker" not in fleet.output(name)


def test_worker_with_another_folder_is_warned(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_chief()
        fleet.start("worker_1", project_name="elsewhere", max_trials=5)
        assert fleet.codes() == {"chief": 0, "worker_1": 0}
        fleet.start_chief("chief-again")
        fleet.start("worker_2")
        assert fleet.codes()["worker_2"] == 0
    text = "The project of the chief is not in "
    assert text in fleet.output("worker_1")
    assert "Received: directory=" in fleet.output("worker_1")
    assert text not in fleet.output("worker_2")
