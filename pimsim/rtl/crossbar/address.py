"""Where the loader of a crossbar finds the values of its rows, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from math import prod

from amaranth.hdl import Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.odometer import Digits, advanced, counts, digit_signals, digits_of_number
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire


class ValueAddress(wiring.Component):
    """Address of every value that reader number ``reader`` of the loader's fetches, one after the other.

    The values of a group of windows follow each other window by window, row by row (kernel depth, height, width,
    input channel), and within a row member by member of its pool (depth, height, width).  Value e of the group is
    fetched by reader e modulo ``readers``.

    ``step``     in this cycle the value is fetched: the next one is ``readers`` further on
    ``window``   number of the group's first window, as digits width, height, depth; taken in cycles without ``step``
    ``round``    whose rows are loaded, taken likewise
    ``inside``   the value lies in the map, at ``address`` (depth, height, width, channel); else in the padding
    """

    def __init__(self, design: PimDesign, reader: int) -> None:
        self.design, self.reader = design, reader
        window = design.window
        self.sizes = window.out_size[::-1]
        pool, kernel = window.pool[::-1], window.kernel[::-1]
        self.radices = (*pool, window.in_shape[0], *kernel, *self.sizes)
        self.members = prod(pool) * window.fan_in
        ports = {f"window_{axis}": In(index_bits(size)) for axis, size in enumerate(self.sizes)}
        super().__init__(
            {
                "step": In(1),
                "round": In(index_bits(len(design.rounds))),
                **ports,
                "inside": Out(1),
                "address": Out(index_bits(design.map_values)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        start = design.rounds[0].first_row * design.pool + self.reader
        digits = digit_signals("digit", self.radices, start)
        split = len(self.radices) - len(self.sizes)
        if len(design.rounds) == 1:
            following = advanced(m, digits, self.radices, design.readers)
        else:  # one window at a time, whose rows may begin anywhere and go on around the end
            within = advanced(m, digits[:split], self.radices[:split], design.readers)
            following = (*within, *digits[split:])
        with m.If(self.step):
            counts(m, digits, following)
        with m.Else():
            counts(m, digits, self._start(m))
        self._locate(m, digits)
        return m

    def _start(self, m: Module) -> Digits:
        """The reader's first value: its place in a window is the same in every group of a round."""
        design = self.design
        ahead, _ = divmod(self.reader, self.members)
        firsts = [one.first_row * design.pool + self.reader for one in design.rounds]
        places = [digits_of_number(first, self.radices[: -len(self.sizes)]) for first in firsts]
        within = [lookup(place, self.round) for place in zip(*places, strict=True)]
        window = [getattr(self, f"window_{axis}") for axis in range(len(self.sizes))]
        return (*within, *advanced(m, window, self.sizes, ahead))

    def _locate(self, m: Module, digits: Digits) -> None:
        """Coordinates of the value, and whether they lie in the map that the pool covers."""
        window = self.design.window
        pool, channel, kernel, output = digits[:3], digits[3], digits[4:7], digits[7:]
        channels, *extent = window.viewed_shape
        address: Value = channel
        inside: list[Value] = []
        pitch = channels
        for place, axis in enumerate((2, 1, 0)):
            corner = output[place] * window.stride[axis] + kernel[place] - window.padding[axis]
            row = wire(m, f"row_{axis}", corner)
            inside += [row >= 0, row < window.in_shape[1 + axis]]
            address = address + (row * window.pool[axis] + pool[place]) * pitch
            pitch *= extent[axis]
        within = Const(1)
        for condition in inside:
            within = within & condition
        m.d.comb += [self.inside.eq(within), self.address.eq(Mux(self.inside, address, 0))]
