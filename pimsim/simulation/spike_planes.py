"""Per layer geometry, what an event at each bit of the spike map costs, as masks of the map's words.

The number of targets of an input position is written in binary; mask i marks the bits whose number has
digit i.  Sums over events become population counts: Σ targets = Σ 2^i · |map ∧ mask i|.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.mapping.reach import targets_per_position
from pimsim.model.architecture import LayerShape

Int64Array = npt.NDArray[np.int64]
Uint64Array = npt.NDArray[np.uint64]
PIECE_BITS = 64


@dataclass(frozen=True, eq=False)
class MapLayout:
    """How a packed map is cut: pieces of at most 64 bits, ``span`` pieces per scan word."""

    piece_bytes: int
    span: int
    words: int
    tail_mask: np.uint64

    @property
    def as_array(self) -> Int64Array:
        return np.array([self.piece_bytes, self.span, self.words], np.int64)


@dataclass(frozen=True, eq=False)
class SpikePlanes:
    """Masks (P, pieces) of one layer's input map.

    ``targets`` (P,) output positions per event of a mask, ``service`` (P,) generator cycles, ``voids`` (P,)
    1 for the mask of events without a target; ``raised`` the index of the mask that makes up for a FIFO of
    one entry, or −1; ``least`` the shortest service, that make-up included.
    """

    layout: MapLayout
    masks: Uint64Array
    targets: Int64Array
    service: Int64Array
    voids: Int64Array
    raised: int
    least: int


def map_layout(neurons: int, scan_width: int) -> MapLayout:
    """Pieces of a map of ``neurons`` bits scanned ``scan_width`` bits per cycle."""
    bits = min(scan_width, PIECE_BITS)
    tail = (neurons - 1) % bits + 1
    return MapLayout(bits // 8, scan_width // bits, -(-neurons // scan_width), np.uint64(2**tail - 1))


@lru_cache(maxsize=256)
def spike_planes(shape: LayerShape, scan_width: int, beats: int, fifo_depth: int) -> SpikePlanes:
    """Masks of a layer whose targets take ``beats`` generator cycles each."""
    layout = map_layout(prod(shape.source_shape), scan_width)
    per_position = targets_per_position(shape)
    service = np.maximum(per_position * beats, 1)
    largest = int(per_position.max())
    rows = [per_position >> digit & 1 for digit in range(largest.bit_length())]
    targets = [1 << digit for digit in range(largest.bit_length())]
    cycles = [beats * t for t in targets]
    voids = [0] * len(rows)
    raised = -1
    if (per_position == 0).any():
        rows.append(per_position == 0)
        targets, cycles, voids = [*targets, 0], [*cycles, 1], [*voids, 1]
    if fifo_depth == 1 and (service == 1).any():  # such a FIFO passes an event every second cycle at best
        raised = len(rows)
        rows.append(service == 1)
        targets, cycles, voids = [*targets, 0], [*cycles, 1], [*voids, 0]
        service = np.maximum(service, 2)
    masks = _packed(np.array(rows, np.uint8), shape.in_shape[0], layout)
    return SpikePlanes(
        layout=layout,
        masks=masks,
        targets=np.array(targets, np.int64),
        service=np.array(cycles, np.int64),
        voids=np.array(voids, np.int64),
        raised=raised,
        least=int(service.min()),
    )


def _packed(rows: npt.NDArray[np.uint8], channels: int, layout: MapLayout) -> Uint64Array:
    """One bit per position → one bit per neuron, in the pieces of the layout."""
    neurons = np.repeat(rows, channels, axis=1)
    size = layout.words * layout.span * layout.piece_bytes
    packed = np.zeros((rows.shape[0], size), np.uint8)
    bits = np.packbits(neurons, axis=1, bitorder="little")
    packed[:, : bits.shape[1]] = bits
    word = np.dtype(f"<u{layout.piece_bytes}")
    masks: Uint64Array = packed.view(word).astype(np.uint64)
    return masks
