"""Simulates a layer on the event core, clock by clock, and says what was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Value
from amaranth.sim import Simulator, SimulatorContext

from pimsim.mapping.reach import targets_per_position
from pimsim.rtl.design import EventDesign
from pimsim.rtl.event_bench import EventBench
from pimsim.rtl.observe import Int64Array, Observed
from pimsim.rtl.recorded import CLOCK, lane_values, packed_spikes, rows_of
from pimsim.rtl.words import map_words, weight_words


def run_event(design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8]) -> Observed:
    """Inferences of T steps on input ``maps``, packed spikes uint8 (N, T, bytes).

    ``weights`` are the layer's codes (C_out, C_in, kD, kH, kW).  The last of the T steps is the inference's last, as
    docs/microarchitecture.md §3 has it: it leaves membranes and counts zero, so that samples follow each other.
    Raises RuntimeError where the core never hands over.
    """
    return _run(design, weights, maps)[0]


def watch_event(
    design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8]
) -> tuple[Observed, dict[str, Int64Array]]:
    """`run_event`, and what every cycle of it looked like: by field of ``activity`` its value, and ``fifo_level``.

    All are (cycles,), those of all steps one behind the other.
    """
    return _run(design, weights, maps, watched=True)


def _run(
    design: EventDesign, weights: npt.NDArray[np.integer], maps: npt.NDArray[np.uint8], *, watched: bool = False
) -> tuple[Observed, dict[str, Int64Array]]:
    samples, steps = maps.shape[:2]
    words = map_words(maps.reshape(samples * steps, -1), design.map_neurons, design.scan_width)
    bench = EventBench(design, weight_words(design, weights), words, steps, patience(design))
    simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    found: list[Observed] = []
    seen: list[tuple[int, ...]] = []

    async def observe(context: SimulatorContext) -> None:
        await context.tick().until(bench.over | bench.stuck)
        if context.get(bench.stuck):
            raise RuntimeError(f'layer "{design.shape.name}": no hand-over within {patience(design)} cycles')
        found.append(_observed(context, bench, samples, steps))

    async def watch(context: SimulatorContext) -> None:
        signals = _watched(bench).values()
        async for _clock, _reset, over, *values in context.tick().sample(bench.over, *signals):
            if over:
                return
            seen.append(tuple(values))

    simulator.add_testbench(observe)
    if watched:
        simulator.add_testbench(watch, background=True)
    simulator.run()
    names = _watched(bench) if watched else {}
    columns = np.array(seen, np.int64).reshape(-1, len(names)).T if watched else ()
    return found[0], dict(zip(names, columns, strict=True))


def _watched(bench: EventBench) -> dict[str, Value]:
    """Signals of the core that `watch_event` samples."""
    fields = {name: bench.core.activity[name] for name in bench.core.activity.shape().members}
    return fields | {"fifo_level": bench.core.fifo.level}


def _observed(context: SimulatorContext, bench: EventBench, samples: int, steps: int) -> Observed:
    """What the recorders hold at the end."""
    sweep, neurons = bench.core.design.sweep, bench.core.design.shape.neurons
    cycles = rows_of(context, bench.cycles)
    counts = {name: int(context.get(total)) for name, total in bench.meter.totals.items()}
    lanes = sweep.lanes
    words = lane_values(rows_of(context, bench.membranes), lanes, sweep.neuron.accumulator_bits)
    membranes = words.reshape(samples, steps, sweep.positions, sweep.beats * lanes)[..., : sweep.channels]
    classes, spikes = np.empty(0, np.int64), np.empty((samples, steps, 0), np.uint8)
    if sweep.word_values:
        spikes = packed_spikes(rows_of(context, bench.target), sweep.word_bits, neurons).reshape(samples, steps, -1)
    else:
        classes = np.array(rows_of(context, bench.winners), np.int64).reshape(samples, steps)[:, -1]
    return Observed(
        step_cycles=np.array(cycles, np.int64).reshape(samples, steps),
        counts=counts,
        membranes=np.ascontiguousarray(membranes).reshape(samples, steps, neurons),
        spikes=spikes,
        front_cycles=np.zeros(samples, np.int64),
        classes=classes,
    )


def patience(design: EventDesign) -> int:
    """Cycles that no step takes: every neuron fires, and every slot waits as long as anything can hold it."""
    shape, sweep, channels = design.shape, design.sweep, design.shape.viewed_shape[0]
    reached = int(targets_per_position(shape).sum()) * channels
    reads = shape.positions * (reached + design.map_words) if design.gather else design.map_words
    slots = reached * sweep.beats + design.map_neurons + shape.positions
    return 64 + reads + slots * (design.pipeline_depth + 2) + (sweep.words + 1) * (sweep.depth + 2) * 2
