"""Simulates a layer on the event core, clock by clock, and says what was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Value

from pimsim.mapping.reach import targets_per_position
from pimsim.rtl.bench.event_bench import EventBench
from pimsim.rtl.bench.step_bench import check_lanes, run_bench
from pimsim.rtl.bench.words import map_words, weight_words
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.observe import Int64Array, Observed


def run_event(design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8]) -> Observed:
    """Inferences of T steps on input ``maps``, packed spikes uint8 (N, T, bytes).

    ``weights`` are the layer's codes (C_out, C_in, kD, kH, kW).  The last of the T steps is the inference's last, as
    docs/microarchitecture.md §3 has it: it leaves membranes and counts zero, so that samples follow each other.
    Raises HardwareError for more than 2048 lanes, RuntimeError where the core never hands over.
    """
    return run_bench(_bench(design, weights, maps), design.shape.name)[0]


def watch_event(
    design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8]
) -> tuple[Observed, dict[str, Int64Array]]:
    """`run_event`, and what every cycle of it looked like: by field of ``activity`` its value, and ``fifo_level``.

    All are (cycles,), those of all steps one behind the other.
    """
    bench = _bench(design, weights, maps)
    watched = _watched(bench)
    observed, columns = run_bench(bench, design.shape.name, watched)
    return observed, dict(zip(watched, columns, strict=True))


def _bench(design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8]) -> EventBench:
    check_lanes(design.sweep)
    samples, steps = maps.shape[:2]
    words = map_words(maps.reshape(samples * steps, -1), design.map_neurons, design.scan_width)
    return EventBench(design, weight_words(design, weights), words, steps, patience(design))


def _watched(bench: EventBench) -> dict[str, Value]:
    """Signals of the core that `watch_event` samples."""
    fields = {name: bench.core.activity[name] for name in bench.core.activity.shape().members}
    return fields | {"fifo_level": bench.core.fifo.level}


def patience(design: EventDesign) -> int:
    """Cycles that no step takes: every neuron fires, and every slot waits as long as anything can hold it."""
    shape, sweep, channels = design.shape, design.sweep, design.shape.viewed_shape[0]
    reached = int(targets_per_position(shape).sum()) * channels
    reads = shape.positions * (reached + design.map_words) if design.gather else design.map_words
    slots = reached * sweep.beats + design.map_neurons + shape.positions
    return 64 + reads + slots * (design.pipeline_depth + 2) + (sweep.words + 1) * (sweep.depth + 2) * 2
