"""The whole way in one call: what is executed, what is re-used, and what the numbers then say."""

import json
import re
from dataclasses import replace
from math import fsum
from pathlib import Path

import made_inputs
import numpy as np
import pytest

from pimsim import report
from pimsim.cost import Cost
from pimsim.cost.papers import hypersnn
from pimsim.errors import CostError, HardwareError, MappingError, MissingFileError, OutputError, SceneError, TraceError
from pimsim.hardware import load_hardware
from pimsim.mapping import layer_numerics
from pimsim.model import load_network, network_hash, save_network
from pimsim.report import RunResult, inputs, pipeline
from pimsim.resources import HARDWARE, shipped
from pimsim.scenes import Split, divide, extract_patches, load_scene, stratified_split
from pimsim.simulation import execute
from pimsim.traces import load_trace, save_trace

MACHINES = ("pim45nm", "pim45nm_bitserial", "digital45nm")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with made.npz, field.npy and trace.npz, recorded on pim45nm from the field."""
    made_inputs.write_model(tmp_path)
    made_inputs.write_scene(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = report.run("made.npz", "pim45nm", "field.npy", samples=12)
    save_trace(result.trace, tmp_path / "trace.npz")
    return tmp_path


@pytest.fixture
def never_executed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, where executing the network fails the test."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the network was executed")

    monkeypatch.setattr(pipeline, "execute", forbidden)
    return folder


@pytest.mark.parametrize("machine", [*MACHINES, "ann45nm"])
def test_trace_on_another_machine_never_executes_the_network(never_executed: Path, machine: str) -> None:
    result = report.run(never_executed / "made.npz", machine, never_executed / "trace.npz")
    assert not result.executed
    assert result.activity.samples == 12


@pytest.mark.usefixtures("never_executed")
def test_trace_with_other_costs_or_organisation_is_re_used() -> None:
    changes = {"cost.table": "45nm_hypersnn", "engines.event.lanes": 7, "schedule": "pipelined", "clock_mhz": 100}
    result = report.run("made.npz", "pim45nm", "trace.npz", overrides=changes)
    assert not result.executed
    assert "re-used" in result.execution


def test_words_that_change_values_make_the_network_execute_again(folder: Path) -> None:
    trace = load_trace(folder / "trace.npz")
    bits = int(max(-trace.membrane_low[0], trace.membrane_high[0])).bit_length()  # a sign bit short
    changes = {"engines.pim.membrane_bits": max(bits, 4)}
    result = report.run("made.npz", "pim45nm", "trace.npz", overrides=changes)
    assert result.executed
    assert "executed again" in result.execution
    machine = load_hardware("pim45nm", changes)
    network = load_network("made.npz")
    again = execute(network, trace.inputs, trace.labels, layer_numerics(network, machine))
    assert np.array_equal(result.trace.outputs, again.outputs)


@pytest.mark.usefixtures("folder")
def test_scene_is_executed_and_its_labels_give_an_accuracy() -> None:
    result = report.run("made.npz", "pim45nm", "field.npy", samples=12)
    assert result.executed
    assert result.accuracy is not None
    assert result.accuracy.overall == np.mean(result.trace.predictions == result.trace.labels)
    assert len(set(result.trace.labels.tolist())) > 1  # samples are spread over the scene


def test_samples_of_a_trace_are_its_first(folder: Path) -> None:
    result = report.run("made.npz", "pim45nm", "trace.npz", samples=3)
    assert np.array_equal(result.trace.inputs, load_trace(folder / "trace.npz").inputs[:3])
    assert result.summary["samples"][0] == 3


def test_accuracy_is_absent_where_no_label_is_known(folder: Path) -> None:
    trace = load_trace(folder / "trace.npz")
    save_trace(replace(trace, labels=np.full_like(trace.labels, -1)), folder / "unlabelled.npz")
    result = report.run("made.npz", "pim45nm", "unlabelled.npz")
    assert result.accuracy is None
    assert "accuracy" not in report.text(result, 100).split("Cost choices")[0].split("The papers")[0].splitlines()[-1]
    assert result.summary["kappa"].isna().all()


@pytest.fixture
def results(folder: Path) -> dict[str, RunResult]:  # noqa: ARG001 - the runs happen in it
    return {machine: report.run("made.npz", machine, "trace.npz") for machine in MACHINES}


def test_every_layer_appears_on_the_engine_of_its_machine(results: dict[str, RunResult]) -> None:
    names = [layer.name for layer in load_network("made.npz").layers]
    for machine, result in results.items():
        assert list(result.layers["layer"]) == [*names, "(machine)"]
        assert list(result.layers["engine"][1:-1]) == ["event"] * (len(names) - 1)
        assert result.layers["engine"][0] == ("mac" if machine == "digital45nm" else "pim")


def test_spikes_and_baselines_do_not_depend_on_the_engine_of_the_first_layer(results: dict[str, RunResult]) -> None:
    spikes = [list(result.layers["output_spikes"].dropna()) for result in results.values()]
    assert spikes[0] == spikes[1] == spikes[2]
    dense = [[item.cost.energy("full") for item in result.baselines] for result in results.values()]
    assert dense[0] == dense[1] == dense[2]


@pytest.mark.usefixtures("folder")
def test_baseline_of_6_bits_is_what_running_ann45nm_costs_but_for_the_zero_points() -> None:
    """The baseline's weights are signed; the model's are affine, whose correction comes on top."""
    baseline = report.run("made.npz", "pim45nm", "trace.npz").baselines[0]
    run = report.run("made.npz", "ann45nm", "trace.npz", samples=1)
    expected = {layer.name: layer.shape.macs for layer in load_network("made.npz").layers}
    assert _multiplications(run.cost) == _multiplications(baseline.cost) == expected


def _multiplications(cost: Cost) -> dict[str, int]:
    return {line.layer: line.count for line in cost.lines if (line.component, line.action) == ("mac", "multiply")}


def test_baseline_of_32_bits_costs_more_in_the_same_time(results: dict[str, RunResult]) -> None:
    narrow, wide = results["pim45nm"].baselines
    assert wide.cost.delay_ns == narrow.cost.delay_ns
    for accounting in ("compute_only", "with_memory", "full"):
        assert wide.cost.energy(accounting).nominal > narrow.cost.energy(accounting).nominal


@pytest.mark.usefixtures("folder")
def test_hypersnn_prices_give_the_baselines_its_own_macs() -> None:
    """Table V: a dense pass costs ΣF·0.26 pJ at 6 bits and ΣF·3.2 pJ at 32."""
    result = report.run("made.npz", "pim45nm", "trace.npz", overrides={"cost.table": "45nm_hypersnn"})
    macs = [layer.shape.macs for layer in load_network("made.npz").layers]
    for baseline in result.baselines:
        mac = baseline.cost.action("mac", "multiply").nominal
        expected = hypersnn.ann_energy_pj(macs, hypersnn.TABLE_V[baseline.bits])
        assert mac / 1e6 == pytest.approx(expected, rel=1e-9)
        assert result.analysis.value(f"ann{baseline.bits}_energy_pj") == pytest.approx(expected)


def test_papers_block_uses_the_spikes_of_the_run(results: dict[str, RunResult]) -> None:
    result = results["pim45nm"]
    network = load_network("made.npz")
    macs = [layer.shape.macs for layer in network.layers]
    zetas = list(result.layers["spikes_per_neuron"])[: len(macs) - 1]
    expected = hypersnn.snn_energy_pj(macs, zetas, hypersnn.TABLE_V[6], convention="previous")
    assert result.analysis.value("snn6_energy_previous_pj") == pytest.approx(expected)
    assert set(result.papers["paper"]) == {"HYPER-SNN", "ACE-SNN / IMAC"}


def test_same_run_gives_the_same_bytes_whatever_the_threads(folder: Path) -> None:
    for threads, out in ((1, "one"), (2, "two")):
        report.run("made.npz", "pim45nm", "field.npy", samples=9, out=out, threads=threads)
    for path in (folder / "one").iterdir():
        assert path.read_bytes() == (folder / "two" / path.name).read_bytes()


def test_run_json_tells_what_was_run(folder: Path) -> None:
    report.run("made.npz", "pim45nm", "trace.npz", overrides={"engines.event.lanes": 5}, out="run")
    document = json.loads((folder / "run" / "run.json").read_text())
    assert document["model"]["sha256"] == network_hash(load_network("made.npz"))
    assert document["hardware"]["overrides"] == {"engines.event.lanes": 5}
    assert document["hardware"]["configuration"]["engines"]["event"]["lanes"] == 5
    assert document["execution"]["executed"] is False
    assert document["input"]["samples"] == 12
    for units in document["activity"]["units"].values():
        for unit in units.values():
            assert unit["busy"] + unit["stall"] + unit["idle"] == unit["total"]
    assert str(folder) not in (folder / "run" / "run.json").read_text()


@pytest.mark.usefixtures("folder")
def test_pixels_of_the_scene_the_model_was_trained_on_are_test_pixels() -> None:
    scene = load_scene("field.npy")
    network = replace(load_network("made.npz"), provenance={"scene": scene.name, "seed": 3, "train_fraction": 0.4})
    source = inputs.resolve(network, "0" * 64, "field.npy", None)
    patches = extract_patches(scene, network.architecture.input_shape[2])
    _, test = stratified_split(patches.labels, train_fraction=0.4, seed=3)
    assert isinstance(source.content, inputs.Samples)
    assert np.array_equal(source.content.codes, network.input.quantize(patches.take(test)))
    assert "test pixels (seed 3" in source.selection


@pytest.mark.usefixtures("folder")
def test_a_model_trained_on_blocks_is_tested_off_them() -> None:
    small = load_scene("field.npy")
    np.save("wide.npy", np.tile(small.cube, (5, 5, 1)))
    np.save(
        "wide_gt.npy", np.repeat([small.class_ids], 30, axis=0).repeat(-(-35 // len(small.class_ids)), axis=1)[:, :35]
    )
    scene, network = load_scene("wide.npy"), load_network("made.npz")
    patch = network.architecture.input_shape[2]
    division = divide(scene, Split("blocks", block=6), patch)
    network = replace(network, provenance={"scene": scene.name, "split": division.describe()})
    source = inputs.resolve(network, "0" * 64, "wide.npy", None)
    assert isinstance(source.content, inputs.Samples)
    raw = extract_patches(scene, patch).take(division.test)
    assert np.array_equal(source.content.codes, network.input.quantize(raw))
    assert division.split.text in source.selection


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"samples": 13}, TraceError, "samples=13"),
        ({"input": "field.npy", "samples": 10**6}, SceneError, "samples=1000000"),
        ({"input": None}, MissingFileError, "no trace of this model"),
        ({"input": "nowhere.npz"}, MissingFileError, "nowhere.npz"),
        ({"input": "made.npz"}, TraceError, "made.npz"),
        ({"hardware": "pim"}, MissingFileError, "pim"),
        ({"model": "field.npy"}, ValueError, "field.npy"),
        ({"overrides": {"clock_mhz": 0}}, HardwareError, "clock_mhz=0"),
        ({"overrides": {"cost.table": "7nm"}}, MissingFileError, 'hardware "pim45nm": cost.table: cost table "7nm"'),
        ({"overrides": {"memories.count_kib": 0.001}}, MappingError, 'hardware "pim45nm": engines.event: count_memory'),
        ({"overrides": {"cost.adc_model": "flash"}}, CostError, 'adc_model="flash"'),
        ({"out": "made.npz"}, OutputError, "made.npz"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    folder: Path, changed: dict[str, object], error: type[Exception], message: str
) -> None:
    before = sorted(folder.rglob("*"))
    given = {"model": "made.npz", "hardware": "pim45nm", "input": "trace.npz", "out": "run"} | changed
    with pytest.raises(error, match=re.escape(message)) as caught:
        report.run(**given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("schedule", ["shared", "pipelined"])
@pytest.mark.parametrize("machine", [path.stem for path in shipped(HARDWARE)])
def test_shipped_model_runs_on_every_shipped_machine(machine: str, schedule: str) -> None:
    overrides: dict[str, object] = {"schedule": schedule}
    if (machine, schedule) == ("allpim45nm", "shared"):  # ten arrays are each layer's own; together they need 31
        overrides["engines.pim.arrays"] = 31
    result = report.run("cnn3d_6b", machine, samples=3, overrides=overrides)
    # the recorded run is used again but where membranes are rounded or converters err
    errs = any(item.get("membrane_shift") or item["crossbar"] for item in result.trace.numerics)
    assert result.executed == errs
    assert result.layers["dense_macs"].sum() == 14_600_616
    full = result.cost.energy("full")
    assert 0 < full.low <= full.nominal <= full.high
    assert (
        round(fsum(result.components["energy_pj"]), 6) == round(fsum(result.layers["energy_pj"]), 6) == full.pj.nominal
    )
    assert round(result.analysis.value("ceiling_ann32"), 1) == 186.7


def test_saturated_membranes_are_told_per_layer() -> None:
    widths: dict[str, object] = {"engines.event.membrane_bits": 8}
    result = report.run("cnn3d_6b", "pim45nm", samples=2, overrides=widths)
    counts = result.trace.saturations
    assert counts[0] == 0 < counts[1:6].min()  # the first layer runs on the crossbar, whose membranes stay wide
    assert result.layers["saturations"].dropna().tolist() == [count / 2 for count in counts]
    told = next(line for line in report.text(result).splitlines() if line.startswith("saturated"))
    assert [name for name in result.layers["layer"] if name in told] == [f"conv{n}" for n in range(2, 7)]
    exact = report.run("cnn3d_6b", "pim45nm", samples=2)
    assert "saturated" not in report.text(exact)


def test_trace_of_another_model_is_refused(folder: Path) -> None:
    save_network(made_inputs.network(seed=2), folder / "other.npz")
    with pytest.raises(TraceError, match=r"trace.npz: .*recorded from model"):
        report.run("other.npz", "pim45nm", "trace.npz")
