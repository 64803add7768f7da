"""Direct against hybrid encoding: tables of made networks, and of networks that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_hybrid
import pytest

from pimsim.cost import FULL
from pimsim.errors import ResultsError
from pimsim.model import save_network
from pimsim.model.network import IntegerNetwork
from pimsim.report import encodings, made_parts
from pimsim.report.encodings import Measured, Task, measured
from pimsim.traces import save_trace

MACHINES = ("ann45nm", "digital45nm", "pim45nm", "allpim45nm")
NOTED = {"overall_percent": 81.25, "average_percent": 80.0, "kappa_percent": 79.0}
ABSENT = Task("none", "no network", "no_cnn", "no_direct", "no_hybrid")


def saved(network: IntegerNetwork, folder: Path, name: str) -> Path:
    noted = {"accuracy": NOTED, "float_accuracy": {**NOTED, "overall_percent": 83.5}}
    save_network(replace(network, provenance=noted), folder / f"{name}.npz")
    return folder / f"{name}.npz"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """A narrow VGG-6 in three forms on ten made images."""
    folder = tmp_path_factory.mktemp("encodings")
    direct = made_hybrid.images()
    hybrid = made_hybrid.changed(direct)
    models = {
        name: saved(network, folder, name)
        for name, network in (("cnn", made_hybrid.cnn(direct)), ("direct", direct), ("hybrid", hybrid))
    }
    traces = {}
    for name, network in (("direct", direct), ("hybrid", hybrid)):
        traces[models[name]] = folder / f"{name}_trace.npz"
        save_trace(made_hybrid.recorded(network, 10), traces[models[name]])
    return Task("made", "VGG-6, made", models["cnn"], models["direct"], models["hybrid"], traces)


@pytest.fixture(scope="module")
def found(task: Task) -> Measured:
    return measured(task, MACHINES, threads=1)


def test_all_networks_are_found(found: Measured) -> None:
    assert found.missing == ()
    assert list(found.known) == [encodings.DIRECT, encodings.HYBRID]


def test_every_table_is_filled(found: Measured) -> None:
    for name, part in encodings.parts([found]).items():
        (block,) = part()
        assert name.endswith(" made")
        assert encodings.NOT_SHIPPED not in block
        columns = {line.count("|") for line in block.splitlines()}
        assert len(columns) == 1


def test_accuracies_and_spikes_stand_layer_by_layer(found: Measured) -> None:
    table = encodings.networks(found)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert [rows[form]["OA %, all test samples"] for form in encodings.FORMS] == ["83.50", "81.25", "81.25", "81.25"]
    assert found.hybrid is not None
    hybrid = rows[encodings.HYBRID]
    assert hybrid["spikes per input"] == "1.000"
    assert rows[encodings.DIRECT]["spikes per input"] == encodings.NONE
    for layer, rate in zip(found.hybrid.network.layers, found.hybrid.rates.neurons, strict=False):
        assert hybrid[f"spikes per neuron, {layer.name}"] == f"{rate:.3f}"
    neurons = sum(layer.shape.neurons for layer in found.hybrid.network.layers[:-1])
    assert hybrid["neurons that fired twice"] == f"0 of {10 * neurons:,}"
    assert hybrid["all layers"] == f"{found.hybrid.mean_rate:.3f}"


def test_energies_are_those_of_the_comparison(found: Measured) -> None:
    assert found.direct is not None
    system = found.direct.system("digital45nm")
    assert system is not None
    table = encodings.energies(found)
    (row,) = (row for row in table.rows if row[0] == f"{encodings.DIRECT}, digital45nm")
    full = dict(zip(table.columns, row, strict=True))["µJ, full"]
    assert float(full.split(" ")[0]) == pytest.approx(system.cost.energy(FULL).nominal * 1e-12, rel=5e-3)
    assert [row[0] for row in table.rows[:2]] == ["CNN, 32 bit, ann45nm", "CNN, 6 bit, ann45nm"]
    assert [row[0] for row in table.rows[2:]] == [
        f"{form}, {machine}" for machine in MACHINES[1:] for form in (encodings.DIRECT, encodings.HYBRID)
    ]


def test_advantages_are_ratios_of_the_two_encodings(found: Measured) -> None:
    assert found.direct is not None
    assert found.hybrid is not None
    costs = [one.system("pim45nm").cost for one in (found.direct, found.hybrid)]
    (row,) = (row for row in encodings.advantages(found).rows if row[0] == "pim45nm")
    assert float(row[3].split(" ")[0]) == pytest.approx(
        costs[0].energy(FULL).nominal / costs[1].energy(FULL).nominal, rel=6e-3
    )
    assert float(row[4]) == pytest.approx(costs[0].delay_ns / costs[1].delay_ns, rel=6e-3)


def test_formulas_stand_beside_the_papers_ratio_and_what_it_takes(found: Measured) -> None:
    """VGG-16: ΣF / F_1 = 191.5 without, / 1.03125 = 185.7 with a spike of every pixel; 0.084 and 0.089 spikes."""
    paper, direct, hybrid = encodings.formulas(found).rows
    assert (paper[4], paper[5], paper[7]) == ("≈ 125", "186–191", "0.084–0.089")
    assert (direct[1], hybrid[1]) == ("HYPER-SNN", "single-spike hybrid")
    assert found.hybrid is not None
    macs, rates = found.hybrid.macs, found.hybrid.rates.neurons
    own = (*rates[1:], rates[-1])
    snn = macs[0] * 3.3 + sum(f * rate for f, rate in zip(macs[1:], own, strict=True)) * 0.1
    assert float(hybrid[4].replace(",", "")) == pytest.approx(sum(macs) * 3.2 / snn, rel=5e-3)
    assert hybrid[7] == "impossible"  # its first layer has more than 1/125 of the work


def test_a_network_that_is_not_there_has_a_row_that_says_so(task: Task, found: Measured) -> None:
    nothing = measured(ABSENT)
    assert nothing.missing == ("no_cnn", "no_direct", "no_hybrid")
    for part in encodings.parts([nothing]).values():
        (block,) = part()
        assert encodings.NOT_SHIPPED in block or "needs no_direct, no_hybrid" in block
    half = replace(found, direct=None)
    assert half.missing == (str(task.direct),)
    assert f"needs {task.direct}" in encodings.advantages(half).rows[0][0]
    assert encodings.networks(half).rows[2][:2] == (encodings.DIRECT, encodings.NOT_SHIPPED)
    assert (f"{encodings.DIRECT}, every machine", encodings.NOT_SHIPPED) in [
        row[:2] for row in encodings.energies(half).rows
    ]
    assert [row[0] for row in encodings.formulas(half).rows][1:] == [encodings.DIRECT, encodings.HYBRID]


def test_a_cnn_without_a_spiking_network_is_told_of(found: Measured) -> None:
    alone = replace(found, direct=None, hybrid=None)
    assert encodings.energies(alone).rows[0][1] == "needs an SNN beside it"


def test_parts_of_other_scripts_are_kept() -> None:
    page = "<!-- made: one -->\nold\n<!-- end -->\n<!-- made: two -->\nkept\n<!-- end -->\n"
    made = made_parts.refreshed(page, {"one": lambda: ["new"]}, kept=["two"])
    assert made == page.replace("old\n", "\nnew\n\n")
    with pytest.raises(ResultsError, match="no such part"):
        made_parts.refreshed(page, {"one": lambda: ["new"]})
