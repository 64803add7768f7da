"""One run under many settings: what does not change between them is computed once.

Every product is formed in the order in which `pimsim.cost.evaluate` forms it, so each line has the same
integer of attojoules, not nearly the same.  numpy's doubles are Python's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import Activity
from pimsim.cost import static
from pimsim.cost.cost import ACCOUNTINGS, FULL, MACHINE, Cost, CostLine, EnergyAj
from pimsim.cost.evaluate import price
from pimsim.cost.prices import LEAK, PriceBook
from pimsim.cost.ranges import Range
from pimsim.cost.table import CostTable
from pimsim.cost.timing import fastest_mhz, timings
from pimsim.errors import CostError
from pimsim.hardware import CostSettings
from pimsim.units import AJ_PER_PJ, ns_from_cycles

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

LARGEST_AJ = 2**62
"""Above it a sum might not fit 64 bits: 4.6 J per inference."""
_ANY_MHZ = 1.0
"""Nothing that is remembered depends on the clock."""
_ROWS = {accounting: row for row, accounting in enumerate(ACCOUNTINGS)}


@dataclass(frozen=True, eq=False)
class Repriced:
    """A run under one choice of settings.

    lines_aj  (L, 3) attojoules per inference, low – nominal – high, of the lines of `Cost.lines` in their order
    sums_aj   (3, 3) the accountings of `ACCOUNTINGS`, likewise
    """

    lines_aj: Int64Array
    sums_aj: Int64Array
    delay_ns: float
    interval_ns: float
    area_um2: Range

    def energy(self, accounting: str) -> EnergyAj:
        """Energy of one inference under one of `ACCOUNTINGS`."""
        low, nominal, high = self.sums_aj[_ROWS[accounting]].tolist()
        return EnergyAj(low, nominal, high)

    def edp_uj_us(self, accounting: str) -> Range:
        """Energy × delay of one inference; 1 uJ·us = 1e9 pJ·ns."""
        return self.energy(accounting).pj.times(self.delay_ns * 1e-9)


@dataclass(frozen=True, eq=False)
class _Compiled:
    """What converter model and rules decide: energies without leakage, in the shapes of `Repriced`.

    ``leaks`` rows that leakage fills in; ``fastest_mhz`` the highest clock that the machine can be built for.
    """

    lines: Int64Array
    sums: Int64Array
    leaks: npt.NDArray[np.intp]
    area_um2: Range
    fastest_mhz: float


class Repricer:
    """An activity compiled against one cost table, to be priced under many settings and clocks.

    Holds, per converter model and rules, the energies of all actions, and per device flavour the leakage of all
    that is built at 300 K.  Raises CostError as `evaluate` does, and for a run above `LARGEST_AJ`.
    """

    def __init__(self, activity: Activity, table: CostTable) -> None:
        self.activity = activity
        self.table = table
        self._compiled: dict[tuple[str, ...], _Compiled] = {}
        self._leaking: dict[tuple[str, str], Float64Array] = {}
        self._factors: dict[tuple[str, float], Float64Array] = {}
        self._built = np.array([[float(item.instances)] for item in activity.storage]).reshape(-1, 1)

    def reprice(self, settings: CostSettings, *, clock_mhz: float) -> Repriced:
        """Energies, delay and area as `evaluate` gives them."""
        compiled = self._actions(settings)
        if clock_mhz > compiled.fastest_mhz:
            timings(
                self.activity.deadlines, PriceBook(self.table, settings), clock_mhz=clock_mhz
            )  # says which, and raises
        leaks = self._leakage_aj(settings, clock_mhz)
        lines = compiled.lines.copy()
        lines[compiled.leaks] = leaks
        sums = compiled.sums.copy()
        sums[_ROWS[FULL]] += leaks.sum(axis=0)
        return Repriced(
            lines_aj=lines,
            sums_aj=sums,
            delay_ns=ns_from_cycles(self.activity.latency_cycles, clock_mhz),
            interval_ns=ns_from_cycles(self.activity.interval_cycles, clock_mhz),
            area_um2=compiled.area_um2,
        )

    def cost(self, settings: CostSettings, *, clock_mhz: float) -> Cost:
        """The whole `Cost`, with the source of every line: for the few settings one wants to look at."""
        return price(self.activity, PriceBook(self.table, settings), clock_mhz=clock_mhz)

    def _actions(self, settings: CostSettings) -> _Compiled:
        """Lines and accountings without leakage, which alone depends on device, temperature and clock."""
        chosen = (settings.adc_model, *settings.rules)
        found = self._compiled.get(chosen)
        if found is None:
            found = self._compiled[chosen] = self._compile(settings)
        return found

    def _compile(self, settings: CostSettings) -> _Compiled:
        book = PriceBook(self.table, settings)
        cost = price(replace(self.activity, deadlines=()), book, clock_mhz=_ANY_MHZ)
        energies = [(0, 0, 0) if _leaks(line) else line.energy for line in cost.lines]
        lines = _checked(np.array(energies, dtype=object).reshape(-1, 3))
        rows = [[line.category in ACCOUNTINGS[name] for line in cost.lines] for name in ACCOUNTINGS]
        return _Compiled(
            lines=lines,
            sums=np.array(rows, np.int64).reshape(len(ACCOUNTINGS), -1) @ lines,
            # every component leaks once, in the order of the activity's storage
            leaks=np.array([row for row, line in enumerate(cost.lines) if _leaks(line)], np.intp),
            area_um2=cost.area_um2,
            fastest_mhz=fastest_mhz(self.activity.deadlines, book),
        )

    def _leakage_aj(self, settings: CostSettings, clock_mhz: float) -> Int64Array:
        """count × (power × factor × instances × cycle × 1e-3) / samples, as in `evaluate`."""
        key = settings.device, settings.node_scaling
        base = self._leaking.get(key)
        if base is None:
            base = self._leaking[key] = self._leakage_uw(settings)
        power = base * self._factor(settings) * self._built
        per_cycle_pj = power * ns_from_cycles(1, clock_mhz) * 1e-3
        energy = np.rint(float(self.activity.total_cycles) * per_cycle_pj / self.activity.samples * AJ_PER_PJ)
        if not energy.sum() < LARGEST_AJ:
            raise CostError(_TOO_LARGE)
        leaks: Int64Array = energy.astype(np.int64)
        return leaks

    def _leakage_uw(self, settings: CostSettings) -> Float64Array:
        """(storage, 3) of one instance at 300 K."""
        table = self.table.under(settings)
        chosen = static.flavour(table, settings.device)
        return np.array([static.leakage_uw(table, chosen, item) for item in self.activity.storage]).reshape(-1, 3)

    def _factor(self, settings: CostSettings) -> Float64Array:
        key = settings.device, settings.temperature_k
        found = self._factors.get(key)
        if found is None:
            chosen = static.flavour(self.table, settings.device)
            found = self._factors[key] = np.array(static.temperature_factor(chosen, settings.temperature_k))
        return found


_TOO_LARGE = f"a run above {LARGEST_AJ * 1e-18:.1f} J per inference cannot be re-priced; use evaluate"


def _leaks(line: CostLine) -> bool:
    """Neurons leak too, but that is arithmetic."""
    return line.layer == MACHINE and line.action == LEAK


def _checked(lines: npt.NDArray[np.object_]) -> Int64Array:
    if lines.sum() >= LARGEST_AJ:
        raise CostError(_TOO_LARGE)
    return lines.astype(np.int64)
