"""Every design knob of the crossbar moves the result in the direction physics says; each test says why."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from counting import total
from hypothesis import given, settings
from hypothesis import strategies as st
from made_crossbar import SERIAL, build, choices
from made_trace import trace_of
from strategies import networks

from pimsim import report
from pimsim.cost import FULL, Cost
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.mapping.macro import largest_count
from pimsim.model import load_network
from pimsim.resources import MODEL, find
from pimsim.simulation import schedule

FEW = settings(max_examples=30)
networks_and_seeds = {"network": networks(max_hidden=2), "seed": st.integers(0, 99)}


def run(network, seed, hardware):
    trace = trace_of(network, np.random.default_rng(seed), 1, 0.3)
    return schedule(trace, network, map_model(network, hardware), hardware)


def never_slower(slow, fast):
    """In every layer and in the whole."""
    assert fast.total_cycles <= slow.total_cycles
    for before, after in zip(slow.layers, fast.layers, strict=True):
        assert after.cycles <= before.cycles


def built(activity, component):
    return sum(one.instances for one in activity.storage if one.component == component)


@FEW
@given(**networks_and_seeds, chosen=choices())
def test_sample_and_hold_never_takes_more_cycles(network, seed, chosen):
    """A held charge is converted while the columns discharge anew; without, they wait."""
    plain, holding = (run(network, seed, build(chosen, sample_and_hold=held)) for held in (False, True))
    never_slower(plain, holding)


@FEW
@given(**networks_and_seeds, chosen=choices(), more=st.integers(1, 6))
def test_more_arrays_never_take_more_cycles(network, seed, chosen, more):
    """They hold more tiles or copies at once, or stay empty."""
    few, many = (run(network, seed, build(chosen, arrays=chosen["arrays"] + extra)) for extra in (0, more))
    never_slower(few, many)


@FEW
@given(**networks_and_seeds, chosen=choices(), kind=st.sampled_from(["diagonal", "shifted"]))
def test_copies_in_an_array_never_take_more_cycles(network, seed, chosen, kind):
    """A layout with fewer copies is always at hand."""
    plain, copied = (run(network, seed, build(chosen, copies_in_array=copies)) for copies in ("none", kind))
    never_slower(plain, copied)
    if kind == "diagonal":  # the same work by other columns
        for action in (("adc", "convert"), ("row_register", "load"), ("row_driver", "pulse"), ("column", "precharge")):
            assert total(plain, *action) == total(copied, *action)


@FEW
@given(**networks_and_seeds, chosen=choices(), more=st.integers(1, 100))
def test_sharing_a_converter_among_more_columns_costs_time_and_saves_converters(network, seed, chosen, more):
    """They take turns at it."""
    key = "columns_per_adc" if chosen["style"] == SERIAL else "outputs_per_adc"
    wider = min(chosen[key] + more, chosen["columns"])
    alone, shared = (run(network, seed, build(chosen, **{key: share})) for share in (chosen[key], wider))
    never_slower(shared, alone)
    assert built(shared, "adc") <= built(alone, "adc")
    if chosen["copies_in_array"] != "shifted":  # whose number may change, and conversions with it
        assert total(shared, "adc", "convert") == total(alone, "adc", "convert")


@FEW
@given(**networks_and_seeds, chosen=choices(), key=st.sampled_from(["pulse_cycles", "adc_cycles", "correction_depth"]))
def test_slower_circuits_never_take_fewer_cycles(network, seed, chosen, key):
    """A longer pulse, conversion or correction delays what follows it."""
    fast, slow = (run(network, seed, build(chosen, **{key: chosen[key] + more})) for more in (0, 1))
    never_slower(slow, fast)


@FEW
@given(**networks_and_seeds, chosen=choices(), more=st.integers(1, 9))
def test_a_wider_port_never_takes_more_cycles(network, seed, chosen, more):
    """Row registers fill in fewer reads."""
    codes = chosen["input_port_codes"]
    narrow, wide = (run(network, seed, build(chosen, input_port_codes=codes + extra)) for extra in (0, more))
    never_slower(narrow, wide)


@FEW
@given(**networks_and_seeds, chosen=choices(SERIAL))
def test_more_rows_at_once_take_fewer_conversions_and_wider_converters(network, seed, chosen):
    """One conversion then sums more rows, and the largest sum it may have to tell apart grows with them."""
    chosen = chosen | {"copies_in_array": "none"}
    active = sorted({1, max(1, chosen["rows"] // 4), max(1, chosen["rows"] // 2), chosen["rows"]})
    machines = [build(chosen, rows_active=rows) for rows in active]
    conversions = [total(run(network, seed, one), "adc", "convert") for one in machines]
    assert conversions == sorted(conversions, reverse=True)
    largest = [largest_count(network.layers[0], one.engines.pim, 2**network.input.bits - 1) for one in machines]
    assert largest == sorted(largest)


@FEW
@given(**networks_and_seeds, chosen=choices())
def test_wider_input_slices_take_fewer_pulses_and_conversions_and_never_more_cycles(network, seed, chosen):
    """⌈input bits / DAC bits⌉ pulses; a slice is driven where any of its bits is 1, so slices are fewer than bits."""
    runs = [run(network, seed, build(chosen, dac_bits=2**power)) for power in range(4)]
    for narrow, wide in pairwise(runs):
        never_slower(narrow, wide)
        assert total(wide, "row_driver", "pulse") <= total(narrow, "row_driver", "pulse")
        if chosen["copies_in_array"] != "shifted":
            assert total(wide, "adc", "convert") <= total(narrow, "adc", "convert")
            assert total(wide, "column", "precharge") <= total(narrow, "column", "precharge")


@FEW
@given(**networks_and_seeds, chosen=choices(SERIAL))
def test_cells_of_more_bits_take_fewer_conversions(network, seed, chosen):
    """A weight fills fewer columns."""
    chosen = chosen | {"copies_in_array": "none"}
    counts = [total(run(network, seed, build(chosen, cell_bits=bits)), "adc", "convert") for bits in (1, 2, 4)]
    assert counts == sorted(counts, reverse=True)


def cost(machine: str, **changes: object) -> Cost:
    """Cost of one sample of the shipped network; ``a=1`` sets engines.pim.a."""
    overrides = {f"engines.pim.{key}": value for key, value in changes.items()}
    return report.run("cnn3d_6b", machine, samples=1, overrides=overrides).cost


def test_rows_at_once_trade_conversions_against_their_width():
    """Lossless converters of 3 … 7 bits: each bit more halves the conversions of a wide fan-in, at less than twice
    the energy each, so energy falls until the fan-in is read at once."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    wide = [cost("allpim45nm", rows_active=2**bits - 1, adc_bits=bits, adc_cycles=4) for bits in (3, 4, 5, 6, 7)]
    energies = [one.action("adc", "convert").nominal for one in wide]
    assert energies == sorted(energies, reverse=True)
    for bits in (3, 5):
        pim = load_hardware("allpim45nm", {"engines.pim.rows_active": 2**bits - 1}).engines.pim
        assert largest_count(network.layers[2], pim, 1) == 2**bits - 1


def test_shared_converters_save_area_and_leak_less():
    shared = [cost("pim45nm_bitserial", columns_per_adc=columns) for columns in (4, 8, 16, 64)]
    assert [one.area_um2.nominal for one in shared] == sorted((one.area_um2.nominal for one in shared), reverse=True)
    assert [one.delay_ns for one in shared] == sorted(one.delay_ns for one in shared)
    conversions = {one.action("adc", "convert").nominal for one in shared}
    assert len(conversions) == 1  # the same conversions, one after the other


def test_a_wider_dac_saves_conversions_and_costs_dacs_and_wider_converters():
    """Slices of 2 bits reach three times the sum, two converter bits more."""
    one, two = (cost("pim45nm_bitserial", dac_bits=d, adc_bits=2 * d + 3, adc_cycles=4) for d in (1, 2))
    assert two.action("row_driver", "pulse").nominal < one.action("row_driver", "pulse").nominal
    assert two.action("dac", "convert").nominal > 0
    assert two.delay_ns < one.delay_ns
    per_conversion = [c.action("adc", "convert").nominal for c in (one, two)]
    assert per_conversion[1] > per_conversion[0] / 2  # half as many, each dearer


@pytest.mark.parametrize(("machine", "columns"), [("pim45nm", 512), ("pim45nm_bitserial", 256)])
def test_copies_in_an_array_save_time_and_leave_the_work_alone(machine, columns):
    """conv1's 27 rows leave most of 256 idle: blocks in each array take as many positions at once."""
    plain, copied = (cost(machine, columns=columns, copies_in_array=kind) for kind in ("none", "diagonal"))
    assert copied.delay_ns < plain.delay_ns
    for action in (("adc", "convert"), ("row_register", "load")):
        assert copied.action(*action) == plain.action(*action)
    assert copied.energy(FULL).nominal < plain.energy(FULL).nominal  # the same work in less time: less clock


def test_shifted_kernels_load_each_input_once_for_several_positions():
    plain, shifted = (cost("pim45nm_bitserial", copies_in_array=kind) for kind in ("none", "shifted"))
    for action in (("row_register", "load"), ("row_driver", "pulse"), ("input_memory", "read")):
        assert shifted.action(*action).nominal < plain.action(*action).nominal
    assert shifted.delay_ns < plain.delay_ns


def test_an_analog_macro_shares_converters_like_a_bit_serial_one():
    shared = [cost("pim45nm", outputs_per_adc=outputs) for outputs in (1, 4, 32)]
    assert [one.area_um2.nominal for one in shared] == sorted((one.area_um2.nominal for one in shared), reverse=True)
    assert [one.delay_ns for one in shared] == sorted(one.delay_ns for one in shared)
