"""An ideal crossbar array and its word lines; a technology's macro may take the array's place."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import ArrayDesign, PimDesign, TileDesign
from pimsim.rtl.crossbar.driver import pulse_layout
from pimsim.rtl.parts.popcount import ones
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Macros
from pimsim.rtl.parts.wires import wire


class WordLines(wiring.Component):
    """What the word lines of array ``tile`` of copy ``copy`` carry, docs/microarchitecture.md §5.1 and §5.2.

    ``active`` are the row registers of all windows, ``driven`` the pulse; ``lines`` a slice per row, 0 where a row is
    not in the pulse's stage, not in the tile, or of a window that the group does not have; ``live`` how many are not 0.
    """

    def __init__(self, design: PimDesign, copy: int, tile: int) -> None:
        self.design, self.copy, self.tile = design, copy, tile
        self.rows = design.array.blocks * design.array.rows
        super().__init__(
            {
                "active": In(design.loaded_rows * design.row_bits),
                "driven": In(pulse_layout(design)),
                "round": In(index_bits(len(design.rounds))),
                "lines": Out(self.rows * design.array.dac_bits),
                "live": Out(range(self.rows + 1)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        registers = Signal(self.rows * design.row_bits)  # of the rows of this array
        with m.Switch(self.round):
            for number, one in enumerate(design.rounds):
                with m.Case(number):
                    if self.tile < len(one.tiles):
                        m.d.comb += registers.eq(Cat(*self._blocks(one.tiles[self.tile], one.rows)))
        sliced = self._slice(m, registers)
        stride, bits = design.row_bits, design.array.dac_bits
        fields = [sliced[row * stride : row * stride + bits] for row in range(self.rows)]
        m.d.comb += self.lines.eq(sliced if stride == bits else Cat(*fields))
        drives = self.lines if bits == 1 else Cat(*(field.any() for field in fields))
        m.d.comb += self.live.eq(ones(m, wire(m, "drives", drives)))
        return m

    def _blocks(self, tile: TileDesign, loaded: int) -> list[Value]:
        """Registers block by block, each of the window that it works on."""
        design, found = self.design, []
        for block in range(design.array.blocks):
            window = block * design.copies + self.copy
            missing = (design.array.rows - tile.rows) * design.row_bits
            if window >= design.at_once:
                found.append(Const(0, tile.rows * design.row_bits + missing))
                continue
            start = (window * loaded + tile.offset) * design.row_bits
            rows = self.active[start : start + tile.rows * design.row_bits]
            idle = self.driven.rest if window >= design.last_group else Const(0)
            found += [Mux(idle, 0, rows), Const(0, missing)]
        return found

    def _slice(self, m: Module, registers: Value) -> Value:
        """The pulse's slice of the registers of its stage, in the lowest bits of each row."""
        design = self.design
        moved, sliced = Signal.like(registers), Signal.like(registers)
        with m.Switch(self.driven.slice):
            for part in range(design.slices):
                with m.Case(part):
                    m.d.comb += moved.eq(registers >> (part * design.array.dac_bits))
        with m.Switch(self.driven.stage):
            for stage, (start, stop) in enumerate(design.array.stages):
                with m.Case(stage):
                    m.d.comb += sliced.eq(moved & self._mask(start, stop))
        return sliced

    def _mask(self, start: int, stop: int) -> int:
        """The lowest slice of rows ``start`` … ``stop`` − 1 of every block."""
        stride, rows = self.design.row_bits, self.design.array.rows
        digit = 2**self.design.array.dac_bits - 1
        blocks = range(self.design.array.blocks)
        return sum(digit << ((block * rows + row) * stride) for block in blocks for row in range(start, stop))


class IdealArray(wiring.Component):
    """Cells that hold digits, and columns that gather their products: the behaviour of a macro, not its circuit.

    In a cycle with ``settle``, a pulse's last, every column takes Σ line · digit over its rows for its ``charge``,
    seen from the next cycle on.  ``content`` are the rows' words of digits, column 0 in the lowest bits, block by
    block the same; without it the array is written: row ``write_row`` becomes ``write_digits`` at the end of a cycle
    with ``write``.  ``name`` names the file of the content where Verilog is emitted: arrays of the same name hold the
    same.
    """

    def __init__(self, name: str, array: ArrayDesign, content: Sequence[int] | None) -> None:
        self.name, self.array, self.content = name, array, content
        self.rows, self.width = array.blocks * array.rows, array.columns * array.cell_bits
        ports = {"write": In(1), "write_row": In(index_bits(self.rows)), "write_digits": In(self.width)}
        super().__init__(
            {
                "settle": In(1),
                "lines": In(self.rows * array.dac_bits),
                "charge": Out(array.columns * array.charge_bits),
                **(ports if content is None else {}),
            }
        )

    @property
    def init(self) -> tuple[int, ...]:
        """Words of all rows: a block's digits stand beside those of the block above it."""
        array, content = self.array, self.content or ()
        block = array.kernels * array.kernel_columns * array.cell_bits
        padded = (*content, *[0] * (array.rows - len(content)))
        return tuple(word << (number * block) for number in range(array.blocks) for word in padded)

    def elaborate(self, platform: object) -> Module:
        m, bits = Module(), self.array.dac_bits
        if isinstance(platform, Macros):
            m.submodules.macro = self._macro(platform)
            return m
        terms = [
            Mux(self.lines[row * bits + place], cells << place, 0)
            for row, cells in enumerate(self._cells(m))
            for place in range(bits)
        ]
        with m.If(self.settle):
            m.d.sync += self.charge.eq(_total(terms))
        return m

    def _cells(self, m: Module) -> list[Value]:
        """Of every row its digits, each in a field so wide that sums of fields do not meet: columns add apart."""
        if self.content is None:
            return self._written(m)
        return [Const(self._spread(word), self.array.columns * self.array.charge_bits) for word in self.init]

    def _spread(self, word: int) -> int:
        bits, field = self.array.cell_bits, self.array.charge_bits
        return sum((word >> (bits * at) & (2**bits - 1)) << (field * at) for at in range(self.array.columns))

    def _macro(self, platform: Macros) -> Instance:
        array = self.array
        writes: dict[str, Value] = {"write": Const(0), "write_row": Const(0, index_bits(self.rows))}
        writes["write_digits"] = Const(0, self.width)
        content = {}
        if self.content is None:
            writes = {name: getattr(self, name) for name in writes}
        else:
            platform.contents[self.name] = self
            content = {"p_FILE": f"{self.name}.hex"}
        return Instance(
            "pimsim_array",
            p_ROWS=self.rows,
            p_COLUMNS=array.columns,
            p_CELL_BITS=array.cell_bits,
            p_DAC_BITS=array.dac_bits,
            p_CHARGE_BITS=array.charge_bits,
            p_ADDRESS=index_bits(self.rows),
            i_clk=ClockSignal(),
            i_settle=self.settle,
            i_lines=self.lines,
            o_charge=self.charge,
            **content,
            **{f"i_{name}": value for name, value in writes.items()},
        )

    def _written(self, m: Module) -> list[Value]:
        bits, field = self.array.cell_bits, self.array.charge_bits
        digits = [self.write_digits[at * bits : (at + 1) * bits] for at in range(self.array.columns)]
        spread = Cat(*(Cat(digit, Const(0, field - bits)) for digit in digits))
        rows = [Signal(self.array.columns * field, name=f"row_{row}") for row in range(self.rows)]
        with m.If(self.write), m.Switch(self.write_row):
            for number, row in enumerate(rows):
                with m.Case(number):
                    m.d.sync += row.eq(spread)
        return list(rows)


def _total(terms: list[Value]) -> Value:
    """A balanced tree of adders."""
    while len(terms) > 1:
        pairs = [left + right for left, right in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(terms) // 2 * 2 :]
    return terms[0]
