"""From layer times to the machine's: latency, run time, steady state, bottleneck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pimsim.activity.activity import LayerActivity
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import LAYER_MAJOR, PIPELINED
from pimsim.mapping import Mapping
from pimsim.simulation.kernels_schedule_pipeline import pipeline
from pimsim.simulation.schedule_layer import SWEEP, Int64Array, LayerTiming


@dataclass(frozen=True)
class MachineTime:
    """See `Activity`; ``bottleneck`` is "layer.unit"."""

    latency_cycles: float
    total_cycles: int
    interval_cycles: float
    bottleneck: str


def machine_time(
    timings: Sequence[LayerTiming], layers: Sequence[LayerActivity], mapping: Mapping, hardware: Hardware
) -> MachineTime:
    """Time of the whole machine, whose layers work in turn (``shared``) or at the same time (``pipelined``)."""
    if hardware.schedule != PIPELINED:
        return _shared(timings, busiest_unit(layers))
    worst = slowest_stage(timings, layers, mapping)
    return _pipelined(stages(timings, mapping), worst, whole_samples=hardware.order == LAYER_MAJOR)


def stages(timings: Sequence[LayerTiming], mapping: Mapping) -> tuple[LayerTiming, ...]:
    """Records as layers of a pipeline: a hybrid first layer is one, whose sums of codes are the stage in front of it.

    An engine that forms those and sums input spikes too does both within the layer's steps.
    """
    if mapping.input_spikes is None:
        return tuple(timings)
    codes, spikes, *others = timings
    cycles, front = spikes.step_cycles.copy(), codes.front_cycles
    cycles[:, 1] += spikes.front_cycles
    if _one_engine(mapping):
        cycles[:, 0] += front
        front = 0
    return (replace(spikes, front_cycles=front, step_cycles=cycles), *others)


def _one_engine(mapping: Mapping) -> bool:
    return mapping.input_spikes is not None and mapping.input_spikes.engine == mapping.layers[0].engine


def busiest_unit(layers: Sequence[LayerActivity]) -> str:
    """Of all units the one that works in most cycles, named in the layer that it works most for.

    Layers on one engine take turns on its units.  A stalled unit waits for another one, so stalls do not count.
    """
    busy: dict[tuple[str, str], int] = {}
    for layer in layers:
        for name, cycles in layer.units:
            busy[layer.engine, name] = busy.get((layer.engine, name), 0) + cycles.busy
    engine, unit = max(busy, key=lambda key: busy[key])
    users = [layer for layer in layers if layer.engine == engine and unit in dict(layer.units)]
    return f"{max(users, key=lambda layer: dict(layer.units)[unit].busy).layer}.{unit}"


def slowest_stage(timings: Sequence[LayerTiming], layers: Sequence[LayerActivity], mapping: Mapping) -> str:
    """The busiest unit of the pipeline's stage with the most cycles; the first one where several are equal.

    The first layer's sums and its sweeps are stages of their own.
    """
    found = [(timing.cycles, [layer]) for timing, layer in zip(timings, layers, strict=True)]
    if _one_engine(mapping):
        (codes, one), (spikes, other), *_ = found
        found[:2] = [(codes + spikes, one + other)]
    elif mapping.input_spikes is None:
        sums, swept = timings[0].front_cycles * len(timings[0].step_cycles), [_part(layers[0], SWEEP)]
        found[:1] = [(sums, [_part(layers[0], *dict(layers[0].units).keys() - {SWEEP})]), (found[0][0] - sums, swept)]
    _, slowest = max(found, key=lambda stage: stage[0])
    return busiest_unit(slowest)


def _part(layer: LayerActivity, *units: str) -> LayerActivity:
    """The record with some of its units."""
    return replace(layer, units=tuple((name, cycles) for name, cycles in layer.units if name in units))


def _shared(timings: Sequence[LayerTiming], worst: str) -> MachineTime:
    """One thing at a time, in either order: a sample starts when the one before has ended."""
    samples = timings[0].step_cycles.shape[0]
    total = sum(timing.cycles for timing in timings)
    return MachineTime(total / samples, total, total / samples, worst)


def class_cycles(timings: Sequence[LayerTiming], hardware: Hardware) -> Int64Array:
    """(N,) cycles until each sample's class, of samples that follow each other through a pipeline of `stages`."""
    return _finished(*_stages(timings, whole_samples=hardware.order == LAYER_MAJOR), alone=0)


def _pipelined(timings: Sequence[LayerTiming], worst: str, *, whole_samples: bool) -> MachineTime:
    """The steady state is that of the second of two rounds over the same samples."""
    service, front, steps = _stages(timings, whole_samples=whole_samples)
    samples = service.shape[1] // steps
    alone = _finished(service, front, steps, alone=1)
    rounds = _finished(np.concatenate([service, service], axis=1), front, steps, alone=0)
    interval = int(rounds[-1] - rounds[samples - 1]) / samples
    return MachineTime(int(alone.sum()) / samples, int(rounds[samples - 1]), interval, worst)


def _stages(timings: Sequence[LayerTiming], *, whole_samples: bool) -> tuple[Int64Array, int, int]:
    """Cycles of each layer and of what it passes on, the cycles of the first layer's sums, and how often per sample.

    What a layer passes on is the map of a step, or with ``whole_samples`` the maps of all steps.
    """
    service, front = np.stack([timing.step_cycles for timing in timings]), timings[0].front_cycles
    if whole_samples:
        sums = np.array([0, *(timing.front_cycles for timing in timings[1:])])
        service = service.sum(axis=2, keepdims=True) + sums[:, None, None]
    count, _, steps = service.shape
    return service.reshape(count, -1), front, steps


def _finished(service: Int64Array, front: int, steps: int, *, alone: int) -> Int64Array:
    """Cycle in which each sample's classifier ends."""
    finished = np.empty(service.shape[1] // steps, np.int64)
    pipeline(np.ascontiguousarray(service), front, steps, alone, finished)
    return finished
