"""`measure=["synflow"]`: proxies of candidates are inputs of the search."""

import json
import random

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tuner_helpers import FIT
from tuner_helpers import ScoringTuner
from tuner_helpers import build_dense
from tuner_helpers import dense_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution.costs import synflow
from kt_evolution.proposals.dry_build import DryBuild


def new_tuner(folder, build=build_dense, **options):
    options = {
        "objective": kt.Objective("score", "min"),
        "max_trials": 10,
        "seed": 0,
        "directory": folder,
        "project_name": "p",
        "measure": ["synflow"],
        **options,
    }
    tuner = ScoringTuner(build, **options)
    tuner.oracle.verbose = 0
    return tuner


def score(hp):
    return {"score": (hp.get("units") - 11) ** 2 + abs(hp.get("lr") - 0.1)}


def events_of(folder):
    lines = (folder / "p" / "journal.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_the_proxies_of_candidates_change_what_is_trained(tmp_path):
    informed = new_tuner(tmp_path / "a")
    plain = new_tuner(tmp_path / "b", measure=())
    for tuner in (informed, plain):
        tuner.search(score)
    assert values_of(informed) != values_of(plain)
    # Of each proposal up to 16 candidates are built.
    builds = [events_of(tmp_path / name).count("build") for name in "ab"]
    assert builds[1] == 10 and 40 < builds[0] <= 10 * 17


def test_it_is_said_once_what_takes_time(tmp_path, capsys):
    tuner = new_tuner(tmp_path)
    tuner.oracle.verbose = 1
    tuner.search(score)
    said = (
        "measure=['synflow']: up to 16 candidates are built and measured "
        "before each trial"
    )
    out = capsys.readouterr().out
    assert out.count(said) == 1
    assert out.index(said) < out.index("[1/10]")


def test_a_resumed_search_goes_on_as_if_it_had_not_ended(tmp_path):
    whole = new_tuner(tmp_path / "a")
    whole.search(score)
    for max_trials in (4, 7, 10):
        random.seed(max_trials)
        keras.utils.set_random_seed(max_trials)
        parts = new_tuner(tmp_path / "b", max_trials=max_trials)
        parts.search(score)
    assert values_of(parts) == values_of(whole)


def trained(folder, **options):
    """Returns a search of real trainings that has ended."""
    options = {"max_trials": 8, "measure": ["synflow", "naswot"], **options}
    tuner = kt_evolution.EvolutionTuner(
        build_dense,
        "val_loss",
        seed=0,
        directory=folder,
        project_name="p",
        **options,
    )
    tuner.search(**FIT)
    return tuner


def inputs_of(trials):
    """Returns the metrics of trials that are inputs of the search."""
    return [
        [
            trial.metrics.get_best_value(name)
            for name in ("synflow", "naswot", "params")
        ]
        for trial in trials
    ]


def test_the_proxies_of_a_trained_model_are_its_metrics(tmp_path):
    tuner = trained(tmp_path)
    genomes = tuner.oracle.history.genomes
    known = tuner.oracle._proposer._proxies.of_search().measure(genomes)
    trials = trials_of(tuner, "COMPLETED")
    assert len(trials) == 8
    assert known.tolist() == inputs_of(trials)


def test_the_proxies_of_an_imported_model_are_those_of_its_project(tmp_path):
    past = trained(tmp_path / "a", max_trials=4)
    tuner = trained(tmp_path / "b", max_trials=1, warm_start=past.project_dir)
    history = tuner.oracle.history
    num_builds = events_of(tmp_path / "b").count("build")
    proxies = tuner.oracle._proposer._proxies.of_search()
    known = proxies.measure(history.genomes[history.imports])
    expected = inputs_of(trials_of(past))
    # The best of them was trained here as well, with other first weights.
    same = np.all(known == expected, axis=1)
    assert len(same) == 4 and same.sum() >= 3
    assert events_of(tmp_path / "b").count("build") == num_builds


def test_candidates_are_noted_before_they_are_built(tmp_path):
    seen = []

    def build(hp):
        if (tmp_path / "p" / "journal.jsonl").exists():
            seen.append(events_of(tmp_path)[-1])
        return build_dense(hp)

    tuner = new_tuner(tmp_path, build, max_trials=6)
    seen.clear()
    tuner.search(score)
    assert set(seen) == {"build"} and len(seen) > 30


def build_with_rectifiers(hp):
    """Builds models of which some can't be built, and some have no NASWOT."""
    units = hp.Int("units", 1, 16)
    hp.Float("lr", 1e-3, 1.0, sampling="log")
    activation = hp.Choice("activation", ["relu", "linear"])
    if units % 4 == 1:
        raise ValueError("It has a wrong number of units.")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


def test_a_model_without_a_proxy_is_searched_like_others(tmp_path, recwarn):
    tuner = new_tuner(
        tmp_path, build_with_rectifiers, measure=["naswot"], max_trials=12
    )
    tuner.search(score)
    assert len(trials_of(tuner, "COMPLETED")) == 12
    # What can't be built is seen before it is proposed.
    individuals = tuner.oracle.history.individuals
    rejected = [one.operator for one in individuals if one.trial_id is None]
    assert "initial" not in rejected
    assert not [one for one in recwarn if "proxy" in str(one.message)]


def without_rectifiers(hp):
    hp.Int("units", 1, 16)
    hp.Float("lr", 1e-3, 1.0, sampling="log")
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])


def other_than_keras(hp):
    without_rectifiers(hp)
    return object()


@pytest.mark.parametrize("build", [without_rectifiers, other_than_keras])
def test_where_models_have_no_proxy_candidates_are_not_built(
    tmp_path, capsys, build
):
    tuner = new_tuner(tmp_path / "a", build, measure=["naswot"])
    tuner.oracle.verbose = 1
    tuner.search(score)
    assert capsys.readouterr().out.count("no such proxy") == 1
    plain = new_tuner(tmp_path / "b", build, measure=())
    plain.search(score)
    assert values_of(tuner) == values_of(plain)
    builds = [events_of(tmp_path / name).count("build") for name in "ab"]
    assert builds[0] == builds[1] + 1


@pytest.mark.parametrize(
    "limited",
    [{"limits": kt_evolution.Limit("params", max=40)}, {"max_model_size": 40}],
)
def test_candidates_over_a_limit_are_passed_over(tmp_path, limited):
    rejected = []
    for name, measure in (("a", ["synflow"]), ("b", ())):
        # 40 parameters are those of six units.
        tuner = new_tuner(
            tmp_path / name, measure=measure, max_trials=8, **limited
        )
        tuner.search(score)
        assert len(trials_of(tuner, "COMPLETED")) == 8
        individuals = tuner.oracle.history.individuals
        rejected.append(
            [one.operator for one in individuals if one.trial_id is None]
        )
        # Offspring of rejected models have no trials for parents.
        assert all(parent for one in individuals for parent in one.parents)
    # Of 16 points one is within the limit.
    assert "initial" not in rejected[0] and "initial" in rejected[1]


def test_a_model_is_measured_once_whatever_it_does_not_ask_for(tmp_path):
    built = []

    def build(hp):
        number = hp.Int("layers", 1, 4)
        units = tuple(hp.Int(f"units_{i}", 4, 8, 4) for i in range(number))
        built.append(units)
        layers = [keras.layers.Dense(one, activation="relu") for one in units]
        return keras.Sequential(
            [keras.Input((4,)), *layers, keras.layers.Dense(1)]
        )

    tuner = new_tuner(tmp_path, build)
    tuner.search(lambda hp: {"score": hp.get("layers") + hp.get("units_0")})
    proxies = tuner.oracle._proposer._proxies.of_search()
    rng = np.random.default_rng(0)
    space = tuner.oracle.history.space
    genomes = space.canonicalize(rng.random((200, space.num_genes)))
    built.clear()
    found = proxies.measure(genomes)
    # Of 30 models some were built by the search.
    assert len(built) == len(set(built)) < 30
    by_values = {}
    for genome, row in zip(genomes, found.tolist(), strict=True):
        values = space.decode(genome)
        number = values["layers"]
        key = tuple(values[f"units_{i}"] for i in range(number))
        assert by_values.setdefault(key, row) == row
    assert len({row[0] for row in by_values.values()}) == len(by_values)


def test_candidates_leave_the_search_space_alone(tmp_path):
    def build(hp):
        model = build_dense(hp)
        if hp.get("units") == 16:
            hp.Float("more", 0.0, 1.0)
        return model

    tuner = new_tuner(tmp_path, build)
    proxies = tuner.oracle._proposer._proxies.of_search()
    space = tuner.oracle.history.space
    names = [one.name for one in tuner.oracle.get_space().space]
    largest = space.encode({"units": 16, "lr": 0.1})
    assert np.isfinite(proxies.measure(largest[None])).all()
    assert [one.name for one in tuner.oracle.get_space().space] == names


@pytest.mark.parametrize(
    "objective, is_informed",
    [
        ("params", False),
        ([kt.Objective("score", "min"), "params"], True),
        (kt.Objective("synflow", "max"), True),
    ],
)
def test_costs_are_not_informed(tmp_path, objective, is_informed):
    tuner = new_tuner(tmp_path, objective=objective)
    proxies = tuner.oracle._proposer._proxies.of_search()
    assert (proxies is not None) is is_informed
    if isinstance(objective, list):
        assert proxies.are_informed == (True, False)


@pytest.mark.parametrize("option", [{"dry_build": False}, {"surrogate": None}])
def test_where_proxies_are_metrics_only_nothing_is_built(
    tmp_path, capsys, option
):
    tuner = new_tuner(tmp_path / "a", **option)
    tuner.oracle.verbose = 1
    plain = new_tuner(tmp_path / "b", measure=(), **option)
    for one in (tuner, plain):
        one.search(score)
    assert tuner.oracle._proposer._proxies.of_search() is None
    assert "candidates" not in capsys.readouterr().out
    assert values_of(tuner) == values_of(plain)
    builds = [events_of(tmp_path / name).count("build") for name in "ab"]
    assert builds[0] == builds[1]


def test_first_weights_do_not_depend_on_what_was_drawn_before():
    builder = DryBuild(kt.HyperModel(), proxies=["synflow"])
    builder.hypermodel.build = build_dense
    values = {"units": 7, "lr": 0.1}
    space = kt.HyperParameters()
    found = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        before = random.getstate(), np.random.get_state()[1].tolist()
        found.append(builder.build(space, values, with_proxies=True).proxies)
        assert before == (random.getstate(), np.random.get_state()[1].tolist())
    assert found[0] == found[1]
    keras.utils.set_random_seed(0)
    assert found[0] == {"synflow": pytest.approx(synflow(dense_model(7)))}
    assert builder.build(space, values).proxies == {}


def test_what_is_too_large_is_not_measured():
    builder = DryBuild(kt.HyperModel(), max_model_size=10, proxies=["synflow"])
    builder.hypermodel.build = build_dense
    report = builder.build(
        kt.HyperParameters(), {"units": 7, "lr": 0.1}, with_proxies=True
    )
    assert report.violation > 0.0 and report.proxies == {}
