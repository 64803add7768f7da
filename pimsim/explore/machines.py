"""Hardware files as points change them: every organisation is checked once, and all prices once, not every pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pimsim.errors import HardwareError
from pimsim.explore.axis import HARDWARE, INPUT, MODEL
from pimsim.explore.job import Job
from pimsim.explore.keys import Keys, Split, Values
from pimsim.explore.point import Cell, Point
from pimsim.explore.recent import Recent
from pimsim.explore.tally import Tally
from pimsim.hardware import CostSettings, Hardware, apply, from_dict, prices_from_dict

MOST_ORGANISATIONS, MOST_PRICES = 1024, 4096
"""Remembered at most, some KB each."""


@dataclass(frozen=True, eq=False)
class Machine:
    """A hardware file of which clock and costs are those of ``clock_mhz`` and ``cost``, not those in ``hardware``."""

    hardware: Hardware
    clock_mhz: float
    cost: CostSettings


class Machines:
    """The machine of every point of a job."""

    def __init__(self, job: Job, split: Split, tally: Tally) -> None:
        self._job, self._split, self._tally = job, split, tally
        self._organisations: Recent[tuple[str, Values], Hardware | str] = Recent(MOST_ORGANISATIONS)
        self._prices: Recent[tuple[str, Values], tuple[float, CostSettings]] = Recent(MOST_PRICES)

    def machine(self, point: Point, keys: Keys) -> Machine:
        """As `from_dict` with the point's changes gives it; raises the HardwareError that it raises."""
        known = self._organisations.get(keys.machine)
        prices = self._priced(keys)
        if known is None or prices is None:
            known = self._loaded(point, keys, prices is not None)
            prices = prices or (known.clock_mhz, known.cost)
        if isinstance(known, str):
            raise HardwareError(known)
        return Machine(known, *prices)

    def stated(self, point: Point, keys: Keys) -> dict[str, object]:
        """What the point's hardware file says, unchecked; nothing where it cannot even be put together."""
        try:
            return apply(self._job.space.machines[keys.hardware], self._job.space.chosen(point).overrides)
        except HardwareError:
            return {}

    def _priced(self, keys: Keys) -> tuple[float, CostSettings] | None:
        """Clock and costs; None where they are wrong."""
        key = keys.hardware, keys.prices
        known = self._prices.get(key)
        if known is None:
            try:
                stated = self._job.space.machines[keys.hardware]
                known = prices_from_dict(stated, self._split.prices(keys.prices))
            except HardwareError:
                return None
            self._prices.put(key, known)
        return known

    def _loaded(self, point: Point, keys: Keys, priced: bool) -> Hardware:
        """The whole file; where clock and costs are right, what is wrong is wrong with all of them."""
        stated, origin = self._job.space.machines[keys.hardware], self._job.origins[keys.hardware]
        overrides = self._job.space.chosen(point).overrides
        try:
            with self._tally.timed("schedule_s"):
                found = from_dict(stated, origin=origin, overrides=overrides)
        except HardwareError as error:
            if priced:
                self._organisations.put(keys.machine, str(error))
            raise
        self._organisations.put(keys.machine, found)
        return found


def parameters(names: Iterable[str], point: Point, keys: Keys, of: Machine | Mapping[str, object]) -> dict[str, Cell]:
    """Values of axes and of dotted keys of a hardware file, without those that the point or its machine lacks.

    ``of`` is the machine, or what its file says where that is wrong.
    """
    values: dict[str, Cell] = {MODEL: keys.model, HARDWARE: keys.hardware, INPUT: keys.input, **dict(point.values)}
    found = {name: values[name] if name in values else _at(of, name.split(".")) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _at(of: Machine | Mapping[str, object], path: list[str]) -> Cell:
    """None where there is no such key, or a section."""
    value: object = of
    if isinstance(of, Machine):
        value = of if path[0] in ("clock_mhz", "cost") else of.hardware
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    if value is None and path[0] == "memories" and isinstance(of, Machine) and hasattr(of.hardware.memories, path[-1]):
        return "auto"
    return value if isinstance(value, bool | int | float | str) else None
