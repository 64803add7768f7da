"""Where the engine's time goes: per layer, time, accumulates and weight bytes read, on one core.

    python benchmarks/engine_layers.py [--model NAME] [--samples N] [--rounds N]

Accumulates are what the event-driven machine does: one per spike and synapse.  How the engine gets their sums:
``multiplied`` (values), ``looked up`` (tables of sums), ``by column`` or ``by field`` (rows added event by event).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from math import prod

import numpy as np

from pimsim.mapping.reach import targets_per_position
from pimsim.model import load_network
from pimsim.model.architecture import LayerShape
from pimsim.model.network import LayerNumerics
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import batch, geometry
from pimsim.simulation.lowering import LoweredLayer, lower
from pimsim.traces import Trace, load_trace, select
from pimsim.traces.spikes import unpack_spikes


@dataclass(frozen=True)
class LayerTime:
    """One layer: seconds, accumulates and bytes of weights or sums that are read, per sample."""

    name: str
    way: str
    words: str
    seconds: float
    accumulates: float
    bytes_read: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per layer of the engine, on one core.")
    parser.add_argument("--model", default="cnn3d_6b")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    layers = timed(options.model, options.samples, options.rounds)
    print(f"{'layer':<12} {'sums':<11} {'words':<7} µs/sample  M accumulates  G accumulates/s  MB read    GB/s")
    for layer in layers:
        rates = f"{layer.accumulates / layer.seconds / 1e9:15.1f} {layer.bytes_read / 1e6:9.2f}"
        line = f"{layer.name:<12} {layer.way:<11} {layer.words:<7} {layer.seconds * 1e6:9.1f}"
        print(f"{line} {layer.accumulates / 1e6:14.2f} {rates} {layer.bytes_read / layer.seconds / 1e9:8.0f}")
    print(f"{'all':<32} {sum(layer.seconds for layer in layers) * 1e6:9.1f}")
    print(f"ratio engine_kernels_us_per_sample {sum(layer.seconds for layer in layers) * 1e6:.1f}")


def timed(model: str, samples: int, rounds: int) -> list[LayerTime]:
    """Best of ``rounds`` rounds through all layers."""
    network = load_network(find(MODEL, model))
    trace = select(load_trace(find(TRACE, "cnn3d_indian_pines")), samples)
    codes = trace.inputs.reshape(len(trace.inputs), -1)
    layers = lower(network, (LayerNumerics(),) * len(network.layers))
    workspace = batch.Workspace(layers, len(codes))
    results = batch.Results.empty(layers, len(codes), 1, record=False)
    batch.run_batch(layers, codes, None, 0, 0, workspace, results)
    best = np.full(len(layers), np.inf)
    for _ in range(rounds):
        for index in range(len(layers)):
            start = time.perf_counter()
            batch.run_layer(layers, index, codes, 0, 0, workspace, results)
            best[index] = min(best[index], (time.perf_counter() - start) / len(codes))
    shapes = [layer.shape for layer in network.layers]
    return [_layer(layers, index, shapes, trace, float(best[index])) for index in range(len(layers))]


def _layer(
    layers: tuple[LoweredLayer, ...], index: int, shapes: list[LayerShape], trace: Trace, seconds: float
) -> LayerTime:
    layer, shape = layers[index], shapes[index]
    words = str(layer.weights.dtype if layer.tables is None else layer.tables.sums.dtype)
    row = layer.weights.nbytes // layer.weights.shape[1]  # all blocks of one
    if index == 0:  # four positions share what is read
        return LayerTime(layer.name, "multiplied", words, seconds, shape.macs, row * shape.fan_in * shape.positions / 4)
    rows = _rows(trace, index - 1, shape)
    if layer.tables is not None:
        indices = len(layer.tables.few) * len(layer.tables.batches) * layer.field.span * len(layer.field.run_segments)
        looked_up = len(layer.tables.sums) * layer.steps * shape.positions * indices
        read, way = looked_up * layer.tables.sums.shape[2] * layer.tables.sums.itemsize, "looked up"
    elif layer.columns is not None:
        axis = geometry.column_axis(shape)
        assert axis is not None
        read, way = _rows(trace, index - 1, geometry.column_shape(shape, axis)) * row, "by column"
    else:
        read, way = rows * row, "by field"
    return LayerTime(layer.name, way, words, seconds, rows * shape.out_channels, read)


def _rows(trace: Trace, source: int, shape: LayerShape) -> float:
    """Weight rows that the spikes of one sample ask for: each as many as the output positions that it reaches."""
    channels, *size = shape.viewed_shape
    spikes = unpack_spikes(trace.spikes[source], (prod(size), channels))
    return float(spikes.sum(axis=(0, 1, 3)) @ targets_per_position(shape)) / trace.samples


if __name__ == "__main__":
    main()
