"""What each record of an Activity has to do for one sample, and how its signals are drawn: the parts of a timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import LAYER_MAJOR
from pimsim.mapping import LayerMapping, Mapping
from pimsim.simulation.schedule import time_layer
from pimsim.simulation.schedule_encoder import encoder_cycles
from pimsim.simulation.schedule_fired import skips
from pimsim.simulation.schedule_layer import sweep_cycles
from pimsim.simulation.schedule_records import of_codes, of_input_spikes
from pimsim.simulation.timeline_crossbar import crossbar_waves
from pimsim.simulation.timeline_encoder import encoder_waves
from pimsim.simulation.timeline_event import event_waves, sweep_alone_waves
from pimsim.simulation.timeline_multipliers import multiplier_waves
from pimsim.simulation.timeline_sweep import Swept, active_lanes, membrane_waves, sweep_waves, uninterrupted
from pimsim.simulation.waves import Int64Array, Wave

SUMS, STEP, SWEEPS, ENCODING = "sums", "step", "sweep", "encoder"
"""Kinds of phases: a dense engine's sums, a step of the event core, a sweep from currents, the encoder in front."""


@dataclass(frozen=True)
class Job:
    """A phase before it has its place: of a step, or of all steps."""

    kind: str
    step: int | None
    cycles: int
    draw: Callable[[], tuple[Wave, ...]]


class RecordWork:
    """What a layer has to do for one sample; arguments as of `record_work`."""

    sweeps = True
    """Whether it has neurons, and so steps."""

    def __init__(
        self,
        mapping: Mapping,
        hardware: Hardware,
        index: int,
        inputs: npt.NDArray[np.unsignedinteger],
        spikes: npt.NDArray[np.uint8] | None,
    ) -> None:
        self.index, self.steps = index, mapping.steps
        self._layer, self._inputs, self._spikes = mapping.records[index], inputs, spikes
        self._timing = time_layer(mapping, hardware, index, inputs)
        self._engine = hardware.engines.named(self._layer.engine)
        self._skips = skips(self._layer, hardware)

    def in_turn(self) -> list[tuple[RecordWork, int | None]]:
        """Its turns alone on the machine: what comes in front of all steps, None, then step by step."""
        return [(self, step) for step in (None, *range(self.steps))]

    def front(self) -> list[Job]:
        """Sums that are computed once, for all steps."""
        return [self._sums(self._timing.front_cycles, None)] if self._timing.front_cycles else []

    def step(self, step: int) -> list[Job]:
        """In step ``step``, from 0."""
        return self._step(step, int(self._timing.step_cycles[0, step]))

    def _step(self, step: int, cycles: int) -> list[Job]:
        """A step that takes ``cycles``: on the event core one phase, else sums, if it has its own, and a sweep."""
        layer, engine, swept = self._layer, self._engine, self._swept(step)
        if isinstance(engine, Event):
            row = np.asarray(self._inputs[0, step], np.uint8)
            return [Job(STEP, step, cycles, lambda: event_waves(layer, engine, row, swept))]
        sweep = sweep_cycles(layer)
        sums = [self._sums(cycles - sweep, step)] if cycles > sweep else []
        return [*sums, Job(SWEEPS, step, sweep, lambda: _dense_sweep(layer, swept))]

    def _sums(self, cycles: int, step: int | None) -> Job:
        """Of one step, or of all of them."""
        layer, engine = self._layer, self._engine
        if isinstance(engine, Mac):
            return Job(SUMS, step, cycles, lambda: multiplier_waves(layer, engine))
        assert engine is not None  # the hardware file was checked for it
        assert not isinstance(engine, Event)  # whose sums are part of its steps
        return Job(SUMS, step, cycles, lambda: crossbar_waves(layer, engine, self._maps(step)))

    def _maps(self, step: int | None) -> npt.NDArray[np.integer]:
        """What the sums are of, (maps, D, H, W, C): codes, activations, or spikes of one step or of all with any."""
        values = self._inputs[0]
        channels, *size = self._layer.shape.source_shape
        if self.index == 0:
            values = np.moveaxis(values, 0, -1)
        elif self._inputs.ndim == 3:  # spikes
            chosen = np.asarray(values[-self._layer.operands.passes :] if step is None else values[[step]], np.uint8)
            values = np.unpackbits(chosen, axis=1, count=prod(self._layer.shape.source_shape), bitorder="little")
        maps: npt.NDArray[np.integer] = values.reshape(-1, *size, channels)
        return maps

    def _swept(self, step: int) -> Swept:
        """The sweep of a step: what fires in it, and which lanes are at work."""
        lanes, last = active_lanes(self._layer), step == self.steps - 1
        if self._spikes is None:
            return Swept(None, lanes, last)
        if self._skips:
            lanes = lanes - spikes_per_word(self._layer, np.bitwise_or.reduce(self._spikes[:step], axis=0, initial=0))
        return Swept(spikes_per_word(self._layer, self._spikes[step]), lanes, last)


class CodesWork(RecordWork):
    """The sums of step 1 of the encoding ``hybrid``, whose neurons are those of the input spikes."""

    sweeps = False

    def in_turn(self) -> list[tuple[RecordWork, int | None]]:
        return [(self, None)]


class InputSpikesWork(RecordWork):
    """Input spikes: a sweep from the sums of codes, then in every step the encoder in front of what any layer does."""

    def __init__(
        self,
        mapping: Mapping,
        hardware: Hardware,
        index: int,
        inputs: npt.NDArray[np.unsignedinteger],
        spikes: npt.NDArray[np.uint8] | None,
    ) -> None:
        super().__init__(mapping, hardware, index, inputs, spikes)
        self._codes, self._encoding = mapping.layers[0], encoder_cycles(mapping)
        self._together = hardware.order == LAYER_MAJOR

    def in_turn(self) -> list[tuple[RecordWork, int | None]]:
        """Step 1 waits for nothing that is encoded, so it comes first."""
        return [(self, step) for step in (0, None, *range(1, self.steps))]

    def front(self) -> list[Job]:
        """Layer-major, all maps are encoded before the first is summed."""
        return [*map(self._encoded, range(1, self.steps) if self._together else ()), *super().front()]

    def step(self, step: int) -> list[Job]:
        cycles = int(self._timing.step_cycles[0, step])
        if step == 0:
            return [Job(SWEEPS, step, cycles, self._first_sweep)]
        encoded = [] if self._together else [self._encoded(step)]
        return [*encoded, *self._step(step, cycles - self._encoding)]

    def _encoded(self, step: int) -> Job:
        codes, spikes = self._codes, self._layer
        return Job(ENCODING, step, self._encoding, lambda: encoder_waves(codes, spikes))

    def _first_sweep(self) -> tuple[Wave, ...]:
        if isinstance(self._engine, Event):
            return sweep_alone_waves(self._layer, self._engine, self._swept(0))
        return _dense_sweep(self._layer, self._swept(0))


def record_work(
    mapping: Mapping,
    hardware: Hardware,
    index: int,
    inputs: npt.NDArray[np.unsignedinteger],
    spikes: npt.NDArray[np.uint8] | None,
) -> RecordWork:
    """What the record has to do."""
    kind = InputSpikesWork if of_input_spikes(mapping, index) else CodesWork if of_codes(mapping, index) else RecordWork
    return kind(mapping, hardware, index, inputs, spikes)


def spikes_per_word(layer: LayerMapping, row: npt.NDArray[np.uint8]) -> Int64Array:
    """(words,) set bits of a layer's packed map in each word of its sweep."""
    bits = np.unpackbits(row, count=layer.shape.neurons, bitorder="little").astype(np.int64)
    lanes = active_lanes(layer)
    return np.add.reduceat(bits, np.cumsum(lanes) - lanes)


def _dense_sweep(layer: LayerMapping, swept: Swept) -> tuple[Wave, ...]:
    issues = uninterrupted(layer, 0)
    return (*membrane_waves(layer, issues.issued), *sweep_waves(layer, issues, swept))
