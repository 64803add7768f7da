"""What a layer on a bit-serial crossbar is built from, in plain numbers; docs/microarchitecture.md §5."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pimsim.model.architecture import LayerShape


@dataclass(frozen=True)
class TileDesign:
    """A tile in its array for one round: ``rows`` of the layer from ``row`` on, ``outputs`` from ``output`` on.

    ``offset`` is the tile's first row among those that the round loads, ``stages`` the groups of rows that it has.
    """

    row: int
    rows: int
    output: int
    outputs: int
    offset: int
    stages: int


@dataclass(frozen=True)
class RoundDesign:
    """Tiles that are in the arrays at the same time, array by array.

    ``rows`` of a window are loaded, from ``first_row`` on and around the end of the layer's rows; sums lie in ``words``
    of a position from ``first_word`` on, of which those in ``kept`` hold sums of earlier rounds.
    """

    tiles: tuple[TileDesign, ...]
    first_row: int
    rows: int
    first_word: int
    words: int
    kept: frozenset[int]

    @property
    def stages(self) -> int:
        return max(tile.stages for tile in self.tiles)

    @property
    def row_sets(self) -> tuple[frozenset[int], ...]:
        """Sets of row tiles (by their first rows) that outputs of the round sum over, in the order of the outputs."""
        found: dict[int, frozenset[int]] = {}
        for tile in self.tiles:
            found[tile.output] = found.get(tile.output, frozenset()) | {tile.row}
        return tuple(dict.fromkeys(found.values()))


@dataclass(frozen=True)
class ArrayDesign:
    """One physical array and what reads it, alike for all arrays of a layer.

    In an array stand ``blocks`` one below and beside the other, in each ``kernels`` side by side, each with
    ``reference`` (0 or 1) columns and behind them ``outputs`` times the columns of the digits, whose place values are
    ``factors``.  A block has ``rows``; those of stage g are ``stages[g]`` (first, behind the last), in which kernels
    ``seen[g]`` have weights.
    """

    rows: int
    blocks: int
    kernels: int
    outputs: int
    reference: int
    factors: tuple[int, ...]
    stages: tuple[tuple[int, int], ...]
    seen: tuple[frozenset[int], ...]
    cell_bits: int
    dac_bits: int
    adc_bits: int
    columns_per_adc: int
    accumulator_bits: int

    @property
    def kernel_columns(self) -> int:
        return self.reference + self.outputs * len(self.factors)

    @property
    def columns(self) -> int:
        return self.blocks * self.kernels * self.kernel_columns

    @property
    def converters(self) -> int:
        return -(-self.columns // self.columns_per_adc)

    @property
    def kernel_sums(self) -> int:
        """Sums that are added up per kernel: that of the reference column, then the outputs'."""
        return self.reference + self.outputs

    @property
    def sums(self) -> int:
        return self.blocks * self.kernels * self.kernel_sums

    @property
    def charge_bits(self) -> int:
        """Of the largest sum that a column can gather."""
        most = max(stop - start for start, stop in self.stages)
        return int(most * (2**self.dac_bits - 1) * (2**self.cell_bits - 1)).bit_length()

    def turns(self, stage: int, blocks: int, outputs: int) -> tuple[tuple[int, ...], ...]:
        """Columns that each converter converts after ``stage``, one after the other, with so many blocks at work and
        so many outputs in the array.  With fewer of them each converter leaves off earlier."""
        found: list[list[int]] = [[] for _ in range(self.converters)]
        used = self.reference + outputs * len(self.factors)
        for column in range(self.columns):
            place, local = divmod(column, self.kernel_columns)
            block, kernel = divmod(place, self.kernels)
            if block < blocks and kernel in self.seen[stage] and local < used:
                found[column // self.columns_per_adc].append(column)
        return tuple(tuple(columns) for columns in found)

    def place(self, column: int) -> tuple[int, int, int | None, int]:
        """Of a column: its block, its kernel, its output (None: the reference column), and which of its digits."""
        place, local = divmod(column, self.kernel_columns)
        if local < self.reference:
            return *divmod(place, self.kernels), None, 0
        return *divmod(place, self.kernels), *divmod(local - self.reference, len(self.factors))

    @property
    def kinds(self) -> tuple[frozenset[int], ...]:
        """Stages that are converted differently, by the kernels that they reach."""
        return tuple(dict.fromkeys(self.seen))

    @property
    def slots(self) -> tuple[tuple[tuple[int | None, ...], ...], ...]:
        """Per kind of stage, turn by turn, the column of each converter, None where it has none left."""
        found = []
        for kind in self.kinds:
            turns = self.turns(self.seen.index(kind), self.blocks, self.outputs)
            longest = max(len(columns) for columns in turns)
            found.append(
                tuple(tuple(own[turn] if turn < len(own) else None for own in turns) for turn in range(longest))
            )
        return tuple(found)


@dataclass(frozen=True)
class PimDesign:
    """A layer on a bit-serial crossbar.

    ``window`` is the layer as the loader sees it, of ``kernels`` output positions; ``at_once`` windows are worked on
    together, window k in the arrays of copy k modulo ``copies``.  With ``reloaded`` every round writes its tiles first.
    Sums of ``passes`` maps are formed one map after the other.  An input of ``stored_bits`` is, summed over its pool,
    cut into ``slices``; ``input_zero`` stands in the padding.  ``source`` names the memory that it comes from, whose
    words hold ``word_values``; ``port`` of them are read per cycle.
    """

    shape: LayerShape
    window: LayerShape
    kernels: int
    at_once: int
    copies: int
    rounds: tuple[RoundDesign, ...]
    array: ArrayDesign
    reloaded: bool
    passes: int
    source: str
    word_values: int
    stored_bits: int
    input_zero: int
    slices: int
    weight_zero: int
    corrects_inputs: bool
    port: int
    pulse_cycles: int
    adc_cycles: int
    sample_and_hold: bool
    correction_depth: int
    lanes: int

    @property
    def beats(self) -> int:
        """Words of one position in the current memory."""
        return -(-self.shape.out_channels // self.lanes)

    @property
    def tiles(self) -> int:
        """Arrays of one copy."""
        return max(len(one.tiles) for one in self.rounds)

    @property
    def arrays(self) -> int:
        return self.copies * self.tiles

    @property
    def reads_back(self) -> bool:
        """Whether rounds meet in one sum, so that later ones add to what earlier ones have left."""
        return any(one.kept for one in self.rounds)

    @property
    def groups(self) -> int:
        """Groups of windows of one map."""
        return -(-self.window.positions // self.at_once)

    @property
    def last_group(self) -> int:
        """Windows of a map's last group."""
        return self.window.positions - (self.groups - 1) * self.at_once

    @property
    def pool(self) -> int:
        return prod(self.shape.pool)

    @property
    def map_values(self) -> int:
        """Of one source map."""
        return prod(self.shape.source_shape)

    @property
    def row_bits(self) -> int:
        """Of a row register, whole slices."""
        return self.slices * self.array.dac_bits

    @property
    def loaded_rows(self) -> int:
        """Row registers: of all windows at once, in the round that loads most."""
        return self.at_once * max(one.rows for one in self.rounds)

    @property
    def readers(self) -> int:
        """Value ports that are ever used."""
        return min(self.port, self.loaded_rows * self.pool)

    @property
    def reads(self) -> int:
        """Of the largest group."""
        return -(-self.loaded_rows * self.pool // self.readers)

    @property
    def sum_words(self) -> int:
        """Of the current memory."""
        return self.passes * self.shape.positions * self.beats

    @property
    def sum_bits(self) -> int:
        """Of one word of the current memory."""
        return self.lanes * self.array.accumulator_bits

    @property
    def weight_words(self) -> int:
        """Rows of all tiles, as the weight memory keeps them."""
        return sum(tile.rows for one in self.rounds for tile in one.tiles)

    @property
    def weight_bits(self) -> int:
        """Of one row."""
        return self.array.columns * self.array.cell_bits

    def turns(self, number: int, stage: int, windows: int) -> int:
        """Conversions of the busiest converter after a stage of round ``number``, so many windows being worked on."""
        outputs = max(tile.outputs for tile in self.rounds[number].tiles)
        return max(len(columns) for columns in self.array.turns(stage, self.blocks(windows), outputs))

    def blocks(self, windows: int) -> int:
        """At work in the fullest array while so many windows are."""
        return -(-windows // self.copies)
