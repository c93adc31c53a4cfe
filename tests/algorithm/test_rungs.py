"""What the history knows of trainings that are paused and promoted."""

import numpy as np
import pytest

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history import rungs
from kt_evolution.algorithm.history.evaluations import Evaluation
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import IMPORT
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from tests.algorithm.curves import PLANE


def history_of(*scores, finals=None):
    """Returns individuals whose scores are dicts of epochs to losses."""
    history = History(PLANE)
    for number, one in enumerate(scores):
        trial_id = str(number)
        genome = np.array([number / 100, 0.5])
        history.add(Individual(genome, trial_id=trial_id, epochs=(1,)))
        for epochs, loss in one.items():
            rungs.reach(history, trial_id, epochs, Evaluation((loss,)))
        rungs.pause(history, trial_id)
        if finals and number in finals:
            rungs.promote(history, trial_id, 27)
            history.finish(trial_id, Status.COMPLETED, [finals[number]])
    return history


def test_the_life_of_a_trial_that_is_promoted():
    history = history_of({3: 0.5})
    one = history.individuals[0]
    assert (one.status, one.epochs, one.epochs_reached) == (
        Status.PAUSED,
        (1,),
        3,
    )
    assert not len(history.positions(Status.COMPLETED, Status.PENDING))
    rungs.promote(history, "0", 27)
    assert (one.status, one.epochs) == (Status.PENDING, (1, 27))
    rungs.reach(history, "0", 9, Evaluation((0.4,)))
    assert one.epochs_reached == 9
    history.finish("0", Status.COMPLETED, [0.3])
    assert history.positions(Status.COMPLETED).tolist() == [0]
    assert history.objectives.tolist() == [[0.3]]
    assert one.rungs[3].objectives == (0.5,)


def test_a_paused_individual_has_no_objectives_yet():
    history = history_of({3: 0.5})
    assert np.isinf(history.objectives).all()
    assert history.individuals[0].objectives == ()


def test_a_model_that_diverged_before_its_first_rung_has_failed():
    history = history_of({3: float("nan")})
    assert history.individuals[0].status is Status.FAILED


def test_a_paused_individual_is_not_proposed_again():
    history = history_of({3: 0.5})
    assert history.find(history.genomes[0]) == 0
    assert history.is_tried(history.genomes[0])


def test_scores_at_the_rungs_as_arrays():
    history = history_of({1: 0.9, 3: 0.7}, {1: 0.8}, {1: 0.6}, finals={2: 0.1})
    history.add(Individual(np.array([0.9, 0.9]), trial_id="new"))
    scores = rungs.RungScores.of(history, (1, 3, 27))
    inf = np.inf
    np.testing.assert_array_equal(
        scores.objectives[..., 0],
        [[0.9, 0.8, 0.6, inf], [0.7, inf, inf, inf], [inf, inf, 0.1, inf]],
    )
    assert scores.level.tolist() == [1, 0, 2, -1]
    assert scores.members(0).tolist() == [0, 1, 2]


def test_scores_between_rungs_count_for_the_lower_one():
    history = history_of({5: 0.5}, {3: 0.8, 5: 0.6}, {2: 0.9})
    scores = rungs.RungScores.of(history, (3, 9, 27))
    assert scores.objectives[0, :, 0].tolist() == [0.5, 0.8, np.inf]


def test_epochs_that_were_spent():
    history = history_of({1: 0.9, 3: 0.7}, {1: 0.6}, finals={1: 0.1})
    history.add(Individual(np.array([0.9, 0.9]), trial_id="a", epochs=(9,)))
    history.add(Individual(np.array([0.8, 0.9]), trial_id="b", epochs=(27,)))
    history.add(Individual(np.array([0.7, 0.9]), trial_id="c"))
    history.add(Individual(np.array([0.6, 0.9]), status=Status.REJECTED))
    history.add(Individual(np.array([0.5, 0.9]), trial_id="d", operator=IMPORT))
    assert rungs.epochs_spent(history, 27) == (3 + 27 + 9 + 27 + 27, 54)


@pytest.mark.parametrize("surrogate", [None, "gaussian_process"])
def test_only_complete_trainings_compete_for_the_best(surrogate):
    evolution = Evolution(surrogate=surrogate)
    scores = [{1: 0.9, 3: 0.7}, {1: 0.1}, {1: 0.6, 3: 0.5}, {1: 0.3}]
    assert evolution.rank(history_of()).tolist() == []
    # While none is complete, those that were trained longest come first.
    assert evolution.rank(history_of(*scores)).tolist() == [2, 0, 1, 3]
    history = history_of(*scores, finals={0: 0.4})
    assert evolution.rank(history).tolist() == [0]
