"""What the constructor's builds find out about the search space."""

import contextlib

import keras_tuner as kt
import pytest
from keras_tuner.src.engine.conditions import Parent
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import trials_of
from tuner_helpers import values_of

import kt_evolution
from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.proposals.dry_build import BuildHyperParameters
from kt_evolution.proposals.proposer import NothingTrainableError


class Recording:
    """A build function that remembers the values that it was built with."""

    def __init__(self, build):
        self.build = build
        self.values = []

    def __call__(self, hp):
        self.build(hp)
        self.values.append(dict(hp.values))
        return empty_model()


def new_tuner(folder, build, max_trials=10, **kwargs):
    return ScoringTuner(
        build, max_trials=max_trials, seed=0, directory=folder, **kwargs
    )


def names_in(tuner):
    return [hp.name for hp in tuner.oracle.get_space().space]


def test_thirty_branches_take_at_most_thirty_builds(tmp_path):
    def build(hp):
        kind = hp.Choice("kind", [f"k{i}" for i in range(30)])
        for i in range(30):
            with hp.conditional_scope("kind", [f"k{i}"]):
                if kind == f"k{i}":
                    hp.Int(f"size_{i}", 1, 9)

    record = Recording(build)
    tuner = new_tuner(tmp_path, record)
    assert len(record.values) <= 30
    assert len(names_in(tuner)) == 31


def test_branches_that_go_together_are_opened_together(tmp_path):
    def build(hp):
        for i in range(30):
            hp.Boolean(f"use_{i}")
            with hp.conditional_scope(f"use_{i}", [True]):
                if hp.get(f"use_{i}"):
                    hp.Int(f"size_{i}", 1, 9)

    record = Recording(build)
    tuner = new_tuner(tmp_path, record)
    assert len(record.values) == 2
    assert len(names_in(tuner)) == 60


def nested(hp):
    """Four levels, and the same name in two branches."""
    model = hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["mlp"]):
        if model == "mlp":
            hp.Int("units", 1, 4)
    with hp.conditional_scope("model", ["cnn"]):
        if model == "cnn":
            hp.Int("units", 10, 14)
            pool = hp.Choice("pool", ["none", "max", "avg"])
            with hp.conditional_scope("pool", ["max", "avg"]):
                if pool != "none":
                    size = hp.Int("size", 2, 3)
                    with hp.conditional_scope("size", [3]):
                        if size == 3:
                            hp.Boolean("same")


def test_a_nest_of_many_levels_is_explored(tmp_path):
    # Each level once took twice the time of the one above it.
    depth = 40

    def build(hp):
        with contextlib.ExitStack() as scopes:
            for level in range(depth):
                hp.Boolean(f"on_{level}")
                scopes.enter_context(
                    hp.conditional_scope(f"on_{level}", [True])
                )
                hp.Int(f"units_{level}", 1, 8)

    recording = Recording(build)
    tuner = new_tuner(tmp_path, recording)
    assert len(tuner.oracle.get_space().space) == 2 * depth
    assert len(recording.values) == 2
    assert all(recording.values[1][f"on_{level}"] for level in range(depth))


def test_three_hundred_branches_copy_no_conditions(tmp_path, monkeypatch):
    # The host copies them at each scope of each build.
    copied = []
    monkeypatch.setattr(
        Parent,
        "__deepcopy__",
        lambda condition, memo: copied.append(condition) or condition,
        raising=False,
    )

    def build(hp):
        layers = hp.Int("layers", 1, 300)
        for layer in range(1, 300):
            with hp.conditional_scope("layers", list(range(layer, 301))):
                units = hp.Int(f"units_{layer}", 1, 8)
                assert (units is not None) == (layer <= layers)

    recording = Recording(build)
    tuner = new_tuner(tmp_path, recording)
    assert not copied
    assert len(tuner.oracle.get_space().space) == 300
    assert recording.values[0]["layers"] == 1
    assert len(recording.values) <= 299


def test_a_scope_that_was_left_is_still_known():
    hp = BuildHyperParameters()
    hp.Boolean("deep")
    with hp.conditional_scope("deep", [False]):
        hp.Boolean("wide")
        with hp.conditional_scope("wide", [True]):
            pass
    scopes = [*hp.active_scopes, *hp.inactive_scopes]
    assert [[each.name for each in scope] for scope in scopes] == [
        ["deep"],
        ["deep", "wide"],
    ]


def test_nested_scopes_are_reached_inside_the_domain(tmp_path):
    record = Recording(nested)
    tuner = new_tuner(tmp_path, record)
    names = ["model", "units", "units", "pool", "size", "same"]
    assert names_in(tuner) == names
    # Five scopes, one of which is open at the defaults.
    assert len(record.values) <= 5


def test_no_build_sees_a_value_outside_its_domain(tmp_path):
    record = Recording(nested)
    tuner = new_tuner(tmp_path, record, max_trials=60)
    tuner.search(lambda hp: hp.get("units"))
    for values in record.values:
        low, high = (1, 4) if values["model"] == "mlp" else (10, 14)
        assert low <= values["units"] <= high
        assert ("pool" in values) == (values["model"] == "cnn")
        assert ("size" in values) == (values.get("pool") in ("max", "avg"))
        assert ("same" in values) == (values.get("size") == 3)
        assert values.get("size", 2) in (2, 3)
        assert type(values.get("same", True)) is bool


def test_a_finite_conditional_space_is_finished_exactly(tmp_path):
    tuner = new_tuner(tmp_path, Recording(nested), max_trials=200)
    tuner.search(lambda hp: hp.get("units"))
    # mlp: 4; cnn: 5 x (none | 2 pools x (size 2 | size 3 x same)).
    assert len(trials_of(tuner, "COMPLETED")) == 4 + 5 * (1 + 2 * (1 + 2))
    seen = {tuple(sorted(v.items())) for v in values_of(tuner)}
    assert len(seen) == len(trials_of(tuner))


def test_a_condition_that_no_value_meets_is_left_closed(tmp_path):
    def build(hp):
        hp.Int("a", 1, 3)
        with hp.conditional_scope("a", [0, 7]):
            hp.Int("never", 1, 2)

    record = Recording(build)
    new_tuner(tmp_path, record)
    assert {values["a"] for values in record.values} <= {1, 2, 3}
    assert len(record.values) <= 2


def test_a_condition_on_a_missing_parent_is_the_hosts_error(tmp_path):
    def build(hp):
        with hp.conditional_scope("typo", [1]):
            hp.Int("a", 1, 2)
        return empty_model()

    tuner = new_tuner(tmp_path, build)
    with (
        pytest.warns(UserWarning, match="typo"),
        pytest.raises(NothingTrainableError, match="typo"),
    ):
        tuner.search(lambda hp: 0.0)


def test_name_scopes_are_part_of_names(tmp_path):
    def build(hp):
        with hp.name_scope("encoder"):
            hp.Boolean("deep")
            with hp.conditional_scope("deep", [True]):
                hp.Int("layers", 1, 3)

    tuner = new_tuner(tmp_path, Recording(build), max_trials=20)
    tuner.search(lambda hp: int(hp.get("encoder/deep")))
    assert names_in(tuner) == ["encoder/deep", "encoder/layers"]
    assert len(trials_of(tuner, "COMPLETED")) == 4


def test_declared_hyperparameters_are_searched(tmp_path):
    class Declares(kt.HyperModel):
        def declare_hyperparameters(self, hp):
            hp.Int("a", 1, 3)

        def build(self, hp):
            hp.get("a")
            return empty_model()

    tuner = new_tuner(tmp_path, Declares(), max_trials=20)
    tuner.search(lambda hp: hp.get("a"))
    assert [v["a"] for v in values_of(tuner)][0] == 1
    assert len(trials_of(tuner, "COMPLETED")) == 3


@pytest.mark.parametrize(
    "read", [lambda hp, name: hp.get(name), lambda hp, name: hp[name]]
)
def test_what_is_read_by_name_counts_as_asked_for(tmp_path, read):
    hp = kt.HyperParameters()
    hp.Int("a", 1, 3)
    hp.Int("b", 1, 2)

    def build(hp):
        if hp.Boolean("uses_b"):
            read(hp, "b")
        read(hp, "a")
        return empty_model()

    tuner = new_tuner(tmp_path, build, 100, hyperparameters=hp)
    tuner.search(lambda hp: hp.get("a"))
    # Without `b` three models, with it six.
    assert len(trials_of(tuner, "COMPLETED")) == 3 + 6


def test_what_only_training_asks_for_counts_as_expressed(tmp_path):
    def build(hp):
        hp.Int("a", 1, 3)
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=100)
    tuner.search(lambda hp: hp.get("a") + hp.Int("epochs", 1, 4))
    seen = {(v["a"], v["epochs"]) for v in values_of(tuner)}
    assert len(seen) == len(trials_of(tuner, "COMPLETED")) == 12


def test_the_first_range_of_a_name_counts(tmp_path):
    def build(hp):
        hp.Int("a", 1, 3)
        hp.Int("a", 10, 30)

    tuner = new_tuner(tmp_path, Recording(build))
    tuner.search(lambda hp: hp.get("a"))
    assert sorted(v["a"] for v in values_of(tuner)) == [1, 2, 3]


def test_a_build_that_is_no_keras_model_is_a_fatal_error(tmp_path):
    with pytest.raises(kt.errors.FatalError, match="must return a Keras model"):
        kt_evolution.EvolutionTuner(
            lambda hp: hp.Int("a", 1, 2), "val_loss", directory=tmp_path
        )


@pytest.mark.parametrize("dry_build", [True, False])
def test_run_trial_may_use_builds_that_are_no_keras_models(tmp_path, dry_build):
    tuner = new_tuner(
        tmp_path, lambda hp: {"a": hp.Int("a", 1, 5)}, dry_build=dry_build
    )
    tuner.search(lambda hp: tuner.hypermodel.build(hp)["a"])
    assert sorted(v["a"] for v in values_of(tuner)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda hp: hp.Int("bad", 1, 5, step=0), "step=0"),
        (lambda hp: hp.Int("bad", 1, 5, step=-2), "step=-2"),
        (lambda hp: hp.Float("bad", 0.0, 1.0, step=0.0), "step=0.0"),
        (lambda hp: hp.Float("bad", 0.0, 1.0, step=-0.1), "step=-0.1"),
        (lambda hp: hp.Int("bad", 1, 5, default=99), "default=99"),
        (lambda hp: hp.Float("bad", 0.0, 1.0, default=-2.5), "default=-2.5"),
        (lambda hp: hp.Choice("bad", ["a", "b"], default="c"), "c"),
        (lambda hp: hp.Choice("bad", []), "`values` must"),
        (lambda hp: hp.Int("bad", 5, 1), "5.*1|1.*5"),
        (lambda hp: hp.Float("bad", 2.0, 1.0), "2.0.*1.0|1.0.*2.0"),
        (lambda hp: hp.Float("bad", 0.0, 1.0, sampling="log"), "0.0"),
        (lambda hp: hp.Int("bad", -1, 9, sampling="log"), "-1"),
        (lambda hp: hp.Int("bad", 1, 9, sampling="lgo"), "sampling must"),
    ],
)
@pytest.mark.parametrize("is_conditional", [False, True])
def test_what_cannot_be_searched_is_an_error_of_the_constructor(
    tmp_path, declare, message, is_conditional
):
    def build(hp):
        if is_conditional:
            hp.Boolean("use")
            with hp.conditional_scope("use", [True]):
                if hp.get("use"):
                    declare(hp)
        else:
            declare(hp)
        return empty_model()

    with pytest.raises(SpaceError, match=f"(?s)'bad'.*({message})"):
        new_tuner(tmp_path, build)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_branches_with_the_same_names_in_every_order(tmp_path, surrogate):
    orders = ("abc", "bca", "cab")

    def nest(hp, names):
        if names:
            hp.Boolean(names[0])
            with hp.conditional_scope(names[0], [True]):
                nest(hp, names[1:])

    def build(hp):
        hp.Choice("order", list(orders))
        for order in orders:
            with hp.conditional_scope("order", [order]):
                nest(hp, order)
        return empty_model()

    tuner = new_tuner(tmp_path, build, max_trials=None, surrogate=surrogate)
    tuner.search(lambda hp: float(len(hp.values)))
    models = {tuple(sorted(values.items())) for values in values_of(tuner)}
    # For each order False, True and False, ...: each model once.
    assert len(values_of(tuner)) == len(models) == 3 * 4
    for values in values_of(tuner):
        *opened, _ = list(values["order"])[: len(values) - 1]
        assert all(values[name] for name in opened)
