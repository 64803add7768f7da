"""Weight tiles of a multiplier array.

A tile joins ``tile_inputs`` inputs of the receptive field (order: kernel depth, height, width, input
channel) with ``tile_outputs`` output channels, one multiplier per pair; it stays in the multipliers' registers
while all output positions pass.  Per layer that shape is taken which needs the fewest tiles and, among
equals, moves the fewest bits of inputs and partial sums.
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
    """Per tile, int64 (tiles,), in the order in which they are worked on: outputs, then inputs.

    first_output, outputs   output channels of the tile
    inputs                  inputs that a position brings to it
    begins                  1 where its outputs have no partial sum yet, else 0
    fetch                   cycles that reading the weights occupies the port
    loading, storing        cycles in which a position's inputs are delivered, and its sums' words written
    interval                cycles from one position to the next
    """

    first_output: Int64Array
    outputs: Int64Array
    inputs: Int64Array
    begins: Int64Array
    fetch: Int64Array
    loading: Int64Array
    storing: Int64Array
    interval: Int64Array

    @property
    def tiles(self) -> int:
        return int(self.inputs.size)

    def macros(self, values_per_macro: int) -> Int64Array:
        """Macros of the current memory that hold a position's sums of each tile."""
        last = self.first_output + self.outputs - 1
        macros: Int64Array = last // values_per_macro - self.first_output // values_per_macro + 1
        return macros


def plan_multipliers(shape: LayerShape, mac: Mac, *, weight_bits: int, input_bits: int) -> MultiplierPlan:
    """Cut a layer's weights into tiles and find what each one moves."""
    tile_outputs = choose_outputs(shape, mac, input_bits=input_bits)
    tile_inputs = min(shape.fan_in, mac.multipliers // tile_outputs)
    first_output = np.arange(0, shape.out_channels, tile_outputs, dtype=np.int64)
    first_input = np.arange(0, shape.fan_in, tile_inputs, dtype=np.int64)
    start_output, start_input = (grid.reshape(-1) for grid in np.meshgrid(first_output, first_input, indexing="ij"))
    outputs = np.minimum(tile_outputs, shape.out_channels - start_output)
    inputs = np.minimum(tile_inputs, shape.fan_in - start_input)
    words = -(-outputs * inputs * weight_bits // (mac.weight_port_bits * mac.weight_banks))
    operand_cycles = -(-inputs * prod(shape.pool) // mac.input_port_codes)
    sum_cycles = (start_output + outputs - 1) // mac.neuron_lanes - start_output // mac.neuron_lanes + 1
    return MultiplierPlan(
        first_output=start_output,
        outputs=outputs,
        inputs=inputs,
        begins=(start_input == 0).astype(np.int64),
        fetch=words * mac.weight_read_cycles,
        loading=operand_cycles,
        storing=sum_cycles,
        interval=np.maximum(np.maximum(operand_cycles, sum_cycles), mac.multiply_cycles),
    )


def choose_outputs(shape: LayerShape, mac: Mac, *, input_bits: int) -> int:
    """Output channels of a tile."""
    outputs = np.arange(1, min(shape.out_channels, mac.multipliers) + 1, dtype=np.int64)
    inputs = np.minimum(shape.fan_in, mac.multipliers // outputs)
    tiles = -(-shape.out_channels // outputs) * -(-shape.fan_in // inputs)
    moved = tiles * (inputs * input_bits + 2 * outputs * mac.accumulator_bits)
    return int(outputs[np.lexsort((moved, tiles))[0]])
