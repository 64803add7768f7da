"""Whole machines over random networks: invariants, brute-force counts, and independence of threads."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from counting import counted, total
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine, rates, trace_of, unpacked
from naive_event import reached_outputs
from naive_schedule import pipeline_ends
from strategies import networks

from pimsim.activity.actions import CATALOGUE
from pimsim.errors import TraceError
from pimsim.hardware.load import from_dict
from pimsim.mapping import map_model
from pimsim.model.network import IntegerNetwork
from pimsim.model.windows import arrange, windows
from pimsim.simulation import schedule
from pimsim.simulation.schedule_parallel import LEAST_ROWS

FEW = settings(max_examples=25)
"""Whole machines are slow to draw and to check by brute force."""

FILES = ("pim45nm", "pim45nm_bitserial", "digital45nm", "gather45nm", "ann45nm")


@st.composite
def runs(draw, *, name=None):
    """(network, trace, hardware, mapping) of any organisation."""
    network = draw(networks())
    chosen = name or draw(st.sampled_from(FILES))
    changes = {
        "schedule": draw(st.sampled_from(["shared", "pipelined"])),
        "order": draw(st.sampled_from(["step_major", "layer_major"])),
        "clock_gating": draw(st.sampled_from(["none", "units"])),
    }
    if chosen != "ann45nm":
        changes |= draw(event_settings)
    hardware = machine(chosen, **changes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    trace = trace_of(network, rng, draw(st.integers(1, 3)), draw(rates))
    return network, trace, hardware, map_model(network, hardware)


def replaced(hardware, **changes):
    """The same machine with another event core."""
    return from_dict(hardware.to_dict(), overrides={f"engines.event.{key}": value for key, value in changes.items()})


@FEW
@given(runs())
def test_every_unit_is_busy_stalled_or_idle_in_every_cycle_of_its_layer(run):
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    for layer in activity.layers:
        for _, unit in layer.units:
            assert unit.total == layer.cycles
            assert min(unit.busy, unit.stall, unit.idle) >= 0
        assert 0 < layer.utilization <= 1 or layer.accumulates == 0


@FEW
@given(runs())
def test_every_action_is_in_the_catalogue_with_the_widths_it_announces(run):
    network, trace, hardware, mapping = run
    for layer in schedule(trace, network, mapping, hardware).layers:
        for one in layer.actions:
            definition = CATALOGUE[one.component, one.action]
            assert one.count > 0
            for field in ("bits", "second_bits", "capacity_bits"):
                assert bool(getattr(definition, field)) == (getattr(one, field) > 0)


@FEW
@given(runs(name="digital45nm"))
def test_accumulates_are_the_outputs_that_the_spikes_reach(run):
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    for index, layer in enumerate(network.layers[1:], 1):
        targets, channels = reached_outputs(layer.shape)
        spikes = unpacked(trace, network, index - 1).sum(axis=(0, 1))
        reached = sum(int(n) * len(targets[i // channels]) for i, n in enumerate(spikes))
        found = activity.layers[index]
        assert found.accumulates == reached * layer.shape.out_channels
        assert found.accumulates == counted(found, "lane", "accumulate")
        assert found.input_spikes == int(spikes.sum())
        gathers = hardware.engines.event.dataflow == "gather"
        assert counted(found, "scanner", "encode") == (reached if gathers else found.input_spikes)
        marks = counted(found, "fifo", "push") - counted(found, "scanner", "encode")
        assert 0 <= marks <= (layer.shape.positions * trace.samples * network.time_steps if gathers else 0)
        assert counted(found, "correction", "count") == (reached if layer.zero_point else 0)
        behind = activity.layers[index + 1].input_spikes if index + 1 < len(network.layers) else 0
        assert found.output_spikes == behind


@FEW
@given(runs())
def test_dense_layers_multiply_every_weight_at_every_position(run):
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    for index, (layer, found) in enumerate(zip(network.layers, activity.layers, strict=True)):
        assert found.dense_macs == layer.shape.macs * trace.samples
        if found.engine == "mac":
            passes = 1 if index == 0 or hardware.network == "iso_cnn" else network.time_steps
            assert found.accumulates == found.dense_macs * passes == counted(found, "mac", "multiply")


@FEW
@given(runs(name="pim45nm_bitserial"))
def test_word_lines_are_driven_for_the_ones_among_the_input_bits(run):
    network, trace, hardware, mapping = run
    layer, zero = network.layers[0], network.input.zero_point
    codes = np.moveaxis(trace.inputs, 1, -1).astype(np.int64)[:, None]
    columns = windows(arrange(codes, layer.shape), layer.shape, fill=zero)
    column_tiles = len({tile.output for tile in mapping.layers[0].plan.tiles})
    activity = schedule(trace, network, mapping, hardware)
    assert total(activity, "row_driver", "pulse") == int(np.bitwise_count(columns).sum()) * column_tiles


@FEW
@given(st.data())
def test_a_crossbar_under_hidden_layers_sees_pooled_spikes(data):
    network = data.draw(networks())
    hardware = machine("pim45nm_bitserial", layers__others="pim")
    trace = trace_of(network, np.random.default_rng(data.draw(st.integers(0, 99))), 2, 0.3)
    activity = schedule(trace, network, map_model(network, hardware), hardware)
    for index, layer in enumerate(network.layers[1:], 1):
        depth, height, width = layer.shape.source_shape[1:]
        spikes = unpacked(trace, network, index - 1).astype(np.int64)
        signal = spikes.reshape(*spikes.shape[:2], depth, height, width, layer.shape.source_shape[0])
        columns = windows(arrange(signal, layer.shape), layer.shape, fill=0)
        tiles = len({tile.output for tile in map_model(network, hardware).layers[index].plan.tiles})
        assert counted(activity.layers[index], "row_driver", "pulse") == int(np.bitwise_count(columns).sum()) * tiles


@FEW
@given(runs())
def test_sweeps_touch_every_neuron_in_every_step(run):
    network, trace, hardware, mapping = run
    if hardware.network == "iso_cnn":
        return
    activity = schedule(trace, network, mapping, hardware)
    passes = trace.samples * network.time_steps
    for layer, found in zip(network.layers[:-1], activity.layers, strict=False):
        assert counted(found, "neuron", "compare") == layer.shape.neurons * passes
        fired = found.output_spikes if layer.neuron.kind in ("lif", "if") else 0
        assert counted(found, "neuron", "reset") == fired
    assert counted(activity.layers[-1], "neuron", "compare") == network.classes * trace.samples


@FEW
@given(runs())
def test_a_shared_machine_adds_the_layers_up_and_a_pipeline_overlaps_them(run):
    network, trace, hardware, mapping = run
    activity = schedule(trace, network, mapping, hardware)
    work = sum(layer.cycles for layer in activity.layers)
    slowest = max(layer.cycles for layer in activity.layers[1:])  # the first layer's sums overlap its sweeps
    if hardware.schedule == "shared":
        assert activity.total_cycles == work
        assert activity.latency_cycles == activity.interval_cycles == work / trace.samples
    else:
        assert slowest <= activity.total_cycles <= work
        assert activity.interval_cycles <= activity.latency_cycles <= activity.total_cycles
    layer, unit = activity.bottleneck.rsplit(".", 1)
    assert unit in dict(next(one for one in activity.layers if one.layer == layer).units)


@pytest.mark.parametrize("order", ["step_major", "layer_major"])
def test_the_steady_state_of_a_pipeline_is_that_of_a_second_round(order):
    network = made_network()
    hardware = machine("digital45nm", schedule="pipelined", order=order)
    trace = trace_of(network, np.random.default_rng(3), 4, 0.2)
    mapping = map_model(network, hardware)
    activity = schedule(trace, network, mapping, hardware)
    front, service = _service(trace, network, mapping, hardware)
    steps = network.time_steps
    together = steps if order == "layer_major" else 1
    ends = pipeline_ends([line + line for line in service], front, steps, together)
    alone = [
        pipeline_ends([line[n * steps : (n + 1) * steps] for line in service], front, steps, together)[0]
        for n in range(4)
    ]
    assert activity.latency_cycles == sum(alone) / 4
    assert activity.total_cycles == ends[3]
    assert activity.interval_cycles == (ends[7] - ends[3]) / 4


def _service(trace, network, mapping, hardware):
    """Cycles of the first layer's sums, and of every layer and step, from runs of single samples and steps."""
    per_layer = [[] for _ in network.layers]
    lone = IntegerNetwork(network.architecture, network.input, network.layers, 1)
    for sample, step in product(range(trace.samples), range(network.time_steps)):
        one = trace_of(lone, np.random.default_rng(0), 1, 0.0)
        spikes = tuple(maps[sample : sample + 1, step : step + 1] for maps in trace.spikes)
        one = type(one)(**{**one.__dict__, "spikes": spikes})
        activity = schedule(one, lone, map_model(lone, hardware), hardware)
        for line, layer in zip(per_layer, activity.layers, strict=True):
            line.append(layer.cycles)
    first = mapping.layers[0].sweep
    sweep = first.words + first.depth + 2
    front = per_layer[0][0] - sweep
    return front, [[sweep] * len(per_layer[0]), *per_layer[1:]]


@FEW
@given(runs(name="pim45nm"), st.integers(1, 8))
def test_more_lanes_never_take_more_cycles(run, more):
    network, trace, hardware, _ = run
    # With one port cycles are forbidden, not only bounded: docs/microarchitecture.md §4.9.
    hardware = replaced(hardware, membrane_ports=2)
    wider = replaced(hardware, lanes=hardware.engines.event.lanes + more)
    base = schedule(trace, network, map_model(network, hardware), hardware)
    wide = schedule(trace, network, map_model(network, wider), wider)
    assert wide.total_cycles <= base.total_cycles
    for narrow_layer, wide_layer in zip(base.layers, wide.layers, strict=True):
        assert wide_layer.cycles <= narrow_layer.cycles


@settings(max_examples=5)
@given(st.integers(0, 99))
def test_the_result_does_not_depend_on_the_number_of_threads(seed):
    network = made_network()
    hardware = machine("pim45nm")
    samples = 3 * LEAST_ROWS // network.time_steps  # enough that three threads share the work
    trace = trace_of(network, np.random.default_rng(seed), samples, 0.1)
    mapping = map_model(network, hardware)
    once = schedule(trace, network, mapping, hardware, threads=1)
    assert all(schedule(trace, network, mapping, hardware, threads=n) == once for n in (2, 3, 8))


def test_one_sample_more_adds_exactly_its_own_cycles_and_actions():
    network, hardware = made_network(), machine("pim45nm_bitserial")
    mapping = map_model(network, hardware)
    trace = trace_of(network, np.random.default_rng(1), 3, 0.2)
    parts = [
        type(trace)(
            **{
                **trace.__dict__,
                "inputs": trace.inputs[part],
                "spikes": tuple(maps[part] for maps in trace.spikes),
                "outputs": trace.outputs[part],
                "labels": trace.labels[part],
            }
        )
        for part in (slice(0, 3), slice(0, 2), slice(2, 3))
    ]
    whole, first, rest = (schedule(part, network, mapping, hardware) for part in parts)
    assert whole.total_cycles == first.total_cycles + rest.total_cycles
    for one, two, three in zip(whole.layers, first.layers, rest.layers, strict=True):
        summed = {}
        for action in (*two.actions, *three.actions):
            key = (action.component, action.action, action.bits, action.second_bits, action.capacity_bits)
            summed[key] = summed.get(key, 0) + action.count
        assert {(a.component, a.action, a.bits, a.second_bits, a.capacity_bits): a.count for a in one.actions} == summed
        assert dict(one.units) == {name: unit + dict(three.units)[name] for name, unit in two.units}


def test_a_cnn_costs_the_same_for_every_input():
    network, hardware = made_network(), machine("ann45nm")
    mapping = map_model(network, hardware)
    loud = schedule(trace_of(network, np.random.default_rng(0), 2, 1.0), network, mapping, hardware)
    silent = schedule(trace_of(network, np.random.default_rng(1), 2, 0.0), network, mapping, hardware)
    assert loud == silent
    assert mapping.steps == 1
    assert all(layer.input_spikes == layer.output_spikes == 0 for layer in loud.layers)


def test_a_trace_of_another_network_is_refused_by_the_array_that_differs():
    network, hardware = made_network(), machine("pim45nm")
    trace = trace_of(network, np.random.default_rng(0), 2, 0.1)
    other = type(trace)(**{**trace.__dict__, "spikes": (trace.spikes[0][:, :, :-1], trace.spikes[1])})
    with pytest.raises(TraceError, match='spikes of layer "conv1"'):
        schedule(other, network, map_model(network, hardware), hardware)
    other = type(trace)(**{**trace.__dict__, "inputs": trace.inputs[:, :, :-1]})
    with pytest.raises(TraceError, match="trace inputs have shape"):
        schedule(other, network, map_model(network, hardware), hardware)
