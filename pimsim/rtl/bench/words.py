"""What stands in the buffers around a core, as words: plain integers, the first value in the lowest bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.rtl.parts.design import EventDesign, SweepDesign


def weight_words(design: EventDesign, weights: npt.NDArray[np.integer]) -> list[int]:
    """The weight memory of a layer on the event core, K · B words.

    ``weights`` are codes (C_out, C_in, kD, kH, kW), two's complement where they are negative.  Word r·B + b holds
    input r, in the order kernel depth, height, width, input channel, for channels b·P … b·P + P − 1; lanes without a
    channel hold 0.
    """
    design_shape, sweep = design.shape, design.sweep
    assert weights.shape == (design_shape.out_channels, design_shape.in_shape[0], *design_shape.kernel)
    rows = np.moveaxis(np.asarray(weights, np.int64), (2, 3, 4, 1), (0, 1, 2, 3)).reshape(design_shape.fan_in, -1)
    codes = np.zeros((design_shape.fan_in, sweep.beats * design.lanes), np.int64)
    codes[:, : rows.shape[1]] = rows & (1 << design.weight_bits) - 1
    return [packed(word, design.weight_bits) for word in codes.reshape(-1, design.lanes).tolist()]


def packed(values: list[int], bits: int) -> int:
    """``values`` of ``bits`` each side by side.

    >>> hex(packed([1, 2, 15], 4))
    '0xf21'
    """
    word = 0
    for value in reversed(values):
        word = word << bits | value
    return word


def map_words(rows: npt.NDArray[np.uint8], neurons: int, width: int) -> list[int]:
    """Packed spike maps, uint8 (R, bytes), as ⌈neurons / width⌉ words of ``width`` bits each, one map after the other.

    Bits beyond ``neurons`` become 0.
    """
    size = -(-neurons // width) * (width // 8)
    whole = np.zeros((len(rows), size), np.uint8)
    whole[:, : rows.shape[1]] = rows[:, :size]
    whole[:, -(-neurons // 8) :] = 0
    if neurons % 8:
        whole[:, neurons // 8] &= (1 << neurons % 8) - 1
    octets, step = whole.tobytes(), width // 8
    return [int.from_bytes(octets[at : at + step], "little") for at in range(0, len(octets), step)]


def current_words(sweep: SweepDesign, sums: npt.NDArray[np.integer], bits: int | None = None) -> list[int]:
    """The current memory of a dense layer: ``sums`` (R, neurons) as R · S·B words, in the order of the sweep.

    Word o·B + b holds position o, channels b·P …, two's complement of ``bits``, or of the accumulator's; lanes without
    a channel hold 0.
    """
    bits = bits or sweep.neuron.accumulator_bits
    values = np.zeros((len(sums), sweep.positions, sweep.beats * sweep.lanes), np.int64)
    values[..., : sweep.channels] = sums.reshape(len(sums), sweep.positions, sweep.channels) & (1 << bits) - 1
    return [packed(word, bits) for word in values.reshape(-1, sweep.lanes).tolist()]
