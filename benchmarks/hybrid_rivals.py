"""Hybrid single-spike networks of 2-D layers in dense float32 torch, and a random VGG-6 of a given rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import LINEAR, vgg
from pimsim.model.input import InputQuantization, InputSpikes
from pimsim.model.network import CLASSIFIERS, HYBRID, SCALE, SINGLE_SPIKE, TIMED, IntegerLayer, IntegerNetwork, Neuron
from pimsim.simulation import record_layer
from pimsim.traces import Trace
from pimsim.traces.spikes import unpack_spikes

Codes = npt.NDArray[np.unsignedinteger]


class HybridRivals:
    """The step loop with one convolution per layer and step, as one would write it; membranes are not rounded."""

    def __init__(self, network: IntegerNetwork, batch: int) -> None:
        if network.input_spikes is None or any(layer.shape.viewed_shape[1] > 1 for layer in network.layers):
            raise SystemExit("this rival takes hybrid networks on maps of depth 1")
        self.network, self.batch, self.spikes = network, batch, network.input_spikes
        self.weights = [torch.from_numpy(layer.centred[:, :, 0].astype(np.float32)) for layer in network.layers]

    def contestants(self, codes: Codes) -> dict[str, Callable[[], object]]:
        """The same work with channels outermost, torch's usual order, and innermost."""
        last = [weight.contiguous(memory_format=torch.channels_last) for weight in self.weights]
        return {
            "torch": lambda: self.in_batches(codes, self.weights),
            "torch_last": lambda: self.in_batches(codes, last),
        }

    def in_batches(self, codes: Codes, weights: list[Tensor]) -> npt.NDArray[np.float32]:
        """Outputs (N, classes) of every sample."""
        with torch.inference_mode():
            parts = [self.forward(codes[i : i + self.batch], weights) for i in range(0, len(codes), self.batch)]
        result: npt.NDArray[np.float32] = torch.cat(parts).numpy()
        return result

    def forward(self, codes: Codes, weights: list[Tensor], spikes: list[Tensor] | None = None) -> Tensor:
        """Step by step through all layers (N, C, 1, H, W) → (N, classes)."""
        steps, layers = self.network.time_steps, self.network.layers
        when = torch.from_numpy(self.spikes.steps(codes[:, :, 0], steps).astype(np.uint8))
        signal = torch.from_numpy(codes[:, :, 0].astype(np.float32)) - self.network.input.zero_point
        states: list[Tensor | None] = [None] * len(layers)
        fired: list[Tensor | None] = [None] * len(layers)
        time = torch.full((len(codes), self.network.classes), float(steps))
        for step in range(1, steps + 1):
            if step > 1:
                signal = (when == step).float().mul_(2**self.spikes.shift)
            for index, layer in enumerate(layers):
                signal = self._current(signal, index, weights[index])
                state = states[index]
                v = states[index] = signal if state is None else state.add_(signal)
                if layer.neuron.kind in CLASSIFIERS:
                    crossed = v.flatten(1) > layer.neuron.threshold
                    time = torch.where(crossed & (time == steps), float(step), time)
                    continue
                above, before = v > layer.neuron.threshold, fired[index]
                signal = above.float() if before is None else (above & ~before).float()
                fired[index] = above if before is None else before.logical_or_(above)
                states[index] = v * (layer.neuron.leak / 2**self.network.leak_fraction_bits)
                if spikes is not None:
                    spikes.append(signal)
        return v.flatten(1) - self.network.layers[-1].neuron.time_weight * time

    def _current(self, x: Tensor, index: int, weight: Tensor) -> Tensor:
        shape = self.network.layers[index].shape
        if shape.pool != (1, 1, 1):
            x = F.avg_pool2d(x, shape.pool[1:], divisor_override=1)
        if shape.kind == LINEAR:
            return F.linear(x.flatten(1), weight.flatten(1))[..., None, None]
        return F.conv2d(x, weight, stride=shape.stride[1:], padding=shape.padding[1:])

    def agreement(self, trace: Trace, codes: Codes) -> float:
        """Share of equal spike bits over the first batch."""
        spikes: list[Tensor] = []
        with torch.inference_mode():
            self.forward(codes[: self.batch], self.weights, spikes)
        equal = total = 0
        hidden = self.network.layers[:-1]
        for index, layer in enumerate(hidden):
            c, d, h, w = layer.shape.out_shape
            engine = unpack_spikes(trace.spikes[index][: self.batch], (d, h, w, c))[:, :, 0]
            dense = torch.stack(spikes[index :: len(hidden)], 1).permute(0, 1, 3, 4, 2).numpy() > 0
            equal, total = equal + int((engine == dense).sum()), total + dense.size
        return equal / total


def random_vgg(rate: float, samples: int) -> tuple[IntegerNetwork, Codes]:
    """VGG-6, hidden layers 512 wide, random 6-bit weights; in every hidden layer a share ``rate`` of neurons fires."""
    rng, architecture = np.random.default_rng(0), vgg("vgg6", 10, hidden=512)
    codes = np.clip(np.rint(rng.normal(32, 12, (samples, *architecture.input_shape))), 0, 63).astype(np.uint8)
    layers = []
    for shape in architecture.layers:
        size = (shape.out_channels, shape.in_shape[0], *shape.kernel)
        weight = np.clip(np.rint(rng.normal(0, 7, size)), -31, 31).astype(np.int8)
        last = shape is architecture.layers[-1]
        neuron = Neuron(TIMED, 100, time_weight=50) if last else Neuron(SINGLE_SPIKE, 2**30, 3900)
        layers.append(IntegerLayer(shape, weight, 6, SCALE, 0, 0.01, neuron))
    inputs = InputQuantization(6, 0.1, 32, np.zeros(1), np.ones(1))
    spikes = InputSpikes(low=8, high=56, shift=3)
    network = IntegerNetwork(architecture, inputs, tuple(layers), 5, HYBRID, input_spikes=spikes)
    signal: Codes = codes[:2]
    for index in range(len(layers) - 1):
        peaks = record_layer(network, index, signal).potentials.max(axis=1)
        layers[index] = _with_threshold(layers[index], int(np.quantile(peaks, 1 - rate)))
        network = replace(network, layers=tuple(layers))
        signal = record_layer(network, index, signal).spikes
    return network, codes


def _with_threshold(layer: IntegerLayer, threshold: int) -> IntegerLayer:
    return replace(layer, neuron=replace(layer.neuron, threshold=max(0, threshold)))
