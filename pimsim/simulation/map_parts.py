"""Spike maps cut into the pieces that kernels count at a time: once per shape, not per machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.mapping.fields import field_words
from pimsim.mapping.reach import counting_up
from pimsim.model.architecture import LayerShape
from pimsim.simulation.spike_planes import PIECE_BITS

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MapParts:
    """A spike map cut at positions, scan words and multiples of 64 bits.

    ``parts`` (3, V) int64: number of the 64 bits that a part lies in, its position, its scan word; ``masks`` (V,)
    uint64: its bits among the 64.
    """

    parts: Int64Array
    masks: npt.NDArray[np.uint64]


@lru_cache(maxsize=64)
def map_parts(shape: LayerShape, scan_width: int) -> MapParts:
    """The map in front of a layer."""
    neurons, channels = prod(shape.source_shape), shape.viewed_shape[0]
    cuts = (np.arange(0, neurons, step) for step in (channels, scan_width, PIECE_BITS))
    start = np.unique(np.concatenate(list(cuts)))
    stop = np.append(start[1:], neurons)
    piece = start // PIECE_BITS
    ones = np.uint64(2**PIECE_BITS - 1) >> (PIECE_BITS - (stop - start)).astype(np.uint64)
    numbers = np.stack([piece, start // channels, start // scan_width])
    return MapParts(numbers, ones << (start - piece * PIECE_BITS).astype(np.uint64))


@lru_cache(maxsize=64)
def field_reads(shape: LayerShape, scan_width: int) -> Int64Array:
    """First bit of every part of a word that is read, and the bit behind its last one."""
    fields = field_words(shape, scan_width)
    start = fields.word * scan_width
    return np.ascontiguousarray(np.stack([start + fields.low, start + fields.high], axis=1))


@dataclass(frozen=True, eq=False)
class ReadParts:
    """Reads of a gather step cut at multiples of 64 bits.

    ``pieces`` (2, V): number of the part's 64 bits of the map, and of its read; ``masks`` (V,) uint64.
    """

    pieces: npt.NDArray[np.uint64]
    masks: npt.NDArray[np.uint64]


@lru_cache(maxsize=64)
def read_parts(shape: LayerShape, scan_width: int) -> ReadParts:
    """Parts of all reads of a layer, in their order."""
    start, stop = field_reads(shape, scan_width).T
    piece = start // PIECE_BITS
    read, step = counting_up((stop - 1) // PIECE_BITS - piece + 1)
    piece = piece[read] + step
    low = np.maximum(start[read] - piece * PIECE_BITS, 0)
    width = np.minimum(stop[read] - piece * PIECE_BITS, PIECE_BITS) - low
    ones = np.uint64(2**PIECE_BITS - 1) >> (PIECE_BITS - width).astype(np.uint64)
    return ReadParts(np.stack([piece, read]).astype(np.uint64), ones << low.astype(np.uint64))
