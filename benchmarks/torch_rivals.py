"""A network in dense float32 torch, written as one would for speed, and random networks for benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model import load_network, network_hash
from pimsim.model.architecture import LayerShape, cnn3d
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, AFFINE, LIF, SINGLE_SPIKE, IntegerLayer, IntegerNetwork, Neuron
from pimsim.report.inputs import shipped_trace
from pimsim.resources import MODEL, TRACE, find
from pimsim.traces import Trace, load_trace
from pimsim.traces.spikes import unpack_spikes

Codes = npt.NDArray[np.unsignedinteger]
Convolution = Callable[[Tensor, Tensor, LayerShape], Tensor]


class Rivals:
    """Float weights, thresholds and leaks of an integer network; leaked membranes are not rounded."""

    def __init__(self, network: IntegerNetwork, batch: int) -> None:
        if any(layer.neuron.kind == SINGLE_SPIKE for layer in network.layers):
            raise SystemExit("the torch rivals know no single-spike neurons")
        self.network, self.batch = network, batch
        self.weights = [torch.from_numpy(layer.centred.astype(np.float32)) for layer in network.layers]
        one = 2**network.leak_fraction_bits
        self.neurons = [(float(layer.neuron.threshold), layer.neuron.leak / one) for layer in network.layers]

    def contestants(self, codes: Codes) -> dict[str, Callable[[], object]]:
        """Those that need nothing but torch."""
        return {
            "torch": lambda: self.in_batches(self.conv3d, codes),
            "torch_1d": lambda: self.in_batches(self.conv1d, codes),
        }

    def in_batches(self, forward: Callable[[Tensor], Tensor], codes: Codes) -> npt.NDArray[np.float32]:
        """Outputs (N, classes) of every sample."""
        with torch.inference_mode():
            parts = [forward(self.centred(codes[i : i + self.batch])) for i in range(0, len(codes), self.batch)]
        result: npt.NDArray[np.float32] = torch.cat(parts).numpy()
        return result

    def centred(self, codes: Codes) -> Tensor:
        return torch.from_numpy(codes.astype(np.float32)) - self.network.input.zero_point

    def conv3d(self, x: Tensor, spikes: list[Tensor] | None = None) -> Tensor:
        """Step by step through all layers, the first convolution once (N, C, D, H, W) → (N, classes)."""
        return self._steps(x, _conv3d, spikes)

    def conv1d(self, x: Tensor) -> Tensor:
        """The same with the spectral axis innermost, where kernels that are 1×1 in space are 1-D convolutions."""
        return self._steps(x.permute(0, 3, 4, 1, 2), _conv1d)

    def _steps(self, x: Tensor, convolved: Convolution, spikes: list[Tensor] | None = None) -> Tensor:
        layers = self.network.layers
        first = convolved(x, self.weights[0], layers[0].shape)
        membranes: list[Tensor | None] = [None] * len(layers)
        for _ in range(self.network.time_steps):
            signal = first
            for index, layer in enumerate(layers):
                if index:
                    signal = convolved(signal, self.weights[index], layer.shape)
                before, (threshold, leak) = membranes[index], self.neurons[index]
                v = membranes[index] = signal.clone() if before is None else before.add_(signal)
                if layer.neuron.kind == ACCUMULATE:
                    continue
                signal = (v > threshold).float()
                v.mul_(leak).sub_(signal, alpha=threshold)
                if spikes is not None:
                    spikes.append(signal)
        return v.flatten(1)

    def fire(self, current: Tensor, index: int) -> Tensor:
        """Currents of all steps → spikes."""
        threshold, leak = self.neurons[index]
        v, spikes = torch.zeros_like(current[0]), torch.empty(current.shape)
        for step, now in enumerate(current):
            torch.gt(v.add_(now), threshold, out=spikes[step])
            v.mul_(leak).sub_(spikes[step], alpha=threshold)
        return spikes

    def agreement(self, trace: Trace, codes: Codes) -> float:
        """Share of equal spike bits over the first batch; the rounding of leaked membranes makes the difference."""
        spikes: list[Tensor] = []
        with torch.inference_mode():
            self.conv3d(self.centred(codes[: self.batch]), spikes)
        equal = total = 0
        hidden = self.network.layers[:-1]
        for index, layer in enumerate(hidden):
            c, d, h, w = layer.shape.out_shape
            engine = unpack_spikes(trace.spikes[index][: self.batch], (d, h, w, c))
            dense = torch.stack(spikes[index :: len(hidden)], 1).permute(0, 1, 3, 4, 5, 2).numpy() > 0
            equal, total = equal + int((engine == dense).sum()), total + dense.size
        return equal / total


def _arrange(x: Tensor, shape: LayerShape) -> Tensor:
    """The layer's reshape and pool on (N, C, D, H, W); a pool sums."""
    if shape.spectral_map:
        x = x.flatten(1).reshape(len(x), x.shape[1], x.shape[2]).transpose(1, 2)[:, None, None]
    return x if shape.pool == (1, 1, 1) else F.avg_pool3d(x, shape.pool, divisor_override=1)


def _conv1d(x: Tensor, weight: Tensor, shape: LayerShape) -> Tensor:
    """On (N, H, W, C, D), for layers without padding in space; others take the form in three dimensions."""
    (_, kh, kw), (sd, sh, sw), (pd, ph, pw) = shape.kernel, shape.stride, shape.padding
    n, h, w, c, d = x.shape
    if (ph, pw) != (0, 0) or shape.spectral_map or shape.pool != (1, 1, 1):
        return _conv3d(x.permute(0, 3, 4, 1, 2), weight, shape).permute(0, 3, 4, 1, 2)
    if (kh, kw) == (h, w):
        windows = x.reshape(n, 1, 1, h * w * c, d)
    else:
        windows = x.unfold(1, kh, sh).unfold(2, kw, sw).permute(0, 1, 2, 5, 6, 3, 4).flatten(3, 5)
    taps = weight.permute(0, 3, 4, 1, 2).reshape(shape.out_channels, kh * kw * c, -1)
    y = F.conv1d(windows.flatten(0, 2), taps, stride=sd, padding=pd)
    return y.reshape(*windows.shape[:3], *y.shape[1:])


def _conv3d(x: Tensor, weight: Tensor, shape: LayerShape) -> Tensor:
    return F.conv3d(_arrange(x, shape), weight, stride=shape.stride, padding=shape.padding)


def shipped(model: str, samples: int) -> tuple[IntegerNetwork, Codes]:
    """A shipped model and the first inputs of its shipped trace, repeated where it holds fewer."""
    network = load_network(find(MODEL, model))
    own = shipped_trace(network_hash(network))
    trace = load_trace(find(TRACE, "cnn3d_indian_pines") if own is None else own)
    return network, np.resize(trace.inputs, (samples, *trace.inputs.shape[1:]))


def random_network(rate: float, samples: int) -> tuple[IntegerNetwork, Codes]:
    """CNN-3D for 200 bands with random 6-bit weights, thresholds set for ``rate`` spikes per neuron over 5 steps."""
    rng, architecture = np.random.default_rng(0), cnn3d(200, 16)
    shape = (samples, *architecture.input_shape)
    codes = np.clip(np.rint(rng.normal(32, 8, shape)), 0, 63).astype(np.uint8)
    layers = tuple(_random_layer(layer, rng, last=layer is architecture.layers[-1]) for layer in architecture.layers)
    inputs = InputQuantization(6, 0.1, 32, np.zeros(200), np.ones(200))
    network = IntegerNetwork(architecture, inputs, layers, time_steps=5)
    signal = torch.from_numpy(codes[:8].astype(np.float32) - 32)
    for index, layer in enumerate(architecture.layers[:-1]):
        current = _conv3d(signal, Rivals(network, 8).weights[index], layer)
        current = current.reshape(-1, 8, *current.shape[1:])
        current = current.expand(5, *current.shape[1:])
        threshold = _threshold(network, index, current, rate)
        network = _with_threshold(network, index, threshold)
        signal = Rivals(network, 8).fire(current, index).flatten(0, 1)
    return network, codes


def _threshold(network: IntegerNetwork, index: int, current: Tensor, rate: float) -> int:
    low, high = 0, int(current.abs().max()) * 5
    while high - low > 1:
        middle = (low + high) // 2
        spikes = Rivals(_with_threshold(network, index, middle), 8).fire(current, index)
        low, high = (middle, high) if float(spikes.mean()) * 5 > rate else (low, middle)
    return high


def _with_threshold(network: IntegerNetwork, index: int, threshold: int) -> IntegerNetwork:
    layers = list(network.layers)
    layers[index] = replace(layers[index], neuron=replace(layers[index].neuron, threshold=threshold))
    return replace(network, layers=tuple(layers))


def _random_layer(shape: LayerShape, rng: np.random.Generator, *, last: bool) -> IntegerLayer:
    size = (shape.out_channels, shape.in_shape[0], *shape.kernel)
    weight = np.clip(np.rint(rng.normal(32, 8, size)), 0, 63).astype(np.uint8)
    neuron = Neuron(ACCUMULATE) if last else Neuron(LIF, 1, 3900)
    return IntegerLayer(shape, weight, 6, AFFINE, 32, 0.01, neuron)
