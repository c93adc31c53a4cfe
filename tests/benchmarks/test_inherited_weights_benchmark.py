"""The benchmark of inherited weights."""

import numpy as np
import pytest

from benchmarks import inherited_weights

pytestmark = pytest.mark.later


def test_each_child_is_trained_in_all_ways(monkeypatch):
    monkeypatch.setattr(inherited_weights, "EPOCHS", 2)
    rng = np.random.default_rng(0)
    x = rng.random((32, 8, 8, 1)).astype("float32")
    y = rng.integers(0, 10, 32)
    lines = []
    (one,) = inherited_weights.measure(1, 1, (x, y, x, y), lines.append)
    assert len(one["changed"]) == 2
    assert one["curves"].keys() == set(inherited_weights.WAYS)
    assert {len(curve) for curve in one["curves"].values()} == {2}
    shares = [one["shares"][way] for way in inherited_weights.WAYS[1:]]
    assert 0 < shares[0] <= shares[1] <= 1
    assert 0 < shares[2] <= 1
    assert len(lines) == 2


def child(start, again):
    curves = {
        way: np.linspace(start + 0.1 * place, start + 0.3, 12).tolist()
        for place, way in enumerate(inherited_weights.WAYS)
    }
    shares = dict.fromkeys(inherited_weights.WAYS[1:], 0.5)
    return {
        "changed": ["units", "dropout"],
        "curves": curves,
        "shares": shares,
        "again": again,
    }


def test_a_table_has_means_over_children_and_the_rank_correlation():
    found = [child(0.0, 0.2), child(0.2, 0.6), child(0.4, 0.4)]
    assert inherited_weights.rank_correlation(found, "Net2Net") == 0.5
    first, *_, last = inherited_weights.table(found).splitlines()[2:]
    assert first.startswith("| scratch | 0.200 | 0.255 | 0.500 | 12 | 0% | 0.5")
    assert last.startswith("| Net2Net | 0.500 | 0.500 | 0.500 |")
    assert "| 50% | 0.50 |" in last
