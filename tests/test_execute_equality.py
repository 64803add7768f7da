"""The compiled engine gives every spike and membrane of the dense reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Case, cases, numerics

from pimsim.errors import ModelError, SceneError, TraceError
from pimsim.model import load_network, network_hash, reference
from pimsim.model.network import BitSerial, IntegerNetwork, LayerNumerics
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import execute
from pimsim.simulation.execute import record
from pimsim.traces import load_trace, unpack_spikes


def assert_equal_to_reference(
    network: IntegerNetwork, inputs: np.ndarray, widths: tuple[LayerNumerics, ...] | None, threads: int
) -> None:
    expected = reference.run(network, inputs, widths)
    found = record(network, inputs, None, widths, threads=threads)
    for index, spikes in enumerate(expected.spikes):
        assert np.array_equal(unpack_spikes(found.trace.spikes[index], spikes.shape[2:]), spikes)
    for mine, theirs in ((found.potentials, expected.potentials), (found.membranes, expected.membranes)):
        for a, b in zip(mine, theirs, strict=True):
            assert np.array_equal(a, b.reshape(a.shape))
    assert np.array_equal(found.trace.outputs, expected.outputs)
    for name in ("membrane_low", "membrane_high", "saturations"):
        assert np.array_equal(getattr(found.trace, name), getattr(expected, name)), name


@settings(max_examples=100, deadline=None)
@given(cases(), st.data())
def test_engine_equals_the_reference_on_every_spike_and_membrane(case: Case, data: st.DataObject) -> None:
    widths = data.draw(st.none() | numerics(case.network))
    assert_equal_to_reference(case.network, case.inputs, widths, data.draw(st.sampled_from([1, 2])))


@settings(max_examples=40, deadline=None)
@given(cases(), st.data())
def test_a_bit_serial_crossbar_with_enough_adc_bits_gives_the_integer_sum(case: Case, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 70))
    exact = (LayerNumerics(46, 46),) * len(case.network.layers)
    serial = (LayerNumerics(46, 46, BitSerial(rows, rows.bit_length())), *exact[1:])
    plain, crossbar = (record(case.network, case.inputs, None, widths) for widths in (exact, serial))
    for a, b in zip(plain.potentials, crossbar.potentials, strict=True):
        assert np.array_equal(a, b)


def test_engine_repeats_the_shipped_trace_and_equals_the_reference_on_it() -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
    again = execute(network, trace.inputs, trace.labels, threads=2)
    assert again.model_hash == trace.model_hash == network_hash(network)
    assert all(np.array_equal(a, b) for a, b in zip(again.spikes, trace.spikes, strict=True))
    assert np.array_equal(again.outputs, trace.outputs)
    assert_equal_to_reference(network, trace.inputs[:4], None, 2)


def test_results_do_not_depend_on_the_number_of_threads_and_progress_reaches_the_end() -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    inputs = load_trace(find(TRACE, "cnn3d_indian_pines")).inputs[:50]
    heard: list[tuple[int, int]] = []
    traces = [execute(network, inputs, threads=n, progress=lambda *pair: heard.append(pair)) for n in (1, 2, 5)]
    for other in traces[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(traces[0].spikes, other.spikes, strict=True))
        assert np.array_equal(traces[0].saturations, other.saturations)
    assert heard[-1] == (50, 50)
    assert set(traces[0].labels) == {-1}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"inputs": np.zeros((1, 1, 199, 5, 5), np.uint8)}, SceneError, "199"),
        ({"inputs": np.full((1, 1, 200, 5, 5), 64, np.uint8)}, SceneError, "64"),
        ({"inputs": np.zeros((1, 1, 200, 5, 5))}, SceneError, "float64"),
        ({"inputs": np.zeros((0, 1, 200, 5, 5), np.uint8)}, TraceError, "0 samples"),
        ({"labels": np.array([16])}, TraceError, "16"),
        ({"numerics": (LayerNumerics(),)}, ModelError, "7"),
        ({"numerics": (LayerNumerics(8, 8),) * 7}, ModelError, "conv1"),
    ],
)
def test_inputs_and_words_that_do_not_fit_are_named(
    change: dict[str, object], error: type[Exception], text: str
) -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
    arguments: dict[str, object] = {"inputs": trace.inputs[:1]} | change
    with pytest.raises(error, match=text):
        execute(network, **arguments)  # type: ignore[arg-type]
