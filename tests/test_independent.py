"""A second implementation, written from docs/model-format.md and docs/trace-format.md alone, agrees on every bit.

It shares nothing with the package or with the other twins: files are written by numpy.savez, maps are (N, C, D, H, W).
"""

from __future__ import annotations

import hashlib
import json
import struct
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.model import load_network, network_hash
from pimsim.model.network import LayerNumerics
from pimsim.model.reference import run
from pimsim.simulation import execute
from pimsim.traces import load_trace, trace_hash

STATISTICS = ("membrane_low", "membrane_high", "saturations")
Header = dict[str, Any]
Arrays = dict[str, np.ndarray]
Model = tuple[Header, Arrays]
DEFAULTS: Header = {"stride": [1, 1, 1], "padding": [0, 0, 0], "pool": [1, 1, 1], "spectral_map": False}
DEFAULTS |= {"zero_point": 0, "threshold": 0, "leak": 0}


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Header and arrays of a model file whose shapes are odd on purpose."""
    one = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    upto = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    bits, f, rng = upto(1, 12), one(0, 1, 8, 16), np.random.default_rng(upto(0, 2**32))
    shape = (one(1, 3), one(3, 17, 65, 210), *one((1, 1), (2, 3)))
    entry = {"shape": list(shape), "bits": bits, "scale": one(1, 0.1), "zero_point": one(0, 2**bits // 2, 2**bits - 1)}
    head = {"format": "pimsim-model", "version": 1, "name": one("x", "été 测"), "input": entry, "layers": []}
    head |= {"time_steps": one(1, 2, 12), "leak_fraction_bits": f, "leak_rounding": one("floor", "half_up")}
    arrays = {"input.mean": rng.normal(0, 9, shape[1]), "input.deviation": rng.uniform(1, 9, shape[1]).astype("f4")}
    last = upto(1, 3)
    for index in range(last + 1):
        layer: Header = {"name": f"L.{index}", "out_channels": one(1, 3, 17), "scale": 0.25, "neuron": "accumulate"}
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
        wide, affine = one(2, 8, 12), one(True, False)
        low, high = (0, 2**wide - 1) if affine else (1 - 2 ** (wide - 1), 2 ** (wide - 1) - 1)
        layer |= {"weight_bits": wide, "scheme": "affine" if affine else "scale"}
        layer["zero_point"] = one(0, high, high // 2) if affine else 0
        if index < last:
            usual = int(2 ** (wide - 2) * (1 if index else 2**bits) * prod(fan) ** 0.5)
            layer |= {"neuron": one("lif", "if", "single_spike"), "threshold": one(0, 1, usual, usual, 2**31 - 1)}
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


def sums(layer: Header, weight: np.ndarray, x: np.ndarray, zero: int) -> np.ndarray:
    """§4.2 and §4.3."""
    if layer["spectral_map"]:
        x = x[:, :, :, 0, 0].swapaxes(1, 2)[:, None, None]
    n, pool = x.shape[2:], layer["pool"]
    x = x[:, :, : n[0] // pool[0] * pool[0], : n[1] // pool[1] * pool[1], : n[2] // pool[2] * pool[2]]
    x = sum(x[:, :, i :: pool[0], j :: pool[1], k :: pool[2]] for i, j, k in product(*map(range, pool)))
    kernel, step = layer.get("kernel", x.shape[2:]), layer["stride"]
    x = np.pad(x - zero, [(0, 0), (0, 0), *((p, p) for p in layer["padding"])])
    centred = weight.astype(np.int64).reshape(len(weight), x.shape[1], *kernel) - layer["zero_point"]
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, step, strict=True)]
    total = np.zeros((len(x), len(weight), *size), np.int64)
    for d, h, w in product(*map(range, size)):
        place = [slice(p * s, p * s + k) for p, s, k in zip((d, h, w), step, kernel, strict=True)]
        total[:, :, d, h, w] = np.tensordot(x[:, :, *place], centred, [[1, 2, 3, 4]] * 2)
    return total


def powers(leak: int, f: int, terms: int) -> int:
    """§4.5, of a leak in 0 … 2^f."""
    if terms == 0 or f == 0:
        return leak
    sums = {sum(choice) for choice in product([0, *(s << k for k in range(f + 1) for s in (1, -1))], repeat=terms)}
    return min(sums & set(range(2**f + 1)), key=lambda near: (abs(near - leak), near))


def execution(head: Header, arrays: Arrays, codes: np.ndarray, membrane_bits: int, words: Header) -> list[Any]:
    """§4.4 and §4.5, per layer: spikes (N, T, C, D, H, W), last membrane, least and most offered, saturations."""
    f, steps, result, edge = head["leak_fraction_bits"], head["time_steps"], [], 2 ** (membrane_bits - 1)
    s = words.get("membrane_shift", 0)
    r = 2**s // 2 if words.get("membrane_half_up") else 0
    half = 2**f // 2 if head["leak_rounding"] == "half_up" else 0
    signal, zero = [codes.astype(np.int64)] * steps, head["input"]["zero_point"]
    for layer in (DEFAULTS | part for part in head["layers"]):
        m, spent, spikes, offers, saturated = np.int64(0), np.False_, [], [], 0
        for t in range(steps):
            if t == 0 or signal[t] is not signal[0]:  # the codes are the same at every step
                a = sums(layer, arrays[f"weight.{layer['name']}"], signal[t], zero)
            v = m + a
            o = (v > layer["threshold"]) & ~spent
            m = offer = word = v
            if layer["neuron"] != "accumulate":
                once = layer["neuron"] == "single_spike"
                leak = powers(layer["leak"], f, words.get("leak_terms", 0))
                offer = ((v * leak + half) >> f) - (0 if once else layer["threshold"] * o)
                word, m = (offer + r) >> s, np.clip((offer + r) >> s, -edge, edge - 1)
                saturated += int((m != word).sum())
                m, spent = m << s, spent | (o & once)
            spikes, offers = [*spikes, 1 * o], [*offers, offer]
        result.append((np.stack(spikes, 1), m.reshape(len(m), -1), int(np.min(offers)), int(np.max(offers)), saturated))
        signal, zero = spikes, 0
    return result


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
    parts = {f"spikes.{i}": np.packbits(spikes, axis=2, bitorder="little") for i, spikes in enumerate(flat)}
    trace = {"format": "pimsim-trace", "version": 1, "model_hash": digest(head, arrays), "samples": len(codes)}
    trace |= {"steps": head["time_steps"], "classes": layers[-1][1].shape[1], "input_shape": head["input"]["shape"]}
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
    mine = execution(head, arrays, codes, bits, words)
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
    assert np.array_equal(reference.outputs, mine[-1][1])
    assert [list(getattr(reference, name)) for name in STATISTICS] == [list(x) for x in zip(*mine, strict=True)][2:]
