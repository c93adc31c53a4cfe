"""The history: what it knows of each individual, however it grew."""

import math

import numpy as np
import pytest

from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.phenotypes import PhenotypeTree
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import Condition
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace

LAYERS = OrdinalGene("layers", range(1, 4), 1)
UNITS = [OrdinalGene(f"units_{i}", (8, 16, 32), 8) for i in range(3)]
SPACE = SearchSpace([LAYERS, *UNITS])


def individual(space, trial_id, asked=(), **values):
    expression = tuple(space.position[key] for key in asked)
    return Individual(space.encode(values), expression, trial_id)


def stacked(trial_id, layers, *units):
    """An individual that asked for `layers` and as many `units_i`."""
    values = {f"units_{i}": value for i, value in enumerate(units)}
    asked = ["layers", *(f"units_{i}" for i in range(layers))]
    return individual(SPACE, trial_id, asked, layers=layers, **values)


def test_an_empty_history():
    history = History(SPACE)
    assert len(history) == 0
    assert history.genomes.shape == (0, 4)
    assert history.scores.shape == (0,)
    assert len(history.positions(*Status)) == 0
    assert history.find(SPACE.default_genome()) == -1


def test_arrays_follow_the_individuals_past_any_size():
    history = History(SPACE)
    for number in range(100):
        history.add(stacked(str(number), number % 3 + 1, 8, 16, 32))
        history.finish(str(number), Status.COMPLETED, [float(number)])
    np.testing.assert_array_equal(history.scores, np.arange(100.0))
    np.testing.assert_array_equal(
        history.genomes, [one.genome for one in history.individuals]
    )
    np.testing.assert_array_equal(
        history.positions(Status.COMPLETED), range(100)
    )
    assert history.position_of("42") == 42


def test_positions_by_status():
    history = History(SPACE)
    for number in range(4):
        history.add(stacked(str(number), 1, (8, 16, 32, 8)[number]))
    history.add(Individual(SPACE.default_genome(), status=Status.REJECTED))
    history.finish("1", Status.COMPLETED, [0.5])
    history.finish("2", Status.FAILED)
    assert history.positions(Status.PENDING).tolist() == [0, 3]
    assert history.positions(Status.COMPLETED).tolist() == [1]
    assert history.positions(Status.FAILED, Status.REJECTED).tolist() == [2, 4]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_a_failure(score):
    history = History(SPACE)
    history.add(stacked("0", 1, 8))
    history.finish("0", Status.COMPLETED, [score])
    assert history.individuals[0].status is Status.FAILED
    assert history.scores[0] == math.inf


def test_a_failed_individual_has_no_score():
    history = History(SPACE)
    history.add(stacked("0", 1, 8))
    history.finish("0", Status.FAILED, [-5.0])
    assert history.scores[0] == math.inf


def test_only_what_was_asked_for_is_expressed():
    history = History(SPACE)
    history.add(stacked("0", 3, 8, 8, 8))
    history.add(stacked("1", 1, 16))
    np.testing.assert_array_equal(
        history.expressed, [[True] * 4, [True, True, False, False]]
    )
    unseen = SPACE.encode({"layers": 1, "units_0": 16, "units_2": 32})
    assert history.find(unseen) == 1


def test_find_and_knows_agree_on_equal_models():
    history = History(SPACE)
    history.add(stacked("0", 3, 8, 8, 8))
    history.add(stacked("1", 1, 16, 8, 32))
    twin = stacked(None, 1, 16, 32, 8)
    assert history.find(twin.genome) == 1
    assert history.same_as(twin, True) >= 0
    other = stacked(None, 2, 16, 8, 32)
    assert history.find(other.genome) == -1
    assert history.same_as(other, True) < 0


def test_knows_also_where_builds_ask_in_another_order():
    history = History(SPACE)
    asked = ["layers", "units_0", "units_1"]
    history.add(individual(SPACE, "0", asked, layers=2))
    shuffled = ["units_1", "layers", "units_0"]
    assert (
        history.same_as(individual(SPACE, None, shuffled, layers=2), True) >= 0
    )
    fewer = individual(SPACE, None, asked[:2], layers=2)
    assert history.same_as(fewer, True) < 0
    history.add(fewer)
    assert history.same_as(fewer, True) >= 0


def test_one_that_was_not_built_expresses_all_that_is_active():
    history = History(SPACE)
    history.add(individual(SPACE, "0", layers=2))
    history.add(stacked("1", 3, 16, 8, 8))
    history.add(stacked("2", 1, 16))
    assert history.expressed[0].all()
    assert history.expressed[2].tolist() == [True, True, False, False]
    assert history.nearest_new(SPACE.default_genome()) is not None


def test_without_a_build_active_means_expressed():
    when = (Condition("model", ("cnn",)),)
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("filters", (8, 16), 8, when),
        ]
    )
    history = History(space)
    history.add(individual(space, "0", model="mlp", filters=8))
    history.add(individual(space, "1", model="cnn", filters=16))
    np.testing.assert_array_equal(
        history.expressed, [[True, False], [True, True]]
    )
    np.testing.assert_array_equal(
        history.predict_expressed(history.genomes), history.expressed
    )


def test_genes_never_asked_for_in_a_build_count_as_expressed():
    when = (Condition("augment", (True,)),)
    space = SearchSpace(
        [
            LAYERS,
            CategoricalGene("augment", (False, True), False),
            OrdinalGene("angle", (5, 10), 5, when),
        ]
    )
    history = History(space)
    history.add(individual(space, "0", ["layers"], layers=2))
    history.add(individual(space, "1", ["layers"], layers=2, augment=True))
    np.testing.assert_array_equal(
        history.expressed, [[True, True, False], [True, True, True]]
    )
    tried = individual(
        space, None, ["layers"], layers=2, augment=True, angle=10
    )
    assert history.same_as(tried, True) < 0


def test_a_model_that_was_not_trained_expresses_what_its_build_asked_for():
    space = SearchSpace([LAYERS, OrdinalGene("batch", (8, 16), 8)])
    history = History(space)
    history.add(individual(space, "0", ["layers"], layers=1))
    rejected = individual(space, None, ["layers"], layers=3, batch=8)
    rejected.status = Status.REJECTED
    history.add(rejected)
    other_batch = space.encode({"layers": 3, "batch": 16})
    assert history.find(other_batch) == 1
    assert history.find(space.encode({"layers": 1, "batch": 16})) == -1


def test_what_a_later_build_asks_for_changes_the_past():
    history = History(SPACE)
    history.add(stacked("0", 1, 8))
    # Nobody asked for them in a build, so training may.
    assert history.expressed[0].all()
    history.add(stacked("1", 3, 8, 8, 8))
    np.testing.assert_array_equal(
        history.expressed[0], [True, True, False, False]
    )
    assert history.find(SPACE.encode({"layers": 1, "units_2": 32})) == 0


def test_a_name_asked_for_in_two_scopes_that_overlap():
    # if model == "mlp": hp.Int("units"), else: under hp.conditional_scope.
    when = (Condition("model", ("cnn",)),)
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("units", (8, 16), 8),
            OrdinalGene("units", (8, 16), 8, when),
        ]
    )
    mlp, cnn = (["model", "units"], ["model", space.genes[2].key])
    history = History(space)
    history.add(individual(space, "0", mlp, model="mlp", units=8))
    history.add(individual(space, "1", cnn, model="cnn", units=8))
    other = individual(space, None, cnn, model="cnn", units=16)
    assert history.same_as(other, True) < 0
    assert history.find(other.genome) == -1
    history.add(other)
    assert history.nearest_new(other.genome) is not None
    history.add(individual(space, "3", mlp, model="mlp", units=16))
    assert history.nearest_new(other.genome) is None


def test_an_old_genome_has_the_defaults_of_genes_met_later():
    history = History(SearchSpace([LAYERS]))
    history.add(individual(history.space, "0", ["layers"], layers=2))
    larger = history.space.extended([OrdinalGene("batch", (8, 16), 16)])
    history.grow(larger)
    assert larger.decode(history.genomes[0]) == {"layers": 2, "batch": 16}
    np.testing.assert_array_equal(
        history.individuals[0].genome, history.genomes[0]
    )
    assert history.find(larger.encode({"layers": 2, "batch": 16})) == 0
    assert history.find(larger.encode({"layers": 2, "batch": 8})) == -1


def test_growing_far_and_often():
    history = History(SearchSpace())
    for number in range(40):
        gene = OrdinalGene(f"g{number}", range(3), number % 3)
        history.grow(history.space.extended([gene]))
        history.add(individual(history.space, str(number), [gene.key]))
    assert history.genomes.shape == (40, 40)
    for genome in history.genomes:
        np.testing.assert_array_equal(genome, history.space.default_genome())
    np.testing.assert_array_equal(history.expressed, np.eye(40, dtype=bool))


def test_values_that_training_changed_are_the_true_ones():
    history = History(SPACE)
    history.add(stacked("0", 2, 8, 8))
    history.add(stacked("1", 3, 8, 8, 8))
    history.set_values("0", {"layers": 2, "units_0": 32, "tuner/epochs": 3})
    values = SPACE.decode(history.individuals[0].genome)
    assert values["units_0"] == 32
    assert history.find(stacked(None, 2, 32, 8).genome) == 0
    assert history.find(stacked(None, 2, 8, 8).genome) == -1
    np.testing.assert_array_equal(
        history.genomes[0], history.individuals[0].genome
    )


def test_nearest_new_ends_with_the_space():
    history = History(SearchSpace([LAYERS]))
    for number in range(3):
        new = history.nearest_new(history.space.default_genome())
        history.add(Individual(new, (0,), str(number)))
    assert history.nearest_new(history.space.default_genome()) is None


def grown_history(reads):
    """A history with all kinds of changes, read after each of them or not."""
    rng = np.random.default_rng(0)
    history = History(SearchSpace([LAYERS, UNITS[0]]))
    for number in range(60):
        if number in (20, 40):
            gene = UNITS[number // 20]
            history.grow(history.space.extended([gene]))
        codes = rng.random((1, history.space.num_genes))
        (genome,) = history.space.canonicalize(codes)
        layers = history.space.decode(genome)["layers"]
        asked = tuple(range(min(1 + layers, len(genome))))
        built = Individual(genome, asked, str(number))
        same = history.same_as(built, True) if reads else -1
        if number % 7 == 0:
            built.status, built.trial_id = Status.REJECTED, None
        history.add(built)
        if number % 5 == 0:
            history.note_repeated(Individual(genome.copy(), asked[:1]), number)
        if number % 6 == 1 and number % 7:
            history.set_values(str(number), {"units_0": 32, "layers": 1})
        if number == 30:
            history.forget_builds(25)
        if reads:
            assert same < number
            assert history.find(genome) < number + 1
            assert history.nearest_new(genome) is not None or number > 8
    return history


def test_when_a_history_is_read_changes_nothing():
    often, once = grown_history(True), grown_history(False)
    np.testing.assert_array_equal(often.expressed, once.expressed)
    genomes = often.space.canonicalize(np.random.default_rng(1).random((80, 4)))
    known = [*often.genomes, *genomes]
    assert [often.find(one) for one in known] == [
        once.find(one) for one in known
    ]
    for one in known:
        np.testing.assert_equal(often.nearest_new(one), once.nearest_new(one))
        assert often.is_tried(one) == once.is_tried(one)
        build = Individual(one, (0, 1))
        assert often.same_as(build, True) == once.same_as(build, True)
    np.testing.assert_array_equal(
        often.predict_expressed(genomes), once.predict_expressed(genomes)
    )


def test_a_restart_indexes_each_individual_once(monkeypatch):
    added = []
    add = PhenotypeTree.add
    monkeypatch.setattr(
        PhenotypeTree,
        "add",
        lambda self, genome, path, position, *predicted: (
            added.append(position),
            add(self, genome, path, position),
        ),
    )
    history = History(SPACE)
    # Training changes a value of each, and some request further genes.
    for number in range(90):
        history.add(stacked(str(number), 1 + number // 30, 8, 8, 8))
        history.set_values(str(number), {"units_0": (16, 32)[number % 2]})
        history.finish(str(number), Status.COMPLETED, [0.5])
    assert history.find(stacked(None, 1, 16).genome) == 0
    assert added == list(range(90))
