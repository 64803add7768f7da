"""A layer on the event core: cycles from the recorded spikes, actions from the same pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import Event
from pimsim.mapping import LayerMapping
from pimsim.mapping.mapping import EventPlan, GatherPlan
from pimsim.simulation.schedule_dataflow import Flow, Found, Pass, dataflow, sweep_alone
from pimsim.simulation.schedule_fired import Gated
from pimsim.simulation.schedule_layer import LayerTiming


class EventLayer:
    """Turns what a layer's flow finds in ``maps``, packed spikes uint8 (N, T, bytes), into a `LayerTiming`.

    The first ``silent`` steps are sweeps alone: their maps are not scanned.
    """

    def __init__(self, layer: LayerMapping, event: Event, maps: npt.NDArray[np.uint8], *, silent: int = 0) -> None:
        assert isinstance(layer.plan, EventPlan)
        self._layer, self._event, self._plan = layer, event, layer.plan
        self._maps, self._silent = maps[:, silent:], silent
        self._samples, self._steps = self._maps.shape[:2]
        self.flow: Flow = dataflow(layer, event)

    def start(self) -> Pass:
        """The flow in front of the layer's maps."""
        return Pass(self.flow, np.ascontiguousarray(self._maps).reshape(-1, self._maps.shape[-1]))

    def timing(self, what: Found, gated: Gated) -> LayerTiming:
        """The layer's record, given ``what`` its flow found in its maps, and the lanes that have nothing to do."""
        layer, alone = self._layer, self._samples * self._silent
        found = self.flow.totals(what, layer, self._event, more=alone)
        cycles = np.full((self._samples, self._silent + self._steps), sweep_alone(layer, self._event), np.int64)
        cycles[:, self._silent :] = found.cycles.reshape(self._samples, self._steps)
        beats = found.targets * self._plan.beats
        accumulates = found.targets * layer.shape.out_channels - gated.adds
        busy = [
            ("scanner", found.events + found.passes, found.scan_stall),
            ("address_generator", beats + found.voids, found.waits),
            ("lanes", beats, 0),
            ("sweep", layer.sweep.words * (self._maps_count + alone), found.sweep_waits),
        ]
        if self._event.membrane_ports == 1:
            busy.append(("membrane_port", found.port_accesses, 0))
        counted = (*self._scan_actions(found.events, found.pushes), *self._beat_actions(beats, accumulates))
        return LayerTiming(
            front_cycles=0,
            step_cycles=cycles,
            busy=tuple(busy),
            actions=(*counted, *self._sum_actions(beats, accumulates), *self._correction(found.targets, gated.neurons)),
            accumulates=accumulates,
            utilization=accumulates / (int(cycles.sum()) * self._event.lanes),
        )

    @property
    def _maps_count(self) -> int:
        return int(self._samples * self._steps)

    def _scan_actions(self, events: int, pushes: int) -> tuple[ActionCount, ...]:
        """From the spike memory to the generator."""
        event, entry = self._event, self._plan.entry_bits
        words, fifo = self._plan.scan_words * self._maps_count, event.fifo_depth * entry
        return (
            self._layer.memories.source.read(words),
            actions.SCANNER_LOAD.count(words, bits=event.scan_width),
            actions.SCANNER_ENCODE.count(events, bits=event.scan_width),
            actions.FIFO_PUSH.count(pushes, bits=entry, capacity_bits=fifo),
            actions.FIFO_POP.count(pushes, bits=entry, capacity_bits=fifo),
        )

    def _beat_actions(self, beats: int, accumulates: int) -> tuple[ActionCount, ...]:
        layer, memories = self._layer, self._layer.memories
        assert memories.weight is not None
        assert memories.membrane is not None
        addressed = memories.weight if isinstance(self._plan, GatherPlan) else memories.membrane
        return (
            actions.GENERATOR_BEAT.count(beats, bits=max(1, (addressed.words - 1).bit_length())),
            memories.weight.read(beats),
            actions.LANE_ACCUMULATE.count(
                accumulates, bits=layer.numerics.accumulator_bits, second_bits=layer.operands.weight_bits
            ),
        )

    def _sum_actions(self, beats: int, accumulates: int) -> tuple[ActionCount, ...]:
        """Where sums are read and written: in the membrane memory, or in registers that the sweep takes and clears."""
        layer, membrane = self._layer, self._layer.memories.membrane
        assert membrane is not None
        if not isinstance(self._plan, GatherPlan):
            return membrane.read(beats), membrane.write(beats)
        return self._register_actions(
            accumulates + layer.shape.neurons * self._maps_count, self._event.accumulator_bits
        )

    def _correction(self, targets: int, gated: int) -> tuple[ActionCount, ...]:
        """Zero point × events of each position, taken off in the sweep, but for ``gated`` neurons; nothing where the
        zero point is 0.
        """
        layer, memories, bits = self._layer, self._layer.memories, self._plan.count_bits
        if not layer.operands.weight_zero:
            return ()
        positions = layer.shape.positions * self._maps_count
        kept = targets + positions
        corrected = layer.shape.neurons * self._maps_count - gated
        counts = (memories.count.read(kept), memories.count.write(kept)) if memories.count is not None else ()
        return (
            actions.CORRECTION_COUNT.count(targets, bits=bits),
            *(counts or self._register_actions(kept, bits)),
            actions.CORRECTION_MULTIPLY.count(positions, bits=bits, second_bits=layer.operands.weight_bits),
            actions.CORRECTION_ADD.count(corrected, bits=layer.numerics.accumulator_bits),
        )

    @staticmethod
    def _register_actions(accesses: int, bits: int) -> tuple[ActionCount, ActionCount]:
        return (
            actions.ACCUMULATOR_READ.count(accesses, bits=bits),
            actions.ACCUMULATOR_WRITE.count(accesses, bits=bits),
        )
