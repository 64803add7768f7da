"""What the recorders beside a simulated core hold at the end, as arrays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.rtl.bench.words import packed
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import Int64Array

CLOCK = 1e-6
"""Period of a simulation; any will do: nothing depends on it."""


@contextmanager
def words_of_any_width() -> Iterator[None]:
    """Inside, Amaranth's simulator takes words of more than 14,283 bits (some 700 lanes).

    It writes their masks down as decimal numbers, which Python refuses from 4,300 digits on.
    """
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


def rows_of(context: SimulatorContext, content: memory.MemoryData) -> list[int]:
    """All words of a recorder."""
    return [int(context.get(content[row])) for row in range(content.depth)]


def lane_values(words: list[int], lanes: int, bits: int) -> Int64Array:
    """(words, lanes) signed values of ``bits`` each."""
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)
    values = [[(word >> lane * bits & mask ^ sign) - sign for lane in range(lanes)] for word in words]
    return np.array(values, np.int64).reshape(-1, lanes)


def packed_spikes(words: list[int], width: int, neurons: int) -> npt.NDArray[np.uint8]:
    """Maps of ⌈``neurons`` / ``width``⌉ words as they stand in a trace, uint8 (maps, bytes).

    Padding behind the last neuron is kept, up to the byte: it has to be 0.
    """
    count = -(-neurons // width)
    maps = [packed(words[first : first + count], width) for first in range(0, len(words), count)]
    octets = b"".join(bits.to_bytes(-(-width * count // 8), "little") for bits in maps)
    rows = np.frombuffer(octets, np.uint8).reshape(len(maps), -1)
    return np.ascontiguousarray(rows[:, : -(-neurons // 8)])


def activation_values(words: list[int], sweep: SweepDesign) -> Int64Array:
    """(maps, neurons) values of maps whose words hold several each."""
    mask = (1 << sweep.value_bits) - 1
    values = [[word >> k * sweep.value_bits & mask for k in range(sweep.word_values)] for word in words]
    return np.array(values, np.int64).reshape(len(words) // sweep.output_words, -1)[:, : sweep.neurons]
