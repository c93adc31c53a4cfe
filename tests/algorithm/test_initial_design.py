"""What is tried first: individuals that were given, and the best imported."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.initial_design import next_from_warm_start
from kt_evolution.algorithm.initial_design import partial_genome
from kt_evolution.algorithm.space.genes import CategoricalGene
from kt_evolution.algorithm.space.genes import FixedGene
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from tests.algorithm.searches import BRANCHES
from tests.algorithm.searches import MIXED
from tests.algorithm.searches import NESTED
from tests.algorithm.searches import TWELVE
from tests.algorithm.searches import when
from tests.algorithm.searches import with_options


def ask(evolution, history, score=None, seed=0):
    """Proposes, and ends the trial with a score if there is one."""
    trial_id = str(len(history) - len(history.imports))
    rng = np.random.default_rng([seed, int(trial_id)])
    proposal = evolution.propose(history, rng)
    if proposal is not None:
        history.add(
            Individual(
                proposal.genome,
                trial_id=trial_id,
                operator=proposal.operator,
                parents=tuple(
                    history.individuals[i].trial_id for i in proposal.parents
                ),
                user_index=proposal.user_index,
            )
        )
        if score is not None:
            history.finish(trial_id, Status.COMPLETED, [score])
    return proposal


def with_imports(space, *scored):
    """Returns a history of imports, each a dict of values and a score."""
    history = History(space)
    for number, (values, score) in enumerate(scored):
        history.add(
            Individual(
                space.encode(values),
                trial_id=f"import/{number}",
                operator=IMPORT,
            )
        )
        history.finish(f"import/{number}", Status.COMPLETED, [score])
    return history


def given(space, *individuals, **options):
    codes = [partial_genome(space, values) for values in individuals]
    return with_options(
        Evolution(num_initial_points=4, surrogate=None, **options),
        initial_population=codes,
    )


def test_given_ones_come_first_then_the_default_and_even_points():
    history = History(MIXED)
    evolution = given(
        MIXED,
        {"act": "gelu", "layers": 5, "lr": 0.01},
        {"act": "relu", "layers": 1, "lr": 0.1},
    )
    operators = [ask(evolution, history, 1.0).operator for _ in range(5)]
    assert operators[:4] == ["given", "given", "default", "initial"]
    assert operators[4] in ("mutation", "crossover", "crossover+mutation")
    assert MIXED.decode(history.genomes[0])["layers"] == 5
    assert MIXED.decode(history.genomes[1])["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("num_genes", "num_fixed", "surrogate", "expected"),
    [
        (11, 0, "gaussian_process", 5),
        (12, 0, "gaussian_process", 8),
        (11, 9, "gaussian_process", 5),
        (12, 0, None, 10),
    ],
)
def test_more_genes_have_more_initial_points(
    num_genes, num_fixed, surrogate, expected
):
    genes = [OrdinalGene(f"x{i}", range(5), 0) for i in range(num_genes)]
    genes += [FixedGene(f"fixed_{i}", 1) for i in range(num_fixed)]
    history = History(SearchSpace(genes))
    evolution = Evolution(surrogate=surrogate)
    operators = []
    while not operators or operators[-1] in ("default", "initial"):
        proposal = ask(evolution, history, float(len(operators)))
        operators.append(proposal.operator)
    assert len(operators) == expected + 1


def test_a_given_number_of_initial_points_holds_for_many_genes():
    genes = [OrdinalGene(f"x{i}", range(5), 0) for i in range(20)]
    history = History(SearchSpace(genes))
    evolution = Evolution(num_initial_points=3)
    operators = [ask(evolution, history, 1.0).operator for _ in range(4)]
    assert operators[:3] == ["default", "initial", "initial"]
    assert operators[3] not in ("default", "initial")


def test_what_is_not_given_is_sampled_by_the_proposals_own_rng():
    evolution = given(MIXED, {"act": "gelu"})
    values = []
    for seed in range(8):
        proposal = evolution.propose(
            History(MIXED), np.random.default_rng(seed)
        )
        again = evolution.propose(History(MIXED), np.random.default_rng(seed))
        np.testing.assert_array_equal(proposal.genome, again.genome)
        values.append(MIXED.decode(proposal.genome))
    assert {one["act"] for one in values} == {"gelu"}
    assert len({one["lr"] for one in values}) == 8
    assert len({one["layers"] for one in values}) > 1


def test_the_same_model_twice_is_tried_once():
    whole = {"act": "gelu", "units": 2}
    history = History(TWELVE)
    evolution = given(TWELVE, whole, whole, {"act": "tanh", "units": 0}, whole)
    assert ask(evolution, history, 1.0).user_index == 0
    assert ask(evolution, history, 1.0).user_index == 2
    assert ask(evolution, history, 1.0).operator == "default"


def test_partial_twins_are_sampled_to_differ():
    history = History(TWELVE)
    evolution = given(TWELVE, *[{"act": "gelu"}] * 6)
    proposals = [ask(evolution, history, 1.0) for _ in range(4)]
    assert [one.user_index for one in proposals] == [0, 1, 2, 3]
    assert {TWELVE.decode(one.genome)["act"] for one in proposals} == {"gelu"}
    assert len({one.genome.tobytes() for one in proposals}) == 4
    # Of this `act` there is no fifth.
    assert ask(evolution, history, 1.0).user_index is None


def test_a_list_that_got_longer_is_tried_on():
    history = History(MIXED)
    starts = [{"layers": 5}, {"layers": 4}]
    for _ in range(8):
        ask(given(MIXED, *starts), history, 1.0)
    longer = given(MIXED, *starts, {"layers": 3, "act": "relu"})
    assert ask(longer, history, 1.0).user_index == 2
    assert ask(longer, history, 1.0).user_index is None


def test_what_a_value_depends_on_is_chosen_so_that_it_counts():
    for _ in range(5):
        genome = partial_genome(NESTED, {"kernel": 3})
        completed = np.where(np.isnan(genome), 0.1, genome)
        assert NESTED.decode(completed) == {"model": "cnn", "kernel": 3}


def test_a_condition_that_is_given_otherwise_stays():
    codes = partial_genome(NESTED, {"kernel": 3, "model": "mlp"})
    completed = np.where(np.isnan(codes), 0.1, codes)
    assert NESTED.decode(completed)["model"] == "mlp"


def test_of_two_branches_the_one_that_has_the_value_is_opened():
    space = SearchSpace(
        [
            CategoricalGene("model", ("mlp", "cnn"), "mlp"),
            OrdinalGene("units", range(4), 0, when("model", "mlp")),
            CategoricalGene("pool", ("no", "max"), "no", when("model", "cnn")),
            OrdinalGene("units", range(10, 14), 10, when("pool", "max")),
        ]
    )
    codes = partial_genome(space, {"units": 12})
    completed = np.where(np.isnan(codes), 0.1, codes)
    assert space.decode(completed) == {
        "model": "cnn",
        "pool": "max",
        "units": 12,
    }


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_the_best_import_is_tried_first_and_once(surrogate):
    history = with_imports(
        MIXED,
        ({"layers": 1}, 3.0),
        ({"layers": 2, "act": "relu"}, 1.0),
        ({"layers": 3}, 2.0),
        ({"layers": 4}, 2.5),
    )
    evolution = Evolution(num_initial_points=4, surrogate=surrogate)
    first = ask(evolution, history)
    assert first.operator == "best import"
    assert history.individuals[-1].parents == ("import/1",)
    np.testing.assert_array_equal(first.genome, history.genomes[1])
    # While it is running, and when it did worse here.
    assert ask(evolution, history, 5.0).operator != "best import"
    history.finish("0", Status.COMPLETED, [9.0])
    assert ask(evolution, history).operator != "best import"


def test_enough_imports_leave_nothing_to_sample():
    history = with_imports(
        MIXED, *(({"layers": layers}, 1.0 + layers) for layers in range(1, 5))
    )
    evolution = Evolution(num_initial_points=4, surrogate=None)
    operators = [ask(evolution, history, 5.0).operator for _ in range(4)]
    assert operators[0] == "best import"
    assert not {"default", "initial"} & set(operators[1:])


def test_few_imports_are_joined_by_the_default_and_even_points():
    history = with_imports(MIXED, ({"layers": 4}, 1.0))
    evolution = Evolution(num_initial_points=4, surrogate=None)
    operators = [ask(evolution, history, 5.0).operator for _ in range(3)]
    assert operators == ["best import", "default", "initial"]


def test_an_import_that_a_given_one_beats_needs_no_trial():
    history = with_imports(MIXED, ({"layers": 4}, 1.0))
    evolution = given(MIXED, {"layers": 2, "act": "relu", "lr": 0.01})
    operators = [ask(evolution, history, 0.5).operator for _ in range(3)]
    assert operators == ["given", "default", "initial"]


def test_a_given_one_is_tried_though_it_was_imported():
    values = {"layers": 4, "act": "gelu", "lr": 0.01}
    history = with_imports(MIXED, (values, 1.0), ({"layers": 5}, 2.0))
    evolution = given(MIXED, values)
    assert ask(evolution, history, 1.5).operator == "given"
    # Here, too, it is known now.
    assert ask(evolution, history, 1.5).operator == "default"


def test_a_best_import_that_is_rejected_is_not_proposed_again():
    history = with_imports(BRANCHES, ({"model": "mlp", "units": 4}, 1.0))
    evolution = Evolution(num_initial_points=4, surrogate=None)
    rng = np.random.default_rng(0)
    proposal = evolution.propose(history, rng)
    # A build that raised before it had asked for all.
    history.add(
        Individual(
            proposal.genome,
            (0,),
            parents=("import/0",),
            operator=proposal.operator,
            status=Status.REJECTED,
        )
    )
    assert evolution.propose(history, rng).operator == "default"


def test_imported_models_are_not_tried_again():
    every = [
        ({"act": act, "units": units}, float(units))
        for act in ("relu", "tanh", "gelu")
        for units in range(4)
    ]
    history = with_imports(TWELVE, *every[:9])
    evolution = Evolution(num_initial_points=2, surrogate=None)
    proposals = [ask(evolution, history, 5.0) for _ in range(4)]
    assert proposals[0].operator == "best import"
    assert {TWELVE.decode(one.genome)["act"] for one in proposals[1:]} == {
        "gelu"
    }
    assert ask(evolution, history) is None


def test_imports_have_the_values_that_they_had_of_genes_met_later():
    history = with_imports(TWELVE, ({"units": 1}, 1.0), ({"units": 2}, 2.0))
    history.add(Individual(TWELVE.default_genome(), trial_id="0"))
    space = TWELVE.extended([OrdinalGene("batch", (8, 16, 32), 8)])
    history.grow(
        space,
        {"import/0": {"units": 1, "batch": 32}, "import/1": {"batch": 64}},
    )
    batches = [space.decode(genome)["batch"] for genome in history.genomes]
    assert batches == [32, 8, 8]
    assert space.decode(history.individuals[0].genome)["batch"] == 32
    assert history.find(space.encode({"units": 1, "batch": 32})) == 0


@pytest.mark.parametrize("violations", [(), (-1.0,)])
def test_the_best_import_of_several_objectives_is_the_knee(violations):
    history = History(MIXED, num_objectives=2, num_limits=len(violations))
    for number, objectives in enumerate([(0, 9), (5, 5), (2, 3), (9, 0)]):
        values = {"act": "relu", "layers": number + 1, "lr": 0.01}
        history.add(
            Individual(
                MIXED.encode(values),
                trial_id=f"import/{number}",
                operator=IMPORT,
            )
        )
        history.finish(
            f"import/{number}", Status.COMPLETED, objectives, violations
        )
    assert next_from_warm_start(history) == 2
    # One of this search that is better in both makes its trial needless.
    genome = MIXED.encode({"act": "tanh", "layers": 1, "lr": 0.01})
    history.add(Individual(genome, trial_id="0", operator="given"))
    history.finish("0", Status.COMPLETED, [1, 1], violations)
    assert next_from_warm_start(history) is None
