"""Which individuals are promoted, and how paused ones are understood."""

import copy

import numpy as np
import pytest

from kt_evolution.algorithm.acquisition import KnownScores
from kt_evolution.algorithm.acquisition import fit_trainability
from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.fidelity import SuccessiveHalving
from kt_evolution.algorithm.fidelity import first_rung
from kt_evolution.algorithm.fidelity import successive_halving
from kt_evolution.algorithm.fidelity.completion import Prospects
from kt_evolution.algorithm.fidelity.extrapolation import extrapolate
from kt_evolution.algorithm.fidelity.extrapolation import fit_line
from kt_evolution.algorithm.fidelity.extrapolation import known_scores
from kt_evolution.algorithm.fidelity.first_rung import choose_first_rung
from kt_evolution.algorithm.history import rungs
from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.history.rungs import RungScores
from kt_evolution.algorithm.initial_design import WARM_START
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.algorithm.surrogate.gaussian_process import GaussianProcess
from tests.algorithm.curves import PLANE
from tests.algorithm.curves import CurveSearch
from tests.algorithm.curves import curve
from tests.algorithm.curves import final_loss
from tests.algorithm.test_rungs import history_of

HALVING = SuccessiveHalving(factor=3)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("options", "epochs", "expected"),
    [
        ({"factor": 3}, 27, (1, 3, 9, 27)),
        ({"factor": 3}, 81, (3, 9, 27, 81)),
        ({"factor": 2}, 27, (1, 2, 4, 7, 14, 27)),
        ({"factor": 3, "min_epochs": 9}, 81, (9, 27, 81)),
        ({"factor": 3, "min_epochs": 100}, 27, (27,)),
        ({"factor": 3}, 2, (1, 2)),
        ({"factor": 9}, 1, (1,)),
    ],
)
def test_rungs(options, epochs, expected):
    assert SuccessiveHalving(**options).rungs(epochs) == expected


@pytest.mark.parametrize("epochs", range(1, 200))
@pytest.mark.parametrize("factor", [2, 3, 4, 10])
def test_rungs_ascend_to_the_last_epoch(epochs, factor):
    found = SuccessiveHalving(factor).rungs(epochs)
    assert found[0] >= 1 and found[-1] == epochs
    assert all(a < b for a, b in zip(found, found[1:], strict=False))


@pytest.mark.parametrize("value", [1, 0, 2.5, "three", True])
def test_a_bad_factor_is_named(value):
    with pytest.raises(ValueError, match=f"`factor` must .*factor={value!r}"):
        SuccessiveHalving(factor=value)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`min_epochs` must .*min_epochs=0"):
        SuccessiveHalving(min_epochs=0)
    with pytest.raises(ValueError, match="`max_epochs` must .*max_epochs=0.5"):
        SuccessiveHalving(max_epochs=0.5)
    with pytest.raises(ValueError, match='`fidelity` must .*fidelity="fast"'):
        Evolution(fidelity="fast")
    with pytest.raises(TypeError, match="`fidelity` must .*fidelity=3"):
        Evolution(fidelity=3)
    assert Evolution(fidelity="auto").fidelity.factor == 3


# Promotions.


def step(history, allows_new=False, max_epochs=27):
    return HALVING.next_step(history, rng(), max_epochs, allows_new)


def test_the_best_third_is_promoted_the_best_first():
    losses = [0.5, 0.9, 0.3, 0.8, 0.7, 0.6]
    history = history_of(*({1: loss} for loss in losses))
    promoted = []
    for _ in range(2):
        found = step(history)
        promoted.append((found.promotes, found.epochs))
        rungs.promote(history, str(found.promotes), found.epochs)
    assert promoted == [(2, 3), (0, 3)]
    # The third of six isn't in the best third; but when nothing else is left
    # to do, the best paused one is trained to the end.
    found = step(history)
    assert (found.promotes, found.epochs) == (5, 27)


def test_the_last_promotion_ignores_what_another_search_completed():
    history = history_of({1: 0.5}, {1: 0.4})
    history.add(
        Individual(
            np.array([0.9, 0.9]), (0, 1), operator=IMPORT, trial_id="import/0"
        )
    )
    history.finish("import/0", Status.COMPLETED, [0.1])
    found = HALVING.last_step(history, 27)
    assert (found.promotes, found.epochs) == (1, 27)
    # After it, the search has a completed one of its own.
    rungs.promote(history, "1", 27)
    history.finish("1", Status.COMPLETED, [0.2])
    assert HALVING.last_step(history, 27) is None


def test_the_best_model_of_another_search_is_trained_to_the_end():
    history = History(PLANE)
    for n, x in enumerate([0.4, 0.1, 0.7]):
        trial_id = f"import/{n}"
        history.add(
            Individual(np.array([x, 0.5]), operator=IMPORT, trial_id=trial_id)
        )
        history.finish(trial_id, Status.COMPLETED, [x])
    found = Evolution(fidelity=HALVING).propose(history, rng(), max_epochs=27)
    assert (found.operator, found.epochs) == (WARM_START, 27)
    assert found.genome.tolist() == [0.1, 0.5]
    history.add(
        Individual(
            found.genome,
            trial_id="0",
            operator=WARM_START,
            parents=("import/1",),
        )
    )
    # What is new is compared at a rung.
    found = Evolution(fidelity=HALVING).propose(history, rng(), max_epochs=27)
    assert found.epochs < 27


def test_higher_rungs_are_promoted_first():
    history = history_of(*({1: n, 3: n} for n in (1.0, 2.0, 3.0)), {1: 0.1})
    found = step(history)
    assert (found.promotes, found.epochs) == (0, 9)


def test_trainings_that_cannot_go_on_are_left_out():
    history = history_of(*({1: n} for n in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)))
    rungs.discard_state(history, "0")
    assert step(history).promotes == 1


def test_shorter_trainings_of_another_search_are_partial_scores():
    history = History(PLANE)
    one = Individual(
        np.array([0.1, 0.2]),
        trial_id="import/0",
        operator=IMPORT,
        status=Status.PAUSED,
        rungs={9: Evaluation((0.3,))},
        can_resume=False,
    )
    history.add(one)
    assert step(history) is None
    scores = RungScores.of(history, HALVING.rungs(27))
    assert known_scores(history, scores).positions.tolist() == [0]


def test_before_the_end_the_best_paused_one_is_trained_to_the_end():
    evolution = Evolution(fidelity=HALVING)
    history = history_of({1: 0.9, 3: 0.7}, {1: 0.8}, {1: 0.6}, finals={2: 0.1})
    assert evolution.propose_last(history, 27) is None
    history = history_of({1: 0.9, 3: 0.1}, {1: 1.5}, {1: 0.6}, finals={2: 0.5})
    found = evolution.propose_last(history, 27)
    assert (found.promotes, found.epochs, found.parents) == (0, 27, (0,))
    np.testing.assert_array_equal(found.genome, history.genomes[0])
    assert evolution.propose_last(History(PLANE), 27) is None
    assert Evolution().propose_last(history, 27) is None


def test_states_that_no_promotion_needs():
    history = history_of(*({1: float(n)} for n in range(9)))
    assert HALVING.unneeded_states(history, 27) == []
    history = history_of(*({1: float(n)} for n in range(60)))
    assert HALVING.unneeded_states(history, 27) == list(range(50, 60))


def test_states_that_are_not_needed_are_never_asked_for(monkeypatch):
    monkeypatch.setattr(successive_halving, "MAX_STATES", 3)
    evolution = Evolution(fidelity=HALVING, surrogate=None)
    search = CurveSearch(evolution)
    num_left, discarded = 40, set()
    for _ in range(200):
        before = len(search.history)
        search.run(1, num_left)
        num_left -= len(search.history) - before
        if search.proposals[-1].promotes is not None:
            assert search.proposals[-1].promotes not in discarded
        unneeded = HALVING.unneeded_states(search.history, 27)
        discarded |= set(unneeded)
        for position in unneeded:
            rungs.discard_state(search.history, str(position))
    assert len(discarded) > 20
    assert evolution.rank(search.history)[0] == np.argmin(
        [final_loss(genome) for genome in search.history.genomes]
    )


# Extrapolation.


def test_a_line_is_that_of_the_pairs():
    lower = np.linspace(1.0, 2.0, 200)
    line = fit_line(lower, 0.5 * lower)
    assert line.slope == pytest.approx(0.5, abs=0.05)
    mean, variance = line(np.array([1.2]), np.zeros(1))
    assert mean[0] == pytest.approx(0.6, abs=0.01)
    assert 0.0 < variance[0] < 0.01


def test_without_pairs_scores_are_expected_to_stay():
    line = fit_line(np.array([1.0, 2.0, 3.0]), np.full(3, np.inf))
    mean, variance = line(np.array([2.0]), np.zeros(1))
    assert mean[0] == 2.0
    assert variance[0] > 0.0


def test_hopeless_individuals_do_not_bend_a_line():
    lower = np.concatenate([np.linspace(1.0, 2.0, 20), [1e6] * 10])
    upper = np.concatenate([np.linspace(0.5, 1.5, 20), [1e-6] * 10])
    line = fit_line(lower, upper)
    assert line(np.array([1.5]), 0.0)[0][0] == pytest.approx(1.0, abs=0.01)


def test_predictions_of_higher_rungs_are_surer_and_no_worse_than_seen():
    finals = {n: 0.1 * n for n in range(4)}
    history = history_of(
        *({1: 1.0 + 0.1 * n, 3: 0.5 + 0.1 * n} for n in range(4)),
        {1: 1.2},
        {1: 1.2, 3: 0.7},
        finals=finals,
    )
    scores = RungScores.of(history, (1, 3, 27))
    mean, variance = extrapolate(scores, 0)
    assert mean[:4].tolist() == [finals[n] for n in range(4)]
    assert variance[:4].tolist() == [0.0] * 4
    assert variance[4] > variance[5] > 0.0
    assert mean[4] == pytest.approx(0.2, abs=0.1)
    assert mean[5] == pytest.approx(0.2, abs=0.05)
    seen = history_of(*({1: 1.0, 3: 1.0} for _ in range(3)), finals={0: 1.0})
    assert max(extrapolate(RungScores.of(seen, (1, 3, 27)), 0)[0]) <= 1.0


# Which trainings are completed.


def slow_and_fast(*paused, noise=0.0):
    """Returns a history of 20 complete trainings and of paused ones.

    Individuals with x > 0.5 start slowly: they are worse at epoch 9, and
    better at epoch 27.

    Args:
        paused: The genomes of the paused individuals.
        noise: Float, by how much the changes differ. Defaults to 0.
    """
    history = History(PLANE)
    genomes = [*rng(3).random((20, 2)), *np.reshape(paused, (-1, 2))]
    for n, genome in enumerate(genomes):
        is_slow = genome[0] > 0.5
        final = genome[1] + (0.0 if is_slow else 1.0)
        seen = final + (2.0 if is_slow else 0.1) + noise * rng(n).random()
        history.add(Individual(genome, trial_id=str(n), epochs=(9,)))
        rungs.reach(history, str(n), 9, Evaluation((seen,)))
        if n < 20:
            history.finish(str(n), Status.COMPLETED, [final])
        else:
            rungs.pause(history, str(n))
    return history


def prospects(history):
    complete = KnownScores.of_completed(history)
    return Prospects.of(history, RungScores.of(history, (3, 9, 27)), complete)


def test_what_starts_slowly_is_not_hopeless():
    history = slow_and_fast([0.75, 0.0], [0.25, 0.0], [0.75, 0.9])
    found = prospects(history)
    # At epoch 9 the second is the best.
    assert found.promising.tolist() == [20]
    assert found.known.positions.tolist() == list(range(23))
    np.testing.assert_allclose(
        found.known.objectives[[20, 22], 0], [0.0, 0.9], atol=0.05
    )
    assert found.known.extrapolation_variance[:20].tolist() == [[0.0]] * 20
    assert np.all(found.known.extrapolation_variance[20:] > 0.0)


def test_what_can_hardly_be_predicted_is_not_hopeless():
    worse = [0.75, 0.5]
    assert not len(prospects(slow_and_fast(worse)).promising)
    uncertain = prospects(slow_and_fast(worse, noise=2.0))
    assert uncertain.promising.tolist() == [20]


def test_from_few_complete_trainings_nothing_is_called_hopeless():
    history = history_of(
        *({9: 1.0 + n} for n in range(7)),
        {9: 1e6},
        finals={n: 0.9 + n for n in range(7)},
    )
    assert prospects(history) is None
    # Without epoch 9, a complete training predicts nothing.
    history.add(Individual(np.array([0.9, 0.9]), trial_id="full"))
    history.finish("full", Status.COMPLETED, [0.1])
    assert prospects(history) is None


def test_a_search_without_changes_can_be_predicted():
    history = history_of(
        *({9: 1.0} for n in range(8)),
        {9: 1.0},
        {9: 1.1},
        finals={n: 1.0 for n in range(8)},
    )
    found = prospects(history)
    assert np.isfinite(found.known.extrapolation_variance).all()
    assert found.known.objectives[[8, 9], 0].tolist() == [1.0, 1.1]


def test_what_has_a_chance_is_completed_and_others_stay_paused():
    history = slow_and_fast([0.75, 0.0], [0.25, 0.0], [0.75, 0.9])
    found = HALVING.next_step(history, rng(), 27)
    assert (found.promotes, found.epochs) == (20, 27)
    rungs.promote(history, "20", 27)
    found = HALVING.next_step(history, rng(), 27)
    # The next one is new. The surrogate knows all that are paused.
    assert (found.promotes, found.epochs) == (None, 9)
    assert found.known.positions.tolist() == [*range(20), 21, 22]
    rungs.pause(history, "20")
    rungs.discard_state(history, "20")
    assert HALVING.next_step(history, rng(), 27).promotes is None


def test_hopeless_is_what_is_worse_in_each_objective():
    history = History(PLANE, 2)
    for n, values in enumerate(
        [*zip(range(10), range(9, -1, -1), strict=True), (4, 8), (9, -3)]
    ):
        genome = np.array([n / 12, 0.5])
        history.add(Individual(genome, trial_id=str(n), epochs=(9,)))
        objectives = tuple(float(value) for value in values)
        rungs.reach(history, str(n), 9, Evaluation(objectives))
        if n < 10:
            history.finish(str(n), Status.COMPLETED, objectives)
        else:
            rungs.pause(history, str(n))
    assert prospects(history).promising.tolist() == [11]


def test_what_breaks_limits_less_is_not_hopeless():
    history = History(PLANE, num_limits=1)
    for n, violation in enumerate([0.5] * 10 + [0.4, 0.6]):
        genome = np.array([n / 12, 0.5])
        history.add(Individual(genome, trial_id=str(n), epochs=(9,)))
        objective = (1.0 if n < 10 else 2.0,)
        rungs.reach(history, str(n), 9, Evaluation(objective, (violation,)))
        if n < 10:
            history.finish(str(n), Status.COMPLETED, objective, (violation,))
        else:
            rungs.pause(history, str(n))
    assert prospects(history).promising.tolist() == [10]


# The first rung.


def first_rungs(first_epoch_tells):
    """Returns first rungs, after 100 trainings to the end."""
    history = History(PLANE)
    losses, noise = rng(1).random((2, 100))
    for n in range(100):
        genome = np.array([n / 100, 0.5])
        history.add(Individual(genome, trial_id=str(n), epochs=(27,)))
        for epochs in (1, 3, 9):
            seen = losses[n] if first_epoch_tells or epochs == 9 else noise[n]
            rungs.reach(history, str(n), epochs, Evaluation((2.0 + seen,)))
        history.finish(str(n), Status.COMPLETED, [losses[n]])
    scores = RungScores.of(history, (1, 3, 9, 27))
    return [choose_first_rung(history, scores, rng(n)) for n in range(20)]


def test_the_first_rung_is_low_if_it_predicts_the_final_order():
    assert np.mean(first_rungs(True)) < 0.5


def test_the_first_rung_is_higher_if_low_ones_disagree():
    assert np.mean(first_rungs(False)) > 1.5


@pytest.mark.parametrize("num_limits", [0, 1])
def test_a_rung_at_which_all_are_equal_tells_nothing(num_limits):
    history = History(PLANE, num_limits=num_limits)
    kept = (-1.0,) * num_limits
    for n, loss in enumerate(rng(1).random(100)):
        history.add(Individual(np.array([n / 100, 0.5]), trial_id=str(n)))
        for epochs in (1, 3, 9):
            seen = 0.9 if epochs < 9 else 2.0 + loss
            rungs.reach(history, str(n), epochs, Evaluation((seen,), kept))
        history.finish(str(n), Status.COMPLETED, [loss], kept)
    scores = RungScores.of(history, (1, 3, 9, 27))
    chosen = [choose_first_rung(history, scores, rng(n)) for n in range(20)]
    assert np.mean(np.array(chosen) == 2) > 0.8


def test_places_are_shared_by_equal_individuals():
    # The last two break the limit by the same, whatever they score.
    values = [(0.3, -1.0), (0.1, -2.0), (0.3, -3.0), (0.0, 2.0), (0.9, 2.0)]
    history = History(PLANE, num_limits=1)
    for n, (score, violation) in enumerate(values):
        history.add(Individual(np.array([n / 10, 0.5]), trial_id=str(n)))
        history.finish(str(n), Status.COMPLETED, [score], [violation])
    scores = RungScores.of(history, (1, 27))
    places = first_rung.equal_places(scores, 1, np.arange(5))
    assert places.tolist() == [1.5, 0.0, 1.5, 3.5, 3.5]


def test_before_anything_is_complete_the_first_rung_is_mostly_low():
    scores = RungScores.of(History(PLANE), (1, 3, 9, 27))
    chosen = [
        choose_first_rung(History(PLANE), scores, rng(n)) for n in range(50)
    ]
    assert np.mean(np.array(chosen) == 0) > 0.6


# Searches.


def test_a_paused_individual_could_be_trained():
    history = History(PLANE)
    for n, x in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.95]):
        genome = np.array([x, 0.5])
        history.add(Individual(genome, trial_id=str(n), epochs=(1,)))
        if x < 0.45:
            rungs.reach(history, str(n), 1, Evaluation((x,)))
        if x < 0.9:
            # Those that reached no rung have failed.
            rungs.pause(history, str(n))
        else:
            history.finish(str(n), Status.COMPLETED, [x])
    label = fit_trainability(GaussianProcess(), history)
    mean, _ = label.predict(np.array([[0.25, 0.5]]), np.ones((1, 2), bool))
    assert mean[0] < -0.5


def test_later_all_but_hopeless_ones_are_trained_to_the_end():
    search = CurveSearch(Evolution(fidelity=HALVING, surrogate=None))
    while search.spent < 5 * 27:
        search.run(1)
    assert rungs.epochs_spent(search.history, 27) == (search.spent, 0)
    assert len(search.history) > 10
    started = search.spent
    while len(search.history.positions(Status.COMPLETED)) < 8:
        search.run(1)
    # Half of the epochs were spent without a pause.
    total, straight = rungs.epochs_spent(search.history, 27)
    assert total == search.spent
    assert abs(straight - (total - started) / 2) <= 27
    assert straight >= 27
    compared, started = len(search.history), len(search.proposals)
    search.run(60)
    epochs = [proposal.epochs for proposal in search.proposals[started:]]
    assert set(epochs) == {9, 27}
    later = search.history.individuals[compared:]
    paused = [one for one in later if one.status is Status.PAUSED]
    assert len(later) > 20 and 3 < len(paused) < len(later) - 3
    best = search.history.objectives.min()
    assert all(final_loss(one.genome) > best for one in paused)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_a_search_is_a_pure_function_of_its_history(surrogate):
    evolution = Evolution(fidelity=HALVING, surrogate=surrogate)
    search = CurveSearch(evolution)
    for _ in range(30):
        before = copy.deepcopy(search.history)
        first, second = search.propose(), search.propose()
        np.testing.assert_array_equal(first.genome, second.genome)
        assert (first.epochs, first.promotes) == (
            second.epochs,
            second.promotes,
        )
        for one, earlier in zip(
            search.history.individuals, before.individuals, strict=True
        ):
            np.testing.assert_array_equal(one.genome, earlier.genome)
            assert one.status is earlier.status
            assert (one.epochs, one.rungs) == (earlier.epochs, earlier.rungs)
        search.run(1)


def test_eight_workers_never_wait_and_train_nothing_twice():
    search = CurveSearch(Evolution(fidelity=HALVING))
    running = []
    for _ in range(60):
        while len(running) < 8:
            running.append(search.start())
        assert all(running)
        assert len({trial_id for trial_id, _, _ in running}) == 8
        running.sort(key=lambda one: one[2] - one[1])
        search.end(*running.pop(0))
    steps = [(p.promotes, p.epochs) for p in search.proposals if p.promotes]
    assert len(steps) == len(set(steps)) > 5


def test_without_a_fidelity_nothing_is_paused():
    search = CurveSearch(Evolution()).run(8)
    assert all(p.epochs is p.promotes is None for p in search.proposals)
    assert len(search.history.positions(Status.COMPLETED)) == 8


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_short_trainings(epochs):
    search = CurveSearch(Evolution(fidelity=HALVING), epochs).run(25)
    assert all(1 <= p.epochs <= epochs for p in search.proposals)
    assert len(search.history.positions(Status.COMPLETED))


def test_trials_that_run_out_leave_promotions():
    search = CurveSearch(Evolution(fidelity=HALVING, surrogate=None)).run(20)
    count = len(search.history)
    search.run(100, num_left=0)
    assert len(search.history) == count
    assert search.propose(num_left=0) is None
    best = search.evolution.rank(search.history)[0]
    assert best == np.argmin(
        [final_loss(genome) for genome in search.history.genomes]
    )


def test_a_space_that_runs_out_leaves_promotions():
    genes = [OrdinalGene(name, range(3), 0) for name in "xy"]
    history = History(SearchSpace(genes))
    search = CurveSearch(Evolution(fidelity=HALVING), history=history).run(100)
    assert len(history) == 9
    assert search.propose() is None


def of_two(genome, epochs):
    losses = curve(genome, epochs)
    return np.stack([losses, curve(1.0 - genome, epochs)], axis=1)


def of_three(genome, epochs):
    return np.column_stack([of_two(genome, epochs), curve(genome, epochs)])


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
@pytest.mark.parametrize("loss", [of_two, of_three])
def test_several_objectives(loss, surrogate):
    num_objectives = loss(np.array([0.5, 0.5]), 1).shape[1]
    evolution = Evolution(fidelity=HALVING, surrogate=surrogate)
    history = History(PLANE, num_objectives)
    search = CurveSearch(evolution, loss=loss, history=history).run(60)
    assert len(history.positions(Status.COMPLETED)) > 1
    assert len(history.positions(Status.PAUSED)) > 5
    assert len(search.evolution.rank(history))


def test_what_breaks_a_limit_is_promoted_last():
    history = History(PLANE, num_limits=1)
    for n, violation in enumerate([0.5, -0.1, 0.2, -0.2, 0.3, 0.4]):
        genome = np.array([n / 100, 0.5])
        history.add(Individual(genome, trial_id=str(n), epochs=(1,)))
        rungs.reach(history, str(n), 1, Evaluation((n + 1.0,), (violation,)))
        rungs.pause(history, str(n))
    found = step(history)
    assert (found.promotes, found.epochs) == (1, 3)
    assert Evolution().rank(history)[:2].tolist() == [1, 3]


def test_of_equal_epochs_more_is_found_than_with_full_trainings():
    wins = 0
    for seed in range(20):
        found = []
        for fidelity in (SuccessiveHalving(), None):
            evolution = Evolution(fidelity=fidelity, surrogate=None)
            search = CurveSearch(evolution, seed=seed)
            while search.spent < 8 * 27:
                search.run(1)
            best = evolution.rank(search.history)[0]
            found.append(final_loss(search.history.genomes[best]))
        wins += found[0] < found[1]
    assert wins >= 16
