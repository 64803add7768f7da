"""Hybrid input encoding, timed classifiers and neurons that fire once: arithmetic, files, and what contradicts them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import made_hybrid
import model_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_model import naive_firing_step
from strategies import Case, cases, coded_networks, numerics
from test_model_reference import compare

from pimsim.errors import ModelError, TraceError
from pimsim.model import load_network, network_hash, save_network
from pimsim.model.encoding import input_spikes, packed_input_spikes
from pimsim.model.input import InputSpikes
from pimsim.model.network import HYBRID, IntegerNetwork, LayerNumerics, Neuron
from pimsim.model.reference import run
from pimsim.simulation.schedule import check_trace
from pimsim.traces import (
    Trace,
    check_input_spikes,
    first_repeat,
    holds_for,
    load_trace,
    pack_spikes,
    save_trace,
    select,
    single,
    trace_hash,
)
from pimsim.traces.repeats import AT_ONCE, Repeat


def recorded(case: Case, widths: tuple[LayerNumerics, ...] | None = None) -> Trace:
    """The trace of a spiking case, from the dense reference."""
    network, widths = case.network, widths or (LayerNumerics(46, 46),) * len(case.network.layers)
    result = run(network, case.inputs, widths)
    return Trace(
        model_hash=network_hash(network),
        inputs=case.inputs,
        spikes=tuple(pack_spikes(spikes) for spikes in result.spikes),
        outputs=result.outputs,
        labels=case.labels,
        membrane_low=result.membrane_low,
        membrane_high=result.membrane_high,
        saturations=result.saturations,
        numerics=tuple(width.as_mapping() for width in widths),
        input_spikes=packed_input_spikes(network, case.inputs) if network.is_hybrid else None,
    )


def hybrid(**spikes: int) -> dict[str, Any]:
    """The header of a small hybrid model with a timed classifier."""
    head = model_files.header()
    head["encoding"] = HYBRID
    head["input"] |= {"spike_low": 2, "spike_high": 12, "spike_shift": 2} | spikes
    head["layers"][0]["neuron"] = "single_spike"
    head["layers"][2] |= {"neuron": "timed", "threshold": 40, "time_weight": 7}
    return head


def small(tmp_path: Path) -> IntegerNetwork:
    return load_network(model_files.write(tmp_path / "small.npz", hybrid()))


@settings(max_examples=80, deadline=None)
@given(cases(max_samples=2, of=coded_networks()), st.data())
def test_reference_equals_naive_twin_under_every_encoding(case: Case, data: st.DataObject) -> None:
    """Codes and input spikes on crossbars or exact, every neuron, both classifiers, narrow membranes."""
    widths = data.draw(numerics(case.network))
    compare(case, run(case.network, case.inputs, widths), widths)


@settings(max_examples=60, deadline=None)
@given(cases(of=coded_networks()))
def test_every_input_fires_once_when_its_code_says_and_none_at_step_1(case: Case) -> None:
    network = case.network
    if not network.is_hybrid:
        with pytest.raises(ModelError, match="do not fire"):
            input_spikes(network, case.inputs)
        return
    fired = input_spikes(network, case.inputs)  # N, T, D, H, W, C
    assert (fired.sum(1) == 1).all()
    assert not fired[:, 0].any()
    for index in np.ndindex(*case.inputs.shape):
        sample, channel, *place = index
        step = naive_firing_step(network, int(case.inputs[index]))
        assert fired[(sample, step - 1, *place, channel)]
    assert (packed_input_spikes(network, case.inputs) == pack_spikes(fired)).all()


def test_bright_inputs_fire_early_and_halves_wait() -> None:
    # T = 6: T_i = 6 − 4 · (q − 10) / 8 = 6 − (q − 10) / 2; odd q give halves, which go to the later step
    codes = np.array([0, 10, 11, 12, 13, 14, 17, 18, 63], np.uint8)
    assert InputSpikes(10, 18, 0).steps(codes, 6).tolist() == [6, 6, 6, 5, 5, 4, 3, 2, 2]


def test_a_timed_output_is_the_last_sum_less_the_weighed_first_crossing(tmp_path: Path) -> None:
    network, codes = small(tmp_path), np.full((1, 2, 4, 3, 3), 15, np.uint8)
    sums = run(network, codes).membranes[-1].reshape(3, 3)
    first, middle, _ = sums[:, 0].tolist()
    for threshold, step in ((min(first, middle) - 1, None), (max(sums[:, 0].tolist()), 3)):
        if threshold < 0:
            continue
        neuron = Neuron("timed", threshold, time_weight=7)
        timed = replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], neuron=neuron)))
        crossed = [t for t in (1, 2, 3) if sums[t - 1, 0] > threshold]
        assert run(timed, codes).outputs[0, 0] == sums[-1, 0] - 7 * (crossed[0] if crossed else 3)
        assert step is None or not crossed


@settings(max_examples=30, deadline=None)
@given(coded_networks())
def test_a_saved_network_of_any_encoding_comes_back(
    tmp_path_factory: pytest.TempPathFactory, network: IntegerNetwork
) -> None:
    path = tmp_path_factory.mktemp("models") / "a.npz"
    save_network(network, path)
    loaded = load_network(path)
    assert (loaded.encoding, loaded.input_spikes) == (network.encoding, network.input_spikes)
    assert [layer.neuron for layer in loaded.layers] == [layer.neuron for layer in network.layers]
    assert network_hash(loaded) == network_hash(network)


@settings(max_examples=30, deadline=None)
@given(cases(of=coded_networks()), st.data())
def test_a_saved_trace_keeps_its_input_spikes(
    tmp_path_factory: pytest.TempPathFactory, case: Case, data: st.DataObject
) -> None:
    trace = recorded(case, data.draw(numerics(case.network)))
    path = tmp_path_factory.mktemp("traces") / "a.npz"
    save_trace(trace, path)
    loaded = load_trace(path)
    check_trace(loaded, case.network)
    assert trace_hash(loaded) == trace_hash(trace)
    assert loaded.numerics == trace.numerics
    if trace.input_spikes is not None:
        last = trace.samples - 1
        assert (select(loaded, 1).input_spikes == trace.input_spikes[:1]).all()
        assert (single(loaded, last).input_spikes == trace.input_spikes[last:]).all()
        assert trace_hash(replace(trace, input_spikes=trace.input_spikes ^ 1)) != trace_hash(trace)


def test_another_crossbar_of_input_spikes_computes_something_else(tmp_path: Path) -> None:
    network = small(tmp_path)
    trace = recorded(Case(network, np.zeros((1, 2, 4, 3, 3), np.uint8), np.array([0])))
    other = [dict(widths) for widths in trace.numerics]
    other[0]["spike_crossbar"] = "bit_serial:9:2"
    assert holds_for(trace, trace.numerics)
    assert not holds_for(trace, other)
    with pytest.raises(TraceError, match=r"layers\[0\].spike_crossbar=\'none\' is not the name"):
        replace(trace, numerics=({**trace.numerics[0], "spike_crossbar": "none"}, *trace.numerics[1:]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spike_low": 12}, r"input.spike_high=12 must be above input.spike_low=12"),
        ({"spike_low": 16, "spike_high": 17}, r"input.spike_low=16 is outside 0 … 15"),
        ({"spike_low": -1}, r"input.spike_low=-1 is outside 0"),
        ({"spike_high": 16}, r"input.spike_high=16 is outside 0 … 15"),
        ({"spike_shift": 17}, r"input.spike_shift=17 is outside 0 … 16"),
        ({"spike_shift": 1.0}, r"input.spike_shift: expected a 64-bit integer"),
        ({"spike_step": 1}, r"spike_step"),
    ],
)
def test_input_spikes_out_of_range_are_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        load_network(model_files.write(tmp_path / "a.npz", hybrid(**change)))
    assert "a.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def _spiking_classifier(head: dict[str, Any]) -> None:
    del head["layers"][2]["time_weight"]
    head["layers"][2] |= {"neuron": "if", "leak": 2 ** head["leak_fraction_bits"]}


def _drop(*keys: str) -> Any:
    def change(head: dict[str, Any]) -> None:
        part = head if len(keys) == 1 else head[keys[0]]
        del part[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_drop("input", "spike_shift"), r"header.input.spike_shift: missing"),
        (_drop("input", "spike_low"), r"header.input.spike_low: missing"),
        (lambda head: head.update(encoding="direct"), r"spike_high"),
        (lambda head: head.update(encoding="rate"), r"encoding"),
        (lambda head: head.update(time_steps=1), r"time_steps=1.*2 … T"),
        (lambda head: head["layers"][2].pop("time_weight"), r"layers\[2\].time_weight: missing"),
        (lambda head: head["layers"][2].update(time_weight=-1), r"time_weight=-1 is outside 0"),
        (lambda head: head["layers"][2].update(time_weight=2**31), r"time_weight=2147483648 is outside 0"),
        (lambda head: head["layers"][2].update(leak=3), r"timed. has leak 0, got 3"),
        (lambda head: head["layers"][1].update(time_weight=3), r"time_weight"),
        (lambda head: head["layers"][1].update(neuron="timed", time_weight=3, leak=0), r"one of lif.*: it is a hidden"),
        (_spiking_classifier, r"neuron=.if., expected one of accumulate, timed: it is a last layer"),
    ],
)
def test_headers_that_contradict_themselves_are_refused(tmp_path: Path, change: Any, words: str) -> None:
    head = hybrid()
    change(head)
    with pytest.raises(ModelError, match=words) as caught:
        load_network(model_files.write(tmp_path / "a.npz", head))
    assert "a.npz" in str(caught.value)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_cnn_has_no_steps_in_which_inputs_could_fire(steps: int) -> None:
    """Said at once, not after the steps that the one or the other would need."""
    cnn = made_hybrid.cnn(made_hybrid.network())
    with pytest.raises(ModelError, match=r"^encoding=hybrid: its inputs fire at steps 2 … T, a CNN has no steps$"):
        replace(cnn, encoding=HYBRID, input_spikes=made_hybrid.SPIKES, time_steps=steps)


def _flip(trace: Trace, step: int) -> Trace:
    fired = trace.input_spikes.copy()
    fired[1, step - 1, 1] ^= 1
    return replace(trace, input_spikes=fired)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda trace: replace(trace, input_spikes=None), r"inputs of the model fire, the trace holds no input spikes"),
        (lambda trace: _flip(trace, 1), r"sample 1 differs at step 1, input 8, "),
        (lambda trace: _flip(trace, 3), r"sample 1 differs at step 3, input 8, "),
    ],
)
def test_input_spikes_are_what_the_encoding_makes_of_the_codes(tmp_path: Path, change: Any, words: str) -> None:
    network = small(tmp_path)
    codes = np.random.default_rng(0).integers(0, 16, (2, 2, 4, 3, 3)).astype(np.uint8)
    trace = recorded(Case(network, codes, np.array([0, 1])))
    check_trace(trace, network)
    with pytest.raises(TraceError, match=words):
        check_trace(change(trace), network)


def test_input_spikes_of_another_shape_than_the_encodings_are_told(tmp_path: Path) -> None:
    trace = recorded(Case(small(tmp_path), np.zeros((2, 2, 4, 3, 3), np.uint8), np.array([0, 1])))
    with pytest.raises(TraceError, match=r"^input_spikes: shape \(2, 3, 9\), the model has \(2, 2, 9\)$"):
        check_input_spikes(trace, trace.input_spikes[:, :2])


def test_a_model_whose_inputs_do_not_fire_takes_no_input_spikes(tmp_path: Path) -> None:
    network = load_network(model_files.write(tmp_path / "direct.npz"))
    trace = recorded(Case(network, np.zeros((1, 2, 4, 3, 3), np.uint8), np.array([0])))
    check_trace(trace, network)
    with pytest.raises(TraceError, match="do not fire, the trace holds input spikes"):
        check_trace(replace(trace, input_spikes=np.zeros((1, 3, 9), np.uint8)), network)


@pytest.mark.parametrize(
    ("fired", "words"),
    [
        (np.zeros((1, 3, 8), np.uint8), r"expected shape \(1, 3, 9\)"),  # 72 inputs are 9 bytes
        (np.zeros((1, 2, 9), np.uint8), r"expected shape \(1, 3, 9\)"),
        (np.zeros((2, 3, 9), np.uint8), r"expected shape \(1, 3, 9\)"),
        (np.zeros((1, 27), np.uint8), r"expected shape \(1, 3, 9\)"),
        (np.zeros((1, 3, 9), np.int8), "expected unsigned integers, got int8"),
        (np.zeros((1, 3, 9), np.uint16), "expected uint8, got uint16"),
    ],
)
def test_input_spikes_of_another_shape_or_type_are_no_trace(tmp_path: Path, fired: Any, words: str) -> None:
    trace = recorded(Case(small(tmp_path), np.zeros((1, 2, 4, 3, 3), np.uint8), np.array([0])))
    with pytest.raises(TraceError, match=words):
        replace(trace, input_spikes=fired)


def test_a_trace_of_activations_has_no_input_spikes(tmp_path: Path) -> None:
    trace = recorded(Case(small(tmp_path), np.zeros((1, 2, 4, 3, 3), np.uint8), np.array([0])))
    values = tuple(np.zeros((1, 4), np.uint8) for _ in trace.spikes)
    replace(trace, spikes=(), activations=values, input_spikes=None)
    with pytest.raises(TraceError, match=r"^input_spikes: the trace holds activations; a CNN has no spikes$"):
        replace(trace, spikes=(), activations=values, input_spikes=np.zeros((1, 1, 9), np.uint8))


def test_a_neuron_that_fires_twice_is_named(tmp_path: Path) -> None:
    network = small(tmp_path)
    trace = recorded(Case(network, np.zeros((2, 2, 4, 3, 3), np.uint8), np.array([0, 0])))
    spikes = np.zeros_like(trace.spikes[0])
    spikes[1, 0, 1] = spikes[1, 2, 1] = 0b100  # neuron 8 + 2 at steps 1 and 3
    twice = replace(trace, spikes=(spikes, *trace.spikes[1:]))
    with pytest.raises(TraceError, match='"conv1": neuron 10 of sample 1 fires at steps 1 and 3, a single_spike'):
        check_trace(twice, network)
    spikes[1, 2, 1] = 0
    check_trace(twice, network)
    conv2 = np.full_like(trace.spikes[1], 0b11)  # an "if" neuron may
    check_trace(replace(trace, spikes=(trace.spikes[0], conv2)), network)


def test_a_spike_too_many_is_told_with_its_sample_however_many_are_compared_at_a_time() -> None:
    spikes = np.zeros((2 * AT_ONCE + 9, 3, 2), np.uint8)
    spikes[2 * AT_ONCE + 5, 1:, 1] = 0b10  # neuron 8 + 1 at steps 2 and 3
    assert first_repeat(spikes) == Repeat(2 * AT_ONCE + 5, 9, (2, 3))
    spikes[AT_ONCE - 1, ::2, 0] = 0b1
    assert first_repeat(spikes) == Repeat(AT_ONCE - 1, 0, (1, 3))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 20), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_the_first_spike_too_many_is_found(n: int, steps: int, neurons: int, seed: int, rate: float) -> None:
    spikes = np.random.default_rng(seed).random((n, steps, neurons, 1, 1, 1)) < rate / 2
    counts = spikes.reshape(n, steps, neurons).sum(1)
    found = first_repeat(pack_spikes(spikes))
    assert (found is None) == (not (counts > 1).any())
    if found is not None:
        fired = [t + 1 for t in range(steps) if spikes[found.sample, t, found.neuron, 0, 0, 0]]
        assert found.steps == tuple(fired[:2])
        assert not (counts[: found.sample] > 1).any()
