"""`hyperparameters=` with another range on resume: the old range stays."""

import json
import warnings

import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import values_of

OLD = range(4, 17)


def build(hp):
    hp.Int("units", 4, 16)
    hp.Boolean("bias")
    return empty_model()


def declared(declare):
    hp = kt.HyperParameters()
    declare(hp)
    return hp


def new_tuner(folder, max_trials, given=None, hypermodel=build, **kwargs):
    return ScoringTuner(
        hypermodel,
        max_trials=max_trials,
        seed=0,
        num_initial_points=3,
        hyperparameters=given,
        directory=folder,
        project_name="p",
        **kwargs,
    )


def score(hp):
    return float(hp.get("units"))


GIVEN = {
    "disjoint": lambda hp: hp.Int("units", 20, 40),
    "overlapping": lambda hp: hp.Int("units", 8, 40),
    "wider": lambda hp: hp.Int("units", 4, 64),
    "narrower": lambda hp: hp.Int("units", 6, 8),
    "other default": lambda hp: hp.Int("units", 4, 16, default=9),
    "other sampling": lambda hp: hp.Int("units", 4, 16, sampling="log"),
    "Fixed": lambda hp: hp.Fixed("units", 128),
    "Choice": lambda hp: hp.Choice("units", [2, 32, 64]),
    "Choice of strings": lambda hp: hp.Choice("units", ["few", "many"]),
    "Float": lambda hp: hp.Float("units", 0.1, 0.2),
    "Boolean": lambda hp: hp.Boolean("units"),
}


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
@pytest.mark.parametrize("kind", GIVEN)
def test_the_old_range_stays_with_a_warning(tmp_path, kind, surrogate):
    new_tuner(tmp_path, 5).search(score)
    given = declared(GIVEN[kind])
    with pytest.warns(UserWarning, match="otherwise than.*Int.*units.*now"):
        tuner = new_tuner(tmp_path, 9, given, surrogate=surrogate)
    tuner.search(score)
    assert len(values_of(tuner)) == 9
    assert {values["units"] for values in values_of(tuner)} <= set(OLD)
    # Now it is opened without the argument, and is what it was.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = new_tuner(tmp_path, 12)
    assert values_of(plain) == values_of(tuner)
    plain.search(score)
    assert {values["units"] for values in values_of(plain)} <= set(OLD)


def test_proposals_are_those_without_the_argument(tmp_path):
    for name in ("with", "without"):
        new_tuner(tmp_path / name, 4).search(score)
    with pytest.warns(UserWarning, match="max_value: 16.*max_value: 64"):
        other = new_tuner(
            tmp_path / "with", 10, declared(GIVEN["wider"]), surrogate=None
        )
    other.search(score)
    plain = new_tuner(tmp_path / "without", 10, surrogate=None)
    plain.search(score)
    assert values_of(other) == values_of(plain)


@pytest.mark.parametrize("then", [None, "overlapping", "Fixed"])
def test_a_range_given_at_the_start_stays(tmp_path, then):
    given = declared(lambda hp: hp.Int("units", 20, 30))
    new_tuner(tmp_path, 4, given).search(score)
    # The same argument again is no change.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new_tuner(tmp_path, 4, given)
    changed = declared(GIVEN[then]) if then else None
    with pytest.warns(UserWarning, match="min_value: 20.*now"):
        tuner = new_tuner(tmp_path, 9, changed)
    tuner.search(score)
    assert len(values_of(tuner)) == 9
    assert all(20 <= values["units"] <= 30 for values in values_of(tuner))


def test_a_build_may_only_read_what_an_earlier_run_gave(tmp_path):
    def reads(hp):
        assert hp.get("units") in OLD
        assert hp["rate"] < 1.0
        hp.Boolean("bias")
        return empty_model()

    def declare(hp):
        hp.Int("units", 4, 16)
        hp.Float("rate", 0.1, 0.9)

    new_tuner(tmp_path, 4, declared(declare), reads).search(score)
    for max_trials, given in (
        (7, None),
        (10, declared(lambda hp: hp.Float("rate", 0.1, 0.9))),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tuner = new_tuner(tmp_path, max_trials, given, reads)
        tuner.search(score)
        assert len(values_of(tuner)) == max_trials


def test_two_ranges_in_one_build_are_no_edit(tmp_path):
    def twice(hp):
        hp.Int("units", 4, 16)
        hp.Int("units", 4, 64)
        return empty_model()

    with pytest.warns(UserWarning, match="declared with different ranges"):
        new_tuner(tmp_path, 2, hypermodel=twice).search(score)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*of the project was declared")
        new_tuner(tmp_path, 2, hypermodel=twice)


def test_new_names_are_searched_beside_an_old_range(tmp_path):
    new_tuner(tmp_path, 4).search(score)

    def declare(hp):
        hp.Int("units", 1, 2)
        hp.Choice("optimizer", ["sgd", "adam"])

    with pytest.warns(UserWarning, match="'units'"):
        tuner = new_tuner(tmp_path, 12, declared(declare), dry_build=False)
    tuner.search(score)
    values = values_of(tuner)[4:]
    assert {one["optimizer"] for one in values} == {"sgd", "adam"}
    assert {one["units"] for one in values} <= set(OLD)


def test_conditions_are_told_apart(tmp_path):
    def branches(hp):
        if hp.Choice("kind", ["a", "b"]) == "b":
            with hp.conditional_scope("kind", ["b"]):
                hp.Int("units", 4, 16)
        return empty_model()

    def score(hp):
        return len(hp.values)

    new_tuner(tmp_path, 5, hypermodel=branches).search(score)

    def declare(hp):
        hp.Choice("kind", ["a", "b"])
        hp.Int("units", 30, 40, parent_name="kind", parent_values=["b"])

    with pytest.warns(UserWarning, match="'units'.*max_value: 40"):
        tuner = new_tuner(tmp_path, 9, declared(declare), branches)
    tuner.search(score)
    for values in values_of(tuner):
        assert values.get("units", 4) in OLD


def test_an_oracle_alone_keeps_its_range(tmp_path):
    class HostTuner(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return score(trial.hyperparameters)

    def search(max_trials, declare):
        from kt_evolution import EvolutionOracle

        oracle = EvolutionOracle(
            max_trials=max_trials, hyperparameters=declared(declare), seed=0
        )
        HostTuner(oracle=oracle, directory=tmp_path, project_name="p").search()
        return [t.hyperparameters.values for t in oracle.trials.values()]

    search(4, lambda hp: hp.Int("units", 4, 16))
    with pytest.warns(UserWarning, match="'units'"):
        values = search(9, GIVEN["overlapping"])
    assert len(values) == 9
    assert {one["units"] for one in values} <= set(OLD)


def test_what_an_interrupted_first_proposal_explored_is_kept(tmp_path):
    def interrupt(hp):
        raise KeyboardInterrupt

    given = declared(lambda hp: hp.Int("units", 20, 30))
    tuner = new_tuner(tmp_path, 6, given)
    populate = tuner.oracle.populate_space
    tuner.oracle.populate_space = interrupt
    with pytest.raises(KeyboardInterrupt):
        tuner.search(score)
    tuner.oracle.populate_space = populate
    tuner.search(score)
    lines = (tmp_path / "p" / "journal.jsonl").read_text().splitlines()
    first = next(e for e in map(json.loads, lines[1:]) if "space" in e)
    names = [entry["config"]["name"] for entry in first["space"]]
    assert names == ["units", "bias"]
    assert all(20 <= values["units"] <= 30 for values in values_of(tuner))
