"""One inference over its cycles: what its signals add up to, on whole machines of any organisation."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import made_hybrid
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_crossbar import build, choices
from made_inputs import network as made_network
from made_trace import machine, rates, trace_of
from strategies import networks
from test_schedule import runs
from test_schedule_hybrid import chip
from test_schedule_hybrid import runs as hybrid_runs

from pimsim.errors import MappingError, TraceError
from pimsim.mapping import map_model
from pimsim.simulation import schedule
from pimsim.simulation.schedule_encoder import encoder_cycles
from pimsim.simulation.timeline import timeline
from pimsim.simulation.timeline_encoder import encoder_waves
from pimsim.traces import single

FEW = settings(max_examples=40)

SHOWN = {"scanner", "fifo", "address_generator", "lane", "accumulator", "neuron", "packer", "correction", "pool", "mac"}
SHOWN |= {f"{name}_memory" for name in ("input", "weight", "membrane", "current", "count", "spike", "activation")}
SHOWN |= {"row_register", "pim_array", "row_driver", "dac", "column", "analog_column", "adc", "shift_add"}
"""Components whose actions have a signal."""


def totals(line):
    """Layer and signal → sum over all cycles."""
    found = Counter()
    for phase in line.phases:
        for wave in phase.waves():
            assert wave.cycles.size == 0 or 0 <= wave.cycles[0] <= wave.cycles[-1] <= phase.cycles
            found[phase.layer, wave.name] += wave.total(phase.cycles)
    return found


def check(network, trace, hardware, mapping, sample):
    """Every unit's cycles and every action of a sample alone are those of its signals."""
    line = timeline(trace, network, mapping, hardware, sample=sample)
    activity = schedule(single(trace, sample), network, mapping, hardware)
    assert line.cycles == activity.latency_cycles
    found = totals(line)
    for index, layer in enumerate(activity.layers):
        assert sum(phase.cycles for phase in line.phases if phase.layer == index) == layer.cycles
        for name, unit in layer.units:
            if name == "membrane_port":
                banks = [total for (owner, signal), total in found.items() if (owner, signal[:5]) == (index, "bank_")]
                assert max(banks) == unit.busy
                continue
            assert (found[index, f"{name}_busy"], found[index, f"{name}_stall"]) == (unit.busy, unit.stall), name
        first = mapping.layers[0] if index == 1 and mapping.input_spikes else None
        check_actions(mapping.records[index], index, layer, found, first)
    return line


ENCODED = {"neuron_compare": "encoder_compare", "packer_pack": "encoder_pack", "spike_memory_write": "encoder_write"}
"""The encoder's signals of actions that sweeps have too."""


def check_actions(placed, index, layer, found, first=None):
    """``first`` forms the sums that the record's sweep of step 1 reads."""
    counts = Counter()
    for one in layer.actions:
        counts[one.component, one.action] += one.count
    memories = (placed.memories.source, placed.memories.membrane, placed.memories.weight, placed.memories.current)
    memories += (first.memories.source, first.memories.current) if first else ()
    wide = {plan.component: plan.wide for plan in (*memories, placed.memories.target, placed.memories.count) if plan}
    for (component, action), count in counts.items():
        if component not in SHOWN or (component, action) == ("input_memory", "write"):
            continue
        if component == "correction" and layer.engine == "mac":  # microarchitecture.md §6 does not say when
            continue
        if component == "current_memory" and layer.engine == "mac":  # counted by macros that are touched
            continue
        name = f"{component}_{action}"
        words = found[index, name] + found[index, ENCODED.get(name, "")]
        if component == "accumulator":
            words += found[index, f"counter_{action}"]
        assert words * wide.get(component, 1) == count, (component, action)


@FEW
@given(runs(), st.data())
def test_signals_add_up_to_the_units_cycles_and_the_actions_of_the_sample(run, data):
    network, trace, hardware, mapping = run
    check(network, trace, hardware, mapping, data.draw(st.integers(0, trace.samples - 1)))


@FEW
@given(hybrid_runs(), st.data())
def test_so_do_those_of_input_spikes_on_any_pair_of_engines(run, data):
    network, trace, hardware, mapping = run
    line = check(network, trace, hardware, mapping, data.draw(st.integers(0, trace.samples - 1)))
    own = [phase for phase in line.phases if phase.layer == 1]
    assert own[0].kind == "sweep"
    encoded = [phase.step for phase in own if phase.kind == "encoder"]
    assert encoded == list(range(1, network.time_steps))
    assert all(a.stop <= b.start for a, b in pairwise(own))


@pytest.mark.parametrize("order", ["step_major", "layer_major"])
@pytest.mark.parametrize("schedule", ["shared", "pipelined"])
@pytest.mark.parametrize("spikes", ["pim", "mac", "event"])
@pytest.mark.parametrize("first", ["pim", "mac"])
def test_and_those_of_every_pair_of_engines_in_every_schedule(first, spikes, schedule, order):
    """Of neurons that fire once and whose lanes are then gated, and a classifier that takes its time off."""
    gated = {f"engines__{name}__skip_fired": True for name in ("pim", "mac", "event")}
    hardware = chip(first, spikes, schedule=schedule, order=order, layers__others=spikes, **gated)
    network = made_hybrid.network()
    trace = trace_of(network, np.random.default_rng(0), 1, 0.5)
    check(network, trace, hardware, map_model(network, hardware), 0)


def test_an_encoder_cycle_by_cycle_by_hand():
    # 72 codes over a port of 16: words of 16, 16, 16, 16 and 8 codes are addressed in cycles 0 … 4 and compared with
    # both bounds in the cycle behind. 64 bits are there at the end of cycle 4, the other 8 of cycle 5: the map's words
    # are written in cycles 5 and 6.
    hardware = machine("digital45nm", engines__mac__input_port_codes=16)
    mapping = map_model(made_hybrid.network(), hardware)
    waves = {wave.name: wave for wave in encoder_waves(mapping.layers[0], mapping.input_spikes)}
    for name, expected in {
        "encoder_busy": [1, 1, 1, 1, 1, 0, 0, 0],
        "input_memory_read": [1, 1, 1, 1, 1, 0, 0, 0],
        "encoder_compare": [0, 32, 32, 32, 32, 16, 0, 0],
        "encoder_pack": [0, 1, 1, 1, 1, 1, 0, 0],
        "encoder_write": [0, 0, 0, 0, 0, 1, 1, 0],
    }.items():
        assert waves[name].dense(8).tolist() == expected, name
    assert encoder_cycles(mapping) == 8


@FEW
@given(networks(), choices(), rates, st.integers(0, 999))
def test_so_do_those_of_crossbars_of_any_organisation(network, chosen, rate, seed):
    hardware = build(chosen)
    try:
        mapping = map_model(network, hardware)
    except MappingError:
        return  # an output's columns do not fit an array
    check(network, trace_of(network, np.random.default_rng(seed), 1, rate), hardware, mapping, 0)


@pytest.mark.parametrize("order", ["step_major", "layer_major"])
@pytest.mark.parametrize("schedule_", ["shared", "pipelined"])
def test_phases_of_an_engine_follow_each_other_and_those_of_a_pipeline_overlap(schedule_, order):
    network = made_network()
    hardware = machine("digital45nm", schedule=schedule_, order=order)
    mapping = map_model(network, hardware)
    line = check(network, trace_of(network, np.random.default_rng(3), 2, 0.3), hardware, mapping, 1)
    assert line.shared == (schedule_ == "shared")
    stops = [phase.stop for phase in line.phases]
    starts = [phase.start for phase in line.phases]
    assert starts == sorted(starts)
    overlaps = any(start < stop for start, stop in zip(starts[1:], stops, strict=False))
    assert overlaps == (schedule_ == "pipelined" and order == "step_major")
    for index in range(len(line.layers)):  # a layer's own ones never do, and every step is there once
        own = [phase for phase in line.phases if phase.layer == index]
        assert all(a.stop <= b.start for a, b in pairwise(own))
        assert [phase.step for phase in own if phase.kind != "sums"] == list(range(network.time_steps))


def test_a_phase_starts_with_start_and_ends_with_done():
    network, hardware = made_network(), machine("digital45nm")
    trace = trace_of(network, np.random.default_rng(0), 1, 0.1)
    line = timeline(trace, network, map_model(network, hardware), hardware)
    for phase in line.phases:
        waves = {wave.name: wave.dense(phase.cycles) for wave in phase.waves() if wave.unit == "core"}
        assert np.flatnonzero(waves["start"]).tolist() == [0]
        assert np.flatnonzero(waves["done"]).tolist() == [phase.cycles - 1]
        assert waves["busy"].all()
        assert set(waves["step"].tolist()) == {0 if phase.step is None else phase.step + 1}
        assert ("last" in waves) == (phase.step == network.time_steps - 1)


@pytest.mark.parametrize("sample", [-1, 2])
def test_a_sample_that_is_not_there_is_named_with_those_that_are(sample):
    network, hardware = made_network(), machine("digital45nm")
    trace = trace_of(network, np.random.default_rng(0), 2, 0.1)
    with pytest.raises(TraceError, match=rf"sample={sample} is outside 0 … 1"):
        timeline(trace, network, map_model(network, hardware), hardware, sample=sample)
