"""Counts → energy, delay and area, from tables in which every number has a source.  docs/costs.md."""

from pimsim.cost.cost import (
    ACCOUNTINGS,
    COMPUTE_ONLY,
    FULL,
    MACHINE,
    PARTS,
    WITH_MEMORY,
    Cost,
    CostLine,
    EnergyAj,
    edp_uj_us,
    power_mw,
)
from pimsim.cost.evaluate import evaluate, price
from pimsim.cost.load import load_table
from pimsim.cost.prices import CATEGORIES, PriceBook, PriceBooks
from pimsim.cost.ranges import Range
from pimsim.cost.repricing import Repriced, Repricer, TooLargeError
from pimsim.cost.table import CostTable
from pimsim.cost.timing import timings

__all__ = [
    "ACCOUNTINGS",
    "CATEGORIES",
    "COMPUTE_ONLY",
    "FULL",
    "MACHINE",
    "PARTS",
    "WITH_MEMORY",
    "Cost",
    "CostLine",
    "CostTable",
    "EnergyAj",
    "PriceBook",
    "PriceBooks",
    "Range",
    "Repriced",
    "Repricer",
    "TooLargeError",
    "edp_uj_us",
    "evaluate",
    "load_table",
    "power_mw",
    "price",
    "timings",
]
