"""ReLU network → spiking network: thresholds from the layers' input currents.

HYPER-SNN (arXiv 2107.11979, §III-A): layers in order, leak 1, one batch; a layer's threshold is the
largest over the time steps of a percentile of its input current, found while the layers before it
already run with theirs; at the end every threshold is scaled (× 0.8 there).

What a single-spike neuron hands on is when its membrane first exceeds the threshold, so its threshold is a percentile
of the membrane's highest value over the steps, of the neurons where that is above 0; so is a timed classifier's.

Of all steps only the spikes are kept, eight to a byte: the currents of one layer of CNN-32H over 100 steps
of 50 samples are 5 GB.  They are computed twice instead, for the percentile and for the spikes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pimsim.errors import TrainingError
from pimsim.model.architecture import LayerShape
from pimsim.training.convolution import convolve
from pimsim.training.network import Network, Precision


def convert(network: Network, codes: Tensor, *, steps: int, percentile: float, factor: float) -> list[float]:
    """Set thresholds and leaks of ``network`` in place; returns the thresholds (real units).

    ``codes``: one batch of centred input codes (N, C, D, H, W).  ``percentile`` in (0, 100].
    Float weights are used, as in the paper.  Raises TrainingError for a layer whose threshold would not be above 0.
    """
    layers, coding = network.architecture.layers, network.coding
    with torch.no_grad():
        for leak in network.leaks:
            leak.fill_(1.0)
        spikes: list[_Packed] = []
        again: Callable[[], Iterable[Tensor]]
        for index, layer in enumerate(layers[: len(network.thresholds)]):
            weight, summed = _weight(network, index), coding.fires_once or index == len(layers) - 1
            if index == 0:  # of the direct encoding one current, the same at every step
                inputs = coding.encode(codes.permute(0, 2, 3, 4, 1), network.input_grid, steps)
                currents = [convolve(x, weight, layer) for x in inputs]
                again = partial(_every_step, currents, steps)
            else:
                again = partial(_currents, spikes, weight, layer)
            if summed:
                threshold = _highest(again(), percentile)
            else:
                threshold = _peak(currents if index == 0 else again(), percentile)
            if threshold <= 0:  # z = u / v − 1 divides by it, and below 0 a neuron fires for ever
                few = "all sums of its input currents are" if summed else f"{percentile} % of its input currents are"
                other = "" if summed else ", or raise conversion.percentile"
                raise TrainingError(
                    f'layer "{layer.name}": {few} at or below {threshold:g}, which leaves no threshold above 0: train '
                    f"the ReLU stage longer{other}"
                )
            if index + 1 < len(network.thresholds):  # somebody listens
                spikes = _fire(again(), threshold, once=coding.fires_once)
            network.thresholds[index].fill_(threshold)
        for value in network.thresholds:
            value.mul_(factor)
    return [value.item() for value in network.thresholds]


def calibrate(network: Network, codes: Tensor, *, percentile: float) -> list[float]:
    """Set the clips of a CNN in place to a percentile of each layer's float activations; returns them (real units).

    ``codes``: one batch of centred input codes (N, C, D, H, W).  Of the activations above 0 alone: most are 0.
    """
    with torch.no_grad():
        x = codes.permute(0, 2, 3, 4, 1)
        for index, layer in enumerate(network.architecture.layers[:-1]):
            x = torch.relu(convolve(x, _weight(network, index), layer))
            active = x[x > 0].numpy()
            clip = float(np.percentile(active, percentile)) if active.size else 1.0
            network.clips[index].fill_(math.log(clip))
    return [math.exp(clip.item()) for clip in network.clips]


def _weight(network: Network, index: int) -> Tensor:
    """Float weights of a layer, such that it computes in real units."""
    weight, scale = network.weight(index, Precision())
    return weight * network.unit(index, scale)


@dataclass(frozen=True, eq=False)
class _Packed:
    """Spikes of a layer at one step, eight to a byte."""

    shape: tuple[int, ...]
    bits: npt.NDArray[np.uint8]

    @staticmethod
    def of(fired: Tensor) -> _Packed:
        return _Packed(tuple(fired.shape), np.packbits(fired.numpy()))

    def unpack(self) -> Tensor:
        """0 and 1 in float32."""
        flat = np.unpackbits(self.bits, count=math.prod(self.shape))
        return torch.from_numpy(flat).float().reshape(self.shape)


def _currents(spikes: Iterable[_Packed], weight: Tensor, layer: LayerShape) -> Iterator[Tensor]:
    """A layer's input current at every step."""
    return (convolve(packed.unpack(), weight, layer) for packed in spikes)


def _every_step(currents: list[Tensor], steps: int) -> Iterable[Tensor]:
    """A current per step, of one that is the same at all."""
    return currents if len(currents) == steps else repeat(currents[0], steps)


def _peak(currents: Iterable[Tensor], percentile: float) -> float:
    """The largest over the steps of a percentile of the current."""
    return max(float(np.percentile(current.numpy(), percentile)) for current in currents)


def _highest(currents: Iterable[Tensor], percentile: float) -> float:
    """A percentile of the largest sums of the current up to any step, of those above 0; 0 where there are none."""
    membrane, highest = torch.zeros(()), torch.zeros(())
    for current in currents:
        membrane = membrane + current
        highest = torch.maximum(highest, membrane)
    above = highest[highest > 0].numpy()
    return float(np.percentile(above, percentile)) if above.size else 0.0


def _fire(currents: Iterable[Tensor], threshold: float, *, once: bool) -> list[_Packed]:
    """Spikes of a layer without leak at every step; ``once``: of single-spike neurons."""
    membrane: Tensor | None = None
    silent = torch.zeros((), dtype=torch.bool)
    spikes = []
    for current in currents:
        membrane = current.clone() if membrane is None else membrane.add_(current)
        fired = membrane > threshold
        if once:
            fired, silent = fired & ~silent, fired | silent
        else:
            membrane.sub_(fired.float(), alpha=threshold)
        spikes.append(_Packed.of(fired))
    return spikes
