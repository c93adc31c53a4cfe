"""The benchmark of re-evaluation."""

import numpy as np
import pytest

from benchmarks import reevaluation

pytestmark = pytest.mark.later


def test_a_table_for_all_and_equal_budgets(capsys):
    arguments = ["--tasks", "hpobench/car", "--seeds", "0-1", "--trials", "14"]
    reevaluation.main(arguments)
    printed = capsys.readouterr().out
    assert printed.startswith("2 searches each, 14 trials:")
    assert printed.count("\n|") == 2 + 6


def test_pairs_are_compared_with_no_reevaluation():
    regrets = np.zeros((3, 3, 2))
    regrets[:, 1, 0] = [-1.0, -2.0, 1.0]
    text = reevaluation.table(regrets)
    assert "| 3 | best trial | -0.6667 | better 2, worse 1, equal 0" in text
    assert "| 0 | best trial | 0.0000 |  |" in text
