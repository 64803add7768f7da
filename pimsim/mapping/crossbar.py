"""Tiling of a layer's weights over the arrays of a crossbar engine, and the ways in which copies may fill them.

The weight matrix has one row per input of the receptive field (order: kernel depth, height, width, input
channel) and, per output channel, one column per stored digit.  An output's columns stay in one array.  Row
tiles hold whole groups of the rows that are driven (bit-serial) or converted (analog) together, so that
a layer's groups are the same however it is tiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import DIAGONAL, SHIFTED, Pim
from pimsim.model.architecture import LayerShape, Shape3


@dataclass(frozen=True)
class Operand:
    """What one layer stores and drives.

    ``columns_per_output`` columns of one output channel; ``reference`` columns that sum the inputs
    (0 or 1); ``slices`` input slices, one pulse train each; ``conversions`` per used column (bit-serial)
    or per output (analog) and group.
    """

    columns_per_output: int
    reference: int
    slices: int
    conversions: int


@dataclass(frozen=True)
class Stage:
    """Rows that are driven before one conversion, in every slice.

    ``converted`` columns (bit-serial) or outputs (analog) then, ``serial`` of them at the busiest converter.
    """

    rows: int
    converted: int
    serial: int


@dataclass(frozen=True)
class Tile:
    """Rows [row, row + rows) × outputs [output, output + outputs) of the weight matrix in one array.

    With shifted kernels the rows are those of their common window, and ``kernels`` of them stand side by side
    in ``used_columns``, ``column_rows`` weights in each column.
    """

    row: int
    rows: int
    output: int
    outputs: int
    used_columns: int
    column_rows: int
    kernels: int
    stages: tuple[Stage, ...]

    @property
    def cells(self) -> int:
        """Cells that hold a weight (or a reference's 1)."""
        return self.column_rows * self.used_columns

    @property
    def products(self) -> int:
        return self.column_rows * self.outputs * self.kernels


@dataclass(frozen=True)
class Round:
    """Tiles that sit in the arrays at the same time; all run in step, so ``stages`` are the fullest one's.

    ``loaded_rows`` inputs of one window; ``outputs`` that get a sum, in ``written_words`` of the current memory
    per position, ``read_words`` of which already hold sums of earlier rounds.
    """

    tiles: tuple[Tile, ...]
    stages: tuple[Stage, ...]
    loaded_rows: int
    outputs: int
    written_words: int
    read_words: int

    @property
    def input_sums(self) -> int:
        """Different sums of inputs that the round's outputs need: one per set of row tiles that they sum over."""
        rows: dict[int, frozenset[int]] = {}
        for tile in self.tiles:
            rows[tile.output] = rows.get(tile.output, frozenset()) | {tile.row}
        return len(set(rows.values()))


@dataclass(frozen=True)
class Layout:
    """One way to work through a layer; the scheduler takes the one with the fewest cycles.

    window        the layer as the loader sees it: with shifted kernels a wider kernel at a larger stride
    kernels       output positions per window
    at_once       windows that are worked on at once, each by a copy of the tiles
    array_copies  copies that have arrays of their own; the others share arrays with them, block by block
    """

    rounds: tuple[Round, ...]
    window: LayerShape
    kernels: int
    at_once: int
    array_copies: int

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(tile for one in self.rounds for tile in one.tiles)

    @property
    def text(self) -> str:
        """In words, such as "1 tile of 3 shifted kernels, 4 copies in 4 arrays"."""
        tiles, rounds = len(self.tiles), len(self.rounds)
        parts = "1 tile" if tiles == 1 else f"{tiles} tiles"
        shifted = f" of {self.kernels} shifted kernels" if self.kernels > 1 else ""
        turns = f" in {rounds} rounds" if rounds > 1 else ""
        copies = f", {self.at_once} copies in {self.array_copies * tiles} arrays" if self.at_once > 1 else ""
        return parts + shifted + turns + copies

    def blocks(self, windows: int) -> int:
        """Copies at work in the fullest array while so many windows are."""
        return -(-windows // self.array_copies)


@dataclass(frozen=True)
class CrossbarPlan:
    """A layer on the crossbar: ``layouts`` to choose from, the first one plain, without any copy.

    ``resident`` weights are written once and for all; others are rewritten in every round of every evaluation.
    """

    operand: Operand
    layouts: tuple[Layout, ...]
    resident: bool
    built_cells: int

    @property
    def reloaded(self) -> bool:
        """Whether every evaluation writes the weights into the arrays."""
        return not self.resident

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Of the plain layout."""
        return self.layouts[0].tiles

    def utilization(self, layout: Layout) -> float:
        """Share of the cells of all arrays that hold a weight, copies included, mean over the rounds."""
        used = sum(tile.cells for tile in layout.tiles) * layout.at_once
        return used / (self.built_cells * len(layout.rounds))


def row_bits(pim: Pim) -> int:
    """Bits that one row of an array stores."""
    return pim.columns * (pim.cell_bits if isinstance(pim, BitSerialPim) else 1)


def group_rows(pim: Pim) -> int:
    """Rows that bring their charge to a column before it is converted."""
    return pim.rows_active if isinstance(pim, BitSerialPim) else pim.products_per_conversion


def converter_share(pim: Pim) -> int:
    """Columns (bit-serial) or outputs (analog) that take turns at one converter."""
    return pim.columns_per_adc if isinstance(pim, BitSerialPim) else pim.outputs_per_adc


def plan_crossbar(
    operand: Operand, pim: Pim, shape: LayerShape, *, resident: bool = True, spare: bool = True, exact: bool = True
) -> CrossbarPlan:
    """Tile a layer over the arrays; raises MappingError where one output does not fit an array's columns.

    ``resident`` False where other layers take the arrays in between: no copy is then worth its writing.
    ``spare`` False where other layers lie in the spare arrays.  ``exact`` False where a conversion depends on
    which rows it sums.
    """
    tiles = _tiles(operand, pim, shape)
    built = pim.rows * pim.columns * pim.arrays
    if not resident or len(tiles) > pim.arrays:
        turns = tuple(Layout(rounds, shape, 1, 1, 1) for rounds in _in_rounds(tiles, pim))
        return CrossbarPlan(operand, turns, False, built)
    array_copies = pim.arrays // len(tiles) if spare else 1
    layouts = tuple(_with_copies(_one_round(tiles, pim), shape, 1, array_copies, pim))
    if pim.copies_in_array == SHIFTED and len(tiles) == 1 and (exact or shape.fan_in <= group_rows(pim)):
        for window, kernels in _windows(operand, pim, shape):
            tile = _shifted_tile(operand, pim, shape, window, kernels)
            layouts += tuple(_with_copies(_one_round((tile,), pim), window, kernels, array_copies, pim))
    return CrossbarPlan(operand, layouts, True, built)


def _tiles(operand: Operand, pim: Pim, shape: LayerShape) -> tuple[Tile, ...]:
    group = group_rows(pim)
    rows_per_tile = pim.rows // group * group
    outputs_per_tile = (pim.columns - operand.reference) // operand.columns_per_output
    if outputs_per_tile < 1:
        needed = operand.columns_per_output + operand.reference
        raise MappingError(
            f'layer "{shape.name}": one output takes {needed} columns, engines.pim.columns={pim.columns}'
        )
    return tuple(
        _tile(operand, pim, row, min(rows_per_tile, shape.fan_in - row), output, min(outputs_per_tile, left))
        for output in range(0, shape.out_channels, outputs_per_tile)
        for left in (shape.out_channels - output,)
        for row in range(0, shape.fan_in, rows_per_tile)
    )


def _tile(operand: Operand, pim: Pim, row: int, rows: int, output: int, outputs: int) -> Tile:
    used = outputs * operand.columns_per_output + operand.reference
    converted = used if isinstance(pim, BitSerialPim) else outputs
    stages = _stages(rows, group_rows(pim), converted, converter_share(pim))
    return Tile(row, rows, output, outputs, used, rows, 1, stages)


@lru_cache(maxsize=1024)
def _stages(rows: int, group: int, converted: int, share: int) -> tuple[Stage, ...]:
    """Groups of a tile in which every column has a weight in every row."""
    serial = min(share, converted)
    return tuple(Stage(min(group, rows - start), converted, serial) for start in range(0, rows, group))


def _in_rounds(tiles: tuple[Tile, ...], pim: Pim) -> Iterator[tuple[Round, ...]]:
    """Tiles in turns, in as many arrays as there are, or fewer: another cut may read and write less.

    Twice as many arrays merge the rounds two by two, which is never slower, so that the upper half is enough.
    """
    most = min(len(tiles), pim.arrays)
    for arrays in range(most, most // 2, -1):
        rounds: list[Round] = []
        held: set[int] = set()
        for start in range(0, len(tiles), arrays):
            own = tiles[start : start + arrays]
            words = {word for tile in own for word in _words(tile, pim.neuron_lanes)}
            rounds.append(_round(own, pim, written_words=len(words), read_words=len(words & held)))
            held |= words
        yield tuple(rounds)


def _one_round(tiles: tuple[Tile, ...], pim: Pim) -> Round:
    words = {word for tile in tiles for word in _words(tile, pim.neuron_lanes)}
    return _round(tiles, pim, written_words=len(words), read_words=0)


def _round(tiles: tuple[Tile, ...], pim: Pim, *, written_words: int, read_words: int) -> Round:
    stages = tiles[0].stages
    if len(tiles) > 1:
        converted = max(tile.stages[0].converted for tile in tiles)
        stages = _stages(max(tile.rows for tile in tiles), group_rows(pim), converted, converter_share(pim))
    return Round(
        tiles=tiles,
        stages=stages,
        loaded_rows=sum({tile.row: tile.rows for tile in tiles}.values()),
        outputs=sum({tile.output: tile.outputs for tile in tiles}.values()),
        written_words=written_words,
        read_words=read_words,
    )


def _words(tile: Tile, lanes: int) -> range:
    """Words of the current memory that hold the tile's outputs, as offsets within one position."""
    return range(tile.output // lanes, (tile.output + tile.outputs - 1) // lanes + 1)


def _with_copies(one: Round, window: LayerShape, kernels: int, array_copies: int, pim: Pim) -> Iterator[Layout]:
    """The tiles once, and as many copies as fit and as change the number of groups of windows."""
    blocks = 1
    if pim.copies_in_array == DIAGONAL and len(one.tiles) == 1:
        blocks = min(pim.rows // one.tiles[0].rows, pim.columns // one.tiles[0].used_columns)
    at_once = 1
    while at_once <= array_copies * blocks:
        yield Layout((one,), window, kernels, at_once, min(array_copies, at_once))
        groups = -(-window.positions // at_once)
        if groups == 1:
            return
        at_once = -(-window.positions // (groups - 1))


def _windows(operand: Operand, pim: Pim, shape: LayerShape) -> Iterator[tuple[LayerShape, int]]:
    """Windows over several output positions along one axis whose shifted kernels fit one array.

    Neighbours along the axis share inputs, and their number divides that of the outputs along it, so that windows
    tile the map.
    """
    widest = pim.columns // (shape.out_channels * operand.columns_per_output + operand.reference)
    for axis, outputs in enumerate(shape.out_size):
        kernel, stride = shape.kernel[axis], shape.stride[axis]
        for kernels in range(2, min(widest, outputs) + 1 if stride < kernel else 0):
            reach = kernel + (kernels - 1) * stride
            if outputs % kernels == 0 and shape.fan_in // kernel * reach <= pim.rows:
                wider = replace(
                    shape, kernel=_put(shape.kernel, axis, reach), stride=_put(shape.stride, axis, kernels * stride)
                )
                yield wider, kernels


def _put(sizes: Shape3, axis: int, size: int) -> Shape3:
    depth, height, width = (size if index == axis else old for index, old in enumerate(sizes))
    return depth, height, width


def _shifted_tile(operand: Operand, pim: Pim, shape: LayerShape, window: LayerShape, kernels: int) -> Tile:
    """Kernels side by side, each over its own part of the window's rows."""
    columns = shape.out_channels * operand.columns_per_output + operand.reference
    converted = columns if isinstance(pim, BitSerialPim) else shape.out_channels
    return Tile(
        row=0,
        rows=window.fan_in,
        output=0,
        outputs=shape.out_channels,
        used_columns=kernels * columns,
        column_rows=shape.fan_in,
        kernels=kernels,
        stages=_shifted_stages(shape, window, kernels, converted, pim),
    )


def kernels_on_rows(shape: LayerShape, window: LayerShape, kernels: int) -> npt.NDArray[np.bool_]:
    """(rows of the window, kernels) whether a kernel has a weight on a row: a kernel alone has one on each."""
    if kernels == 1:
        return np.ones((window.fan_in, 1), np.bool_)
    axis = next(index for index in range(3) if window.kernel[index] != shape.kernel[index])
    taps = np.indices((*window.kernel, shape.in_shape[0]))[axis].reshape(-1)
    first = np.arange(kernels) * shape.stride[axis]
    inside: npt.NDArray[np.bool_] = (taps[:, None] >= first) & (taps[:, None] < first + shape.kernel[axis])
    return inside


def _shifted_stages(shape: LayerShape, window: LayerShape, kernels: int, converted: int, pim: Pim) -> tuple[Stage, ...]:
    """Cut the window's rows where one more would bring a column above its group; idle columns are not converted."""
    seen = kernels_on_rows(shape, window, kernels)
    share, group = converter_share(pim), group_rows(pim)
    stages, start = [], 0
    while start < len(seen):
        reached = np.cumsum(seen[start : start + pim.rows], axis=0).max(axis=1)
        rows = int(np.searchsorted(reached, group, side="right"))
        active = np.repeat(seen[start : start + rows].any(axis=0), converted)
        serial = int(np.add.reduceat(active, np.arange(0, active.size, share)).max())
        stages.append(Stage(rows, int(active.sum()), serial))
        start += rows
    return tuple(stages)
