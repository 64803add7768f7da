"""Scatter against gather on whole machines: what each reads and writes, and where the one becomes cheaper."""

from __future__ import annotations

import numpy as np
import pytest
from counting import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine, rates, trace_of
from strategies import networks
from test_schedule import replaced

from pimsim.mapping import map_model
from pimsim.mapping.fields import field_words
from pimsim.simulation import schedule

FEW = settings(max_examples=25)


def scheduled(network, trace, hardware):
    return schedule(trace, network, map_model(network, hardware), hardware)


@st.composite
def pairs(draw):
    """(network, samples and steps, scatter, gather): two cores that differ in their dataflow only."""
    network = draw(networks())
    changes = draw(event_settings) | {"engines__event__forwarding": True}
    changes["engines__event__pipeline_depth"] = max(2, changes["engines__event__pipeline_depth"])
    changes["schedule"] = draw(st.sampled_from(["shared", "pipelined"]))
    trace = trace_of(network, np.random.default_rng(draw(st.integers(0, 999))), 2, draw(rates))
    gather = machine("digital45nm", **changes | {"engines__event__dataflow": "gather"})
    return network, trace, replaced(gather, dataflow="scatter"), gather


@FEW
@given(pairs())
def test_both_dataflows_add_the_same_weights_and_touch_membranes_as_often_as_they_must(pair):
    network, trace, *machines = pair
    steps = trace.samples * network.time_steps
    mapping = map_model(network, machines[1])
    scatter, gather = (scheduled(network, trace, hardware) for hardware in machines)
    for index, layer in enumerate(mapping.layers[1:], 1):
        one, two = scatter.layers[index], gather.layers[index]
        assert one.accumulates == two.accumulates == counted(two, "lane", "accumulate")
        assert (one.input_spikes, one.output_spikes) == (two.input_spikes, two.output_spikes)
        assert counted(one, "weight_memory", "read") == counted(two, "weight_memory", "read")
        # Once per neuron word and step, whatever the spikes.
        swept = layer.sweep.words * steps * layer.memories.membrane.wide
        assert counted(two, "membrane_memory", "read") == counted(two, "membrane_memory", "write") == swept
        assert counted(two, "neuron", "integrate") == layer.shape.neurons * steps
        # Every sum is taken and cleared once per step; with a zero point the position's count is so too.
        kept = two.accumulates + layer.shape.neurons * steps
        if layer.operands.weight_zero:
            kept += counted(two, "correction", "count") + layer.shape.positions * steps
        assert counted(two, "accumulator", "read") == counted(two, "accumulator", "write") == kept
        assert counted(two, "count_memory", "read") == counted(one, "accumulator", "read") == 0
        reads = len(field_words(layer.shape, machines[1].engines.event.scan_width).word)
        assert counted(two, "scanner", "load") == reads * steps
        assert counted(two, "fifo", "push") == counted(two, "fifo", "pop")


@FEW
@given(pairs())
def test_the_bottleneck_of_a_busy_port_is_the_port(pair):
    network, trace, scatter, _ = pair
    one_bank = replaced(scatter, membrane_ports=1, membrane_banks=1)
    activity = scheduled(network, trace, one_bank)
    for found in activity.layers[1:]:
        units = dict(found.units)
        # The only port of the only bank serves two accesses per beat and per word of the sweep.
        assert units["membrane_port"].busy == 2 * (units["lanes"].busy + units["sweep"].busy)
        assert units["membrane_port"].stall == 0
        assert units["membrane_port"].busy <= found.cycles


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3, 1.0])
def test_gather_touches_fewer_membranes_once_there_are_spikes_and_reads_more_of_them_at_any_rate(rate):
    # In a silent step both sweep every word. A spike costs scatter a read and a write per target word, gather none;
    # but gather reads the words of the map once for every field that they are in.
    network, rng = made_network(), np.random.default_rng(0)
    trace = trace_of(network, rng, 4, rate)
    hardware = machine("digital45nm", engines__event__scan_width=8)
    words, scans = [], []
    for changed in (hardware, replaced(hardware, dataflow="gather")):
        mapping = map_model(network, changed)
        found = schedule(trace, network, mapping, changed).layers[1]
        accesses = counted(found, "membrane_memory", "read") + counted(found, "membrane_memory", "write")
        words.append(accesses // mapping.layers[1].memories.membrane.wide)
        scans.append(counted(found, "spike_memory", "read"))
    assert words[0] == words[1] if rate == 0.0 else words[0] > words[1]
    assert scans[0] < scans[1]


@FEW
@given(pairs(), st.sampled_from(["fifo_depth", "membrane_ports", "forwarding", "pipeline_depth"]))
def test_on_whole_machines_too_more_hardware_never_costs_a_cycle(pair, knob):
    network, trace, *machines = pair
    for hardware in machines:
        event, gathers = hardware.engines.event, hardware.engines.event.dataflow == "gather"
        if knob == "membrane_ports":  # any machine with one port, against the same with two
            less, more = replaced(hardware, membrane_ports=1), replaced(hardware, membrane_ports=2)
        elif knob == "forwarding" and not gathers:
            more = replaced(hardware, membrane_ports=2)
            less = replaced(more, forwarding=False)
        elif knob == "pipeline_depth":
            more = replaced(hardware, membrane_ports=2, forwarding=gathers)
            less = replaced(more, pipeline_depth=event.pipeline_depth + 3)
        else:
            less = replaced(hardware, membrane_ports=2)
            more = replaced(less, fifo_depth=event.fifo_depth + 3)
        slow, fast = scheduled(network, trace, less), scheduled(network, trace, more)
        assert fast.total_cycles <= slow.total_cycles
        assert fast.latency_cycles <= slow.latency_cycles
        assert all(one.cycles <= two.cycles for one, two in zip(fast.layers, slow.layers, strict=True))
