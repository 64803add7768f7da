"""Ports between units: SRAM buffers, maps, and what a core reports of itself."""

from __future__ import annotations

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out, Signature

from pimsim.rtl.parts.design import PackDesign, SweepDesign


def index_bits(count: int) -> int:
    """Bits of an index into ``count`` things, at least 1.

    >>> index_bits(1), index_bits(8), index_bits(9)
    (1, 3, 4)
    """
    return max(1, (count - 1).bit_length())


class ReadPort(Signature):
    """A synchronous read, seen from the reader: data of an ``address`` given with ``enable`` follow one cycle later and
    are held until the next read."""

    def __init__(self, *, depth: int, shape: Shape | data.Layout) -> None:
        super().__init__({"enable": Out(1), "address": Out(index_bits(depth)), "data": In(shape)})


class MapWrite(Signature):
    """Full words of a map, seen from the packer: word k of ``data`` goes to ``address`` + k where ``enable`` has bit k.

    Several packed words may be complete in one cycle; the write port is that wide (docs/microarchitecture.md §4.7).
    """

    def __init__(self, packed: PackDesign) -> None:
        super().__init__(
            {
                "enable": Out(packed.at_once),
                "address": Out(index_bits(packed.words)),
                "data": Out(data.ArrayLayout(unsigned(packed.word_bits), packed.at_once)),
            }
        )


class Probe(Signature):
    """What a sweep writes back, for an observer: word number ``word`` in the cycle of its membrane write.

    ``membrane`` are the values m[t] on the accumulator's scale, before the zeros that the last step writes in their
    place; ``fired`` the spikes.  Of ``relu`` layers ``membrane`` is the sum.
    """

    def __init__(self, sweep: SweepDesign) -> None:
        super().__init__(
            {
                "valid": Out(1),
                "word": Out(index_bits(sweep.words)),
                "membrane": Out(data.ArrayLayout(Shape(sweep.neuron.accumulator_bits, True), sweep.lanes)),
                "fired": Out(sweep.lanes),
            }
        )


__all__ = ["In", "MapWrite", "Out", "Probe", "ReadPort", "index_bits"]
