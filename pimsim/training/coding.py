"""How values are coded in time: at the input, by the hidden neurons, and by the classifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pimsim.errors import TrainingError
from pimsim.model.input import InputSpikes
from pimsim.model.network import ACCUMULATE, LIF, SINGLE_SPIKE, TIMED
from pimsim.training.quantize import Grid


@dataclass(frozen=True)
class Coding:
    """``input_spikes`` belong to the encoding ``hybrid``, None is ``direct``; ``neuron`` is the hidden layers' kind,
    ``readout`` the classifier's, both as an exported network names them.
    """

    input_spikes: InputSpikes | None = None
    neuron: str = LIF
    readout: str = ACCUMULATE

    @property
    def fires_once(self) -> bool:
        """Whether a hidden neuron is silent after its first spike."""
        return self.neuron == SINGLE_SPIKE

    @property
    def is_timed(self) -> bool:
        """Whether the classifier has a threshold, and the time of its crossing counts."""
        return self.readout == TIMED

    def encode(self, x: Tensor, grid: Grid, steps: int) -> Tensor:
        """Codes minus zero point (N, …) → what the first layer sums up, (1 or T, N, …): 1 where all steps are alike.

        Hybrid: the codes at step 1, and 2^shift at the step T_i at which an input fires, 0 at all others.
        """
        if self.input_spikes is None:
            return x[None]
        table = self.input_spikes.steps(np.arange(grid.high + 1, dtype=np.uint16), steps)
        when = torch.from_numpy(table).to(x.device)[(x + grid.zero_point).long()]
        behind = torch.arange(2, steps + 1, device=x.device).reshape(-1, *[1] * x.dim())
        return torch.cat([x[None], (when == behind).to(x.dtype) * 2**self.input_spikes.shift])


#: codes at every step, neurons that fire as often as they cross, a running sum
DIRECT_RATE = Coding()


def firing_range(codes: Tensor, percentiles: Sequence[float], grid: Grid) -> InputSpikes:
    """Input spikes whose steps are spread over the codes (uint8, any shape) between two percentiles of them.

    A percentile is the smallest code that such a share does not exceed.  A spike is worth the power of two of codes
    that is nearest to 1 in real units, what papers give it.  Raises TrainingError where both percentiles are one code.
    """
    parts = [torch.bincount(part.flatten(), minlength=grid.high + 1) for part in codes.split(4096)]
    counts = torch.stack(parts).sum(0)
    share = counts.cumsum(0).double() / counts.sum()
    low, high = (int((share < percentile / 100).sum()) for percentile in percentiles)
    if low >= high:
        raise TrainingError(
            f"spike_percentiles={list(percentiles)}: both are the code {low} of the training samples, which leaves no "
            "range for the steps at which inputs fire"
        )
    return InputSpikes(low, high, max(round(-math.log2(grid.scale)), 0))
