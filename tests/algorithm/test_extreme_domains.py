"""Domains at the ends of what floats and integers can say."""

import math

import keras_tuner as kt
import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kt_evolution.algorithm.evolution import Evolution
from kt_evolution.algorithm.history.history import History
from kt_evolution.algorithm.history.individual import Individual
from kt_evolution.algorithm.history.individual import Status
from kt_evolution.algorithm.space.declarations import SpaceError
from kt_evolution.algorithm.space.genes import LAST_CODE
from kt_evolution.algorithm.space.search_space import SearchSpace
from kt_evolution.keras_tuner_bridge.encoding import gene_of

SAMPLINGS = ["linear", "log", "reverse_log"]
CODES = np.linspace(0.0, LAST_CODE, 101)
# Adding zero leaves one zero of the two.
ANY_FLOAT = st.floats(allow_nan=False, allow_infinity=False).map(
    lambda number: number + 0.0
)


def gene(method, *args, **kwargs):
    hp = kt.HyperParameters()
    getattr(hp, method)("x", *args, **kwargs)
    return gene_of(hp.space[0])


@st.composite
def declarations(draw):
    """Arguments of a `Float` or `Int`, with any bounds, step and default."""
    sampling = draw(st.sampled_from(SAMPLINGS))
    if draw(st.booleans()):
        numbers = (
            ANY_FLOAT
            if sampling == "linear"
            else st.floats(5e-324, 1.7e308, allow_subnormal=True)
        )
        low, high = sorted([draw(numbers), draw(numbers)])
        default = draw(st.floats(low, high))
        kwargs = {}
        if draw(st.booleans()):
            kwargs["step"] = draw(
                st.floats(1e-300, 1e300)
                if sampling == "linear"
                else st.floats(1.0, 1e300, exclude_min=True)
            )
        return (
            "Float",
            (low, high),
            {**kwargs, "default": default, "sampling": sampling},
        )
    numbers = st.integers(-(10**30) if sampling == "linear" else 1, 10**30)
    low, high = sorted([draw(numbers), draw(numbers)])
    kwargs = {"default": draw(st.integers(low, high)), "sampling": sampling}
    if draw(st.booleans()):
        kwargs["step"] = draw(st.integers(2, 10**20))
    return "Int", (low, high), kwargs


def linear(low, high, step, default):
    kwargs = {"step": step, "default": default, "sampling": "linear"}
    kind = "Int" if isinstance(low, int) else "Float"
    return kind, (low, high), kwargs


def log(low, high, step, default):
    kwargs = {"step": step, "default": default, "sampling": "log"}
    return "Float", (low, high), kwargs


@given(declarations())
# Bounds of more digits than members are rounded to.
@example(log(1968838111515.0, 1968838111516.0, 2.0, 1968838111516.0))
@example(log(2.225073858507e-311, 1.0, 2.0, 1.0))
# A default that is a bound but for rounding.
@example(linear(-5.832537386053027e-246, 1.0, 1.0, 0.0))
# A default behind the last step.
@example(linear(-(2**48) - 1, 0, 2, 0))
@settings(max_examples=200)
def test_the_default_and_the_lower_bound_come_back_exactly(declaration):
    method, (low, high), kwargs = declaration
    made = gene(method, low, high, **kwargs)
    kind = float if method == "Float" else int
    for value in (kwargs["default"], low):
        back = made.decode(made.encode(value))
        assert back == value
        assert type(back) is kind


@given(declarations())
# Quotients and powers that are no floats.
@example(linear(-359538628.0, -179769314.0, 1e-300, -179769314.0))
@example(log(2.225073858507e-311, 7.2e305, 2.0, 1.0))
@settings(max_examples=200)
def test_every_code_has_a_value_within_bounds_in_order(declaration):
    method, (low, high), kwargs = declaration
    made = gene(method, low, high, **kwargs)
    values = [made.decode(code) for code in CODES.tolist()]
    assert all(low <= value <= high for value in values)
    # Digits that a value is rounded to don't turn the order.
    assert all(
        a <= b or math.isclose(a, b, rel_tol=1e-9)
        for a, b in zip(values, values[1:], strict=False)
    )
    canonical = made.canonicalize(CODES)
    np.testing.assert_array_equal(made.canonicalize(canonical), canonical)
    assert [made.decode(code) for code in canonical.tolist()] == values


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    ("low", "high"),
    [(1e-300, 1e300), (5e-324, 1.7e308), (1e308, 1.7e308), (-1e308, 1e308)],
)
def test_a_huge_range_has_many_values(low, high, sampling):
    if low < 0 and sampling != "linear":
        pytest.skip("A logarithm needs bounds above 0.")
    made = gene("Float", low, high, sampling=sampling)
    values = [made.decode(code) for code in CODES.tolist()]
    assert len(set(values)) == len(CODES)
    middle = {
        "linear": low / 2 + high / 2,
        "log": math.exp(math.log(low) / 2 + math.log(high) / 2)
        if low > 0
        else None,
    }
    if sampling in middle:
        assert made.decode(0.5) == pytest.approx(middle[sampling], rel=1e-9)


@pytest.mark.parametrize(
    "value", [1e-3, 3e-4, 0.1 + 0.2, 1 / 3, math.pi / 100, 0.0123456789012345]
)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_default_is_no_other_float(value, sampling):
    made = gene("Float", 1e-4, 0.5, default=value, sampling=sampling)
    assert made.decode(made.encode(value)) == value


@given(
    digits=st.integers(1, 9999),
    exponent=st.integers(-8, -5),
    sampling=st.sampled_from(SAMPLINGS),
)
def test_numbers_as_users_write_them_come_back(digits, exponent, sampling):
    value = float(f"{digits}e{exponent}")
    made = gene("Float", 1e-8, 1.0, sampling=sampling)
    assert made.decode(made.encode(value)) == value


def test_a_fine_geometric_grid_is_lazy():
    made = gene(
        "Float", 1e-4, 1.0, step=1.0000001, sampling="log", default=0.01
    )
    assert made.size == 92_103_410
    assert made.decode(made.encode(0.01)) == 0.01
    assert made.decode(0.0) == 1e-4
    values = [made.decode(code) for code in CODES.tolist()]
    assert values == sorted(set(values))


def test_a_step_that_floats_can_not_say_makes_a_range():
    for step in (1e-300, 1e-12):
        made = gene("Float", -1e8, 1e8, step=step, default=0.5)
        assert made.decode(made.encode(0.5)) == 0.5
    made = gene("Float", 1.0, 2.0, step=1.0 + 2**-52, sampling="log")
    assert made.kind == "continuous"


@pytest.mark.parametrize(
    ("method", "low", "high", "kwargs", "position"),
    [
        ("Int", 0, 10**12, {"step": 1}, 7 * 10**11),
        ("Int", 0, 10**12, {"step": 2, "default": 3}, 35 * 10**10 + 1),
        ("Float", 0.0, 1e12, {"step": 1e-3}, 7 * 10**14),
        ("Float", 0.0, 1e308, {"step": 1e296}, 7 * 10**11),
        ("Float", 1e-4, 1e4, {"step": 1 + 1e-10, "sampling": "log"}, 10**11),
    ],
)
def test_the_values_of_a_fine_domain_are_not_gone_through(
    method, low, high, kwargs, position
):
    made = gene(method, low, high, **kwargs)
    code = float(made.code_at(np.array(position)))
    value = made.decode(code)
    assert made.encode(value) == code
    # The same number as JSON, a table or NumPy has it.
    assert made.encode(np.float64(value)) == code
    if method == "Int":
        assert made.encode(np.int64(value)) == made.encode(float(value)) == code
        with pytest.raises(ValueError, match="'x' must be"):
            made.encode(value + 0.5)
    for outside in (-1e300, math.inf, -math.inf, math.nan, 10**400, "a"):
        with pytest.raises(ValueError, match="'x' must be"):
            made.encode(outside)


def test_members_of_a_geometric_grid_may_be_rounded_otherwise():
    made = gene("Float", 0.1, 10.0, step=3, sampling="log")
    # What Keras Tuner computes of the second member.
    assert made.encode(0.1 * 3) == made.encode(0.3)


@pytest.mark.parametrize(
    ("low", "high", "kwargs", "count"),
    [
        (1.0, 1.0 + 2**-52, {}, 2),
        (1.0, 1.0 + 2**-50, {"sampling": "log"}, 5),
        (1.0 - 2**-53, 1.0 + 2**-52, {"sampling": "reverse_log"}, 3),
        (-1e-323, 1e-323, {}, 5),
        (1e16, 1e16 + 10, {}, 6),
        # Floats are further apart than the steps.
        (1e16, 1e16 + 10, {"step": 0.5}, 6),
        (1e300, 1e300 + 2 * math.ulp(1e300), {"step": 1.0}, 3),
    ],
)
def test_a_range_of_few_floats_is_a_grid_of_them(low, high, kwargs, count):
    made = gene("Float", low, high, **kwargs)
    assert made.size == count
    values = [made.decode(code) for code in made.code_at(np.arange(count))]
    assert values == sorted(set(values))
    assert (values[0], values[-1]) == (low, high)
    assert [made.decode(made.encode(value)) for value in values] == values


@pytest.mark.parametrize(
    ("low", "high", "sampling"),
    [
        (1e-20, 1.0, "reverse_log"),
        (1e-300, 3.0, "reverse_log"),
        (5e-324, 1e-300, "log"),
    ],
)
def test_codes_of_the_same_float_are_one_code(low, high, sampling):
    made = gene("Float", low, high, sampling=sampling)
    # Where the scale spreads floats: less than a hundred are there.
    near = (
        np.linspace(0.0, 0.02, 1001)
        if sampling == "log"
        else np.linspace(0.98, LAST_CODE, 1001)
    )
    codes = np.unique(made.canonicalize(near))
    values = [made.decode(code) for code in codes.tolist()]
    assert 2 < len(set(values)) == len(values) < 500
    np.testing.assert_array_equal(made.canonicalize(codes), codes)


def test_bounds_that_no_float_is_as_large_as_are_refused():
    hp = kt.HyperParameters()
    hp.Int("x", 0, 10**400)
    with pytest.raises(SpaceError, match="'x' must be finite"):
        gene_of(hp.space[0])


@pytest.mark.parametrize(
    ("low", "high", "kwargs"),
    [
        (0, 2**62, {}),
        (0, 2**70, {"step": 3}),
        (1, 10**18, {"sampling": "log"}),
        (1, 10**18, {"sampling": "reverse_log"}),
        (-(10**30), 10**30, {"default": 12_345}),
    ],
)
def test_more_integers_than_codes_are_searched(low, high, kwargs):
    made = gene("Int", low, high, **kwargs)
    values = [made.decode(code) for code in made.canonicalize(CODES).tolist()]
    step = kwargs.get("step", 1)
    assert all(type(value) is int and low <= value <= high for value in values)
    assert all((value - low) % step == 0 for value in values)
    assert len(set(values)) > 90
    last = high - (high - low) % step
    for value in (low, last, kwargs.get("default", low)):
        assert made.decode(made.encode(value)) == value
    with pytest.raises(ValueError, match="'x' must be between"):
        made.encode(high + 1)
    with pytest.raises(ValueError, match="'x' must be"):
        made.encode(low + 0.5)


def test_small_numbers_of_a_long_logarithmic_range_are_proposed_once():
    space = SearchSpace([gene("Int", 1, 10**18, sampling="log")])
    history = History(space)
    evolution = Evolution(surrogate=None, num_initial_points=3)
    proposed = []
    for number in range(40):
        proposal = evolution.propose(history, np.random.default_rng(number))
        value = space.decode(proposal.genome)["x"]
        proposed.append(value)
        history.add(Individual(proposal.genome, trial_id=str(number)))
        history.finish(str(number), Status.COMPLETED, [float(value)])
    assert len(set(proposed)) == 40
    assert min(proposed) == 1
    assert sorted(proposed)[5] < 1000


def test_nan_is_a_choice_like_any_other():
    made = gene("Choice", [1.0, float("nan"), 0.5])
    codes = made.code_at(np.arange(3)).tolist()
    values = [made.decode(code) for code in codes]
    assert values[:2] == [0.5, 1.0]
    assert math.isnan(values[2])
    # Another NaN, as a file has it.
    assert made.encode(float("nan")) == codes[2]
