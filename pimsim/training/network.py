"""One set of weights that runs as the ReLU network and as the spiking network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pimsim.model.architecture import Architecture, LayerShape
from pimsim.training.neuron import spike
from pimsim.training.quantize import AFFINE, Grid, fake_quantize


@dataclass(frozen=True)
class Precision:
    """Bits of weights and inputs; 0 means float."""

    weight_bits: int = 0
    input_bits: int = 0
    scheme: str = AFFINE
    #: compute the convolutions in bfloat16 (spikes and codes are exact in it, sums are rounded)
    half: bool = False


class Network(nn.Module):
    """Weights, thresholds and leaks of an `Architecture`; no biases, no batch norm (HYPER-SNN §III)."""

    def __init__(self, architecture: Architecture, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        self.dropout = dropout
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.ParameterList([_kaiming(layer, generator) for layer in architecture.layers])
        hidden = len(architecture.layers) - 1
        self.thresholds = nn.ParameterList([nn.Parameter(torch.ones(())) for _ in range(hidden)])
        self.leaks = nn.ParameterList([nn.Parameter(torch.ones(())) for _ in range(hidden)])

    def weight(self, index: int, precision: Precision) -> Tensor:
        weight: Tensor = self.weights[index]
        if precision.weight_bits:
            grid = Grid.of(weight.detach(), precision.weight_bits, precision.scheme)
            weight = fake_quantize(weight, grid)
        return weight

    def forward_relu(self, patches: Tensor, precision: Precision) -> Tensor:
        """patches (N, C, D, H, W), normalized → logits (N, classes)."""
        x = patches
        for index, layer in enumerate(self.architecture.layers):
            x = convolve(x, self.weight(index, precision), layer, half=precision.half)
            if index < len(self.architecture.layers) - 1:
                x = F.dropout(F.relu(x), self.dropout, self.training)
        return x.flatten(1)

    def forward_spiking(
        self, patches: Tensor, precision: Precision, steps: int, rates: list[float] | None = None
    ) -> Tensor:
        """patches (N, C, D, H, W) → membrane of the classifier after ``steps`` steps (N, classes).

        Direct encoding: the first convolution is computed once.  Layers run one after the other over
        all steps, which a feed-forward network without a step of delay allows.
        """
        count = patches.shape[0]
        x = patches
        for index, layer in enumerate(self.architecture.layers):
            current = convolve(x, self.weight(index, precision), layer, half=precision.half)
            if index == len(self.architecture.layers) - 1:
                return current.flatten(1).reshape(-1, count, layer.out_channels).sum(0)
            current = current.reshape(-1, count, *current.shape[1:])
            x = spike(current, self.leaks[index], self.thresholds[index], steps)
            if rates is not None:
                rates.append(float(x.sum()) / (count * layer.neurons))
            if self.dropout and self.training:  # one mask per sample for all steps (DIET-SNN)
                x = x * F.dropout(torch.ones_like(x[:1]), self.dropout)
            x = x.reshape(steps * count, *x.shape[2:])
        raise AssertionError("an architecture ends with its classifier")

    def clamp(self) -> None:
        """Leaks stay in [0, 1], thresholds above 0 (after each optimizer step)."""
        with torch.no_grad():
            for leak in self.leaks:
                leak.clamp_(0.0, 1.0)
            for threshold in self.thresholds:
                threshold.clamp_(min=1e-3)


def _kaiming(layer: LayerShape, generator: torch.Generator) -> nn.Parameter:
    shape = (layer.out_channels, layer.in_shape[0], *layer.kernel)
    return nn.Parameter(torch.randn(shape, generator=generator) * (2.0 / layer.fan_in) ** 0.5)


def convolve(x: Tensor, weight: Tensor, layer: LayerShape, *, half: bool = False) -> Tensor:
    """x (N, C, D, H, W) → (N, C_out, D', H', W'), after the layer's reshape and pool.

    A kernel that is 1×1 in space, or covers the whole patch in space, is a 1-D convolution; the
    library's 1-D form is several times faster than its 3-D form on these shapes.
    """
    x = arrange(x, layer)
    if half:
        x, weight = x.to(torch.bfloat16), weight.to(torch.bfloat16)
    n, c, d, h, w = x.shape
    (_, kh, kw), (sd, sh, sw), (pd, ph, pw) = layer.kernel, layer.stride, layer.padding
    if layer.kernel[0] == d and pd == 0 and (kh, kw) == (h, w) and ph == pw == 0:
        y = F.linear(x.reshape(n, -1), weight.reshape(layer.out_channels, -1))
        y = y.reshape(n, *layer.out_shape)
    elif (ph, pw) != (0, 0) or d == 1:
        y = F.conv3d(x, weight, stride=layer.stride, padding=layer.padding)
    else:
        windows = x.unfold(3, kh, sh).unfold(4, kw, sw)  # N, C, D, H', W', kh, kw
        ho, wo = windows.shape[3:5]
        windows = windows.permute(0, 3, 4, 1, 5, 6, 2).reshape(n * ho * wo, c * kh * kw, d)
        taps = weight.permute(0, 1, 3, 4, 2).reshape(layer.out_channels, c * kh * kw, -1)
        y = F.conv1d(windows, taps, stride=sd, padding=pd)
        y = y.reshape(n, ho, wo, layer.out_channels, -1).permute(0, 3, 4, 1, 2)
    return y.float() if half else y


def arrange(x: Tensor, layer: LayerShape) -> Tensor:
    """The layer's reshape and average pool."""
    if layer.spectral_map:
        x = x.squeeze(-1).transpose(1, 2).unsqueeze(1).unsqueeze(1).flatten(4)
    if layer.pool != (1, 1, 1):
        x = F.avg_pool3d(x, layer.pool)
    return x
