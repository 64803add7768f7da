"""What a crossbar computes: its naive twin, the integer sum where nothing errs, and every error as physics has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_crossbar import NaiveCrossbar
from test_execute import chain, check_equal, codes, same

from pimsim.errors import HardwareError, MappingError, ModelError
from pimsim.hardware import load_hardware
from pimsim.mapping import layer_numerics
from pimsim.mapping.accumulators import crossbar_range
from pimsim.model.architecture import LayerShape
from pimsim.model.chip import build, thermal_noise
from pimsim.model.crossbar import converted_sums
from pimsim.model.imac import TRANSFER, transfer
from pimsim.model.macro import EXACT, IMAC_ACCURACY, IMAC_MEAN, IMAC_NOMINAL, LSB, SIGN_MAGNITUDE, WEIGHTS, Macro
from pimsim.model.network import AFFINE, SCALE, IntegerLayer, LayerNumerics, Neuron
from pimsim.simulation import execute
from pimsim.simulation.execute import record

ENCODINGS = ("offset", "differential", "twos_complement", SIGN_MAGNITUDE)


def linear(rng: np.random.Generator, *, fan_in: int = 27, outputs: int = 5, bits: int = 4, scheme: str = AFFINE):
    """A layer of random weights over ``fan_in`` inputs."""
    high = 2**bits - 1 if scheme == AFFINE else 2 ** (bits - 1) - 1
    low = 0 if scheme == AFFINE else -high
    weight = rng.integers(low, high + 1, (outputs, 1, fan_in, 1, 1)).astype(np.int32)
    shape = LayerShape.linear("layer", (1, fan_in, 1, 1), outputs)
    return IntegerLayer(shape, weight, bits, scheme, high // 2 if scheme == AFFINE else 0, 0.1, Neuron("lif", 3, 1))


def operands(rng: np.random.Generator, count: int, fan_in: int, highest: int) -> np.ndarray:
    """(count, 1, 1, 1, 1, K) codes."""
    return rng.integers(0, highest + 1, (count, 1, 1, 1, 1, fan_in))


def exact(layer: IntegerLayer, columns: np.ndarray, zero: int) -> np.ndarray:
    weights = layer.centred.astype(np.int64).transpose(2, 3, 4, 1, 0).reshape(columns.shape[-1], -1)
    return (columns - zero) @ weights


def error(layer: IntegerLayer, columns: np.ndarray, macro: Macro, *, zero: int = 7, highest: int = 15) -> float:
    """Root mean square of what the macro's sums are off by."""
    off = converted_sums(layer, columns, zero, highest, macro) - exact(layer, columns, zero)
    return float(np.sqrt(np.mean(off.astype(float) ** 2)))


@st.composite
def macros(draw: st.DrawFn, *, noise: bool = False) -> Macro:
    """Any macro: every encoding, cell and converter, each kind of error on or off."""

    def maybe(values: Any) -> Any:
        return draw(st.one_of(st.just(0.0), values))

    encoding = draw(st.sampled_from(ENCODINGS))
    scale = draw(st.one_of(st.sampled_from([EXACT, LSB, "codes", WEIGHTS]), st.floats(1.0, 500.0)))
    steps = (
        {}
        if scale == EXACT
        else {
            "adc_gain_error_ratio": maybe(st.floats(-0.3, 0.5)),
            "adc_gain_sigma_ratio": maybe(st.floats(0, 0.2)),
            "adc_offset_steps": maybe(st.floats(-3, 3)),
            "adc_offset_sigma_steps": maybe(st.floats(0, 2)),
        }
    )
    return Macro(
        rows=draw(st.integers(1, 24)),
        adc_bits=draw(st.integers(1, 8)),
        encoding=encoding,
        cell_bits=1 if encoding == SIGN_MAGNITUDE else draw(st.integers(1, 3)),
        dac_bits=draw(st.integers(1, 4)),
        adc_full_scale_lsb=scale,
        columns_per_adc=draw(st.integers(1, 9)),
        thermal_sigma_lsb=maybe(st.floats(0.01, 5)) if noise else 0.0,
        product_transfer=draw(st.sampled_from(["linear", *TRANSFER])) if encoding == SIGN_MAGNITUDE else "linear",
        cell_mismatch_sigma_ratio=maybe(st.floats(0, 0.3)),
        stuck_at_0_ratio=maybe(st.floats(0, 0.3)),
        stuck_at_1_ratio=maybe(st.floats(0, 0.3)),
        seed=draw(st.integers(0, 2**32 - 1)),
        chip=draw(st.integers(0, 99)),
        layer=draw(st.integers(0, 9)),
        **steps,
    )


@settings(max_examples=150)
@given(st.data())
def test_sums_are_those_of_the_naive_twin(data: st.DataObject) -> None:
    """Cells, converters, noise and rounding, in Python integers from the documentation."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    layer = linear(
        rng,
        fan_in=data.draw(st.integers(1, 30)),
        outputs=data.draw(st.integers(1, 4)),
        bits=data.draw(st.integers(2, 6)),
        scheme=data.draw(st.sampled_from([AFFINE, SCALE])),
    )
    highest, macro = data.draw(st.integers(1, 40)), data.draw(macros(noise=True))
    zero, fan_in = data.draw(st.integers(0, highest)), layer.shape.fan_in
    columns = operands(rng, 2, fan_in, highest)
    sums = converted_sums(layer, columns, zero, highest, macro)
    naive, chip = NaiveCrossbar(layer, macro, zero, highest), build(layer, macro, zero, highest)
    for sample in range(2):
        noise = thermal_noise(macro, sample, (1, 1, 1, 1, chip.groups, chip.slices, chip.columns))[0, 0, 0, 0]
        inputs = columns[sample, 0, 0, 0, 0].tolist()
        wanted = [naive.output(o, inputs, noise) for o in range(layer.shape.out_channels)]
        assert sums[sample].ravel().tolist() == wanted
    low, high = crossbar_range(layer, (-zero, highest - zero), macro)
    assert low <= sums.min()
    assert sums.max() <= high


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(1, 40), st.sampled_from([AFFINE, SCALE]))
def test_the_model_of_accuracy_is_that_of_the_naive_twin(seed: int, fan_in: int, scheme: str) -> None:
    rng = np.random.default_rng(seed)
    layer, macro = linear(rng, fan_in=fan_in, scheme=scheme), modelled(seed)
    columns = operands(rng, 3, fan_in, 15)
    sums = converted_sums(layer, columns, 4, 15, macro)
    naive = NaiveCrossbar(layer, macro, 4, 15)
    for sample, one in zip(sums, columns, strict=True):
        assert sample.ravel().tolist() == [naive.output(o, one.ravel().tolist()) for o in range(5)]


def modelled(seed: int = 0) -> Macro:
    return Macro(10, 4, SIGN_MAGNITUDE, dac_bits=4, model=IMAC_ACCURACY, seed=seed)


@settings(max_examples=60)
@given(st.data())
def test_the_engine_computes_any_macro_as_the_reference_does(data: st.DataObject) -> None:
    """On every layer kind, in the first layer and behind it, fed by spikes or activations; noise by sample included."""
    cnn = data.draw(st.booleans())
    case = data.draw(
        strategies.cases(of=strategies.cnns(max_hidden=2, max_bits=6)) if cnn else strategies.cases(max_hidden=2)
    )
    widths = [LayerNumerics(46, 46, data.draw(st.none() | macros(noise=True))) for _ in case.network.layers]
    check_equal(case.network, case.inputs, widths)


@settings(max_examples=60)
@given(st.data())
def test_without_errors_every_encoding_gives_the_integer_sum(data: st.DataObject) -> None:
    """A converter with a code for every sum: 24 bits at one LSB a step, or one without ends."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    layer = linear(rng, bits=data.draw(st.integers(2, 8)), scheme=data.draw(st.sampled_from([AFFINE, SCALE])))
    highest = data.draw(st.integers(1, 300))
    macro = Macro(
        rows=data.draw(st.integers(1, 40)),
        adc_bits=24,
        encoding=data.draw(st.sampled_from(ENCODINGS)),
        cell_bits=data.draw(st.integers(1, 4)),
        dac_bits=data.draw(st.integers(1, 6)),
        adc_full_scale_lsb=data.draw(st.sampled_from([LSB, EXACT])),
    )
    columns, zero = operands(rng, 3, 27, highest), data.draw(st.integers(0, highest))
    assert (converted_sums(layer, columns, zero, highest, macro) == exact(layer, columns, zero)).all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_errors_of_0_are_none(encoding: str) -> None:
    """Gain 1, offset 0, no mismatch, no stuck cells: the parameters' neutral values change no sum."""
    rng = np.random.default_rng(0)
    layer, columns = linear(rng), operands(rng, 20, 27, 15)
    clean = Macro(9, 3, encoding)
    neutral = replace(clean, stuck_at_0_ratio=0.0, adc_gain_error_ratio=0.0, adc_offset_steps=0.0, seed=5, chip=3)
    assert (converted_sums(layer, columns, 7, 15, clean) == converted_sums(layer, columns, 7, 15, neutral)).all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_more_converter_bits_never_clip_more(encoding: str) -> None:
    """With steps of one LSB a wider converter clips each count later, so each count is nearer to the true one.

    Weights of one sign, so that no count is taken off: what is lost in counts of both signs may cancel.
    """
    rng = np.random.default_rng(1)
    layer, columns = replace(linear(rng), zero_point=0), operands(rng, 60, 27, 15)
    errors = [error(layer, columns, Macro(27, bits, encoding)) for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0
    assert errors[-1] == (0 if encoding != SIGN_MAGNITUDE else errors[-1])


@pytest.mark.parametrize("scale", ["codes", WEIGHTS])
def test_more_converter_bits_make_finer_steps(scale: str) -> None:
    """The same range in twice as many steps halves the error of rounding, √(1/12) of a step each."""
    rng = np.random.default_rng(2)
    layer, columns = linear(rng), operands(rng, 200, 27, 15)
    errors = [error(layer, columns, analog(adc_bits=bits, adc_full_scale_lsb=scale)) for bits in range(3, 13)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 50 * errors[-1]


def analog(**changes: Any) -> Macro:
    """IMAC's conversions of ten products, whole 4-bit codes, without errors."""
    given = {"adc_bits": 8, "adc_full_scale_lsb": "codes"} | changes
    return Macro(rows=10, encoding=SIGN_MAGNITUDE, dac_bits=4, **given)


def test_more_rows_at_once_clip_more() -> None:
    """Counts grow with the rows that are added before a conversion, the converter's end stays; weights of one sign."""
    rng = np.random.default_rng(3)
    layer, columns = replace(linear(rng, fan_in=48), zero_point=0), operands(rng, 60, 48, 15)
    errors = [error(layer, columns, Macro(rows, 3)) for rows in (7, 12, 24, 48)]
    assert errors[0] == 0  # seven ones at most are told apart by three bits
    assert errors == sorted(errors)
    assert errors[1] < errors[2] < errors[3]


KNOBS = {
    "cell_mismatch_sigma_ratio": (0.0, 0.02, 0.1, 0.3),
    "thermal_sigma_lsb": (0.0, 1.0, 10.0, 60.0),
    "stuck_at_0_ratio": (0.0, 0.01, 0.1, 0.5),
    "stuck_at_1_ratio": (0.0, 0.01, 0.1, 0.5),
    "adc_gain_error_ratio": (0.0, 0.05, 0.2, 0.5),
    "adc_gain_sigma_ratio": (0.0, 0.02, 0.1, 0.3),
    "adc_offset_sigma_steps": (0.0, 0.5, 2.0, 8.0),
}


@pytest.mark.parametrize(
    ("encoding", "knob"),
    [
        *(("offset", knob) for knob in KNOBS),
        *((SIGN_MAGNITUDE, knob) for knob in KNOBS if knob != "adc_offset_sigma_steps"),
    ],
)
def test_a_larger_error_of_the_circuit_makes_larger_errors_of_the_sums(encoding: str, knob: str) -> None:
    """Mean over eight chips; the converter itself is fine enough to leave the knob alone in view.

    Analog, a converter reads an output's positive and negative sum one after the other: its offset cancels.
    """
    rng = np.random.default_rng(4)
    layer, columns = linear(rng), operands(rng, 40, 27, 15)
    plain = Macro(27, 12, encoding, dac_bits=4, adc_full_scale_lsb="codes")

    def mean(value: float) -> float:
        return float(np.mean([error(layer, columns, replace(plain, **{knob: value}, chip=chip)) for chip in range(8)]))

    errors = [mean(value) for value in KNOBS[knob]]
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0] + 1


def test_an_offset_shifts_sums_by_what_it_counts_for() -> None:
    """One group and slice of one column set: +2 steps on the positive and the negative sum cancel, where neither ends.

    With offset encoding the columns count 1 + 2 + 4 + 8 = 15, the reference column −z_u = −7: (15 − 7) · 2 = 16.
    """
    rng = np.random.default_rng(5)
    layer, columns = linear(rng), operands(rng, 10, 27, 15) // 4 + 4
    plain = Macro(27, 12, SIGN_MAGNITUDE, dac_bits=4)
    shifted = replace(plain, adc_offset_steps=2.0)
    assert (converted_sums(layer, columns, 7, 15, shifted) == exact(layer, columns, 7)).all()
    serial = Macro(27, 12, dac_bits=4, adc_offset_steps=2.0)
    assert (converted_sums(layer, columns, 7, 15, serial) == exact(layer, columns, 7) + 16).all()


def test_every_cell_stuck_at_1_counts_the_inputs() -> None:
    """Columns of ones beside a reference of ones: a = 15 X − 7 X + constant, whatever the weights were."""
    rng = np.random.default_rng(6)
    layer, columns = linear(rng), operands(rng, 10, 27, 15)
    sums = converted_sums(layer, columns, 0, 15, Macro(27, 12, stuck_at_1_ratio=1.0))
    assert (sums == 8 * columns.sum(-1, keepdims=True)).all()


def test_chips_differ_and_each_is_always_the_same() -> None:
    rng = np.random.default_rng(7)
    layer, columns = linear(rng), operands(rng, 10, 27, 15)
    macro = analog(cell_mismatch_sigma_ratio=0.1, seed=3, chip=1, layer=2)
    sums = converted_sums(layer, columns, 7, 15, macro)
    assert (sums == converted_sums(layer, columns, 7, 15, macro)).all()
    for other in ({"seed": 4}, {"chip": 2}, {"layer": 0}):
        assert (sums != converted_sums(layer, columns, 7, 15, replace(macro, **other))).any()


def test_noise_belongs_to_the_sample_and_not_to_threads_or_batches() -> None:
    """70 samples in batches of different sizes on one, two and three threads, and the first 9 of them alone."""
    network = chain((3, 4, 3))
    inputs = codes(network, 70)
    noisy = analog(thermal_sigma_lsb=20.0, cell_mismatch_sigma_ratio=0.05, seed=9)
    widths = [LayerNumerics(46, 46, replace(noisy, layer=index)) for index in range(3)]
    whole = execute(network, inputs, None, widths, threads=1)
    for threads in (2, 3):
        assert same(whole, execute(network, inputs, None, widths, threads=threads))
    few = execute(network, inputs[:9], None, widths, threads=2)
    assert (few.outputs == whole.outputs[:9]).all()
    twice = execute(network, np.concatenate([inputs[:1], inputs[:1]]), None, widths)
    assert (twice.outputs[0] != twice.outputs[1]).any()  # the same input at another place has other noise


def test_imacs_product_as_published() -> None:
    """Volts of the simulated table over 1.659 mV: 0.39147 V for the largest codes, 0.01436 V for weight 11 and input 2.

    The fit is within 7.8 mV anywhere; IMAC's product is not 0 for inputs of 0: −8.18 mV.
    """
    for weight, code, volts in (
        (15, 15, 0.391466),
        (11, 2, 0.01437),
        (0, 0, -0.00818),
        (8, 8, 0.08683),
        (3, 12, 0.05235),
    ):
        fitted = transfer(IMAC_NOMINAL, np.array(weight / 15), np.array(code / 15)) * 225 * 1.659e-3
        assert abs(float(fitted) - volts) < 7.8e-3
    mean = transfer(IMAC_MEAN, np.array(1.0), np.array(1.0)) * 225 * 1.659e-3
    assert abs(float(mean) - 0.468876) < 41.2e-3


def test_imacs_errors_are_as_large_as_published() -> None:
    """0.6 · √(K / 10) levels of 10 · 15 · 15 / 15 = 150 product LSB, and two roundings of √(1/12); 2,000 outputs."""
    rng = np.random.default_rng(8)
    layer = linear(rng, fan_in=40, outputs=2000)
    columns = operands(rng, 1, 40, 15)
    wanted = 150 * np.sqrt(0.6**2 * 40 / 10 + 2 / 12)
    assert error(layer, columns, modelled(), zero=0) == pytest.approx(wanted, rel=0.05)


def test_names_tell_values_apart() -> None:
    assert Macro(64, 5).identity == "bit_serial:64:5"
    names = {one.identity for one in (analog(), analog(adc_bits=9), analog(thermal_sigma_lsb=1.0), Macro(64, 5))}
    assert len(names) == 4
    assert analog(thermal_sigma_lsb=1.0, seed=7, chip=2).identity.endswith(":7:2")


NUMERICS = "engines.pim.numerics."


@pytest.mark.parametrize("name", ["pim45nm", "pim45nm_bitserial", "allpim45nm"])
def test_shipped_files_give_exact_sums(name: str) -> None:
    assert all(item.crossbar is None for item in layer_numerics(chain((4, 5, 3)), load_hardware(name)))


def test_seed_and_chip_are_left_out_where_nothing_is_drawn() -> None:
    """So that a trace of a machine with a clean converter serves all chips and seeds."""
    network = chain((4, 5, 3))
    machine = load_hardware("pim45nm", {NUMERICS + "adc_full_scale_lsb": "codes"})
    (first, *_), (other, *_) = (layer_numerics(network, machine, seed=chip, chip=chip) for chip in (0, 5))
    assert first == other
    machine = load_hardware("pim45nm", {NUMERICS + "cell_mismatch_sigma_ratio": 0.1})
    (first, *_), (other, *_) = (layer_numerics(network, machine, seed=4, chip=chip) for chip in (0, 5))
    assert first.crossbar is not None
    assert other.crossbar == replace(first.crossbar, chip=5)


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("pim45nm", "thermal_sigma_lsb", -1, "thermal_sigma_lsb=-1: must be at least 0"),
        ("pim45nm", "cell_mismatch_sigma", 0.1, 'unknown key; did you mean "cell_mismatch_sigma_ratio"'),
        ("pim45nm", "adc_full_scale_lsb", "wide", "must be one of auto, exact, lsb, codes, weights, or a number"),
        ("pim45nm", "adc_full_scale_lsb", 0, "must be one of auto"),
        ("pim45nm", "adc_offset_steps", 1.5, "adc_full_scale_lsb=auto is a converter without steps"),
        ("pim45nm", "stuck_at_0_ratio", 1.5, "stuck_at_0_ratio=1.5: must be at most 1"),
        ("pim45nm", "seed", 2**32, "seed=4294967296: must be at most 4294967295"),
        ("pim45nm_bitserial", "product_transfer", "imac_nominal", 'is IMAC\'s, which is style "analog"'),
        ("pim45nm_bitserial", "model", "imac_accuracy", 'is IMAC\'s, which is style "analog"'),
    ],
)
def test_a_combination_without_sense_is_refused(name: str, key: str, value: object, message: str) -> None:
    with pytest.raises(HardwareError) as caught:
        load_hardware(name, {NUMERICS + key: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parameters_that_exclude_each_other_are_refused() -> None:
    both = {NUMERICS + "stuck_at_0_ratio": 0.6, NUMERICS + "stuck_at_1_ratio": 0.6}
    with pytest.raises(HardwareError, match="add up to above 1"):
        load_hardware("pim45nm", both)
    with pytest.raises(HardwareError, match="other errors are part of it"):
        load_hardware("pim45nm", {NUMERICS + "model": "imac_accuracy", NUMERICS + "thermal_sigma_lsb": 1.0})
    with pytest.raises(HardwareError, match="published for adc_bits=4"):
        load_hardware("pim45nm", {NUMERICS + "model": "imac_accuracy", "engines.pim.adc_bits": 6})


def test_a_sum_that_may_leave_the_accumulator_is_refused() -> None:
    """Every cell of the 36 rows stuck at 1 in each of 6 columns: sums of up to 36 · 63 · 63, 18 bits and membranes."""
    network = chain((4, 5, 3))
    narrow = {"engines.pim.accumulator_bits": 17, "engines.pim.membrane_bits": 8}
    layer_numerics(network, load_hardware("pim45nm_bitserial", narrow))
    stuck = narrow | {NUMERICS + "stuck_at_1_ratio": 1.0}
    with pytest.raises(MappingError, match=r'layer "conv1": sums reach .*accumulator_bits=17'):
        layer_numerics(network, load_hardware("pim45nm_bitserial", stuck))


def test_sums_beyond_exact_quotients_are_refused() -> None:
    layer = linear(np.random.default_rng(0), bits=16)
    with pytest.raises(ModelError, match="are computed exactly"):
        build(layer, analog(thermal_sigma_lsb=2.0**38), 0, 2**16 - 1)


def test_a_layer_may_be_exact_beside_others_that_are_not() -> None:
    """Numerics are a layer's: errors in the second leave the first layer's spikes as they are."""
    network = chain((4, 5, 3))
    inputs = codes(network, 4)
    clean = record(network, inputs, None, [LayerNumerics(46, 46)] * 3, threads=1)
    widths = [LayerNumerics(46, 46), LayerNumerics(46, 46, Macro(9, 1)), LayerNumerics(46, 46)]
    erring = record(network, inputs, None, widths, threads=1)
    assert (clean.trace.spikes[0] == erring.trace.spikes[0]).all()
    assert (clean.potentials[1] != erring.potentials[1]).any()
