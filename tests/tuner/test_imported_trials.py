"""`warm_start`: trials of other projects as individuals of a search."""

import json
import shutil

import keras_tuner as kt
import pytest
from tuner_helpers import ScoringTuner
from tuner_helpers import empty_model
from tuner_helpers import values_of

import kt_evolution
from tests import stock_projects
from tests.stock_projects import OBJECTIVE
from tests.stock_projects import score_of
from tests.stock_projects import space


def build(hp):
    hp.Int("x", 0, 9)
    hp.Int("y", 0, 9)
    return empty_model()


def loss(hp):
    return {"score": score_of(hp.values)}


def new_tuner(folder, warm_start, build=build, **options):
    options = {
        "objective": OBJECTIVE,
        "max_trials": 4,
        "seed": 0,
        "directory": folder,
        "project_name": "p",
        **options,
    }
    tuner = ScoringTuner(build, warm_start=warm_start, **options)
    tuner.oracle.verbose = 0
    return tuner


def imports_of(tuner):
    history = tuner.oracle.history
    return [history.individuals[position] for position in history.imports]


def imported_values(tuner):
    decode = tuner.oracle.history.space.decode
    return [decode(one.genome) for one in imports_of(tuner)]


@pytest.fixture
def past(tmp_path):
    return stock_projects.random_search(tmp_path / "past")


def past_values(project):
    return [
        json.loads(path.read_text())["hyperparameters"]["values"]
        for path in sorted(project.glob("trial_*/trial.json"))
    ]


def test_trials_become_evaluated_individuals_without_training(tmp_path, past):
    trained = []
    tuner = new_tuner(tmp_path, past)
    tuner.search(lambda hp: trained.append(dict(hp.values)) or loss(hp))
    imports = imports_of(tuner)
    assert [one.trial_id for one in imports] == [
        f"import/{number}" for number in range(8)
    ]
    assert imported_values(tuner) == past_values(past)
    for one, values in zip(imports, past_values(past), strict=True):
        assert one.operator == "import"
        assert one.status == "completed"
        assert one.objectives == (score_of(values),)
        assert len(one.expression) == 2
    # Only the best of these is trained, and first.
    best, *others = sorted(past_values(past), key=score_of)
    assert trained[0] == best
    assert len(trained) == 4
    assert not [values for values in others if values in trained]


def test_imports_are_no_trials(tmp_path, past):
    tuner = new_tuner(tmp_path, past)
    tuner.search(loss)
    oracle = tuner.oracle
    assert list(oracle.trials) == oracle.end_order == ["0", "1", "2", "3"]
    assert oracle.remaining_trials() == 0
    assert len(oracle.get_best_trials(20)) == 4
    recommended = oracle.recommend(20)
    assert {trial.trial_id for trial in recommended} == set(oracle.trials)
    assert len(oracle.recommend(2)) == 2


def test_imports_are_parents_by_their_ids(tmp_path, past):
    tuner = new_tuner(tmp_path, past, max_trials=8, surrogate=None)
    tuner.search(loss)
    individuals = tuner.oracle.history.individuals
    known = {one.trial_id for one in individuals}
    parents = {name for one in individuals for name in one.parents}
    assert any(name.startswith("import/") for name in parents)
    assert parents <= known


def test_scores_to_maximize_are_turned_too(tmp_path):
    past = stock_projects.random_search(
        tmp_path / "past", objective=kt.Objective("score", "max")
    )
    tuner = new_tuner(tmp_path, past, objective=kt.Objective("score", "max"))
    tuner.search(loss)
    worst = max(past_values(past), key=score_of)
    assert values_of(tuner)[0] == worst
    assert min(one.objectives[0] for one in imports_of(tuner)) == -score_of(
        worst
    )


def test_values_outside_the_space_are_dropped_and_counted(tmp_path, past):
    def narrow(hp):
        hp.Int("x", 0, 5)
        hp.Int("y", 0, 9)
        return empty_model()

    tuner = new_tuner(tmp_path, past, narrow)
    outside = [one for one in past_values(past) if one["x"] > 5]
    assert 0 < len(outside) < 8
    message = f"{len(outside)} are none that this search can have .*'x'"
    with pytest.warns(UserWarning, match=message) as warned:
        tuner.search(loss)
    assert len(warned) == 1
    assert imported_values(tuner) == [
        one for one in past_values(past) if one["x"] <= 5
    ]


def test_a_new_hyperparameter_has_its_default_and_an_old_one_is_left(
    tmp_path, past
):
    def changed(hp):
        hp.Int("x", 0, 9)
        hp.Choice("z", ["a", "b"], default="b")
        return empty_model()

    tuner = new_tuner(tmp_path, past, changed)
    tuner.search(loss)
    assert imported_values(tuner) == [
        {"x": one["x"], "z": "b"} for one in past_values(past)
    ]


def test_only_what_the_model_asks_for_counts(tmp_path):
    hp = space(layers=(1, 3), units_0=(1, 9), units_1=(1, 9), units_2=(1, 9))
    past = stock_projects.random_search(
        tmp_path / "past",
        hyperparameters=hp,
        metrics_of=lambda trial: {"score": 1.0},
    )

    def layered(hp):
        # What is behind the first layer is unknown to the constructor.
        for i in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{i}", 1, 9)
        return empty_model()

    tuner = new_tuner(tmp_path, past, layered)
    tuner.search(lambda hp: {"score": 2.0})
    space_ = tuner.oracle.history.space
    for one, values in zip(imports_of(tuner), past_values(past), strict=True):
        names = {space_.genes[i].name for i in one.expression}
        units = {f"units_{i}" for i in range(values["layers"])}
        assert names == {"layers"} | units
        decoded = space_.decode(one.genome)
        assert decoded == values


def test_what_only_training_asks_for_is_known_once_it_is_met(tmp_path, past):
    def build(hp):
        hp.Int("x", 0, 9)
        return empty_model()

    def train(hp):
        hp.Int("y", 0, 9)
        return loss(hp)

    tuner = new_tuner(tmp_path, past, build)
    tuner.search(train)
    assert imported_values(tuner) == past_values(past)


def test_models_that_can_not_be_built_are_dropped(tmp_path, past):
    def fussy(hp):
        if hp.Int("x", 0, 9) > 5:
            raise ValueError("That is too wide.")
        hp.Int("y", 0, 9)
        return empty_model()

    tuner = new_tuner(tmp_path, past, fussy)
    with pytest.warns(UserWarning, match="can have.*too wide"):
        tuner.search(loss)
    assert all(one["x"] <= 5 for one in imported_values(tuner))


def test_what_is_not_tuned_must_have_its_default(tmp_path, past):
    hp = kt.HyperParameters()
    hp.Int("x", 0, 9)

    def build(hp):
        hp.Int("x", 0, 9)
        hp.Int("y", 0, 9, default=past_values(past)[0]["y"])
        return empty_model()

    tuner = new_tuner(
        tmp_path, past, build, hyperparameters=hp, tune_new_entries=False
    )
    with pytest.warns(UserWarning, match="'y' is not searched"):
        tuner.search(loss)
    y = past_values(past)[0]["y"]
    assert imported_values(tuner) == [
        {"x": one["x"]} for one in past_values(past) if one["y"] == y
    ]


def test_several_projects_of_all_kinds(tmp_path, past):
    paths = [
        past,
        str(stock_projects.hyperband(tmp_path / "hyperband")),
        stock_projects.bayesian(tmp_path / "bayesian"),
    ]
    first = new_tuner(tmp_path / "first", paths)
    first.search(loss)
    num_imports = len(imports_of(first))
    assert num_imports > 8 + 5
    # Ours in turn: what it imported is not its own.
    second = new_tuner(tmp_path, tmp_path / "first" / "p")
    second.search(loss)
    assert imported_values(second) == values_of(first)


def test_a_given_individual_comes_before_the_best_import(tmp_path, past):
    tuner = new_tuner(tmp_path, past, initial_population=[{"x": 0, "y": 9}])
    tuner.search(loss)
    assert values_of(tuner)[0] == {"x": 0, "y": 9}
    assert values_of(tuner)[1] == min(past_values(past), key=score_of)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_a_space_of_which_all_is_known_ends_after_the_best(tmp_path, surrogate):
    hp = space(x=(0, 3))
    past = stock_projects.random_search(
        tmp_path / "past", 40, hyperparameters=hp
    )

    def build(hp):
        hp.Int("x", 0, 3)
        return empty_model()

    tuner = new_tuner(tmp_path, past, build, surrogate=surrogate)
    tuner.search(loss)
    assert values_of(tuner) == [{"x": 3}]


def test_an_empty_project_is_told(tmp_path, past):
    for path in past.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "status": "FAILED"}))
    tuner = new_tuner(tmp_path, past)
    with pytest.warns(UserWarning, match="there is no completed trial"):
        tuner.search(loss)
    assert values_of(tuner)[0] == {"x": 0, "y": 0}


def test_a_mistake_is_told_by_the_constructor(tmp_path, past):
    with pytest.raises(ValueError, match="`warm_start` must be the folder"):
        new_tuner(tmp_path, tmp_path / "missing")
    with pytest.raises(ValueError, match=r"'val_loss'.*\['score', 'size'\]"):
        new_tuner(tmp_path, past, objective="val_loss")
    for wrong in (3, [3], {"path": "x"}):
        with pytest.raises(TypeError, match="`warm_start` must be the path"):
            new_tuner(tmp_path, wrong)


def test_a_project_is_not_its_own_start_nor_deleted_for_it(tmp_path, past):
    with pytest.raises(ValueError, match="folder of another project"):
        kt_evolution.EvolutionTuner(
            build,
            objective=OBJECTIVE,
            directory=tmp_path,
            project_name="past",
            warm_start=past,
            overwrite=True,
        )
    assert len(past_values(past)) == 8


def test_a_resumed_search_needs_the_past_project_no_more(tmp_path, past):
    new_tuner(tmp_path, past).search(loss)
    shutil.rmtree(past)
    resumed = new_tuner(tmp_path, past, max_trials=6)
    resumed.search(loss)
    assert len(values_of(resumed)) == 6
    assert len(imports_of(resumed)) == 8


def test_a_moved_project_is_imported_once_and_a_new_one_in_addition(
    tmp_path, past
):
    new_tuner(tmp_path, past).search(loss)
    moved = past.rename(tmp_path / "moved")
    more = stock_projects.bayesian(tmp_path / "more")
    resumed = new_tuner(tmp_path, [moved, more], max_trials=6)
    resumed.search(loss)
    assert imported_values(resumed) == past_values(moved) + past_values(more)


def test_imported_scores_are_of_the_objective_of_the_journal(tmp_path, past):
    tuner = new_tuner(tmp_path, past)
    # No trial has completed when the process ends.
    tuner.oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="`objective` must be that of the"):
        new_tuner(tmp_path, past, objective=kt.Objective("size", "min"))


def test_an_oracle_alone_imports_at_the_first_proposal(tmp_path, past):
    oracle = kt_evolution.EvolutionOracle(
        OBJECTIVE, 4, seed=0, warm_start=past, hyperparameters=space()
    )
    stock_projects.drive(oracle, tmp_path / "p")
    assert len(oracle.history.imports) == 8
    values = oracle.trials["0"].hyperparameters.values
    assert values == min(past_values(past), key=score_of)


def test_without_a_hypermodel_they_come_once_the_space_is_known(tmp_path, past):
    def train(hp):
        hp.Int("x", 0, 9)
        hp.Int("y", 0, 9)
        return loss(hp)

    tuner = new_tuner(tmp_path, past, None)
    tuner.search(train)
    assert imported_values(tuner) == past_values(past)
    assert values_of(tuner)[0] == {"x": 0, "y": 0}
    assert values_of(tuner)[1] == min(past_values(past), key=score_of)
