"""The search as Ray Tune calls it, without a Ray that runs."""

import copy
import gc
import importlib
import json
import math
import re
import subprocess
import sys
import tempfile

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus
from ray import cloudpickle
from ray import tune
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search import Repeater
from ray.tune.search import Searcher

import kt_evolution
from kt_evolution.ray_tune import EvolutionSearch
from kt_evolution.reporting import read_search

SPACE = {
    "x": tune.uniform(-1, 1),
    "model": {"layers": tune.randint(1, 6), "act": tune.choice(["a", None])},
    "epochs": 7,
}


def declare(hp):
    """Declares as many widths as there are layers."""
    hp.Float("x", -1.0, 1.0, default=0.5)
    for number in range(hp.Int("layers", 1, 4)):
        hp.Int(f"units_{number}", 1, 64)
    if hp.Choice("kind", ["plain", "deep"]) == "deep":
        with hp.conditional_scope("kind", ["deep"]):
            hp.Float("rate", 0.0, 0.5)


def conditional():
    hp = kt.HyperParameters()
    hp.Float("x", -1.0, 1.0)
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        hp.Float("rate", 0.0, 0.5)
    return hp


def loss_of(config):
    return (config["x"] - 0.3) ** 2 + config.get("rate", 0.2)


def loss_of_nested(config):
    return (config["x"] - 0.3) ** 2 + config["model"]["layers"]


def new_search(space=None, **kwargs):
    space = conditional() if space is None else space
    return EvolutionSearch(space, "loss", "min", seed=0, **kwargs)


def run(search, names, loss=loss_of):
    """Runs one trial after another, and returns the configs."""
    configs = []
    for name in names:
        configs.append(search.suggest(name))
        result = {"loss": loss(configs[-1]), "training_iteration": 1}
        search.on_trial_complete(name, result)
    return configs


def names(first, last):
    return [f"ray{number}" for number in range(first, last)]


def history_of(search):
    return [
        (t.trial_id, t.status, t.score, t.hyperparameters.values)
        for t in search._oracle.trials.values()
    ]


# What is suggested.


def test_the_configs_are_those_of_the_oracle(tmp_path):
    oracle = kt_evolution.EvolutionOracle(
        kt.Objective("loss", "min"),
        max_trials=None,
        seed=0,
        hyperparameters=conditional(),
    )
    oracle._set_project_dir(tmp_path, "oracle")
    expected = []
    for _ in range(16):
        trial = oracle.create_trial("worker")
        values = dict(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"loss": loss_of(values)})
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
        expected.append(values)
    assert run(new_search(), names(0, 16)) == expected


def test_a_config_has_all_values_whose_conditions_hold():
    configs = run(new_search(), names(0, 16))
    kinds = {config["kind"] for config in configs}
    assert kinds == {"plain", "deep"}
    for config in configs:
        assert ("rate" in config) == (config["kind"] == "deep")


def test_a_function_declares_what_its_values_need():
    configs = run(new_search(declare), names(0, 16))
    # The defaults come first.
    assert configs[0] == {"x": 0.5, "layers": 1, "units_0": 1, "kind": "plain"}
    for config in configs:
        expected = {"x", "layers", "kind"}
        expected |= {f"units_{n}" for n in range(config["layers"])}
        expected |= {"rate"} if config["kind"] == "deep" else set()
        assert set(config) == expected
    assert len({config["layers"] for config in configs}) > 1
    assert len({json.dumps(config) for config in configs}) == 16


def test_the_best_is_found():
    configs = run(new_search(), names(0, 40))
    assert min(map(loss_of, configs)) < 0.01


def test_tune_gives_the_space_the_metric_and_the_mode():
    search = EvolutionSearch(seed=0)
    assert search.set_search_properties("score", "max", SPACE)
    configs = [search.suggest(name) for name in names(0, 3)]
    # The middle of each range comes first.
    model = {"layers": 3, "act": "a"}
    assert configs[0] == {"x": 0.0, "model": model, "epochs": 7}
    search.on_trial_complete("ray1", {"score": 3.0})
    search.on_trial_complete("ray2", {"score": 4.0})
    assert search._oracle.get_best_trials()[0].score == 4.0
    assert search.metric == "score"
    assert search.mode == "max"
    # As for other search algorithms, there is one space.
    assert not search.set_search_properties("score", "max", SPACE)
    assert search.set_search_properties("score", "max", {"epochs": 3})
    assert len(history_of(search)) == 0
    assert search.suggest("ray3") == search.suggest("ray3")
    assert len(history_of(search)) == 4


def test_points_to_evaluate_come_first():
    points = [{"x": 0.25, "model": {"act": None}}, {"model": {"layers": 5}}]
    search = new_search(SPACE, points_to_evaluate=points)
    configs = [search.suggest(name) for name in names(0, 3)]
    assert configs[0]["x"] == 0.25
    assert configs[0]["model"]["act"] is None
    assert configs[1]["model"]["layers"] == 5
    assert configs[2]["model"] == {"layers": 3, "act": "a"}
    search = new_search(
        declare, points_to_evaluate=[{"units_2": 9, "layers": 3}]
    )
    assert search.suggest("ray")["units_2"] == 9


def test_it_is_finished_when_every_config_is_known():
    search = new_search({"x": tune.choice([1, 2, 3])})
    configs = [search.suggest(name) for name in names(0, 4)]
    assert configs[3] == Searcher.FINISHED
    assert sorted(config["x"] for config in configs[:3]) == [1, 2, 3]


def test_it_is_finished_when_a_rule_stops_it():
    search = new_search(SPACE, stop=kt_evolution.Target(0.5))
    run(search, ["ray0"], lambda config: 0.25)
    assert search.suggest("ray1") == Searcher.FINISHED


def test_several_objectives_have_a_front():
    search = EvolutionSearch(SPACE, ["loss", "speed"], ["min", "max"], seed=0)
    for name, loss, speed in [("a", 1, 1), ("b", 2, 2), ("c", 3, 0)]:
        search.suggest(name)
        search.on_trial_complete(name, {"loss": loss, "speed": speed})
    front = search._oracle.get_pareto_trials()
    assert sorted(trial.trial_id for trial in front) == ["0000", "0001"]


# Results.


def test_trials_may_end_in_any_order():
    search = new_search()
    configs = {name: search.suggest(name) for name in names(0, 5)}
    assert len({json.dumps(one) for one in configs.values()}) == 5
    for name in ("ray3", "ray0", "ray4", "ray2", "ray1"):
        search.on_trial_complete(name, {"loss": loss_of(configs[name])})
    scores = [one[2] for one in history_of(search)]
    assert scores == [loss_of(configs[name]) for name in names(0, 5)]


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ({"error": True}, "TrainableError: .*error.txt of the trial ray0"),
        ({"result": {"loss": math.nan}}, "number as 'loss'. Received: nan"),
        ({"result": {"loss": math.inf}}, "number as 'loss'. Received: inf"),
        ({"result": {"los": 1.0}}, "number as 'loss'. Received: None"),
        ({}, "number as 'loss'. Received: None"),
    ],
)
def test_failed_trials_are_failures(end, message, capsys):
    search = new_search()
    search.suggest("ray0")
    search.on_trial_complete("ray0", **end)
    search.suggest("ray1")
    search.on_trial_complete("ray1", {"loss": 1.0})
    failed, completed = search._oracle.trials.values()
    assert failed.status == "FAILED"
    assert re.search(message, failed.message)
    assert completed.status == "COMPLETED"
    # Ray says what is to be said.
    assert capsys.readouterr().out == ""
    assert len(run(search, names(2, 20))) == 18


def test_many_failures_do_not_end_the_search():
    search = new_search()
    for name in names(0, 15):
        assert search.suggest(name) != Searcher.FINISHED
        search.on_trial_complete(name, error=True)
    assert len(run(search, names(15, 20))) == 5


def test_a_trial_that_is_stopped_counts_by_its_last_result():
    search = new_search()
    search.suggest("ray0")
    search.on_trial_result("ray0", {"loss": 3.0, "training_iteration": 1})
    search.on_trial_result("ray0", {"loss": 2.0, "training_iteration": 2})
    search.on_trial_complete("ray0")
    (trial,) = search._oracle.trials.values()
    assert (trial.status, trial.score, trial.best_step) == ("COMPLETED", 2, 2)


def test_what_ray_adds_is_no_metric():
    search = new_search(limits=kt_evolution.Limit("size", max=3))
    search.suggest("ray0")
    result = {
        "loss": np.float32(0.5),
        "size": 2,
        "done": True,
        "pid": 12,
        "time_total_s": 3.0,
        "config/x": 0.5,
        "experiment_tag": "0",
    }
    search.on_trial_complete("ray0", result)
    (trial,) = search._oracle.trials.values()
    assert set(trial.metrics.metrics) == {"loss", "size"}


def test_late_and_unknown_trials_are_left_out():
    search = new_search()
    search.on_trial_complete("other", {"loss": 1.0})
    run(search, ["ray0"])
    before = history_of(search)
    search.on_trial_complete("ray0", {"loss": 99.0})
    search.on_trial_complete("other", error=True)
    assert history_of(search) == before
    EvolutionSearch().on_trial_complete("ray0", {"loss": 1.0})


# Saving.


@pytest.mark.parametrize("space", [conditional(), declare, SPACE])
def test_a_restored_search_goes_on_as_if_it_had_not_stopped(space, tmp_path):
    loss = loss_of_nested if space is SPACE else loss_of
    search = new_search(space)
    run(search, names(0, 9), loss)
    pending = {name: search.suggest(name) for name in ("a", "b", "c")}
    search.on_trial_complete("b", error=True)
    path = str(tmp_path / "saved")
    search.save(path)
    # With what it was made with, with nothing, and pickled.
    others = [new_search(space), EvolutionSearch()]
    for other in others:
        other.restore(path)
    others += [copy.deepcopy(search)]
    others += [cloudpickle.loads(cloudpickle.dumps(search))]
    results = []
    for one in [search, *others]:
        for name in ("c", "a"):
            one.on_trial_complete(name, {"loss": loss(pending[name])})
        configs = run(one, names(9, 14), loss)
        results.append((configs, history_of(one)))
    assert all(result == results[0] for result in results)
    assert len(results[0][1]) == 17


def test_it_is_saved_in_the_folder_of_an_experiment(tmp_path):
    search = new_search()
    first = run(search, names(0, 6))
    search.save_to_dir(str(tmp_path), "session")
    assert [path.name for path in tmp_path.iterdir()] == [
        "searcher-state-session.pkl"
    ]
    other = EvolutionSearch()
    other.restore_from_dir(str(tmp_path))
    assert [one[3] for one in history_of_open(other)] == first
    assert run(other, names(6, 9)) == run(search, names(6, 9))


def history_of_open(search):
    search._open()
    return history_of(search)


def test_it_may_be_saved_before_all_is_known(tmp_path):
    path = str(tmp_path / "saved")
    EvolutionSearch(seed=3, population_size=5).save(path)
    other = EvolutionSearch()
    other.restore(path)
    other.set_search_properties("loss", "min", SPACE)
    search = EvolutionSearch(SPACE, "loss", "min", seed=3, population_size=5)
    expected = run(search, names(0, 8), loss_of_nested)
    assert run(other, names(0, 8), loss_of_nested) == expected


@pytest.mark.parametrize("content", [b"", b"no pickle", None])
def test_another_file_is_not_restored(content, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(cloudpickle.dumps({}) if content is None else content)
    with pytest.raises(ValueError, match="`checkpoint_path` must .*other'"):
        EvolutionSearch().restore(str(path))


# Its folder.


def test_the_project_is_kept_where_the_user_wants_it(tmp_path):
    options = {"directory": tmp_path, "project_name": "mine"}
    search = new_search(**options)
    run(search, names(0, 4))
    search.suggest("pending")
    saved = str(tmp_path / "saved")
    search.save(saved)
    run(search, names(4, 6))
    assert len(read_search(tmp_path / "mine").trials) == 7
    # A new search of the folder goes on with what is there.
    del search
    gc.collect()
    again = new_search(**options)
    again.suggest("first")
    pending = again._oracle.ongoing_trials["first"]
    assert (len(history_of(again)), pending.trial_id) == (7, "0004")
    # One that is restored goes back to where it was saved.
    del again, pending
    gc.collect()
    again = new_search(**options)
    again.restore(saved)
    again.on_trial_complete("pending", {"loss": 1.0})
    assert len(read_search(tmp_path / "mine").trials) == 5
    assert len(list((tmp_path / "mine").glob("trial_*"))) == 5


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    search = new_search()
    assert list(tmp_path.iterdir()) == []
    run(search, names(0, 3))
    assert len(list(tmp_path.iterdir())) == 2
    del search
    gc.collect()
    assert list(tmp_path.iterdir()) == []


# Ray's wrappers.


def test_a_concurrency_limiter_limits_it(tmp_path):
    search = ConcurrencyLimiter(new_search(), max_concurrent=2)
    configs = [search.suggest(name) for name in names(0, 3)]
    assert configs[2] is None
    search.on_trial_complete("ray0", {"loss": loss_of(configs[0])})
    assert search.suggest("ray2")
    search.save(str(tmp_path / "saved"))
    other = ConcurrencyLimiter(EvolutionSearch(), max_concurrent=2)
    other.restore(str(tmp_path / "saved"))
    other.set_state(search.get_state())
    for one in (search, other):
        one.on_trial_complete("ray1", {"loss": loss_of(configs[1])})
    assert other.suggest("ray3") == search.suggest("ray3")
    assert other.suggest("ray4") is None


def test_a_repeater_reports_means():
    inner = new_search()
    search = Repeater(inner, repeat=2)
    search.metric  # noqa: B018
    configs = [search.suggest(name) for name in names(0, 4)]
    assert configs[0]["x"] == configs[1]["x"] != configs[2]["x"]
    search.on_trial_complete("ray0", {"loss": 1.0})
    search.on_trial_complete("ray1", {"loss": 2.0})
    assert history_of(inner)[0][2] == 1.5


# Errors.


def test_wrong_modes_and_metrics_are_named():
    with pytest.raises(ValueError, match="`mode` must be .*mode='minimum'"):
        EvolutionSearch(SPACE, "loss", "minimum")
    with pytest.raises(ValueError, match="one length.*mode='min'"):
        EvolutionSearch(SPACE, ["loss"], "min")
    with pytest.raises(ValueError, match="one length.*mode=.'min'."):
        EvolutionSearch(SPACE, ["loss", "speed"], ["min"])
    with pytest.raises(ValueError, match="`mode` must be .*mode='up'"):
        EvolutionSearch().set_search_properties("loss", "up", SPACE)


@pytest.mark.parametrize(
    ("points", "error", "match"),
    [
        ([{"x": 5}], ValueError, r"points_to_evaluate\[0\]\['x'\]=5"),
        ([{}, {"y": 5}], ValueError, r"points_to_evaluate\[1\]\['y'\]=5"),
        ({"x": 0}, TypeError, "`points_to_evaluate` must be a list"),
        ([3], TypeError, r"points_to_evaluate\[0\]=3"),
    ],
)
@pytest.mark.parametrize("space", [SPACE, declare])
def test_wrong_points_are_named(points, error, match, space):
    with pytest.raises(error, match=match):
        new_search(space, points_to_evaluate=points)


def test_what_is_missing_is_named():
    with pytest.raises(RuntimeError, match=r"\['space', 'metric', 'mode'\]"):
        EvolutionSearch().suggest("ray0")
    with pytest.raises(RuntimeError, match=r"know its \['mode'\]"):
        EvolutionSearch(SPACE, "loss").suggest("ray0")


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="no argument `max_trials`"):
        new_search(max_trials=3)
    with pytest.raises(TypeError, match="Did you mean `selection`"):
        new_search(select="tournament")
    with pytest.raises(ValueError, match="`seed` must be .*seed=-1"):
        EvolutionSearch(seed=-1)
    with pytest.raises(ValueError, match="`survival` must be .*young"):
        new_search(survival="young")
    with pytest.raises(NameError, match="undefined"):
        new_search(lambda hp: undefined)  # noqa: F821


def test_the_error_without_ray_names_the_extra(monkeypatch):
    loaded = [name for name in sys.modules if "kt_evolution.ray_tune" in name]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray.tune.search", None)
    with pytest.raises(ImportError, match=r'install "kt-evolution\[ray\]"'):
        importlib.import_module("kt_evolution.ray_tune")


def test_ray_is_not_loaded_by_the_package():
    code = "import sys, kt_evolution; print('ray' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.stdout == "False\n"
