"""What is read without the host's classes is what the host would make."""

import copy
import json

import keras_tuner as kt
import pytest

from kt_evolution.keras_tuner_bridge.encoding import declaration_of
from kt_evolution.keras_tuner_bridge.stored_space import read_declaration
from kt_evolution.keras_tuner_bridge.trial_status import TrialStatus
from kt_evolution.project import event_checks
from kt_evolution.project import field_checks
from tests.keras_tuner_bridge.test_encoding import GRIDS
from tests.reporting.mutations import INTRUDERS
from tests.reporting.mutations import places_of

OTHERS = [*INTRUDERS, 1.0, 2, 5.0, "log", "LINEAR", "1", [1, 2], [True, 0.5]]


def stored(declare):
    hp = kt.HyperParameters()
    declare(hp)
    return json.loads(json.dumps(hp.get_config()["space"]))


def nested(hp):
    hp.Choice("model", ["mlp", "cnn"], default="cnn")
    with hp.conditional_scope("model", ["mlp"]):
        hp.Boolean("deep", default=True)
        with hp.conditional_scope("deep", [True]):
            hp.Choice("extra", [0.5, float("nan")])
            hp.Choice("flags", [True, False])
    with hp.conditional_scope("model", ["cnn"]):
        hp.Int("units", 1, 9, sampling="log")
        with hp.conditional_scope("units", [1, 2]):
            hp.Fixed("f", 3)


def host_of(config):
    space = kt.HyperParameters.from_config(
        {"space": [copy.deepcopy(config)], "values": {}}
    )
    return space.space[0]


def changed(config):
    """Yields a config with one change of any place, for all there is."""
    for path in places_of(config):
        for other in (*OTHERS, "removed", "renamed") if path else ():
            copied = copy.deepcopy(config)
            parent = copied
            for key in path[:-1]:
                parent = parent[key]
            if other == "removed":
                del parent[path[-1]]
            elif other == "renamed" and isinstance(parent, dict):
                parent["other"] = parent.pop(path[-1])
            else:
                parent[path[-1]] = copy.deepcopy(other)
            yield copied


@pytest.mark.parametrize("name", [*GRIDS, "nested"])
def test_a_stored_hyperparameter_is_the_hosts(name):
    declare = nested if name == "nested" else GRIDS[name][0]
    configs = stored(declare)
    assert configs
    for config in configs:
        before = copy.deepcopy(config)
        assert repr(read_declaration(config)) == repr(
            declaration_of(host_of(config))
        )
        assert config == before or "nan" in repr(config)


@pytest.mark.parametrize("name", [*GRIDS, "nested"])
def test_what_is_read_of_a_damaged_config_is_what_the_host_makes(name):
    declare = nested if name == "nested" else GRIDS[name][0]
    for config in stored(declare):
        for damaged in changed(config):
            if not field_checks.is_hyperparameter(damaged):
                continue
            ours = read_declaration(damaged)
            assert repr(ours) == repr(declaration_of(host_of(damaged)))


@pytest.mark.parametrize(
    "config",
    [None, [], {}, {"class_name": "Int"}, {"class_name": [], "config": {}}],
)
def test_what_is_no_config_is_refused(config):
    with pytest.raises(ValueError, match="class_name"):
        read_declaration(config)


def test_the_statuses_are_the_hosts():
    hosts = kt.engine.trial.TrialStatus
    names = {name for name in vars(hosts) if name.isupper()}
    assert names == event_checks.STATUSES
    assert all(
        getattr(TrialStatus, one) == getattr(hosts, one) for one in names
    )
