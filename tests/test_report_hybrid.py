"""Runs and comparisons of hybrid and single-spike networks: two rows for the first layer, and what fires."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import made_hybrid
import numpy as np
import pytest

from pimsim import report
from pimsim.model import load_network, save_network
from pimsim.model.network import LIF, SINGLE_SPIKE
from pimsim.report import Comparison, RunResult, render
from pimsim.report.firing import LayerFiring, firing
from pimsim.traces import load_trace, save_trace

SAMPLES = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and traces: the made network under both encodings, with both kinds of neuron."""
    made = tmp_path_factory.mktemp("hybrid")
    for hybrid in (True, False):
        for kind in (LIF, SINGLE_SPIKE):
            name = f"{'hybrid' if hybrid else 'direct'}_{kind}"
            network = made_hybrid.network(hybrid=hybrid, kind=kind, timed=kind == SINGLE_SPIKE)
            save_network(network, made / f"{name}.npz")
            save_trace(made_hybrid.recorded(network, SAMPLES), made / f"{name}_trace.npz")
    save_network(made_hybrid.cnn(network), made / "cnn.npz")  # given, so that shipped ones are not searched each time
    return made


def ran(folder: Path, name: str, machine: str) -> RunResult:
    trace = folder / f"{name}_trace.npz"
    return report.run(folder / f"{name}.npz", machine, trace, cnn=folder / "cnn.npz", threads=1)


@pytest.fixture(scope="module")
def hybrid(folder: Path) -> RunResult:
    return ran(folder, "hybrid_single_spike", "pim45nm")


def test_a_hybrid_first_layer_has_two_rows_and_the_second_its_neurons(hybrid: RunResult) -> None:
    """72 inputs fire once each; dense MACs 24 outputs · 27 weights."""
    rows = hybrid.layers.set_index("layer")
    assert list(rows.index) == ["conv1", "conv1:spikes", "conv2", "classifier", "(machine)"]
    sums, spikes = rows.loc["conv1"], rows.loc["conv1:spikes"]
    assert (sums["engine"], spikes["engine"]) == ("pim", "event")
    assert (sums["dense_macs"], spikes["dense_macs"]) == (648, 0)
    assert (sums["neurons"], sums["input_spikes"], sums["output_spikes"]) == (0, 0, 0)
    assert np.isnan(sums["spikes_per_neuron"])
    assert (spikes["neurons"], spikes["input_spikes"]) == (24, 72)
    fired = int(np.bitwise_count(hybrid.trace.spikes[0]).sum())
    assert spikes["spikes_per_neuron"] == fired / (24 * SAMPLES)
    assert spikes["output_spikes"] == rows.loc["conv2", "input_spikes"] == fired / SAMPLES


def test_rows_of_both_parts_add_up_to_the_total(hybrid: RunResult) -> None:
    assert sum(row[13] for row in hybrid.layer_table.rows) == hybrid.cost.energy("full").nominal
    assert hybrid.layer_table.columns[13] == "energy_pj"


def test_saturations_of_the_first_layer_stand_with_its_neurons(hybrid: RunResult) -> None:
    saturated = replace(hybrid.trace, saturations=np.array([12, 6, 0], np.int64))
    found = replace(hybrid, trace=saturated)
    assert found.saturations == (0.0, 2.0, 1.0, 0.0)
    assert "membrane writes per inference: conv1:spikes 2, conv2 1" in render.text(found, 100)


def test_what_fires_is_told_and_written(hybrid: RunResult, tmp_path: Path) -> None:
    text = render.text(hybrid, 120)
    neurons = 24 + 15
    assert f"neurons that fired twice: 0 of {neurons * SAMPLES}" in text
    assert "single_spike neurons, timed classifier" in text
    report.write(hybrid, tmp_path)
    rows = list(csv.DictReader((tmp_path / "firing.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["layer"] for row in rows] == ["(input)", "conv1", "conv2"]
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert [row["fired_twice"] for row in document["firing"]] == [0, 0, 0]
    assert document["model"]["neurons"] == ["single_spike", "single_spike", "timed"]
    assert document["model"]["input_spikes"] == {"low": 8, "high": 56, "shift": 3}
    assert list(document["activity"]["units"]) == ["conv1", "conv1:spikes", "conv2", "classifier"]


def test_direct_networks_of_neurons_that_fire_freely_are_told_of_as_ever(folder: Path, tmp_path: Path) -> None:
    plain = ran(folder, "direct_lif", "pim45nm")
    assert (plain.firing, plain.encoding) == ((), "")
    report.write(plain, tmp_path)
    assert not (tmp_path / "firing.csv").exists()
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert "firing" not in document
    assert not {"neurons", "input_spikes"} & set(document["model"])


@pytest.mark.parametrize("name", ["hybrid_lif", "direct_single_spike"])
def test_encoding_and_neurons_are_independent(folder: Path, name: str) -> None:
    found = ran(folder, name, "digital45nm")
    hybrid = name.startswith("hybrid")
    assert len(found.activity.layers) == (4 if hybrid else 3)
    assert [line.layer for line in found.firing] == (["(input)"] if hybrid else []) + ["conv1", "conv2"]
    assert [line.twice is None for line in found.firing if line.layer != "(input)"] == [hybrid, hybrid]
    assert all("(ours)" in figure.paper for figure in found.analysis.figures)


def test_the_cnn_beside_it_is_that_of_the_direct_network(folder: Path, hybrid: RunResult) -> None:
    """A CNN of the same layers costs the same, whatever fires in the network that it stands beside."""
    other = ran(folder, "direct_lif", "pim45nm")
    for mine, theirs in zip(hybrid.baselines, other.baselines, strict=True):
        assert mine.cost.energy("full") == theirs.cost.energy("full")
        assert len(mine.activity.layers) == 3


def test_what_a_machine_that_costs_a_cnn_does_not_execute_is_not_told(folder: Path) -> None:
    costed = ran(folder, "hybrid_single_spike", "ann45nm")
    assert costed.firing == ()
    assert len(costed.activity.layers) == 3


def compared(folder: Path, *machines: str, changes: dict[str, object] | None = None) -> Comparison:
    model = folder / "hybrid_single_spike.npz"
    trace = folder / "hybrid_single_spike_trace.npz"
    return report.comparison(model, machines, trace, overrides=changes, cnn=folder / "cnn.npz", threads=1)


def test_a_comparison_names_both_engines_of_the_first_layer_and_the_paper(folder: Path) -> None:
    found = compared(folder, "ann45nm", "digital45nm", "pim45nm", "allpim45nm")
    rows = found.frame[found.frame["accounting"] == "compute_only"].set_index("system")
    assert dict(rows["first_layer"]) == {
        "cnn_32b": "mac",
        "cnn_6b": "mac",
        "digital45nm": "mac+event",
        "pim45nm": "pim+event",
        "allpim45nm": "pim",
    }
    assert rows.loc["digital45nm", "paper"] == "single-spike hybrid"
    assert rows.loc["pim45nm", "paper"] == "hybrid ACE-SNN / IMAC (ours)"
    assert rows.loc["cnn_6b", "paper"] == "HYPER-SNN"
    assert np.isnan(rows.loc["allpim45nm", "paper_energy_pj"])
    assert rows.loc["pim45nm", "digital_snn_over"] > 0
    document = json.loads(json.dumps(found.document))
    engines = {system["name"]: system["engines"] for system in document["systems"]}
    assert engines["digital45nm"]["conv1:spikes"] == "event"
    assert "conv1:spikes" not in engines["cnn_6b"]
    text = report.compare_text(found, 120)
    assert "one spike per input at steps 2 … 4" in text
    assert "mac+event" in text


def test_no_paper_assumes_input_spikes_in_memory(folder: Path) -> None:
    (system,) = compared(folder, "pim45nm", changes={"layers.input_spikes": "pim"}).systems
    assert (system.first_engines, system.paper) == ("pim", None)
    assert not system.is_digital_snn


def test_a_network_that_fires_twice_would_be_told_of(hybrid: RunResult) -> None:
    """Traces that break the rule are refused before; the report counts all the same."""
    line = LayerFiring("conv1", SINGLE_SPIKE, 24, SAMPLES, (3, 1, 0, 0), 3, 1)
    assert "neurons that fired twice: 1 of 144" in render.text(replace(hybrid, firing=(line,)), 100)


def test_maps_that_are_executed_again_are_those_that_are_told(folder: Path) -> None:
    """Membranes of 6 bits compute something else than the recording."""
    found = ran(folder, "hybrid_single_spike", "lean45nm")
    assert found.executed
    network = load_network(folder / "hybrid_single_spike.npz")
    assert found.firing == firing(network, found.trace)
    assert [line.twice for line in found.firing] == [0, 0, 0]


def test_an_evaluation_tells_what_fires_over_all_its_samples(folder: Path, tmp_path: Path) -> None:
    model, source = folder / "hybrid_single_spike.npz", folder / "hybrid_single_spike_trace.npz"
    found = report.evaluate(model, source, membrane_bits=[8], out=tmp_path, threads=1)
    trace = load_trace(source)
    assert found.executed.firing == firing(load_network(model), trace)
    assert np.array_equal(found.executed.predictions, trace.predictions)
    rows = list(csv.DictReader((tmp_path / "firing.csv").read_text(encoding="utf-8").splitlines()))
    document = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert [row["layer"] for row in rows] == [row["layer"] for row in document["firing"]]
    assert len(found.membranes[0].shifts) == 2  # of hidden layers; the timed classifier keeps its running sum
    text = report.evaluation_text(found, 120)
    assert "one spike per input at steps 2 … 4" in text
    assert f"neurons that fired twice: 0 of {39 * SAMPLES}" in text
