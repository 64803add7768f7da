"""Values that ranges stand for, and draws from axes without steps."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.explore.axis import Span
from pimsim.explore.axis_values import arithmetic, at, even, even_in_logarithm, geometric
from pimsim.explore.space_load import space_from_dict


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ({"range": [100, 400], "step": 100}, (100, 200, 300, 400)),
        ({"range": [100, 390], "step": 100}, (100, 200, 300)),
        ({"range": [0.1, 0.5], "step": 0.1}, (0.1, 0.2, 0.3, 0.4, 0.5)),
        ({"range": [1, 2], "step": 0.5}, (1.0, 1.5, 2.0)),
        ({"range": [280, 360], "count": 9}, (280, 290, 300, 310, 320, 330, 340, 350, 360)),
        ({"range": [1, 2], "count": 3}, (1.0, 1.5, 2.0)),
        ({"range": [0.1, 0.7], "count": 3}, (0.1, 0.4, 0.7)),
        ({"log": [64, 1024], "base": 2}, (64, 128, 256, 512, 1024)),
        ({"log": [64, 1000], "base": 2}, (64, 128, 256, 512)),
        ({"log": [64, 200], "base": 1.5}, (64, 96, 144)),
        ({"log": [0.1, 100], "base": 10}, (0.1, 1.0, 10.0, 100.0)),
        ({"log": [1, 64], "count": 7}, (1, 2, 4, 8, 16, 32, 64)),
        ({"log": [1, 4], "count": 9}, (1, 2, 3, 4)),
        ({"log": [1.0, 100], "count": 3}, (1.0, 10.0, 100.0)),
        ({"log": ["1e1", "1e3"], "count": 3}, (10.0, 100.0, 1000.0)),
        (["1e2", 250], (100.0, 250.0)),
        ([250, 100], (250, 100)),
    ],
)
def test_a_range_stands_for_these_values(form: Any, values: tuple[float, ...]) -> None:
    raw = {"format": 1, "name": "made", "hardware": "pim45nm", "models": "cnn3d_6b", "axes": {"clock_mhz": form}}
    (axis,) = space_from_dict(raw).axes
    assert axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


decimals = st.integers(1, 10_000).map(lambda thousandths: thousandths / 1000)


@given(decimals, decimals, st.integers(1, 500).map(lambda thousandths: thousandths / 100))
def test_steps_are_exact_decimals_up_to_the_high_end(low: float, width: float, step: float) -> None:
    high = float(Fraction(str(low)) + Fraction(str(width)))
    expected, value = [], Fraction(str(low))
    while value <= Fraction(repr(high)):
        expected.append(float(value))
        value += Fraction(str(step))
    assert list(arithmetic(low, high, step)) == expected


@given(st.integers(1, 100), st.integers(2, 10), st.integers(0, 8))
def test_powers_of_whole_numbers_are_exact_and_reach_their_end(low: int, base: int, steps: int) -> None:
    values = geometric(low, low * base**steps, base) if steps else (low,)
    assert values == tuple(low * base**turn for turn in range(steps + 1))


@given(decimals, st.floats(1.001, 1000), st.integers(2, 50))
def test_even_values_have_both_ends_and_equal_distances(low: float, ratio: float, count: int) -> None:
    high = low * ratio
    line, powers = even(low, high, count), even_in_logarithm(low, high, count)
    for values in (line, powers):
        assert (len(values), values[0], values[-1]) == (count, low, high)
        assert all(one < two for one, two in pairwise(values))
    assert all(abs(two - one - (high - low) / (count - 1)) < 1e-9 * high for one, two in pairwise(line))
    wanted = ratio ** (1 / (count - 1))
    assert all(two / one == pytest.approx(wanted, rel=1e-9) for one, two in pairwise(powers))


@given(st.booleans(), st.booleans(), decimals, decimals, st.text(max_size=8))
def test_a_draw_lies_in_its_span_and_depends_on_its_key_alone(
    whole: bool, log: bool, low: float, width: float, key: str
) -> None:
    span = Span(int(low) + 1, int(low + width) + 2, log) if whole else Span(low, low + width, log)
    value = at(span, key)
    assert span.low <= value <= span.high
    assert isinstance(value, int) is whole
    assert at(span, key) == value


def test_every_whole_number_of_a_span_is_drawn_as_often() -> None:
    counts = dict.fromkeys(range(3, 8), 0)
    for key in range(5000):
        counts[int(at(Span(3, 7), str(key)))] += 1
    assert all(count == pytest.approx(1000, abs=100) for count in counts.values())
