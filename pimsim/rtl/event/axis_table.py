"""Which outputs a coordinate of the source map reaches along one axis, docs/microarchitecture.md §4.3: a table."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from pimsim.model.architecture import LayerShape
from pimsim.rtl.parts.signals import index_bits


class AxisRow(NamedTuple):
    """A coordinate reaches ``outputs`` outputs from ``first`` on, that one through kernel tap ``tap``.

    The next output is reached through a tap that is lower by the stride.
    """

    outputs: int
    first: int
    tap: int


def axis_rows(shape: LayerShape, axis: int) -> list[AxisRow]:
    """One row per coordinate of the map before the pool along ``axis`` (0 depth, 1 height, 2 width)."""
    return [_row(shape, axis, coordinate) for coordinate in range(shape.viewed_shape[1 + axis])]


def _row(shape: LayerShape, axis: int, coordinate: int) -> AxisRow:
    pooled, stride = coordinate // shape.pool[axis], shape.stride[axis]
    padded = pooled + shape.padding[axis]
    first = max(0, -((shape.kernel[axis] - 1 - padded) // stride))
    last = min(shape.out_size[axis] - 1, padded // stride)
    if pooled >= shape.in_shape[1 + axis] or last < first:
        return AxisRow(0, 0, 0)
    return AxisRow(last - first + 1, first, padded - first * stride)


class AxisTable(wiring.Component):
    """Row number ``coordinate`` in the same cycle."""

    def __init__(self, shape: LayerShape, axis: int) -> None:
        self._rows = axis_rows(shape, axis)
        outputs, first, tap = (max(column) + 1 for column in zip(*self._rows, strict=True))
        super().__init__(
            {
                "coordinate": In(index_bits(len(self._rows))),
                "outputs": Out(index_bits(outputs)),
                "first": Out(index_bits(first)),
                "tap": Out(index_bits(tap)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        columns: list[Signal] = [self.outputs, self.first, self.tap]
        words = []
        for row in self._rows:
            word = 0
            for column, value in zip(reversed(columns), reversed(row), strict=True):
                word = word << len(column) | value
            words.append(word)
        m.submodules.rows = rows = memory.Memory(shape=sum(map(len, columns)), depth=len(words), init=words)
        read = rows.read_port(domain="comb")
        m.d.comb += read.addr.eq(self.coordinate)
        place = 0
        for column in columns:
            m.d.comb += column.eq(read.data[place : place + len(column)])
            place += len(column)
        return m
