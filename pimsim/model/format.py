"""``model.npz``, version 1: an `IntegerNetwork` as a file (docs/model-format.md).

A JSON header plus one array per tensor, readable with ``numpy.load`` and writable with ``numpy.savez``.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.archive.header import Fields, check_format
from pimsim.archive.reader import ArchiveReader
from pimsim.archive.writer import encode, write_archive
from pimsim.errors import ModelError
from pimsim.model import checks
from pimsim.model.architecture import CONV2D, LAYER_KINDS, LINEAR, Architecture, LayerShape, Shape3, Shape4
from pimsim.model.input import InputQuantization, InputSpikes
from pimsim.model.network import (
    AFFINE,
    DIRECT,
    ENCODINGS,
    FLOOR,
    HYBRID,
    RELU,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    Neuron,
)

FORMAT, VERSION = "pimsim-model", 1
MEAN, DEVIATION = "input.mean", "input.deviation"
MAX_LAYERS = 1000
#: values widened and hashed at a time, while in a cache; 31 million at once take three times as long, and 0.4 GB
_HASHED_AT_ONCE = 2**16
#: keys of a layer that only one kind of neuron has
_KIND_KEYS = {RELU: ("multiplier", "shift", "activation_bits"), TIMED: ("time_weight",)}


def load_network(path: str | os.PathLike[str]) -> IntegerNetwork:
    """Read and check a model file.

    Raises `MissingFileError`, or `ModelError` naming the file, the array or key, the value and the limit.
    """
    with ArchiveReader(path, ModelError) as archive:
        fields = Fields(archive.header(), f"{archive.path}: header", ModelError)
        check_format(fields, FORMAT, VERSION)
        with checks.inside(str(archive.path), unless_there=True):
            return _network(fields, archive)


def save_network(network: IntegerNetwork, path: str | os.PathLike[str]) -> None:
    """Write a model file: whole or not at all, the same bytes for the same network.

    Raises `OutputError` where it cannot be written, `ModelError` where the provenance is not JSON.
    """
    header = describe(network) | {"provenance": dict(network.provenance)}
    write_archive(path, encode(header, ModelError), arrays(network))


def network_hash(network: IntegerNetwork) -> str:
    """SHA-256, 64 hexadecimal digits, of what the network computes: everything but its provenance.

    Two files of equal content have the same hash however they were packed (docs/model-format.md §6).
    """
    digest = hashlib.sha256(hashed_text(network).encode("ascii"))
    for name, array in arrays(network).items():
        kind = "<f8" if array.dtype.kind == "f" else "<i4"
        digest.update(f"\n{name}\n".encode("ascii"))
        for start in range(0, array.size, _HASHED_AT_ONCE):
            digest.update(array.reshape(-1)[start : start + _HASHED_AT_ONCE].astype(kind).data)
    return digest.hexdigest()


def hashed_text(network: IntegerNetwork) -> str:
    """What `network_hash` takes in front of the arrays."""
    return json.dumps(_bits(describe(network)), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def describe(network: IntegerNetwork) -> dict[str, object]:
    """The header without provenance."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": network.name,
        "input": {
            "shape": list(network.architecture.input_shape),
            "bits": int(network.input.bits),
            "scale": float(network.input.scale),
            "zero_point": int(network.input.zero_point),
            **({"per_channel": True} if network.input.per_channel else {}),
            **_describe_spikes(network.input_spikes),
        },
        "time_steps": int(network.time_steps),
        "encoding": network.encoding,
        "leak_fraction_bits": int(network.leak_fraction_bits),
        "leak_rounding": network.leak_rounding,
        "layers": [_describe_layer(layer) for layer in network.layers],
    }


def arrays(network: IntegerNetwork) -> dict[str, npt.NDArray[Any]]:
    """Every array of the file in its order, in the shape and type in which it is written."""
    result: dict[str, npt.NDArray[Any]] = {
        MEAN: network.input.mean.astype(np.float64),
        DEVIATION: network.input.deviation.astype(np.float64),
    }
    for layer in network.layers:
        codes = layer.weight.reshape(file_shape(layer.shape))
        result[weight_name(layer.name)] = codes.astype(weight_dtype(layer), copy=False)
    return result


def weight_name(layer: str) -> str:
    return f"weight.{layer}"


def weight_dtype(layer: IntegerLayer) -> npt.DTypeLike:
    """The narrowest type that holds the codes: unsigned when affine, signed when scale."""
    if layer.scheme == AFFINE:
        return np.uint8 if layer.weight_bits <= 8 else np.uint16
    return np.int8 if layer.weight_bits <= 8 else np.int16


def file_shape(shape: LayerShape) -> tuple[int, ...]:
    """Shape of a layer's weight array in the file; C order turns it into (C_out, C_in, kD, kH, kW)."""
    if shape.kind == LINEAR:
        return shape.out_channels, shape.fan_in
    if shape.kind == CONV2D:
        return shape.out_channels, shape.in_shape[0], *shape.kernel[1:]
    return shape.out_channels, shape.in_shape[0], *shape.kernel


def _describe_layer(layer: IntegerLayer) -> dict[str, object]:
    shape = layer.shape
    structure: dict[str, object] = {"name": shape.name, "kind": shape.kind, "out_channels": shape.out_channels}
    if shape.kind != LINEAR:
        structure |= {"kernel": list(shape.kernel), "stride": list(shape.stride), "padding": list(shape.padding)}
    numbers = {
        "pool": list(shape.pool),
        "spectral_map": shape.spectral_map,
        "weight_bits": int(layer.weight_bits),
        "scheme": layer.scheme,
        "zero_point": int(layer.zero_point),
        "scale": float(layer.scale),
        "neuron": layer.neuron.kind,
        "threshold": int(layer.neuron.threshold),
        "leak": int(layer.neuron.leak),
    }
    return structure | numbers | _describe_kind(layer.neuron)


def _describe_spikes(spikes: InputSpikes | None) -> dict[str, object]:
    """Keys that only the encoding ``hybrid`` has, so that other networks keep their hash."""
    if spikes is None:
        return {}
    return {"spike_low": int(spikes.low), "spike_high": int(spikes.high), "spike_shift": int(spikes.shift)}


def _describe_kind(neuron: Neuron) -> dict[str, object]:
    """Keys that only one kind of neuron has, so that networks of others keep their hash."""
    return {key: int(getattr(neuron, key)) for key in _KIND_KEYS.get(neuron.kind, ())}


def _network(fields: Fields, archive: ArchiveReader) -> IntegerNetwork:
    name, given = fields.text("name"), Fields(fields.get("input"), f"{fields.where}.input", ModelError)
    encoding = fields.text("encoding", DIRECT)
    checks.choice("encoding", encoding, ENCODINGS)
    source = _shape4(given.integers("shape", 4))
    entries = [
        Fields(entry, f"{fields.where}.layers[{index}]", ModelError)
        for index, entry in enumerate(fields.items("layers", MAX_LAYERS))
    ]
    architecture = Architecture(name, source, _shapes(entries, source))
    archive.require([MEAN, DEVIATION, *(weight_name(shape.name) for shape in architecture.layers)])
    network = IntegerNetwork(
        architecture=architecture,
        input_spikes=_input_spikes(given) if encoding == HYBRID else None,
        input=_input(given, archive, source),
        layers=tuple(_layer(*pair, archive) for pair in zip(entries, architecture.layers, strict=True)),
        time_steps=fields.integer("time_steps"),
        encoding=encoding,
        leak_fraction_bits=fields.integer("leak_fraction_bits"),
        leak_rounding=fields.text("leak_rounding", FLOOR),
        provenance=fields.object("provenance"),
    )
    fields.finish()
    return network


def _input_spikes(fields: Fields) -> InputSpikes:
    low, high, shift = (fields.integer(f"spike_{key}") for key in ("low", "high", "shift"))
    return InputSpikes(low, high, shift)


def _input(fields: Fields, archive: ArchiveReader, source: Shape4) -> InputQuantization:
    shape = source[:2] if fields.flag("per_channel", False) else source[1:2]
    quantization = InputQuantization(
        bits=fields.integer("bits"),
        scale=fields.number("scale"),
        zero_point=fields.integer("zero_point"),
        mean=archive.array(MEAN, "f", shape).astype(np.float64),
        deviation=archive.array(DEVIATION, "f", shape).astype(np.float64),
    )
    fields.finish()
    return quantization


def _shapes(entries: list[Fields], source: Shape4) -> tuple[LayerShape, ...]:
    shapes = []
    for fields in entries:
        shapes.append(_shape(fields, source))
        source = shapes[-1].out_shape
    return tuple(shapes)


def _shape(fields: Fields, source: Shape4) -> LayerShape:
    """Structure of one layer, fed by a map of shape ``source``."""
    name, kind = fields.text("name"), fields.text("kind")
    with checks.inside(f'layer "{name}"'):
        checks.choice("kind", kind, LAYER_KINDS)
    channels, view = fields.integer("out_channels"), fields.flag("spectral_map", False)
    pool = _shape3(fields.integers("pool", 3, (1, 1, 1)))
    if kind == LINEAR:
        return LayerShape.linear(name, source, channels, pool=pool, spectral_map=view)
    return LayerShape(
        name=name,
        kind=kind,
        source_shape=source,
        out_channels=channels,
        kernel=_shape3(fields.integers("kernel", 3)),
        stride=_shape3(fields.integers("stride", 3, (1, 1, 1))),
        padding=_shape3(fields.integers("padding", 3, (0, 0, 0))),
        pool=pool,
        spectral_map=view,
    )


def _layer(fields: Fields, shape: LayerShape, archive: ArchiveReader) -> IntegerLayer:
    weight = archive.array(weight_name(shape.name), "iu", file_shape(shape))
    kind = fields.text("neuron")
    numbers = {key: fields.integer(key, 0) for key in ("threshold", "leak")}
    numbers |= {key: fields.integer(key) for key in _KIND_KEYS.get(kind, ())}
    with checks.inside(f'layer "{shape.name}"'):
        neuron = Neuron(kind, **numbers)
    layer = IntegerLayer(
        shape=shape,
        weight=weight.reshape(shape.out_channels, shape.in_shape[0], *shape.kernel),
        weight_bits=fields.integer("weight_bits"),
        scheme=fields.text("scheme"),
        zero_point=fields.integer("zero_point", 0),
        scale=fields.number("scale"),
        neuron=neuron,
    )
    fields.finish()
    return layer


def _shape3(values: tuple[int, ...]) -> Shape3:
    d, h, w = values
    return d, h, w


def _shape4(values: tuple[int, ...]) -> Shape4:
    c, d, h, w = values
    return c, d, h, w


def _bits(value: object) -> object:
    """Floats as the 16 hexadecimal digits of their IEEE 754 bits, which every language can write."""
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, dict):
        return {key: _bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bits(item) for item in value]
    return value
