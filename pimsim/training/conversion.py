"""ReLU network → spiking network: thresholds from the layers' input currents.

HYPER-SNN (arXiv 2107.11979, §III-A): layers in order, leak 1, one batch; a layer's threshold is the
largest over the time steps of a percentile of its input current, found while the layers before it
already run with theirs; at the end every threshold is scaled (× 0.8 there).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pimsim.model.architecture import LayerShape
from pimsim.training.convolution import convolve
from pimsim.training.network import Network, Precision


def convert(network: Network, codes: Tensor, *, steps: int, percentile: float, factor: float) -> list[float]:
    """Set thresholds and leaks of ``network`` in place; returns the thresholds (real units).

    ``codes``: one batch of centred input codes (N, C, D, H, W).  ``percentile`` in (0, 100).
    Float weights are used, as in the paper.
    """
    with torch.no_grad():
        for leak in network.leaks:
            leak.fill_(1.0)
        x = codes.permute(0, 3, 4, 1, 2)[None]
        for index, layer in enumerate(network.architecture.layers[:-1]):
            weight, scale = network.weight(index, Precision())
            peak, spikes = _run_layer(x, weight * network.unit(index, scale), layer, steps, percentile)
            network.thresholds[index].fill_(peak)
            x = spikes
        for threshold in network.thresholds:
            threshold.mul_(factor)
    return [threshold.item() for threshold in network.thresholds]


def calibrate(network: Network, codes: Tensor, *, percentile: float) -> list[float]:
    """Set the clips of a CNN in place to a percentile of each layer's float activations; returns them (real units).

    ``codes``: one batch of centred input codes (N, C, D, H, W).  Of the activations above 0 alone: most are 0.
    """
    with torch.no_grad():
        x = codes.permute(0, 3, 4, 1, 2)
        for index, layer in enumerate(network.architecture.layers[:-1]):
            weight, scale = network.weight(index, Precision())
            x = torch.relu(convolve(x, weight * network.unit(index, scale), layer))
            active = x[x > 0].numpy()
            clip = float(np.percentile(active, percentile)) if active.size else 1.0
            network.clips[index].fill_(math.log(clip))
    return [math.exp(clip.item()) for clip in network.clips]


def _run_layer(x: Tensor, weight: Tensor, layer: LayerShape, steps: int, percentile: float) -> tuple[float, Tensor]:
    """Threshold of one layer and its spikes (steps, N, ...), for its input at every step (steps or 1, N, ...)."""
    currents = [convolve(step, weight, layer) for step in x]
    peak = max(float(np.percentile(current.numpy(), percentile)) for current in currents)
    membrane, spikes = torch.zeros_like(currents[0]), []
    for t in range(steps):
        membrane = membrane + currents[min(t, len(currents) - 1)]
        fired = (membrane > peak).float()
        membrane = membrane - peak * fired
        spikes.append(fired)
    return peak, torch.stack(spikes)
