"""Property tests never fail at random."""

from hypothesis import given
from hypothesis import strategies as st


def test_property_tests_see_the_same_examples_each_time():
    runs: list[list[float]] = []

    @given(st.floats())
    def collect(number):
        runs[-1].append(number)

    for _ in range(2):
        runs.append([])
        collect()
    first, second = map(repr, runs)
    assert len(runs[0]) >= 50
    assert first == second
