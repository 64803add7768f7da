"""What the recorders beside a simulated core hold at the end, as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from amaranth.lib import memory
from amaranth.sim import SimulatorContext

from pimsim.rtl.observe import Int64Array

CLOCK = 1e-6
"""Period of a simulation; any will do: nothing depends on it."""


def rows_of(context: SimulatorContext, content: memory.MemoryData) -> list[int]:
    """All words of a recorder."""
    return [int(context.get(content[row])) for row in range(content.depth)]


def lane_values(words: list[int], lanes: int, bits: int) -> Int64Array:
    """(words, lanes) signed values of ``bits`` each."""
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)
    values = [[(word >> lane * bits & mask ^ sign) - sign for lane in range(lanes)] for word in words]
    return np.array(values, np.int64).reshape(-1, lanes)


def packed_spikes(words: list[int], width: int, neurons: int) -> npt.NDArray[np.uint8]:
    """Maps of ⌈``neurons`` / ``width``⌉ words as they stand in a trace, uint8 (maps, bytes)."""
    octets = b"".join(word.to_bytes(width // 8, "little") for word in words)
    rows = np.frombuffer(octets, np.uint8).reshape(-1, -(-neurons // width) * (width // 8))
    return np.ascontiguousarray(rows[:, : -(-neurons // 8)])
