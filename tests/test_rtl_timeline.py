"""A whole pipeline's waveform against the described one: who starts when, and every signal of every layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings

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
from pimsim.simulation.timeline_records import SUMS
from pimsim.simulation.waves import counting

MOST_CYCLES = 1500


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


def drawn(line):
    """The same of a timeline: every signal over the whole inference.

    Behind the first layer a core starts once per step, with its sums, and is done with its sweep.
    """
    found, none = {}, counting("", "", np.empty(0, np.int64)).dense(line.cycles)
    before = {}
    for phase in line.phases:
        swept = before.get(phase.layer) == SUMS and phase.layer > 0
        before[phase.layer] = phase.kind
        for wave in phase.waves():
            name = wave.name
            if phase.kind == SUMS and phase.layer == 0:
                name = f"front_{name}"
            elif (name == "done" and phase.kind == SUMS) or (name == "start" and swept):
                continue
            values = found.setdefault((phase.layer, name), none.copy())
            values[phase.start : phase.stop] = wave.dense(phase.cycles)
    return found, none


@settings(max_examples=10, deadline=None)
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
    found, none = drawn(line)
    for (layer, name), values in seen.items():
        assert len(values) == line.cycles
        if name == "last":  # held while a core works, and whatever it likes when it does not
            working = np.zeros(line.cycles, bool)
            for phase in line.phases:
                working[phase.start : phase.stop] |= phase.layer == layer and phase.step is not None
            values = values * working
        assert values.tolist() == found.get((layer, name), none).tolist(), (layer, name)
