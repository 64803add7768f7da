"""Every knob that pricing sees moves the shipped run in the direction physics says; each test says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pimsim import report
from pimsim.cost import FULL, Cost, evaluate, load_table
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.model import load_network
from pimsim.resources import MODEL as MODEL_FILES
from pimsim.resources import TRACE, find
from pimsim.simulation import schedule
from pimsim.traces import load_trace, select

MODEL = "cnn3d_6b"


def cost(machine: str, **changes: object) -> Cost:
    """Cost of one sample; ``a__b=1`` sets a.b."""
    overrides = {key.replace("__", "."): value for key, value in changes.items()}
    return report.run(MODEL, machine, samples=1, overrides=overrides).cost


def rising(values: list[float]) -> bool:
    return all(a < b for a, b in pairwise(values))


def test_each_bit_of_a_converter_costs_energy_and_area() -> None:
    """A SAR converter decides one bit per step on a capacitor array that grows: more steps, more charge, more cells."""
    costs = [cost("pim45nm_bitserial", engines__pim__adc_bits=bits, engines__pim__adc_cycles=4) for bits in (5, 6, 8)]
    assert rising([one.action("adc", "convert").nominal for one in costs])
    assert rising([one.energy(FULL).nominal for one in costs])
    assert rising([one.area_um2.nominal for one in costs])


def test_larger_macros_cost_more_per_access() -> None:
    """Longer bit and word lines hold more charge, so the same accesses cost more."""
    costs = [cost("digital45nm", memories__macro_kib=kib) for kib in (1, 8, 64)]
    assert rising([one.action("membrane_memory", "read").nominal for one in costs])
    assert rising([one.energy("with_memory").nominal for one in costs])


def test_hotter_chips_leak_more_and_do_the_same_work() -> None:
    """Subthreshold current grows exponentially with temperature; switched charge does not depend on it."""
    costs = [cost("digital45nm", cost__temperature_k=kelvin) for kelvin in (280.0, 300.0, 330.0, 360.0)]
    assert rising([one.static("leak").nominal for one in costs])
    assert len({one.energy("with_memory") for one in costs}) == 1
    assert len({one.static("clock") for one in costs}) == 1


def test_faster_devices_leak_more() -> None:
    """A lower threshold voltage drives more current, on and off."""
    costs = [cost("digital45nm", cost__device=device) for device in ("lstp", "lop", "hp")]
    assert rising([one.static("leak").nominal for one in costs])
    assert rising([one.power_mw(FULL).nominal for one in costs])


def test_a_faster_clock_saves_leakage_and_draws_more_power() -> None:
    """The run takes the same cycles: less time to leak in, the same charge switched in less time."""
    costs = [cost("digital45nm", clock_mhz=float(mhz)) for mhz in (100, 200, 400, 800)]
    assert rising([one.delay_ns for one in reversed(costs)])
    assert rising([one.static("leak").nominal for one in reversed(costs)])
    assert len({one.static("clock") for one in costs}) == 1
    assert rising([one.power_mw(FULL).nominal for one in costs])
    assert rising([one.edp_uj_us(FULL).nominal for one in reversed(costs)])
    assert rising([one.dense_tops for one in costs])


def test_wider_accumulators_cost_arithmetic_memory_clock_and_area() -> None:
    """Every adder, register and membrane word grows by the same bits."""
    costs = [cost("digital45nm", engines__event__accumulator_bits=bits) for bits in (20, 24, 32)]
    assert rising([one.action("lane", "accumulate").nominal for one in costs])
    assert rising([one.action("membrane_memory", "write").nominal for one in costs])
    assert rising([one.static("clock").nominal for one in costs])
    assert rising([one.area_um2.nominal for one in costs])


def test_a_denser_node_saves_energy_and_area() -> None:
    """Smaller wires and gates hold less charge."""
    costs = [cost("digital45nm", cost__table=table, clock_mhz=200.0) for table in ("28nm", "45nm", "65nm_imac")]
    assert rising([one.energy("with_memory").nominal for one in costs])
    assert rising([one.area_um2.nominal for one in costs])


def test_longer_ways_to_memory_cost_memory_energy_alone() -> None:
    """Wires and routers carry every accessed bit, which adds to accesses and to nothing else."""
    costs = [cost("digital45nm", cost__interconnect=name) for name in ("abutted", "routers", "wires")]
    assert rising([one.category("memory").nominal for one in costs])
    assert len({one.category("compute") for one in costs}) == 1


def test_input_from_dram_costs_what_the_codes_of_a_sample_weigh() -> None:
    """CNN-3D's 200 × 5 × 5 codes of 6 bits: 30,000 bits, at 8 pJ in words of 96 bits, ⌈5000/16⌉ of them."""
    own, far = (cost("digital45nm", cost__input_source=name) for name in ("on_chip", "lpddr4"))
    machine = load_hardware("digital45nm")
    assert machine.engines.mac is not None
    port = machine.engines.mac.input_port_codes
    words = -(-5000 // port)
    added = (far.action("input_memory", "write").nominal - own.action("input_memory", "write").nominal) / 1e6
    assert added == pytest.approx(words * port * 6 * 8, rel=0.05)  # a word's macros may hold a few bits more


def test_efficiencies_are_two_operations_per_mac_over_the_energy() -> None:
    """14,600,616 dense MACs of CNN-3D on Indian Pines; TOPS/W are operations per picojoule."""
    one = cost("pim45nm")
    energy = one.energy(FULL).pj
    dense = one.dense_tops_per_watt(FULL)
    assert dense is not None
    assert dense == pytest.approx([2 * 14_600_616 / part for part in (energy.high, energy.nominal, energy.low)])
    rate, per_joule = one.dense_tops_per_mm2, one.inferences_per_joule(FULL)
    assert rate is not None
    assert per_joule is not None
    assert rate.nominal == pytest.approx(2 * 14_600_616 / one.interval_ns * 1e-3 / (one.area_um2.nominal * 1e-6))
    assert per_joule.nominal == pytest.approx(1e12 / energy.nominal)
    # power × time per inference is energy per inference: three figures of one run that must agree
    assert one.power_mw(FULL).nominal * 1e-3 / one.inferences_per_second == pytest.approx(energy.nominal * 1e-12)


def test_converters_take_a_share_of_the_macro_like_silicons() -> None:
    """Wang (VLSI 2022, 22 nm silicon): ADC 34 %, DAC 22 %, MAC 40 % of a macro: neither negligible nor nearly all,
    and within what the reported range spans."""
    result = report.run(MODEL, "allpim45nm", samples=1)
    parts = ("adc", "row_driver", "column", "shift_add", "dac")
    macro = [line for line in result.cost.lines if line.component in parts]
    adc = result.cost.action("adc", "convert")
    others = sum(line.energy.nominal for line in macro) - adc.nominal
    assert 0.1 < adc.nominal / (adc.nominal + others) < 0.6
    assert adc.low / (adc.low + others) < 0.34 < adc.high / (adc.high + others)


def test_membranes_dominate_an_event_driven_core() -> None:
    """Why memory must be counted: an accumulate's two membrane accesses cost about a hundred of its additions."""
    one = cost("digital45nm")
    membrane = one.action("membrane_memory", "read").nominal + one.action("membrane_memory", "write").nominal
    assert membrane > 20 * one.action("lane", "accumulate").nominal


def test_an_event_driven_core_gains_from_silence_like_silicon() -> None:
    """IMPULSE (65 nm SNN in memory): EDP -97.4 % at 85 % sparsity.  Where work and time both follow the spikes, a
    seventh of them leaves a fiftieth of the product: 0.15 squared, and what does not depend on spikes besides."""
    network, machine = load_network(find(MODEL_FILES, MODEL)), load_hardware("digital45nm")
    mapping = map_model(network, machine)

    def product(rate: float) -> float:
        """Energy with memory times cycles of the layers that work by events."""
        rng = np.random.default_rng(3)
        shapes = [(1, network.time_steps, layer.shape.neurons) for layer in network.layers[:-1]]
        spikes = tuple(np.packbits(rng.random(shape) < rate, axis=2, bitorder="little") for shape in shapes)
        trace = replace(select(load_trace(find(TRACE, "cnn3d_indian_pines")), 1), spikes=spikes)
        activity = schedule(trace, network, mapping, machine)
        one = evaluate(activity, machine.cost, load_table("45nm"), clock_mhz=machine.clock_mhz)
        layers = activity.layers[1:]
        return sum(one.layer(layer.layer).nominal for layer in layers) * sum(layer.cycles for layer in layers)

    assert 0.95 < 1 - product(0.15) / product(1.0) < 0.98


def test_one_bit_operations_of_a_crossbar_cost_what_silicon_spends_within_a_factor_of_ten() -> None:
    """Jia (JSSC 2020, 65 nm): 192 1b-TOPS/W at 1.2 V.  31 rows of one column, converted, shifted and added, are 62
    operations of one bit; ours at 65 nm, with a converter for 31 rows in place of one for 2304."""
    table = load_table("65nm_imac")
    column = table.price("column", "precharge", 1, 256, 0, "neurosim_sar").nominal
    rows = 31 * table.price("row_driver", "pulse", 256, 0, 0, "neurosim_sar").nominal / 256
    behind = table.price("adc", "convert", 5, 31, 0, "neurosim_sar").plus(table.price("shift_add", "add", 20, 0, 0, ""))
    efficiency = 62 / (column + rows + behind.nominal)
    assert 192 / 10 < efficiency < 192 * 10


def test_a_synaptic_operation_costs_picojoules_as_it_does_in_silicon() -> None:
    """Loihi (14 nm) states 24 to 35.5 pJ per synaptic operation, memory and all; arithmetic alone would be 0.05 pJ."""
    one = cost("digital45nm")
    assert 0.5 < one.energy(FULL).pj.nominal / one.accumulates < 35.5
