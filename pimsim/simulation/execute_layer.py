"""One layer alone, on inputs that were recorded: every potential, membrane and spike of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError, TraceError
from pimsim.model.encoding import packed_input_spikes
from pimsim.model.fixed_point import Int64Array
from pimsim.model.network import IntegerNetwork, LayerNumerics
from pimsim.simulation.batch import Results, Workspace, run_layer
from pimsim.simulation.execute import check_words
from pimsim.simulation.lowering import LoweredLayer, lower

UnsignedArray = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What one layer did in N samples of T steps; neurons in the order depth, height, width, channel.

    spikes       uint8 (N, T, bytes), bit i (little bit order) is neuron i; without bytes behind the classifier and in
                 a CNN
    potentials   int64 (N, T, neurons) v[t], compared with the threshold
    membranes    int64 (N, T, neurons) m[t]; the classifier's running sum.  In a CNN both are the sums
    activations  (N, neurons) of a CNN's hidden layer, else without neurons
    """

    spikes: npt.NDArray[np.uint8]
    potentials: Int64Array
    membranes: Int64Array
    activations: UnsignedArray

    @property
    def currents(self) -> Int64Array:
        """(N, T, neurons) a[t] = v[t] − m[t − 1], the sums that the neurons were given."""
        before = np.zeros_like(self.membranes)
        before[:, 1:] = self.membranes[:, :-1]
        return self.potentials - before


def record_layer(
    network: IntegerNetwork, index: int, inputs: UnsignedArray, numerics: Sequence[LayerNumerics] | None = None
) -> LayerRecord:
    """Execute layer ``index`` of ``network`` alone, in the words of ``numerics`` (one entry per layer).

    ``inputs`` are what the layer reads: codes (N, C, D, H, W) of the first one, from which under hybrid encoding its
    input spikes follow; behind it packed spikes uint8
    (N, T, bytes), or in a CNN activations (N, neurons).  Equal to what `record` keeps of the layer on the same inputs.
    Raises `TraceError` for inputs of another shape, `ModelError` where a membrane leaves its accumulator.
    """
    widths = tuple(numerics) if numerics is not None else (LayerNumerics(),) * len(network.layers)
    if len(widths) != len(network.layers):
        raise ModelError(f"numerics for {len(widths)} layers, the network has {len(network.layers)}")
    _check_inputs(network, index, inputs)
    layers = lower(network, widths)
    results = Results.empty(layers, len(inputs), 1, record=True)
    fired = packed_input_spikes(network, inputs) if index == 0 and network.is_hybrid else None
    _run(layers, index, inputs, fired, results)
    check_words(layers, results)
    return _record(layers, index, results)


def _run(
    layers: tuple[LoweredLayer, ...],
    index: int,
    inputs: UnsignedArray,
    fired: npt.NDArray[np.uint8] | None,
    results: Results,
) -> None:
    """Puts the inputs where the layer before would have left them."""
    workspace, samples = Workspace(layers, len(inputs)), len(inputs)
    workspace.present(fired)
    if results.activations and index > 0:
        results.activations[index - 1][:] = inputs
    elif index > 0:
        workspace.words[index - 1].view(np.uint8)[..., : inputs.shape[2]] = inputs
    codes = np.ascontiguousarray(inputs).reshape(samples, -1)
    run_layer(layers, index, codes, 0, 0, workspace, results)


def _record(layers: tuple[LoweredLayer, ...], index: int, results: Results) -> LayerRecord:
    kept, samples = results.records[index], len(results.records[index])
    potentials, membranes = (kept[:, :, which, : layers[index].neurons].astype(np.int64) for which in (0, 1))
    nothing = np.empty((samples, layers[index].steps, 0), np.uint8)
    spikes = results.spikes[index] if index < len(results.spikes) else nothing
    handed = results.activations[index] if index < len(results.activations) else np.empty((samples, 0), np.uint8)
    return LayerRecord(spikes, potentials, membranes, handed)


def _check_inputs(network: IntegerNetwork, index: int, inputs: UnsignedArray) -> None:
    if index == 0:
        wanted: tuple[int, ...] = network.architecture.input_shape
    elif network.is_cnn:
        wanted = (network.layers[index - 1].shape.neurons,)
    else:
        wanted = (network.time_steps, -(-network.layers[index - 1].shape.neurons // 8))
    if inputs.shape[1:] != wanted or len(inputs) == 0 or inputs.dtype.kind != "u":
        raise TraceError(
            f'inputs of layer "{network.layers[index].name}": {inputs.dtype} of shape {inputs.shape}, '
            f"expected unsigned (N, {', '.join(map(str, wanted))}) with N of 1 or more"
        )
