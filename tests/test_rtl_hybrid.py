"""First layers whose inputs fire: two cases of one layer, their Verilog, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import icarus
import numpy as np
import pytest
from made_inputs import network
from rtl_hybrid_cases import made_hybrid_case

from pimsim.errors import MappingError, TraceError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.model.input import InputSpikes
from pimsim.model.network import HYBRID, IntegerNetwork
from pimsim.rtl.verify.case import layer_case, layer_index
from pimsim.rtl.verify.compare import compare
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verify.layers import cases
from pimsim.rtl.verify.machine import compare_machine
from pimsim.rtl.verify.run_case import run_case
from pimsim.rtl.verify.run_pipeline import pipeline_design
from pimsim.rtl.verilog.emit import emit
from pimsim.simulation import execute

SMALL = {"engines.event.lanes": 3, "engines.event.scan_width": 16, "engines.pim.input_port_codes": 4}


def hybrid() -> IntegerNetwork:
    return replace(network(), encoding=HYBRID, input_spikes=InputSpikes(low=8, high=50, shift=2))


def traced(made: IntegerNetwork, hardware):
    codes = np.random.default_rng(0).integers(0, 64, (3, *made.architecture.input_shape)).astype(np.uint8)
    return execute(made, codes, numerics=map_model(made, hardware).numerics)


def names(name: str) -> list[str]:
    made, hardware = hybrid(), load_hardware(name)
    layers = ["conv1", "conv1:spikes", "conv2"]
    return [case.name for case in cases(made, hardware, traced(made, hardware), layers, Crop(samples=1), full=False)]


def test_sums_of_codes_are_a_case_where_they_are_described() -> None:
    assert names("pim45nm_bitserial") == ["conv1", "conv1:spikes", "conv2"]
    assert names("digital45nm") == ["conv1:spikes", "conv2"]


def test_sums_of_codes_that_are_not_described_are_refused_by_name() -> None:
    made, hardware = hybrid(), load_hardware("digital45nm")
    with pytest.raises(MappingError, match='layer "conv1": its sums of codes, on engine mac, are not described'):
        list(cases(made, hardware, traced(made, hardware), ["conv1"], Crop(), full=True, pass_over=False))


def test_both_parts_of_the_first_layer_are_among_the_names_that_are_known() -> None:
    made = hybrid()
    assert [layer_index(made, name) for name in ("conv1", "conv1:spikes", "conv2", "classifier")] == [0, 0, 1, 2]
    known = r'did you mean "conv1:spikes"\? \(layers: conv1, conv1:spikes, conv2, classifier\)$'
    with pytest.raises(MappingError, match=rf'has no layer "conv1:spike"; {known}'):
        layer_index(made, "conv1:spike")
    with pytest.raises(MappingError, match=r'has no layer "conv1:spikes".*\(layers: conv1, conv2, classifier\)$'):
        layer_index(network(), "conv1:spikes")


@pytest.mark.parametrize("layer", ["conv1:spikes", "conv2"])
def test_no_inference_of_fewer_steps_than_inputs_need_is_left(layer: str) -> None:
    made, hardware = hybrid(), load_hardware("digital45nm")
    trace = traced(made, hardware)
    assert layer_case(made, hardware, trace, layer, Crop(steps=2)).steps == 2
    with pytest.raises(TraceError, match=r'^steps=1 is outside 2 … 4, those of network "made"$'):
        layer_case(made, hardware, trace, layer, Crop(steps=1))


@pytest.mark.parametrize("name", ["pim45nm_bitserial", "allpim45nm"])
def test_a_cut_first_layer_agrees_in_both_of_its_parts(name: str) -> None:
    """Step 1 on a crossbar; input spikes on an event core, or on the arrays that hold the weights already."""
    made, hardware = (
        hybrid(),
        load_hardware(name, {key: SMALL[key] for key in SMALL if name[:3] == "pim" or "pim" in key}),
    )
    trace = traced(made, hardware)
    for layer in ("conv1", "conv1:spikes"):
        case = layer_case(made, hardware, trace, layer, Crop(samples=1, steps=3, channels=2))
        assert (case.of_codes, case.of_input_spikes) == (layer == "conv1", layer != "conv1")
        verdict = compare(case, run_case(case))
        assert verdict.layer == layer
        assert verdict.equal, verdict.differences


@pytest.mark.parametrize(("name", "order"), [("pim45nm_bitserial", "layer_major"), ("digital45nm", "step_major")])
def test_a_pipeline_hands_over_maps_of_a_layer_whose_inputs_fire(name: str, order: str) -> None:
    knobs = SMALL if name.startswith("pim") else {key: SMALL[key] for key in SMALL if "event" in key}
    made, hardware = hybrid(), load_hardware(name, knobs | {"schedule": "pipelined", "order": order})
    verdict = compare_machine(made, hardware, traced(made, hardware), Crop(samples=3))
    assert verdict.equal, verdict.differences
    assert "conv1:spikes encoder busy" in {row.name for row in verdict.rows}


def test_one_engine_for_codes_and_input_spikes_is_no_pipeline_that_is_described() -> None:
    made, hardware = hybrid(), load_hardware("allpim45nm", {"schedule": "pipelined"})
    with pytest.raises(MappingError, match="sums codes and input spikes on engine pim: of a pipeline"):
        pipeline_design(made, map_model(made, hardware), hardware)


@icarus.needed
@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_emitted_first_layer_passes_its_bench(number: int, tmp_path: Path) -> None:
    """Gather, scatter with lanes that skip, and a crossbar."""
    case = made_hybrid_case(number)
    emitted = emit(case)
    for name, text in emitted.files.items():
        (tmp_path / name).write_text(text)
    done = icarus.simulated(tmp_path, "bench.v", f"{emitted.top}.v", "sram.v")
    assert done.stdout.splitlines()[0] == f"PASS {case.samples} samples of {case.steps} steps"


def test_sums_of_codes_alone_are_not_emitted() -> None:
    with pytest.raises(MappingError, match='emitted is "strided:spikes"'):
        emit(made_hybrid_case(7))
