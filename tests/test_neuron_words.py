"""Membranes in few bits and leaks of shifts: what they cost, and what they compute on the shipped network."""

from __future__ import annotations

import numpy as np
import pytest
from made_inputs import network as made_network
from made_trace import machine, trace_of

from pimsim import report
from pimsim.cost import evaluate, load_table
from pimsim.hardware import load_hardware
from pimsim.mapping import layer_numerics, map_model
from pimsim.model import load_network
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import execute, schedule
from pimsim.traces import load_trace


def costed(**changes: object):
    """Cost of a small network on multipliers and the event core, and the mapping."""
    network, hardware = made_network(), machine("digital45nm", **changes)
    mapping = map_model(network, hardware)
    activity = schedule(trace_of(network, np.random.default_rng(0), 2, 0.2), network, mapping, hardware)
    return evaluate(activity, hardware.cost, load_table("45nm"), clock_mhz=100), mapping


def energy(cost, component: str, *actions: str) -> int:
    return sum(line.energy.nominal for line in cost.lines if line.component == component and line.action in actions)


@pytest.mark.parametrize(("layer", "engine"), [(0, "mac"), (1, "event")])
def test_narrower_membranes_take_less_memory_and_energy_where_sums_are_formed_elsewhere(
    layer: int, engine: str
) -> None:
    """Words of as many membranes as lanes: fewer bits are fewer macros side by side, each narrower or as wide."""
    found = []
    for bits in (6, 12, 20):
        keys = {f"engines__{engine}__membrane_bits": bits, f"engines__{engine}__membrane_step": "auto"}
        found.append(costed(**keys, engines__event__dataflow="gather"))
    capacities = [mapping.layers[layer].memories.membrane.capacity_bits for _, mapping in found]
    spent = [energy(cost, "membrane_memory", "read", "write") for cost, _ in found]
    assert capacities == sorted(set(capacities))
    assert spent == sorted(set(spent))
    areas = [cost.area_um2.nominal for cost, _ in found]
    assert areas == sorted(set(areas))


def test_membranes_that_are_added_to_in_place_are_as_wide_as_their_sums() -> None:
    """Scatter: the bits of a stored membrane change what is computed, and no word."""
    found = [costed(engines__event__membrane_bits=bits, engines__event__membrane_step="auto")[0] for bits in (6, 20)]
    assert found[0].area_um2 == found[1].area_um2
    assert found[0].energy("full") == found[1].energy("full")


def test_a_leak_of_few_shifts_costs_less_than_a_multiplier_and_more_than_one_of_fewer() -> None:
    """n adders of 32 + 12 bits against a 32 × 12 bit multiplier, which is 12 such adders; leak 4000 = 4096 − 96."""
    both = ("mac", "event")
    found = []
    for terms in (1, 2, 3):
        changes = {f"engines__{name}__leak": "shifts" for name in both}
        found.append(costed(**changes, **{f"engines__{name}__leak_terms": terms for name in both})[0])
    multiplied = costed()[0]
    shifted = [energy(cost, "neuron", "shift_leak") for cost in found]
    assert shifted[0] == 0  # the nearest power of two is 4096, which is no leak at all
    assert 0 < shifted[1] < shifted[2] < energy(multiplied, "neuron", "leak")
    areas = [cost.area_um2.nominal for cost in (*found, multiplied)]
    assert areas == sorted(set(areas))
    leakages = [energy(cost, "shift_neuron", "leak") for cost in found] + [energy(multiplied, "neuron", "leak")]
    assert leakages[:3] == sorted(set(leakages[:3]))


def test_energy_of_shifts_is_that_of_the_adders_by_hand() -> None:
    """4000 = 4096 − 128 + 32: three terms, each an addition of 32 + 12 bits per neuron and step, at 100 % of `add`."""
    network = made_network()
    changes = {f"engines__{name}__leak": "shifts" for name in ("mac", "event")}
    cost, _ = costed(**changes, **{f"engines__{name}__leak_terms": 3 for name in ("mac", "event")})
    lines = [line for line in cost.lines if (line.component, line.action) == ("neuron", "shift_leak")]
    hidden = network.layers[:-1]
    assert [line.count for line in lines] == [3 * layer.shape.neurons * network.time_steps * 2 for layer in hidden]
    assert {line.bits for line in lines} == {32 + 12}


@pytest.mark.parametrize(("spans", "saturates"), [(1.0, True), (64.0, False)])
def test_a_wider_range_saturates_less(spans: float, saturates: bool) -> None:
    """The shipped network's membranes reach a few thresholds below zero."""
    network, trace = load_network(find(MODEL, "cnn3d_6b")), load_trace(find(TRACE, "cnn3d_indian_pines"))
    keys = {"membrane_bits": 10, "membrane_step": "auto", "membrane_range": spans, "accumulator_bits": 32}
    hardware = load_hardware(
        "pim45nm", {f"engines.{name}.{key}": value for name in ("pim", "event") for key, value in keys.items()}
    )
    found = execute(network, trace.inputs[:8], numerics=layer_numerics(network, hardware), threads=1)
    assert bool(found.saturations.any()) is saturates


def test_six_bit_membranes_give_the_classes_that_wide_ones_give() -> None:
    """HYPER-SNN, Table II: 6-bit membranes suffice. Of the shipped trace's samples all but a few agree."""
    keys = {"membrane_bits": 6, "membrane_step": "auto"}
    changes = {f"engines.{name}.{key}": value for name in ("pim", "event") for key, value in keys.items()}
    wide, narrow = report.run("cnn3d_6b", "pim45nm"), report.run("cnn3d_6b", "pim45nm", overrides=changes)
    assert narrow.executed
    assert not wide.executed
    assert (wide.trace.predictions == narrow.trace.predictions).mean() >= 0.97


def test_leaks_that_shifts_give_exactly_reuse_the_trace() -> None:
    changes: dict[str, object] = {f"engines.{name}.leak": "shifts" for name in ("pim", "event")}
    assert report.run("cnn3d_6b", "pim45nm", samples=2, overrides=changes).executed
    changes |= {f"engines.{name}.leak_terms": 4 for name in ("pim", "event")}
    assert not report.run("cnn3d_6b", "pim45nm", samples=2, overrides=changes).executed
