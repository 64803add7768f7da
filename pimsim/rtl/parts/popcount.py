"""How many bits of a word are set: a tree of adders, all of one level side by side in one word."""

from __future__ import annotations

from amaranth.hdl import Module, Value

from pimsim.rtl.parts.wires import wire


def ones(m: Module, value: Value) -> Value:
    """Number of bits that are 1."""
    width, total = 1, value
    while width < len(value):
        mask = _every_other(len(value), width)
        total = wire(m, "ones", ((total & mask) + ((total >> width) & mask))[: len(value) + width])
        width *= 2
    return total[: len(value).bit_length()]


def _every_other(bits: int, width: int) -> int:
    """Fields of ``width`` ones, each followed by one of as many zeros."""
    return sum((2**width - 1) << place for place in range(0, bits, 2 * width))
