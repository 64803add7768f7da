"""Energy of the shipped spiking networks beside the paper's ratios."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pimsim.cost import FULL
from pimsim.errors import MissingFileError
from pimsim.model import load_network
from pimsim.report import paper_figures
from pimsim.report.network_energies import (
    CNN_6,
    CNN_32,
    DIGITAL,
    LEAN,
    SYSTEMS,
    NetworkEnergy,
    absolute,
    advantages,
    measured,
    parts,
    shipped_snns,
    spikes,
)
from pimsim.resources import MODEL, TRACE, find
from pimsim.traces import load_trace


@pytest.fixture(scope="module")
def cnn3d() -> NetworkEnergy:
    return measured("cnn3d_6b")


def test_the_networks_are_the_shipped_ones_of_six_bits_that_spike() -> None:
    names = shipped_snns()
    assert {"cnn3d_6b", "cnn3d_salinas_a_6b"} <= set(names)
    assert not {"cnn3d_4b", "cnn3d_ann6b"} & set(names)


def test_the_papers_network_comes_first() -> None:
    assert shipped_snns()[0] == "cnn3d_6b"


def test_spike_rates_are_counted_spikes_over_neurons_and_samples(cnn3d: NetworkEnergy) -> None:
    """Bit by bit, with NumPy's unpackbits; padding bits of the last byte are 0."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
    for layer, packed, rate in zip(network.layers, trace.spikes, cnn3d.spikes_per_neuron, strict=False):
        counted = int(np.unpackbits(np.ascontiguousarray(packed).view(np.uint8)).sum())
        assert rate == counted / (layer.shape.neurons * trace.samples)


def test_the_formula_is_the_papers_on_these_spikes(cnn3d: NetworkEnergy) -> None:
    """E = F1 · 0.26 + Σ F_l ζ_l · 0.02 pJ; the classifier, which never spikes, is weighed with the layer before."""
    macs = [962_280, 2_138_400, 8_981_280, 1_058_400, 1_058_400, 366_912, 34_944]
    zetas = [*cnn3d.spikes_per_neuron[1:], cnn3d.spikes_per_neuron[-1]]
    snn_pj = macs[0] * 0.26 + sum(f * zeta for f, zeta in zip(macs[1:], zetas, strict=True)) * 0.02
    assert cnn3d.paper_uj(DIGITAL) == pytest.approx(snn_pj * 1e-6)
    assert cnn3d.paper_uj(CNN_6) == pytest.approx(sum(macs) * 0.26e-6)
    assert cnn3d.paper_uj(CNN_32) == pytest.approx(sum(macs) * 3.2e-6)
    (row,) = (row for row in advantages([cnn3d]).rows if row[0] == "CNN-3D, Indian Pines")
    wide, narrow = (float(part) for part in row[3].split(" / "))
    assert wide == pytest.approx(sum(macs) * 3.2 / snn_pj, rel=5e-3)
    assert narrow == pytest.approx(sum(macs) * 0.26 / snn_pj, rel=5e-3)


def test_counted_ratios_are_those_of_the_energies(cnn3d: NetworkEnergy) -> None:
    (row,) = (row for row in advantages([cnn3d]).rows if row[0] == "CNN-3D, Indian Pines")
    wide, narrow = (float(part) for part in row[-1].split(" / "))
    assert wide == pytest.approx(cnn3d.energy_uj(CNN_32, FULL) / cnn3d.energy_uj(LEAN, FULL), rel=5e-3)
    assert narrow == pytest.approx(cnn3d.energy_uj(CNN_6, FULL) / cnn3d.energy_uj(LEAN, FULL), rel=6e-3)


def test_full_energies_hold_the_arithmetic(cnn3d: NetworkEnergy) -> None:
    (row,) = absolute([cnn3d]).rows
    for cell, name in zip(row[1:], SYSTEMS, strict=True):
        _, arithmetic, full = (float(part) for part in cell.split(" / "))
        assert full > arithmetic > 0
        assert full == pytest.approx(cnn3d.energy_uj(name, FULL), rel=5e-3)


def test_every_network_and_scene_of_the_paper_has_a_row_with_its_bound() -> None:
    """Σ F · 3.2 (or 0.26) over F_1 · 0.26 pJ; CNN-3D on Indian Pines: 14,600,616 · 3.2 / (962,280 · 0.26) = 186.7."""
    rows = {row[0]: row for row in advantages([]).rows}
    bounds = {
        "CNN-3D, Indian Pines": "187 / 15.2",
        "CNN-3D, Pavia University": "189 / 15.3",
        "CNN-3D, Salinas": "187 / 15.2",
        "CNN-32H, Indian Pines": "5,581 / 453",
        "CNN-32H, Pavia University": "4,486 / 365",
        "CNN-32H, Salinas": "5,581 / 453",
    }
    assert {name: rows[name][2] for name in bounds} == bounds
    assert rows["CNN-3D, Pavia University"][3] == "needs PaviaU.mat"
    assert rows["CNN-3D, Indian Pines"][3] == "not shipped"


def test_a_network_with_fewer_layers_leaves_cells_empty(cnn3d: NetworkEnergy) -> None:
    shorter = NetworkEnergy("cnn32h", "Salinas-A", cnn3d.layers[:2], cnn3d.spikes_per_neuron[:2], cnn3d.result)
    table = spikes([cnn3d, shorter])
    assert {len(row) for row in table.rows} == {len(table.columns)} == {7}
    assert table.rows[1][3:] == ("–",) * 4


def test_the_mean_is_that_of_the_measured_rows(cnn3d: NetworkEnergy) -> None:
    *_, last = advantages([cnn3d, cnn3d]).rows
    (row,) = (row for row in advantages([cnn3d]).rows if row[0] == "CNN-3D, Indian Pines")
    assert last[0] == "mean of the 2 measured"
    assert last[2:] == row[2:]


@pytest.mark.parametrize("plot", ["svg", "png"])
def test_pictures_are_drawn_twice_alike(cnn3d: NetworkEnergy, plot: str) -> None:
    pytest.importorskip("matplotlib")
    for draw in (paper_figures.energy, paper_figures.spikes):
        assert draw([cnn3d], plot) == draw([cnn3d], plot)
        assert draw([], plot)


def test_parts_are_tables(cnn3d: NetworkEnergy) -> None:
    for part in parts([cnn3d]).values():
        (block,) = part()
        assert block.startswith("| ")


def test_a_model_without_a_trace_is_refused() -> None:
    with pytest.raises(MissingFileError):
        measured("no_such_model")


def test_a_panel_shows_all_of_its_lines(cnn3d: NetworkEnergy) -> None:
    """Panels share their axis: the second network spikes three times as often as the first."""
    pytest.importorskip("matplotlib")
    rates = tuple(3 * rate for rate in cnn3d.spikes_per_neuron[:4])
    busy = NetworkEnergy("cnn32h", "Indian Pines", cnn3d.layers[:4], rates, cnn3d.result)
    picture = paper_figures.spikes([cnn3d, busy], "svg").decode()
    labels = re.findall(r"<!-- (\d\.\d+) -->", picture)
    assert max(map(float, labels)) > 0.7 * max(rates)
