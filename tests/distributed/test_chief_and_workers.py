"""A chief and two workers, each a process, over the host's gRPC."""

import json
import os
import socket
import time

import pytest

import kt_evolution
from tests.project import searches

MAX_TRIALS = 12
WORKERS = ("worker0", "worker1")


def make_tuner(directory, builds=None, fails=False, **kwargs):
    import keras
    import keras_tuner as kt

    def build_model(hp):
        if builds is not None:
            searches.note(builds, "build")
        model = keras.Sequential([keras.Input((4,))])
        for i in range(hp.Int("layers", 1, 3)):
            units = hp.Int(f"units_{i}", 4, 32, step=4)
            model.add(keras.layers.Dense(units))
            model.add(
                keras.layers.Dropout(hp.Float("drop", 0.0, 0.3, step=0.1))
            )
        model.add(keras.layers.Dense(1))
        kind = hp.Choice("optimizer", ["sgd", "adam", "none"])
        if kind == "none":
            raise ValueError("A model needs an optimizer.")
        with hp.conditional_scope("optimizer", ["adam"]):
            if kind == "adam":
                hp.Boolean("amsgrad")
        rate = hp.Float("rate", 1e-5, 1e-2, sampling="log")
        model.compile(keras.optimizers.get(kind), "mse")
        model.optimizer.learning_rate = rate
        return model

    class Model(kt.HyperModel):
        def build(self, hp):
            return build_model(hp)

        def fit(self, hp, model, *args, **kwargs):
            # Only met in training, that is, by a worker.
            with hp.conditional_scope("optimizer", ["adam"]):
                size = 8
                if hp.get("optimizer") == "adam":
                    size = hp.Choice("batch", [4, 16])
            if fails:
                raise RuntimeError("Training crashes.")
            return model.fit(*args, batch_size=size, **kwargs)

    return kt_evolution.EvolutionTuner(
        Model(),
        objective="val_loss",
        max_trials=MAX_TRIALS,
        seed=0,
        num_initial_points=4,
        population_size=4,
        directory=directory,
        project_name="project",
        **kwargs,
    )


def take_part(folder, directory, tuner_id, port, epochs=1, **kwargs):
    """Runs the same code that each process of a distributed search runs."""
    import keras
    import numpy as np

    class Slow(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            searches.note(folder / "epochs.txt", str(epoch))
            time.sleep(0.2)

    os.environ["KERASTUNER_TUNER_ID"] = tuner_id
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    from kt_evolution.project.journal import Journal
    from kt_evolution.training import continuation

    # After each epoch, however long the last write took.
    continuation.MAX_SHARE = float("inf")
    append = Journal.append

    def noted_append(journal, line):
        searches.note(folder / "appends.txt", json.loads(line)["event"])
        append(journal, line)

    Journal.append = noted_append
    x = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
    y = x[:, :1]
    tuner = make_tuner(directory, builds=folder / "builds.txt", **kwargs)
    if tuner_id in WORKERS:
        meet(folder)
    tuner.search(
        x[:32],
        y[:32],
        validation_data=(x[32:], y[32:]),
        epochs=epochs,
        callbacks=[Slow()] if epochs > 1 else [],
    )
    found = tuner.default_trial
    searches.note(folder / "default.txt", str(found and found.trial_id))


def meet(folder):
    """Waits for the other worker: the host's chief leaves without it."""
    (folder / "ready.txt").touch()
    while not all(
        (folder.parent / name / "ready.txt").exists() for name in WORKERS
    ):
        time.sleep(0.01)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def num_lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def search_together(folder, **kwargs):
    """Runs a chief and its workers and returns their exit codes."""
    port = free_port()
    processes = {
        name: searches.start(
            take_part, folder / name, folder, name, port, **kwargs
        )
        for name in ("chief", *WORKERS)
    }
    deadline = time.monotonic() + 240
    hang = []
    for name, process in processes.items():
        process.join(max(deadline - time.monotonic(), 0))
        if process.is_alive():
            hang.append(name)
            process.kill()
    assert not hang, [searches.output(folder / name) for name in hang]
    return {name: process.exitcode for name, process in processes.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a distributed search that has come to its end."""
    folder = tmp_path_factory.mktemp("distributed")
    codes = search_together(folder, measure=["flops", "latency"])
    for name, code in codes.items():
        assert code == 0, searches.output(folder / name)
    return folder


@pytest.fixture
def events(folder):
    return searches.events(folder)


def test_every_trial_is_completed_once(folder, events):
    trials = [event for event in events if event["event"] == "trial"]
    ends = [event for event in events if event["event"] == "end"]
    assert len(trials) == len(ends) == MAX_TRIALS
    assert {event["status"] for event in ends} == {"COMPLETED"}
    assert len({event["trial_id"] for event in ends}) == MAX_TRIALS
    assert len(searches.ended(folder)) == MAX_TRIALS


def test_no_model_is_trained_twice(folder, events):
    values = {}
    for event in events:
        if "values" in event:
            values.setdefault(event["trial_id"], {}).update(event["values"])
    phenotypes = set()
    for trial in values.values():
        dead = {f"units_{i}" for i in range(trial["layers"], 3)}
        alive = {name: trial[name] for name in trial.keys() - dead}
        phenotypes.add(json.dumps(alive, sort_keys=True))
    assert len(phenotypes) == MAX_TRIALS


def test_parents_are_trials_that_had_ended(events):
    ended = set()
    num_bred = 0
    for event in events:
        if event["event"] == "end":
            ended.add(event["trial_id"])
        elif event["event"] == "trial" and "parents" in event["record"]:
            assert ended.issuperset(event["record"]["parents"])
            num_bred += 1
    assert num_bred >= MAX_TRIALS - 6


def test_what_can_not_be_built_costs_no_trial(events):
    trials = [event for event in events if event["event"] == "trial"]
    assert all(trial["values"]["optimizer"] != "none" for trial in trials)
    assert any("rejected" in trial["record"] for trial in trials)


def test_dry_builds_are_the_chiefs_and_both_workers_train(folder):
    assert num_lines(folder / "chief" / "builds.txt") >= MAX_TRIALS
    built = [num_lines(folder / name / "builds.txt") for name in WORKERS]
    # A worker builds what it trains, and nothing else.
    assert sum(built) == MAX_TRIALS
    assert min(built) > 0


def test_a_worker_prints_one_line_for_each_trial(folder, events):
    ends = [event for event in events if event["event"] == "end"]
    for name in WORKERS:
        printed = searches.output(folder / name)
        assert "/step" not in printed and "Epoch" not in printed
        lines = [
            line for line in printed.splitlines() if line.startswith("trial ")
        ]
        own = [end["trial_id"] for end in ends if end["worker"] == name]
        assert [line.split()[1] for line in lines] == [f"{i}:" for i in own]
        assert all(": val_loss " in line for line in lines)
    printed = searches.output(folder / "chief")
    assert f"[{MAX_TRIALS}/{MAX_TRIALS}] trial " in printed
    assert "Results are in " in printed


def test_only_the_chief_writes_the_journal(folder):
    appends = num_lines(folder / "chief" / "appends.txt")
    assert appends == num_lines(next(folder.glob("**/journal.jsonl")))
    for name in WORKERS:
        assert not (folder / name / "appends.txt").exists()


def test_values_come_back_as_they_were_proposed(events):
    """Nothing is rounded on the wire, which would be another genome."""
    proposed = {}
    for event in events:
        if event["event"] == "trial":
            proposed[event["trial_id"]] = event["values"]
        elif event["event"] == "end":
            values = proposed[event["trial_id"]]
            assert event.get("values", values).items() >= values.items()


def test_workers_find_the_default_trial(folder, events):
    first = next(one for one in events if one["event"] == "trial")
    for name in ("chief", *WORKERS):
        default = (folder / name / "default.txt").read_text().strip()
        assert default == first["trial_id"]


def test_costs_that_a_worker_measured_are_the_chiefs(events):
    proposed = {
        event["trial_id"]: event["values"]
        for event in events
        if event["event"] == "trial"
    }
    for event in events:
        if event["event"] != "end":
            continue
        values = proposed[event["trial_id"]]
        units = [values[f"units_{i}"] for i in range(values["layers"])]
        sizes = [4, *units, 1]
        weights = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
        costs = {
            name: metric["steps"][0][1]
            for name, metric in event["metrics"].items()
        }
        assert costs["params"] == weights + sum(sizes[1:])
        assert costs["trainable_params"] == costs["params"]
        assert costs["flops"] >= 2 * weights
        assert costs["latency"] > 0
        assert costs["train_seconds"] > 0


def test_what_a_worker_met_in_training_is_searched(events):
    found = [hp for event in events for hp in event.get("space", [])]
    assert [hp["config"]["name"] for hp in found].count("batch") == 1
    trials = [event for event in events if event["event"] == "trial"]
    assert any("batch" in trial["values"] for trial in trials)


def test_failures_in_a_row_end_all_processes(tmp_path):
    codes = search_together(
        tmp_path, fails=True, max_consecutive_failed_trials=3
    )
    # As in one process, the search ends with the error.
    assert set(codes.values()) == {1}
    for name in codes:
        assert "3 trials in a row failed" in searches.output(tmp_path / name)
    scores = searches.ended(tmp_path)
    assert 3 <= len(scores) <= 4
    assert set(scores.values()) == {None}
    text = (tmp_path / "project" / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    for end in (line for line in lines if line["event"] == "end"):
        # The traceback of the worker, to the line of the user's code.
        assert "test_chief_and_workers.py" in end["message"]
        assert end["message"].rstrip().endswith("Training crashes.")


def test_stopping_rule_ends_all_processes(tmp_path):
    # Any loss will do.
    codes = search_together(tmp_path, stop=kt_evolution.Target(1e9))
    assert set(codes.values()) == {0}
    assert 1 <= len(searches.ended(tmp_path)) <= len(WORKERS)
    kinds = [event["event"] for event in searches.events(tmp_path)]
    assert kinds.count("stopped") == 1


def test_project_can_be_opened_without_a_chief(folder):
    assert searches.run(open_alone, folder) == 0
    best = json.loads((folder / "best.json").read_text())
    assert best == min(searches.ended(folder).values())


def open_alone(folder):
    tuner = make_tuner(folder)
    assert tuner.remaining_trials == 0
    tuner.search(verbose=0)
    tuner.get_best_models()
    score = tuner.oracle.get_best_trials()[0].score
    (folder / "best.json").write_text(json.dumps(score))


@pytest.mark.later
def test_worker_that_is_killed_goes_on_with_its_training(tmp_path):
    port = free_port()

    def start(name):
        return searches.start(
            take_part, tmp_path / name, tmp_path, name, port, epochs=4
        )

    processes = [start("chief"), start("worker1")]
    killed = start("worker0")
    epochs = tmp_path / "worker0" / "epochs.txt"
    while num_lines(epochs) < 3:
        assert killed.is_alive(), searches.output(tmp_path / "worker0")
        time.sleep(0.01)
    killed.kill()
    killed.join()
    processes.append(start("worker0"))
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    printed = searches.output(tmp_path / "worker0")
    assert "was interrupted. It goes on after epoch " in printed
    assert len(searches.ended(tmp_path)) == MAX_TRIALS
    begun = [
        num_lines(tmp_path / name / "epochs.txt")
        for name in ("worker0", "worker1")
    ]
    # No epoch twice but the one that was cut.
    assert sum(begun) == 4 * MAX_TRIALS + 1
    assert not list(tmp_path.glob("project/trial_*/unfinished"))
