"""A recorded execution: what every neuron did, and nothing about time or cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Trace:
    """Integer inputs and spikes of N samples over T steps.

    inputs      (N, C, D, H, W) unsigned input codes
    spikes      per hidden layer uint8 (N, T, ceil(neurons / 8)): bit i (little bit order) is neuron i in the
                order depth, height, width, channel — the order in which the hardware scans the map
    outputs     (N, classes) int64, membrane of the classifier after the last step
    labels      (N,) int64 class index from 0, or −1 where unknown
    membrane_low, membrane_high   (layers,) int64, smallest and largest value offered to the membrane
                write-back before saturation (for the classifier: of its running sum)
    saturations (layers,) int64, write-backs that saturated
    numerics    per layer, the word widths it was executed with
    """

    model_hash: str
    inputs: npt.NDArray[np.unsignedinteger]
    spikes: tuple[npt.NDArray[np.uint8], ...]
    outputs: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    membrane_low: npt.NDArray[np.int64]
    membrane_high: npt.NDArray[np.int64]
    saturations: npt.NDArray[np.int64]
    numerics: tuple[Mapping[str, int], ...]
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        return int(self.inputs.shape[0])

    @property
    def steps(self) -> int:
        return int(self.spikes[0].shape[1]) if self.spikes else 1
