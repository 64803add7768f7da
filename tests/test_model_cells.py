"""Weights in cells: every encoding gives back the weight, and dot products with it, digit by digit."""

from __future__ import annotations

import doctest
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.hardware import hardware, schema
from pimsim.model import cells
from pimsim.model.architecture import LayerShape
from pimsim.model.cells import DIFFERENTIAL, ENCODINGS, OFFSET, TWOS_COMPLEMENT, column_digits, column_factors
from pimsim.model.crossbar import converted_sums
from pimsim.model.macro import WEIGHTS, Macro
from pimsim.model.network import AFFINE, IntegerLayer, Neuron


@st.composite
def stored(draw):
    """(encoding, bits, cell bits, values): values that the encoding stores in so many bits."""
    encoding, bits, cell_bits = draw(st.sampled_from(ENCODINGS)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    low = {OFFSET: 0, DIFFERENTIAL: 1 - 2**bits, TWOS_COMPLEMENT: -(2 ** (bits - 1))}[encoding]
    high = 2 ** (bits - 1) - 1 if encoding == TWOS_COMPLEMENT else 2**bits - 1
    return encoding, bits, cell_bits, draw(st.lists(st.integers(low, high), min_size=1, max_size=9))


@given(stored())
def test_digits_times_what_they_count_for_are_the_weight(case):
    encoding, bits, cell_bits, values = case
    factors = column_factors(encoding, bits, cell_bits)
    for value, digits in zip(values, column_digits(np.array(values), encoding, bits, cell_bits).tolist(), strict=True):
        assert len(digits) == len(factors)
        assert all(0 <= digit < 2**cell_bits for digit in digits)
        assert sum(digit * factor for digit, factor in zip(digits, factors, strict=True)) == value


@given(stored(), st.integers(1, 5), st.integers(0, 99))
def test_lossless_conversions_of_slices_and_digits_recombine_to_the_integer_sum(case, dac_bits, seed):
    encoding, bits, cell_bits, values = case
    inputs = [int(x) for x in np.random.default_rng(seed).integers(0, 64, len(values))]
    digits = column_digits(np.array(values), encoding, bits, cell_bits).tolist()
    total = 0
    for shift in range(0, 6, dac_bits):
        slices = [x >> shift & (2**dac_bits - 1) for x in inputs]
        for column, factor in enumerate(column_factors(encoding, bits, cell_bits)):
            count = sum(x * row[column] for x, row in zip(slices, digits, strict=True))
            assert count <= len(values) * (2**dac_bits - 1) * (2**cell_bits - 1)
            total += (factor * count) << shift
    assert total == sum(x * value for x, value in zip(inputs, values, strict=True))


@pytest.mark.parametrize("bits", range(1, 9))
def test_wider_cells_never_take_more_columns(bits):
    for encoding in ENCODINGS:
        columns = [len(column_factors(encoding, bits, cell_bits)) for cell_bits in (1, 2, 3, 4)]
        assert columns == sorted(columns, reverse=True)


def test_the_encodings_are_those_of_the_hardware_file():
    named = (hardware.OFFSET, hardware.DIFFERENTIAL, hardware.TWOS_COMPLEMENT)
    assert named == ENCODINGS == get_args(schema.BitSerialPim.model_fields["weight_encoding"].annotation)


def test_the_examples_hold():
    assert doctest.testmod(cells).failed == 0


def test_a_voltage_set_by_the_weights_leaves_room_for_the_reference_column() -> None:
    """One weight of four is not 0, so columns gather at most 1; the reference column of ones gathers 4.

    15 codes over a range of 4 are steps of 4/15, which tell integers apart: nothing is lost.
    """
    weight = np.array([[[[[1]], [[0]], [[0]], [[0]]]]], np.int32)
    layer = IntegerLayer(LayerShape.linear("l", (1, 4, 1, 1), 1), weight, 1, AFFINE, 1, 0.1, Neuron("lif", 3, 1))
    ones = np.ones((1, 1, 1, 1, 1, 4), np.int64)
    macro = Macro(rows=4, adc_bits=4, adc_full_scale_lsb=WEIGHTS)
    assert converted_sums(layer, ones, 0, 1, macro).tolist() == [[[[[[-3]]]]]]  # (1 − 1) + 3 · (0 − 1)
