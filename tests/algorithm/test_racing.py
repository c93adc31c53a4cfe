"""Which of the best is trained again, worked by hand."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.racing import MAX_EVALUATIONS
from kt_evolution.algorithm.racing import next_to_reevaluate
from kt_evolution.algorithm.racing import num_reserved
from kt_evolution.algorithm.space.genes import OrdinalGene
from kt_evolution.algorithm.space.search_space import SearchSpace

SPACE = SearchSpace([OrdinalGene("x", range(100), 0)])


def history_of(*results, num_limits=0):
    """Returns a history of individuals with one list of scores for each."""
    several = np.ndim(results[0][0]) > 0
    num_objectives = len(results[0][0]) if several else 1
    history = History(SPACE, num_objectives, num_limits)
    for number, scores in enumerate(results):
        genome = SPACE.encode({"x": number})
        history.add(Individual(genome, trial_id=f"{number}"))
        for count, score in enumerate(scores):
            trial_id = f"{number}"
            if count:
                trial_id = f"{number} again {count}"
                history.reevaluate(number, trial_id)
            objectives = score if several else [score]
            history.finish(
                trial_id, Status.COMPLETED, objectives, [0.0] * num_limits
            )
    return history


def test_of_unknown_noise_the_best_is_trained_again():
    assert next_to_reevaluate(history_of([3.0], [1.0], [2.0]), 2) == 1


def test_the_candidate_with_the_fewest_trainings_is_next():
    assert next_to_reevaluate(history_of([3.0], [1.0, 1.4], [2.0]), 2) == 2


def test_only_candidates_take_part():
    history = history_of([3.0], [1.0, 4.0], [2.0], [2.1])
    # The mean of the former best is 2.5 now.
    assert next_to_reevaluate(history, 2) in (2, 3)
    assert next_to_reevaluate(history, 1) is None


def test_who_is_clearly_worse_is_not_trained_again():
    noise = [0.0, 0.1, -0.1]
    sure = [[10.0 + one for one in noise], noise]
    assert next_to_reevaluate(history_of(*sure), 2) is None
    # The third one might still be the best.
    history = history_of(*sure, [0.05])
    assert next_to_reevaluate(history, 3) == 2


def test_the_race_ends_when_it_gets_too_long():
    scores = np.linspace(0.0, 1.0, MAX_EVALUATIONS).tolist()
    assert next_to_reevaluate(history_of(scores, scores), 2) is None
    assert next_to_reevaluate(history_of(scores, scores[:-1]), 2) == 1


def test_equals_without_noise_are_left_alone():
    assert next_to_reevaluate(history_of([1.0, 1.0], [1.0, 1.0]), 2) is None
    assert next_to_reevaluate(history_of([1.0, 1.0], [2.0]), 2) is None


def test_pending_and_failed_trainings_count():
    history = history_of([1.0], [1.1])
    history.reevaluate(0, "pending")
    assert next_to_reevaluate(history, 2) == 1
    history.reevaluate(1, "crashed")
    history.finish("crashed", Status.FAILED)
    assert history.individuals[1].status is Status.COMPLETED
    assert history.objectives[1, 0] == 1.1
    for number in range(2 * MAX_EVALUATIONS):
        position = next_to_reevaluate(history, 2)
        if position is None:
            break
        history.reevaluate(position, f"more {number}")
    counts = [len(one.evaluations) for one in history.individuals]
    assert counts == [MAX_EVALUATIONS, MAX_EVALUATIONS]


def test_imports_are_not_trained_again():
    history = history_of([3.0], [2.0])
    best = Individual(
        SPACE.encode({"x": 50}), trial_id="import/0", operator=IMPORT
    )
    history.add(best)
    history.finish("import/0", Status.COMPLETED, [0.0])
    assert next_to_reevaluate(history, 2) == 1


def test_executions_of_one_trial_count_as_trainings():
    history = history_of([1.0], [2.0])
    history.finish("0", Status.COMPLETED, [1.0], stds=[0.1], num_runs=5)
    history.finish("1", Status.COMPLETED, [2.0], stds=[0.1], num_runs=5)
    assert next_to_reevaluate(history, 2) is None
    history.finish("1", Status.COMPLETED, [2.0], stds=[3.0], num_runs=5)
    assert next_to_reevaluate(history, 2) == 0


def test_on_a_front_the_order_is_clear():
    far = [[(0.0, 9.0), (0.1, 9.1)], [(9.0, 0.0), (9.1, 0.1)]]
    assert next_to_reevaluate(history_of(*far), 2) is None
    # One that may be dominated, or not.
    history = history_of(*far, [(0.05, 9.0)])
    assert next_to_reevaluate(history, 3) == 2


def test_an_objective_without_noise_leaves_the_others_to_decide():
    # Equal in size: the loss decides, and is uncertain.
    history = history_of([(1.0, 5.0), (1.4, 5.0)], [(1.1, 5.0)])
    assert next_to_reevaluate(history, 2) == 1
    # The larger one is dominated for sure only if its loss is worse, too.
    history = history_of([(1.0, 5.0), (1.1, 5.0)], [(-9.0, 6.0)])
    assert next_to_reevaluate(history, 2) is None


@pytest.mark.parametrize("surrogate", ["gaussian_process", None])
def test_the_last_proposals_are_for_the_race(surrogate):
    history = history_of([3.0], [1.0], [2.0], [5.0], [4.0], [6.0])
    evolution = Evolution(surrogate=surrogate, reevaluate=2)

    def propose(num_left):
        return evolution.propose(history, np.random.default_rng(0), num_left)

    assert propose(5).reevaluates is None
    proposal = propose(4)
    assert (proposal.reevaluates, proposal.operator) == (1, "reevaluation")
    assert proposal.parents == (1,)
    # Half of a short search is kept for something new.
    evolution = Evolution(surrogate=surrogate, reevaluate=50)
    assert propose(7).reevaluates is None
    assert propose(6).reevaluates == 1


def test_a_finished_space_is_raced():
    space = SearchSpace([OrdinalGene("x", range(2), 0)])
    history = History(space)
    for x in range(2):
        history.add(Individual(space.encode({"x": x}), trial_id=str(x)))
        history.finish(str(x), Status.COMPLETED, [float(x)])
    rng = np.random.default_rng(0)
    assert Evolution().propose(history, rng) is None
    assert Evolution(reevaluate=2).propose(history, rng).reevaluates == 0


def test_reevaluate_is_checked():
    with pytest.raises(ValueError, match="`reevaluate` must be.*=-1"):
        Evolution(reevaluate=-1)


def test_trials_are_reserved_as_many_as_this_search_has_tried():
    history = history_of([3.0], [1.0], [2.0])
    for number in range(50, 54):
        genome = SPACE.encode({"x": number})
        history.add(Individual(genome, status=Status.REJECTED))
    for number in range(60, 64):
        genome = SPACE.encode({"x": number})
        trial_id = f"import/{number}"
        history.add(Individual(genome, trial_id=trial_id, operator=IMPORT))
        history.finish(trial_id, Status.COMPLETED, [5.0])
    assert num_reserved(history, 3) == 3
    assert num_reserved(history, 1) == 2
    evolution = Evolution(reevaluate=3)
    assert evolution.propose_again(history, 4) is None
    assert evolution.propose_again(history, 3).reevaluates == 1


@pytest.mark.parametrize("num_candidates", [2, 3, 6])
def test_models_that_break_a_limit_do_not_beat_those_that_keep_it(
    num_candidates,
):
    history = History(SPACE, num_limits=1)
    # The third one breaks the limit, and scores best.
    results = [(0.5, -1.0), (0.51, -1.0), (0.1, 1.0)]
    for number, (score, violation) in enumerate(results):
        genome = SPACE.encode({"x": number})
        history.add(Individual(genome, trial_id=str(number)))
        history.finish(str(number), Status.COMPLETED, [score], [violation])
    for number in range(3, 6):
        genome = SPACE.encode({"x": number})
        history.add(Individual(genome, trial_id=str(number)))
        history.finish(
            str(number), Status.COMPLETED, [2.0 + number], [5.0], [0.02], 3
        )
    assert next_to_reevaluate(history, num_candidates) == 0


def test_where_all_break_a_limit_they_are_compared():
    history = History(SPACE, num_limits=1)
    for number, violation in enumerate([3.0, 1.0, 2.0]):
        genome = SPACE.encode({"x": number})
        history.add(Individual(genome, trial_id=str(number)))
        history.finish(str(number), Status.COMPLETED, [0.5], [violation])
    assert next_to_reevaluate(history, 2) == 1
