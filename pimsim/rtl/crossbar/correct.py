"""From the sums of a crossbar's arrays to words of the current memory, docs/microarchitecture.md §5.2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import ArrayDesign, PimDesign, RoundDesign, TileDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


def sums_layout(array: ArrayDesign) -> data.ArrayLayout:
    """Sums of one array: block by block, kernel by kernel, that of the reference column and those of the outputs."""
    return data.ArrayLayout(Shape(array.accumulator_bits), array.sums)


class Corrector(wiring.Component):
    """A word of P sums: those of all arrays that hold rows of an output, less z_u Σ x, plus the output's constant.

    Without registers.  ``place`` is the number of window and kernel in their group, ``beat`` that of the word among the
    round's.  An output's constant is added in the round of its row 0.  ``multiplied`` products with z_u are formed with
    a position's first word, one per set of row tiles that outputs of the round sum over; ``corrected`` corrections are
    added to the word's sums.
    """

    def __init__(self, design: PimDesign, constants: Sequence[int]) -> None:
        self.design, self.array, self.constants = design, design.array, tuple(constants)
        self.word_layout = data.ArrayLayout(Shape(self.array.accumulator_bits), design.lanes)
        super().__init__(
            {
                "sums": In(data.ArrayLayout(sums_layout(self.array), design.arrays)),
                "place": In(range(design.at_once * design.kernels)),
                "round": In(index_bits(len(design.rounds))),
                "beat": In(range(design.beats)),
                "word": Out(self.word_layout),
                "multiplied": Out(range(design.tiles + 1)),
                "corrected": Out(range(2 * design.lanes + 1)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        chosen = [self._chosen(m, tile) for tile in range(design.tiles)]
        bases, total = [], 0
        for one in design.rounds:
            bases.append(total)
            total += one.words
        number = wire(m, "number", lookup(bases, self.round) + self.beat)
        products = self._products(m, chosen)
        with m.Switch(number):
            for base, one in zip(bases, design.rounds, strict=True):
                for beat in range(one.words):
                    with m.Case(base + beat):
                        self._word(m, one, beat, chosen, products)
        return m

    def _chosen(self, m: Module, tile: int) -> Value:
        """Sums of the place's kernel in its array number ``tile``."""
        design, array = self.design, self.array
        size = array.kernel_sums * array.accumulator_bits
        found = []
        for window in range(design.at_once):
            block, copy = divmod(window, design.copies)
            own = self.sums[copy * design.tiles + tile].as_value()
            found.append(own[block * array.kernels * size : (block + 1) * array.kernels * size])
        everything = wire(m, f"places_{tile}", Cat(*found))
        chosen = Signal(data.ArrayLayout(Shape(array.accumulator_bits), array.kernel_sums), name=f"chosen_{tile}")
        m.d.comb += chosen.eq(everything.word_select(self.place, size))
        return chosen

    def _products(self, m: Module, chosen: Sequence[Value]) -> list[Value]:
        """z_u Σ x for every set of row tiles of the round."""
        if not self.array.reference:
            return []
        most = max(len(one.row_sets) for one in self.design.rounds)
        products = [Signal(self.array.accumulator_bits, name=f"product_{number}") for number in range(most)]
        with m.Switch(self.round):
            for number, one in enumerate(self.design.rounds):
                with m.Case(number):
                    for rows, product in zip(one.row_sets, products, strict=False):
                        tiles = next(own for own in _columns(one) if {tile.row for _, tile in own} == rows)
                        inputs = sum((chosen[index][0] for index, _ in tiles), start=Const(0, 1))
                        m.d.comb += product.eq(inputs * self.design.weight_zero)
        return products

    def _word(self, m: Module, one: RoundDesign, beat: int, chosen: Sequence[Value], products: Sequence[Value]) -> None:
        lanes, reference = self.design.lanes, self.array.reference
        inside = constants = 0
        for lane in range(lanes):
            output = (one.first_word + beat) * lanes + lane
            tiles = next((own for own in _columns(one) if _holds(own[0][1], output)), [])
            if not tiles:
                continue
            total = sum((chosen[index][reference + output - tile.output] for index, tile in tiles), start=Const(0, 1))
            if reference:
                total = total - products[one.row_sets.index(frozenset(tile.row for _, tile in tiles))]
                inside += 1
            if self.design.corrects_inputs and any(tile.row == 0 for _, tile in tiles):
                total = total + self.constants[output]
                constants += 1
            m.d.comb += self.word[lane].eq(total)
        m.d.comb += [
            self.corrected.eq(inside + constants),
            self.multiplied.eq(len(one.row_sets) * reference if beat == 0 else 0),
        ]


def _columns(one: RoundDesign) -> Iterator[list[tuple[int, TileDesign]]]:
    """Tiles of the same outputs together, each with the number of its array."""
    for output in dict.fromkeys(tile.output for tile in one.tiles):
        yield [(index, tile) for index, tile in enumerate(one.tiles) if tile.output == output]


def _holds(tile: TileDesign, output: int) -> bool:
    return tile.output <= output < tile.output + tile.outputs
