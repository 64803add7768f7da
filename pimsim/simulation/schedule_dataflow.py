"""The event core's dataflows: which kernel counts a layer's steps, what it is given, and what it finds.

Scatter has a closed form where no beat ever waits; where beats may wait for a port or for a word that is not
forwarded, they are placed one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.fields import field_words
from pimsim.mapping.mapping import EventPlan, GatherPlan
from pimsim.mapping.reach import counting_up, fewest_targets_between, targets_in_order
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_beats as beats
from pimsim.simulation import kernels_schedule_event as kernels
from pimsim.simulation import kernels_schedule_gather as reads
from pimsim.simulation.schedule_layer import Int64Array, sweep_cycles, sweep_end
from pimsim.simulation.spike_planes import PIECE_BITS, SpikePlanes, spike_planes

Rows = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Totals:
    """A layer's steps, (R,) ``cycles`` of each, all else summed over them.

    ``spikes`` in the maps, ``events`` that the scanner found in them (with gather once per field), ``passes`` words
    without any, ``pushes`` entries of the FIFO, ``targets`` pairs of event and output position, ``voids`` slots
    without a beat; cycles that the scanner (``scan_stall``), generator (``waits``) and sweep (``sweep_waits``) waited;
    ``port_accesses`` of the bank that has the most of them, 0 with two ports.
    """

    cycles: Int64Array
    spikes: int
    events: int
    passes: int
    pushes: int
    targets: int
    voids: int
    scan_stall: int
    waits: int
    sweep_waits: int
    port_accesses: int


class Dataflow(Protocol):
    """Goes through packed maps, uint8 (R, bytes): `run` does some of the rows, then `totals` sums them up."""

    def run(self, part: slice) -> None: ...

    def totals(self) -> Totals: ...


def dataflow(layer: LayerMapping, event: Event, rows: Rows) -> Dataflow:
    """The machine that the hardware file describes, about to go through ``rows``."""
    if isinstance(layer.plan, GatherPlan):
        return _Gather(layer, event, rows)
    apart = fewest_targets_between(layer.shape) * layer.plan.beats if isinstance(layer.plan, EventPlan) else 0
    waits = event.membrane_ports == 1 or (not event.forwarding and apart < event.pipeline_depth)
    return (_BeatScatter if waits else _Scatter)(layer, event, rows)


class _Scatter:
    """Beats never wait: population counts under masks."""

    def __init__(self, layer: LayerMapping, event: Event, rows: Rows) -> None:
        assert isinstance(layer.plan, EventPlan)
        self._layer, self._event, self._rows = layer, event, rows
        self._planes: SpikePlanes = spike_planes(layer.shape, event.scan_width, layer.plan.beats, event.fifo_depth)
        self._counts = np.empty((len(rows), len(self._planes.service)), np.int64)
        self._found = np.empty((len(rows), kernels.FIELDS), np.int64)

    def run(self, part: slice) -> None:
        planes, layout = self._planes, self._planes.layout
        core = (self._event.fifo_depth, self._event.pipeline_depth, planes.least, planes.raised)
        kernels.scatter(
            self._rows[part],
            layout.as_array,
            layout.tail_mask,
            planes.masks,
            planes.service,
            np.array(core, np.int64),
            self._counts[part],
            self._found[part],
        )

    def totals(self) -> Totals:
        found, per_plane = self._found.sum(axis=0), self._counts.sum(axis=0)
        events = int(found[kernels.EVENTS])
        return Totals(
            cycles=self._found[:, kernels.CYCLES] + sweep_cycles(self._layer),
            spikes=events,
            events=events,
            passes=int(found[kernels.EMPTY_WORDS]),
            pushes=events,
            targets=int(per_plane @ self._planes.targets),
            voids=int(per_plane @ self._planes.voids),
            scan_stall=int(found[kernels.STALL]),
            waits=0,
            sweep_waits=0,
            port_accesses=0,
        )


class _BeatScatter:
    """Beats wait for each other: every one is placed."""

    def __init__(self, layer: LayerMapping, event: Event, rows: Rows) -> None:
        assert isinstance(layer.plan, EventPlan)
        self._layer, self._rows = layer, rows
        self._core = np.array(
            (
                event.fifo_depth,
                event.pipeline_depth,
                layer.plan.beats,
                event.forwarding,
                event.membrane_ports,
                event.scan_width // 8,
                event.membrane_banks,
            ),
            np.int64,
        )
        self._event = event
        self._visits: list[Int64Array] = []
        self._found = np.empty((len(rows), beats.FIELDS), np.int64)

    def run(self, part: slice) -> None:
        targets, visits = targets_in_order(self._layer.shape), np.zeros(self._layer.shape.positions, np.int64)
        beats.scatter(
            self._rows[part],
            _positions(self._layer.shape),
            targets.first,
            targets.outputs,
            self._core,
            visits,
            self._found[part],
        )
        self._visits.append(visits)

    def totals(self) -> Totals:
        layer, found = self._layer, self._found.sum(axis=0)
        per_word = np.repeat(sum(self._visits), self._core[2]) + len(self._rows)
        return _placed_totals(
            found,
            cycles=self._found[:, beats.CYCLES] + sweep_cycles(layer),
            spikes=int(found[beats.PUSHES]),
            events=int(found[beats.PUSHES]),
            sweep_waits=layer.sweep.stalls * len(self._rows),
            port_accesses=_port_accesses(per_word, self._event),
        )


class _Gather:
    """Output position by output position, each behind the words of its receptive field."""

    def __init__(self, layer: LayerMapping, event: Event, rows: Rows) -> None:
        assert isinstance(layer.plan, EventPlan)
        self._layer, self._event, self._rows = layer, event, rows
        self._core = np.array(
            (
                event.fifo_depth,
                event.pipeline_depth,
                layer.plan.beats,
                event.sweep_depth,
                event.membrane_ports,
                event.membrane_banks,
            ),
            np.int64,
        )
        self._found = np.empty((len(rows), beats.FIELDS), np.int64)

    def run(self, part: slice) -> None:
        shape, width = self._layer.shape, self._event.scan_width
        first, found = field_words(shape, width).first, self._found[part]
        if self._event.fifo_depth == 1:
            beats.gather(self._rows[part], _reads(shape, width), first, self._core, found)
            return
        parts = read_parts(shape, width)
        reads.gather(self._rows[part], parts.pieces, parts.masks, first, self._core, found)

    def totals(self) -> Totals:
        layer, event, found = self._layer, self._event, self._found.sum(axis=0)
        return _placed_totals(
            found,
            cycles=self._found[:, beats.CYCLES] + sweep_end(layer),
            spikes=_spikes(self._rows),
            events=int(found[beats.TARGETS]),
            sweep_waits=int(found[beats.SWEEP_WAITS]),
            port_accesses=_port_accesses(np.full(layer.sweep.words, len(self._rows)), event),
        )


def _placed_totals(
    found: Int64Array, *, cycles: Int64Array, spikes: int, events: int, sweep_waits: int, port_accesses: int
) -> Totals:
    """Totals of kernels that place every entry: ``found`` (`beats.FIELDS`,) and what each dataflow knows itself."""
    return Totals(
        cycles=cycles,
        spikes=spikes,
        events=events,
        passes=int(found[beats.PASSES]),
        pushes=int(found[beats.PUSHES]),
        targets=int(found[beats.TARGETS]),
        voids=int(found[beats.VOIDS]),
        scan_stall=int(found[beats.SCAN_STALL]),
        waits=int(found[beats.WAITS]),
        sweep_waits=sweep_waits,
        port_accesses=port_accesses,
    )


def _spikes(rows: Rows) -> int:
    """Bits that are set, 64 at a time: counting bytes takes as long as scheduling some of the layers."""
    flat = rows.reshape(-1)
    whole = len(flat) // 8 * 8
    words, rest = np.bitwise_count(flat[:whole].view(np.uint64)), np.bitwise_count(flat[whole:])
    return int(words.sum(dtype=np.int64)) + int(rest.sum(dtype=np.int64))


def _port_accesses(changes: Int64Array, event: Event) -> int:
    """Accesses of the busiest bank where every word is read and written ``changes`` times."""
    if event.membrane_ports == 2:
        return 0
    banks = np.arange(len(changes)) % event.membrane_banks
    return 2 * int(np.bincount(banks, weights=changes).max())


@lru_cache(maxsize=64)
def _positions(shape: LayerShape) -> Int64Array:
    """Position of every neuron of the map in front of a layer."""
    channels, *size = shape.viewed_shape
    return np.repeat(np.arange(int(np.prod(size)), dtype=np.int64), channels)


@lru_cache(maxsize=64)
def _reads(shape: LayerShape, scan_width: int) -> Int64Array:
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
    start, stop = _reads(shape, scan_width).T
    piece = start // PIECE_BITS
    read, step = counting_up((stop - 1) // PIECE_BITS - piece + 1)
    piece = piece[read] + step
    low = np.maximum(start[read] - piece * PIECE_BITS, 0)
    width = np.minimum(stop[read] - piece * PIECE_BITS, PIECE_BITS) - low
    ones = np.uint64(2**PIECE_BITS - 1) >> (PIECE_BITS - width).astype(np.uint64)
    return ReadParts(np.stack([piece, read]).astype(np.uint64), ones << low.astype(np.uint64))
