"""A search on actors of a Ray with two CPUs is the one without."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import ray

import kt_evolution
from kt_evolution.workers import ray_workers
from kt_evolution.workers.ray_member import PREFIX
from tests.workers import searches
from tests.workers.searches import FIT
from tests.workers.searches import X
from tests.workers.searches import Y
from tests.workers.searches import new_tuner
from tests.workers.searches import results_of
from tests.workers.test_processes import events_of

pytestmark = pytest.mark.later


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory):
    """One Ray for all tests, since it takes seconds to start.

    It gives the folder in which its actors make theirs, which no Ray of
    another process of these tests has.
    """
    # The code of the guide stays connected to its own.
    ray.shutdown()
    folder = tmp_path_factory.mktemp("scratch")
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=200 * 2**20,
        runtime_env={"env_vars": {"TMPDIR": str(folder)}},
    )
    yield folder
    ray.shutdown()


@pytest.fixture
def no_folder_left(scratch):
    """Asserts that actors use their folder, and that none leaves it behind."""
    before = os.stat(scratch).st_mtime_ns
    yield
    assert os.stat(scratch).st_mtime_ns > before
    assert list(scratch.glob(f"{PREFIX}*")) == []


def on_ray(num_workers=2, **kwargs):
    return kt_evolution.RayWorkers(num_workers, **kwargs)


class Watched:
    """A hypermodel whose process notes what it opens of a folder.

    Args:
        folder: String, the folder that no actor may reach.
        log: String, the folder of the notes.
    """

    def __init__(self, folder, log):
        self.folder = str(folder)
        self.log = str(log)

    def __setstate__(self, state):
        vars(self).update(state)
        folder, log = self.folder, self.log
        Path(log, f"pid_{os.getpid()}").touch()

        def note(event, arguments):
            if event.split(".")[0] not in ("open", "os", "shutil"):
                return
            if any(str(one).startswith(folder) for one in arguments):
                Path(log, "seen").write_text(f"{event} {arguments}")

        sys.addaudithook(note)

    def __call__(self, hp):
        return searches.build(hp)


def test_one_actor_has_the_results_of_this_process(tmp_path, no_folder_left):
    here = new_tuner(tmp_path / "here")
    here.search(**FIT)
    tuner = new_tuner(
        tmp_path / "there",
        hypermodel=Watched(tmp_path / "there", tmp_path),
        workers=on_ray(1),
    )
    tuner.search(**FIT)
    assert results_of(tuner) == results_of(here)
    # The weights came back, and nothing of the folder was opened elsewhere.
    assert [p for p in tmp_path.glob("pid_*")]
    assert not (tmp_path / "seen").exists()
    expected = here.get_best_models()[0].predict(X, verbose=0)
    found = tuner.get_best_models()[0].predict(X, verbose=0)
    np.testing.assert_array_equal(found, expected)


def test_pauses_weights_and_folds_are_those_of_this_process(tmp_path):
    halving = kt_evolution.SuccessiveHalving(min_epochs=1, factor=2)
    inherits = {
        "inherit_weights": True,
        "keep_checkpoints": 2,
        "num_initial_points": 3,
        "surrogate": None,
    }
    data = {"x": X, "y": Y, "verbose": 0}
    for name, options, fit in [
        ("pauses", {"max_trials": 6, "fidelity": halving}, {"epochs": 4}),
        ("weights", {"max_trials": 6, **inherits}, {}),
        ("folds", {"max_trials": 2, "cross_validation": 2}, None),
    ]:
        fit = {**data, "epochs": 1} if fit is None else {**FIT, **fit}
        here = new_tuner(tmp_path / "here" / name, **options)
        here.search(**fit)
        tuner = new_tuner(
            tmp_path / "there" / name, workers=on_ray(1), **options
        )
        tuner.search(**fit)
        assert results_of(tuner) == results_of(here), name
        rungs = [one.rungs for one in tuner.oracle.history.individuals]
        assert rungs == [one.rungs for one in here.oracle.history.individuals]
        if name == "weights":
            assert any(t.inherited for t in tuner.oracle.trials.values())


class Fate(keras.callbacks.Callback):
    """Ends the process of an actor in a training, once for each kind.

    Args:
        folder: String, where it notes what it has done.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        searches.die(self.model.name, self.folder)


def test_a_dead_actor_costs_a_try(tmp_path, capfd):
    given = [{"fate": fate} for fate in ("kill", "exit", "hang")]
    tuner = new_tuner(
        tmp_path,
        hypermodel=searches.build_with_fate,
        max_trials=5,
        workers=on_ray(),
        max_retries_per_trial=1,
        trial_timeout=30,
        initial_population=given,
    )
    tuner.search(**FIT, callbacks=[Fate(str(tmp_path))])
    trials = tuner.oracle.trials.values()
    assert {t.status for t in trials} == {"COMPLETED"}
    assert len(trials) == 5
    ends = events_of(tmp_path, "end")
    messages = [one["message"] for one in ends if one["status"] == "INVALID"]
    for text in (
        "WorkerError: its Ray actor died",
        "ended with exit code 3, for instance by `sys.exit`",
        "did not end within trial_timeout=30",
    ):
        assert [one for one in messages if text in one], text
    # Every trial has one result, and a late actor has none.
    scored = [x["trial_id"] for x in ends if x["status"] == "COMPLETED"]
    assert sorted(scored) == list("01234")


def test_workers_wait_for_resources(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ray_workers, "PATIENCE", 0.0)
    workers = on_ray(3, resources={"CPU": 2})
    tuner = new_tuner(tmp_path, max_trials=3, workers=workers)
    tuner.search(**{**FIT, "verbose": 1})
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert {one["worker"] for one in events_of(tmp_path, "trial")} == {
        "worker0"
    }
    printed = capsys.readouterr().out
    assert printed.count("workers wait for resources of the Ray cluster") == 1
    assert "each takes CPU 2." in printed
    assert printed.count("The search is finished: all 3 trials") == 1


class Interrupts(keras.callbacks.Callback):
    """Notes epochs, and interrupts the search in the fourth, once.

    Args:
        folder: Path, of the notes, and of the file "pid", which has the process
            to interrupt.
    """

    def __init__(self, folder):
        super().__init__()
        # A trial goes on with equal callbacks only. Paths may be other ones.
        self.folder = str(folder)

    def on_epoch_begin(self, epoch, logs=None):
        with open(f"{self.folder}/epochs", "a") as file:
            file.write(f"{epoch} ")

    def on_epoch_end(self, epoch, logs=None):
        pid = Path(self.folder) / "pid"
        if epoch == 3 and pid.exists():
            number = int(pid.read_text())
            pid.unlink()
            os.kill(number, signal.SIGINT)
            time.sleep(60)


def test_an_interrupted_search_goes_on(tmp_path):
    notes = {name: tmp_path / name for name in ("ray", "here")}
    for folder in notes.values():
        folder.mkdir()
    (notes["ray"] / "pid").write_text(str(os.getpid()))
    fit = {**FIT, "epochs": 6, "verbose": 1}
    tuner = new_tuner(tmp_path, max_trials=1, workers=on_ray(1))
    with pytest.raises(KeyboardInterrupt):
        tuner.search(**fit, callbacks=[Interrupts(notes["ray"])])
    assert (tmp_path / "untitled_project/trial_0/unfinished").is_dir()
    tuner = new_tuner(tmp_path, max_trials=1, workers=on_ray(1))
    tuner.search(**fit, callbacks=[Interrupts(notes["ray"])])
    here = new_tuner(tmp_path / "here", max_trials=1)
    here.search(**fit, callbacks=[Interrupts(notes["here"])])
    assert results_of(tuner) == results_of(here)
    epochs = list(map(int, (notes["ray"] / "epochs").read_text().split()))
    # It went on after the last epoch that was kept.
    first = epochs[4]
    assert 1 <= first <= 3
    assert epochs == [0, 1, 2, 3, *range(first, 6)]


def test_a_death_before_the_training_costs_no_try(tmp_path):
    log = str(tmp_path / "log")

    def load_data():
        with open(log, "a") as file:
            is_first = file.tell() == 0
            file.write("loaded ")
        if is_first:
            os._exit(7)
        return {"x": X, "y": Y, "validation_data": (X, Y)}

    tuner = new_tuner(tmp_path, workers=on_ray(), max_retries_per_trial=0)
    tuner.search(load_data, epochs=1, verbose=0)
    assert {t.status for t in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert Path(log).read_text().split() == ["loaded"] * 3


def test_an_error_ends_the_search(tmp_path):
    tuner = new_tuner(tmp_path, workers=on_ray(1))
    with pytest.raises(keras_tuner.errors.FatalTypeError, match="`epoch`"):
        tuner.search(**FIT, epoch=3)


def test_another_version_of_the_package_ends_the_search(tmp_path, monkeypatch):
    found = kt_evolution.__version__
    monkeypatch.setattr(kt_evolution, "__version__", "0.0.7")
    tuner = new_tuner(tmp_path, workers=on_ray(1))
    with pytest.raises(RuntimeError, match="No worker could begin") as error:
        tuner.search(**FIT)
    text = str(error.value)
    assert "kt_evolution must have the same version on all nodes" in text
    assert f"it is 0.0.7 where the search is, and {found} on " in text
    assert events_of(tmp_path, "end") == []


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'install "kt-evolution\[ray\]"'):
        on_ray(1)


class WritesWrongly(keras.callbacks.Callback):
    """Fails with the path of a file of its trial."""

    def __init__(self, folder=""):
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs=None):
        raise RuntimeError(f"{self.folder} is full")


class Saving(kt_evolution.EvolutionTuner):
    """A tuner whose callback gets the folder of the trial."""

    def run_trial(self, trial, *args, **kwargs):
        folder = self.get_trial_dir(trial.trial_id)
        kwargs["callbacks"] = [WritesWrongly(str(folder))]
        return super().run_trial(trial, *args, **kwargs)


@pytest.mark.filterwarnings("ignore:The only trial failed")
def test_messages_have_the_paths_of_the_project(tmp_path):
    tuner = new_tuner(
        tmp_path, tuner_class=Saving, max_trials=1, workers=on_ray(1)
    )
    tuner.search(**FIT)
    (trial,) = tuner.oracle.trials.values()
    assert f"{tmp_path}/untitled_project/trial_0 is full" in trial.message
    assert PREFIX not in trial.message


PRINTING = """
    import sys
    import warnings
    import keras
    import kt_evolution
    from tests.workers.searches import FIT, new_tuner

    class Prints(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            print("the user", end="")
            print(" says hello")
            warnings.warn("the user is warned")

    workers = kt_evolution.RayWorkers(1, address=None)
    for name in ("first", "second"):
        tuner = new_tuner(
            f"{sys.argv[1]}/{name}", max_trials=1, workers=workers
        )
        tuner.search(**{**FIT, "verbose": 1}, callbacks=[Prints()])
"""


def test_what_trainings_print_is_printed_by_the_search(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PRINTING), tmp_path],
        capture_output=True,
        text=True,
    )
    printed = result.stdout + result.stderr
    assert result.returncode == 0, printed
    lines = result.stdout.splitlines()
    assert lines.count("the user says hello") == 2
    assert sum("the user is warned" in line for line in lines) == 2
    assert sum(line.startswith("[1/1] trial 0: ") for line in lines) == 2
    # Ray's own lines have the name of the actor.
    assert "RayMember" not in printed
