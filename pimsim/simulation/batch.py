"""A batch of samples through all layers: buffers, and the calls of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba.core import config

from pimsim.model.architecture import LayerShape
from pimsim.model.chip import thermal_noise
from pimsim.model.macro import Macro
from pimsim.simulation.crossbar import Crossbar
from pimsim.simulation.geometry import Int64Array, UInt64Array, pool_sums
from pimsim.simulation.kernels_crossbar import convert_spikes, convert_values
from pimsim.simulation.kernels_execute import (
    current_layer,
    event_layer,
    hybrid_layer,
    table_layer,
    value_layer,
    wide_layer,
)
from pimsim.simulation.kernels_requantize import requantize
from pimsim.simulation.lowering import CHUNK, LoweredLayer, Neurons
from pimsim.simulation.packing import VECTOR_BITS, aligned

#: columns of `Results.extremes`
LOW, HIGH, LEAST, MOST, SATURATED = range(5)


class Membranes(NamedTuple):
    """Buffers of the firing kernel; a tuple's length is part of its type, so a kernel is compiled for it.

    chunk  as long as a chunk of neurons has vectors
    state  (neurons and slack,)
    lanes  one chunk of lanes
    """

    chunk: tuple[int, ...]
    state: npt.NDArray[Any]
    lanes: npt.NDArray[Any]


class Narrow(NamedTuple):
    """Neurons, buffers and currents of samples whose membranes fit in 16 bits."""

    neurons: Neurons
    membranes: Membranes
    low: int
    high: int


class Scratch(NamedTuple):
    """Buffers of one layer for one sample.

    row       as long as sums of a weight row have vectors
    group     as long as there are rows whose sum surely fits in the weights' own type
    cells     input values, padded; none where a layer takes spikes
    events    (T, as many as there can be) of the layer's input
    first     (T, segments + 1) where each segment's events begin
    partial   (T, sums of columns and slack) where fields are sums of columns
    currents  (T, or 1 where a layer takes values, neurons and slack)
    """

    row: tuple[int, ...]
    group: tuple[int, ...]
    cells: npt.NDArray[np.int32]
    events: npt.NDArray[np.unsignedinteger]
    first: npt.NDArray[np.uint32]
    currents: npt.NDArray[Any]
    partial: npt.NDArray[Any]
    membranes: Membranes


class Wide(NamedTuple):
    """Buffers of all samples of a layer that takes its weights block by block, see `wide_layer`."""

    events: npt.NDArray[np.unsignedinteger]
    ends: UInt64Array
    currents: npt.NDArray[Any]
    sums: npt.NDArray[np.int16]
    chunk: np.uint64


@dataclass(frozen=True, eq=False)
class Results:
    """What all batches write, each in its own rows.

    spikes    per hidden layer uint8 (N, T, bytes); none of a CNN
    activations  per hidden layer of a CNN uint8 or uint16 (N, neurons), in the order of spike maps
    outputs   (N, classes)
    extremes  (batches, layers, 5): low and high of what was written back, low and high of v (0 unless watched),
              saturations
    records   per layer (N, T, 2, neurons and slack): v and m; without elements unless they are kept
    """

    spikes: tuple[npt.NDArray[np.uint8], ...]
    activations: tuple[npt.NDArray[np.unsignedinteger], ...]
    outputs: Int64Array
    extremes: Int64Array
    records: tuple[npt.NDArray[Any], ...]

    @staticmethod
    def empty(layers: Sequence[LoweredLayer], samples: int, batches: int, *, record: bool) -> Results:
        steps, hidden = layers[0].steps, layers[:-1]
        of_cnn = [(layer.neurons, layer.requantized.highest) for layer in hidden if layer.requantized]
        kept = [(samples, steps, 2, layer.padded) if record else (samples, 0, 2, 0) for layer in layers]
        return Results(
            spikes=()
            if of_cnn
            else tuple(np.empty((samples, steps, -(-layer.neurons // 8)), np.uint8) for layer in hidden),
            activations=tuple(np.empty((samples, count), np.min_scalar_type(most)) for count, most in of_cnn),
            outputs=np.empty((samples, layers[-1].neurons), np.int64),
            extremes=np.tile(np.array([2**63 - 1, -(2**63), 0, 0, 0], np.int64), (batches, len(layers), 1)),
            records=tuple(np.empty(shape, layer.lanes) for shape, layer in zip(kept, layers, strict=True)),
        )


class Workspace:
    """One thread's buffers for batches of at most ``samples`` samples.

    They are kept because fresh memory costs a page fault for every 4 KiB, which is more than the kernels take.
    """

    def __init__(self, layers: Sequence[LoweredLayer], samples: int) -> None:
        events = np.zeros(max(layer.maps * layer.most_events for layer in layers), np.uint64)
        self.scratch = [_scratch(layer, events) for layer in layers]
        self.wide = [_wide(layer, samples) if layer.chunk else None for layer in layers]
        self.narrow = [_narrow(layer) for layer in layers]
        first = layers[0]
        self.encoded = np.zeros((samples, first.maps, first.most_events // 64 + 2), np.uint64)
        self.words = [np.zeros((samples, layer.steps, layer.padded // 64 + 1), np.uint64) for layer in layers]
        summed = [layer.requantized is not None for layer in layers[:-1]] + [True]
        self.final = [
            np.zeros((samples, layer.neurons if kept else 0), np.int64)
            for layer, kept in zip(layers, summed, strict=True)
        ]

    def present(self, fired: npt.NDArray[np.uint8] | None) -> None:
        """Put packed spikes (samples, T, bytes) of inputs where the first layer reads them."""
        if fired is not None:
            self.encoded.view(np.uint8)[: len(fired), :, : fired.shape[2]] = fired


def run_batch(
    layers: Sequence[LoweredLayer],
    codes: npt.NDArray[np.unsignedinteger],
    fired: npt.NDArray[np.uint8] | None,
    start: int,
    batch: int,
    workspace: Workspace,
    results: Results,
) -> None:
    """Execute samples ``start`` … of flattened input ``codes`` (samples, C · D · H · W).

    ``fired`` (samples, T, bytes) are spikes of these inputs under hybrid encoding, else None.
    """
    count, last = len(codes), layers[-1]
    workspace.present(fired)
    for index in range(len(layers)):
        run_layer(layers, index, codes, start, batch, workspace, results)
    results.outputs[start : start + count] = workspace.final[-1][:count]
    if last.time_weight:
        times = first_crossings(workspace.words[-1][:count], last.neurons)
        results.outputs[start : start + count] -= last.time_weight * times


def first_crossings(words: UInt64Array, classes: int) -> Int64Array:
    """The first step, from 1, at which each class's bit is set in maps (samples, T, words); T where at none."""
    crossed = np.unpackbits(words.view(np.uint8), axis=2, count=classes, bitorder="little").astype(np.bool_)
    times: Int64Array = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, words.shape[1])
    return times


def run_layer(
    layers: Sequence[LoweredLayer],
    index: int,
    codes: npt.NDArray[np.unsignedinteger],
    start: int,
    batch: int,
    workspace: Workspace,
    results: Results,
) -> None:
    """One layer of `run_batch`, from the spike maps that the layer before it left in the workspace.

    Of a CNN from its activations among the results.
    """
    layer, count = layers[index], len(codes)
    if layer.valued and index > 0:
        codes = _pooled(results.activations[index - 1][start : start + count], layer.pooled)
    words = workspace.words[index][:count]
    before = (workspace.words[index - 1] if index > 0 else workspace.encoded)[:count]
    scratch, kept = workspace.scratch[index], results.records[index][start : start + count]
    told = (scratch, layer.law, words, workspace.final[index][:count], kept, results.extremes[batch, index])
    compress = 1 if scratch.events.dtype == np.uint32 and compresses() else None
    if layer.crossbar is not None:
        current_layer(_converted(layer, layer.crossbar, codes, before, start), *told)
    elif layer.spike_weights is not None:
        both = layer.input_zero, layer.origins, layer.field, layer.weights
        hybrid_layer(codes, before, both, (layer.segments, layer.spike_weights), layer.tables, compress, *told)
    elif layer.valued:
        values = codes, layer.input_zero, layer.origins, layer.field, layer.weights
        value_layer(*values, *told[:2], workspace.narrow[index], *told[2:])
    elif layer.tables is not None:
        table_layer(before, layer.segments, layer.field, layer.tables, *told)
    elif layer.chunk:
        wide_layer(before, layer.segments, layer.weights, workspace.wide[index], compress, *told)
    else:
        event_layer(before, layer.segments, layer.field, layer.weights, layer.columns, compress, *told)
    if index < len(results.spikes):
        spikes = results.spikes[index]
        spikes[start : start + count] = words.view(np.uint8)[..., : spikes.shape[2]]
    if layer.requantized is not None:
        activations = results.activations[index][start : start + count]
        requantize(workspace.final[index][:count], layer.requantized, activations)


def _pooled(values: npt.NDArray[np.unsignedinteger], pooled: LayerShape | None) -> npt.NDArray[np.unsignedinteger]:
    """Activations (samples, D · H · W · C) summed over the windows of a layer's pool, if it has one."""
    if pooled is None:
        return values
    channels, *sizes = pooled.viewed_shape
    return pool_sums(values.reshape(-1, *sizes, channels), pooled).reshape(len(values), -1)


@cache
def compresses() -> bool:
    """Whether kernels are compiled for a processor with AVX-512."""
    chosen: str | None = config.CPU_FEATURES  # type: ignore[attr-defined] # numba sets its options while loading
    if chosen is not None:
        return "+avx512f" in chosen.split(",")
    return bool(binding.get_host_cpu_features().get("avx512f", False))


def _converted(
    layer: LoweredLayer, crossbar: Crossbar, codes: npt.NDArray[np.unsignedinteger], words: UInt64Array, start: int
) -> npt.NDArray[Any]:
    """Currents of a crossbar (samples, T or 1, neurons and slack); sample 0 has the number ``start``."""
    currents = np.zeros((len(codes), layer.presented, layer.padded), layer.lanes)
    maps = currents[:, 1:] if layer.valued else currents
    if layer.valued:
        _convert(layer, crossbar, layer.numerics.crossbar, codes, start, currents[:, :1])
    if layer.maps:
        later = words[:, layer.maps - maps.shape[1] :]
        chip, macro = crossbar, layer.numerics.crossbar
        if layer.spike_crossbar is not None:
            chip, macro = layer.spike_crossbar, layer.numerics.spike_crossbar
        _convert(layer, chip, macro, later, start, maps)
        maps <<= layer.spike_shift
    return currents


def _convert(
    layer: LoweredLayer,
    crossbar: Crossbar,
    macro: Macro | None,
    inputs: npt.NDArray[np.unsignedinteger],
    start: int,
    currents: npt.NDArray[Any],
) -> None:
    """Sums of codes (samples, neurons), or of spike maps (samples, steps, words), as a crossbar converts them."""
    steps, columns, maps = currents.shape[1], crossbar.cells.shape[2], inputs.ndim == 3
    buffers = np.zeros(columns, crossbar.cells.dtype), np.zeros(columns, np.int64)
    cells = np.zeros(layer.cells, np.int64)
    size = (steps, len(layer.field.neurons), crossbar.groups, crossbar.slices, columns)
    for sample in range(len(inputs)):
        noise = np.zeros((steps, 0, 1, 1, 1), crossbar.cells.dtype)
        if macro is not None and macro.thermal_sigma_lsb:
            of_input_spikes = maps and layer.valued
            word = crossbar.cells.dtype.type
            noise = thermal_noise(macro, start + sample, size, word, of_input_spikes=of_input_spikes)
        one = slice(sample, sample + 1)
        if maps:
            convert_spikes(inputs[one], layer.segments, layer.field, crossbar, noise, cells, *buffers, currents[one])
        else:
            convert_values(inputs[one], layer.origins, layer.field, crossbar, noise, cells, *buffers, currents[one])


def _scratch(layer: LoweredLayer, memory: UInt64Array) -> Scratch:
    """All layers list their events in the same ``memory``."""
    maps = layer.maps
    return Scratch(
        row=_vectors(layer.width, np.dtype(np.int16) if layer.chunk else layer.sums),
        group=(0,) * (layer.group or 4),
        cells=np.zeros(layer.cells if layer.valued else 0, np.int32),
        events=memory.view(layer.event_type)[: maps * layer.most_events].reshape(maps, layer.most_events),
        first=np.zeros((maps, len(layer.segments.bits) + 1), np.uint32),
        partial=aligned((maps if layer.columns is not None else 0, layer.partial), layer.sums),
        currents=aligned((layer.presented, layer.padded), layer.sums),
        membranes=_membranes(layer, layer.lanes),
    )


def _membranes(layer: LoweredLayer, lanes: np.dtype[Any]) -> Membranes:
    return Membranes(_vectors(CHUNK, lanes), aligned((layer.padded,), lanes), aligned((CHUNK,), lanes))


def _wide(layer: LoweredLayer, samples: int) -> Wide:
    """Memory is taken as lists fill it: pages that nothing was written to cost none."""
    lists = samples * layer.steps
    return Wide(
        events=np.zeros(lists * layer.most_events, layer.event_type),
        ends=np.zeros(lists + 1, np.uint64),
        currents=aligned((samples, layer.steps, layer.padded), layer.sums),
        sums=np.zeros(0, np.int16),
        chunk=np.uint64(layer.chunk),
    )


def _narrow(layer: LoweredLayer) -> Narrow | None:
    narrow = layer.narrow
    if narrow is None:
        return None
    return Narrow(narrow.neurons, _membranes(layer, np.dtype(np.int16)), narrow.low, narrow.high)


def _vectors(elements: int, kind: np.dtype[Any]) -> tuple[int, ...]:
    return (0,) * (elements * kind.itemsize * 8 // VECTOR_BITS)
