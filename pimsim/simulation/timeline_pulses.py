"""What a round of a crossbar's tiles does in every pulse and conversion, in numbers (docs/microarchitecture.md §5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import accumulate

import numpy as np

from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Layout, Round, Tile, converter_share, kernels_on_rows
from pimsim.simulation.waves import Int64Array


class RoundWork:
    """One round of a layout, whose groups of windows are of ``kinds`` (G,): 0 whole, 1 the smaller one behind them.

    windows  (G,) of each group;  ``slices`` pulses of each of the ``stages``
    """

    def __init__(self, layer: LayerMapping, layout: Layout, one: Round, pim: Pim, kinds: Int64Array) -> None:
        assert isinstance(layer.plan, CrossbarPlan)
        self.layer, self.layout, self.one, self.pim = layer, layout, one, pim
        self.slices, self.stages = layer.plan.operand.slices, len(one.stages)
        self._conversions = layer.plan.operand.conversions
        self._sizes = (layout.at_once, layout.window.positions % layout.at_once)
        self.windows = np.array(self._sizes, np.int64)[kinds]

    @cached_property
    def sampled(self) -> Int64Array:
        """(stages,) columns or outputs that are converted for one window."""
        return self._per_stage(lambda tile, stage: tile.stages[stage].converted)

    @cached_property
    def rows(self) -> Int64Array:
        """(stages,) rows that are driven for one window, in all tiles."""
        return self._per_stage(lambda tile, stage: tile.stages[stage].rows)

    @cached_property
    def products(self) -> Int64Array:
        """(stages,) cells of weights on those rows."""
        return self._per_stage(lambda tile, stage: int(self._reached(tile, stage).sum()) * tile.outputs)

    def turns(self, stage: int, kind: int) -> Int64Array:
        """(turns,) converters that have something to convert in each of their turns behind a stage."""
        found = np.zeros(0, np.int64)
        for tile in (tile for tile in self.one.tiles if stage < len(tile.stages)):
            for copy in range(self.layout.array_copies):
                blocks = len(range(copy, self._sizes[kind], self.layout.array_copies))
                found = _longer(found, self._array_turns(tile, stage, blocks))
        return np.repeat(found, self._conversions)

    def _array_turns(self, tile: Tile, stage: int, blocks: int) -> Int64Array:
        """Of one array with so many blocks at work: a converter serves neighbouring columns (analog: outputs)."""
        reached = self._reached(tile, stage).any(axis=0)
        columns = self._columns(tile)
        active = np.tile(np.repeat(reached, columns), blocks).astype(np.int64)
        if active.size == 0:
            return active
        share = np.add.reduceat(active, np.arange(0, active.size, converter_share(self.pim)))
        turns: Int64Array = (share[:, None] > np.arange(int(share.max()))).sum(axis=0, dtype=np.int64)
        return turns

    def _columns(self, tile: Tile) -> int:
        """Columns (analog: outputs) of one kernel that are converted."""
        return tile.used_columns // tile.kernels if isinstance(self.pim, BitSerialPim) else tile.outputs

    def _reached(self, tile: Tile, stage: int) -> Int64Array:
        """(rows of the stage, kernels) 1 where a kernel has a weight."""
        first, behind = self.bounds(tile)[stage : stage + 2]
        return self._on_rows[tile.row + first : tile.row + behind].astype(np.int64)

    @cached_property
    def _on_rows(self) -> Int64Array:
        return kernels_on_rows(self.layer.shape, self.layout.window, self.layout.kernels).astype(np.int64)

    @staticmethod
    def bounds(tile: Tile) -> list[int]:
        """Rows of a tile in front of each stage, and all of them."""
        return [0, *accumulate(stage.rows for stage in tile.stages)]

    def _per_stage(self, count: Callable[[Tile, int], int]) -> Int64Array:
        found = [
            sum(count(tile, stage) for tile in self.one.tiles if stage < len(tile.stages))
            for stage in range(self.stages)
        ]
        return np.array(found, np.int64)

    @property
    def reference(self) -> bool:
        """Whether zero points of weights are taken off by the sum of the inputs."""
        return isinstance(self.pim, BitSerialPim) and self.layer.operands.weight_zero != 0

    @property
    def corrects_inputs(self) -> bool:
        return self.layer.operands.input_zero != 0

    @cached_property
    def corrected(self) -> Int64Array:
        """(written words of a position,) corrections that each takes.

        One per sum of the round for the weights' zero point, and in the round of an output's first row its constant.
        """
        lanes, channels = self.layer.sweep.lanes, self.layer.shape.out_channels
        inside, begins = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
        for tile in self.one.tiles:
            own = slice(tile.output, tile.output + tile.outputs)
            inside[own] = 1
            begins[own] |= tile.row == 0
        first = self.one.tiles[0].output // lanes * lanes
        count = (inside * self.reference + begins * self.corrects_inputs)[first:]
        padded = np.zeros(self.one.written_words * lanes, np.int64)
        padded[: min(len(count), len(padded))] = count[: len(padded)]
        words: Int64Array = padded.reshape(-1, lanes).sum(axis=1)
        return words


def active_lines(work: RoundWork, pim: BitSerialPim, inputs: Int64Array) -> Int64Array:
    """(G, pulses) word lines that are driven: rows, in all tiles, whose slice of the input is not 0.

    ``inputs`` (windows, rows of a window); pulses are stages in slices.
    """
    ends = np.cumsum(work.windows)
    found = np.zeros((len(ends), work.slices, work.stages), np.int64)
    for part in range(work.slices):
        driven = (inputs >> (part * pim.dac_bits)) & ((1 << pim.dac_bits) - 1) != 0
        per_group = np.add.reduceat(driven, ends - work.windows, axis=0, dtype=np.int64)
        before = np.cumsum(per_group, axis=1) - per_group
        total = np.concatenate([before, before[:, -1:] + per_group[:, -1:]], axis=1)
        for tile in work.one.tiles:
            at = tile.row + np.array(work.bounds(tile))
            found[:, part, : len(tile.stages)] += np.diff(total[:, at], axis=1)
    return found.reshape(len(ends), -1)


def _longer(left: Int64Array, right: Int64Array) -> Int64Array:
    """Both added up, the shorter one followed by zeros."""
    total = np.zeros(max(len(left), len(right)), np.int64)
    total[: len(left)] += left
    total[: len(right)] += right
    return total
