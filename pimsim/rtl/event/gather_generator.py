"""The address generator of the gather dataflow: which weights an event brings to the output position at hand."""

from __future__ import annotations

from math import prod

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.model.architecture import LayerShape
from pimsim.rtl.event.address_generator import GENERATOR_ACTIVITY
from pimsim.rtl.event.field_scanner import entry_layout
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.divide import Divide
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import index_bits


def slot_layout(design: EventDesign) -> data.StructLayout:
    """A slot on its way down the lanes.

    A ``beat`` adds to word ``word`` of set ``set``; a void slot, or none, adds nothing.  ``closes``: there is one, and
    no slot of the position follows.
    """
    return data.StructLayout({"beat": 1, "closes": 1, "set": 1, "word": index_bits(design.sweep.beats)})


class TapAxis(wiring.Component):
    """Kernel tap t = i' + a − o·s along one axis, in weight words: ``offset`` = t · ``pitch``.

    ``coordinate`` i is one of the map before the pool, i' = ⌊i / p⌋; o is the output along the axis, which ``advance``
    moves on, from the last one, which ``final`` tells, to the first.  ``offset`` is meant modulo 2^``bits``.
    """

    def __init__(self, shape: LayerShape, axis: int, *, pitch: int, bits: int) -> None:
        self.size, self.pool, self.padding = shape.viewed_shape[1 + axis], shape.pool[axis], shape.padding[axis]
        self.outputs, self.stride, self.pitch = shape.out_size[axis], shape.stride[axis], pitch
        super().__init__(
            {"coordinate": In(index_bits(self.size)), "advance": In(1), "final": Out(1), "offset": Out(bits)}
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        output, origin = Signal(range(self.outputs)), Signal(self.offset.shape())  # origin is o·s·pitch
        taps = [(i // self.pool + self.padding) * self.pitch for i in range(self.size)]
        m.d.comb += [
            self.final.eq(output == self.outputs - 1),
            self.offset.eq(lookup(taps, self.coordinate) - origin),
        ]
        with m.If(self.advance):
            m.d.sync += [
                output.eq(Mux(self.final, 0, output + 1)),
                origin.eq(Mux(self.final, 0, origin + self.stride * self.pitch)),
            ]
        return m


class TapAddress(wiring.Component):
    """Weight word of an event's first beat, docs/microarchitecture.md §4.8, for output position after output position.

    ``word`` = (((t_d·kH + t_h)·kW + t_w)·C_in + c)·B of neuron ``event`` of the map, which lies in the position's
    field.  ``advance`` moves on to the next position, from the last one, which ``final`` tells, to the first.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design = design
        word, event = index_bits(design.weight_words), index_bits(design.map_neurons)
        super().__init__({"event": In(event), "advance": In(1), "final": Out(1), "word": Out(word)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        shape, beats, bits = self.design.shape, self.design.sweep.beats, len(self.word)
        pitches = [prod(shape.kernel[axis + 1 :]) * shape.in_shape[0] * beats for axis in range(3)]
        axes = [TapAxis(shape, axis, pitch=pitches[axis], bits=bits) for axis in range(3)]
        m.submodules.depth, m.submodules.height, m.submodules.width = depth, height, width = axes
        channel = self._coordinates(m, axes)
        m.d.comb += [
            self.word.eq(depth.offset + height.offset + width.offset + channel * beats),
            width.advance.eq(self.advance),
            height.advance.eq(self.advance & width.final),
            depth.advance.eq(self.advance & width.final & height.final),
            self.final.eq(width.final & height.final & depth.final),
        ]
        return m

    def _coordinates(self, m: Module, axes: list[TapAxis]) -> Value:
        """Takes the event's number apart into coordinates along the ``axes`` and its channel, which is returned."""
        channels, _, height, width = self.design.shape.viewed_shape
        number, limit = Value.cast(self.event), self.design.map_neurons
        remainders = []
        for name, size in (("place", channels), ("line", width), ("plane", height)):
            m.submodules[name] = divide = Divide(size, limit)
            m.d.comb += divide.number.eq(number)
            remainders.append(divide.remainder)
            number, limit = divide.quotient, limit // size
        channel, across, down = remainders
        for axis, coordinate in zip(axes, (number, down, across), strict=True):
            m.d.comb += axis.coordinate.eq(coordinate)
        return channel


class GatherGenerator(wiring.Component):
    """Issues the slots of one entry after the other: B beats of an event, one void slot of a void entry.

    Holds the entry it takes from the FIFO (``available``, ``head``, ``pop``) until its last slot is issued.  A slot is
    issued where its position's set is ``free`` (bit k: set k), or already the position's own, which it is from the
    issue of the position's first slot on (``claim``, bit k: set k).  ``weight`` is the weight word of a beat.
    Positions are counted by marks; o uses set o modulo 2, and so it does in the next step.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design = design
        super().__init__(
            {
                "available": In(1),
                "head": In(entry_layout(design.shape)),
                "pop": Out(1),
                "free": In(2),
                "claim": Out(2),
                "slot": Out(slot_layout(design)),
                "weight": Out(index_bits(design.weight_words)),
                "activity": Out(GENERATOR_ACTIVITY),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        holds, held = Signal(), Signal(entry_layout(self.design.shape))
        word, chosen, begun = Signal(index_bits(self.design.sweep.beats)), Signal(), Signal()
        issues, ends = Signal(), Signal()  # a slot; the last one of its entry
        m.submodules.address = address = TapAddress(self.design)
        m.d.comb += [
            address.event.eq(held.event),
            address.advance.eq(self.slot.closes),
            issues.eq(holds & (begun | self.free.bit_select(chosen, 1))),
            ends.eq(held.void | (word == self.design.sweep.beats - 1)),
            self.pop.eq(self.available & (~holds | (issues & ends))),
            self.claim.eq((issues & ~begun) << chosen),
            self.slot.beat.eq(issues & ~held.void),
            self.slot.closes.eq(issues & ends & held.last),
            self.slot.set.eq(chosen),
            self.slot.word.eq(word),
            self.weight.eq(address.word + word),
            self.activity.address_generator_busy.eq(issues),
            self.activity.address_generator_stall.eq(holds & ~issues),
            self.activity.address_generator_beat.eq(self.slot.beat),
        ]
        with m.If(issues):
            m.d.sync += [word.eq(Mux(ends, 0, word + 1)), begun.eq(~self.slot.closes), holds.eq(~ends)]
        with m.If(self.slot.closes):
            m.d.sync += chosen.eq(~chosen & ~address.final)
        with m.If(self.pop):
            m.d.sync += [holds.eq(1), held.eq(self.head)]
        return m
