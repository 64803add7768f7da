"""Names for values inside a unit."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def wire(m: Module, name: str, value: Value) -> Signal:
    """``value`` under a name; what is used more than once is so built, and simulated, once."""
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal
