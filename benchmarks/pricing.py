"""How fast a recorded run is re-priced: `Repricer` against `evaluate`, on one core.

    python benchmarks/pricing.py [--seconds S]

The activity is the shipped network's on pim45nm.  Settings walk through all converter models, scaling rules of
multipliers, device flavours, eight temperatures and 21 clocks of every shipped cost table; each re-pricing gives the
attojoules of every line and all totals.  Compiling the activity against each table is counted in.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

from pimsim.activity.activity import Activity
from pimsim.cost import CostTable, Repricer, evaluate, load_table
from pimsim.hardware import CostSettings, load_hardware
from pimsim.mapping import map_model
from pimsim.model import load_network
from pimsim.resources import COST_TABLE, MODEL, TRACE, find, shipped
from pimsim.simulation import schedule
from pimsim.traces import load_trace, select

KELVINS = tuple(290.0 + 10 * step for step in range(8))
CLOCKS_MHZ = tuple(100.0 + 25 * step for step in range(21))
Choice = tuple[int, CostSettings, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each of the two")
    seconds = parser.parse_args().seconds
    activity = recorded()
    tables = [load_table(path) for path in shipped(COST_TABLE)]
    actions = sum(len(layer.actions) for layer in activity.layers)
    print(f"{actions} action counts, {len(activity.storage)} components, {len(tables)} tables")
    agree(activity, tables)

    compiled: dict[int, Repricer] = {}

    def reprice(choice: Choice) -> None:
        index, settings, clock = choice
        if index not in compiled:
            compiled[index] = Repricer(activity, tables[index])
        compiled[index].reprice(settings, clock_mhz=clock)

    def plain(choice: Choice) -> None:
        index, settings, clock = choice
        evaluate(activity, settings, tables[index], clock_mhz=clock)

    fast, slow = rate(reprice, tables, seconds), rate(plain, tables, seconds)
    print(f"evaluate   {slow:10,.0f} per second")
    print(f"Repricer   {fast:10,.0f} per second")
    print(f"ratio repricing_per_second {fast:.0f}")
    print(f"ratio repricing_over_evaluate {fast / slow:.1f}")


def recorded() -> Activity:
    """The shipped network on pim45nm; what the counts are does not matter to the speed.

    Converters get time for any model at any of the clocks.
    """
    network, machine = load_network(find(MODEL, "cnn3d_6b")), load_hardware("pim45nm", {"engines.pim.adc_cycles": 16})
    trace = select(load_trace(find(TRACE, "cnn3d_indian_pines")), 2)
    return schedule(trace, network, map_model(network, machine), machine)


def choices(tables: list[CostTable]) -> Iterator[Choice]:
    """Every combination, table by table."""
    for index, table in enumerate(tables):
        rules = table.rules["mac_scaling"].named
        walk = itertools.product(table.adc_models, rules, table.flavours, KELVINS, CLOCKS_MHZ)
        for adc, rule, device, kelvin, clock in walk:
            yield index, CostSettings(table.name, adc, device, kelvin, mac_scaling=rule), clock


def agree(activity: Activity, tables: list[CostTable]) -> None:
    """Before speed is measured: both give the same integers."""
    for index, settings, clock in itertools.islice(choices(tables), 0, None, 97):
        cost = evaluate(activity, settings, tables[index], clock_mhz=clock)
        lines = Repricer(activity, tables[index]).reprice(settings, clock_mhz=clock).lines_aj.tolist()
        if [tuple(line.energy) for line in cost.lines] != [tuple(line) for line in lines]:
            raise SystemExit(f"{settings} at {clock:g} MHz: Repricer and evaluate differ")


def rate(work: Callable[[Choice], None], tables: list[CostTable], seconds: float) -> float:
    """Choices per second, over at least ``seconds``."""
    start = time.perf_counter()
    for done, choice in enumerate(itertools.cycle(choices(tables)), 1):
        work(choice)
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return done / elapsed
    raise AssertionError  # a cycle does not end


if __name__ == "__main__":
    main()
