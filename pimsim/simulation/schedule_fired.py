"""Work that neurons which have fired would do: what `skip_fired` leaves out (docs/microarchitecture.md §12).

All of it follows from the spikes alone, whatever machine they are counted for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event, Hardware
from pimsim.hardware.hardware import SCATTER
from pimsim.mapping import LayerMapping
from pimsim.mapping.reach import targets_in_order
from pimsim.model.architecture import LayerShape
from pimsim.model.network import SINGLE_SPIKE
from pimsim.simulation.schedule_layer import Int64Array
from pimsim.simulation.schedule_source import count_spikes

Packed = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Gated:
    """Lanes with nothing to do, over all samples and steps: in beats (``adds``), and in sweeps (``neurons``)."""

    adds: int = 0
    neurons: int = 0


def gated_lanes(
    layer: LayerMapping, hardware: Hardware, *, events: npt.NDArray[np.unsignedinteger], spikes: Packed | None
) -> Gated:
    """Of a layer in front of which ``events`` come, packed maps (N, T, bytes) where they are spikes, and that fires
    ``spikes`` likewise; None where it has no neurons that could.
    """
    if spikes is None or not skips(layer, hardware):
        return Gated()
    adds = gated_adds(layer.shape, np.asarray(events, np.uint8), spikes) if skips_adds(layer, hardware) else 0
    return Gated(adds, fired_before(spikes))


def skips(layer: LayerMapping, hardware: Hardware) -> bool:
    """Whether any lane of the layer is ever gated."""
    engine = hardware.engines.named(layer.engine)
    return engine is not None and engine.skip_fired and layer.neuron == SINGLE_SPIKE


def skips_adds(layer: LayerMapping, hardware: Hardware) -> bool:
    """Whether flags are there when weights are added: where sums are added to membranes in place."""
    engine = hardware.engines.named(layer.engine)
    return skips(layer, hardware) and isinstance(engine, Event) and engine.dataflow == SCATTER


def fired_before(spikes: Packed) -> int:
    """Σ over samples and steps of the neurons that fired in an earlier step; packed maps (N, T, bytes).

    >>> fired_before(np.array([[[0b001], [0b110], [0]]], np.uint8))  # none, one, three
    4
    """
    known, total = np.zeros_like(spikes[:, 0]), 0
    for step in range(spikes.shape[1]):
        total += count_spikes(known)
        known |= spikes[:, step]
    return total


def gated_adds(shape: LayerShape, events: Packed, spikes: Packed) -> int:
    """Σ over samples, steps and pairs of an event and an output position it reaches: channels there that have fired.

    ``events`` in front of a layer of ``shape`` and ``spikes`` behind it are packed maps (N, T, bytes).
    """
    targets = targets_in_order(shape)
    source = np.repeat(np.arange(len(targets.first) - 1), np.diff(targets.first))
    total = 0
    for ahead, behind in zip(events, spikes, strict=True):  # pairs of one sample at a time
        reach = _per_position(ahead, shape.viewed_shape[0], len(targets.first) - 1)
        fired = _per_position(behind, shape.out_channels, shape.positions)
        before = fired.cumsum(axis=0) - fired
        total += int(np.einsum("tp,tp->", reach[:, source], before[:, targets.outputs]))
    return total


def _per_position(maps: Packed, channels: int, positions: int) -> Int64Array:
    """Spikes of each position in packed maps (T, bytes): (T, positions)."""
    if channels % 8 == 0:
        counts = np.bitwise_count(maps)
    else:
        counts = np.unpackbits(maps, axis=1, count=channels * positions, bitorder="little")
    spikes: Int64Array = counts.reshape(len(maps), positions, -1).sum(axis=2, dtype=np.int64)
    return spikes
