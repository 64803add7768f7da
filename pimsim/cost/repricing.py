"""One run under many settings: what does not change between them is computed once.

Every product is formed in the order in which `pimsim.cost.evaluate` forms it, so each line has the same
integer of attojoules, not nearly the same.  numpy's doubles are Python's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import Activity
from pimsim.cost import static
from pimsim.cost.cost import (
    ACCOUNTINGS,
    ADC,
    CLOCKING,
    COMPUTE,
    FULL,
    LEAKAGE,
    MEMORY,
    Cost,
    EnergyAj,
    add,
    edp_uj_us,
    power_mw,
)
from pimsim.cost.evaluate import check_activity, price
from pimsim.cost.prices import COMPUTE_ENERGY, MEMORY_ENERGY, STATIC_ENERGY, PriceBook, PriceBooks, room
from pimsim.cost.ranges import Range, total
from pimsim.cost.table import CostTable
from pimsim.cost.timing import fastest_mhz, timings
from pimsim.errors import CostError
from pimsim.hardware import CostSettings
from pimsim.units import AJ_PER_PJ, ns_from_cycles, per_second

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

LARGEST_AJ = 2**62
"""Above it a sum might not fit 64 bits: 4.6 J per inference."""
MOST_KEPT = 64
"""Converter models with rules, devices, and temperatures that a `Repricer` remembers at most, each."""


class TooLargeError(CostError):
    """A run above `LARGEST_AJ`, which `evaluate` prices and a `Repricer` does not."""


@dataclass(frozen=True, eq=False)
class Repriced:
    """A run under one choice of settings; ``energies`` of one inference by accounting, ``parts`` by `PARTS`."""

    energies: Mapping[str, EnergyAj]
    parts: Mapping[str, EnergyAj]
    delay_ns: float
    interval_ns: float
    area_um2: Range
    _compiled: _Compiled
    _leaks: Int64Array

    @cached_property
    def lines_aj(self) -> Int64Array:
        """(L, 3) attojoules per inference, low – nominal – high, of the lines of `Cost.lines` in their order."""
        lines = self._compiled.lines.copy()
        lines[self._compiled.leaks] = self._leaks
        return lines

    def energy(self, accounting: str) -> EnergyAj:
        """Energy of one inference under one of `ACCOUNTINGS`."""
        return self.energies[accounting]

    def part(self, name: str) -> EnergyAj:
        """Energy of one inference in one of `PARTS`."""
        return self.parts[name]

    def edp_uj_us(self, accounting: str) -> Range:
        """Energy × delay of one inference."""
        return edp_uj_us(self.energy(accounting).pj, self.delay_ns)

    def power_mw(self, accounting: str) -> Range:
        """Mean power in steady state: energy of an inference over the distance between two results."""
        return power_mw(self.energy(accounting).pj, self.interval_ns)

    @property
    def inferences_per_second(self) -> float:
        return per_second(self.interval_ns)


@dataclass(frozen=True, eq=False)
class _Compiled:
    """What converter model and rules decide: energies without leakage, in the shapes of `Repriced`.

    ``leaks`` rows that leakage fills in; ``fastest_mhz`` the highest clock that the machine can be built for.
    """

    lines: Int64Array
    energies: dict[str, EnergyAj]
    parts: dict[str, EnergyAj]
    leaks: npt.NDArray[np.intp]
    area_um2: Range
    fastest_mhz: float


class Repricer:
    """An activity compiled against one cost table, to be priced under many settings and clocks.

    Holds, per converter model and rules, the energies of all actions, and per device flavour the leakage of all
    that is built at 300 K.  With ``books``, runs on one table share the prices that they look up.
    Raises CostError as `evaluate` does, and TooLargeError for a run above `LARGEST_AJ`.
    """

    def __init__(self, activity: Activity, table: CostTable, books: PriceBooks | None = None) -> None:
        self.activity = activity
        self.table = table
        self._books = books or PriceBooks(table)
        self._compiled: dict[tuple[str, ...], _Compiled] = {}
        self._leaking: dict[tuple[str, ...], Float64Array] = {}
        self._factors: dict[tuple[str, float], Float64Array] = {}
        self._built = np.array([[float(item.instances)] for item in activity.storage]).reshape(-1, 1)

    def reprice(self, settings: CostSettings, *, clock_mhz: float) -> Repriced:
        """Energies, delay and area as `evaluate` gives them."""
        compiled = self._actions(settings)
        if clock_mhz > compiled.fastest_mhz:
            book = PriceBook(self.table, settings)
            timings(self.activity.deadlines, book, clock_mhz=clock_mhz)  # says which, and raises
        leaks = self._leakage_aj(settings, clock_mhz)
        leakage = EnergyAj(*leaks.sum(axis=0).tolist())
        return Repriced(
            energies=compiled.energies | {FULL: add((compiled.energies[FULL], leakage))},
            parts=compiled.parts | {LEAKAGE: leakage},
            delay_ns=ns_from_cycles(self.activity.latency_cycles, clock_mhz),
            interval_ns=ns_from_cycles(self.activity.interval_cycles, clock_mhz),
            area_um2=compiled.area_um2,
            _compiled=compiled,
            _leaks=leaks,
        )

    def cost(self, settings: CostSettings, *, clock_mhz: float) -> Cost:
        """The whole `Cost`, with the source of every line: for the few settings one wants to look at."""
        return price(self.activity, PriceBook(self.table, settings), clock_mhz=clock_mhz)

    def _actions(self, settings: CostSettings) -> _Compiled:
        """Lines and accountings without leakage, which alone depends on device, temperature and clock."""
        chosen = settings.adc_model, *settings.rules
        found = self._compiled.get(chosen)
        if found is None:
            found = _compile(self.activity, self._books.under(settings))
            room(self._compiled, MOST_KEPT)[chosen] = found
        return found

    def _leakage_aj(self, settings: CostSettings, clock_mhz: float) -> Int64Array:
        """count × (power × factor × instances × cycle × 1e-3) / samples, as in `evaluate`."""
        key = settings.device, *settings.rules
        base = self._leaking.get(key)
        if base is None:
            book = self._books.under(settings)
            base = np.array([book.leakage_uw(item) for item in self.activity.storage]).reshape(-1, 3)
            room(self._leaking, MOST_KEPT)[key] = base
        power = base * self._factor(settings) * self._built
        per_cycle_pj = power * ns_from_cycles(1, clock_mhz) * 1e-3
        energy = np.rint(float(self.activity.total_cycles) * per_cycle_pj / self.activity.samples * AJ_PER_PJ)
        return _integers(energy)

    def _factor(self, settings: CostSettings) -> Float64Array:
        key = settings.device, settings.temperature_k
        found = self._factors.get(key)
        if found is None:
            chosen = static.flavour(self.table, settings.device)
            found = np.array(static.temperature_factor(chosen, settings.temperature_k))
            room(self._factors, MOST_KEPT)[key] = found
        return found


def _compile(activity: Activity, book: PriceBook) -> _Compiled:
    """All lines in the order of `Cost.lines`: actions, then of every component leakage and clock."""
    check_activity(activity)
    units = [(item, book.action(item)) for layer in activity.layers for item in layer.actions]
    actions = [(item.count, unit.energy_pj) for item, unit in units]
    kinds = [_part(item.component, item.action, unit.category) for item, unit in units]
    standing = list(_standing(activity, book))
    lines = _energies_aj([*actions, *((cycles, pj) for _, cycles, pj in standing)], activity.samples)
    kinds += [kind for kind, _, _ in standing]
    parts = {name: _part_sum(lines, kinds, name) for name in (COMPUTE, ADC, MEMORY, CLOCKING)}
    parts[COMPUTE] = add((parts[COMPUTE], parts[ADC]))
    counted = {COMPUTE_ENERGY: parts[COMPUTE], MEMORY_ENERGY: parts[MEMORY], STATIC_ENERGY: parts[CLOCKING]}
    return _Compiled(
        lines=lines,
        energies={name: add(counted[item] for item in categories) for name, categories in ACCOUNTINGS.items()},
        parts=parts,
        leaks=np.array([row for row, kind in enumerate(kinds) if kind == LEAKAGE], np.intp),
        area_um2=total(book.storage(item).area_um2 for item in activity.storage),
        fastest_mhz=fastest_mhz(activity.deadlines, book),
    )


def _part(component: str, action: str, category: str) -> str:
    if (component, action) == ("adc", "convert"):
        return ADC
    return COMPUTE if category == COMPUTE_ENERGY else MEMORY


def _standing(activity: Activity, book: PriceBook) -> Iterator[tuple[str, int, Range]]:
    """Part, cycles, pJ per cycle; leakage, filled in later, as nothing."""
    for item, clocked in zip(activity.storage, activity.clocked_cycles, strict=True):
        yield LEAKAGE, 0, Range(0.0, 0.0, 0.0)
        clock_pj = book.storage(item).clock_pj
        if clock_pj is not None:
            yield CLOCKING, clocked, clock_pj


def _energies_aj(priced: list[tuple[int, Range]], samples: int) -> Int64Array:
    """`pimsim.cost.evaluate.energy_aj` of many lines (L, 3)."""
    counts = np.array([float(count) for count, _ in priced]).reshape(-1, 1)
    units = np.array([unit for _, unit in priced]).reshape(-1, 3)
    return _integers(np.rint(counts * units / samples * AJ_PER_PJ))


def _part_sum(lines: Int64Array, kinds: list[str], name: str) -> EnergyAj:
    rows = [row for row, kind in enumerate(kinds) if kind == name]
    return EnergyAj(*lines[rows].sum(axis=0).tolist())


def _integers(energies: Float64Array) -> Int64Array:
    if not energies.sum() < LARGEST_AJ:
        raise TooLargeError(f"a run above {LARGEST_AJ * 1e-18:.1f} J per inference cannot be re-priced; use evaluate")
    whole: Int64Array = energies.astype(np.int64)
    return whole
