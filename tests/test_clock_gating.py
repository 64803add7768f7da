"""Registers clocked in every cycle, or only while their unit works."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import machine, rates, trace_of
from strategies import coded_networks

from pimsim.activity.activity import Activity, LayerActivity, Storage, UnitCycles
from pimsim.cost import evaluate, load_table
from pimsim.cost.cost import MACHINE
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.simulation import schedule

FILES = st.sampled_from(["pim45nm", "pim45nm_bitserial", "digital45nm", "ann45nm", "allpim45nm"])


def clock_aj(activity, hardware):
    """Clock energy, and all of it."""
    cost = evaluate(activity, hardware.cost, load_table(hardware.cost.table), clock_mhz=hardware.clock_mhz)
    lines = [line for line in cost.lines if (line.layer, line.action) == (MACHINE, "clock")]
    return sum(line.energy.nominal for line in lines), cost.energy("full").nominal


def named(layer):
    return [(f"{layer.layer}.{name}", unit) for name, unit in layer.units]


@settings(max_examples=25)
@given(coded_networks(), FILES, st.booleans(), st.sampled_from(["shared", "pipelined"]), rates, st.integers(0, 99))
def test_gating_saves_clock_and_changes_nothing_else(network, name, one_engine, order, rate, seed):
    """A unit is busy in at most every cycle, so a gated register is clocked at most as often."""
    assume(network.input_spikes is None or network.input_spikes.shift < 8)
    spikes = load_hardware(name).layers.first if one_engine else "auto"
    trace = trace_of(network, np.random.default_rng(seed), 2, rate)
    found = []
    for gating in ("none", "units"):
        hardware = machine(name, schedule=order, clock_gating=gating, layers__input_spikes=spikes)
        found.append((schedule(trace, network, map_model(network, hardware), hardware), hardware))
    (free, gated), (clocked, all_of_it) = [a for a, _ in found], zip(*(clock_aj(*pair) for pair in found), strict=True)
    assert replace(gated, storage=free.storage) == free
    assert clocked[1] <= clocked[0]
    # the rest is leakage, equal but for the rounding of each line
    assert abs((all_of_it[0] - clocked[0]) - (all_of_it[1] - clocked[1])) <= len(gated.storage) + len(free.storage)
    for item, cycles in zip(gated.storage, gated.clocked_cycles, strict=True):
        assert 0 <= cycles <= gated.total_cycles
        assert item.gated_by or item.component not in ("fifo", "pipeline", "row_register")
        if item.gated_every > 1:  # whole conversions: as many as converters that share a sum's columns make
            busy = dict(unit for layer in gated.layers for unit in named(layer))
            assert cycles * item.gated_every == sum(busy[name].busy for name in item.gated_by)


@given(st.integers(1, 50))
def test_a_unit_that_always_works_costs_the_same_gated(busy):
    """Busy in all of the run's cycles: nothing is left to be saved."""
    units = (("lanes", UnitCycles(busy, 0, 0)),)
    layer = LayerActivity("conv", "event", 1, 1, 0, 0, 1, busy, 0.5, (), units)
    registers = Storage("pipeline", 512, gated_by=("conv.lanes",))
    gated = Activity(1, (layer,), (registers,), 9.0, busy, 9.0, "conv.lanes")
    free = replace(gated, storage=(replace(registers, gated_by=()),))
    assert clock_aj(gated, machine("pim45nm")) == clock_aj(free, machine("pim45nm"))


def test_a_shared_units_registers_are_clocked_for_every_layer_that_uses_it():
    """Two layers on one unit, busy in 3 + 5 of 20 cycles: 8, or 4 where it writes in every second one; stalls hold."""
    cycles = UnitCycles(3, 2, 5), UnitCycles(5, 0, 5)
    layers = tuple(
        LayerActivity(name, "event", 1, 1, 0, 0, 1, 10, 0.5, (), (("lanes", unit),))
        for name, unit in zip(("a", "b"), cycles, strict=True)
    )
    gated = Storage("pipeline", 8, gated_by=("a.lanes", "b.lanes"))
    storage = (gated, replace(gated, gated_every=2), Storage("pipeline", 8))
    assert Activity(1, layers, storage, 20.0, 20, 20.0, "a.lanes").clocked_cycles == (8, 4, 20)


def test_row_registers_of_an_idle_crossbar_are_what_gating_saves():
    """The first layer's crossbar works once per inference, its registers are most of the machine's."""
    network = made_network()
    trace = trace_of(network, np.random.default_rng(0), 2, 0.2)
    for name in ("row_register", "pipeline"):
        parts = []
        for gating in ("none", "units"):
            hardware = machine("pim45nm_bitserial", clock_gating=gating)
            activity = schedule(trace, network, map_model(network, hardware), hardware)
            bits = [item.capacity_bits * item.instances for item in activity.storage]
            clocked = zip(activity.storage, bits, activity.clocked_cycles, strict=True)
            parts.append(sum(size * cycles for item, size, cycles in clocked if item.component == name))
        assert parts[1] < 0.5 * parts[0]
