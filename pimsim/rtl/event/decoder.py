"""From the number of a neuron to the outputs that it reaches, docs/microarchitecture.md §4.3."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.axis_table import AxisTable
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.signals import index_bits

AXES = ("depth", "height", "width")


class AddressLayout(data.StructLayout):
    """Where a beat works: output ``position`` o, ``membrane`` word o·B + b, ``weight`` word r·B + b."""

    def __init__(self, design: EventDesign) -> None:
        super().__init__(
            {
                "position": index_bits(design.sweep.positions),
                "membrane": index_bits(design.sweep.words),
                "weight": index_bits(design.weight_words),
            }
        )


class ReachLayout(data.StructLayout):
    """An event's targets: the first one's address at b = 0, and by axis how many follow; ``void``: there is none."""

    def __init__(self, design: EventDesign) -> None:
        sizes = design.shape.out_size
        further = {axis: index_bits(size) for axis, size in zip(AXES, sizes, strict=True)}
        super().__init__({"void": 1, "first": AddressLayout(design), "further": data.StructLayout(further)})


class EventDecoder(wiring.Component):
    """``reach`` of the neuron ``event``, in the same cycle: divisions by constants, a table per axis, sums."""

    def __init__(self, design: EventDesign) -> None:
        self._design = design
        super().__init__({"event": In(index_bits(design.map_neurons)), "reach": Out(ReachLayout(design))})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        channels, *size = self._design.shape.viewed_shape
        m.submodules.channel = channel = Divide(channels, self._design.map_neurons)
        m.d.comb += channel.number.eq(self.event)
        position, output, tap = channel.quotient, 0, 0
        tables = self._tables(m, position, size)
        for table, outputs, kernel in zip(tables, self._design.shape.out_size, self._design.shape.kernel, strict=True):
            output = output * outputs + table.first
            tap = tap * kernel + table.tap
        first, beats = self.reach.first, self._design.sweep.beats
        m.d.comb += [
            self.reach.void.eq(sum(table.outputs == 0 for table in tables) != 0),
            first.position.eq(output),
            first.membrane.eq(output * beats),
            first.weight.eq((tap * channels + channel.remainder) * beats),
        ]
        m.d.comb += [self.reach.further[axis].eq(table.outputs - 1) for axis, table in zip(AXES, tables, strict=True)]
        return m

    def _tables(self, m: Module, position: Signal, size: list[int]) -> list[AxisTable]:
        """Tables of the three axes, looked up at the coordinates of ``position`` in a map of ``size``."""
        m.submodules.column = column = Divide(size[2], size[0] * size[1] * size[2])
        m.submodules.row = row = Divide(size[1], size[0] * size[1])
        m.d.comb += [column.number.eq(position), row.number.eq(column.quotient)]
        tables = [AxisTable(self._design.shape, axis) for axis in range(3)]
        for name, table, coordinate in zip(AXES, tables, (row.quotient, row.remainder, column.remainder), strict=True):
            m.submodules[name] = table
            m.d.comb += table.coordinate.eq(coordinate)
        return tables
