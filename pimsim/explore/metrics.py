"""What is known of an evaluated point, and which of it an objective or constraint may name.  docs/exploration.md."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from pimsim.cost import ACCOUNTINGS, FULL
from pimsim.errors import ExplorationError
from pimsim.report.rows import ranged_columns

MINIMIZE, MAXIMIZE = "min", "max"
GOALS = (MINIMIZE, MAXIMIZE)
NOMINAL, LOW, HIGH = ENDS = ("nominal", "low", "high")
"""In the order of `ranged_columns`."""


@dataclass(frozen=True)
class Metric:
    """A quantity of a point.

    ``by_accounting`` it is counted three times, ``ranged`` it has a low and a high end; ``goal`` is what one wants of
    it.
    """

    name: str
    stem: str
    unit: str
    goal: str
    by_accounting: bool = False
    ranged: bool = False

    def columns(self, accounting: str = FULL) -> tuple[str, ...]:
        """Nominal, low and high column, or the only one."""
        stem = f"{accounting}_{self.stem}" if self.by_accounting else self.stem
        return ranged_columns(stem, self.unit) if self.ranged else ("_".join(filter(None, (stem, self.unit))),)


METRICS = (
    Metric("energy", "energy", "pj", MINIMIZE, by_accounting=True, ranged=True),
    Metric("edp", "edp", "uj_us", MINIMIZE, by_accounting=True, ranged=True),
    Metric("power", "power", "mw", MINIMIZE, by_accounting=True, ranged=True),
    Metric("delay", "delay", "ns", MINIMIZE),
    Metric("interval", "interval", "ns", MINIMIZE),
    Metric("throughput", "inferences_per", "s", MAXIMIZE),
    Metric("area", "area", "um2", MINIMIZE, ranged=True),
    Metric("accuracy", "overall_accuracy", "", MAXIMIZE),
    Metric("average_accuracy", "average_accuracy", "", MAXIMIZE),
    Metric("kappa", "kappa", "", MAXIMIZE),
    Metric("compute", "compute", "pj", MINIMIZE, ranged=True),
    Metric("adc", "adc", "pj", MINIMIZE, ranged=True),
    Metric("memory", "memory", "pj", MINIMIZE, ranged=True),
    Metric("leakage", "leakage", "pj", MINIMIZE, ranged=True),
    Metric("clock", "clock", "pj", MINIMIZE, ranged=True),
    Metric("latency", "latency", "cycles", MINIMIZE),
)
"""``compute``, ``memory``, ``leakage`` and ``clock`` add up to the full energy; ``adc`` is a part of ``compute``."""
BY_NAME = {metric.name: metric for metric in METRICS}


def metric_columns() -> dict[str, Metric]:
    """Every column of numbers that an evaluated point has, in their order, with its metric."""
    return {
        column: metric
        for metric in METRICS
        for accounting in (ACCOUNTINGS if metric.by_accounting else (FULL,))
        for column in metric.columns(accounting)
    }


DEFAULT_OBJECTIVES = ("energy", "delay")
"""Where neither a space nor a question names any."""


@dataclass(frozen=True)
class Objective:
    """A column that is to be as small or as large as can be; ``text`` is how it was asked for."""

    text: str
    column: str
    goal: str

    @property
    def sign(self) -> int:
        """1 where small is good, −1 where large is."""
        return 1 if self.goal == MINIMIZE else -1


def parse_objective(text: str) -> Objective:
    """``NAME[:ACCOUNTING][:END]``, or a column's name; in front of either ``min `` or ``max `` against its own goal.

    >>> parse_objective("energy"), parse_objective("area:high").column
    (Objective(text='energy', column='full_energy_pj', goal='min'), 'area_high_um2')
    >>> parse_objective("max accuracy").column, parse_objective("edp:compute_only:low").column
    ('overall_accuracy', 'compute_only_edp_low_uj_us')

    Raises ExplorationError.
    """
    goal, wanted = "", " ".join(text.split())
    if wanted.partition(" ")[0] in GOALS:
        goal, _, wanted = wanted.partition(" ")
    column, metric = _column(wanted, text)
    return Objective(" ".join(text.split()), column, goal or metric.goal)


def _column(wanted: str, text: str) -> tuple[str, Metric]:
    columns = metric_columns()
    if wanted in columns:
        return wanted, columns[wanted]
    name, *options = wanted.split(":")
    metric = BY_NAME.get(name)
    if metric is None:
        known = [*BY_NAME, *columns]
        close = get_close_matches(name, known, n=1)
        hint = (
            f'; did you mean "{close[0]}"?' if close else f" (known: {', '.join(BY_NAME)}, and the columns of results)"
        )
        raise ExplorationError(f'"{text}": no metric "{name}"{hint}')
    accounting, end = FULL, NOMINAL
    for option in options:
        if metric.by_accounting and option in ACCOUNTINGS:
            accounting = option
        elif metric.ranged and option in ENDS:
            end = option
        else:
            allowed = [*(ACCOUNTINGS if metric.by_accounting else ()), *(ENDS if metric.ranged else ())]
            says = f"one of {', '.join(allowed)}" if allowed else "nothing"
            raise ExplorationError(f'"{text}": behind "{name}" may stand {says}, not "{option}"')
    return metric.columns(accounting)[ENDS.index(end) if metric.ranged else 0], metric
