"""The event core's dataflows: which kernel counts a layer's steps, what it is given, and what it finds.

Scatter has a closed form where no beat ever waits; where beats may wait for a port or for a word that is not
forwarded, what the events of a position take is looked up, or every beat is placed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.fields import field_words
from pimsim.mapping.mapping import EventPlan, GatherPlan
from pimsim.mapping.plan import port_stalls
from pimsim.mapping.reach import fewest_targets_between, targets_in_order, targets_per_position
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_beats as beats
from pimsim.simulation import kernels_schedule_event as kernels
from pimsim.simulation import kernels_schedule_gather as reads
from pimsim.simulation import kernels_schedule_waits as waits
from pimsim.simulation.map_parts import field_reads, map_parts, read_parts
from pimsim.simulation.schedule_layer import Int64Array, sweep_cycles, sweep_end
from pimsim.simulation.schedule_parallel import Task, chunks
from pimsim.simulation.schedule_source import count_spikes
from pimsim.simulation.spike_planes import SpikePlanes, spike_planes

Rows = npt.NDArray[np.uint8]

LEARNED = 8192
"""Events of positions in an unknown state before it is asked whether looking states up pays: a layer has some
thousands to learn, which takes 2 ms."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a flow finds in packed maps, uint8 (R, bytes); nothing of it depends on memories, sweeps or word widths.

    ``steps`` (R, kept), int64, the last columns of the flow's kernel, map by map; ``sums`` of all its columns over the
    maps; ``places``, what it counts per mask or position, over the maps too; ``spikes`` in them.
    """

    steps: Int64Array
    sums: Int64Array
    places: Int64Array
    spikes: int

    @property
    def nbytes(self) -> int:
        return self.steps.nbytes + self.sums.nbytes + self.places.nbytes


@dataclass(frozen=True, eq=False)
class Totals:
    """A layer's steps, (R,) ``cycles`` of each, all else summed over them.

    ``events`` that the scanner found (with gather once per field), ``passes`` words without any, ``pushes`` entries
    of the FIFO, ``targets`` pairs of event and output position, ``voids`` slots without a beat; cycles that the scanner
    (``scan_stall``), generator (``waits``) and sweep (``sweep_waits``) waited; ``port_accesses`` of the bank that has
    the most of them, 0 with two ports.
    """

    cycles: Int64Array
    events: int
    passes: int
    pushes: int
    targets: int
    voids: int
    scan_stall: int
    waits: int
    sweep_waits: int
    port_accesses: int


class Flow(Protocol):
    """All that a kernel is told of a layer and a core: equal flows find the same in the same maps."""

    @property
    def fields(self) -> int:
        """Columns that `run` fills per map."""

    @property
    def kept(self) -> int:
        """How many of these, the last ones, are wanted of each map: cycles; of all others the sum is enough."""

    def run(self, rows: Rows, found: Int64Array) -> Int64Array:
        """Go through packed maps, uint8 (R, bytes), and fill ``found`` (R, fields); the `Found.places` of these."""

    def spikes(self, rows: Rows, sums: Int64Array) -> int:
        """Spikes in all maps, given the sums of what `run` found in them."""

    def totals(self, found: Found, layer: LayerMapping, event: Event, *, more: int = 0) -> Totals:
        """The layer's totals: what was found, and what its sweep and the only port of its memory add.

        ``more`` sweeps than maps, each alone: their waits and accesses are in the totals, their cycles are not.
        """


def sweep_alone(layer: LayerMapping, event: Event) -> int:
    """Cycles of a sweep that no scan precedes, whatever the dataflow."""
    return layer.sweep.words + port_stalls(layer.sweep.words, event) + sweep_end(layer)


def dataflow(layer: LayerMapping, event: Event) -> Flow:
    """The machine that the hardware file describes."""
    assert isinstance(layer.plan, EventPlan)
    shape, beats_per_target, fifo, pipeline = layer.shape, layer.plan.beats, event.fifo_depth, event.pipeline_depth
    one_port = event.membrane_ports == 1
    banks = event.membrane_banks if one_port else 0
    if isinstance(layer.plan, GatherPlan):
        sweep = event.sweep_depth if one_port else 0
        return GatherFlow(shape, event.scan_width, beats_per_target, fifo, pipeline, sweep, banks)
    apart = fewest_targets_between(shape) * beats_per_target
    if not one_port and (event.forwarding or apart >= pipeline):
        return ScatterFlow(shape, event.scan_width, beats_per_target, fifo)
    return WaitingFlow(shape, event.scan_width, beats_per_target, fifo, pipeline, event.forwarding, banks)


class Pass:
    """A flow that goes through packed maps, uint8 (R, bytes): `tasks` do some of the rows each, `found` sums up."""

    def __init__(self, flow: Flow, rows: Rows) -> None:
        self._flow, self._rows = flow, rows
        self._columns = np.empty((len(rows), flow.fields), np.int64)
        self._places: list[Int64Array] = []

    def tasks(self, threads: int) -> list[Task]:
        """Calls that together go through every map, in any order and on any thread."""
        return [partial(self._run, part) for part in chunks(len(self._rows), threads)]

    def _run(self, part: slice) -> None:
        self._places.append(self._flow.run(self._rows[part], self._columns[part]))

    def found(self) -> Found:
        """All parts together, in arrays that cannot be written."""
        steps, sums = self._columns[:, -self._flow.kept :].copy(), self._columns.sum(axis=0)
        places: Int64Array = np.sum(self._places, axis=0)
        for array in (steps, sums, places):
            array.flags.writeable = False
        return Found(steps, sums, places, self._flow.spikes(self._rows, sums))


@dataclass(frozen=True)
class ScatterFlow:
    """Beats never wait: population counts under masks, whatever the depth of the lanes' pipeline."""

    shape: LayerShape
    scan_width: int
    beats: int
    fifo_depth: int

    @property
    def fields(self) -> int:
        return kernels.FIELDS

    @property
    def kept(self) -> int:
        return kernels.FIELDS - kernels.SCANNED

    def run(self, rows: Rows, found: Int64Array) -> Int64Array:
        planes = self._planes()
        core = (self.fifo_depth, planes.least, planes.raised)
        counts = np.empty((len(rows), len(planes.service)), np.int64)
        kernels.scatter(
            rows,
            planes.layout.as_array,
            planes.layout.tail_mask,
            planes.masks,
            planes.service,
            np.array(core, np.int64),
            counts,
            found,
        )
        places: Int64Array = counts.sum(axis=0)
        return places

    def spikes(self, rows: Rows, sums: Int64Array) -> int:  # noqa: ARG002 - others have to count them
        return int(sums[kernels.EVENTS])

    def totals(self, found: Found, layer: LayerMapping, event: Event, *, more: int = 0) -> Totals:  # noqa: ARG002 - with two ports no sweep waits
        planes, events = self._planes(), int(found.sums[kernels.EVENTS])
        scanned, issued = found.steps.T
        return Totals(
            cycles=np.maximum(scanned, issued + event.pipeline_depth) + 2 + sweep_cycles(layer),
            events=events,
            passes=int(found.sums[kernels.EMPTY_WORDS]),
            pushes=events,
            targets=int(found.places @ planes.targets),
            voids=int(found.places @ planes.voids),
            scan_stall=int(found.sums[kernels.STALL]),
            waits=0,
            sweep_waits=0,
            port_accesses=0,
        )

    def _planes(self) -> SpikePlanes:
        return spike_planes(self.shape, self.scan_width, self.beats, self.fifo_depth)


@dataclass(frozen=True)
class WaitingFlow:
    """Beats wait for each other.  ``banks`` of one port each, or 0 with two ports."""

    shape: LayerShape
    scan_width: int
    beats: int
    fifo_depth: int
    pipeline_depth: int
    forwarding: bool
    banks: int

    @property
    def fields(self) -> int:
        return waits.FIELDS

    @property
    def kept(self) -> int:
        return 1

    def run(self, rows: Rows, found: Int64Array) -> Int64Array:
        """Position by position while that pays, then beat by beat; places are those of the map before the pool."""
        cut, targets, ports = map_parts(self.shape, self.scan_width), targets_in_order(self.shape), _ports(self.banks)
        settings = (self.fifo_depth, self.pipeline_depth, self.beats, self.forwarding, ports, max(self.banks, 1))
        core, words = np.array((*settings, LEARNED), np.int64), targets.outputs * self.beats
        counts = np.zeros(len(cut.masks), np.int64)
        done = waits.scatter(rows, cut.parts, cut.masks, targets.first, words, core, counts, found)
        if done < len(rows):
            self._place_beats(rows[done:], found[done:])
        return np.bincount(cut.parts[1], counts, len(targets.first) - 1).astype(np.int64)

    def _place_beats(self, rows: Rows, found: Int64Array) -> None:
        targets, out = targets_in_order(self.shape), np.empty((len(rows), beats.FIELDS), np.int64)
        core = (
            self.fifo_depth,
            self.pipeline_depth,
            self.beats,
            self.forwarding,
            _ports(self.banks),
            self.scan_width // 8,
            max(self.banks, 1),
        )
        visits = np.zeros(self.shape.positions, np.int64)
        positions = _positions(self.shape)
        beats.scatter(rows, positions, targets.first, targets.outputs, np.array(core, np.int64), visits, out)
        found[:, waits.PUSHES : waits.SCAN_STALL + 1] = out[:, beats.PUSHES : beats.SCAN_STALL + 1]
        found[:, waits.SERVICE] = out[:, beats.TARGETS] * self.beats + out[:, beats.VOIDS] + out[:, beats.WAITS]
        found[:, waits.CYCLES] = out[:, beats.CYCLES]

    def spikes(self, rows: Rows, sums: Int64Array) -> int:  # noqa: ARG002 - others have to count them
        return int(sums[waits.PUSHES])

    def totals(self, found: Found, layer: LayerMapping, event: Event, *, more: int = 0) -> Totals:
        sweeps = len(found.steps) + more
        targets, events = targets_per_position(self.shape), int(found.sums[waits.PUSHES])
        reached, voids = int(found.places @ targets), int(found.places @ (targets == 0))
        return Totals(
            cycles=found.steps[:, 0] + sweep_cycles(layer),
            events=events,
            passes=int(found.sums[waits.PASSES]),
            pushes=events,
            targets=reached,
            voids=voids,
            scan_stall=int(found.sums[waits.SCAN_STALL]),
            waits=int(found.sums[waits.SERVICE]) - reached * self.beats - voids,
            sweep_waits=layer.sweep.stalls * sweeps,
            port_accesses=_port_accesses(self._changes(found) + sweeps, event) if self.banks else 0,
        )

    def _changes(self, found: Found) -> Int64Array:
        """How often each word of the membrane memory is read and written, but for sweeps."""
        targets, number = targets_in_order(self.shape), targets_per_position(self.shape)
        visits = np.bincount(targets.outputs, np.repeat(found.places, number), self.shape.positions)
        return np.repeat(visits.astype(np.int64), self.beats)


@dataclass(frozen=True)
class GatherFlow:
    """Output position by output position, each behind the words of its receptive field.

    ``sweep_depth`` matters with one port only, and ``banks`` are those of one port each; both are 0 with two.
    """

    shape: LayerShape
    scan_width: int
    beats: int
    fifo_depth: int
    pipeline_depth: int
    sweep_depth: int
    banks: int

    @property
    def fields(self) -> int:
        return beats.FIELDS

    @property
    def kept(self) -> int:
        return 1

    def run(self, rows: Rows, found: Int64Array) -> Int64Array:
        first = field_words(self.shape, self.scan_width).first
        settings = (
            self.fifo_depth,
            self.pipeline_depth,
            self.beats,
            self.sweep_depth,
            _ports(self.banks),
            max(self.banks, 1),
        )
        core = np.array(settings, np.int64)
        if self.fifo_depth == 1:
            beats.gather(rows, field_reads(self.shape, self.scan_width), first, core, found)
        else:
            parts = read_parts(self.shape, self.scan_width)
            reads.gather(rows, parts.pieces, parts.masks, first, core, found)
        return np.empty(0, np.int64)

    def spikes(self, rows: Rows, sums: Int64Array) -> int:  # noqa: ARG002 - here a spike is found once per field
        return count_spikes(rows)

    def totals(self, found: Found, layer: LayerMapping, event: Event, *, more: int = 0) -> Totals:
        words, sweeps = layer.sweep.words, len(found.steps) + more
        return Totals(
            cycles=found.steps[:, 0] + sweep_end(layer),
            events=int(found.sums[beats.TARGETS]),
            passes=int(found.sums[beats.PASSES]),
            pushes=int(found.sums[beats.PUSHES]),
            targets=int(found.sums[beats.TARGETS]),
            voids=int(found.sums[beats.VOIDS]),
            scan_stall=int(found.sums[beats.SCAN_STALL]),
            waits=int(found.sums[beats.WAITS]),
            sweep_waits=int(found.sums[beats.SWEEP_WAITS]) + more * port_stalls(words, event),
            port_accesses=_port_accesses(np.full(words, sweeps), event) if self.banks else 0,
        )


def _ports(banks: int) -> int:
    """Ports of a bank, as kernels are told, where 0 banks stand for two."""
    return 1 if banks else 2


def _port_accesses(changes: Int64Array, event: Event) -> int:
    """Accesses of the busiest bank where every word is read and written ``changes`` times."""
    banks = np.arange(len(changes)) % event.membrane_banks
    return 2 * int(np.bincount(banks, weights=changes).max())


@lru_cache(maxsize=64)
def _positions(shape: LayerShape) -> Int64Array:
    """Position of every neuron of the map in front of a layer."""
    channels, *size = shape.viewed_shape
    return np.repeat(np.arange(int(np.prod(size)), dtype=np.int64), channels)
