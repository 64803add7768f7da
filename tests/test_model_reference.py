"""The dense reference equals its naive twin, and does what docs/model-format.md says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_model import Map, NaiveLayer, run_naive
from strategies import Case, cases, numerics

from pimsim.errors import ModelError, SceneError
from pimsim.model.architecture import LayerShape
from pimsim.model.fixed_point import word_range
from pimsim.model.network import BitSerial, IntegerNetwork, LayerNumerics, Neuron
from pimsim.model.reference import ReferenceRun, layer_sums, run


def dense(maps: list[Map], like: Any) -> Any:
    """Maps of all steps as an array (T, D, H, W, C)."""
    result = np.zeros(like.shape, np.int64)
    for step, values in enumerate(maps):
        for (c, d, h, w), value in values.items():
            result[step, d, h, w, c] = value
    return result


def compare(case: Case, result: ReferenceRun, widths: tuple[LayerNumerics, ...]) -> None:
    samples = [run_naive(case.network, sample, widths) for sample in case.inputs]
    for number in range(len(case.network.layers)):
        layers: list[NaiveLayer] = [sample[number] for sample in samples]
        for n, naive in enumerate(layers):
            assert (dense(naive.potentials, result.potentials[number][n]) == result.potentials[number][n]).all()
            assert (dense(naive.membranes, result.membranes[number][n]) == result.membranes[number][n]).all()
            if number < len(result.spikes):
                assert (dense(naive.spikes, result.spikes[number][n]) == result.spikes[number][n]).all()
        offers = [value for naive in layers for step in naive.offers for value in step.values()]
        stored = [value for naive in layers for step in naive.membranes for value in step.values()]
        assert result.membrane_low[number] == min(offers)
        assert result.membrane_high[number] == max(offers)
        assert result.saturations[number] == sum(a != b for a, b in zip(offers, stored, strict=True))


@settings(max_examples=60, deadline=None)
@given(cases(max_samples=2), st.data())
def test_reference_equals_naive_twin_on_every_spike_and_membrane(case: Case, data: st.DataObject) -> None:
    widths = data.draw(numerics(case.network))
    compare(case, run(case.network, case.inputs, widths), widths)
