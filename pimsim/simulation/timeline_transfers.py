"""Inputs on their way from a map to a dense engine: what is read in which cycle, and what a pool adds up."""

from __future__ import annotations

from math import prod

import numpy as np

from pimsim.mapping import LayerMapping
from pimsim.simulation.waves import Int64Array, Wave, counting, spread


class Transfers:
    """Inputs that a loader takes from the map: ``inputs`` (G,) from cycle ``starts`` (G,) on, ``port`` values a cycle.

    cycles  of all of them, (C,)
    first, behind  (C,) how many inputs of its group are whole in front of a cycle, and behind it: pools sum values
    words   (C,) words read, each in the cycle in which its first value is taken
    """

    def __init__(self, layer: LayerMapping, starts: Int64Array, inputs: Int64Array, port: int) -> None:
        pool, source = prod(layer.shape.pool), layer.memories.source
        per_word = source.word_bits // layer.operands.stored_bits
        many = -(-inputs * pool // port)
        number, values = spread(np.zeros_like(many), many), np.repeat(inputs * pool, many)
        before, after = (np.minimum((number + one) * port, values) for one in (0, 1))
        self.cycles = spread(starts, many)
        self.first, self.behind = before // pool, after // pool
        self.words = -(-after // per_word) - -(-before // per_word)
        self.sums = after - before - (-(-after // pool) - -(-before // pool))  # less those that begin a sum

    def waves(self, layer: LayerMapping) -> tuple[Wave, ...]:
        """Reads of the map, and additions of the pool a cycle later."""
        source = layer.memories.source.component
        read = counting(source, f"{source}_read", self.cycles, self.words)
        if prod(layer.shape.pool) == 1:
            return (read,)
        return read, counting("pool", "pool_add", self.cycles + 1, self.sums)
