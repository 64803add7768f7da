"""A bit-serial crossbar as described, against the simulator and against machines written out in plain Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_crossbar import SERIAL, build, choices
from made_trace import trace_of
from naive_crossbar import NaiveCrossbar
from naive_schedule import Crossbar
from strategies import cnns, networks

from pimsim.mapping import map_model
from pimsim.model.macro import Macro
from pimsim.model.windows import arrange, windows
from pimsim.rtl.bench.pim_bench import patience
from pimsim.rtl.bench.run_pim import run_pim, source_values, watch_pim
from pimsim.rtl.crossbar.place import pim_design
from pimsim.rtl.parts.design import sweep_design
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verify.compare import compare
from pimsim.simulation import in_front

MOST_CYCLES = 1200
FEW = settings(max_examples=12)

MADE = {
    "plain": {},
    "tall": {"rows": 4, "rows_active": 2, "columns": 600, "arrays": 40},
    "rounds": {"rows": 5, "rows_active": 2, "columns": 30, "arrays": 2},
    "parts": {"rows": 6, "rows_active": 3, "columns": 24, "arrays": 3, "weight_encoding": "offset"},
    "copies": {"rows": 60, "columns": 200, "arrays": 5},
    "diagonal": {"rows": 150, "columns": 600, "arrays": 2, "copies_in_array": "diagonal"},
    "shifted": {"rows": 150, "columns": 600, "arrays": 1, "copies_in_array": "shifted", "input_port_codes": 1},
}
"""Shapes of machines in which a layer lies in different ways."""


@st.composite
def cases(draw, of=None, made=None):
    """Any layer on any bit-serial machine; so small that its evaluations take few cycles."""
    network = draw(networks(max_hidden=2) if of is None else of)
    chosen = draw(choices(SERIAL)) | MADE[made or draw(st.sampled_from(sorted(MADE)))]
    chosen |= {"adc_bits": draw(st.sampled_from([16, 16, 5, 3, 2]))}
    for key, most in (("rows_active", "rows"), ("columns_per_adc", "columns")):
        chosen[key] = min(chosen[key], chosen[most])
    if not network.is_cnn:
        network = replace(network, time_steps=draw(st.integers(1, 3)))
    index = draw(st.integers(0, len(network.layers) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hardware = build(chosen)
    case = LayerCase(network, map_model(network, hardware), hardware, index, in_front(_trace(network, rng), index))
    assume(case.timing().cycles <= MOST_CYCLES)
    return case


def _trace(network, rng):
    if not network.is_cnn:
        return trace_of(network, rng, 1, float(rng.choice([0.0, 0.1, 0.3, 1.0])))
    made = [rng.integers(0, layer.neuron.largest + 1, (1, layer.shape.neurons)) for layer in network.layers[:-1]]
    kept = tuple(values.astype(np.uint16 if values.max() > 255 else np.uint8) for values in made)
    return replace(trace_of(network, rng, 1, 0.0), spikes=(), activations=kept)


def agree(case):
    """Cycles, units, actions, spikes and membranes with the simulator; sums with converters in plain Python."""
    seen = run_pim(case.network, case.mapping, case.hardware, case.index, case.inputs)
    assert compare(case, seen).differences == ()
    assert seen.currents.reshape(case.samples, -1, case.layer.shape.neurons).tolist() == expected_sums(case)


def expected_sums(case):
    """(N, maps, neurons) in the order depth, height, width, channel, added up conversion by conversion."""
    pim, shape = case.hardware.engines.pim, case.layer.shape
    lowest, largest = case.network.input_range(case.index)
    highest = (largest - lowest) * int(np.prod(shape.pool))
    macro = Macro(pim.rows_active, pim.adc_bits, pim.weight_encoding, pim.cell_bits, pim.dac_bits)
    naive = NaiveCrossbar(case.weights, macro, -lowest, highest)
    channels, *size = shape.source_shape
    signal = source_values(shape, case.inputs).astype(np.int64).reshape(case.samples, -1, *size, channels)
    fields = windows(arrange(signal, shape), shape, fill=-lowest)
    fields = fields.reshape(*signal.shape[:2], -1, shape.fan_in).tolist()
    outputs = range(shape.out_channels)
    return [[[naive.output(channel, x) for x in one for channel in outputs] for one in sample] for sample in fields]


@FEW
@given(cases())
def test_a_described_layer_takes_the_cycles_and_actions_of_the_simulator_and_forms_the_sums_of_its_converters(case):
    agree(case)


@pytest.mark.parametrize("made", sorted(MADE))
@settings(max_examples=3)
@given(st.data())
def test_every_way_to_lay_out_a_layer(made, data):
    agree(data.draw(cases(made=made)))


@settings(max_examples=6)
@given(cases(of=cnns(max_hidden=2, max_bits=6)))
def test_activations_of_several_bits_and_their_pools(case):
    agree(case)


def signals_of(case, cycles):
    """What is busy in each of the first cycles."""
    _, seen = watch_pim(case.network, case.mapping, case.hardware, case.index, case.inputs)
    names = [f"{unit}_busy" for unit in ("loader", "row_driver", "adc", "writer")]
    return np.stack([seen[name][:cycles] for name in (*names, "loader_stall", "row_driver_stall")], axis=1).tolist()


def naive_signals(case):
    """The same of the machine of `naive_schedule`, whose lengths follow from the description alone."""
    design = design_of(case)
    sizes = [design.at_once] * (design.groups - 1) + [design.last_group]
    kinds = [design.at_once, design.last_group]
    one = design.rounds[0]
    groups = [
        (-(-n * one.rows * design.pool // design.port), n * design.kernels * one.words, kinds.index(n))
        for n in sizes * design.passes
    ]
    stages = range(one.stages)
    conversions = [[design.turns(0, g, n) * design.adc_cycles for g in stages] * design.slices for n in kinds]
    pulses = [design.pulse_cycles] * (one.stages * design.slices)
    machine = Crossbar(groups, pulses, conversions, hold=design.sample_and_hold, correction=design.correction_depth)
    names, seen = ("loading", "pulsing", "converting", "writing", "load stall", "pulse stall"), []
    while machine.moved < len(machine.groups) or machine.words_left or any(machine.stages):
        before = Counter(machine.count)
        machine.step()
        seen.append([machine.count[name] - before[name] for name in names])
    return seen


def design_of(case):
    return pim_design(case.weights, case.layer, case.hardware.engines.pim)


@settings(max_examples=10)
@given(cases())
def test_every_unit_is_busy_in_the_cycles_in_which_the_machine_stepped_by_the_clock_is(case):
    assume(not design_of(case).reloaded)
    expected = naive_signals(case)
    assert signals_of(case, len(expected)) == expected


@FEW
@given(cases())
def test_patience_is_never_short(case):
    sweep = sweep_design(case.network, case.mapping, case.hardware, case.index)
    timing = case.timing()
    assert timing.front_cycles + int(timing.step_cycles.max()) < patience(design_of(case), sweep)
