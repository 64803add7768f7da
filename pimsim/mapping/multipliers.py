"""Weight tiles of a multiplier array.

Weights in the order (output channel, kernel depth, height, width, input channel) are cut into tiles of as
many as there are multipliers; a tile stays in the multipliers' registers while all output positions pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.hardware import Mac
from pimsim.model.architecture import LayerShape

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MultiplierPlan:
    """Per tile, int64 (tiles,).

    weights   in the tile
    inputs    distinct inputs that a position brings to it
    writes    words of the current memory that a position's sums go to
    reads     words read back, because their outputs began in the tile before
    fetch     cycles that reading the weights occupies the port
    interval  cycles from one position to the next
    """

    weights: Int64Array
    inputs: Int64Array
    writes: Int64Array
    reads: Int64Array
    fetch: Int64Array
    interval: Int64Array

    @property
    def tiles(self) -> int:
        return int(self.weights.size)


def plan_multipliers(shape: LayerShape, mac: Mac, *, weight_bits: int) -> MultiplierPlan:
    """Cut a layer's weights into tiles and find what each one moves."""
    start = np.arange(0, shape.weights, mac.multipliers, dtype=np.int64)
    end = np.minimum(start + mac.multipliers, shape.weights)
    fan_in, lanes = shape.fan_in, mac.neuron_lanes
    inputs = np.minimum(end - start, fan_in)
    first, last = start // fan_in, (end - 1) // fan_in
    writes = last // lanes - first // lanes + 1
    words = -(-(end - start) * weight_bits // (mac.weight_port_bits * mac.weight_banks))
    operand_cycles = -(-inputs * prod(shape.pool) // mac.input_port_codes)
    interval = np.maximum(np.maximum(operand_cycles, writes), mac.multiply_cycles)
    return MultiplierPlan(
        weights=end - start,
        inputs=inputs,
        writes=writes,
        reads=(start % fan_in != 0).astype(np.int64),
        fetch=words * mac.weight_read_cycles,
        interval=interval,
    )
