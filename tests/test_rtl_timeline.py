"""A whole pipeline's waveform against the described one: who starts when, and every signal of every layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings

pytest.importorskip("amaranth")

from amaranth.sim import Simulator
from test_rtl_pipeline import machines

from pimsim.errors import AccumulatorError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.rtl.bench.recorded import CLOCK, words_of_any_width
from pimsim.rtl.verify.run_pipeline import pipeline_bench
from pimsim.simulation import execute
from pimsim.simulation.timeline import timeline
from pimsim.simulation.timeline_records import ENCODING, SUMS
from pimsim.simulation.waves import counting

MOST_CYCLES = 1500
IN_FRONT = (ENCODING, SUMS)


def described(network, mapping, hardware, codes):
    """Per layer, name → value in every cycle until the class is there; of layer 0 also its front's start and end."""
    bench = pipeline_bench(network, mapping, hardware, codes)
    pipeline, signals = bench.pipeline, {}
    for layer, core in enumerate(pipeline.cores):
        signals |= {(layer, name): getattr(core, name) for name in ("start", "done", "last")}
        signals |= {(layer, name): core.activity[name] for name in core.activity.shape().members}
    signals |= {(0, "front_start"): pipeline.front.start, (0, "front_done"): pipeline.front.done}
    rows = []

    async def watch(context):
        async for _clock, _reset, over, *values in context.tick().sample(bench.over, *signals.values()):
            if over:
                return
            rows.append(values)

    with words_of_any_width():
        simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    simulator.add_testbench(watch)
    simulator.run()
    return dict(zip(signals, np.array(rows, np.int64).T, strict=True))


def layer_of(phase, hybrid):
    """Number of the layer that a phase's record is of: of a hybrid network two are of the first."""
    return max(phase.layer - hybrid, 0)


def passed_over(phase, follows):
    """Controls that a phase has on its own, and not as a part of a step; the encoder does the same in every step."""
    inside = {"start"} if follows else set()
    inside |= {"done"} if phase.kind in IN_FRONT else set()
    return inside | ({"last"} if phase.kind == ENCODING else set())


def drawn(line, hybrid):
    """The same of a timeline: every signal over the whole inference.

    A core starts once per step, with what it does in front of its sweep (the encoder, its sums), and is done with its
    step or its sweep.
    """
    found, none = {}, counting("", "", np.empty(0, np.int64)).dense(line.cycles)
    before = {}
    for phase in line.phases:
        follows, front = before.get(phase.layer) in IN_FRONT, phase.kind == SUMS and phase.layer == 0
        before[phase.layer] = None if front else phase.kind
        for wave in phase.waves():
            name = wave.name
            if front:
                name = f"front_{name}"
            elif name in passed_over(phase, follows):
                continue
            elif name == "current_memory_read" and hybrid and (phase.layer, phase.step) == (1, 0):
                name = "opening_read"  # by a port of its own, from where step 1's sums lie
            values = found.setdefault((layer_of(phase, hybrid), name), none.copy())
            values[phase.start : phase.stop] = wave.dense(phase.cycles)
    return found, none


# One that fails is reported as it was drawn, for to shrink it takes minutes.
@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(machines())
def test_layers_of_a_pipeline_start_and_work_in_the_cycles_of_the_waveform(machine):
    made, *stated = machine
    hardware = load_hardware(*stated)
    try:
        mapping = map_model(made.network, hardware)
    except AccumulatorError:
        return
    trace = execute(made.network, made.inputs[:1], numerics=mapping.numerics)
    line = timeline(trace, made.network, mapping, hardware)
    assume(line.cycles <= MOST_CYCLES)
    seen = described(made.network, mapping, hardware, trace.inputs)
    hybrid = made.network.is_hybrid
    found, none = drawn(line, hybrid)
    for (layer, name), values in seen.items():
        assert len(values) == line.cycles
        if name == "last":  # held while a core works, and whatever it likes when it does not
            working = np.zeros(line.cycles, bool)
            for phase in line.phases:
                uses = phase.kind != ENCODING and phase.step is not None
                working[phase.start : phase.stop] |= layer_of(phase, hybrid) == layer and uses
            values = values * working
        assert values.tolist() == found.get((layer, name), none).tolist(), (layer, name)
