"""Tiling of a layer's weights over the arrays of a crossbar engine.

The weight matrix has one row per input of the receptive field (order: kernel depth, height, width, input
channel) and, per output channel, one column per stored bit.  An output's columns stay in one array.  Row
tiles hold whole groups of the rows that are driven (bit-serial) or converted (analog) together, so that
a layer's groups are the same however it is tiled.
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.errors import MappingError
from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Pim


@dataclass(frozen=True)
class Operand:
    """What one layer stores and drives.

    ``columns_per_output`` bit columns of one output channel; ``reference`` columns that sum the inputs
    (0 or 1); ``slices`` input slices, one pulse train each; ``conversions`` per used column (bit-serial)
    or per output (analog) and group.
    """

    fan_in: int
    outputs: int
    columns_per_output: int
    reference: int
    slices: int
    conversions: int


@dataclass(frozen=True)
class Tile:
    """Rows [row, row + rows) × outputs [output, output + outputs) of the weight matrix in one array."""

    row: int
    rows: int
    output: int
    outputs: int
    used_columns: int
    groups: int
    converted: int


@dataclass(frozen=True)
class Round:
    """Tiles that sit in the arrays at the same time.

    ``pulses`` length in cycles of each pulse (or train of pulses) of one output position, in order;
    ``conversion_cycles`` of the busiest converter after each; ``loaded_rows`` inputs of one position;
    ``outputs`` that get a sum, in ``written_words`` of the current memory, ``read_words`` of which already
    hold sums of earlier rounds.
    """

    tiles: tuple[Tile, ...]
    pulses: tuple[int, ...]
    conversion_cycles: int
    loaded_rows: int
    outputs: int
    written_words: int
    read_words: int


@dataclass(frozen=True)
class CrossbarPlan:
    """A layer on the crossbar: its rounds, and how many copies of its tiles fill the arrays.

    ``taking_turns`` with other layers, it finds their weights in the arrays.
    """

    operand: Operand
    rounds: tuple[Round, ...]
    copies: int
    used_cells: int
    built_cells: int
    taking_turns: bool = False

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(tile for one in self.rounds for tile in one.tiles)

    @property
    def reloaded(self) -> bool:
        """Whether every evaluation writes the weights into the arrays."""
        return self.taking_turns or len(self.rounds) > 1

    @property
    def utilization(self) -> float:
        """Share of the cells of all arrays that hold a weight bit, copies included, mean over the rounds."""
        return self.used_cells * self.copies / (self.built_cells * len(self.rounds))


def row_bits(pim: Pim) -> int:
    """Bits that one row of an array stores."""
    return pim.columns * (pim.cell_bits if isinstance(pim, BitSerialPim) else 1)


def plan_crossbar(operand: Operand, pim: Pim, *, layer: str, positions: int) -> CrossbarPlan:
    """Tile ``operand`` over the arrays; raises MappingError where one output does not fit an array's columns."""
    group = pim.rows_active if isinstance(pim, BitSerialPim) else pim.products_per_conversion
    rows_per_tile = pim.rows // group * group
    outputs_per_tile = (pim.columns - operand.reference) // operand.columns_per_output
    if outputs_per_tile < 1:
        needed = operand.columns_per_output + operand.reference
        raise MappingError(f'layer "{layer}": one output takes {needed} columns, engines.pim.columns={pim.columns}')
    tiles = [
        _tile(operand, pim, group, row, min(rows_per_tile, operand.fan_in - row), output, outputs_per_tile)
        for output in range(0, operand.outputs, outputs_per_tile)
        for row in range(0, operand.fan_in, rows_per_tile)
    ]
    rounds = []
    held: set[int] = set()
    for start in range(0, len(tiles), pim.arrays):
        own = tuple(tiles[start : start + pim.arrays])
        words = {word for tile in own for word in _words(tile, pim.neuron_lanes)}
        rounds.append(_round(own, operand, pim, group, written_words=len(words), read_words=len(words & held)))
        held |= words
    copies = max(1, min(pim.arrays // len(tiles), positions))
    cells = sum(tile.rows * tile.used_columns for tile in tiles)
    return CrossbarPlan(operand, tuple(rounds), copies, cells, pim.rows * pim.columns * pim.arrays)


def _tile(operand: Operand, pim: Pim, group: int, row: int, rows: int, output: int, limit: int) -> Tile:
    outputs = min(limit, operand.outputs - output)
    used = outputs * operand.columns_per_output + operand.reference
    converted = used if isinstance(pim, BitSerialPim) else outputs
    return Tile(row, rows, output, outputs, used, -(-rows // group), converted)


def _words(tile: Tile, lanes: int) -> range:
    """Words of the current memory that hold the tile's outputs, as offsets within one position."""
    return range(tile.output // lanes, (tile.output + tile.outputs - 1) // lanes + 1)


def _round(
    tiles: tuple[Tile, ...], operand: Operand, pim: Pim, group: int, *, written_words: int, read_words: int
) -> Round:
    """All arrays run in step, so the fullest tile sets the time."""
    rows = max(tile.rows for tile in tiles)
    if isinstance(pim, BitSerialPim):
        one_pass = [pim.pulse_cycles] * -(-rows // group)
        shared = pim.columns_per_adc
    else:
        one_pass = [pim.pulse_cycles * min(group, rows - start) for start in range(0, rows, group)]
        shared = pim.outputs_per_adc
    serial = min(shared, max(tile.converted for tile in tiles)) * operand.conversions
    return Round(
        tiles=tiles,
        pulses=tuple(one_pass * operand.slices),
        conversion_cycles=serial * pim.adc_cycles,
        loaded_rows=sum({tile.row: tile.rows for tile in tiles}.values()),
        outputs=sum({tile.output: tile.outputs for tile in tiles}.values()),
        written_words=written_words,
        read_words=read_words,
    )
