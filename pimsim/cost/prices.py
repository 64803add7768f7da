"""What one action costs under chosen settings: a table with its choices made, and remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from pimsim.activity.actions import CATALOGUE, COMPUTE
from pimsim.activity.activity import ActionCount, Deadline, Storage
from pimsim.cost import static
from pimsim.cost.ranges import Range
from pimsim.cost.table import CostTable
from pimsim.errors import CostError
from pimsim.hardware import CostSettings

COMPUTE_ENERGY, MEMORY_ENERGY, STATIC_ENERGY = "compute", "memory", "static"
CATEGORIES = (COMPUTE_ENERGY, MEMORY_ENERGY, STATIC_ENERGY)
LEAK, CLOCK = "leak", "clock"
MOST_PRICES = 4096
"""Of a kind that a book remembers, some MB; a run has about a hundred."""
MOST_BOOKS = 32
"""Of one table."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class UnitPrice:
    """Energy of one action in pJ, with where it is counted and where it comes from."""

    energy_pj: Range
    category: str
    kind: str
    source: str


class PriceBook:
    """Prices of one table under one file's choices; each is looked up once, and memory stays bounded.

    Raises CostError where the table does not know the converter model, the device flavour or a rule.
    """

    def __init__(self, table: CostTable, settings: CostSettings) -> None:
        table = table.under(settings)
        table.adc_entry(settings.adc_model)
        static.flavour(table, settings.device)
        self.table = table
        self.settings = settings
        self._actions: dict[tuple[str, str, int, int, int, int], UnitPrice] = {}
        self._storage: dict[Storage, static.Standing] = {}
        self._leakage: dict[tuple[str, int, int, int], Range] = {}
        self._delays: dict[tuple[str, str, int, int, int], Range | None] = {}

    def action(self, item: ActionCount) -> UnitPrice:
        """Price of one action; raises CostError for one that the catalogue or the table does not know."""
        key = (item.component, item.action, item.bits, item.second_bits, item.capacity_bits, item.ports)
        found = self._actions.get(key)
        if found is None:
            found = room(self._actions, MOST_PRICES)[key] = self._price(*key)
        return found

    def storage(self, item: Storage) -> static.Standing:
        """Leakage, clock and area of what is built."""
        found = self._storage.get(item)
        if found is None:
            found = room(self._storage, MOST_PRICES)[item] = static.standing(self.table, self.settings, item)
        return found

    def leakage_uw(self, item: Storage) -> Range:
        """Leakage of one instance at 300 K."""
        key = (item.component, item.capacity_bits, item.width_bits, item.ports)
        found = self._leakage.get(key)
        if found is None:
            chosen = static.flavour(self.table, self.settings.device)
            found = room(self._leakage, MOST_PRICES)[key] = static.leakage_uw(self.table, chosen, item)
        return found

    def delay_ns(self, item: Deadline) -> Range | None:
        """Time of one operation; None where no source states it."""
        key = (item.component, item.action, item.bits, item.second_bits, item.capacity_bits)
        if key not in self._delays:
            name = self.table.time_entry(item.component, item.action, self.settings.adc_model)
            room(self._delays, MOST_PRICES)[key] = None if name is None else self.table.value(name, *key[2:])
        return self._delays[key]

    def _price(
        self, component: str, action: str, bits: int, second_bits: int, capacity_bits: int, ports: int
    ) -> UnitPrice:
        definition = CATALOGUE.get((component, action))
        if definition is None:
            raise CostError(f"the action {component}.{action} is not in the catalogue, so it has no price")
        adc_model = self.settings.adc_model
        return UnitPrice(
            energy_pj=self.table.price(component, action, bits, second_bits, capacity_bits, adc_model, ports),
            category=COMPUTE_ENERGY if definition.group == COMPUTE else MEMORY_ENERGY,
            kind=self.table.kind(component, action, adc_model, ports),
            source=self.table.source(component, action, adc_model, ports),
        )


class PriceBooks:
    """Books of one table, kept for the next run that makes the same choices; all are those at 300 K."""

    def __init__(self, table: CostTable) -> None:
        self.table = table
        self._books: dict[tuple[str, ...], PriceBook] = {}

    def under(self, settings: CostSettings) -> PriceBook:
        """The book of all choices but the temperature.  Raises CostError as `PriceBook` does."""
        key = settings.adc_model, settings.device, *settings.rules
        found = self._books.get(key)
        if found is None:
            plain = replace(settings, temperature_k=static.REFERENCE_K)
            found = room(self._books, MOST_BOOKS)[key] = PriceBook(self.table, plain)
        return found


def room(known: dict[_Key, _Value], most: int) -> dict[_Key, _Value]:
    """The same, emptied where it holds ``most``: memory stays bounded, and what is used is soon there again."""
    if len(known) >= most:
        known.clear()
    return known
