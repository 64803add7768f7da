"""A second implementation, written from docs/model-format.md, trace-format.md and crossbar-numerics.md alone, agrees.

It shares nothing with the package or with the other twins: files are written by numpy.savez, maps are (N, C, D, H, W).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from itertools import product
from math import ceil, log2, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.model import load_network, network_hash
from pimsim.model.macro import Macro
from pimsim.model.network import LayerNumerics
from pimsim.model.reference import run
from pimsim.simulation import execute
from pimsim.traces import load_trace, save_trace, trace_hash

STATISTICS = ("membrane_low", "membrane_high", "saturations")
Header = dict[str, Any]
Arrays = dict[str, np.ndarray]
Model = tuple[Header, Arrays]
DEFAULTS: Header = {"stride": [1, 1, 1], "padding": [0, 0, 0], "pool": [1, 1, 1], "spectral_map": False}
DEFAULTS |= {"zero_point": 0, "threshold": 0, "leak": 0}


@st.composite
def models(draw: st.DrawFn, small: bool = False) -> Model:
    """Header and arrays of a model file, spiking or a CNN, whose shapes are odd on purpose."""
    one = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    upto = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    cnn, rng = one(False, False, True), np.random.default_rng(upto(0, 2**32))
    bits, f = upto(1, 5 if small else 12), 0 if cnn else one(0, 1, 8, 16)
    shape = (one(1, 3), one(3, 17) if small else one(3, 17, 65, 210), *one((1, 1), (2, 3)))
    entry = {"shape": list(shape), "bits": bits, "scale": one(1, 0.1), "zero_point": one(0, 2**bits // 2, 2**bits - 1)}
    head = {"format": "pimsim-model", "version": 1, "name": one("x", "été 测"), "input": entry, "layers": []}
    head |= {"time_steps": 1 if cnn else one(1, 2, 3 if small else 12), "leak_fraction_bits": f}
    head["leak_rounding"] = "floor" if cnn else one("floor", "half_up")
    arrays = {"input.mean": rng.normal(0, 9, shape[1]), "input.deviation": rng.uniform(1, 9, shape[1]).astype("f4")}
    last, largest = upto(1, 3), 2**bits
    for index in range(last + 1):
        layer: Header = {
            "name": f"L.{index}",
            "out_channels": one(1, 3, 5 if small else 17),
            "scale": 0.25,
            "neuron": "accumulate",
        }
        if shape[2:] == (1, 1) and one(True, False):
            layer["spectral_map"], shape = True, (1, 1, shape[1], shape[0])
        if index and one(True, False):
            pool = layer["pool"] = [upto(1, min(3, n)) for n in shape[1:]]
            shape = (shape[0], *(n // p for n, p in zip(shape[1:], pool, strict=True)))
        kind = layer["kind"] = (
            "linear" if index == last else one("linear", "conv2d" if shape[1] == 1 else "conv3d", "conv3d")
        )
        kernel, out, fan = shape[1:], (1, 1, 1), (prod(shape),)
        if kind != "linear":
            tops = [1 if kind == "conv2d" and axis == 0 else 4 for axis in range(3)]  # a conv2d is flat in depth
            kernel = layer["kernel"] = [upto(1, min(top, n)) for top, n in zip(tops, shape[1:], strict=True)]
            pads = layer["padding"] = [upto(0, k - 1) for k in kernel]
            steps = layer["stride"] = [upto(1, min(top, 3)) for top in tops]
            out = tuple((n + 2 * p - k) // s + 1 for n, k, p, s in zip(shape[1:], kernel, pads, steps, strict=True))
            fan = (shape[0], *kernel[kind == "conv2d" :])
        wide, affine = one(2, 5) if small else one(2, 8, 12), one(True, False)
        low, high = (0, 2**wide - 1) if affine else (1 - 2 ** (wide - 1), 2 ** (wide - 1) - 1)
        layer |= {"weight_bits": wide, "scheme": "affine" if affine else "scale"}
        layer["zero_point"] = one(0, high, high // 2) if affine else 0
        if index < last:
            usual = int(2 ** (wide - 2) * largest * prod(fan) ** 0.5)
            largest = 1
            if cnn:
                width, multiplier = one(1, 4, 8), one(1, 300, 65535)
                largest, shift = 2**width, one(0, max(0, int(log2(usual * multiplier)) - width))
                layer |= {"neuron": "relu", "multiplier": multiplier, "shift": shift, "activation_bits": width}
            else:
                layer |= {"neuron": one("lif", "if", "single_spike")}
                layer["threshold"] = one(0, 1, usual, usual, 2**31 - 1)
                layer["leak"] = 2**f if layer["neuron"] == "if" else upto(0, 2**f)
        weight = rng.integers(low, high + 1, (layer["out_channels"], *fan))
        arrays[f"weight.{layer['name']}"] = np.asfortranarray(weight).astype(one("<i2", ">i8"))
        head["layers"].append(layer)
        shape = (layer["out_channels"], *out)
    return head, arrays


def quantized(entry: Header, arrays: Arrays, raw: np.ndarray) -> np.ndarray:
    """§4.1."""
    mean, deviation = (arrays[f"input.{name}"].astype("f8")[:, None, None] for name in ("mean", "deviation"))
    codes = np.rint((raw - mean) / deviation / entry["scale"]) + entry["zero_point"]
    return np.clip(codes, 0, 2 ** entry["bits"] - 1).astype("u1" if entry["bits"] <= 8 else "u2")


def operands(layer: Header, weight: np.ndarray, x: np.ndarray, zero: int) -> tuple[np.ndarray, np.ndarray]:
    """§3, §4.2 and §4.3: codes of the fields (N, D', H', W', K) and weights (K, C_out), K as kD, kH, kW, C_in."""
    if layer["spectral_map"]:
        x = x[:, :, :, 0, 0].swapaxes(1, 2)[:, None, None]
    n, pool = x.shape[2:], layer["pool"]
    x = x[:, :, : n[0] // pool[0] * pool[0], : n[1] // pool[1] * pool[1], : n[2] // pool[2] * pool[2]]
    x = sum(x[:, :, i :: pool[0], j :: pool[1], k :: pool[2]] for i, j, k in product(*map(range, pool)))
    kernel, step = layer.get("kernel", x.shape[2:]), layer["stride"]
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in layer["padding"])], constant_values=zero)
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, step, strict=True)]
    result = np.zeros((len(x), *size, prod(kernel) * x.shape[1]), np.int64)
    for d, h, w in product(*map(range, size)):
        place = [slice(p * s, p * s + k) for p, s, k in zip((d, h, w), step, kernel, strict=True)]
        result[:, d, h, w] = np.moveaxis(x[:, :, *place], 1, -1).reshape(len(x), -1)
    by_channel = weight.astype(np.int64).reshape(len(weight), x.shape[1], -1)
    return result, by_channel.transpose(2, 1, 0).reshape(-1, len(weight))


def powers(leak: int, f: int, terms: int) -> int:
    """§4.5, of a leak in 0 … 2^f."""
    if terms == 0 or f == 0:
        return leak
    sums = {sum(choice) for choice in product([0, *(s << k for k in range(f + 1) for s in (1, -1))], repeat=terms)}
    return min(sums & set(range(2**f + 1)), key=lambda near: (abs(near - leak), near))


Sums = Callable[[int, Header, np.ndarray, np.ndarray, int, int], np.ndarray]


def exact(_index: int, layer: Header, codes: np.ndarray, weight: np.ndarray, zero: int, _step: int) -> np.ndarray:
    """§4.3."""
    return (codes - zero) @ (weight - layer["zero_point"])


def execution(head: Header, arrays: Arrays, codes: np.ndarray, bits: int, words: Header, form: Sums) -> list[Any]:
    """§4.4 and §4.5, per layer: spikes (N, T, C, D, H, W), last membrane, least and most offered, saturations."""
    f, steps, result, edge = head["leak_fraction_bits"], head["time_steps"], [], 2 ** (bits - 1)
    s = words.get("membrane_shift", 0)
    r = 2**s // 2 if words.get("membrane_half_up") else 0
    half = 2**f // 2 if head["leak_rounding"] == "half_up" else 0
    signal, zero = [codes.astype(np.int64)] * steps, head["input"]["zero_point"]
    for index, layer in enumerate(DEFAULTS | part for part in head["layers"]):
        m, spent, spikes, offers, saturated = np.int64(0), np.False_, [], [], 0
        for t in range(steps):
            if t == 0 or signal[t] is not signal[0]:  # the codes are the same at every step
                field, weight = operands(layer, arrays[f"weight.{layer['name']}"], signal[t], zero)
                a = np.moveaxis(form(index, layer, field, weight, zero, t), -1, 1)
            v = m + a
            o = (v > layer["threshold"]) & ~spent
            m = offer = word = v
            if layer["neuron"] == "relu":
                rounded = (a * layer["multiplier"] + 2 ** layer["shift"] // 2) >> layer["shift"]
                o, m = np.clip(rounded, 0, 2 ** layer["activation_bits"] - 1), np.int64(0)
            elif layer["neuron"] != "accumulate":
                once = layer["neuron"] == "single_spike"
                leak = powers(layer["leak"], f, words.get("leak_terms", 0))
                offer = ((v * leak + half) >> f) - (0 if once else layer["threshold"] * o)
                word, m = (offer + r) >> s, np.clip((offer + r) >> s, -edge, edge - 1)
                saturated += int((m != word).sum())
                m, spent = m << s, spent | (o & once)
            spikes, offers = [*spikes, 1 * o], [*offers, offer]
        outputs = m.reshape(len(codes), -1) if index == len(head["layers"]) - 1 else m
        result.append((np.stack(spikes, 1), outputs, int(np.min(offers)), int(np.max(offers)), saturated))
        signal, zero = spikes, 0
    return result


class Crossbar:
    """docs/crossbar-numerics.md, of one layer: bit-serial with any encoding, or analog with exact products."""

    def __init__(self, macro: Macro, layer: Header, weight: np.ndarray, zero: int, largest: int) -> None:
        self.macro, self.zero, bits, w = macro, zero, layer["weight_bits"], weight - layer["zero_point"]
        self.reference, self.constant, size = 0, -zero * w.sum(0), max(1, int(abs(w).max()).bit_length())
        cut = lambda value, wide: [value >> j & 2**c - 1 for j in range(0, wide, c)]  # noqa: E731
        count = lambda wide, sign: [sign * 2**j for j in range(0, wide, c)]  # noqa: E731
        c = size if macro.encoding == "sign_magnitude" else macro.cell_bits
        if macro.encoding == "offset":
            lift = 0 if layer["scheme"] == "affine" else 2 ** (bits - 1)
            self.reference, stored = layer["zero_point"] + lift, weight + lift
            self.constant = zero * (len(w) * self.reference - stored.sum(0))
            columns, self.factors = cut(stored, bits), count(bits, 1)
        elif macro.encoding == "twos_complement":
            lower = int(np.maximum(w, ~w).max()).bit_length()
            columns, self.factors = [*cut(w, lower), (w < 0) * 1], [*count(lower, 1), -(2**lower)]
            columns[:-1] = [column & 2 ** (lower - c * j) - 1 for j, column in enumerate(columns[:-1])]
        else:
            columns = [*cut(np.maximum(w, 0), size), *cut(np.maximum(-w, 0), size)]
            self.factors = count(size, 1) + count(size, -1)
        self.slices = range(0, largest.bit_length(), macro.dac_bits)
        self._convert(columns, min(2**macro.dac_bits - 1, largest), 2**c - 1)
        self.products = [np.rint(column * 4096).astype(np.int64) for column in self._conducted(columns, w, c)]

    def draw(self, *purpose: int) -> np.random.Generator:
        macro = self.macro
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([macro.seed, macro.chip, macro.layer, *purpose]))
        )

    def _conducted(self, columns: list[np.ndarray], w: np.ndarray, c: int) -> list[np.ndarray]:
        """§3: columns of cells that are stuck and unequal, the reference column last."""
        analog = self.macro.encoding == "sign_magnitude"
        numbers = [abs(w)] if analog else columns
        cells = np.stack([number >> j & 1 for number in numbers for j in range(c)] + [w < 0] * analog, -1)
        cells, unequal = self._cells(cells, 1)
        digits = [sum(2.0**j * unequal[..., at + j] for j in range(c)) for at in range(0, c * len(numbers), c)]
        if analog:
            digits = [np.where(cells[..., -1] == side, digits[0], 0) for side in (0, 1)]
        if self.reference:
            digits.append(self._cells(np.ones((len(w), 1, 1)), 3)[1][..., 0])
        return digits

    def _cells(self, cells: np.ndarray, purpose: int) -> tuple[np.ndarray, np.ndarray]:
        macro = self.macro
        u = self.draw(purpose).random(cells.shape)
        cells = np.where(u < macro.stuck_at_0_ratio, 0, np.where(u >= 1 - macro.stuck_at_1_ratio, 1, cells))
        n = np.clip(self.draw(purpose + 1).standard_normal(cells.shape), -6, 6)
        return cells, cells * (1 + macro.cell_mismatch_sigma_ratio * n)

    def _convert(self, columns: list[np.ndarray], largest: int, digit: int) -> None:
        """§2: level, and step and offset of every column's converter."""
        macro, fan_in, outputs = self.macro, *columns[0].shape
        top, self.ends = 2**macro.adc_bits - 1, (0, 2**macro.adc_bits - 1)
        ones = [np.ones((fan_in, 1), np.int64)] if self.reference else []
        groups = [
            column[at : at + macro.rows].sum(0) for column in columns + ones for at in range(0, fan_in, macro.rows)
        ]
        s = {
            "lsb": 1.0,
            "codes": min(macro.rows, fan_in) * digit * largest / top,
            "weights": int(max(group.max() for group in groups)) * largest / top,
        }[str(macro.adc_full_scale_lsb)]
        analog, self.level = macro.encoding == "sign_magnitude", max(1, int(np.rint(s * 4096)))
        place = [
            np.arange(outputs) * (1 if analog else len(columns)) + (0 if analog else j) for j in range(len(columns))
        ]
        converter = [at // macro.columns_per_adc for at in place]
        last = int(max(at.max() for at in converter)) + 1
        n = np.clip(self.draw(5).standard_normal((last + 1 if self.reference else last, 2)), -6, 6)
        gain = np.maximum(0.01, 1 + macro.adc_gain_error_ratio + macro.adc_gain_sigma_ratio * n[:, 0])
        step = np.maximum(1, np.rint(s / gain * 4096)).astype(np.int64)
        offset = np.rint(step * (macro.adc_offset_steps + macro.adc_offset_sigma_steps * n[:, 1])).astype(np.int64)
        each = [*converter, np.array([last])] if self.reference else converter
        self.steps = [(step[at], offset[at]) for at in each]

    def sums(self, codes: np.ndarray, steps: int, step: int) -> np.ndarray:
        """§1, of codes (N, D', H', W', K); ``steps`` that noise is drawn for, of which this is number ``step``."""
        d, rows, total = self.macro.dac_bits, self.macro.rows, 0 + self.constant
        starts, wide = range(0, codes.shape[-1], rows), sum(column.shape[1] for column in self.products)
        shape = (steps, *codes.shape[1:-1], len(starts), len(self.slices), wide)
        scale = np.float32(self.macro.thermal_sigma_lsb * 4096)
        drawn = [self.draw(7, n).standard_normal(shape, np.float32)[step].clip(-6, 6) for n in range(len(codes))]
        noise = np.rint(np.stack(drawn) * scale).astype(np.int64)
        for (g, start), (i, low) in product(enumerate(starts), enumerate(self.slices)):
            x, at = codes[..., start : start + rows] >> low & 2**d - 1, 0
            for j, (column, (own, offset)) in enumerate(zip(self.products, self.steps, strict=True)):
                y = x @ column[start : start + rows] + noise[..., g, i, at : at + column.shape[1]]
                at += column.shape[1]
                value = (np.clip((y + offset + own // 2) // own, *self.ends) * self.level + 2048) >> 12
                total = total + (self.factors[j] if j < len(self.factors) else -self.reference) * value * 2**low
        return total


def digest(head: Header, arrays: Arrays) -> str:
    """§6."""
    exact = lambda part: part | {"scale": struct.pack(">d", part["scale"]).hex()}  # noqa: E731
    layers = [exact(DEFAULTS | layer) for layer in head["layers"]]
    layers = [{k: v for k, v in x.items() if x["kind"] != "linear" or k not in ("stride", "padding")} for x in layers]
    full = head | {"encoding": "direct", "input": exact(head["input"]), "layers": layers}
    content = json.dumps(full, sort_keys=True, separators=(",", ":")).encode()
    for name, array in arrays.items():
        content += f"\n{name}\n".encode() + array.astype("<f8" if name.startswith("input") else "<i4").tobytes("C")
    return hashlib.sha256(content).hexdigest()


def recording(head: Header, arrays: Arrays, codes: np.ndarray, layers: list[Any], bits: int, words: Header) -> Model:
    """Header and arrays of the trace, docs/trace-format.md."""
    flat = [np.moveaxis(spikes, 2, -1).reshape(*spikes.shape[:2], -1) for spikes, *_ in layers[:-1]]
    trace = {"format": "pimsim-trace", "version": 1, "model_hash": digest(head, arrays), "samples": len(codes)}
    trace |= {"steps": head["time_steps"], "classes": layers[-1][1].shape[1], "input_shape": head["input"]["shape"]}
    if head["layers"][0]["neuron"] == "relu":
        wide = ["u1" if layer["activation_bits"] <= 8 else "u2" for layer in head["layers"][:-1]]
        parts = {f"activations.{i}": values[:, 0].astype(wide[i]) for i, values in enumerate(flat)}
        trace["activation_neurons"] = [values.shape[1] for values in parts.values()]
    else:
        parts = {f"spikes.{i}": np.packbits(spikes, axis=2, bitorder="little") for i, spikes in enumerate(flat)}
        trace["spike_bytes"] = [spikes.shape[2] for spikes in parts.values()]
    widths = {"accumulator_bits": 46, "membrane_bits": bits, "crossbar": ""}
    trace["layers"] = [widths | words | dict(zip(STATISTICS, layer[2:], strict=True)) for layer in layers]
    return trace, parts | {"inputs": codes, "outputs": layers[-1][1], "labels": np.full(len(codes), -1, ">i2")}


@settings(max_examples=30)
@given(models(), st.sampled_from([46, 32, 7, 1]), st.integers(0, 9), st.booleans(), st.integers(0, 2))
def test_the_documents_alone_suffice(
    tmp_path_factory: pytest.TempPathFactory, model: Model, bits: int, shift: int, half_up: bool, terms: int
) -> None:
    (head, arrays), path = model, tmp_path_factory.getbasetemp() / "foreign.npz"
    np.savez(path, header=np.array(json.dumps(head, ensure_ascii=False)), **arrays)
    network, rng = load_network(path), np.random.default_rng(1)
    raw = rng.normal(0, 9, (2, *head["input"]["shape"]))
    codes = network.input.quantize(raw)
    assert np.array_equal(codes, quantized(head["input"], arrays, raw))
    shift = min(shift, 46 - bits)
    words = {"membrane_shift": shift, "membrane_half_up": int(half_up and shift > 0), "leak_terms": terms}
    words = {key: value for key, value in words.items() if value}
    mine = execution(head, arrays, codes, bits, words, exact)
    trace, parts = recording(head, arrays, codes, mine, bits, words)
    np.savez_compressed(path, header=np.array(json.dumps(trace)), **parts)
    own = LayerNumerics(
        46,
        bits,
        membrane_shift=shift,
        membrane_rounding="half_up" if half_up else "floor",
        leak_terms=terms,
    )
    numerics = [own] * len(mine)
    assert network_hash(network) == trace["model_hash"]
    assert trace_hash(load_trace(path)) == trace_hash(execute(network, codes, numerics=numerics, threads=1))
    reference = run(network, codes, numerics)
    assert all((np.moveaxis(a, -1, 2) == b[0]).all() for a, b in zip(reference.spikes, mine, strict=False))
    assert all((np.moveaxis(a, -1, 1) == b[0][:, 0]).all() for a, b in zip(reference.activations, mine, strict=False))
    assert np.array_equal(reference.outputs, mine[-1][1])
    assert [list(getattr(reference, name)) for name in STATISTICS] == [list(x) for x in zip(*mine, strict=True)][2:]


@st.composite
def macros(draw: st.DrawFn) -> Header:
    """Parameters of a crossbar; ``groups`` that a layer's rows are divided into."""
    one = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    given = {"encoding": one("offset", "differential", "twos_complement", "sign_magnitude"), "groups": one(1, 2, 5)}
    given["cell_bits"] = 1 if given["encoding"] == "sign_magnitude" else one(1, 2, 3)
    given |= {"adc_bits": one(2, 5, 9), "dac_bits": one(1, 2, 3), "columns_per_adc": one(1, 4)}
    given |= {"adc_full_scale_lsb": one("lsb", "codes", "weights"), "adc_gain_error_ratio": one(0.0, -0.1)}
    given |= {"adc_offset_steps": one(0.0, 0.7), "adc_gain_sigma_ratio": one(0.0, 0.05)}
    given |= {"adc_offset_sigma_steps": one(0.0, 0.9), "thermal_sigma_lsb": one(0.0, 0.6)}
    given |= {"cell_mismatch_sigma_ratio": one(0.0, 0.06), "stuck_at_0_ratio": one(0.0, 0.1)}
    return given | {"stuck_at_1_ratio": one(0.0, 0.1), "seed": one(0, 2**32 - 1), "chip": one(0, 3)}


@settings(max_examples=30)
@given(models(small=True), macros())
def test_the_documents_alone_suffice_for_crossbars(
    tmp_path_factory: pytest.TempPathFactory, model: Model, given: Header
) -> None:
    (head, arrays), folder = model, tmp_path_factory.getbasetemp()
    np.savez(folder / "foreign.npz", header=np.array(json.dumps(head)), **arrays)
    network, bits, groups = load_network(folder / "foreign.npz"), head["input"]["bits"], given.pop("groups")
    codes = np.random.default_rng(2).integers(0, 2**bits, (2, *head["input"]["shape"]), np.uint8)
    numerics, built = [], {}
    for index, layer in enumerate(network.layers):
        rows = ceil(layer.weight[0].size / groups)
        numerics.append(LayerNumerics(46, 46, Macro(rows=rows, layer=index, **given)))

    def form(index: int, layer: Header, field: np.ndarray, weight: np.ndarray, zero: int, step: int) -> np.ndarray:
        wide = head["layers"][index - 1].get("activation_bits", 1) if index else bits
        macro = numerics[index].crossbar
        assert macro is not None
        if index not in built:
            built[index] = Crossbar(macro, layer, weight, zero, prod(layer["pool"]) * (2**wide - 1))
        return built[index].sums(field, head["time_steps"] if index else 1, step)

    mine = execution(head, arrays, codes, 46, {}, form)
    save_trace(execute(network, codes, numerics=numerics, threads=1), folder / "made.npz")
    _, parts = recording(head, arrays, codes, mine, 46, {})
    with np.load(folder / "made.npz") as made:
        assert all((made[name] == array).all() for name, array in parts.items())
