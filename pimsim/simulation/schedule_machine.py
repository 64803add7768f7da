"""From layer times to the machine's: latency, run time, steady state, bottleneck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pimsim.activity.activity import LayerActivity
from pimsim.hardware.hardware import PIPELINED
from pimsim.simulation.kernels_schedule_pipeline import pipeline
from pimsim.simulation.schedule_layer import Int64Array, LayerTiming


@dataclass(frozen=True)
class MachineTime:
    """See `Activity`; ``bottleneck`` is "layer.unit"."""

    latency_cycles: float
    total_cycles: int
    interval_cycles: float
    bottleneck: str


def machine_time(timings: Sequence[LayerTiming], layers: Sequence[LayerActivity], *, schedule: str) -> MachineTime:
    """Time of the whole machine, whose layers work in turn (``shared``) or at the same time (``pipelined``)."""
    worst = bottleneck(timings, layers, pipelined=schedule == PIPELINED)
    return (_pipelined if schedule == PIPELINED else _shared)(timings, worst)


def bottleneck(timings: Sequence[LayerTiming], layers: Sequence[LayerActivity], *, pipelined: bool) -> str:
    """The busiest unit of the slowest layer; the first one where several are equal.

    In a pipeline the first layer's sums and its sweeps are stages of their own.
    """

    def cycles(index: int) -> int:
        timing = timings[index]
        front = timing.front_cycles * timing.step_cycles.shape[0]
        return max(front, timing.cycles - front) if pipelined else timing.cycles

    slowest = max(range(len(timings)), key=cycles)
    name, _ = max(layers[slowest].units, key=lambda unit: unit[1].busy)
    return f"{layers[slowest].layer}.{name}"


def _shared(timings: Sequence[LayerTiming], worst: str) -> MachineTime:
    """One thing at a time, step-major: a sample starts when the one before has ended."""
    samples = timings[0].step_cycles.shape[0]
    total = sum(timing.cycles for timing in timings)
    return MachineTime(total / samples, total, total / samples, worst)


def _pipelined(timings: Sequence[LayerTiming], worst: str) -> MachineTime:
    """The steady state is that of the second of two rounds over the same samples."""
    service = np.stack([timing.step_cycles for timing in timings])
    count, samples, steps = service.shape
    flat = service.reshape(count, -1)
    front = sum(timing.front_cycles for timing in timings)
    alone = _finished(flat, front, steps, alone=1)
    rounds = _finished(np.concatenate([flat, flat], axis=1), front, steps, alone=0)
    interval = int(rounds[-1] - rounds[samples - 1]) / samples
    return MachineTime(int(alone.sum()) / samples, int(rounds[samples - 1]), interval, worst)


def _finished(service: Int64Array, front: int, steps: int, *, alone: int) -> Int64Array:
    """Cycle in which each sample's classifier ends."""
    finished = np.empty(service.shape[1] // steps, np.int64)
    pipeline(np.ascontiguousarray(service), front, steps, alone, finished)
    return finished
