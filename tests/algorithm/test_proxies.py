"""What proxies, known before the training, are worth to a search."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition import fit_each
from kt_evolution.algorithm.acquisition import predicted_mean
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.past_search import PastSearch
from kt_evolution.algorithm.proxies import NUM_CANDIDATES
from kt_evolution.algorithm.proxies import Proxies
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate import GaussianProcess
from tests.algorithm.searches import ask
from tests.algorithm.searches import propose
from tests.algorithm.searches import with_options
from tests.algorithm.surrogates import NearestNeighbor

SPACE = SearchSpace([OrdinalGene(name, range(10), 0) for name in "xyz"])
ALL = np.array(
    [
        SPACE.encode(dict(zip("xyz", values, strict=True)))
        for values in itertools.product(range(10), repeat=3)
    ]
)
# The scores of all models, which tell nothing of each other.
SCORES = {
    genome.tobytes(): float(score)
    for genome, score in zip(
        ALL, np.random.default_rng(0).permutation(len(ALL)), strict=True
    )
}


def score_of(genome):
    return SCORES[genome.tobytes()]


def proxies_of(*functions, are_informed=(True,), can_train=lambda genome: True):
    """Returns `Proxies`, each of which a function of a genome measures."""

    def measure(genomes):
        values = [[function(one) for function in functions] for one in genomes]
        return np.array(values).reshape(len(genomes), len(functions))

    def trainable(genomes):
        return np.array([can_train(one) for one in genomes], dtype=bool)

    return Proxies(measure, trainable, are_informed)


def run(num_trials, proxies=None, seed=0, history=None, **options):
    """Returns the genomes in the order of a search."""
    history = History(SPACE) if history is None else history
    evolution = with_options(Evolution(**options), proxies=proxies, seed=seed)
    for number in range(num_trials):
        genome = ask(evolution, history, seed).genome
        history.finish(str(number), Status.COMPLETED, [score_of(genome)])
    return history


def test_proxies_are_compared_by_their_ranks():
    values = dict(
        zip(map(bytes, ALL[:4]), [3.0, 1e30, np.nan, 3.0], strict=True)
    )
    proxies = proxies_of(lambda genome: values[bytes(genome)])
    ((function,),) = proxies.functions(ALL[:4], 1)
    # Ranks 1 and 2 are tied. Lower is better, and what is missing is average.
    expected = [-norm.ppf(1 / 3), -norm.ppf(5 / 6), 0.0, -norm.ppf(1 / 3)]
    found = function(ALL[:4], np.ones((4, 3), dtype=bool))
    assert found == pytest.approx(expected)


def test_proxies_that_all_models_lack_are_no_functions():
    proxies = proxies_of(lambda genome: np.nan, lambda genome: genome[0])
    assert [len(one) for one in proxies.functions(ALL, 1)] == [1]
    assert proxies_of(lambda genome: np.nan).best_of(ALL[5:9]) == 0


def test_a_proxy_tells_of_the_objectives_that_it_goes_with():
    proxies = proxies_of(lambda genome: genome[0], are_informed=(True, False))
    first, second = proxies.functions(ALL, 2)
    assert len(first) == 1 and second == ()
    # More than two objectives become one number.
    assert [len(one) for one in proxies.functions(ALL, 1)] == [1]


def test_the_first_models_are_the_best_of_several_points():
    asked = []

    def proxy(genome):
        asked.append(genome.tobytes())
        return -score_of(genome)

    history = run(4, proxies_of(proxy))
    assert SPACE.decode(history.genomes[0]) == {"x": 0, "y": 0, "z": 0}
    assert len(set(asked)) <= 3 * NUM_CANDIDATES
    for genome in history.genomes[1:4]:
        assert score_of(genome) < 200.0
    # The points are others each time.
    assert len({genome.tobytes() for genome in history.genomes}) == 4


def test_true_proxies_find_what_scores_alone_can_not():
    with_them = [
        run(20, proxies_of(lambda one: -score_of(one)), seed).scores.min()
        for seed in range(4)
    ]
    without = [run(20, None, seed).scores.min() for seed in range(4)]
    # Of 1,000 models.
    assert np.mean(with_them) <= 5.0 and np.mean(without) >= 15.0


@pytest.mark.later
def test_false_proxies_are_given_up():
    def smooth(genome):
        return sum((SPACE.decode(genome)[name] - 6) ** 2 for name in "xyz")

    found = []
    for seed in range(4):
        history = History(SPACE)
        evolution = with_options(Evolution(), proxies=proxies_of(smooth))
        for number in range(30):
            genome = ask(evolution, history, seed).genome
            history.finish(str(number), Status.COMPLETED, [smooth(genome)])
        found.append(history.scores.min())
    # Of 1,000 models 7 have a loss of 1 at most.
    assert np.median(found) <= 1.0


def test_few_candidates_are_measured():
    asked = set()

    def proxy(genome):
        asked.add(genome.tobytes())
        return genome.sum()

    history = run(8, proxies_of(proxy))
    known = {genome.tobytes() for genome in history.genomes}
    before = asked | known
    evolution = with_options(Evolution(), proxies=proxies_of(proxy))
    proposed = propose(evolution, history).genome.tobytes()
    assert proposed in asked
    assert len(asked - before) <= NUM_CANDIDATES


def test_what_can_not_be_trained_is_passed_over():
    def is_small(genome):
        return genome[0] < 0.3

    num_failed = []
    for can_train in (is_small, lambda genome: True):
        history = History(SPACE)
        proxies = proxies_of(lambda one: -score_of(one), can_train=can_train)
        evolution = with_options(Evolution(), proxies=proxies)
        for number in range(16):
            genome = ask(evolution, history).genome
            if is_small(genome):
                score = [score_of(genome)]
                history.finish(str(number), Status.COMPLETED, score)
            else:
                history.finish(str(number), Status.FAILED)
        num_failed.append(len(history.positions(Status.FAILED)))
    assert num_failed[0] <= 2 < num_failed[1]


def test_if_no_candidate_can_be_trained_one_is_proposed_all_the_same():
    proxies = proxies_of(
        lambda one: -score_of(one), can_train=lambda one: False
    )
    history = run(8, proxies)
    # Nothing tells the points of the sequence apart.
    assert np.array_equal(history.genomes[1], run(2).genomes[1])
    plain = propose(Evolution(), history)
    found = propose(with_options(Evolution(), proxies=proxies), history)
    assert np.array_equal(found.genome, plain.genome)


def test_with_a_cost_as_an_objective_the_first_models_are_spread():
    informed = proxies_of(lambda genome: genome[0], are_informed=(True, False))
    firsts = []
    for proxies in (None, informed):
        history = History(SPACE, num_objectives=2)
        evolution = with_options(Evolution(), proxies=proxies)
        for number in range(5):
            ask(evolution, history)
            history.finish(str(number), Status.COMPLETED, [number, number])
        firsts.append(history.genomes)
    assert np.array_equal(*firsts)


def test_running_models_are_measured_too():
    proxies = proxies_of(lambda genome: genome.sum())
    history = run(8, proxies)
    # Its proxy is larger than that of all others.
    history.add(Individual(ALL[-1], trial_id="running"))
    proposal = propose(with_options(Evolution(), proxies=proxies), history)
    assert proposal is not None
    assert np.isfinite(proposal.prediction).all()


def test_proposals_are_a_function_of_history_and_proxies():
    proxies = proxies_of(lambda genome: genome @ [1.0, -2.0, 3.0])
    history = run(12, proxies)
    evolution = with_options(Evolution(), proxies=proxies)
    first, second = (propose(evolution, history) for _ in range(2))
    assert np.array_equal(first.genome, second.genome)
    assert first.prediction == second.prediction
    without = propose(Evolution(), history)
    assert first.prediction != without.prediction


@pytest.mark.parametrize("surrogate", [None, NearestNeighbor()])
def test_only_a_gaussian_process_has_inputs(surrogate):
    def fails(genome):
        raise AssertionError

    history = run(14, proxies_of(fails), surrogate=surrogate)
    others = run(14, surrogate=surrogate)
    assert np.array_equal(history.genomes, others.genomes)


def test_proxies_and_other_searches_share_the_prior_mean():
    rng = np.random.default_rng(1)
    values = [SPACE.decode(one) for one in rng.permutation(ALL)[:20]]
    history = History(SPACE)
    history.past.append(PastSearch(values, [(one["x"],) for one in values]))
    proxies = proxies_of(lambda genome: -score_of(genome))
    run(12, proxies, history=history)
    assert history.individuals[0].operator == "transfer"
    assert history.scores.min() < 100.0


def test_with_two_objectives_a_cost_is_not_informed():
    proxies = proxies_of(lambda genome: genome[0], are_informed=(True, False))
    history = History(SPACE, num_objectives=2)
    evolution = with_options(Evolution(), proxies=proxies)
    for number in range(8):
        genome = ask(evolution, history).genome
        cost = SPACE.decode(genome)["y"]
        history.finish(
            str(number), Status.COMPLETED, [score_of(genome), float(cost)]
        )
    assert propose(evolution, history) is not None
    known = KnownScores.of_completed(history)
    predicted = [
        predicted_mean(
            fit_each(GaussianProcess(), history, known, added),
            ALL,
            np.ones(ALL.shape, dtype=bool),
        )
        for added in ((), proxies.functions(ALL, 2))
    ]
    assert predicted[0][:, 0] != pytest.approx(predicted[1][:, 0])
    assert predicted[0][:, 1] == pytest.approx(predicted[1][:, 1])
