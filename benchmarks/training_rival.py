"""Training as one would write it first: conv3d, a loop over the steps of time, autograd."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pimsim.model.architecture import Architecture, LayerShape
from pimsim.training.network import Network
from pimsim.training.quantize import Grid


class _Surrogate(torch.autograd.Function):
    """z → 1 where it is above 0; gradient 0.3 · max(0, 1 − |z|)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return (z > 0).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        slope: Tensor = gradients[0] * 0.3 * (1 - z.abs()).clamp(min=0)
        return slope


_fire: Any = _Surrogate.apply


class PlainTraining:
    """The package's initial weights in float32, with plain operations."""

    def __init__(self, architecture: Architecture, steps: int, bits: int) -> None:
        self.layers, self.steps, self.bits = architecture.layers, steps, bits
        self.grid = Grid.affine(-4.0, 4.0, 6)
        weights = Network(architecture, self.grid).weights
        self.weights = [nn.Parameter(weight.detach().clone()) for weight in weights]
        self.thresholds = [nn.Parameter(torch.tensor(0.5)) for _ in self.layers[1:]]
        self.leaks = [nn.Parameter(torch.tensor(1.0)) for _ in self.layers[1:]]
        self.optimizer = torch.optim.AdamW([*self.weights, *self.thresholds, *self.leaks], lr=1e-4)

    def step(self, stage: str, codes: Tensor, labels: Tensor) -> None:
        """One optimizer step on codes (N, C, D, H, W) and labels (N,)."""
        x = (codes.float() - self.grid.zero_point) * self.grid.scale
        logits = self.relu(x) if stage == "ann" else self.spiking(x)
        self.optimizer.zero_grad()
        loss: Any = F.cross_entropy(logits, labels)
        loss.backward()
        self.optimizer.step()

    def relu(self, x: Tensor) -> Tensor:
        for weight, layer in zip(self.weights, self.layers, strict=True):
            x = _convolve(x, weight, layer)
            x = F.relu(x) if layer is not self.layers[-1] else x
        return x.flatten(1)

    def spiking(self, x: Tensor) -> Tensor:
        weights = [_fake_quantized(weight, self.bits) for weight in self.weights]
        first = _convolve(x, weights[0], self.layers[0])
        membranes: list[Tensor | float] = [0.0] * len(self.layers)
        fired: list[Tensor | float] = [0.0] * len(self.layers)
        for _ in range(self.steps):
            signal = first
            for index, layer in enumerate(self.layers):
                current = signal if index == 0 else _convolve(signal, weights[index], layer)
                if index == len(self.layers) - 1:
                    membranes[index] = membranes[index] + current
                    break
                threshold, leak = self.thresholds[index], self.leaks[index]
                u = membranes[index] = leak * membranes[index] + current - threshold * fired[index]
                signal = _fire(u / threshold - 1)
                fired[index] = signal.detach()
        total = membranes[-1]
        assert isinstance(total, Tensor)
        return total.flatten(1)


def _fake_quantized(weight: Tensor, bits: int) -> Tensor:
    values = weight.detach()
    grid = Grid.affine(float(values.min()), float(values.max()), bits)
    return weight + (grid.centred(values) * grid.scale - values)


def _convolve(x: Tensor, weight: Tensor, layer: LayerShape) -> Tensor:
    if layer.spectral_map:  # (N, C, D, 1, 1) → height D, width C, one channel
        x = x[..., 0, 0].transpose(1, 2)[:, None, None]
    if layer.pool != (1, 1, 1):
        x = F.avg_pool3d(x, layer.pool)
    return F.conv3d(x, weight, stride=layer.stride, padding=layer.padding)
