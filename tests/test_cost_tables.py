"""Shipped tables reproduce their sources, price everything that is counted, and refuse what is wrong."""

import itertools
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pimsim.activity.actions import CATALOGUE, STORAGE_COMPONENTS
from pimsim.cost import CostTable, load_table, schema
from pimsim.cost.check import check
from pimsim.cost.load import from_text
from pimsim.cost.ranges import Range
from pimsim.errors import CostError, MissingFileError
from pimsim.resources import COST_TABLE, find, shipped

SHIPPED = [path.stem for path in shipped(COST_TABLE)]
T45 = load_table("45nm")
KIB = 8192


def nominal(name: str, bits: int, second_bits: int = 0, kib: float = 0) -> float:
    return T45.value(name, bits, second_bits, int(kib * KIB)).nominal


@pytest.mark.parametrize("name", SHIPPED)
def test_every_action_of_the_catalogue_has_an_ordered_price_and_a_source(name: str) -> None:
    table = load_table(name)
    for (component, action), definition in CATALOGUE.items():
        widths = (
            8 if definition.bits else 0,
            8 if definition.second_bits else 0,
            KIB if definition.capacity_bits else 0,
        )
        for adc_model in table.adc_models:
            price = table.price(component, action, *widths, adc_model)
            assert 0 <= price.low <= price.nominal <= price.high
            included = isinstance(_only_entry(table, component, action, adc_model), schema.Included)
            assert (price.nominal > 0) is not included, (component, action)
            assert len(table.source(component, action, adc_model)) >= 8


def _only_entry(table: CostTable, component: str, action: str, adc_model: str) -> schema.Entry | None:
    names = table.action_entries(component, action, adc_model)
    return table.entries[names[0]].entry if len(names) == 1 else None


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_of_a_table_carries_node_kind_and_source(name: str) -> None:
    table = load_table(name)
    sourced: list[schema.Sourced] = [resolved.entry for resolved in table.entries.values()]
    sourced += [resolved.flavour for resolved in table.flavours.values()]
    for item in sourced:
        assert item.node_nm > 0
        assert item.kind in ("measured", "model", "paper", "assumed")
        assert item.source.strip()
    assert set(table.storage) == set(STORAGE_COMPONENTS)


def test_every_entry_of_the_45nm_table_is_used() -> None:
    used = {name for names in T45.actions.values() for name in names} | set(T45.adc_models.values()) | {"mac"}
    used |= {f"{group}.{kind}" for kind in T45.storage.values() for group in ("leak", "area", "clock")}
    used |= {f"port.{quantity}" for quantity in ("energy", "leak", "area")}
    used |= set(T45.times.values()) | set(T45.adc_times.values())
    for rule in (rule for rules in T45.rules.values() for rule in rules.named.values()):
        used |= set(rule.entries.values()) | {name for names in rule.actions.values() for name in names}
    assert set(T45.entries) <= used


# Anchors of the sources, within the rounding of the printed figures.


@pytest.mark.parametrize(("bits", "energy"), [(8, 0.025), (16, 0.050), (32, 0.1)])
def test_adder_is_horowitz(bits: int, energy: float) -> None:
    assert nominal("add", bits) == pytest.approx(energy)


@pytest.mark.parametrize(("bits", "energy"), [(6, 0.114), (8, 0.20), (32, 3.1)])
def test_multiplier_is_horowitz(bits: int, energy: float) -> None:
    assert nominal("multiply", bits, bits) == pytest.approx(energy, rel=0.005)


def test_6_bit_mac_spans_horowitz_to_table_v() -> None:
    """Into 16 b 0.164 pJ, into 32 b 0.214 pJ; HYPER-SNN prices 0.26 pJ."""
    assert nominal("mac", 6, 6) == pytest.approx(0.164, abs=5e-4)
    assert nominal("multiply", 6, 6) + nominal("add", 32) == pytest.approx(0.214, abs=5e-4)
    high = T45.value("multiply", 6, 6).high + nominal("add", 16)
    assert high == pytest.approx(0.26, abs=5e-4)


@pytest.mark.parametrize(
    ("kib", "bits", "read", "write"),
    [
        (1, 32, 1.32, 2.07),
        (8, 32, 5.25, 4.79),
        (8, 64, 6.14, 7.88),
        (32, 64, 17.0, 15.4),
        (64, 64, 25.9, 19.6),
        (256, 64, 44.7, 38.5),
        (1024, 64, 93.5, 76.2),
    ],
)
def test_sram_goes_through_every_cacti_point(kib: int, bits: int, read: float, write: float) -> None:
    assert nominal("sram_read", bits, kib=kib) == pytest.approx(read)
    assert nominal("sram_write", bits, kib=kib) == pytest.approx(write)


@pytest.mark.parametrize(("kib", "energy"), [(8, 10), (32, 20), (1024, 100)])
def test_sram_high_end_is_horowitz(kib: int, energy: float) -> None:
    for name in ("sram_read", "sram_write"):
        assert T45.value(name, 64, 0, kib * KIB).high == pytest.approx(energy)


def test_membrane_access_of_16_bits_costs_about_5_pj_and_its_add_a_hundredth() -> None:
    access = nominal("sram_read", 16, kib=8) + nominal("sram_write", 16, kib=8)
    assert access == pytest.approx(5, rel=0.02)
    assert nominal("add", 16) == pytest.approx(0.05)


@pytest.mark.parametrize("name", ["sram_read", "sram_write"])
def test_memory_energy_grows_with_capacity_and_width_without_jumps(name: str) -> None:
    capacities = [2.0 ** (k / 4) for k in range(-8, 60)]
    energies = [nominal(name, 64, kib=kib) for kib in capacities]
    assert all(a <= b * (1 + 1e-12) for a, b in itertools.pairwise(energies))
    by_width = [nominal(name, bits, kib=20) for bits in range(1, 300)]
    assert all(a < b for a, b in itertools.pairwise(by_width))
    # a step of one bit is at most the share of the widest measured word, twice over
    assert max(b - a for a, b in itertools.pairwise(by_width)) < 2 * nominal(name, 64, kib=20) / 32


def test_words_beyond_the_widest_point_are_macros_side_by_side() -> None:
    assert nominal("sram_read", 128, kib=8) == pytest.approx(2 * 6.14)


def test_narrow_word_may_pay_for_the_narrowest_measured_one() -> None:
    price = T45.value("sram_read", 8, 0, 8 * KIB)
    assert price.nominal == pytest.approx(5.25 / 4)
    assert price.high == pytest.approx(T45.value("sram_read", 32, 0, 8 * KIB).high)


@pytest.mark.parametrize(
    ("model", "bits", "energy", "tolerance"),
    [
        *(("neurosim_sar", b, e, 5e-4) for b, e in ((4, 0.127), (5, 0.165), (6, 0.208), (8, 0.306))),
        *(("murmann_survey", b, e, 1e-9) for b, e in ((4, 1.75), (5, 1.78), (6, 2.02), (8, 3.25))),
        *(("zigzag_imc", b, e, 4e-3) for b, e in ((4, 0.324), (5, 0.406), (6, 0.489), (8, 0.701))),
        *(("isaac", b, e, 1e-9) for b, e in ((4, 0.79), (5, 0.99), (6, 1.20), (8, 1.67))),
        ("jia2020", 8, 1.79, 1e-9),
    ],
)
def test_converter_models_are_those_of_their_sources(model: str, bits: int, energy: float, tolerance: float) -> None:
    assert T45.price("adc", "convert", bits, 31, 0, model).nominal == pytest.approx(energy, abs=tolerance)


@pytest.mark.parametrize("model", sorted(T45.adc_models))
def test_reported_converter_range_spans_the_models_of_the_node(model: str) -> None:
    """At 5 bits NeuroSim's 0.165 pJ to the survey's 1.78 pJ, whatever is chosen."""
    price = T45.price("adc", "convert", 5, 31, 0, model)
    assert price.low <= 0.1653
    assert price.high >= 1.78


def test_named_converter_of_imac_keeps_its_ratio_to_the_multiplier() -> None:
    """1.0 / 0.9 of a digital MAC at 4 bits, 0.164 pJ here."""
    assert T45.price("adc", "convert", 4, 10, 0, "imac").nominal == pytest.approx(0.164 * 1.0 / 0.9, rel=0.001)


@pytest.mark.parametrize("name", ["45nm", "45nm_hypersnn"])
def test_analog_product_and_its_share_of_a_conversion_are_0_422_of_a_mac(name: str) -> None:
    table = load_table(name)
    product = table.price("analog_column", "multiply", 6, 6, 0, "imac").nominal
    share = table.price("adc", "convert", 4, 10, 0, "imac").nominal / 10
    assert (product + share) / table.value("mac", 6, 6).nominal == pytest.approx(0.422, abs=5e-4)


def test_hypersnn_table_prices_mac_and_accumulate_as_table_v() -> None:
    table = load_table("45nm_hypersnn")
    for bits, mac, ac in ((6, 0.26, 0.02), (32, 3.2, 0.1)):
        multiply = table.price("mac", "multiply", bits, bits, 0, "imac").nominal
        accumulate = table.price("mac", "accumulate", 28, 0, 0, "imac").nominal
        assert multiply + accumulate == pytest.approx(mac)
        assert table.price("lane", "accumulate", 16, bits, 0, "imac").nominal == pytest.approx(ac)
    assert table.price("mac", "multiply", 4, 4, 0, "imac").nominal == pytest.approx(3.2 * (4 / 32) ** 1.5, rel=0.01)


def test_hypersnn_table_is_45nm_in_everything_else() -> None:
    table = load_table("45nm_hypersnn")
    for key, names in T45.actions.items():
        if key not in ("mac.multiply", "mac.accumulate", "lane.accumulate", "analog_column.multiply"):
            assert table.actions[key] == names
            assert [table.value(n, 16, 8, KIB) for n in names] == [T45.value(n, 16, 8, KIB) for n in names]


def test_imac_table_holds_imacs_own_numbers() -> None:
    table = load_table("65nm_imac")
    digital = table.price("mac", "multiply", 5, 5, 0, "imac").plus(table.price("mac", "accumulate", 14, 0, 0, "imac"))
    analog = table.price("analog_column", "multiply", 5, 4, 0, "imac").nominal
    conversion = table.price("adc", "convert", 4, 10, 0, "imac").nominal
    assert digital.nominal == pytest.approx(0.9)
    assert (analog, conversion) == (0.2798224, 1.0)
    assert table.value("sram_read", 64, 0, 8 * KIB).nominal == pytest.approx(11.1)
    assert table.value("sram_write", 64, 0, 1024 * KIB).nominal == pytest.approx(146)


def test_inherited_numbers_are_scaled_once_and_say_so() -> None:
    table = load_table("65nm_imac")
    assert table.value("add", 16).nominal == pytest.approx(0.05 * 1.84)
    assert "x1.84" in table.entries["add"].source
    assert "x1.84" not in table.entries["mac"].source


@pytest.mark.parametrize("name", SHIPPED)
def test_no_action_may_lose_its_price(name: str) -> None:
    """Each in turn is taken out of the finished table: an error that names it, never a free action."""
    table = load_table(name)
    for key in table.actions:
        actions = {other: entries for other, entries in table.actions.items() if other != key}
        with pytest.raises(CostError, match=rf"^actions\.{key}: required but missing"):
            check(replace(table, actions=actions))


# Hostile tables.

DOCUMENT: dict[str, Any] = yaml.safe_load(find(COST_TABLE, "45nm").read_text(encoding="utf-8"))


def _edit(change: Callable[[dict[str, Any]], object]) -> str:
    document = deepcopy(DOCUMENT)
    change(document)
    return json.dumps(document)  # JSON is YAML, and quicker to write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["entries"]["add"].pop("source"), r"entries.add.*source: required but missing"),
        (lambda d: d["entries"]["add"].update(source="  "), r"entries.add.*source"),
        (lambda d: d["entries"]["add"].update(kind="guess"), r"entries.add.*kind"),
        (lambda d: d["entries"]["add"].update(value=[3, 2, 4]), r"low <= nominal <= high"),
        (lambda d: d["entries"]["add"].update(value=[-1, 2, 4]), r"low <= nominal <= high"),
        (lambda d: d["entries"]["add"].update(value=[1, float("nan"), 4]), r"finite"),
        (lambda d: d["entries"]["add"].update(value="0.003 pJ"), r"must be one number or"),
        (lambda d: d["entries"]["add"].update(value=True), r"finite numbers|one number"),
        (lambda d: d["entries"]["add"].update(unit="fJ/bit"), r'entries.add.unit="fJ/bit": must be "pJ/bit"'),
        (lambda d: d["entries"]["register_read"].update(source="nobody knows"), r"assumed"),
        (lambda d: d["entries"]["add"].update(valu=1), r"entries.add.*valu: unknown key"),
        (lambda d: d["actions"].pop("pool.add"), r"actions.pool.add: required but missing"),
        (lambda d: d["actions"].update({"pool.add": []}), r"an error, not zero"),
        (lambda d: d["actions"].update({"pool.add": ["ad"]}), r'there is no entry "ad"'),
        (lambda d: d["actions"].update({"lane.jump": ["add"]}), r"actions.lane.jump: no such action"),
        (lambda d: d["actions"].update({"pool.add": ["leak.adder"]}), r'must be "pJ/bit"'),
        (lambda d: d["entries"]["mac_horowitz"].update(of=[{"entry": "mac_horowitz"}]), r"refers to itself"),
        (lambda d: d["entries"]["analog_multiply"].update(of=[{"entry": "none"}]), r'there is no entry "none"'),
        (lambda d: d["actions"].update({"lane.accumulate": ["add"]}), r"actions.lane.accumulate: decided by rules.ac"),
        (lambda d: d["entries"].update(mac=d["entries"]["add"]), r"entries.mac: decided by rules.mac_scaling"),
        (lambda d: d.pop("rules"), r"rules.mac_scaling: required but missing"),
        (lambda d: d["rules"].pop("ac_scaling"), r"rules.ac_scaling: required but missing"),
        (lambda d: d["rules"]["ac_scaling"].update(own="cubic"), r'has no ac_scaling="cubic"'),
        (lambda d: d["rules"]["ac_scaling"].pop("own"), r"rules.ac_scaling.own=None: must be one of"),
        (lambda d: d["rules"]["ac_scaling"]["named"].update(cubic={}), r"named.cubic: must decide on the same"),
        (
            lambda d: d["rules"]["ac_scaling"]["named"]["linear"].update(actions={"lane.accumulate": ["ad"]}),
            r'rules.ac_scaling.named.linear.actions.lane.accumulate: there is no entry "ad"',
        ),
        (lambda d: d["rules"]["mac_scaling"]["named"]["power_1.5"]["entries"].update(mac="m"), r'no entry "m"'),
        (lambda d: d["rules"].update(colour={}), r"rules.colour"),
        (lambda d: d["rules"]["ac_scaling"]["named"].update(table={}), r'"table" is what a hardware file says'),
        (lambda d: d["entries"]["time.add"].update(unit="ps"), r'entries.time.add.unit="ps": must be "ns"'),
        (lambda d: d["times"].update({"mac.multiply": "add"}), r'must be "ns/bit" for times.mac.multiply'),
        (lambda d: d["adc"]["times"].update(flash="time.add"), r'adc.times: "flash" is not one of adc.models'),
        (lambda d: d["entries"].pop("port.area"), r'there is no entry "port.area"'),
        (lambda d: d["entries"]["time.sram"].update(at={"8": 0, "9": 1}), r"two points above 0"),
        (lambda d: d["entries"]["mac_power_1.5"].update(exponent=0), r"exponent"),
        (lambda d: d["entries"]["compare"].update(at={"eight": 1}), r'"eight" is not a width'),
        (lambda d: d["adc"].update(spread=["flash"]), r'adc.spread: "flash"'),
        (lambda d: d["adc"]["models"].update(flash="adc_flash"), r'adc.models.flash: there is no entry "adc_flash"'),
        (lambda d: d.pop("adc"), r"adc: required but missing"),
        (lambda d: d.pop("leakage"), r"leakage: required but missing"),
        (lambda d: d["storage"].pop("fifo"), r"storage.fifo: required but missing"),
        (lambda d: d["storage"].update(fifo="pipe"), r'storage.fifo: there is no entry "leak.pipe"'),
        (lambda d: d["storage"].update(pond="sram"), r"storage.pond: no such component"),
        (lambda d: d["leakage"]["flavours"]["hp"].update(sram_uw={"8": 0, "9": 1}), r"above 0"),
        (lambda d: d.update(format=2), r"format"),
        (lambda d: d.update(inherit={"table": "nowhere"}), r"nowhere"),
    ],
)
def test_wrong_table_is_refused_with_its_key_path(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises((CostError, MissingFileError), match=message) as caught:
        from_text(_edit(change), origin="mine.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: 1\na: 2", "3"])
def test_text_that_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(CostError, match=r"^mine.yaml: "):
        from_text(text, origin="mine.yaml")


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r'cost table "44nm"'):
        load_table("44nm")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CostError, match=r"b.yaml: not a text file"):
        load_table(tmp_path / "b.yaml")


def test_table_that_inherits_from_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.yaml").write_text(
        'format: 1\nname: loop\ntitle: "inherits from itself"\nnode_nm: 45\ninherit: {table: loop.yaml}\n'
    )
    with pytest.raises(CostError, match="circle"):
        load_table("loop.yaml")


def test_unknown_converter_lists_the_known_ones() -> None:
    with pytest.raises(CostError, match=r'no adc_model="flash", it has imac, .*neurosim_sar'):
        T45.adc_entry("flash")


def test_ranges_keep_their_order_in_sums_and_products() -> None:
    assert Range(1, 2, 3).plus(Range(1, 1, 1)) == (2, 3, 4)
    assert Range(1, 2, 3).by(Range(2, 2, 3)) == (2, 4, 9)


@pytest.mark.parametrize("name", SHIPPED)
def test_documentation_speaks_of_every_table_entry_and_converter(name: str) -> None:
    text = (Path(__file__).parent.parent / "docs" / "costs.md").read_text(encoding="utf-8")
    table = load_table(name)
    for word in (name, *table.entries, *table.adc_models, *table.flavours):
        assert f"`{word}`" in text, word
