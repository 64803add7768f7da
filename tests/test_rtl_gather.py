"""The gather core against the machine that is stepped clock by clock, signal by signal in every cycle."""

from __future__ import annotations

from collections import Counter
from math import prod

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive_event import COUNTED_AS, reached_outputs
from naive_event import GatherCore as NaiveCore
from rtl_cases import event_cases, gather_knobs
from test_schedule_event import maps, shapes

pytest.importorskip("amaranth", reason="needs the extra 'verify'")

from amaranth.sim import Simulator

from pimsim.model.architecture import LayerShape
from pimsim.rtl.event.gather import GatherCore
from pimsim.rtl.event.gather_generator import TapAddress
from pimsim.rtl.parts.design import EventDesign, NeuronDesign, SweepDesign, event_design
from pimsim.rtl.verify.compare import compare
from pimsim.rtl.verify.run_case import run_case

NEURON = NeuronDesign("if", 5, 1, 0, True, (), 20, 12, 0, True, 0, 0, 0)
WIDE = LayerShape("wide", "conv3d", (2, 5, 4, 3), 7, (2, 3, 3), (1, 1, 1), (1, 1, 1))

cores = st.fixed_dictionaries(
    {
        "lanes": st.integers(1, 9),
        "scan_width": st.sampled_from([8, 16, 32, 64, 256, 512]),
        "fifo_depth": st.sampled_from([1, 1, 2, 3, 4, 8, 20]),
        "pipeline_depth": st.sampled_from([1, 2, 3, 4, 9]),
        "sweep_depth": st.sampled_from([1, 2, 3, 4, 5, 11]),
        "ports": st.sampled_from([1, 2]),
        "banks": st.sampled_from([1, 2, 3, 8]),
    }
)


def design_of(shape, *, lanes, scan_width, fifo_depth, pipeline_depth, sweep_depth, ports, banks, weight_zero=0):
    """A core for ``shape`` with neurons of no particular kind."""
    sweep = SweepDesign(
        neuron=NEURON,
        lanes=lanes,
        channels=shape.out_channels,
        positions=shape.positions,
        depth=sweep_depth,
        stored_bits=NEURON.membrane_bits,
        ports=ports,
        banks=banks,
        adds=True,
        weight_zero=weight_zero,
        count_bits=(shape.fan_in * prod(shape.pool)).bit_length(),
        value_bits=1,
        word_values=scan_width,
    )
    return EventDesign(shape, True, lanes, scan_width, fifo_depth, pipeline_depth, True, 3, True, sweep)


def words_of(bits, width):
    """The map packed into words, neuron i in bit i modulo ``width``."""
    return [
        sum(bit << place for place, bit in enumerate(bits[first : first + width]))
        for first in range(0, len(bits), width)
    ]


async def step_beside(ctx, core, naive, words):
    """One step of the core, with every weight 1, beside the naive machine's: nothing may differ in any cycle."""
    delay, waiting, cycle = core.design.pipeline_depth, {}, 0
    ctx.set(core.start, 1)
    while not naive.finished:
        expected = {"level": len(naive.fifo), "free": [owner is None for owner in naive.owner], "full": naive.full[:]}
        seen = {
            "level": ctx.get(core.fifo.level),
            "free": bits_of(ctx.get(core.fields.sets.free)),
            "full": bits_of(ctx.get(core.fields.full)),
        }
        before = naive.count.copy()
        naive.accesses = Counter()
        naive.step()
        counted = {name: naive.count[name] - before[name] for name in naive.count}
        waiting[cycle + delay] = counted  # beats are added when they are through the pipeline
        expected |= expected_report(counted, waiting.pop(cycle, {})) | {"done": naive.finished, "busy": True}
        seen |= report_of(ctx, core) | {"done": bool(ctx.get(core.done)), "busy": bool(ctx.get(core.busy))}
        assert seen == expected, f"cycle {cycle}"
        check_sums(ctx, core, naive)
        address = ctx.get(core.source.address) if ctx.get(core.source.enable) else None
        await ctx.tick()
        if address is not None:
            ctx.set(core.source.data, words[address])
        ctx.set(core.start, 0)
        cycle += 1


def bits_of(pair):
    return [bool(pair & 1), bool(pair & 2)]


def check_sums(ctx, core, naive):
    """With every weight 1, a sum that the sweep takes is the number of the position's events."""
    if not ctx.get(core.sweep.stage_one):
        return
    position, word = divmod(ctx.get(core.sweep.stage_one_word), core.design.sweep.beats)
    active = min(core.design.lanes, core.design.sweep.channels - word * core.design.lanes)
    assert [ctx.get(core.sweep.addend[lane]) for lane in range(active)] == [naive.events[position]] * active
    if core.design.sweep.weight_zero and word == 0:
        assert ctx.get(core.sweep.count) == naive.events[position]


ADDED = {"lanes_busy": "beats", "lane_accumulate": "accumulates"}


def expected_report(counted, added):
    now = {name: counted.get(theirs, 0) for name, theirs in COUNTED_AS.items()}
    return now | {name: added.get(theirs, 0) for name, theirs in ADDED.items()}


def report_of(ctx, core):
    activity = ctx.get(core.activity)
    return {name: activity[name] for name in (*COUNTED_AS, *ADDED)}


def run_beside(design, steps, **core_settings):
    """Steps of the same core, each beside a naive machine of its own; ``steps`` are maps and idle cycles before."""
    core = GatherCore(design)

    async def bench(ctx):
        ctx.set(core.weights.data, sum(1 << 3 * lane for lane in range(design.lanes)))
        for bits, idle in steps:
            for _ in range(idle):
                assert not ctx.get(core.busy)
                assert not ctx.get(core.activity.as_value())
                await ctx.tick()
            naive = NaiveCore(bits, design.shape, **core_settings)
            await step_beside(ctx, core, naive, words_of(bits, design.scan_width))
        assert not ctx.get(core.busy)

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@settings(max_examples=25)
@given(st.data())
@example(None)
def test_every_unit_does_in_every_cycle_what_the_machine_stepped_by_the_clock_does(data):
    if data is None:  # a position's sums wait for the sweep, in a bank that it writes and reads in turn
        shape, settings_ = WIDE, {"lanes": 2, "scan_width": 16, "fifo_depth": 2, "pipeline_depth": 2}
        settings_ |= {"sweep_depth": 4, "ports": 1, "banks": 2}
        steps, weight_zero = [([1, 0, 0, 1] * 30, 0), ([0] * 120, 3), ([1] * 120, 0)], 3
    else:
        shape, settings_ = data.draw(shapes()), data.draw(cores)
        neurons, weight_zero = prod(shape.source_shape), data.draw(st.sampled_from([0, 3]))
        steps = data.draw(st.lists(st.tuples(maps(neurons), st.sampled_from([0, 0, 1, 5])), min_size=1, max_size=3))
    run_beside(design_of(shape, **settings_, weight_zero=weight_zero), steps, **settings_)


@settings(max_examples=25)
@given(event_cases(knobs=gather_knobs()))
def test_cycles_counts_spikes_and_membranes_of_random_layers_are_those_of_the_simulator(case):
    design = event_design(case.network, case.mapping, case.hardware, case.index)
    assert design.gather
    verdict = compare(case, run_case(case))
    assert verdict.equal, verdict.differences


def taps_by_formula(shape, beats):
    """(output number, input neuron, weight word of its first beat), outputs in order, for every input of a field."""
    positions, channels = reached_outputs(shape)
    _, view_h, view_w = shape.viewed_shape[1:]
    (_, height, width), (_, kernel_h, kernel_w) = shape.out_size, shape.kernel
    found = []
    for position, outputs in enumerate(positions):
        inside = (position // (view_h * view_w), position // view_w % view_h, position % view_w)
        for output in outputs:
            axes = zip(inside, shape.pool, shape.padding, output, shape.stride, strict=True)
            d, h, w = (i // p + a - o * s for i, p, a, o, s in axes)
            number = (output[0] * height + output[1]) * width + output[2]
            tap = (d * kernel_h + h) * kernel_w + w
            found += [(number, position * channels + c, (tap * channels + c) * beats) for c in range(channels)]
    return sorted(found)


@settings(max_examples=60)
@given(shapes(), st.integers(1, 9))
def test_every_input_of_every_field_meets_the_weights_of_its_tap_step_after_step(shape, lanes):
    core = {"lanes": lanes, "scan_width": 8, "fifo_depth": 1, "pipeline_depth": 1, "sweep_depth": 1}
    address = TapAddress(design_of(shape, **core, ports=2, banks=1))
    expected = taps_by_formula(shape, -(-shape.out_channels // lanes))[:400]

    async def bench(ctx):
        at = 0
        for number, neuron, word in 2 * expected:
            while at != number:
                ctx.set(address.advance, 1)
                assert bool(ctx.get(address.final)) == (at == shape.positions - 1)
                await ctx.tick()
                at = (at + 1) % shape.positions
            ctx.set(address.advance, 0)
            ctx.set(address.event, neuron)
            assert ctx.get(address.word) == word

    simulator = Simulator(address)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
