"""Sums of weight rows for every combination of a few inputs, where a receptive field is small enough for that.

A field's bits are cut into indices of a few bits each; the table behind an index holds the sum of the rows whose
bits are set.  A current is then a fixed number of look-ups whatever fires: no list of events, no loop over it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pimsim.simulation import bounds
from pimsim.simulation.packing import VECTOR_BITS, weight_blocks

#: what stays in a first cache beside spike maps and currents
TABLE_BYTES = 32 * 1024
#: where an index has fewer bits, adding the rows of events one by one is as fast
LEAST_INDEX_BITS = 4


class Tables(NamedTuple):
    """A layer's sums as the kernel takes them; a tuple's length is part of its type, so a kernel is compiled for it.

    sums     (blocks, segments of a field · indices of a segment · 2^bits + 1, elements): C_out padded with zeros
    bits     as long as an index has bits
    few      as long as there are indices whose sums surely add up in the type of ``sums``
    batches  as long as a segment has such groups of indices
    span     as long as a run of a field has segments
    """

    sums: npt.NDArray[Any]
    bits: tuple[int, ...]
    few: tuple[int, ...]
    batches: tuple[int, ...]
    span: tuple[int, ...]


def make_tables(
    rows: npt.NDArray[np.signedinteger], segment_rows: list[int], span: int, sums: np.dtype[Any]
) -> Tables | None:
    """Tables for fields of weight ``rows`` (fan-in, C_out), of which segments have ``segment_rows``, if they are small.

    span  segments of a run
    sums  type that every sum of rows fits in
    """
    most = max(segment_rows)
    lanes = VECTOR_BITS // (8 * sums.itemsize)
    width = -(-rows.shape[1] // lanes) * lanes
    for indices in range(1, most // LEAST_INDEX_BITS + 1):
        bits = -(-most // indices)
        if bits >= LEAST_INDEX_BITS and len(segment_rows) * indices * width << bits <= TABLE_BYTES:
            return _tables(rows, segment_rows, span, sums, indices, bits)
    return None


def _tables(
    rows: npt.NDArray[np.signedinteger],
    segment_rows: list[int],
    span: int,
    sums: np.dtype[Any],
    indices: int,
    bits: int,
) -> Tables:
    padded = np.zeros((len(segment_rows), indices * bits, rows.shape[1]), np.int64)
    for segment, part in enumerate(np.split(rows, np.cumsum(segment_rows)[:-1])):
        padded[segment, : len(part)] = part
    members = padded.reshape(-1, bits, rows.shape[1])
    chosen = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    entries = np.einsum("eb,tbc->tec", chosen, members)
    parts = entries.reshape(len(segment_rows), indices, *entries.shape[1:])
    few = _few(parts) if sums == np.int16 else 0  # bytes are widened to 16 bits alone
    packed = weight_blocks(entries.reshape(-1, rows.shape[1]), np.int8 if few else sums, sums)
    together = few or indices
    return Tables(packed, (0,) * bits, (0,) * together, (0,) * (indices // together), (0,) * span)


def _few(entries: npt.NDArray[np.int64]) -> int:
    """How many indices' sums surely add up within 8 bits, of entries (segments, indices, 2^bits, C_out); 0 for none."""
    lowest, highest = entries.min(axis=2), entries.max(axis=2)
    indices = entries.shape[1]
    for size in range(indices, 0, -1):
        if indices % size == 0:
            ends = [part.reshape(-1, size, part.shape[-1]).sum(axis=1) for part in (lowest, highest)]
            if bounds.fits(8, (int(ends[0].min()), int(ends[1].max()))):
                return size
    return 0
