"""The engine against the dense reference: every potential, membrane, spike, output, extreme and count."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.errors import ModelError, SceneError, TraceError
from pimsim.model import load_network, network_hash, reference
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.input import InputQuantization, InputSpikes
from pimsim.model.macro import Macro
from pimsim.model.network import (
    ACCUMULATE,
    HYBRID,
    LIF,
    SCALE,
    SINGLE_SPIKE,
    IntegerLayer,
    IntegerNetwork,
    LayerNumerics,
    Neuron,
)
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import batch, execute, lowering, program, tables
from pimsim.simulation.execute import record
from pimsim.simulation.lowering import LoweredLayer, lower
from pimsim.simulation.schedule import check_trace
from pimsim.traces import Trace, load_trace
from pimsim.traces.spikes import pack_spikes


def check_equal(
    network: IntegerNetwork, inputs: np.ndarray, numerics: Sequence[LayerNumerics] | None = None
) -> reference.ReferenceRun:
    """Every value of the engine's recording equals the reference's."""
    want, got = reference.run(network, inputs, numerics), record(network, inputs, None, numerics, threads=1)
    for dense, engine in zip(want.potentials, got.potentials, strict=True):
        np.testing.assert_array_equal(engine, dense.reshape(engine.shape))
    for dense, engine in zip(want.membranes, got.membranes, strict=True):
        np.testing.assert_array_equal(engine, dense.reshape(engine.shape))
    for spikes, packed in zip(want.spikes, got.trace.spikes, strict=True):
        np.testing.assert_array_equal(packed, pack_spikes(spikes))
    for values, flat in zip(want.activations, got.trace.activations, strict=True):
        np.testing.assert_array_equal(flat, values.reshape(flat.shape))
    for name in ("outputs", "membrane_low", "membrane_high", "saturations"):
        np.testing.assert_array_equal(getattr(got.trace, name), getattr(want, name), err_msg=name)
    check_trace(got.trace, network)
    assert same(execute(network, inputs, None, numerics, threads=1), got.trace)  # narrower words where nothing is kept
    return want


def same(a: Trace, b: Trace) -> bool:
    pairs = [(a.outputs, b.outputs), (a.membrane_low, b.membrane_low), (a.membrane_high, b.membrane_high)]
    pairs += [
        (a.saturations, b.saturations),
        (a.inputs, b.inputs),
        (a.labels, b.labels),
        *zip(a.spikes, b.spikes, strict=True),
    ]
    return all(np.array_equal(x, y) for x, y in pairs) and a.numerics == b.numerics and a.model_hash == b.model_hash


def chain(
    channels: Sequence[int],
    *,
    kinds: Sequence[str] = (LIF,),
    bits: int = 6,
    steps: int = 3,
    pool: tuple[int, int, int] = (1, 1, 1),
    seed: int = 0,
) -> IntegerNetwork:
    """Convolutions over a (2, 5, 3, 3) input with the given channels, and a classifier behind a pool."""
    rng = np.random.default_rng(seed)
    shape, layers = (2, 5, 3, 3), []
    for index, count in enumerate(channels[:-1]):
        layers.append(LayerShape(f"conv{index + 1}", "conv3d", shape, count, (3, 2, 2), padding=(1, 1, 1)))
        shape = layers[-1].out_shape
    layers.append(LayerShape.linear("classifier", shape, channels[-1], pool=pool))
    architecture = Architecture("chain", (2, 5, 3, 3), tuple(layers))
    high, integer = 2 ** (bits - 1) - 1, []
    for index, layer in enumerate(layers):
        weight = rng.integers(-high, high + 1, (layer.out_channels, layer.in_shape[0], *layer.kernel)).astype(np.int32)
        threshold = int(high * layer.fan_in**0.5 * (8 if index == 0 else 0.3))
        last = index == len(layers) - 1
        neuron = Neuron(ACCUMULATE) if last else Neuron(kinds[index % len(kinds)], threshold, 3900)
        integer.append(IntegerLayer(layer, weight, bits, SCALE, 0, 0.1, neuron))
    quantization = InputQuantization(6, 0.1, 30, np.zeros(5), np.ones(5))
    return IntegerNetwork(architecture, quantization, tuple(integer), time_steps=steps)


def codes(network: IntegerNetwork, samples: int, seed: int = 1) -> np.ndarray:
    shape = (samples, *network.architecture.input_shape)
    return np.random.default_rng(seed).integers(0, 2**network.input.bits, shape).astype(network.input.code_dtype)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_engine_equals_the_reference_on_random_networks(data: st.DataObject) -> None:
    """All layer kinds, neurons, roundings, pools, reshapes, strides, paddings, word widths and clipping converters."""
    case = data.draw(strategies.cases())
    check_equal(case.network, case.inputs, data.draw(strategies.numerics(case.network)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_engine_equals_the_reference_under_every_encoding(data: st.DataObject) -> None:
    """Direct and hybrid encoding, either classifier, crossbars of codes, of input spikes, of both or of neither."""
    case = data.draw(strategies.cases(of=strategies.coded_networks()))
    check_equal(case.network, case.inputs, data.draw(strategies.numerics(case.network)))


@settings(max_examples=60, deadline=None)
@given(
    case=strategies.cases(of=strategies.coded_networks()),
    column_weights=st.sampled_from([0, 2**15]),
    table_bytes=st.sampled_from([0, 2**15]),
    wide_weights=st.sampled_from([0, 2**18]),
)
def test_every_way_of_summing_gives_the_same(
    case: strategies.Case, column_weights: int, table_bytes: int, wide_weights: int
) -> None:
    """Events one by one, column by column, by blocks of weights, and looked up in tables, as a layer's shape allows."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lowering, "MIN_COLUMN_WEIGHTS", column_weights)
        patched.setattr(lowering, "MIN_WIDE_WEIGHTS", wide_weights)
        patched.setattr(tables, "TABLE_BYTES", table_bytes)
        check_equal(case.network, case.inputs)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_engine_equals_the_reference_on_random_cnns(data: st.DataObject) -> None:
    """Activations of 1 to 16 bits, every ratio, pools, reshapes, paddings, word widths; any layer's converters clip."""
    case = data.draw(strategies.cases(of=strategies.cnns()))
    check_equal(case.network, case.inputs, data.draw(strategies.numerics(case.network, every_layer=True)))


def test_tables_of_input_spikes_have_the_words_of_the_codes_sums() -> None:
    """Four rows of ±15 sum to 60, within 8 bits; eight inputs of up to 4095 to 491,400, which takes 32."""
    shapes = LayerShape("first", "conv3d", (8, 2, 2, 1), 20, (1, 1, 1)), LayerShape.linear("sum", (20, 2, 2, 1), 3)
    rng = np.random.default_rng(3)
    layers = tuple(
        IntegerLayer(
            shape,
            rng.integers(-15, 16, (shape.out_channels, shape.in_shape[0], *shape.kernel)).astype(np.int32),
            5,
            SCALE,
            0,
            1.0,
            neuron,
        )
        for shape, neuron in zip(shapes, (Neuron(LIF, 20, 4096), Neuron(ACCUMULATE)), strict=True)
    )
    quantization = InputQuantization(12, 1.0, 0, np.zeros(2), np.ones(2))
    architecture = Architecture("coded", (8, 2, 2, 1), shapes)
    spikes = InputSpikes(500, 3500, 0)
    network = IntegerNetwork(architecture, quantization, layers, time_steps=4, encoding=HYBRID, input_spikes=spikes)
    first = lower(network, (LayerNumerics(),) * 2)[0]
    assert first.tables is not None
    assert first.tables.sums.dtype == first.sums == np.int32
    check_equal(network, codes(network, 3))


@pytest.mark.parametrize("channels", [(1, 1, 1), (33, 64, 31), (20, 130, 3), (150, 40, 2)])
def test_any_number_of_channels_fills_its_vectors_and_blocks(channels: tuple[int, ...]) -> None:
    """Lanes come in 32 and blocks in 128: one channel, exactly two vectors, one more than a block, two blocks."""
    network = chain(channels)
    run = check_equal(network, codes(network, 2))
    assert all(spikes.any() for spikes in run.spikes)


@pytest.mark.parametrize(("bits", "stored"), [(4, np.int8), (8, np.int8), (9, np.int16), (16, np.int32)])
def test_rows_are_stored_in_as_many_bits_as_they_need(bits: int, stored: type) -> None:
    """Codes of ±7 and ±127 fit in 8 bits, ±255 in 16; 16-bit codes with this fan-in sum to more than 16 bits."""
    network = chain((6, 7, 3), bits=bits)
    layers = lower(network, (LayerNumerics(),) * 3)
    assert layers[1].weights.dtype == stored
    check_equal(network, codes(network, 2))


@pytest.mark.parametrize(
    ("weights", "group"),
    [
        ((31, 31, 31, 31), 4),
        ((32, 32, 32, 31), 4),
        ((32, 32, 32, 32), 1),
        ((-32, -32, -32, -32), 4),
        ((-32, -32, -32, -33), 1),
        ((100, 20, 10, -50), 1),  # all four give 80, but the first three alone 130
        ((127, 0, 0, 0), 4),
        ((128, 0, 0, 0), 0),
        ((-128, 0, 0, 0), 4),
    ],
)
def test_rows_are_added_in_8_bits_only_as_many_as_surely_fit(weights: tuple[int, ...], group: int) -> None:
    """Four input neurons that fire in every combination, and one output neuron that sums them."""
    shapes = LayerShape.linear("each", (1, 1, 1, 4), 4), LayerShape.linear("sum", (4, 1, 1, 1), 1)
    single = np.eye(4, dtype=np.int32).reshape(4, 1, 1, 1, 4)
    layers = (
        IntegerLayer(shapes[0], single, 2, SCALE, 0, 1.0, Neuron(LIF, 0, 0)),
        IntegerLayer(
            shapes[1], np.array(weights, np.int32).reshape(1, 4, 1, 1, 1), 9, SCALE, 0, 1.0, Neuron(ACCUMULATE)
        ),
    )
    quantization = InputQuantization(1, 1.0, 0, np.zeros(1), np.ones(1))
    network = IntegerNetwork(Architecture("sum", (1, 1, 1, 4), shapes), quantization, layers, time_steps=2)
    assert lower(network, (LayerNumerics(),) * 2)[1].group == group
    every = np.array([[number >> bit & 1 for bit in range(4)] for number in range(16)], np.uint8)
    check_equal(network, every.reshape(16, 1, 1, 1, 4))


def test_narrow_membranes_saturate_and_are_counted() -> None:
    """Six bits hold −32 … 31; the offered extremes are recorded unsaturated."""
    network = chain((6, 7, 3))
    run = check_equal(network, codes(network, 3), (LayerNumerics(24, 6), LayerNumerics(24, 6), LayerNumerics(24, 24)))
    assert run.saturations[0] > 0
    assert run.membrane_low[0] < -32


def test_layers_behind_the_first_run_on_clipping_crossbars_too() -> None:
    """Pools make their input values larger than one bit."""
    network = chain((4, 5, 3), pool=(2, 1, 2))
    clipping = LayerNumerics(crossbar=Macro(rows=9, adc_bits=2))
    check_equal(network, codes(network, 2), (clipping,) * 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_bit_serial_with_enough_converter_bits_is_the_integer_sum(data: st.DataObject) -> None:
    """2^adc_bits − 1 ≥ rows: no count clips, on any layer; every potential and membrane is that of exact sums."""
    case, rows = data.draw(strategies.cases(max_hidden=2)), data.draw(st.integers(1, 130))
    lossless = LayerNumerics(46, 46, Macro(rows, adc_bits=rows.bit_length()))
    count = len(case.network.layers)
    serial = record(case.network, case.inputs, None, (lossless,) * count, threads=1)
    whole = record(case.network, case.inputs, None, (LayerNumerics(46, 46),) * count, threads=1)
    for a, b in zip((*serial.potentials, *serial.membranes), (*whole.potentials, *whole.membranes), strict=True):
        np.testing.assert_array_equal(a, b)


def test_single_spike_neurons_fire_once() -> None:
    network = chain((6, 7, 3), kinds=(SINGLE_SPIKE,), steps=5)
    run = check_equal(network, codes(network, 2))
    assert run.spikes[0].sum(1).max() == 1


def test_a_silent_input_gives_a_silent_trace() -> None:
    """Codes at the zero point are zeros, and thresholds are above them."""
    network = chain((6, 7, 3))
    silent = np.full((2, *network.architecture.input_shape), network.input.zero_point, np.uint8)
    run = check_equal(network, silent)
    assert not any(spikes.any() for spikes in run.spikes)


def test_membranes_of_the_first_layer_are_narrow_or_wide_sample_by_sample() -> None:
    """Four inputs of 0 … 63 times weights of up to ±127 reach 32,004 in a step, which 16-bit membranes hold for one.

    Five steps of 63 · 4 · 127 less five resets of 1,000 leave 155,020; inputs of 1 and 2 stay far below 2^15.
    """
    shapes = LayerShape.linear("first", (1, 1, 1, 4), 3), LayerShape.linear("sum", (3, 1, 1, 1), 2)
    weight = np.array([[127] * 4, [-127] * 4, [127, -127, 1, 0]], np.int32).reshape(3, 1, 1, 1, 4)
    layers = (
        IntegerLayer(shapes[0], weight, 8, SCALE, 0, 1.0, Neuron(LIF, 1000, 2**12)),
        IntegerLayer(shapes[1], np.ones((2, 3, 1, 1, 1), np.int32), 2, SCALE, 0, 1.0, Neuron(ACCUMULATE)),
    )
    quantization = InputQuantization(6, 1.0, 0, np.zeros(1), np.ones(1))
    network = IntegerNetwork(Architecture("wide", (1, 1, 1, 4), shapes), quantization, layers, time_steps=5)
    narrow = lower(network, (LayerNumerics(),) * 2)[0].narrow
    assert narrow is not None
    assert narrow.low < -4 * 127 < 4 * 127 < narrow.high < 63 * 4 * 127
    samples = np.array([[1] * 4, [63] * 4, [0] * 4, [63, 0, 63, 5], [2] * 4], np.uint8).reshape(5, 1, 1, 1, 4)
    run = check_equal(network, samples)
    assert run.membrane_high[0] == 5 * 63 * 4 * 127 - 5 * 1000


def test_a_network_changed_in_place_is_laid_out_anew() -> None:
    """What is kept between executions is found by content, not by object."""
    network = chain((3, 4, 3))
    inputs = codes(network, 2)
    before = execute(network, inputs)
    network.layers[1].weight[:] = -network.layers[1].weight
    check_equal(network, inputs)
    assert not same(before, execute(network, inputs))


def test_a_content_is_recognized_bit_by_bit() -> None:
    """Also the sign of a zero is in the hash, and no comparison of numbers would see it."""
    network = chain((3, 4, 3))
    network.input.mean[0] = 0.0
    contents = [program.content_of(network)]
    network.input.mean[0] = -0.0
    contents.append(program.content_of(network))
    last = network.layers[-1].weight.reshape(-1)[-1:]
    last[:] = last == 0
    contents.append(program.content_of(network))
    assert contents[-1] == network_hash(network) == program.content_of(replace(network))
    contents.append(program.content_of(replace(network, time_steps=network.time_steps + 1)))
    assert len(set(contents)) == 4


def test_a_network_too_large_to_keep_runs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    network = chain((3, 5, 3), seed=5)
    monkeypatch.setattr(program, "MOST_EVENTS", 0)
    check_equal(network, codes(network, 3))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    """40 samples are three batches, the last one smaller."""
    network = chain((6, 7, 3))
    inputs = codes(network, 40)
    alone = execute(network, inputs, threads=1)
    assert same(alone, execute(network, inputs, threads=threads))
    assert same(alone, execute(network, inputs))


def test_a_batch_computes_what_its_samples_compute_alone() -> None:
    network = chain((6, 7, 3))
    inputs = codes(network, 17)
    together = execute(network, inputs, threads=1)
    for index in (0, 15, 16):
        alone = execute(network, inputs[index : index + 1], threads=1)
        np.testing.assert_array_equal(alone.outputs[0], together.outputs[index])
        for one, many in zip(alone.spikes, together.spikes, strict=True):
            np.testing.assert_array_equal(one[0], many[index])


@pytest.mark.parametrize("kind", [np.uint32, np.uint64])
def test_events_listed_without_compress_instructions_are_the_same(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portable list, with events of 32 bits and with those of 64 bits that gigantic maps need."""
    network = chain((33, 20, 3), pool=(2, 2, 2))
    inputs = codes(network, 3)
    usual = execute(network, inputs, threads=1)
    monkeypatch.setattr(batch, "compresses", lambda: False)
    monkeypatch.setattr(LoweredLayer, "event_type", kind)
    assert same(usual, execute(network, inputs, threads=1))


def test_the_shipped_network_gives_its_shipped_trace() -> None:
    network, trace = load_network(find(MODEL, "cnn3d_6b")), load_trace(find(TRACE, "cnn3d_indian_pines"))
    assert trace.model_hash == network_hash(network)
    got = execute(network, trace.inputs, trace.labels)
    np.testing.assert_array_equal(got.outputs, trace.outputs)
    for mine, recorded in zip(got.spikes, trace.spikes, strict=True):
        np.testing.assert_array_equal(mine, recorded)


def test_every_membrane_of_the_shipped_network_equals_the_reference() -> None:
    network, trace = load_network(find(MODEL, "cnn3d_6b")), load_trace(find(TRACE, "cnn3d_indian_pines"))
    check_equal(network, trace.inputs[:2])


def test_progress_counts_up_to_all_samples() -> None:
    """At most 32 samples per batch, so 70 are two batches for each of two threads, of 18 but for the last."""
    network = chain((2, 2, 2))
    told: list[tuple[int, int]] = []
    execute(network, codes(network, 70), threads=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(18, 70), (36, 70), (54, 70), (70, 70)]


def test_inputs_labels_and_word_widths_are_recorded_as_given() -> None:
    network = chain((2, 2, 3))
    inputs, labels = codes(network, 3), np.array([2, -1, 0])
    before = inputs.copy()
    widths = (LayerNumerics(20, 12), LayerNumerics(20, 12), LayerNumerics(20, 20))
    trace = execute(network, inputs, labels, widths)
    np.testing.assert_array_equal(inputs, before)
    np.testing.assert_array_equal(trace.inputs, inputs)
    np.testing.assert_array_equal(trace.labels, labels)
    assert trace.numerics == tuple(width.as_mapping() for width in widths)
    assert execute(network, inputs).labels.tolist() == [-1, -1, -1]


def test_importing_the_engine_changes_no_thread_setting() -> None:
    """The number of threads is this call's alone."""
    numba = importlib.import_module("numba")
    before = numba.get_num_threads()
    network = chain((2, 2, 3))
    execute(network, codes(network, 33), threads=2)
    assert numba.get_num_threads() == before


def test_a_potential_that_leaves_its_accumulator_is_an_error_that_names_layer_and_reach() -> None:
    """As in the reference, which looks at every step by itself and so may tell a smaller reach."""
    network = chain((6, 7, 3))
    inputs, narrow = codes(network, 2), (LayerNumerics(10, 10), LayerNumerics(), LayerNumerics())
    for run in (execute, reference.run):
        arguments = (None, narrow) if run is execute else (narrow,)
        with pytest.raises(ModelError, match=r'layer "conv1": potentials -\d+ … \d+ leave the 10-bit accumulator'):
            run(network, inputs, *arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"inputs": np.zeros((2, 2, 5, 3, 4), np.uint8)}, SceneError, "shape"),
        ({"inputs": np.full((2, 2, 5, 3, 3), 64, np.uint8)}, SceneError, "outside 0 … 63"),
        ({"inputs": np.zeros((2, 2, 5, 3, 3))}, SceneError, "float64"),
        ({"inputs": np.zeros((0, 2, 5, 3, 3), np.uint8)}, TraceError, "0 samples"),
        ({"labels": np.array([0, 3])}, TraceError, "labels: 3"),
        ({"labels": np.array([0])}, TraceError, "labels"),
        ({"numerics": (LayerNumerics(),)}, ModelError, "numerics for 1 layers, the network has 3"),
        ({"threads": 0}, ValueError, "threads=0"),
    ],
)
def test_hostile_arguments_give_one_clear_line(change: dict[str, object], error: type, message: str) -> None:
    network = chain((2, 2, 3))
    arguments: dict[str, object] = {"inputs": codes(network, 2), "labels": None} | change
    with pytest.raises(error, match=message) as caught:
        execute(network, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pool", [(1, 1, 1), (2, 2, 1)])
def test_more_events_than_add_up_in_16_bits_are_summed_in_parts(pool: tuple[int, int, int]) -> None:
    """Weights of ±127: rows of 256 events stay below 2^15, which is less than fire; all of a batch take a block in
    turn."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lowering, "MIN_WIDE_WEIGHTS", 0)
        network = chain((6, 30, 40), bits=8, pool=pool)
        layer = lower(network, (LayerNumerics(),) * 3)[2]
        assert layer.chunk == 256  # 32767 // 127 = 258, in whole passes of 8
        assert layer.sums == np.int32
        # 7 · 5 · 5 positions and 30 channels are 5250 neurons
        run = check_equal(network, codes(network, 3))
    assert max(int(spikes.sum()) for spikes in run.spikes[1].reshape(-1, run.spikes[1][0, 0].size)) > 256
