"""A layer's crossbar in the words that its compiled loops take."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pimsim.model.chip import Chip, build
from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer
from pimsim.simulation.bounds import Interval
from pimsim.simulation.geometry import Int64Array


class Crossbar(NamedTuple):
    """A `Chip` as the kernel takes it, and the zero point of the input codes.

    cells   (K, 1 or input codes, columns) int32 where every column sum fits in it, else int64
    offset, step  (columns,) float64, whose quotients the kernel forms; where all steps are the same power of two,
            ``shift`` is its exponent, and −1 elsewhere
    """

    cells: npt.NDArray[Any]
    significance: Int64Array
    reference: int
    constants: Int64Array
    offset: npt.NDArray[np.float64]
    step: npt.NDArray[np.float64]
    whole_offset: Int64Array
    shift: int
    level: int
    low: int
    high: int
    rows: int
    groups: int
    slices: int
    dac_bits: int
    input_zero: int


def lower_crossbar(layer: IntegerLayer, macro: Macro, input_zero: int, inputs: Interval) -> tuple[Crossbar, Interval]:
    """The macro's words and the reach of its sums; ``inputs`` are the centred values of one source neuron."""
    chip = build(layer, macro, input_zero, prod(layer.shape.pool) * (inputs[1] + input_zero))
    crossbar = Crossbar(
        cells=np.ascontiguousarray(chip.cells, _word(chip)),
        significance=chip.significance,
        reference=chip.reference,
        constants=chip.constants,
        offset=chip.offset.astype(np.float64),
        step=chip.step.astype(np.float64),
        whole_offset=chip.offset,
        shift=_shift(chip.step),
        level=chip.level,
        low=chip.low,
        high=chip.high,
        rows=chip.rows,
        groups=chip.groups,
        slices=chip.slices,
        dac_bits=chip.dac_bits,
        input_zero=input_zero,
    )
    return crossbar, chip.reach()


def _word(chip: Chip) -> type[np.signedinteger]:
    """Also sums on the way lie between the ends: each is a sum of some of the rows."""
    ends = [end for index in range(chip.slices) for end in chip.column_ends(index)]
    largest = max(int(np.abs(end).max()) for end in ends)
    return np.int32 if largest < 2**31 else np.int64


def _shift(steps: Int64Array) -> int:
    step = int(steps[0])
    return step.bit_length() - 1 if step & (step - 1) == 0 and bool((steps == step).all()) else -1
