"""Converters and shift-adders of one crossbar array, docs/microarchitecture.md §5.2 and §5.3."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.convert import add_layout, slot_bits
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.driver import pulse_layout
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.popcount import ones
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


class Readout(wiring.Component):
    """Sample-and-hold, converters and shift-adders of array ``tile`` of copy ``copy``, and the sums handed over.

    ``charge``    of every column; with sample-and-hold it is taken in the cycle of ``begin``
    ``convert``   the converters have the codes of turn ``slot`` of pulse ``work``: min(charge, 2^adc_bits − 1), where
                  the array has weights in that column and stage, and the group has the window; ``converted`` of them
    ``add``       in the next cycle they are added as ``adding`` says: shifted left by the place of slice and digit
    ``move``      sums go to ``sums`` at the end of this cycle, and begin anew with what is added in it
    """

    def __init__(self, design: PimDesign, copy: int, tile: int) -> None:
        self.design, self.array, self.copy, self.tile = design, design.array, copy, tile
        self.layout = data.ArrayLayout(Shape(self.array.accumulator_bits), self.array.sums)
        super().__init__(
            {
                "charge": In(self.array.columns * self.array.charge_bits),
                "round": In(index_bits(len(design.rounds))),
                **{name: In(1) for name in ("begin", "convert", "add", "move")},
                "work": In(pulse_layout(design)),
                "slot": In(slot_bits(design)),
                "adding": In(add_layout(design)),
                "converted": Out(range(self.array.converters + 1)),
                "added": Out(range(self.array.converters + 1)),
                "sums": Out(self.layout),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        self._convert(m, self._sampled(m))
        self._add(m)
        return m

    def _sampled(self, m: Module) -> Value:
        if not self.design.sample_and_hold:
            return self.charge
        held = Signal.like(self.charge)
        with m.If(self.begin):
            m.d.sync += held.eq(self.charge)
        return wire(m, "sampled", Mux(self.begin, self.charge, held))

    def _convert(self, m: Module, sampled: Value) -> None:
        array = self.array
        width, most = array.charge_bits, 2**array.adc_bits - 1
        chosen, enabled = Signal(array.converters * width), Signal(array.converters)
        with m.Switch(self.slot):
            for number, columns in enumerate(self._slots()):
                with m.Case(number):
                    none = Const(0, width)
                    charges = [none if at is None else sampled[at * width : (at + 1) * width] for at in columns]
                    m.d.comb += chosen.eq(Cat(*charges))
                    m.d.comb += enabled.eq(Cat(*(self._enabled(at) for at in columns)))
        self.codes = data.ArrayLayout(Shape(min(width, array.adc_bits)), array.converters)
        self.code = Signal(self.codes)
        with m.If(self.convert):
            for index in range(array.converters):
                charge = chosen[index * width : (index + 1) * width]
                clipped = charge if width <= array.adc_bits else Mux(charge > most, most, charge)
                m.d.sync += self.code[index].eq(Mux(enabled[index], clipped, 0))
            m.d.sync += self.added.eq(self.converted)
        m.d.comb += self.converted.eq(Mux(self.convert, ones(m, enabled), 0))

    def _slots(self) -> list[tuple[int | None, ...]]:
        return [columns for turns in self.array.slots for columns in turns]

    def _enabled(self, column: int | None) -> Value:
        """Whether a column has anything to convert: in its window, its stage and its tile."""
        if column is None:
            return Const(0)
        design = self.design
        block, _, output, _ = self.array.place(column)
        window = block * design.copies + self.copy
        if window >= design.at_once:
            return Const(0)
        present = ~self.work.rest if window >= design.last_group else Const(1)
        own = [one.tiles[self.tile] if self.tile < len(one.tiles) else None for one in design.rounds]
        stages = lookup([tile.stages if tile else 0 for tile in own], self.round)
        outputs = lookup([tile.outputs if tile else 0 for tile in own], self.round)
        present = present & (self.work.stage < stages)
        return present if output is None else present & (output < outputs)

    def _add(self, m: Module) -> None:
        """A sum begins anew where it moves."""
        array = self.array
        running = Signal(self.layout)
        shift = wire(m, "shift", self.adding.slice * array.dac_bits)
        with m.If(self.move):
            m.d.sync += [self.sums.eq(running), running.eq(0)]
        with m.If(self.add), m.Switch(self.adding.slot):
            for number, columns in enumerate(self._slots()):
                with m.Case(number):
                    for index, total in self._totals(columns).items():
                        m.d.sync += running[index].eq(Mux(self.move, 0, running[index]) + (total << shift))

    def _totals(self, columns: tuple[int | None, ...]) -> dict[int, Value]:
        """What a turn brings to each sum, before the shift of its slice."""
        array = self.array
        found: dict[int, Value] = {}
        for converter, column in enumerate(columns):
            if column is None:
                continue
            block, kernel, output, digit = array.place(column)
            index = (block * array.kernels + kernel) * array.kernel_sums
            factor = 1 if output is None else array.factors[digit]
            index += 0 if output is None else array.reference + output
            place = abs(factor).bit_length() - 1
            value = self.code[converter] << place
            found[index] = found.get(index, Const(0, 1)) + (value if factor > 0 else -value)
        return found
