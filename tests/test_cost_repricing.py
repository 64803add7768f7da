"""Re-pricing a run: the same integers as pricing it, line by line, whatever the settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.activity.actions import CATALOGUE, STORAGE_COMPONENTS
from pimsim.activity.activity import Activity, LayerActivity, Storage, UnitCycles
from pimsim.cost import (
    ACCOUNTINGS,
    PARTS,
    CostTable,
    PriceBook,
    PriceBooks,
    Repricer,
    TooLargeError,
    evaluate,
    load_table,
    prices,
    repricing,
)
from pimsim.errors import CostError
from pimsim.hardware import CostSettings

TABLES = {name: load_table(name) for name in ("45nm", "45nm_hypersnn", "65nm_imac", "28nm")}
SETTINGS = CostSettings(table="45nm", adc_model="neurosim_sar", device="lstp", temperature_k=300.0)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    """Any actions of the catalogue in any layers, on any components; operands as wide as a converter may be."""
    keys = st.sampled_from(sorted(CATALOGUE))

    def action(key: tuple[str, str]):  # type: ignore[no-untyped-def]
        d = CATALOGUE[key]
        fields = {"bits": d.bits, "second_bits": d.second_bits, "capacity_bits": d.capacity_bits}
        widths = {name: draw(st.integers(1, 16)) for name, stated in fields.items() if stated}
        return d.count(draw(st.integers(0, 10**13)), ports=draw(st.integers(1, 2)), **widths)

    cycles = draw(st.integers(1, 10**12))
    units = [("lanes", UnitCycles(draw(st.integers(0, cycles // 3)), 0, 0)) for _ in range(draw(st.integers(0, 3)))]
    layers = [
        LayerActivity(
            f"l{i}", "event", 1, 1, 1, 1, 1, 1, 0.5, tuple(map(action, draw(st.lists(keys, max_size=5)))), (unit,)
        )
        for i, unit in enumerate(units)
    ]
    gates = (
        st.lists(st.sampled_from([f"{layer.layer}.lanes" for layer in layers]), unique=True) if layers else st.just([])
    )
    component = st.sampled_from(sorted(STORAGE_COMPONENTS))
    sizes = st.integers(1, 10**7)
    ports = st.integers(1, 2)
    built = st.builds(Storage, component, sizes, sizes, st.integers(1, 10**4), ports=ports, gated_by=gates.map(tuple))
    storage = draw(st.lists(built, max_size=6))
    return Activity(draw(st.integers(1, 10**4)), tuple(layers), tuple(storage), cycles / 3, cycles, cycles / 7, "")


@st.composite
def choices(draw: st.DrawFn, table: CostTable) -> tuple[CostSettings, float]:
    adc = draw(st.sampled_from(sorted(table.adc_models)))
    device = draw(st.sampled_from(sorted(table.flavours)))
    kelvin = draw(st.floats(233, 423))
    rules = {kind: draw(st.sampled_from(["table", *known.named])) for kind, known in table.rules.items()}
    node = draw(st.sampled_from(["table", *table.nodes]))
    return CostSettings(table.name, adc, device, kelvin, node_scaling=node, **rules), draw(st.floats(1, 4000))


BOOKS = {name: PriceBooks(table) for name, table in TABLES.items()}


@given(activities(), st.sampled_from(sorted(TABLES)), st.data())
def test_every_line_is_the_attojoules_that_evaluate_gives(activity: Activity, name: str, data: st.DataObject) -> None:
    repricer = Repricer(activity, TABLES[name], data.draw(st.sampled_from([None, BOOKS[name]])))
    for _ in range(4):  # one after the other through the same memory
        settings, clock_mhz = data.draw(choices(TABLES[name]))
        cost = evaluate(activity, settings, TABLES[name], clock_mhz=clock_mhz)
        if max((line.energy.high for line in cost.lines), default=0) > 10**17:
            continue  # beyond what 64 bits are trusted with, which has a test of its own
        repriced = repricer.reprice(settings, clock_mhz=clock_mhz)
        assert [tuple(line) for line in repriced.lines_aj.tolist()] == [tuple(line.energy) for line in cost.lines]
        for accounting in ACCOUNTINGS:
            assert repriced.energy(accounting) == cost.energy(accounting)
            assert repriced.edp_uj_us(accounting) == cost.edp_uj_us(accounting)
            assert repriced.power_mw(accounting) == cost.power_mw(accounting)
        assert [repriced.part(name) for name in PARTS] == [cost.part(name) for name in PARTS]
        assert repriced.inferences_per_second == cost.inferences_per_second
        assert (repriced.delay_ns, repriced.interval_ns) == (cost.delay_ns, cost.interval_ns)
        assert repriced.area_um2 == cost.area_um2
        assert repricer.cost(settings, clock_mhz=clock_mhz) == cost


def small() -> Activity:
    layer = LayerActivity(
        "l", "event", 1, 1, 1, 1, 1, 1, 0.5, (CATALOGUE["neuron", "leak"].count(7, bits=16, second_bits=8),), ()
    )
    return Activity(3, (layer,), (Storage("weight_memory", 65536, 64, 2), Storage("fifo", 256, 16)), 10.0, 30, 10.0, "")


def test_leak_of_neurons_is_arithmetic_and_stays_when_nothing_leaks_current() -> None:
    """Temperature moves leakage alone."""
    repricer = Repricer(small(), TABLES["45nm"])
    cold, hot = (repricer.reprice(replace(SETTINGS, temperature_k=kelvin), clock_mhz=400) for kelvin in (300, 400))
    assert cold.energy("with_memory") == hot.energy("with_memory")
    assert cold.energy("full") < hot.energy("full")
    assert np.array_equal(cold.lines_aj[0], hot.lines_aj[0])


def test_results_do_not_share_memory() -> None:
    repricer = Repricer(small(), TABLES["45nm"])
    first = repricer.reprice(SETTINGS, clock_mhz=400)
    kept = first.lines_aj.copy()
    first.lines_aj[:] = 0
    assert np.array_equal(repricer.reprice(SETTINGS, clock_mhz=400).lines_aj, kept)


@pytest.mark.parametrize("change", [{"adc_model": "flash"}, {"device": "fdsoi"}])
def test_unknown_choice_is_an_error(change: dict[str, str]) -> None:
    repricer = Repricer(small(), TABLES["45nm"])
    repricer.reprice(SETTINGS, clock_mhz=400)
    with pytest.raises(CostError, match=next(iter(change.values()))):
        repricer.reprice(replace(SETTINGS, **change), clock_mhz=400)  # type: ignore[arg-type]


def test_activity_without_samples_has_no_cost() -> None:
    with pytest.raises(CostError, match="no cost per inference"):
        Repricer(replace(small(), samples=0), TABLES["45nm"]).reprice(SETTINGS, clock_mhz=400)


def test_a_run_that_64_bits_might_not_hold_is_refused_not_wrapped() -> None:
    """10^19 cycles of leakage and clock on one sample, and 10^21 actions: both above 4.6 J."""
    many = replace(small(), samples=1, total_cycles=10**19)
    with pytest.raises(TooLargeError, match=r"4\.6 J"):
        Repricer(many, TABLES["45nm"]).reprice(replace(SETTINGS, device="hp"), clock_mhz=1)
    layer = replace(small().layers[0], actions=(CATALOGUE["mac", "multiply"].count(10**21, bits=8, second_bits=8),))
    with pytest.raises(TooLargeError, match=r"4\.6 J"):
        Repricer(replace(small(), layers=(layer,)), TABLES["45nm"]).reprice(SETTINGS, clock_mhz=400)


def test_the_parts_of_an_energy_add_up_to_it_and_conversions_are_part_of_the_arithmetic() -> None:
    actions = [CATALOGUE["adc", "convert"].count(5, bits=4, second_bits=10), *small().layers[0].actions]
    activity = replace(small(), layers=(replace(small().layers[0], actions=tuple(actions)),))
    for priced in (
        Repricer(activity, TABLES["45nm"]).reprice(SETTINGS, clock_mhz=400),
        evaluate(activity, SETTINGS, TABLES["45nm"], clock_mhz=400),
    ):
        compute, adc, *others = (priced.part(name).nominal for name in PARTS)
        assert 0 < adc < compute
        assert min(others[1:]) > 0
        assert compute + sum(others) == priced.energy("full").nominal


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full memories are emptied, and the figures stay those of a book that has just been opened."""
    monkeypatch.setattr(prices, "MOST_PRICES", 3)
    monkeypatch.setattr(prices, "MOST_BOOKS", 2)
    monkeypatch.setattr(repricing, "MOST_KEPT", 2)
    books = PriceBooks(TABLES["45nm"])
    for width in range(8, 20):
        built = (Storage("weight_memory", 1024 * width, width, 2), Storage("fifo", width, 16))
        repricer = Repricer(replace(small(), storage=built), TABLES["45nm"], books)
        for device, kelvin in (("hp", 300.0), ("lstp", 310.0), ("lop", 320.0), ("hp", 330.0)):
            settings = replace(SETTINGS, device=device, temperature_k=kelvin)
            cost = evaluate(repricer.activity, settings, TABLES["45nm"], clock_mhz=400)
            assert repricer.reprice(settings, clock_mhz=400).energy("full") == cost.energy("full")
            assert len(repricer._leaking) <= 2
            assert len(repricer._factors) <= 2
    assert len(books._books) <= 2
    for book in books._books.values():
        assert max(len(book._actions), len(book._storage), len(book._leakage)) <= 3


def test_a_book_of_300_k_serves_every_temperature() -> None:
    books = PriceBooks(TABLES["45nm"])
    hot = books.under(replace(SETTINGS, temperature_k=400.0))
    assert books.under(SETTINGS) is hot
    assert hot.storage(small().storage[0]) == PriceBook(TABLES["45nm"], SETTINGS).storage(small().storage[0])
