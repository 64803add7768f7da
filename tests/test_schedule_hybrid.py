"""Hybrid first layers, timed classifiers and neurons that fire once: cycles and counts against slow, obvious twins."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_hybrid import network as made_network
from made_trace import event_settings, machine, rates, trace_of, unpacked
from naive_event import EventCore, core_of, reached_outputs
from naive_schedule import Encoder, Multipliers, pipeline_ends
from strategies import coded_networks

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import MappingError
from pimsim.hardware.load import from_dict
from pimsim.mapping import map_model
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.network import ACCUMULATE, DIRECT, LIF, SINGLE_SPIKE, TIMED, IntegerNetwork
from pimsim.simulation import Rescheduler, in_front, schedule, time_layer
from pimsim.simulation.rescheduling import Reuse
from pimsim.simulation.schedule_machine import stages
from pimsim.traces import single

FEW = settings(max_examples=20)
MULTIPLIERS = machine("digital45nm").to_dict()["engines"]["mac"]
"""A section beside those of a file that has none."""


def chip(first, spikes, **changes):
    """A machine with all three engines: the first layer's sums of codes on one, its input spikes on another."""
    engines = {"engines__mac": MULTIPLIERS, "layers__first": first, "layers__input_spikes": spikes}
    return machine("pim45nm_bitserial", **engines | changes)


@st.composite
def runs(draw, *, spikes=("pim", "mac", "event"), schedules=("shared", "pipelined"), hybrid=True, skipping=True):
    """(network, trace, hardware, mapping): any neurons, either classifier, any pair of engines."""
    network = draw(coded_networks(max_hidden=2))
    assume(network.is_hybrid == hybrid)
    if draw(st.booleans()):
        hidden = [replace(one, neuron=replace(one.neuron, kind=SINGLE_SPIKE)) for one in network.layers[:-1]]
        network = replace(network, layers=(*hidden, network.layers[-1]))
    changes = draw(event_settings) | {
        "schedule": draw(st.sampled_from(schedules)),
        "order": draw(st.sampled_from(["step_major", "layer_major"])),
        "layers__others": draw(st.sampled_from(["event", "event", "mac", "pim"])),
        "clock_gating": draw(st.sampled_from(["none", "units"])),
    }
    gates = [draw(st.booleans()) for _ in range(3)] if skipping else [False] * 3
    changes |= {f"engines__{name}__skip_fired": on for name, on in zip(("pim", "mac", "event"), gates, strict=True)}
    hardware = chip(draw(st.sampled_from(["pim", "mac"])), draw(st.sampled_from(spikes)), **changes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    trace = trace_of(network, rng, draw(st.integers(1, 2)), draw(rates))
    try:
        return network, trace, hardware, map_model(network, hardware)
    except MappingError:
        assume(False)


def bits_of(maps, inputs):
    """Packed maps (T, bytes) → lists of 0 and 1."""
    return np.unpackbits(maps, axis=1, count=inputs, bitorder="little").tolist()


def encoder(network, mapping, hardware, codes, step):
    """Of one sample's codes (C, D, H, W) at ``step``, from 1."""
    first = network.input_spikes
    span = first.high - first.low

    def fires(code):
        clipped = min(max(code, first.low), first.high)
        exact = network.time_steps + Fraction((2 - network.time_steps) * (clipped - first.low), span)
        return int(2 * step - 1 <= 2 * exact < 2 * step + 1)  # halves round up

    port = hardware.engines.named(mapping.layers[0].engine).input_port_codes
    width = mapping.input_spikes.memories.source.word_bits
    return Encoder(np.moveaxis(codes, 0, -1).reshape(-1).tolist(), fires, port=port, width=width)


@FEW
@given(runs(spikes=("event",)))
def test_every_step_of_input_spikes_takes_the_cycles_of_machines_stepped_by_the_clock(run):
    """And the encoder writes the map that the trace holds."""
    network, trace, hardware, mapping = run
    event, layer = hardware.engines.event, mapping.input_spikes
    inputs = int(np.prod(layer.shape.source_shape))
    timing = time_layer(mapping, hardware, 1, trace.input_spikes, trace.spikes[0])
    alone = EventCore(
        [0] * inputs,
        layer.shape,
        lanes=event.lanes,
        scan_width=event.scan_width,
        fifo_depth=event.fifo_depth,
        pipeline_depth=event.pipeline_depth,
        sweep_depth=event.sweep_depth,
        ports=event.membrane_ports,
        banks=event.membrane_banks,
        forwarding=event.forwarding,
    )
    alone.sweeping = True
    swept, busy = alone.run(), Counter(sweep=alone.count["sweep busy"], stall=alone.count["sweep stall"])
    totals, waited = Counter(), 0
    for sample, maps in enumerate(trace.input_spikes):
        expected = [swept]
        totals += busy
        for step, bits in enumerate(bits_of(maps, inputs)[1:], 2):
            front, core = (
                encoder(network, mapping, hardware, trace.inputs[sample], step),
                core_of(bits, layer.shape, event),
            )
            expected.append(front.run() + core.run())
            assert front.map == bits
            totals += Counter(sweep=core.count["sweep busy"], stall=core.count["sweep stall"])
            waited += core.count["generator stall"]
        assert timing.step_cycles[sample].tolist() == expected
    units = {name: (busy, stall) for name, busy, stall in timing.busy}
    assert units["sweep"] == (totals["sweep"], totals["stall"])
    assert units["address_generator"][1] == waited
    assert timing.front_cycles == 0


@FEW
@given(runs(spikes=("mac",), schedules=("pipelined",)))
def test_multipliers_sum_input_spikes_behind_the_encoder(run):
    """By the clock: tiles of one step's map, or layer-major of all maps."""
    network, trace, hardware, mapping = run
    mac, layer = hardware.engines.mac, mapping.input_spikes
    maps = network.time_steps - 1 if hardware.order == "layer_major" else 1
    core = Multipliers(
        layer.plan.fetch.tolist(),
        layer.plan.interval.tolist(),
        positions=layer.shape.positions * maps,
        multiply=mac.multiply_cycles,
        overlap=mac.overlap_fetch,
        pipeline=mac.pipeline_depth,
    )
    encoded = encoder(network, mapping, hardware, trace.inputs[0], 2).run()
    sums, swept = core.run() + 1, layer.sweep.words + layer.sweep.depth + 2
    timing = time_layer(mapping, hardware, 1, trace.input_spikes)
    once = maps > 1
    assert timing.front_cycles == (sums if once else 0)
    each = encoded + swept + (0 if once else sums)
    assert timing.step_cycles.tolist() == [[swept] + [each] * (network.time_steps - 1)] * trace.samples


def as_hidden(network, trace):
    """The steps 2 … T of the input spikes as those of a hidden layer of a direct network, behind one that is as large
    as the input and fires them.
    """
    first, steps = network.layers[0], network.time_steps - 1
    source = first.shape.source_shape
    front = LayerShape("front", "conv3d", (1, *source[1:]), source[0], (1, 1, 1))
    kind = replace(first.neuron, kind=LIF, leak=0, threshold=5)
    weight = np.ones((source[0], 1, 1, 1, 1), first.weight.dtype)
    shapes = (front, *network.architecture.layers)
    behind = IntegerNetwork(
        Architecture("hidden", front.source_shape, shapes),
        replace(network.input, mean=np.zeros(source[1]), deviation=np.ones(source[1])),
        (replace(first, shape=front, weight=weight, neuron=kind), *network.layers),
        steps,
        DIRECT,
        network.leak_fraction_bits,
        network.leak_rounding,
    )
    maps = (trace.input_spikes[:, 1:], *(spikes[:, 1:] for spikes in trace.spikes))
    zeros = np.zeros(len(behind.layers), np.int64)
    lows = {"membrane_low": zeros, "membrane_high": zeros, "saturations": zeros}
    numerics = (trace.numerics[0], *trace.numerics)
    inputs = trace.inputs[:, :1]
    return behind, replace(trace, inputs=inputs, spikes=maps, input_spikes=None, numerics=numerics, **lows)


@FEW
@given(runs(schedules=("pipelined",), skipping=False))
def test_input_spikes_cost_what_they_would_in_front_of_a_hidden_layer(run):
    """Two engines: beside the encoder and step 1's sweep, all that an engine does is what it does anywhere."""
    network, trace, hardware, mapping = run
    engine = mapping.input_spikes.engine
    assume(engine != mapping.layers[0].engine)
    hidden, maps = as_hidden(network, trace)
    name = network.layers[0].name
    content = hardware.to_dict()
    content["layers"] |= {"first": "mac", "input_spikes": "auto", "by_name": {name: engine}}
    placed = from_dict(content)
    found = schedule(trace, network, mapping, hardware).layers[1]
    twin = schedule(maps, hidden, map_model(hidden, placed), placed).layers[1]
    samples, later = trace.samples, network.time_steps - 1
    words, neurons = mapping.input_spikes.sweep.words, network.layers[0].shape.neurons
    inputs = int(np.prod(network.architecture.input_shape))
    encoded = encoder(network, mapping, hardware, trace.inputs[0], 2)
    cycles = encoded.run()
    units, others = dict(found.units), dict(twin.units)
    assert units.pop("encoder").busy == encoded.count["reads"] * later * samples
    sweep, stalls = samples * words, units["sweep"].stall - others["sweep"].stall
    assert units["sweep"].busy == others["sweep"].busy + sweep
    assert (
        found.cycles == twin.cycles + samples * (later * cycles + words + mapping.input_spikes.sweep.depth + 2) + stalls
    )
    for unit in units.keys() - {"sweep", "membrane_port"}:
        assert (units[unit].busy, units[unit].stall) == (others[unit].busy, others[unit].stall)
    assert (found.accumulates, found.input_spikes) == (twin.accumulates, twin.input_spikes)
    assert found.input_spikes == inputs * samples
    more = totals_of(found)
    more.subtract(totals_of(twin))
    extra = {("input_memory", "read"): encoded.count["reads"], ("packer", "pack"): encoded.count["packed"]}
    extra |= {("spike_memory", "write"): encoded.count["writes"], ("neuron", "compare"): encoded.count["compared"]}
    expected = Counter({key: count * later * samples for key, count in extra.items()})
    expected.update(first_sweep(network, samples, words, hardware))
    wide = {plan.component: plan.wide for plan in memories(mapping)}
    leak = ("neuron", "leak"), ("neuron", "shift_leak")
    spikes = found.output_spikes - twin.output_spikes
    for key in {*more, *expected} - {*leak}:
        want = expected[key] + (spikes if key == ("neuron", "reset") else 0)
        assert more[key] == want * wide.get(key[0], 1), key
    assert sum(more[key] for key in leak) in (0, neurons * samples, 2 * neurons * samples)


def first_sweep(network, samples, words, hardware):
    """What the sweep of step 1 counts, per word and per neuron."""
    layer = network.layers[0]
    found = Counter(
        {
            ("membrane_memory", "read"): words,
            ("membrane_memory", "write"): words,
            ("current_memory", "read"): words,
            ("neuron", "integrate"): layer.shape.neurons,
            ("neuron", "compare"): layer.shape.neurons,
            ("packer", "pack"): words,
            ("spike_memory", "write"): -(-layer.shape.neurons // hardware.engines.event.scan_width),
        }
    )
    return Counter({key: count * samples for key, count in found.items()})


def totals_of(record):
    found = Counter()
    for one in record.actions:
        found[one.component, one.action] += one.count
    return found


def memories(mapping):
    """Every buffer of the first layer's records."""
    for layer in mapping.records[:2]:
        held = layer.memories
        yield from (plan for plan in (held.source, held.membrane, held.current, held.target) if plan is not None)


def gated_twin(layer, events, fired, steps):
    """(additions, neurons) of lanes with nothing to do in one sample: every event, target and channel, one by one.

    ``events`` and ``fired`` are lists of bits by step.
    """
    targets, channels = reached_outputs(layer.shape)
    _, height, width = layer.shape.out_size
    adds = neurons = 0
    before = [0] * layer.shape.neurons
    for step in range(steps):
        for event in (number for number, bit in enumerate(events[step]) if bit):
            for d, h, w in targets[event // channels]:
                position = (d * height + h) * width + w
                for channel in range(layer.shape.out_channels):
                    adds += before[position * layer.shape.out_channels + channel]
        neurons += sum(before)
        before = [max(pair) for pair in zip(before, fired[step], strict=True)]
    return adds, neurons


def check_left_out(network, trace, hardware):
    """Against the machine that skips nothing: cycles, units and memories stay, the arithmetic of gated lanes goes.

    Returns how often each action was left out.
    """
    content = hardware.to_dict()
    for engine in content["engines"].values():
        engine["skip_fired"] = False
    busy, mapping = from_dict(content), map_model(network, hardware)
    skipping = schedule(trace, network, mapping, hardware)
    whole = schedule(trace, network, map_model(network, busy), busy)
    assert (skipping.latency_cycles, skipping.total_cycles) == (whole.latency_cycles, whole.total_cycles)
    assert skipping.layers[0] == whole.layers[0]
    all_left_out = Counter()
    for record, layer in enumerate(network.layers, 1):
        ours, theirs = skipping.layers[record], whole.layers[record]
        assert (ours.cycles, ours.units) == (theirs.cycles, theirs.units)
        left_out = totals_of(theirs)
        left_out.subtract(totals_of(ours))
        engine = hardware.engines.named(ours.engine)
        adds = neurons = 0
        if engine.skip_fired and layer.neuron.kind == SINGLE_SPIKE:
            inputs = int(np.prod(layer.shape.source_shape))
            for sample in range(trace.samples):
                events = bits_of(in_front(trace, record)[sample], inputs)
                fired = bits_of(trace.spikes[record - 1][sample], layer.shape.neurons)
                found = gated_twin(layer, events, fired, network.time_steps)
                adds, neurons = adds + found[0], neurons + found[1]
        scatters = ours.engine == "event" and engine.dataflow == "scatter"
        placed = mapping.records[record]
        expected = Counter({("neuron", "compare"): neurons})
        expected["lane", "accumulate"] = adds if scatters else 0
        expected["neuron", "integrate"] = 0 if scatters else neurons
        expected["correction", "add"] = neurons if ours.engine == "event" and layer.zero_point else 0
        leak = ("neuron", "shift_leak" if placed.leak_terms else "leak")
        expected[leak] = neurons * (placed.leak_terms or bool(placed.leak_bits))
        assert +left_out == +expected
        assert theirs.accumulates - ours.accumulates == expected["lane", "accumulate"]
        all_left_out.update(+left_out)
    return all_left_out


@FEW
@given(runs())
def test_lanes_of_neurons_that_have_fired_are_left_out_one_by_one(run):
    network, trace, hardware, _ = run
    check_left_out(network, trace, hardware)


@pytest.mark.parametrize("leak", ["multiplier", "shifts"])
@pytest.mark.parametrize(
    ("engine", "dataflow", "saved"),
    [
        ("event", "scatter", {("lane", "accumulate"), ("correction", "add")}),
        ("event", "gather", {("neuron", "integrate"), ("correction", "add")}),
        ("mac", "scatter", {("neuron", "integrate")}),
        ("pim", "scatter", {("neuron", "integrate")}),
    ],
)
def test_every_action_that_a_gated_lane_saves_is_saved(engine, dataflow, saved, leak):
    """Where all neurons fire early, so that none of what could be left out is 0 by chance."""
    network = made_network()
    changes = {f"engines__{name}__skip_fired": True for name in ("pim", "mac", "event")}
    changes |= {f"engines__{name}__leak": leak for name in ("pim", "mac", "event")}
    hardware = chip("mac", engine, layers__others=engine, engines__event__dataflow=dataflow, **changes)
    trace = trace_of(network, np.random.default_rng(0), 2, 0.5)
    left_out = check_left_out(network, trace, hardware)
    leaks = ("neuron", "leak" if leak == "multiplier" else "shift_leak")
    assert left_out.keys() == {("neuron", "compare"), leaks, *saved}


@FEW
@given(runs())
def test_a_shared_machine_works_in_turn_and_a_pipeline_stage_by_stage(run):
    """An engine for both phases is one stage; two engines are two, of which the first works on the next sample."""
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    names = [network.layers[0].name, network.layers[0].name + SPIKES_SUFFIX]
    assert [layer.layer for layer in activity.layers[:2]] == names
    for layer in activity.layers:
        assert all(unit.total == layer.cycles and min(unit.busy, unit.stall, unit.idle) >= 0 for _, unit in layer.units)
        assert 0 < layer.utilization <= 1 or layer.accumulates == 0
    assert len(activity.clocked_cycles) == len(activity.storage)
    named, unit = activity.bottleneck.rsplit(".", 1)
    assert unit in dict(next(one for one in activity.layers if one.layer == named).units)
    work = sum(layer.cycles for layer in activity.layers)
    if hardware.schedule == "shared":
        assert activity.total_cycles == work
        assert activity.latency_cycles == activity.interval_cycles == work / trace.samples
        return
    timings = [time_layer(mapping, hardware, one, in_front(trace, one)) for one in range(len(mapping.records))]
    steps, sums = network.time_steps, timings[0].front_cycles
    service = [timing.step_cycles.reshape(-1).tolist() for timing in timings[1:]]
    for line, timing in zip(
        service, timings[1:], strict=True
    ):  # sums of all steps at once, in front of what sweeps them
        for sample in range(trace.samples):
            line[sample * steps + 1] += timing.front_cycles
    together = steps if hardware.order == "layer_major" else 1
    apart = mapping.input_spikes.engine != mapping.layers[0].engine
    if not apart:
        service[0] = [cycles + (sums if g % steps == 0 else 0) for g, cycles in enumerate(service[0])]
    ends = pipeline_ends([line + line for line in service], sums if apart else 0, steps, together)
    assert activity.total_cycles == ends[trace.samples - 1]
    assert activity.interval_cycles == (ends[-1] - ends[trace.samples - 1]) / trace.samples
    assert stages(timings, mapping)[0].cycles == timings[0].cycles + timings[1].cycles


@FEW
@given(runs(skipping=False))
def test_every_input_fires_once_and_samples_add_up(run):
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    codes, spikes, *others = activity.layers
    inputs = int(np.prod(network.architecture.input_shape))
    assert spikes.input_spikes == inputs * trace.samples
    assert (codes.input_spikes, codes.output_spikes, codes.neurons, spikes.dense_macs) == (0, 0, 0, 0)
    assert codes.accumulates == codes.dense_macs == network.layers[0].shape.macs * trace.samples
    assert spikes.output_spikes == others[0].input_spikes == int(unpacked(trace, network, 0).sum())
    if spikes.engine == "event":
        targets, channels = reached_outputs(network.layers[0].shape)
        reached = sum(len(targets[number // channels]) for number in range(inputs)) * trace.samples
        assert spikes.accumulates == reached * network.layers[0].shape.out_channels
    else:
        assert spikes.accumulates == codes.dense_macs * (network.time_steps - 1)
    alone = [schedule(single(trace, one), network, mapping, hardware) for one in range(trace.samples)]
    for record, layer in enumerate(activity.layers):
        summed = Counter()
        for one in alone:
            summed.update(totals_of(one.layers[record]))
        assert +summed == totals_of(layer)
        assert layer.cycles == sum(one.layers[record].cycles for one in alone)
        for name, unit in layer.units:  # but for the port of the busiest bank, which may be another one in each
            together = [dict(one.layers[record].units)[name] for one in alone]
            if name != "membrane_port":
                assert (unit.busy, unit.stall) == (sum(u.busy for u in together), sum(u.stall for u in together))
    width = {"event": hardware.engines.event.lanes, "mac": hardware.engines.mac.multipliers}
    for layer in (one for one in (codes, spikes) if one.engine in width):
        assert layer.utilization == pytest.approx(layer.accumulates / (layer.cycles * width[layer.engine]))


@FEW
@given(runs(hybrid=False, skipping=False))
def test_a_timed_classifier_compares_in_every_step_and_takes_its_time_off_once(run):
    network, trace, hardware, _ = run
    readouts = [Counter(), Counter()]
    for counts, kind in zip(readouts, (ACCUMULATE, TIMED), strict=True):
        neuron = replace(network.layers[-1].neuron, kind=kind, threshold=0, time_weight=0)
        other = replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], neuron=neuron)))
        found = schedule(trace, other, map_model(other, hardware), hardware)
        counts.update(totals_of(found.layers[-1]))
        counts["cycles"] = found.layers[-1].cycles
    plain, timed = readouts
    timed.subtract(plain)
    classes = network.classes * trace.samples
    late = {("neuron", "compare"): classes * network.time_steps, ("neuron", "integrate"): classes}
    changed = {key: count for key, count in timed.items() if count and "memory" not in key[0]}
    assert changed == late


@FEW
@given(st.data())
def test_hybrid_networks_share_a_trace_among_machines(data):
    network, trace, *_ = data.draw(runs())
    rescheduler = Rescheduler(trace, network)
    machines = [
        chip(first, spikes, engines__event__skip_fired=skip, engines__event__dataflow=flow)
        for first, spikes, (skip, flow) in product(
            ["pim", "mac"], ["pim", "mac", "event"], [(False, "scatter"), (True, "scatter"), (True, "gather")]
        )
    ]
    for hardware in data.draw(st.lists(st.sampled_from(machines), min_size=2, max_size=5)):
        try:
            mapping = map_model(network, hardware)
        except MappingError:
            continue
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, network, mapping, hardware)


def test_input_spikes_are_scanned_once_for_machines_that_scan_alike():
    """Whatever forms the sums of codes: three records are on the event core, input spikes and two layers."""
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 2, 0.2)
    rescheduler = Rescheduler(trace, network)
    for number, (first, skips) in enumerate([("pim", False), ("mac", False), ("mac", True)]):
        hardware = chip(first, "event", engines__event__skip_fired=skips)
        mapping = map_model(network, hardware)
        assert rescheduler.schedule(mapping, hardware) == schedule(trace, network, mapping, hardware)
        assert rescheduler.reuse == Reuse(computed=3, reused=3 * number)


@pytest.mark.parametrize("engine", ["event", "mac", "pim"])
def test_what_an_encoder_counts_by_hand(engine):
    # 72 codes of 6 bits over a port of 16: 5 words, each a packed word of 16 bits; maps of 3 steps and 2 samples are 6.
    # Both bounds of every code are compared; 72 bits are 2 words of 64. Nothing else writes the map.
    network = made_network()
    lanes = {"engines__event__lanes": 42} | {f"engines__{one}__neuron_lanes": 42 for one in ("pim", "mac")}
    hardware = chip("mac", engine, engines__mac__input_port_codes=16, memories__macro_width_bits=96, **lanes)
    trace, mapping = trace_of(network, np.random.default_rng(0), 2, 0.2), map_model(network, hardware)
    spikes = schedule(trace, network, mapping, hardware).layers[1]
    found = {(one.component, one.action, one.bits): one.count for one in spikes.actions}
    assert found["neuron", "compare", 6] == 2 * 72 * 6
    assert found["packer", "pack", 16] == 5 * 6
    assert found["input_memory", "read", 96] == 5 * 6
    # the neurons of all four steps besides: 24 comparisons of sums of 32 bits, 6 words of up to 42, which are 1 of 64
    assert found["neuron", "compare", 32] == 24 * 4 * 2
    assert found["packer", "pack", 42] == 6 * 4 * 2
    assert found["spike_memory", "write", 64] == 2 * 6 + 1 * 4 * 2


@pytest.mark.parametrize(
    ("first", "spikes", "lanes", "cycles", "bottleneck"),
    [
        ("mac", "mac", 1, (90, 390, 477), "conv1:spikes.loader"),  # one engine is one stage, of 480 cycles
        ("pim", "event", 5, (610, 516, 185), "conv1.adc"),  # of two engines each is a stage
        ("mac", "event", 5, (90, 492, 185), "conv1:spikes.address_generator"),
    ],
)
def test_the_slowest_stage_of_a_pipeline_may_be_both_phases_together(first, spikes, lanes, cycles, bottleneck):
    changes = {"engines__event__lanes": lanes, "engines__mac__multipliers": 28}
    hardware = chip(first, spikes, schedule="pipelined", layers__others="event", **changes)
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 2, 0.5)
    found = schedule(trace, network, map_model(network, hardware), hardware)
    assert tuple(layer.cycles for layer in found.layers[:3]) == cycles
    assert found.bottleneck == bottleneck


def test_an_encoder_by_hand():
    # 5 codes over a port of 2: words in cycles 0 … 2, compared in 1 … 3, so that bits 0 and 1 are packed at the end of
    # cycle 1, 2 and 3 of cycle 2, the last one of cycle 3; words of 4 bits are written in 3 and, the rest, in 4; seen
    # empty in 5: 6 cycles, 3 + 3.
    naive = Encoder([1, 0, 1, 1, 1], lambda code: code, port=2, width=4)
    assert (naive.run(), naive.map, naive.count["writes"]) == (6, [1, 0, 1, 1, 1], 2)
