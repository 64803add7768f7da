"""One inference over its cycles: when each layer works, and every signal of its units while it does.

The sample has the machine for itself, so the timeline is as long as `Activity.latency_cycles` of that sample.  Signals
are drawn phase by phase, on demand: those of a large network do not have to be in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Hardware
from pimsim.hardware.hardware import LAYER_MAJOR, PIPELINED
from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.simulation.schedule import check_trace
from pimsim.simulation.schedule_records import behind, in_front, record_name
from pimsim.simulation.timeline_records import Job, RecordWork, record_work
from pimsim.simulation.waves import Wave, changing, lasting
from pimsim.traces import Trace, single

CORE = "core"
"""Scope of the signals that a layer's controller has."""


@dataclass(frozen=True, eq=False)
class Phase:
    """One activity of record ``layer`` of `Mapping.records`, in the cycles ``start`` … ``stop`` − 1 of the inference.

    ``kind`` is one of those of `timeline_records`; ``step`` its step of ``steps``, from 0, None of sums that
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
        jobs.append(
            record_work(mapping, hardware, record, in_front(alone, record), None if spikes is None else spikes[0])
        )
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
    return tuple(_in_turn(record_work(mapping, hardware, index, inputs, spikes).in_turn()))


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


def _placed(layers: list[RecordWork], hardware: Hardware) -> list[Phase]:
    """docs/microarchitecture.md §8, for one sample alone."""
    if hardware.order == LAYER_MAJOR:  # alone, a sample overlaps with none in a pipeline either
        return _in_turn([turn for layer in layers for turn in layer.in_turn()])
    if hardware.schedule == PIPELINED:
        return _pipelined(layers)
    steps, swept = range(layers[0].steps), [layer for layer in layers if layer.sweeps]
    return _in_turn([(layer, None) for layer in layers] + [(layer, step) for step in steps for layer in swept])


def _in_turn(turns: list[tuple[RecordWork, int | None]]) -> list[Phase]:
    """One thing at a time: a layer's step, or what it computes in front of all steps."""
    phases: list[Phase] = []
    for layer, step in turns:
        jobs = layer.front() if step is None else layer.step(step)
        phases += _started(layer, jobs, phases[-1].stop if phases else 0)
    return phases


def _started(layer: RecordWork, jobs: list[Job], start: int) -> list[Phase]:
    phases = []
    for job in jobs:
        phases.append(Phase(layer.index, job.kind, job.step, layer.steps, start, start + job.cycles, job.draw))
        start += job.cycles
    return phases


def _pipelined(layers: list[RecordWork]) -> list[Phase]:
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
