"""Sweeps from currents, of spiking networks and CNNs: the description against the simulator, on whole layers."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rtl_cases import neuron_words
from strategies import Case, cases, cnns, networks

from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.rtl.bench.run_sweep import run_sweep
from pimsim.rtl.parts.design import sweep_design
from pimsim.rtl.verify.case import LayerCase, layer_case
from pimsim.rtl.verify.compare import compare
from pimsim.simulation import execute


@st.composite
def dense_layers(draw: st.DrawFn) -> tuple[Case, dict[str, Any], int]:
    """A network with inputs, changes to a machine of multipliers alone, and the number of one of its layers."""
    made = draw(cases(max_hidden=2, of=st.one_of(networks(2), networks(2), cnns(2, max_bits=9))))
    words = {} if made.network.is_cnn else draw(neuron_words())
    knobs = {"accumulator_bits": 32, "membrane_bits": 20, "neuron_lanes": draw(st.integers(1, 20))}
    knobs |= {"sweep_depth": draw(st.integers(1, 9)), **words}
    changes: dict[str, Any] = {f"engines.mac.{key}": value for key, value in knobs.items()}
    changes |= {"network": "as_is", "memories.macro_width_bits": draw(st.integers(8, 80))}
    return made, changes, draw(st.integers(0, len(made.network.layers) - 1))


def case_of(made: Case, changes: dict[str, Any], index: int) -> LayerCase:
    """The layer, behind what the simulator records in front of it; only its sweep is described."""
    hardware = load_hardware("ann45nm", changes)
    trace = execute(made.network, made.inputs, numerics=map_model(made.network, hardware).numerics)
    return layer_case(made.network, hardware, trace, index)


def observed(case: LayerCase, *, per_step: bool):
    """Sums as the simulator has recorded them, through the described sweep."""
    design = sweep_design(case.network, case.mapping, case.hardware, case.index)
    currents = case.record().currents
    return run_sweep(design, currents if per_step else currents[:, 0], steps=case.steps, name=case.layer.name)


@settings(max_examples=60)
@given(dense_layers())
def test_sweeps_of_layers_on_dense_engines(layer) -> None:
    case = case_of(*layer)
    verdict = compare(case, observed(case, per_step=True))
    assert verdict.equal, verdict.differences
    assert not verdict.sums_described


@settings(max_examples=20)
@given(dense_layers())
def test_the_first_layer_s_sums_are_swept_in_every_step(layer) -> None:
    made, changes, _ = layer
    case = case_of(made, changes, 0)
    verdict = compare(case, observed(case, per_step=False))
    assert verdict.equal, verdict.differences
