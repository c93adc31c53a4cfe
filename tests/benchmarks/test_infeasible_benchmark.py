"""The benchmark of tables in which most cells can't be trained."""

import numpy as np
import pytest

from benchmarks import infeasible
from benchmarks import tasks

pytestmark = pytest.mark.later


@pytest.mark.parametrize("kind", infeasible.KINDS)
def test_a_region_has_its_share_and_is_that_of_its_seed(kind):
    sizes = (4, 5, 6, 7)
    for share in (0.5, 0.8):
        regions = [
            infeasible.KINDS[kind](sizes, share, np.random.default_rng(seed))
            for seed in (0, 0, 1)
        ]
        assert regions[0].shape == sizes
        assert regions[0].mean() == pytest.approx(share, abs=0.1)
        np.testing.assert_array_equal(regions[0], regions[1])
        assert not np.array_equal(regions[0], regions[2])


@pytest.mark.parametrize("name", infeasible.SEARCHERS)
def test_regret_is_that_of_the_cells_that_are_left(name):
    task = tasks.load_task("hpobench/car")
    found = infeasible.regrets(name, task, "pairs", 0.8, seed=3)
    assert 1.0 >= found[0] >= found[1] >= 0.0


def test_a_row_for_each_kind_and_checkpoint(capsys):
    options = "--tasks hpobench/car --seeds 0 --shares 0.5"
    infeasible.main([*options.split(), "--kinds", "slope", "pairs"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "1 races in each row."
    assert sum(line.startswith("| slope, 50% fail") for line in printed) == 2
    assert sum(line.startswith("| pairs, 50% fail") for line in printed) == 2
