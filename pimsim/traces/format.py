"""``trace.npz``, version 1: a `Trace` as a file (docs/trace-format.md)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.archive.header import Fields, check_format
from pimsim.archive.reader import ArchiveReader
from pimsim.archive.writer import encode, write_archive
from pimsim.errors import TraceError
from pimsim.traces.trace import CROSSBAR, NUMERICS_KEYS, OPTIONAL_KEYS, SPIKE_CROSSBAR, WIDTH_KEYS, Trace

FORMAT, VERSION = "pimsim-trace", 1
MAX_LAYERS = 1000
INPUT_SPIKES, INPUT_SPIKE_BYTES = "input_spikes", "input_spike_bytes"


def load_trace(path: str | os.PathLike[str]) -> Trace:
    """Read and check a trace file.

    Raises `MissingFileError`, or `TraceError` naming the file, the array or key, the value and the limit.
    """
    with ArchiveReader(path, TraceError) as archive:
        fields = Fields(archive.header(), f"{archive.path}: header", TraceError)
        check_format(fields, FORMAT, VERSION)
        try:
            return _trace(fields, archive)
        except TraceError as problem:
            where = "" if str(problem).startswith(str(archive.path)) else f"{archive.path}: "
            raise TraceError(f"{where}{problem}") from None


def save_trace(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write a trace file: whole or not at all, the same bytes for the same trace.

    Raises `OutputError` where it cannot be written, `TraceError` where the provenance is not JSON.
    """
    header = describe(trace) | {"provenance": dict(trace.provenance)}
    write_archive(path, encode(header, TraceError), arrays(trace))


def trace_hash(trace: Trace) -> str:
    """SHA-256, 64 hexadecimal digits, of everything but the provenance."""
    digest = hashlib.sha256(json.dumps(describe(trace), sort_keys=True, separators=(",", ":")).encode("ascii"))
    for name, array in arrays(trace).items():
        digest.update(f"\n{name}\n".encode("ascii"))
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def describe(trace: Trace) -> dict[str, object]:
    """The header without provenance."""
    statistics = zip(trace.numerics, trace.membrane_low, trace.membrane_high, trace.saturations, strict=True)
    return {
        "format": FORMAT,
        "version": VERSION,
        "model_hash": trace.model_hash,
        "samples": trace.samples,
        "recorded_samples": trace.recorded_samples,
        "steps": trace.steps,
        "classes": int(trace.outputs.shape[1]),
        "input_shape": [int(size) for size in trace.inputs.shape[1:]],
        **_describe_hidden(trace),
        "layers": [
            {key: int(widths[key]) for key in WIDTH_KEYS}
            | {key: int(widths[key]) for key in OPTIONAL_KEYS if widths.get(key)}
            | {CROSSBAR: widths[CROSSBAR]}
            | {key: widths[key] for key in (SPIKE_CROSSBAR,) if widths.get(key)}
            | {"membrane_low": int(low), "membrane_high": int(high), "saturations": int(count)}
            for widths, low, high, count in statistics
        ],
    }


def _describe_hidden(trace: Trace) -> dict[str, object]:
    """Sizes of the hidden layers' arrays; a CNN has the one key, a spiking network the other.

    Input spikes have a key only where there are any, so that other traces keep their hash.
    """
    if trace.activations:
        return {"activation_neurons": [int(values.shape[1]) for values in trace.activations]}
    sizes: dict[str, object] = {"spike_bytes": [int(spikes.shape[2]) for spikes in trace.spikes]}
    return sizes if trace.input_spikes is None else sizes | {INPUT_SPIKE_BYTES: int(trace.input_spikes.shape[2])}


def arrays(trace: Trace) -> dict[str, npt.NDArray[Any]]:
    """Every array of the file in its order."""
    spikes = {spike_name(index): packed for index, packed in enumerate(trace.spikes)}
    activations = {activation_name(index): values for index, values in enumerate(trace.activations)}
    fired = {} if trace.input_spikes is None else {INPUT_SPIKES: trace.input_spikes}
    rest = {"outputs": trace.outputs.astype(np.int64), "labels": trace.labels.astype(np.int64)}
    return {"inputs": trace.inputs, **fired, **spikes, **activations, **rest}


def spike_name(index: int) -> str:
    return f"spikes.{index}"


def activation_name(index: int) -> str:
    return f"activations.{index}"


def _trace(fields: Fields, archive: ArchiveReader) -> Trace:
    samples, steps, classes = (fields.integer(key) for key in ("samples", "steps", "classes"))
    shape = fields.integers("input_shape", 4)
    of_cnn = fields.has("activation_neurons")
    key = "activation_neurons" if of_cnn else "spike_bytes"
    widths = [_positive(fields, key, value) for value in fields.items(key, MAX_LAYERS)]
    names = [(activation_name if of_cnn else spike_name)(index) for index in range(len(widths))]
    for key, value in (("samples", samples), ("steps", steps), ("classes", classes), ("input_shape", min(shape))):
        _positive(fields, key, value)
    if of_cnn and steps != 1:
        raise fields.fail("steps", "1, since the trace holds activations")
    fired = _input_spike_bytes(fields)
    archive.require(["inputs", "outputs", "labels", *names, *([INPUT_SPIKES] if fired else [])])
    sizes = list(zip(names, widths, strict=True))
    spikes, activations = ([], sizes) if of_cnn else (sizes, [])
    layers = [_layer(entry, index, fields) for index, entry in enumerate(fields.items("layers", MAX_LAYERS + 1))]
    trace = Trace(
        model_hash=fields.text("model_hash"),
        inputs=_codes(archive, "inputs", (samples, *shape)),
        spikes=tuple(archive.array(name, "u", (samples, steps, width)) for name, width in spikes),
        activations=tuple(_codes(archive, name, (samples, width)) for name, width in activations),
        outputs=archive.array("outputs", "i", (samples, classes)).astype(np.int64),
        labels=archive.array("labels", "i", (samples,)).astype(np.int64),
        membrane_low=_statistic(layers, "membrane_low"),
        membrane_high=_statistic(layers, "membrane_high"),
        saturations=_statistic(layers, "saturations"),
        input_spikes=archive.array(INPUT_SPIKES, "u", (samples, steps, fired)) if fired else None,
        numerics=tuple({key: layer[key] for key in NUMERICS_KEYS if key in layer} for layer in layers),
        provenance=fields.object("provenance"),
        recorded=_positive(fields, "recorded_samples", fields.integer("recorded_samples", samples)),
    )
    fields.finish()
    return trace


_STATISTICS = ("membrane_low", "membrane_high", "saturations")


def _statistic(layers: list[Mapping[str, int | str]], key: str) -> npt.NDArray[np.int64]:
    return np.array([layer[key] for layer in layers], np.int64)


def _input_spike_bytes(fields: Fields) -> int:
    """0 of a trace without input spikes."""
    if not fields.has(INPUT_SPIKE_BYTES):
        return 0
    return _positive(fields, INPUT_SPIKE_BYTES, fields.integer(INPUT_SPIKE_BYTES))


def _codes(archive: ArchiveReader, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.unsignedinteger]:
    codes = archive.array(name, "u", shape)
    if codes.dtype.itemsize > 2:
        raise archive.fail(name, f"expected uint8 or uint16, got {codes.dtype}")
    return codes


def _layer(entry: object, index: int, parent: Fields) -> Mapping[str, int | str]:
    fields = Fields(entry, f"{parent.where}.layers[{index}]", TraceError)
    values: dict[str, int | str] = {key: fields.integer(key) for key in (*WIDTH_KEYS, *_STATISTICS)}
    values[CROSSBAR] = _earlier_crossbar(fields) if fields.has("adc_rows") else fields.text(CROSSBAR, "")
    further: dict[str, int | str] = {key: fields.integer(key, 0) for key in OPTIONAL_KEYS}
    further[SPIKE_CROSSBAR] = fields.text(SPIKE_CROSSBAR, "")
    fields.finish()
    return values | {key: value for key, value in further.items() if value}


def _earlier_crossbar(fields: Fields) -> str:
    """Earlier files state rows and bits of a bit-serial crossbar's converter, 0 and 0 for exact sums."""
    rows, bits = fields.integer("adc_rows"), fields.integer("adc_bits")
    if (rows == 0) != (bits == 0) or min(rows, bits) < 0:
        raise TraceError(f"{fields.where}: adc_rows={rows} and adc_bits={bits} must both be 0 or both be above 0")
    return f"bit_serial:{rows}:{bits}" if rows else ""


def _positive(fields: Fields, key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise fields.fail(key, "integers")
    if not 1 <= value < 2**31:
        raise TraceError(f"{fields.where}.{key}: {value} is outside 1 … {2**31 - 1}")
    return value
