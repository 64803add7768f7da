"""Pricing an activity: parts add exactly, every knob moves the result in the direction physics says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_cost import energy_aj

from pimsim.activity.actions import CATALOGUE, COMPUTE, STORAGE_COMPONENTS
from pimsim.activity.activity import ActionCount, Activity, LayerActivity, Storage, UnitCycles
from pimsim.cost import ACCOUNTINGS, CATEGORIES, MACHINE, CostTable, PriceBook, evaluate, load_table, price
from pimsim.cost.cost import add
from pimsim.errors import CostError
from pimsim.hardware import CostSettings

T45 = load_table("45nm")
SETTINGS = CostSettings(table="45nm", adc_model="neurosim_sar", device="lstp", temperature_k=300.0)
CATEGORY = {key: "compute" if d.group == COMPUTE else "memory" for key, d in CATALOGUE.items()}
MEMORY_8K = Storage("membrane_memory", capacity_bits=65536, width_bits=64, instances=2)
FIFO = Storage("fifo", capacity_bits=256, width_bits=16)


def layer(*actions: ActionCount, name: str = "conv1") -> LayerActivity:
    units = (("lanes", UnitCycles(60, 20, 20)),)
    return LayerActivity(name, "event", 1000, 100, 10, 10, 50, 100, 0.6, actions, units)


def activity(*layers: LayerActivity, samples: int = 3, storage: tuple[Storage, ...] = (MEMORY_8K, FIFO)) -> Activity:
    return Activity(samples, layers, storage, 1000.0, 3000, 1000.0, "lanes")


def counted(component: str, action: str, count: int) -> ActionCount:
    d = CATALOGUE[component, action]
    widths = {"bits": d.bits, "second_bits": d.second_bits, "capacity_bits": d.capacity_bits}
    return d.count(count, **{name: 2048 if name == "capacity_bits" else 8 for name, given_ in widths.items() if given_})


KEYS = st.sampled_from(sorted(CATALOGUE))
COUNTS = st.tuples(KEYS, st.integers(0, 10**12))
LAYERS = st.lists(st.lists(COUNTS, max_size=6), min_size=1, max_size=4)


@given(LAYERS, st.integers(1, 500))
def test_lines_layers_categories_and_totals_add_up_exactly(
    counts: list[list[tuple[tuple[str, str], int]]], samples: int
) -> None:
    layers = [layer(*(counted(*key, count) for key, count in one), name=f"layer{i}") for i, one in enumerate(counts)]
    cost = evaluate(activity(*layers, samples=samples), SETTINGS, T45, clock_mhz=400)
    full = cost.energy("full")
    assert full == add(line.energy for line in cost.lines)
    assert full == add(cost.category(category) for category in CATEGORIES)
    assert full == add(cost.layer(name) for name in (*(one.layer for one in layers), MACHINE))
    assert cost.energy("compute_only") <= cost.energy("with_memory") <= full
    assert full.low <= full.nominal <= full.high


@given(LAYERS, st.integers(1, 500))
def test_energy_equals_the_naive_sum(counts: list[list[tuple[tuple[str, str], int]]], samples: int) -> None:
    run = activity(*(layer(*(counted(*key, count) for key, count in one)) for one in counts), samples=samples)
    units = {}
    for key in CATALOGUE:
        item = counted(*key, 1)
        units[key] = T45.price(*key, item.bits, item.second_bits, item.capacity_bits, SETTINGS.adc_model).nominal
    naive = energy_aj(run, units, CATEGORY)
    cost = evaluate(run, SETTINGS, T45, clock_mhz=400)
    # a float product may round once where the exact fraction does not: at most 1 aJ per line and 2^-50 of it
    for category in ("compute", "memory"):
        expected = naive.get(category, 0)
        assert abs(cost.category(category).nominal - expected) <= len(cost.lines) + expected * 2**-50


def test_accumulates_cost_count_times_unit_over_samples() -> None:
    """3 samples, 300 accumulates of 16 bits at 0.05 pJ: 5 pJ per inference."""
    run = activity(layer(CATALOGUE["lane", "accumulate"].count(300, bits=16, second_bits=6)))
    cost = evaluate(run, SETTINGS, T45, clock_mhz=400)
    assert cost.category("compute").nominal == 5_000_000
    (line,) = (line for line in cost.lines if line.layer == "conv1")
    assert (line.component, line.action, line.count, line.unit_pj.nominal) == ("lane", "accumulate", 300, 0.05)
    assert line.category == "compute"
    assert "Horowitz" in line.source


def test_leakage_is_power_times_time_and_clock_is_bits_times_cycles() -> None:
    """Two 8 KiB macros leak 2 × 0.26 uW over 3000 cycles of 2.5 ns for 3 samples: 1.3 pJ each;
    256 clocked bits × 2.42 fJ × 1000 cycles: 619.52 pJ."""
    cost = evaluate(activity(layer()), SETTINGS, T45, clock_mhz=400)
    lines = {(line.component, line.action): line for line in cost.lines}
    assert lines["membrane_memory", "leak"].energy.nominal == pytest.approx(1_300_000, abs=1)
    assert lines["fifo", "clock"].energy.nominal == pytest.approx(619_520_000, abs=1)
    assert ("membrane_memory", "clock") not in lines
    assert {line.category for line in cost.lines} == {"static"}
    assert cost.area_um2.nominal == pytest.approx(2 * 65536 * 0.493 + 256 * 5.65)


def test_delay_power_and_rate_follow_from_cycles_and_clock() -> None:
    """1000 cycles at 400 MHz are 2500 ns; 5 pJ every 2500 ns are 2 uW; EDP 5 pJ × 2.5 us = 1.25e-5 uJ·us."""
    run = activity(layer(CATALOGUE["lane", "accumulate"].count(300, bits=16, second_bits=6)))
    cost = evaluate(run, SETTINGS, T45, clock_mhz=400)
    assert cost.delay_ns == 2500
    assert cost.inferences_per_second == 400_000
    assert cost.power_mw("compute_only").nominal == pytest.approx(0.002)
    assert cost.edp_uj_us("compute_only").nominal == pytest.approx(1.25e-5)


def _static(**change: object) -> float:
    settings = replace(SETTINGS, **change)  # type: ignore[arg-type]
    return evaluate(activity(layer()), settings, T45, clock_mhz=400).category("static").nominal


def test_leakage_grows_with_temperature_by_the_stated_factor() -> None:
    """LSTP ×9 from 300 K to 360 K; the clock does not care."""

    def leak(kelvin: float) -> int:
        cost = evaluate(activity(layer()), replace(SETTINGS, temperature_k=kelvin), T45, clock_mhz=400)
        return sum(line.energy.nominal for line in cost.lines if line.action == "leak")

    assert leak(360) / leak(300) == pytest.approx(9, rel=1e-5)
    assert leak(280) < leak(300) < leak(330) < leak(360)


def test_device_flavours_leak_in_the_order_lstp_lop_hp() -> None:
    assert _static(device="lstp") < _static(device="lop") < _static(device="hp")


@pytest.mark.parametrize(
    ("flavour", "kib", "microwatt"),
    [("lstp", 8, 0.26), ("lstp", 64, 1.7), ("lstp", 256, 6.7), ("lop", 8, 230), ("lop", 64, 1400), ("hp", 256, 124000)],
)
def test_memory_leakage_goes_through_the_cacti_points(flavour: str, kib: int, microwatt: float) -> None:
    book = PriceBook(T45, replace(SETTINGS, device=flavour))
    standing = book.storage(Storage("weight_memory", kib * 8192, 64))
    assert standing.leakage_uw.nominal == pytest.approx(microwatt)


def test_slower_clock_costs_more_leakage_and_no_more_clock() -> None:
    slow, fast = (evaluate(activity(layer()), SETTINGS, T45, clock_mhz=mhz) for mhz in (100, 400))
    by = [{(line.component, line.action): line.energy.nominal for line in cost.lines} for cost in (slow, fast)]
    assert by[0]["fifo", "clock"] == by[1]["fifo", "clock"]
    assert by[0]["membrane_memory", "leak"] == pytest.approx(4 * by[1]["membrane_memory", "leak"], rel=1e-6)


@pytest.mark.parametrize("bits", range(2, 13))
def test_one_more_converter_bit_costs_more(bits: int) -> None:
    for model in T45.adc_models:
        here, more = (T45.price("adc", "convert", b, 31, 0, model).nominal for b in (bits, bits + 1))
        assert here < more


@pytest.mark.parametrize("key", [k for k, d in CATALOGUE.items() if d.bits and k[0] not in ("column", "adc")])
def test_wider_operand_costs_more(key: tuple[str, str]) -> None:
    definition = CATALOGUE[key]
    second, capacity = (8 if definition.second_bits else 0), (65536 if definition.capacity_bits else 0)
    energies = [T45.price(*key, bits, second, capacity, "imac").nominal for bits in (2, 4, 8, 16, 32, 64, 128)]
    assert energies == sorted(set(energies))


def test_every_component_that_can_be_built_has_leakage_and_area() -> None:
    book = PriceBook(T45, SETTINGS)
    for component in STORAGE_COMPONENTS:
        standing = book.storage(Storage(component, 4096, 16, 1))
        assert standing.leakage_uw.nominal > 0
        assert standing.area_um2.nominal > 0
        assert standing.leakage_source


def test_book_that_remembers_gives_the_same_cost() -> None:
    run = activity(layer(counted("lane", "accumulate", 7), counted("membrane_memory", "read", 9)))
    book = PriceBook(T45, SETTINGS)
    first = price(run, book, clock_mhz=400)
    assert price(run, book, clock_mhz=400) == first == evaluate(run, SETTINGS, T45, clock_mhz=400)


def test_accountings_count_categories_one_after_the_other() -> None:
    assert ACCOUNTINGS == {
        "compute_only": ("compute",),
        "with_memory": ("compute", "memory"),
        "full": ("compute", "memory", "static"),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [({"adc_model": "flash"}, "adc_model"), ({"device": "fdsoi"}, "device"), ({"device": "fdsoi"}, "lstp")],
)
def test_unknown_choice_is_an_error(change: dict[str, str], message: str) -> None:
    with pytest.raises(CostError, match=message):
        evaluate(activity(layer()), replace(SETTINGS, **change), T45, clock_mhz=400)  # type: ignore[arg-type]


def test_unknown_action_or_component_is_an_error_not_zero() -> None:
    with pytest.raises(CostError, match=r"lane.jump"):
        evaluate(activity(layer(ActionCount("lane", "jump", 1))), SETTINGS, T45, clock_mhz=400)
    with pytest.raises(CostError, match="pond"):
        evaluate(activity(layer(), storage=(Storage("pond", 8, 8),)), SETTINGS, T45, clock_mhz=400)


def test_activity_without_samples_or_cycles_has_no_cost() -> None:
    empty = Activity(0, (), (), 0.0, 0, 0.0, "")
    with pytest.raises(CostError, match="no cost per inference"):
        evaluate(empty, SETTINGS, T45, clock_mhz=400)


def test_table_is_frozen() -> None:
    assert isinstance(T45, CostTable)
    with pytest.raises(AttributeError):
        T45.name = "other"  # type: ignore[misc]
