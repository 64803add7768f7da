"""One knob of a design space and the values that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pimsim.explore.point import Value

MODEL, HARDWARE, INPUT = "model", "hardware", "input"
"""Names of the axes that choose files; all others change the hardware file."""


@dataclass(frozen=True)
class Span:
    """All numbers from ``low`` to ``high``, both of them too; even in the logarithm with ``log``."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Axis:
    """A knob.

    name      as in results; by default the path that it sets
    paths     dotted keys of the hardware file that it may set; none of `MODEL`, `HARDWARE` and `INPUT`
    values    what it takes, in order; empty with a ``span``
    settings  per value, dotted path → what the hardware file then says there
    span      of an axis without steps, which a grid cannot walk; it sets all its ``paths`` to the number drawn
    when      (earlier axis, values of it) … : a point has this axis only where each of these has one of its values
    """

    name: str
    paths: tuple[str, ...]
    values: tuple[Value, ...] = ()
    settings: tuple[Mapping[str, object], ...] = ()
    span: Span | None = None
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
