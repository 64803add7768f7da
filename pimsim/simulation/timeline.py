"""One inference over its cycles: when each layer works, and every signal of its units while it does.

The sample has the machine for itself, so the timeline is as long as `Activity.latency_cycles` of that sample.  Signals
are drawn phase by phase, on demand: those of a large network do not have to be in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Event, Hardware, Mac
from pimsim.hardware.hardware import LAYER_MAJOR, PIPELINED
from pimsim.mapping import LayerMapping, Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.simulation.schedule import check_trace, time_layer
from pimsim.simulation.schedule_encoder import encoder_cycles
from pimsim.simulation.schedule_fired import skips
from pimsim.simulation.schedule_layer import sweep_cycles
from pimsim.simulation.schedule_records import behind, in_front, of_codes, of_input_spikes, record_name
from pimsim.simulation.timeline_crossbar import crossbar_waves
from pimsim.simulation.timeline_encoder import encoder_waves
from pimsim.simulation.timeline_event import event_waves, sweep_alone_waves
from pimsim.simulation.timeline_multipliers import multiplier_waves
from pimsim.simulation.timeline_sweep import Swept, active_lanes, membrane_waves, sweep_waves, uninterrupted
from pimsim.simulation.waves import Int64Array, Wave, changing, lasting
from pimsim.traces import Trace, single

CORE = "core"
"""Scope of the signals that a layer's controller has."""

SUMS, STEP, SWEEPS, ENCODING = "sums", "step", "sweep", "encoder"
"""Kinds of phases: a dense engine's sums, a step of the event core, a sweep from currents, the encoder in front."""


@dataclass(frozen=True, eq=False)
class Phase:
    """One activity of record ``layer`` of `Mapping.records`, in the cycles ``start`` … ``stop`` − 1 of the inference.

    ``kind`` is one of `SUMS`, `STEP`, `SWEEPS`, `ENCODING`; ``step`` its step of ``steps``, from 0, None of sums that
    are computed for all of them.
    """

    layer: int
    kind: str
    step: int | None
    steps: int
    start: int
    stop: int
    draw: Callable[[], tuple[Wave, ...]]

    @property
    def cycles(self) -> int:
        return self.stop - self.start

    def waves(self) -> tuple[Wave, ...]:
        """Every signal of the layer over the phase, whose first cycle is cycle 0."""
        return (*_controller(self), *self.draw())


@dataclass(frozen=True, eq=False)
class Timeline:
    """A sample's inference of ``cycles`` cycles; ``layers`` (name, engine) of the records, ``phases`` in the order of
    their start.

    ``shared``: layers on one engine take turns on it, else each has its own.
    """

    sample: int
    cycles: int
    layers: tuple[tuple[str, str], ...]
    shared: bool
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class _Job:
    """A phase before it has its place: of a step, or of all steps."""

    kind: str
    step: int | None
    cycles: int
    draw: Callable[[], tuple[Wave, ...]]


def timeline(
    trace: Trace, network: IntegerNetwork, mapping: Mapping, hardware: Hardware, *, sample: int = 0
) -> Timeline:
    """Sample number ``sample`` of a trace, from 0, alone on the machine.

    Raises TraceError where the trace does not belong to the network or has no such sample.
    """
    alone = single(trace, sample)
    check_trace(alone, network)
    jobs = []
    for record in range(len(mapping.records)):
        spikes = None if mapping.of_cnn else behind(alone, record)
        jobs.append(_made(mapping, hardware, record, in_front(alone, record), None if spikes is None else spikes[0]))
    phases = sorted(_placed(jobs, hardware), key=lambda phase: (phase.start, phase.layer))
    return Timeline(
        sample=sample,
        cycles=max(phase.stop for phase in phases),
        layers=tuple((record_name(mapping, index), layer.engine) for index, layer in enumerate(mapping.records)),
        shared=hardware.schedule != PIPELINED,
        phases=tuple(phases),
    )


def layer_phases(
    mapping: Mapping,
    hardware: Hardware,
    index: int,
    inputs: npt.NDArray[np.unsignedinteger],
    spikes: npt.NDArray[np.uint8] | None = None,
) -> tuple[Phase, ...]:
    """Record ``index`` of `Mapping.records` alone, its phases one behind the other.

    ``inputs`` of one sample as `pimsim.simulation.in_front` gives them; ``spikes`` uint8 (T, bytes) that the layer
    fires, None where its neurons do not.
    """
    return tuple(_in_turn(_made(mapping, hardware, index, inputs, spikes).in_turn()))


class _Layer:
    """What a layer has to do for one sample; arguments as of `layer_phases`."""

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

    def in_turn(self) -> list[tuple[_Layer, int | None]]:
        """Its turns alone on the machine: what comes in front of all steps, None, then step by step."""
        return [(self, step) for step in (None, *range(self.steps))]

    def front(self) -> list[_Job]:
        """Sums that are computed once, for all steps."""
        return [self._sums(self._timing.front_cycles, None)] if self._timing.front_cycles else []

    def step(self, step: int) -> list[_Job]:
        """In step ``step``, from 0."""
        return self._step(step, int(self._timing.step_cycles[0, step]))

    def _step(self, step: int, cycles: int) -> list[_Job]:
        """A step that takes ``cycles``: on the event core one phase, else sums, if it has its own, and a sweep."""
        layer, engine, swept = self._layer, self._engine, self._swept(step)
        if isinstance(engine, Event):
            row = np.asarray(self._inputs[0, step], np.uint8)
            return [_Job(STEP, step, cycles, lambda: event_waves(layer, engine, row, swept))]
        sweep = sweep_cycles(layer)
        sums = [self._sums(cycles - sweep, step)] if cycles > sweep else []
        return [*sums, _Job(SWEEPS, step, sweep, lambda: _dense_sweep(layer, swept))]

    def _sums(self, cycles: int, step: int | None) -> _Job:
        """Of one step, or of all of them."""
        layer, engine = self._layer, self._engine
        if isinstance(engine, Mac):
            return _Job(SUMS, step, cycles, lambda: multiplier_waves(layer, engine))
        assert engine is not None  # the hardware file was checked for it
        assert not isinstance(engine, Event)  # whose sums are part of its steps
        return _Job(SUMS, step, cycles, lambda: crossbar_waves(layer, engine, self._maps(step)))

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


class _Codes(_Layer):
    """The sums of step 1 of the encoding ``hybrid``, whose neurons are those of the input spikes."""

    sweeps = False

    def in_turn(self) -> list[tuple[_Layer, int | None]]:
        return [(self, None)]


class _InputSpikes(_Layer):
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

    def in_turn(self) -> list[tuple[_Layer, int | None]]:
        """Step 1 waits for nothing that is encoded, so it comes first."""
        return [(self, step) for step in (0, None, *range(1, self.steps))]

    def front(self) -> list[_Job]:
        """Layer-major, all maps are encoded before the first is summed."""
        return [*map(self._encoded, range(1, self.steps) if self._together else ()), *super().front()]

    def step(self, step: int) -> list[_Job]:
        cycles = int(self._timing.step_cycles[0, step])
        if step == 0:
            return [_Job(SWEEPS, step, cycles, self._first_sweep)]
        encoded = [] if self._together else [self._encoded(step)]
        return [*encoded, *self._step(step, cycles - self._encoding)]

    def _encoded(self, step: int) -> _Job:
        codes, spikes = self._codes, self._layer
        return _Job(ENCODING, step, self._encoding, lambda: encoder_waves(codes, spikes))

    def _first_sweep(self) -> tuple[Wave, ...]:
        if isinstance(self._engine, Event):
            return sweep_alone_waves(self._layer, self._engine, self._swept(0))
        return _dense_sweep(self._layer, self._swept(0))


def _made(
    mapping: Mapping,
    hardware: Hardware,
    index: int,
    inputs: npt.NDArray[np.unsignedinteger],
    spikes: npt.NDArray[np.uint8] | None,
) -> _Layer:
    """What the record has to do."""
    kind = _InputSpikes if of_input_spikes(mapping, index) else _Codes if of_codes(mapping, index) else _Layer
    return kind(mapping, hardware, index, inputs, spikes)


def spikes_per_word(layer: LayerMapping, row: npt.NDArray[np.uint8]) -> Int64Array:
    """(words,) set bits of a layer's packed map in each word of its sweep."""
    bits = np.unpackbits(row, count=layer.shape.neurons, bitorder="little").astype(np.int64)
    lanes = active_lanes(layer)
    return np.add.reduceat(bits, np.cumsum(lanes) - lanes)


def _dense_sweep(layer: LayerMapping, swept: Swept) -> tuple[Wave, ...]:
    issues = uninterrupted(layer, 0)
    return (*membrane_waves(layer, issues.issued), *sweep_waves(layer, issues, swept))


def _controller(phase: Phase) -> tuple[Wave, ...]:
    """``start`` in the first cycle, ``done`` in the last one, which hands over, ``busy`` throughout.

    ``step`` counts from 1, and is 0 while sums of all steps are computed; ``last`` is held during the last step.
    """
    first, final, end = (np.array([cycle], np.int64) for cycle in (0, phase.cycles - 1, phase.cycles))
    number = 0 if phase.step is None else phase.step + 1
    step = changing(CORE, "step", first, np.array([number], np.int64))
    whole = lasting(CORE, "last", first, end)
    return (
        lasting(CORE, "start", first, first + 1),
        lasting(CORE, "busy", first, end),
        lasting(CORE, "done", final, end),
        step,
        *((whole,) if number == phase.steps else ()),
    )


def _placed(layers: list[_Layer], hardware: Hardware) -> list[Phase]:
    """docs/microarchitecture.md §8, for one sample alone."""
    if hardware.order == LAYER_MAJOR:  # alone, a sample overlaps with none in a pipeline either
        return _in_turn([turn for layer in layers for turn in layer.in_turn()])
    if hardware.schedule == PIPELINED:
        return _pipelined(layers)
    steps, swept = range(layers[0].steps), [layer for layer in layers if layer.sweeps]
    return _in_turn([(layer, None) for layer in layers] + [(layer, step) for step in steps for layer in swept])


def _in_turn(turns: list[tuple[_Layer, int | None]]) -> list[Phase]:
    """One thing at a time: a layer's step, or what it computes in front of all steps."""
    phases: list[Phase] = []
    for layer, step in turns:
        jobs = layer.front() if step is None else layer.step(step)
        phases += _started(layer, jobs, phases[-1].stop if phases else 0)
    return phases


def _started(layer: _Layer, jobs: list[_Job], start: int) -> list[Phase]:
    phases = []
    for job in jobs:
        phases.append(Phase(layer.index, job.kind, job.step, layer.steps, start, start + job.cycles, job.draw))
        start += job.cycles
    return phases


def _pipelined(layers: list[_Layer]) -> list[Phase]:
    """start(l, g) = max(end(l, g − 1), end(l − 1, g), end(l + 1, g − 2)), behind the first layer's sums."""
    phases = _started(layers[0], layers[0].front(), 0)
    ready = phases[-1].stop if phases else 0
    stages = [layer for layer in layers if layer.sweeps]
    end = np.zeros((len(stages) + 1, stages[0].steps), np.int64)  # a layer behind the last one is always ready
    for step in range(stages[0].steps):
        for number, layer in enumerate(stages):
            before = int(end[number - 1, step]) if number else ready
            own = int(end[number, step - 1]) if step else 0
            behind = int(end[number + 1, step - 2]) if step > 1 else 0
            phases += _started(layer, layer.step(step), max(before, own, behind))
            end[number, step] = phases[-1].stop
    return phases
