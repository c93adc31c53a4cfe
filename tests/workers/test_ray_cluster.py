"""A search on a Ray cluster whose nodes die and join.

The nodes are raylets of this machine.
"""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import pytest
import ray
from ray.cluster_utils import Cluster

import kt_evolution
from tests.workers.searches import FIT
from tests.workers.searches import new_tuner
from tests.workers.searches import results_of
from tests.workers.test_processes import events_of

pytestmark = pytest.mark.slow

# Seconds after which something will never happen, also on a busy machine.
LIMIT = 300.0


def wait_for(condition):
    last = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.1)


class Holds(keras.callbacks.Callback):
    """Notes the nodes that train, and holds the first training.

    Args:
        folder: String, of the notes. "held" is there once a training is held,
            until "release" is there.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = str(folder)

    def on_epoch_begin(self, epoch, logs=None):
        folder = Path(self.folder)
        node = ray.get_runtime_context().get_node_id()
        (folder / f"node_{node}").touch()
        try:
            (folder / "held").touch(exist_ok=False)
        except FileExistsError:
            return
        wait_for((folder / "release").exists)


def nodes_in(folder):
    return {path.name.removeprefix("node_") for path in folder.glob("node_*")}


@pytest.fixture(scope="module")
def cluster():
    """A cluster whose head, where the searches are, has no CPU for actors."""
    # Other tests of this process may be connected to theirs.
    ray.shutdown()
    cluster = Cluster(
        initialize_head=True,
        connect=True,
        head_node_args={"num_cpus": 0, "object_store_memory": 100 * 2**20},
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def add_node(cluster):
    return cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)


@pytest.fixture
def first_node(cluster):
    node = add_node(cluster)
    yield node
    for one in list(cluster.worker_nodes):
        cluster.remove_node(one, allow_graceful=False)


class Changing(kt_evolution.RayWorkers):
    """Workers that change their cluster while they train.

    Args:
        num_workers: Int.
        steps: List of pairs of functions: when the first returns True, the
            second is called.
    """

    def __init__(self, num_workers, steps):
        super().__init__(num_workers)
        self.steps = steps

    def events(self, timeout):
        if self.steps and self.steps[0][0]():
            self.steps.pop(0)[1]()
        return super().events(timeout)


def test_a_trial_of_a_node_that_dies_runs_on_another(
    tmp_path, cluster, first_node
):
    def change():
        add_node(cluster)
        cluster.remove_node(first_node, allow_graceful=False)

    workers = Changing(1, [((tmp_path / "held").exists, change)])
    tuner = new_tuner(
        tmp_path, max_trials=3, max_retries_per_trial=1, workers=workers
    )
    tuner.search(**FIT, callbacks=[Holds(tmp_path)])
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert len(nodes_in(tmp_path)) == 2
    ends = [
        (one["trial_id"], one["status"]) for one in events_of(tmp_path, "end")
    ]
    # The death costs a try, and no trial has two results.
    assert ends[0] == ("0", "INVALID")
    assert sorted(ends[1:]) == [(name, "COMPLETED") for name in "012"]
    here = new_tuner(tmp_path / "here", max_trials=3)
    here.search(**FIT)
    assert results_of(tuner) == results_of(here)


def test_a_node_that_joins_trains(tmp_path, cluster, first_node):
    steps = [
        ((tmp_path / "held").exists, lambda: add_node(cluster)),
        # The first one is still held.
        (lambda: len(nodes_in(tmp_path)) == 2, (tmp_path / "release").touch),
    ]
    tuner = new_tuner(tmp_path, max_trials=4, workers=Changing(2, steps))
    tuner.search(**FIT, callbacks=[Holds(tmp_path)])
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    workers = {one["worker"] for one in events_of(tmp_path, "trial")}
    assert workers == {"worker0", "worker1"}


# Ray may end a process whose cluster is gone, so it is not that of the tests.
SEARCH = """
    import sys
    import threading
    from pathlib import Path
    import ray
    from ray.cluster_utils import Cluster
    import kt_evolution
    import kt_evolution.workers.ray_cluster
    from tests.workers.searches import FIT, new_tuner
    from tests.workers.test_ray_cluster import Holds, wait_for

    folder, name = Path(sys.argv[1]), sys.argv[2]
    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(
        initialize_head=True, connect=True,
        head_node_args={"num_cpus": 1, **memory},
    )

    def kill():
        wait_for((folder / "held").exists)
        cluster.head_node.all_processes[name][0].process.kill()

    threading.Thread(target=kill, daemon=True).start()
    tuner = new_tuner(
        folder, max_trials=3, workers=kt_evolution.RayWorkers(1)
    )
    try:
        tuner.search(**FIT, callbacks=[Holds(folder)])
    except kt_evolution.workers.ray_cluster.ClusterLostError as error:
        print(f"{type(error).__name__}: {error}")
    print("initialized", ray.is_initialized())
    cluster.shutdown()
"""


@pytest.mark.parametrize(
    ("process", "problem"),
    [
        ("raylet", "the node that the search is connected to has died"),
        ("gcs_server", "its head has not answered for 20 seconds"),
    ],
)
def test_a_cluster_that_is_gone_ends_the_search(tmp_path, process, problem):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SEARCH), tmp_path, process],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    printed = result.stdout + result.stderr
    assert f"Ray cluster of the search is gone: {problem}" in printed, printed
    assert "initialized False" in result.stdout
    assert result.returncode == 0
    # No try was lost, and the project goes on.
    assert events_of(tmp_path, "end") == []
    tuner = new_tuner(tmp_path, max_trials=3)
    tuner.search(**FIT)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert len(events_of(tmp_path, "end")) == 3
