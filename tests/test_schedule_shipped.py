"""Figures that the shipped results rest on: two samples of a direct network on every shipped machine."""

from __future__ import annotations

import pytest

from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.model import load_network
from pimsim.resources import HARDWARE, MODEL, TRACE, find, shipped
from pimsim.simulation import schedule
from pimsim.traces import load_trace, select

FIGURES = {
    "allpim45nm": (236985, 96450, 138307920, 98179116, 583294),
    "ann45nm": (227648, 113824, 29201232, 67504142, 575938),
    "digital45nm": (405624, 202812, 16716088, 35861992, 892505),
    "gather45nm": (405790, 202895, 16716088, 57439085, 1019682),
    "imac45nm_noisy": (426066, 213033, 16716088, 34216290, 894223),
    "lean45nm": (405790, 202895, 16716088, 57511625, 1019682),
    "leanpim45nm": (426232, 213116, 16716088, 55865923, 1021400),
    "pim28nm_bitserial": (519728, 259864, 16716088, 39467539, 993235),
    "pim45nm": (426066, 213033, 16716088, 34216290, 894223),
    "pim45nm_bitserial": (519728, 259864, 16716088, 39467539, 993235),
    "pim65nm": (460854, 230427, 16716088, 37092438, 929011),
}
"""By hardware file: cycles of the run, cycles between results, accumulates, actions of all kinds, busy cycles of all
units.  Whoever changes one changes docs/results.md."""


@pytest.fixture(scope="module")
def recorded():
    return load_network(find(MODEL, "cnn3d_6b")), select(load_trace(find(TRACE, "cnn3d_indian_pines")), 2)


def test_every_shipped_machine_has_figures():
    assert {path.stem for path in shipped(HARDWARE)} == FIGURES.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_cycles_and_counts_of_a_direct_network_stay_what_they_are(recorded, name):
    network, trace = recorded
    hardware = load_hardware(name)
    found = schedule(trace, network, map_model(network, hardware), hardware)
    actions = sum(one.count for layer in found.layers for one in layer.actions)
    busy = sum(unit.busy for layer in found.layers for _, unit in layer.units)
    accumulates = sum(layer.accumulates for layer in found.layers)
    assert (found.total_cycles, found.interval_cycles, accumulates, actions, busy) == FIGURES[name]
