"""The benchmark of a transfer, on tables that are worked by hand."""

import math

import numpy as np
import pytest

from benchmarks import tasks
from benchmarks import transfer
from benchmarks.transfer import Outcome
from tests.benchmarks.test_warm_start import small_task

pytestmark = pytest.mark.later


def test_an_outcome_by_hand():
    one = Outcome(np.array([0.5, 0.2, 0.0]))
    assert one.queries == 3.0
    assert [one.regret_after(n) for n in (1, 2, 40)] == [0.5, 0.2, 0.0]
    assert Outcome(np.array([0.5, 0.2])).queries == math.inf


def test_the_tables_by_hand():
    found = {
        4: {
            "transfer": Outcome(np.array([0.0])),
            "shuffled": Outcome(np.array([0.5, 0.5, 0.5, 0.5, 0.25])),
            "reversed": Outcome(np.array([0.5, 0.0])),
            "nothing": Outcome(np.array([0.5, 0.5, 0.0])),
        }
    }
    assert "| 4 | 1 | > 5 | 2 | 3 |" in transfer.queries_table(found, 5)
    assert "| mean | 1.0 | >= 5.0 | 2.0 | 3.0 |" in transfer.queries_table(
        found, 5
    )
    regrets = transfer.regrets_table(found, 5)
    assert "| 1 | 0.0000 | 0.5000 | 0.5000 | 0.5000 |" in regrets
    assert "| 5 | 0.0000 | 0.2500 | 0.0000 | 0.0000 |" in regrets
    assert "| 10 |" not in regrets
    test = transfer.sign_test(found, "shuffled", 5)
    assert (test.wins, test.losses, test.ties) == (0, 1, 0)


def test_a_replayed_search_has_the_given_cells_and_scores():
    cells = [(0, 1), (5, 5), (3, 2), (2, 2)]
    searcher = transfer.replayed(small_task(), cells, [3.0, -1.0, 2.0, 0.5])
    individuals = searcher.history.individuals
    searcher.close()
    assert [one.user_index for one in individuals] == [0, 1, 2, 3]
    assert [one.objectives[0] for one in individuals] == [3.0, -1.0, 2.0, 0.5]


def test_a_transfer_from_the_same_table_is_the_best(monkeypatch, capsys):
    monkeypatch.setattr(tasks, "load_task", lambda name: small_task())
    transfer.main(
        ["--pairs", "a:b", "--seeds", "0-1", "--past", "20", "--budget", "12"]
    )
    printed = capsys.readouterr().out
    for line in ("### a:b", "| 0 |", "| 1 |", "| mean |", "transfer after 5"):
        assert line in printed
    (mean,) = (x for x in printed.splitlines() if x.startswith("| mean"))
    best, _, _, nothing = (x.strip(" >=") for x in mean.split("|")[2:6])
    assert float(best) < float(nothing)
