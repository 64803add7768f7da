"""The neuron's fixed-point arithmetic equals Python's integers over its whole range."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_model import naive_nearest

from pimsim.errors import ModelError
from pimsim.model.fixed_point import leaked, nearest_sum, saturate, signed_digits, stored, word_range
from pimsim.model.network import MAX_FRACTION_BITS, MAX_WORD_BITS, ROUNDINGS

#: two addends of the widest word: what a potential is made of before it is checked
WIDE = st.integers(-(2**MAX_WORD_BITS), 2**MAX_WORD_BITS)


@given(value=WIDE, bits=st.integers(0, MAX_FRACTION_BITS), rounding=st.sampled_from(ROUNDINGS), data=st.data())
def test_leak_is_the_rounded_product_for_every_word_and_fraction(
    value: int, bits: int, rounding: str, data: st.DataObject
) -> None:
    leak = data.draw(st.integers(0, 2**bits))
    exact = Fraction(value * leak, 2**bits)
    expected = floor(exact) if rounding == "floor" else floor(exact + Fraction(1, 2))
    assert leaked(np.array([value]), leak, bits, rounding).tolist() == [expected]


@given(value=WIDE, bits=st.integers(0, MAX_FRACTION_BITS), rounding=st.sampled_from(ROUNDINGS))
def test_a_leak_of_one_changes_nothing(value: int, bits: int, rounding: str) -> None:
    assert leaked(np.array([value]), 2**bits, bits, rounding).tolist() == [value]


@given(value=WIDE, bits=st.integers(1, MAX_WORD_BITS))
def test_saturation_clips_to_twos_complement(value: int, bits: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert word_range(bits) == (low, high)
    assert saturate(np.array([value]), bits).tolist() == [sorted((low, value, high))[1]]


def test_an_unknown_rounding_is_refused() -> None:
    with pytest.raises(ModelError, match="leak_rounding='up' is not one of floor, half_up"):
        leaked(np.array([1]), 1, 1, "up")


@given(value=WIDE, bits=st.integers(1, 40), shift=st.integers(0, 20), rounding=st.sampled_from(ROUNDINGS))
def test_a_stored_membrane_is_the_nearest_multiple_of_its_step_that_the_word_holds(
    value: int, bits: int, shift: int, rounding: str
) -> None:
    low, high = word_range(bits)
    steps = Fraction(value, 2**shift) + (Fraction(1, 2) if rounding == "half_up" and shift else 0)
    expected = sorted((low, floor(steps), high))[1] * 2**shift
    assert stored(np.array([value]), bits, shift, rounding).tolist() == [expected]


@given(bits=st.integers(0, 10), terms=st.integers(1, 3), data=st.data())
def test_the_nearest_sum_of_powers_is_that_of_brute_force(bits: int, terms: int, data: st.DataObject) -> None:
    leak = data.draw(st.integers(0, 2**bits))
    assert nearest_sum(leak, bits, terms) == naive_nearest(leak, bits, terms)


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_the_digits_of_a_number_are_the_powers_it_takes(terms: int) -> None:
    """Every number up to 2^6: as few digits as the fewest powers of brute force, which reach one place higher."""
    for value in range(65):
        assert (signed_digits(value) <= terms) == (naive_nearest(value, 7, terms) == value)
