"""A layer on the event core: cycles from the recorded spikes, actions from the same pass."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.mapping import ScatterPlan
from pimsim.simulation import kernels_schedule_event as kernels
from pimsim.simulation.schedule_layer import LayerTiming, sweep_cycles
from pimsim.simulation.schedule_parallel import Task, chunks
from pimsim.simulation.spike_planes import SpikePlanes, spike_planes


class EventLayer:
    """Runs the scatter kernel over a layer's input maps and turns its counts into a `LayerTiming`.

    ``maps`` are packed spikes, uint8 (N, T, bytes).  `tasks` fill this object's arrays, each its own rows, in
    any order and on any thread; `timing` reads them.
    """

    def __init__(self, layer: LayerMapping, event: Event, maps: npt.NDArray[np.uint8]) -> None:
        assert isinstance(layer.plan, ScatterPlan)
        self._layer, self._event, self._plan = layer, event, layer.plan
        self._samples, self._steps = maps.shape[:2]
        self._rows = np.ascontiguousarray(maps).reshape(-1, maps.shape[-1])
        self._planes: SpikePlanes = spike_planes(layer.shape, event.scan_width, layer.plan.beats, event.fifo_depth)
        self._counts = np.empty((len(self._rows), len(self._planes.service)), np.int64)
        self._found = np.empty((len(self._rows), kernels.FIELDS), np.int64)

    def tasks(self, threads: int) -> list[Task]:
        """Calls that together scatter every map."""
        return [partial(self._scatter, part) for part in chunks(len(self._rows), threads)]

    def _scatter(self, part: slice) -> None:
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

    @property
    def events(self) -> int:
        """Spikes in all maps."""
        return int(self._found[:, kernels.EVENTS].sum())

    def timing(self) -> LayerTiming:
        layer, found = self._layer, self._found
        per_plane = self._counts.sum(axis=0)
        targets = int(per_plane @ self._planes.targets)
        voids = int(per_plane @ self._planes.voids)
        beats = targets * self._plan.beats
        accumulates = targets * layer.shape.out_channels
        cycles = found[:, kernels.CYCLES] + sweep_cycles(layer)
        total = int(cycles.sum())
        scanned = self.events + int(found[:, kernels.EMPTY_WORDS].sum())
        busy = (
            ("scanner", scanned, int(found[:, kernels.STALL].sum())),
            ("address_generator", beats + voids, 0),
            ("lanes", beats, 0),
            ("sweep", layer.sweep.words * len(found), 0),
        )
        return LayerTiming(
            front_cycles=0,
            step_cycles=cycles.reshape(self._samples, self._steps),
            busy=busy,
            actions=self._actions(targets, beats, accumulates),
            accumulates=accumulates,
            utilization=accumulates / (total * self._event.lanes),
        )

    def _actions(self, targets: int, beats: int, accumulates: int) -> tuple[ActionCount, ...]:
        layer, event, memories = self._layer, self._event, self._layer.memories
        assert memories.weight is not None
        assert memories.membrane is not None
        words, entry = self._plan.scan_words * len(self._rows), self._plan.entry_bits
        address = max(1, (memories.membrane.words - 1).bit_length())
        fifo = event.fifo_depth * entry
        counted = [
            memories.source.read(words),
            actions.SCANNER_LOAD.count(words, bits=event.scan_width),
            actions.SCANNER_ENCODE.count(self.events, bits=event.scan_width),
            actions.FIFO_PUSH.count(self.events, bits=entry, capacity_bits=fifo),
            actions.FIFO_POP.count(self.events, bits=entry, capacity_bits=fifo),
            actions.GENERATOR_BEAT.count(beats, bits=address),
            memories.weight.read(beats),
            memories.membrane.read(beats),
            memories.membrane.write(beats),
            actions.LANE_ACCUMULATE.count(
                accumulates, bits=layer.numerics.accumulator_bits, second_bits=layer.operands.weight_bits
            ),
        ]
        return tuple(counted) + self._correction(targets)

    def _correction(self, targets: int) -> tuple[ActionCount, ...]:
        """Zero point × events of each position, taken off in the sweep; nothing where the zero point is 0."""
        layer, count = self._layer, self._layer.memories.count
        if count is None:
            return ()
        sweeps, bits = len(self._rows), self._plan.count_bits
        positions = layer.shape.positions * sweeps
        return (
            actions.CORRECTION_COUNT.count(targets, bits=bits),
            count.read(targets + positions),
            count.write(targets + positions),
            actions.CORRECTION_MULTIPLY.count(positions, bits=bits, second_bits=layer.operands.weight_bits),
            actions.CORRECTION_ADD.count(layer.shape.neurons * sweeps, bits=layer.numerics.accumulator_bits),
        )
