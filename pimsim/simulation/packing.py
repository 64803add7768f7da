"""Weight rows in memory as the kernels read them: padded to whole vectors, on cache lines, as narrow as is safe."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.simulation import bounds

VECTOR_BITS = 512
#: most vectors of accumulators: four positions of the first layer's kernel then fill half of 32 registers
MAX_VECTORS = 4
#: events' rows added in 8 bits before they are widened, where they fit
GROUP = 4


def weight_blocks(rows: npt.NDArray[np.signedinteger], stored: npt.DTypeLike, sums: np.dtype[Any]) -> npt.NDArray[Any]:
    """(rows, C_out) → (blocks, rows + 1, elements), output channels shared evenly among the fewest blocks.

    A row has whole vectors of ``sums``, and no more than it needs: rows of many layers stand in the second cache, and
    its lines count.  The last row is zero.
    """
    lanes = VECTOR_BITS // (8 * sums.itemsize)
    vectors = -(-rows.shape[1] // lanes)
    blocks = -(-vectors // MAX_VECTORS)
    width = -(-vectors // blocks) * lanes
    padded = np.zeros((len(rows) + 1, blocks * width), rows.dtype)
    padded[:-1, : rows.shape[1]] = rows
    packed = aligned((blocks, len(rows) + 1, width), stored)
    blocked = padded.reshape(len(rows) + 1, blocks, width).transpose(1, 0, 2)
    packed[:] = blocked if packed.dtype == sums else _in_pairs(blocked, VECTOR_BITS // 8)
    return packed


def _in_pairs(rows: npt.NDArray[np.signedinteger], lanes: int) -> npt.NDArray[np.signedinteger]:
    """Elements (…, elements) of each vector of ``lanes`` bytes as pairs of one of its first and one of its second half.

    A pair is a 16-bit word, from which both bytes are widened without moving them to other lanes.  Rows that are not
    whole vectors consist of half ones.
    """
    lanes = lanes if rows.shape[-1] % lanes == 0 else lanes // 2
    parts = rows.reshape(*rows.shape[:-1], -1, 2, lanes // 2)
    paired: npt.NDArray[np.signedinteger] = parts.swapaxes(-1, -2).reshape(rows.shape)
    return paired


def group_of(rows: npt.NDArray[np.int32], repeats: int) -> int:
    """How many events' rows surely add up within 8 bits: 4, else 1, or 0 if not even one does.

    An event adds a row of its own, except under a pool, where up to ``repeats`` events add the same one.
    """
    ordered = np.sort(rows, axis=0)
    lowest, highest = np.minimum(ordered[:GROUP], 0), np.maximum(ordered[: -GROUP - 1 : -1], 0)  # fewer may come, too
    for size in (GROUP, 1):
        sums = [np.repeat(ends, repeats, axis=0)[:size].sum(axis=0) for ends in (lowest, highest)]
        if bounds.fits(8, (int(sums[0].min()), int(sums[1].max()))):
            return size
    return 0


def aligned(shape: tuple[int, ...], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that start on a cache line: a vector that crosses lines costs two loads."""
    line = VECTOR_BITS // 8
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    memory = np.zeros(size + line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : start + size].view(kind).reshape(shape)
