"""Predictions of the float network over many samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pimsim.model.accuracy import Accuracy, accuracy
from pimsim.training.network import Network


def predict(network: Network, codes: Tensor, forward: Callable[[Tensor], Tensor], *, batch: int = 64) -> Tensor:
    """Class indices (N,) for input codes (N, C, D, H, W) uint8."""
    network.eval()
    with torch.no_grad():
        parts = [forward(network.centre(part)).argmax(1) for part in codes.split(batch)]
    return torch.cat(parts)


def evaluate(
    network: Network, codes: Tensor, labels: Tensor, classes: int, forward: Callable[[Tensor], Tensor]
) -> Accuracy:
    """OA, AA and kappa of ``forward`` on labelled samples."""
    return accuracy(labels.numpy(), predict(network, codes, forward).numpy(), classes)
