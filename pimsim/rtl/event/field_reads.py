"""Which words of the source map a gather core reads, docs/microarchitecture.md §4.8: counters, and a table per axis."""

from __future__ import annotations

from math import prod

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.model.architecture import LayerShape
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits


def fields_along(shape: LayerShape, axis: int) -> list[tuple[int, int]]:
    """First input of every output's field along an axis, 0 … 2, and their number, before the pool."""
    size, pool, kernel = shape.in_shape[1 + axis], shape.pool[axis], shape.kernel[axis]
    corners = [output * shape.stride[axis] - shape.padding[axis] for output in range(shape.out_size[axis])]
    ends = [(max(corner, 0), min(corner + kernel, size)) for corner in corners]
    return [(first * pool, (stop - first) * pool) for first, stop in ends]


class FieldAxis(wiring.Component):
    """One axis of the box that is read: an output of the layer, and a row of its field.

    ``pitch`` bits lie from one coordinate of the map to the next.  ``at`` is where the row begins, in bits from
    coordinate 0; ``span`` the bits of all rows of the field, less 1; ``whole`` whether they are all rows of the map.
    In a cycle at most one of these is given: ``step`` to the next row, ``again`` to the first row of the same output,
    ``advance`` to that of the next one, behind the last one that of the first.
    """

    def __init__(self, shape: LayerShape, axis: int) -> None:
        self.pitch = prod(shape.viewed_shape[2 + axis :]) * shape.viewed_shape[0]
        self.fields = fields_along(shape, axis)
        self.rows = shape.viewed_shape[1 + axis]
        bits = index_bits(self.rows * self.pitch)
        super().__init__(
            {
                "step": In(1),
                "again": In(1),
                "advance": In(1),
                "at": Out(bits),
                "span": Out(bits),
                "whole": Out(1),
                "final_row": Out(1),
                "final_output": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        outputs = len(self.fields)
        output, following = Signal(range(outputs)), Signal(range(outputs))
        left = Signal(range(self.rows), init=self.fields[0][1] - 1)  # rows behind this one
        at = Signal(self.at.shape())  # the first field begins with the map
        extents = [extent for _, extent in self.fields]
        m.d.comb += [
            self.at.eq(at),
            self.span.eq(lookup([extent * self.pitch - 1 for extent in extents], output)),
            self.whole.eq(lookup([int(extent == self.rows) for extent in extents], output)),
            self.final_row.eq(left == 0),
            self.final_output.eq(output == outputs - 1),
            following.eq(Mux(self.advance, Mux(self.final_output, 0, output + 1), output)),
        ]
        with m.If(self.step):
            m.d.sync += [at.eq(at + self.pitch), left.eq(left - 1)]
        with m.If(self.again | self.advance):
            m.d.sync += [
                output.eq(following),
                at.eq(lookup([first * self.pitch for first, _ in self.fields], following)),
                left.eq(lookup([extent - 1 for extent in extents], following)),
            ]
        return m


class FieldStretches(wiring.Component):
    """The stretches of consecutive bits that the fields of all output positions consist of, one after the other.

    ``start`` is the first bit of one, ``stop`` its last; ``closes`` says that it is the last of its position, ``final``
    that this is the last position.  Rows of a field that follow each other without a gap are one stretch: those along
    the height where the field has the whole width, and those along the depth where it has the whole height as well.
    ``take`` goes on to the next one, behind the final one to the first: reads are the same in every step.
    """

    def __init__(self, shape: LayerShape) -> None:
        self.shape = shape
        bits = index_bits(prod(shape.source_shape))
        super().__init__(
            {"take": In(1), "start": Out(bits), "stop": Out(bits), "closes": Out(1), "final": Out(1)},
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        axes = [FieldAxis(self.shape, axis) for axis in range(3)]
        m.submodules.depth, m.submodules.height, m.submodules.width = depth, height, width = axes
        plane = width.whole & height.whole
        m.d.comb += [
            self.start.eq(depth.at + height.at + width.at),
            self.stop.eq(self.start + Mux(plane, depth.span, Mux(width.whole, height.span, width.span))),
        ]
        last_line, last_plane = width.whole | height.final_row, plane | depth.final_row
        m.d.comb += [
            self.closes.eq(last_line & last_plane),
            self.final.eq(self.closes & depth.final_output & height.final_output & width.final_output),
        ]
        moves, next_line = self.take & self.closes, width.final_output
        m.d.comb += [
            height.step.eq(self.take & ~last_line),
            depth.step.eq(self.take & last_line & ~last_plane),
            width.advance.eq(moves),
            height.advance.eq(moves & next_line),
            height.again.eq(self.take & last_line & ~height.advance),
            depth.advance.eq(moves & next_line & height.final_output),
            depth.again.eq(moves & ~depth.advance),
        ]
        return m


class FieldReads(wiring.Component):
    """The reads of one step after the other, docs/microarchitecture.md §4.8 *Reads*: one per cycle if need be.

    Bits ``low`` … ``high`` of word ``word`` of the map belong to the stretch that is read; ``closes`` marks the last
    read of an output position, ``final`` the last of the step.  ``take`` goes on to the next read, behind the final one
    to the first of the next step.
    """

    def __init__(self, shape: LayerShape, scan_width: int) -> None:
        self.shape, self.scan_width = shape, scan_width
        assert scan_width & (scan_width - 1) == 0, "words are cut out of a bit's number"
        words = -(-prod(shape.source_shape) // scan_width)
        super().__init__(
            {
                "take": In(1),
                "word": Out(index_bits(words)),
                "low": Out(range(scan_width)),
                "high": Out(range(scan_width)),
                "closes": Out(1),
                "final": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.stretches = stretches = FieldStretches(self.shape)
        place = (self.scan_width - 1).bit_length()
        begun, behind = Signal(), Signal(self.word.shape())  # the next word, where the stretch is begun
        ends = Signal()
        m.d.comb += [
            self.word.eq(Mux(begun, behind, stretches.start >> place)),
            ends.eq(self.word == stretches.stop >> place),
            self.low.eq(Mux(begun, 0, stretches.start[:place])),
            self.high.eq(Mux(ends, stretches.stop[:place], self.scan_width - 1)),
            self.closes.eq(ends & stretches.closes),
            self.final.eq(ends & stretches.final),
            stretches.take.eq(self.take & ends),
        ]
        with m.If(self.take):
            m.d.sync += [begun.eq(~ends), behind.eq(self.word + 1)]
        return m
