"""Whether the clock leaves every operation the time that its source says it takes."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.activity.activity import Deadline
from pimsim.cost.prices import PriceBook
from pimsim.cost.ranges import Range, total
from pimsim.errors import CostError
from pimsim.units import BITS_PER_KIB, ns_from_cycles

FITS, TIGHT, UNKNOWN = "fits", "tight", "unknown"
TOLERANCE = 1e-9
"""Relative: 5 ns in two cycles of 2.5 ns fits, however the division rounds."""

_REMEDIES = {
    "lane": "fewer accumulator_bits",
    "mac": "more engines.mac.multiply_cycles",
    "neuron": "fewer accumulator_bits",
    "adc": "more engines.pim.adc_cycles, fewer engines.pim.adc_bits, another cost.adc_model",
    "row_driver": "more engines.pim.pulse_cycles, fewer engines.pim.rows",
    "shift_add": "fewer accumulator_bits",
}
_MEMORY_REMEDY = "smaller macros (memories.macro_kib)"


@dataclass(frozen=True)
class Timing:
    """One operation: the time it has, the time it takes (None where no source states one), and the verdict.

    `FITS` by the nominal time; `TIGHT` where only the low end of the sources fits; `UNKNOWN` without a source.
    """

    deadline: Deadline
    available_ns: float
    needed_ns: Range | None
    verdict: str
    source: str


def timings(deadlines: tuple[Deadline, ...], book: PriceBook, *, clock_mhz: float) -> tuple[Timing, ...]:
    """Every deadline of the machine against the table's times.

    Raises CostError for an operation that by no source is over in its cycles: the machine cannot be built so.
    """
    return tuple(_timing(deadline, book, clock_mhz) for deadline in deadlines)


def fastest_mhz(deadlines: tuple[Deadline, ...], book: PriceBook) -> float:
    """Highest clock at which no deadline raises; infinite without deadlines."""
    limits = [deadline.cycles * 1e3 / needed.low for deadline in deadlines if (needed := _needed(deadline, book))]
    return min(limits, default=float("inf")) * (1 + TOLERANCE)


def _timing(deadline: Deadline, book: PriceBook, clock_mhz: float) -> Timing:
    available, needed = ns_from_cycles(deadline.cycles, clock_mhz), _needed(deadline, book)
    if needed is None:
        return Timing(deadline, available, None, UNKNOWN, "")
    source = _source(deadline, book)
    if needed.low > available * (1 + TOLERANCE):
        raise CostError(_too_slow(deadline, needed.low, available, clock_mhz, source))
    verdict = FITS if needed.nominal <= available * (1 + TOLERANCE) else TIGHT
    return Timing(deadline, available, needed, verdict, source)


def _needed(deadline: Deadline, book: PriceBook) -> Range | None:
    """Time of an operation, of a pipeline the sum over its parts; None where no source states one of them."""
    if deadline.parts:
        parts = [_needed(part, book) for part in deadline.parts]
        known = [part for part in parts if part is not None]
        return total(known) if len(known) == len(parts) else None
    return book.delay_ns(deadline)


def _source(deadline: Deadline, book: PriceBook) -> str:
    if deadline.parts:
        return "; ".join(dict.fromkeys(_source(part, book) for part in deadline.parts))
    name = book.table.time_entry(deadline.component, deadline.action, book.settings.adc_model)
    return "" if name is None else book.table.entries[name].source


def _too_slow(deadline: Deadline, needed: float, available: float, clock_mhz: float, source: str) -> str:
    cycles = "1 cycle" if deadline.cycles == 1 else f"{deadline.cycles} cycles"
    has = f"has {available:.3g} ns, {cycles} at clock_mhz={clock_mhz:g}"
    if deadline.parts:
        key = f"engines.{deadline.component}.{deadline.action}"
        steps = ", ".join(f"{part.component}.{part.action}" for part in deadline.parts)
        return f"{key}: {steps} one after the other take {needed:.3g} ns but {has}; a larger {key} or a slower clock"
    size = f" of {deadline.bits} bits"
    if deadline.capacity_bits:
        size = f" of a macro of {deadline.capacity_bits / BITS_PER_KIB:g} KiB"
    remedy = _REMEDIES.get(deadline.component, _MEMORY_REMEDY)
    return (
        f"{deadline.component}.{deadline.action}{size} takes {needed:.3g} ns ({source}) but {has}; "
        f"{remedy} or a slower clock"
    )
