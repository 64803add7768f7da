"""Numbers of mixed radix: nested loops whose indices are counted on together, by any constant."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value

from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.wires import wire

Digits = tuple[Value, ...]


def digits_of_number(number: int, radices: Sequence[int]) -> tuple[int, ...]:
    """``number`` as digits, the lowest first, modulo what they can hold.

    >>> digits_of_number(23, (4, 3, 5))
    (3, 2, 1)
    """
    found = []
    for radix in radices:
        number, digit = divmod(number, radix)
        found.append(digit)
    return tuple(found)


def digit_signals(name: str, radices: Sequence[int], number: int = 0) -> tuple[Signal, ...]:
    """A register per digit, the lowest first, that holds ``number`` after reset."""
    init = digits_of_number(number, radices)
    return tuple(
        Signal(index_bits(radix), name=f"{name}_{place}", init=digit)
        for place, (radix, digit) in enumerate(zip(radices, init, strict=True))
    )


def advanced(m: Module, digits: Sequence[Value], radices: Sequence[int], by: int) -> Digits:
    """``digits`` counted on by ``by``; behind the highest number follows 0.  A ripple of one small adder per digit."""
    found: list[Value] = []
    carry: Value = Const(0)
    for digit, radix, step in zip(digits, radices, digits_of_number(by, radices), strict=True):
        if radix == 1:
            found.append(Const(0))
            continue
        total = wire(m, "total", digit + step + carry)
        carry = wire(m, "carry", total >= radix)
        found.append(Mux(carry, total - radix, total)[: index_bits(radix)])
    return tuple(found)


def counts(m: Module, digits: Sequence[Value], values: Sequence[Value]) -> None:
    """At the end of the cycle ``digits`` become ``values``."""
    m.d.sync += [digit.eq(value) for digit, value in zip(digits, values, strict=True)]
