"""Rules, node scalings, second ports and deadlines: named, checked, and each doing what its source says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pimsim import report
from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import Activity, Deadline, LayerActivity, Storage
from pimsim.cost import Repricer, evaluate, load_table
from pimsim.cost.load import from_text
from pimsim.cost.timing import FITS, TIGHT, UNKNOWN
from pimsim.errors import CostError, HardwareError
from pimsim.hardware import CostSettings, load_hardware
from pimsim.resources import COST_TABLE, shipped

TABLES = [path.stem for path in shipped(COST_TABLE)]
KIB = 8192
OWN = CostSettings("45nm", "neurosim_sar", "lstp", 300.0)
T45 = load_table("45nm")


def run(*, deadlines: tuple[Deadline, ...] = (), storage: tuple[Storage, ...] = (), ports: int = 1) -> Activity:
    actions = (
        CATALOGUE["mac", "multiply"].count(1000, bits=6, second_bits=6),
        CATALOGUE["mac", "accumulate"].count(1000, bits=16),
        CATALOGUE["lane", "accumulate"].count(1000, bits=16, second_bits=6),
        CATALOGUE["input_memory", "write"].count(1000, bits=64, capacity_bits=8 * KIB),
        CATALOGUE["membrane_memory", "read"].count(1000, bits=64, capacity_bits=8 * KIB, ports=ports),
    )
    layer = LayerActivity("l", "mac", 10, 10, 0, 0, 1, 10, 1.0, actions, ())
    return Activity(1, (layer,), storage, 100.0, 100, 100.0, "", deadlines)


def energy(component: str, action: str, *, ports: int = 1, **choices: str) -> float:
    """pJ of one action under chosen rules."""
    cost = evaluate(run(ports=ports), replace(OWN, **choices), T45, clock_mhz=100)  # type: ignore[arg-type]
    return cost.action(component, action).pj.nominal / 1000


# Rules.


@pytest.mark.parametrize(("rule", "expected"), [("power_1.5", 0.2598), ("power_1.25", 0.395)])
def test_a_mac_by_a_power_of_its_width_is_hyper_snns(rule: str, expected: float) -> None:
    """3.2 pJ at 32 bits; (6/32)^1.5 gives Table V's 0.26 pJ, the exponent of the text 0.395; no adder besides."""
    assert energy("mac", "multiply", mac_scaling=rule) == pytest.approx(expected, abs=5e-4)
    assert energy("mac", "accumulate", mac_scaling=rule) == 0


def test_a_mac_by_horowitz_is_a_multiplication_and_an_addition() -> None:
    assert energy("mac", "multiply", mac_scaling="horowitz") == pytest.approx(0.114, abs=1e-3)
    assert energy("mac", "accumulate", mac_scaling="horowitz") == pytest.approx(0.05)


def test_the_power_takes_the_geometric_mean_of_two_widths() -> None:
    """9 × 4 bits are as 6 × 6 bits: their product is what a multiplier array grows with."""
    table = T45.under(replace(OWN, mac_scaling="power_1.5"))
    assert table.value("mac", 9, 4).nominal == pytest.approx(table.value("mac", 6, 6).nominal)


def test_an_accumulate_is_an_adder_or_follows_the_weight() -> None:
    """Horowitz' 16-bit adder, 0.05 pJ; in proportion to 0.1 pJ at 32 bits a 6-bit weight is 0.01875 pJ."""
    assert energy("lane", "accumulate") == pytest.approx(0.05)
    assert energy("lane", "accumulate", ac_scaling="linear") == pytest.approx(0.01875)


def test_input_from_off_chip_adds_its_bits_times_the_dram() -> None:
    """64 bits at 8 or 20.3 pJ: 512 and 1299.2 pJ on top of the write."""
    own = energy("input_memory", "write")
    assert energy("input_memory", "write", input_source="lpddr4") - own == pytest.approx(512)
    assert energy("input_memory", "write", input_source="dram") - own == pytest.approx(1299.2)
    assert energy("input_memory", "write", input_source="on_chip") == own


def test_wires_and_routers_add_to_accesses_in_proportion_to_their_bits() -> None:
    own = energy("membrane_memory", "read")
    assert energy("membrane_memory", "read", interconnect="routers") - own == pytest.approx(64 * 0.081)
    assert energy("membrane_memory", "read", interconnect="wires") - own == pytest.approx(64 * 0.121)


def test_what_is_stated_as_a_ratio_of_a_mac_follows_the_rule() -> None:
    """IMAC's conversion is 1.0 / 0.9 of a MAC at 6 bits."""
    for rule in ("horowitz", "power_1.5", "power_1.25"):
        table = T45.under(replace(OWN, mac_scaling=rule))
        assert table.value("adc_imac", 4).nominal == pytest.approx(table.value("mac", 6, 6).nominal / 0.9)


@pytest.mark.parametrize("name", TABLES)
def test_the_own_rule_by_name_changes_nothing(name: str) -> None:
    table = load_table(name)
    named = {kind: str(rules.own) for kind, rules in table.rules.items()}
    chosen = table.under(replace(OWN, node_scaling=table.node_scaling, **named))  # type: ignore[arg-type]
    assert (chosen.entries, chosen.actions) == (table.entries, table.actions)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"mac_scaling": "cubic"}, r'no mac_scaling="cubic", it has float32, horowitz, power_1.25, power_1.5'),
        ({"ac_scaling": "cubic"}, r'no ac_scaling="cubic", it has adder, linear'),
        ({"dac_model": "flash"}, r'no dac_model="flash", it has isaac, sar_40nm, time_domain, zigzag_imc'),
        ({"node_scaling": "cacti"}, r'no node_scaling="cacti", it has none, since'),
        ({"input_source": "cloud"}, r'no input_source="cloud", it has dram, lpddr4, on_chip'),
        ({"interconnect": "optics"}, r'no interconnect="optics", it has abutted, routers, wires'),
    ],
)
def test_an_unknown_rule_lists_the_known_ones(choice: dict[str, str], message: str) -> None:
    with pytest.raises(CostError, match=message):
        evaluate(run(), replace(OWN, **choice), T45, clock_mhz=100)  # type: ignore[arg-type]


def test_hardware_files_choose_rules_and_reports_name_them() -> None:
    machine = load_hardware("digital45nm", {"cost.mac_scaling": "power_1.5", "cost.ac_scaling": "linear"})
    choices = dict(evaluate(run(), machine.cost, T45, clock_mhz=100).choices)
    assert choices["mac_scaling"].startswith("power_1.5: ")
    assert choices["ac_scaling"].startswith("linear: ac_linear")
    assert choices["input_source"].startswith("on_chip (the table's own)")
    with pytest.raises(HardwareError, match=r"cost.mac_scalin: unknown key; did you mean"):
        load_hardware("digital45nm", {"cost.mac_scalin": "horowitz"})


# Nodes.


def energy_factor(coefficients: tuple[float, float, float], volt: float) -> float:
    a2, a1, a0 = coefficients
    return a2 * volt**2 + a1 * volt + a0


def delay_factor(coefficients: tuple[float, float, float, float], volt: float) -> float:
    b3, b2, b1, b0 = coefficients
    return b3 * volt**3 + b2 * volt**2 + b1 * volt + b0


E65, E45, E32, E20 = (
    (3.755, -4.398, 1.975),
    (1.103, -0.362, 0.2767),
    (0.9559, -0.7823, 0.471),
    (0.2632, -0.14, 0.06841),
)
"""Stillmaker & Baas 2017: 65 nm bulk, then low power."""


def test_65_nm_factors_are_stillmaker_and_baas() -> None:
    table = load_table("65nm_imac").nodes["stillmaker_baas"]
    factor = table.entries["add"].factor
    at = [energy_factor(E65, volt) / energy_factor(E45, 1.0) for volt in (1.0, 1.1, 1.2)]
    assert factor == pytest.approx(at, abs=0.006)
    hp45, b65 = (-501.6, 1567, -1619, 566.1), (-53.3, 230.4, -333.9, 178.6)
    assert table.entries["time.add"].factor.high == pytest.approx(
        delay_factor(b65, 1.1) / delay_factor(hp45, 1.0), abs=0.01
    )


def test_28_nm_factors_are_stillmaker_and_baas_between_32_and_20_nm() -> None:
    """Power law of the node: e(28) = e(32) · (e(20) / e(32))^(ln(28/32) / ln(20/32)), exponent 0.2841."""
    at_28 = energy_factor(E32, 0.9) * (energy_factor(E20, 0.9) / energy_factor(E32, 0.9)) ** 0.2841
    factor = load_table("28nm").entries["add"].factor
    assert factor.nominal == pytest.approx(at_28 / energy_factor(E45, 0.9), abs=0.005)
    assert factor.low == pytest.approx(at_28 / energy_factor(E45, 1.0), abs=0.005)
    assert factor.high == pytest.approx(energy_factor(E32, 0.9) / energy_factor(E45, 0.9), abs=0.005)
    lp45, lp32 = (-285.7, 1239, -1795, 898.8), (-325.9, 1374, -1922, 913.2)
    assert load_table("28nm").entries["time.add"].factor.high == pytest.approx(
        delay_factor(lp32, 1.0) / delay_factor(lp45, 1.0), abs=0.005
    )


def test_memories_of_28_nm_continue_cactis_way_from_45_to_32_nm() -> None:
    """6.14 → 3.44 pJ is a power of 1.70 of the node; from 32 to 28 nm that is × 0.797."""
    table = load_table("28nm")
    for name, points in (("sram_read", (3.44, 52.0)), ("sram_write", (4.27, 41.2))):
        found = [table.value(name, 64, 0, kib * KIB).nominal for kib in (8, 1024)]
        assert found == pytest.approx([0.797 * point for point in points], rel=0.005)


def test_quadratic_scaling_is_the_square_of_the_node_ratio() -> None:
    for name, node in (("65nm_imac", 65), ("28nm", 28)):
        factor = load_table(name).nodes["quadratic"].entries["add"].factor
        assert factor.nominal == pytest.approx((node / 45) ** 2, abs=0.005)


@pytest.mark.parametrize("quantity", ["add", "multiply_horowitz", "register_write", "time.sram", "area.register"])
def test_energy_time_and_area_shrink_with_the_node(quantity: str) -> None:
    values = [load_table(name).value(quantity, 16, 16, 8 * KIB).nominal for name in ("28nm", "45nm", "65nm_imac")]
    assert values == sorted(set(values))


@pytest.mark.parametrize("name", ["dram_lpddr4", "router_hop", "adc_zigzag_imc", "time.pulse"])
def test_what_belongs_to_another_node_is_not_scaled(name: str) -> None:
    for table in ("28nm", "65nm_imac"):
        assert load_table(table).value(name, 5, 31) == T45.value(name, 5, 31)


def test_a_node_scaling_is_chosen_by_name_and_priced_alike_by_both_ways() -> None:
    table = load_table("28nm")
    storage = (Storage("weight_memory", 8 * KIB, 64, 3), Storage("fifo", 256, 16))
    for rule in ("table", "stillmaker_baas", "cacti", "quadratic"):
        chosen = replace(OWN, node_scaling=rule)
        cost = evaluate(run(storage=storage), chosen, table, clock_mhz=100)
        repriced = Repricer(run(storage=storage), table).reprice(chosen, clock_mhz=100)
        assert [tuple(line) for line in repriced.lines_aj.tolist()] == [tuple(line.energy) for line in cost.lines]
        assert repriced.area_um2 == cost.area_um2
        assert dict(cost.choices)["node_scaling"] == (rule if rule != "table" else "stillmaker_baas")


def test_a_table_that_inherits_without_a_factor_offers_its_parents_scalings() -> None:
    text = 'format: 1\nname: mine\ntitle: "28nm under another name"\nnode_nm: 28\ninherit: {table: 28nm}\n'
    mine, parent = from_text(text, origin="mine.yaml"), load_table("28nm")
    assert set(mine.nodes) == set(parent.nodes)
    for name, node in parent.nodes.items():
        assert mine.nodes[name].value("add", 16) == node.value("add", 16)


# Two ports.


def test_a_second_port_costs_energy_leakage_and_area() -> None:
    """A cell with two more transistors is larger and leaks more, and its longer lines hold more charge."""
    one, two = (energy("membrane_memory", "read", ports=ports) for ports in (1, 2))
    assert two / one == pytest.approx(1.14)
    costs = [
        evaluate(run(storage=(Storage("membrane_memory", 8 * KIB, 64, 2, ports=ports),)), OWN, T45, clock_mhz=100)
        for ports in (1, 2)
    ]
    assert costs[1].area_um2.nominal / costs[0].area_um2.nominal == pytest.approx(1.3)
    assert costs[1].static("leak").nominal / costs[0].static("leak").nominal == pytest.approx(1.33, rel=1e-3)
    assert "8 transistors" in next(line.source for line in costs[1].lines if line.action == "leak")


# Deadlines.

MACRO = Deadline("membrane_memory", "access", 1, 64, 0, 8 * KIB)


def test_an_operation_that_fits_says_by_how_much() -> None:
    """1.06 ns of the 2.5 ns of a cycle at 400 MHz."""
    (timing,) = evaluate(run(deadlines=(MACRO,)), OWN, T45, clock_mhz=400).timings
    assert (timing.available_ns, timing.verdict) == (2.5, FITS)
    assert timing.needed_ns is not None
    assert timing.needed_ns.nominal == pytest.approx(1.06)
    assert "CACTI" in timing.source


def test_longer_columns_take_longer_to_discharge() -> None:
    """A bit line's charge grows with the rows on it: 1024 rows take 4 ns, which one cycle of 2.5 ns does not hold."""
    machine = {"engines.pim.rows": 1024}
    with pytest.raises(CostError, match=r"row_driver.pulse .* takes 4 ns .* fewer engines.pim.rows"):
        report.run("cnn3d_6b", "pim45nm_bitserial", samples=1, overrides=machine)
    slower = report.run("cnn3d_6b", "pim45nm_bitserial", samples=1, overrides=machine | {"engines.pim.pulse_cycles": 2})
    assert {timing.verdict for timing in slower.cost.timings} == {FITS}


def test_a_clock_that_only_the_cnn_beside_the_run_cannot_follow_says_so() -> None:
    """At 690 MHz and 65 nm an addition fits and a multiplication does not; leaks of shifts only add."""
    fast: dict[str, object] = {"clock_mhz": 690.0, "memories.macro_kib": 4, "engines.pim.adc_cycles": 4}
    shifts = {"engines.pim.leak": "shifts", "engines.event.leak": "shifts"}
    with pytest.raises(CostError, match=r'^hardware "pim65nm": neuron.leak .* takes 1.5 ns'):
        report.run("cnn3d_6b", "pim65nm", samples=1, overrides=fast)
    with pytest.raises(CostError, match=r"^6-bit CNN on ann45nm: mac.multiply .* takes 1.5 ns"):
        report.run("cnn3d_6b", "pim65nm", samples=1, overrides=fast | shifts)


def test_5_ns_fit_exactly_into_two_cycles_of_2_5_ns() -> None:
    converter = Deadline("adc", "convert", 2, 4, 10)
    (timing,) = evaluate(run(deadlines=(converter,)), replace(OWN, adc_model="imac"), T45, clock_mhz=400).timings
    assert timing.verdict == FITS


@pytest.mark.parametrize(
    ("deadline", "clock_mhz", "message"),
    [
        (
            replace(MACRO, capacity_bits=1024 * KIB),
            400,
            r"membrane_memory.access of a macro of 1024 KiB takes 4 ns",
        ),
        (MACRO, 1000, r"takes 1.06 ns .*CACTI 7.* but has 1 ns, 1 cycle at clock_mhz=1000; smaller macros \(memories"),
        (Deadline("adc", "convert", 2, 6, 31), 400, r"adc.convert of 6 bits takes 7 ns .* 5 ns, 2 cycles .*adc_cycles"),
        (
            Deadline("row_driver", "pulse", 1, 256, 256),
            1100,
            r"row_driver.pulse .* takes 1 ns .* more engines.pim.pulse_cycl",
        ),
        (
            Deadline("mac", "multiply", 1, 6, 6),
            1100,
            r"mac.multiply .* takes 0.98 ns .*engines.mac.multiply_cycles or a",
        ),
    ],
)
def test_a_clock_that_something_cannot_follow_is_refused(deadline: Deadline, clock_mhz: float, message: str) -> None:
    activity = run(deadlines=(deadline,))
    with pytest.raises(CostError, match=message) as direct:
        evaluate(activity, OWN, T45, clock_mhz=clock_mhz)
    repricer = Repricer(activity, T45)
    with pytest.raises(CostError) as repriced:
        repricer.reprice(OWN, clock_mhz=clock_mhz)
    assert str(repriced.value) == str(direct.value)
    assert "\n" not in str(direct.value)
    repricer.reprice(OWN, clock_mhz=100)


def test_what_only_the_fastest_source_allows_is_tight_and_what_none_times_unknown() -> None:
    """A 65 nm multiplication takes IMAC 4 ns and a scaled Aladdin 1.5 ns; Murmann's survey states no time."""
    deadlines = (Deadline("mac", "multiply", 1, 6, 6), Deadline("adc", "convert", 1, 8, 31))
    chosen = replace(OWN, adc_model="murmann_survey")
    cost = evaluate(run(deadlines=deadlines), chosen, load_table("65nm_imac"), clock_mhz=400)
    assert [timing.verdict for timing in cost.timings] == [TIGHT, UNKNOWN]
    assert cost.timings[1].needed_ns is None


def test_a_pipeline_has_to_be_as_deep_as_its_operations_are_long() -> None:
    """Read and write of 8 KiB macros take 1.06 ns each and an addition at least 0.98: too much for one 2.5 ns cycle."""
    beat = Deadline("event", "pipeline_depth", 1, parts=(MACRO, Deadline("lane", "accumulate", 1, 20, 6), MACRO))
    message = r"engines.event.pipeline_depth: membrane_memory.access, lane.accumulate, .* take 3.1 ns but has 2.5 ns"
    with pytest.raises(CostError, match=message) as direct:
        evaluate(run(deadlines=(beat,)), OWN, T45, clock_mhz=400)
    with pytest.raises(CostError) as repriced:
        Repricer(run(deadlines=(beat,)), T45).reprice(OWN, clock_mhz=400)
    assert str(repriced.value) == str(direct.value)
    (timing,) = evaluate(run(deadlines=(replace(beat, cycles=2),)), OWN, T45, clock_mhz=400).timings
    assert (timing.verdict, timing.available_ns) == (FITS, 5.0)
    assert timing.needed_ns is not None
    assert timing.needed_ns.nominal == pytest.approx(1.06 + 1.0 + 1.06)
    assert evaluate(run(deadlines=(beat,)), OWN, T45, clock_mhz=300).timings[0].verdict == FITS


def test_leaks_of_shifts_are_timed_as_additions() -> None:
    result = report.run("cnn3d_6b", "digital45nm", samples=1, overrides={"engines.event.leak": "shifts"})
    timed = {timing.deadline.action: timing for timing in result.cost.timings}
    assert timed["shift_leak"].needed_ns == T45.value("time.add")
    assert timed["shift_leak"].verdict == FITS


@pytest.mark.parametrize("name", ["allpim45nm", "ann45nm", "digital45nm", "pim45nm", "pim45nm_bitserial"])
@pytest.mark.parametrize("table", ["28nm", "45nm", "45nm_hypersnn"])
def test_shipped_machines_have_time_for_every_operation(name: str, table: str) -> None:
    result = report.run("cnn3d_6b", name, samples=1, overrides={"cost.table": table})
    assert {timing.verdict for timing in result.cost.timings} == {FITS}
    components = {timing.deadline.component for timing in result.cost.timings}
    memories = {item.component for item in result.activity.storage if item.component.endswith("_memory")}
    assert memories <= components
