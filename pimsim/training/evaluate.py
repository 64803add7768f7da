"""Predictions of the float network over many samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.training.network import Network, Precision

#: neurons × steps of the largest layer computed at a time: a spiking forward pass holds its currents, membranes and
#: spikes of all steps, which for 64 samples of CNN-32H over 50 steps would be 10 GB
SPIKING_VALUES = 1 << 25


def predict(network: Network, codes: Tensor, forward: Callable[[Tensor], Tensor], *, batch: int = 64) -> Tensor:
    """Class indices (N,) for input codes (N, C, D, H, W) uint8."""
    network.eval()
    with torch.no_grad():
        parts = [forward(network.centre(part.to(network.device))).argmax(1).cpu() for part in codes.split(batch)]
    return torch.cat(parts)


def evaluate(
    network: Network, codes: Tensor, labels: Tensor, classes: int, forward: Callable[[Tensor], Tensor]
) -> Accuracy:
    """OA, AA and kappa of ``forward`` on labelled samples."""
    return accuracy(labels.numpy(), predict(network, codes, forward).numpy(), classes)


def spiking_forward(network: Network, precision: Precision, steps: int) -> Callable[[Tensor], Tensor]:
    """`Network.forward_spiking`, in as many samples at a time as memory should hold."""
    samples = samples_at_once(network, steps)

    def forward(codes: Tensor) -> Tensor:
        return torch.cat([network.forward_spiking(part, precision, steps) for part in codes.split(samples)])

    return forward


def samples_at_once(network: Network, steps: int) -> int:
    """Samples that a forward pass over ``steps`` steps may take at a time; at least 1."""
    largest = max(layer.neurons for layer in network.architecture.layers)
    return max(SPIKING_VALUES // (largest * steps), 1)
