"""Where the engine's time goes: per layer, time, weight rows added and adds per second, on one core.

python benchmarks/engine_layers.py [--model NAME] [--samples N] [--rounds N]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from pimsim.model import load_network
from pimsim.model.network import LayerNumerics
from pimsim.resources import MODEL, TRACE, find
from pimsim.simulation import batch
from pimsim.simulation.lowering import LoweredLayer, lower
from pimsim.traces import load_trace


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per layer of the engine, on one core.")
    parser.add_argument("--model", default="cnn3d_6b")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    network = load_network(find(MODEL, options.model))
    inputs = load_trace(find(TRACE, "cnn3d_indian_pines")).inputs[: options.samples]
    codes = inputs.reshape(len(inputs), -1)
    layers = lower(network, (LayerNumerics(),) * len(network.layers))
    workspace = batch.Workspace(layers, len(codes))
    results = batch.Results.empty(layers, len(codes), 1, record=False)
    batch.run_batch(layers, codes, 0, 0, workspace, results)
    best = np.full(len(layers), np.inf)
    for _ in range(options.rounds):
        for index in range(len(layers)):
            start = time.perf_counter()
            batch.run_layer(layers, index, codes, 0, 0, workspace, results)
            best[index] = min(best[index], (time.perf_counter() - start) / len(codes))
    print("layer        sums   rows of  µs/sample   rows/sample   G adds/s")
    for index, layer in enumerate(layers):
        rows = rows_added(layers, index, codes, workspace, results)
        stored, adds = f"{layer.sums} {layer.weights.dtype}".split(), rows * network.layers[index].shape.out_channels
        speed = f"{adds / best[index] / 1e9:10.1f}" if rows else f"{'':10}"
        print(f"{layer.name:<12} {stored[0]:<6} {stored[1]:<7} {best[index] * 1e6:10.1f} {rows:13.0f} {speed}")
    print(f"{'all':<27} {best.sum() * 1e6:10.1f}")


def rows_added(
    layers: tuple[LoweredLayer, ...], index: int, codes: np.ndarray, workspace: batch.Workspace, results: batch.Results
) -> float:
    """Weight rows that the events of one sample add, on average; 0 for the first layer."""
    if layers[index].valued:
        return 0.0
    field, rows = layers[index].field, 0
    begins = (field.segments[:, None] + field.run_segments).ravel()
    for sample in range(len(codes)):
        one = slice(sample, sample + 1)
        before = workspace.words[index - 1][:1].copy()
        workspace.words[index - 1][:1] = workspace.words[index - 1][one]
        batch.run_layer(layers, index, codes[one], sample, 0, workspace, results)
        workspace.words[index - 1][:1] = before
        first = workspace.scratch[index].first.astype(np.int64)
        rows += int((first[:, begins + np.uint64(field.span)] - first[:, begins]).sum())
    return rows / len(codes)


if __name__ == "__main__":
    main()
