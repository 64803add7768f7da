"""A CNN beside a network: found, checked, executed on the same samples; and a CNN as the network itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_inputs
import numpy as np
import pytest

from pimsim import report
from pimsim.errors import AccumulatorError, MappingError, ModelError
from pimsim.hardware import load_hardware
from pimsim.model import load_network, reference, save_network
from pimsim.model.accuracy import accuracy
from pimsim.model.network import RELU, IntegerNetwork, Neuron
from pimsim.report import accuracies, cnn_model
from pimsim.resources import HARDWARE, MODEL, TRACE, find, shipped
from pimsim.simulation import execute
from pimsim.traces import load_trace, save_trace

NOTED = {"overall_percent": 98.5, "average_percent": 97.25, "kappa_percent": 96.0}


def cnn(bits: int = 6) -> IntegerNetwork:
    """The made network's weights under ReLU neurons of ``bits``."""
    network = made_inputs.network()
    ratios = ((3000, 18), (3000, 16))
    layers = [
        replace(layer, neuron=Neuron(RELU, multiplier=ratio[0], shift=ratio[1], activation_bits=bits))
        for layer, ratio in zip(network.layers, ratios, strict=False)
    ]
    return replace(network, layers=(*layers, network.layers[-1]), time_steps=1, leak_fraction_bits=0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made_inputs.write_model(tmp_path)
    made_inputs.write_scene(tmp_path)
    save_network(replace(cnn(), provenance={"float_accuracy": NOTED}), tmp_path / "cnn.npz")
    monkeypatch.chdir(tmp_path)
    save_trace(report.run("made.npz", "pim45nm", "field.npy", samples=12).trace, Path("trace.npz"))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_cnn_runs_on_the_same_samples_and_its_accuracy_is_of_these() -> None:
    result = report.run("made.npz", "pim45nm", "trace.npz", cnn="cnn.npz")
    narrow, wide = result.baselines
    outputs = reference.run(load_network("cnn.npz"), result.trace.inputs).outputs
    assert narrow.accuracy == accuracy(result.trace.labels, outputs.argmax(1), made_inputs.CLASSES)
    assert (narrow.accuracy_source, narrow.executed) == ("simulated", True)
    assert (wide.accuracy_source, wide.executed) == ("float", False)
    assert wide.accuracy is not None
    assert wide.accuracy.percent() == NOTED
    summary = result.summary.drop_duplicates("system").set_index("system")
    assert summary.loc["cnn_6b", "overall_accuracy"] == narrow.accuracy.overall
    assert summary.loc["cnn_32b", "accuracy_source"] == "float"
    text = report.text(result, width=120)
    assert "6-bit CNN, CNN cnn, executed on the same samples" in text
    assert "32-bit CNN, float network on all test samples" in text


def test_the_cnns_shipped_trace_is_reused_where_it_starts_with_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the accuracy and the cost that executing it gives."""
    again = report.run("cnn3d_6b", "pim45nm", samples=5)
    monkeypatch.setattr(cnn_model, "shipped_trace", lambda _: None)
    executed = report.run("cnn3d_6b", "pim45nm", samples=5)
    assert [item.executed for item in (again.baselines[0], executed.baselines[0])] == [False, True]
    assert again.baselines[0].accuracy == executed.baselines[0].accuracy
    assert again.baselines[0].activity == executed.baselines[0].activity
    assert "CNN cnn3d_ann6b, from its shipped trace" in report.text(again)


def test_a_cnns_trace_of_other_samples_is_not_reused() -> None:
    shipped_inputs = load_trace(find(TRACE, "cnn3d_indian_pines"))
    other = replace(shipped_inputs, inputs=shipped_inputs.inputs[::-1])
    found = cnn_model.find_cnn(load_network(find(MODEL, "cnn3d_6b")), None)
    ran = cnn_model.run_cnn(found, other, threads=1)
    assert ran is not None
    assert ran.executed


BLOCKS = {"scene": "indian_pines", "split": {"kind": "blocks", "train_fraction": 0.4, "seed": 0, "block": 24}}


@pytest.mark.parametrize(
    ("provenance", "told"),
    [
        ({"scene": "indian_pines", "seed": 0, "train_fraction": 0.4}, False),
        ({"scene": "indian_pines", "split": {"kind": "random", "train_fraction": 0.4, "seed": 0, "patch": 5}}, False),
        ({"scene": "indian_pines", "split": {"kind": "random", "train_fraction": 0.4, "seed": 1, "patch": 5}}, True),
        (BLOCKS, True),
        (BLOCKS | {"scene": "salinas_a"}, False),
        ({"scene": "indian_pines"}, False),
        ({"scene": "indian_pines", "split": 7}, False),
    ],
)
def test_a_cnn_trained_on_other_pixels_of_the_scene_is_told_of(provenance: dict[str, object], told: bool) -> None:
    """The shipped CNN has a random split of seed 0, in which it trained on pixels that others are tested on."""
    network = replace(load_network(find(MODEL, "cnn3d_6b")), provenance=provenance)
    trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
    ran = cnn_model.run_cnn(cnn_model.find_cnn(network, None), trace, threads=1, network=network)
    assert ran is not None
    assert ("among those that it was trained on" in ran.execution) == told


@pytest.mark.usefixtures("folder")
def test_a_comparison_shows_the_same_cnn_as_a_run() -> None:
    compared = report.comparison("made.npz", ["ann45nm", "pim45nm"], "trace.npz", cnn="cnn.npz")
    alone = report.run("made.npz", "pim45nm", "trace.npz", cnn="cnn.npz").baselines
    wide, narrow, spiking = compared.systems
    assert [one.name for one in compared.systems] == ["cnn_32b", "cnn_6b", "pim45nm"]
    assert narrow.accuracy == alone[0].accuracy
    assert wide.accuracy == alone[1].accuracy
    assert narrow.cost.energy("full") == alone[0].cost.energy("full")
    assert (narrow.executed, wide.executed) == (True, False)
    assert spiking.accuracy_source == "simulated"
    text = report.compare_text(compared)
    assert "(98.50)" in text
    assert "in brackets the float network" in text


@pytest.mark.usefixtures("folder")
def test_without_a_cnn_its_layers_are_costed_and_no_accuracy_is_known() -> None:
    """Shipped CNNs have other layers than the made network."""
    result = report.run("made.npz", "pim45nm", "trace.npz")
    assert [item.accuracy for item in result.baselines] == [None, None]
    shapes = report.run("made.npz", "pim45nm", "trace.npz", cnn="cnn.npz").baselines[1]
    assert result.baselines[1].cost.energy("full") == shapes.cost.energy("full")  # at 32 bits nothing changes


def test_scale_weights_cost_what_bare_layers_are_costed_at_but_for_the_inputs_zero_point(folder: Path) -> None:
    """Codes minus zero point as signed codes of 7 bits are no 6-bit weights, so small signed ones are taken."""
    plain = cnn()
    layers = [
        replace(layer, weight=(layer.weight.astype(np.int8) % 32) - 16, scheme="scale", zero_point=0)
        for layer in plain.layers
    ]
    save_network(replace(plain, layers=tuple(layers)), folder / "scale.npz")
    costed = report.run("made.npz", "pim45nm", "trace.npz").baselines[0]
    executed = report.run("made.npz", "pim45nm", "trace.npz", cnn="scale.npz").baselines[0]
    assert executed.activity.latency_cycles == costed.activity.latency_cycles
    more = {
        (layer.layer, item.component, item.action)
        for layer, bare in zip(executed.activity.layers, costed.activity.layers, strict=True)
        for item in set(layer.actions) - set(bare.actions)
    }
    assert more == {("conv1", "correction", "add")}


def changed(**changes: object) -> IntegerNetwork:
    network = cnn()
    first = replace(network.layers[0], **changes) if set(changes) & {"weight_bits", "neuron"} else None
    if first is not None:
        return replace(network, layers=(first, *network.layers[1:]))
    return replace(network, **changes)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (made_inputs.network(), 'its neurons are "lif", not "relu"'),
        (changed(weight_bits=8), 'layer "conv1" has weights of 8 bits'),
        (cnn(bits=5), 'layer "conv1" has activations of 5 bits'),
        (changed(input=replace(cnn().input, scale=0.13)), "its inputs are quantized otherwise"),
        (changed(input=replace(cnn().input, mean=cnn().input.mean + 1)), "its inputs are quantized otherwise"),
    ],
)
def test_a_model_that_is_not_the_cnn_of_the_network_is_refused_with_the_reason(
    other: IntegerNetwork, reason: str, folder: Path
) -> None:
    save_network(other, folder / "other.npz")
    with pytest.raises(ModelError, match=rf"other\.npz: not the 6-bit CNN of this model: {reason}") as caught:
        report.run("made.npz", "pim45nm", "trace.npz", cnn="other.npz")
    assert "\n" not in str(caught.value)


def test_a_cnn_of_other_layers_is_refused(folder: Path) -> None:
    network = made_inputs.network()
    shorter = replace(network, layers=network.layers)
    assert cnn_model.mismatch(shorter, cnn()) == ""
    with pytest.raises(ModelError, match="its layers have other shapes"):
        report.run("cnn3d_6b", "pim45nm", samples=1, cnn=folder / "cnn.npz")


@pytest.mark.usefixtures("folder")
def test_a_cnn_is_a_model_of_its_own() -> None:
    """On the multipliers of ann45nm, with no word on ``network: iso_cnn``, and in crossbars."""
    network = load_network("cnn.npz")
    digital = report.run("cnn.npz", "ann45nm", "field.npy", samples=10)
    assert digital.executed
    assert digital.accuracy is not None
    dense = reference.run(network, digital.trace.inputs)
    assert np.array_equal(digital.trace.outputs, dense.outputs)
    save_trace(digital.trace, Path("activations.npz"))
    again = report.run("cnn.npz", "ann45nm", "activations.npz", overrides={"network": "as_is"})
    assert not again.executed
    assert again.cost.energy("full") == digital.cost.energy("full")
    crossbar = report.run("cnn.npz", "allpim45nm", "activations.npz", overrides={"engines.pim.accumulator_bits": 24})
    assert np.array_equal(crossbar.trace.outputs, dense.outputs)
    assert digital.papers.empty
    table = digital.layers.set_index("layer")
    assert table["input_spikes"].isna().all()
    active = [np.count_nonzero(values) / 10 for values in dense.activations]
    assert list(table["output_activations"].iloc[:2]) == active
    assert "active/" in report.text(digital)


def test_a_cnn_in_a_spiking_networks_place_has_no_spikes() -> None:
    """Nothing is executed: what left its layers is not known either."""
    table = report.run("cnn3d_6b", "ann45nm", samples=1).layers.iloc[:-1]
    for column in ("input_spikes", "output_spikes", "spikes_per_neuron", "output_activations"):
        assert table[column].isna().all()
    assert (table["accumulates"] > 0).all()


@pytest.mark.usefixtures("folder")
def test_a_cnn_is_compared_on_the_machines_that_take_it() -> None:
    save_trace(execute(load_network("cnn.npz"), load_trace("trace.npz").inputs), Path("activations.npz"))
    compared = report.comparison("cnn.npz", ["ann45nm"], "activations.npz", cnn="cnn.npz")
    (system,) = compared.systems
    assert (system.name, system.executed) == ("ann45nm", False)
    assert system.paper is not None
    assert system.cost.energy("full") == system.cnns[0].cost.energy("full")
    with pytest.raises(MappingError, match=r'hardware "pim45nm": layer .*: the event core takes spikes of 1 bit'):
        report.comparison("cnn.npz", ["ann45nm", "pim45nm"], "activations.npz")
    everywhere = report.comparison("cnn.npz", None, "activations.npz", cnn="cnn.npz")
    assert [system.name for system in everywhere.systems] == ["ann45nm", "allpim45nm"]


NARROW = {("cnn32h", "ann45nm"): {"fc1": 30}, ("vgg6_ann6b", "allpim45nm"): {"conv2": 21, "fc1": 24}}
"""Network or model, and machine → bits that sums of layers need, in the order in which they are told."""


@pytest.mark.parametrize("machine", [path.stem for path in shipped(HARDWARE)])
@pytest.mark.parametrize("model", [path.stem for path in shipped(MODEL)])
def test_every_shipped_model_runs_on_every_shipped_machine_or_is_refused_in_a_line(model: str, machine: str) -> None:
    """A CNN does not run where a layer behind the first is on an event core; everything else runs.

    CNN-32H as a CNN needs a wider accumulator than ``ann45nm`` has, VGG-6 as one than the crossbars of ``allpim45nm``:
    the error names it, and with it the network runs.
    """
    if load_network(find(MODEL, model)).is_cnn and load_hardware(machine).layers.others == "event":
        with pytest.raises(MappingError, match="the event core takes spikes of 1 bit") as caught:
            report.run(model, machine, samples=2)
        assert "\n" not in str(caught.value)
        return
    overrides: dict[str, object] = {}
    known = ((load_network(find(MODEL, model)).architecture.name, machine), (model, machine))
    needs = next((NARROW[one] for one in known if one in NARROW), dict[str, int]())
    for layer, bits in needs.items():
        told = rf'^hardware "{machine}": layer "{layer}": .* need {bits} bits'
        with pytest.raises(AccumulatorError, match=told) as narrow:
            report.run(model, machine, samples=2, overrides=overrides)
        overrides[narrow.value.key] = narrow.value.bits
    result = report.run(model, machine, samples=2, overrides=overrides)
    assert result.activity.samples == 2
    assert result.accuracy is not None or machine == "ann45nm"


@pytest.mark.parametrize("noted", [None, 3, {}, NOTED | {"kappa_percent": "high"}, NOTED | {"overall_percent": 101.0}])
def test_a_provenance_without_a_usable_accuracy_gives_none(noted: object) -> None:
    assert accuracies.float_accuracy({"float_accuracy": noted}) is None
