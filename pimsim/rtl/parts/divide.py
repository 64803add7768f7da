"""Division by a constant: a multiplication and a shift, exact over the range that occurs."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import index_bits


def reciprocal(divisor: int, limit: int) -> tuple[int, int]:
    """Multiplier M and shift s, the smallest s, with ⌊n / divisor⌋ = (n·M) >> s for n = 0 … limit − 1.

    With M = ⌈2^s / divisor⌉ and the excess e = M·divisor − 2^s, n·M / 2^s is n / divisor + n·e / (divisor·2^s), which
    stays below the next whole number where n·e < 2^s (Granlund and Montgomery, PLDI 1994, Theorem 4.2).

    >>> reciprocal(8, 100), reciprocal(3, 100)
    ((1, 3), (43, 7))
    """
    shift = 0
    while True:
        multiplier = -(-(1 << shift) // divisor)
        if max(limit - 1, 0) * (multiplier * divisor - (1 << shift)) < 1 << shift:
            return multiplier, shift
        shift += 1


class Divide(wiring.Component):
    """``quotient`` and ``remainder`` of ``number`` (0 … ``limit`` − 1) by ``divisor``, in the same cycle.

    A power of two costs nothing: its digits are wires.
    """

    def __init__(self, divisor: int, limit: int) -> None:
        self._divisor, self._limit = divisor, limit
        super().__init__(
            {
                "number": In(index_bits(limit)),
                "quotient": Out(index_bits(-(-limit // divisor))),
                "remainder": Out(index_bits(divisor)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        multiplier, shift = reciprocal(self._divisor, self._limit)
        m.d.comb += [
            self.quotient.eq((self.number * multiplier) >> shift),
            self.remainder.eq(self.number - self.quotient * self._divisor),
        ]
        return m
