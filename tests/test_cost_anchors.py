"""Figures that sources print, each within the rounding of its print; `test_cost_tables` has arithmetic and SRAM."""

from __future__ import annotations

import pytest

from pimsim.activity.activity import Storage
from pimsim.cost import CostTable, PriceBook, load_table
from pimsim.hardware import CostSettings

T45, T65, T28 = (load_table(name) for name in ("45nm", "65nm_imac", "28nm"))
KIB = 8192


def settings(device: str = "lstp", kelvin: float = 300.0) -> CostSettings:
    return CostSettings("45nm", "neurosim_sar", device, kelvin)


# NeuroSim 1.3 at 45 nm: array, registers, shift-adder.


@pytest.mark.parametrize(("columns", "energy"), [(128, 0.054), (256, 0.071)])
def test_word_line_pulse_is_neurosims(columns: int, energy: float) -> None:
    assert T45.price("row_driver", "pulse", columns, 0, 0, "imac").nominal == pytest.approx(energy)


@pytest.mark.parametrize(("rows", "energy"), [(64, 0.0088), (128, 0.0172), (256, 0.0341)])
def test_column_precharge_is_neurosims(rows: int, energy: float) -> None:
    assert T45.price("column", "precharge", 1, rows, 0, "imac").nominal == pytest.approx(energy)


@pytest.mark.parametrize(("bits", "energy", "low"), [(8, 0.257, 0.0105), (16, 0.364, 0.021)])
def test_shift_add_spans_isaac_to_neurosim(bits: int, energy: float, low: float) -> None:
    price = T45.price("shift_add", "add", bits, 0, 0, "imac")
    assert (price.nominal, price.low) == pytest.approx((energy, low))


@pytest.mark.parametrize(("bits", "energy"), [(8, 0.032), (16, 0.065), (32, 0.129)])
def test_the_high_end_of_an_addition_is_neurosims_adder(bits: int, energy: float) -> None:
    assert T45.value("add", bits).high == pytest.approx(energy, abs=0.001)


def test_a_16_bit_flip_flop_write_is_neurosims() -> None:
    assert T45.value("register_write", 16).nominal == pytest.approx(0.150)


@pytest.mark.parametrize(("bits", "energy"), [(8, 0.0085), (16, 0.017), (32, 0.034)])
def test_comparator_is_aladdins(bits: int, energy: float) -> None:
    assert T45.value("compare", bits).nominal == pytest.approx(energy)


@pytest.mark.parametrize(
    ("model", "bits", "energy"),
    [("zigzag_imc", 8, 50e-3 * 8 * 0.9**2), ("time_domain", 8, 0.0375), ("sar_40nm", 8, 0.291), ("isaac", 1, 0.417)],
)
def test_dac_models_are_those_of_their_sources(model: str, bits: int, energy: float) -> None:
    table = T45.ruled("dac_model", model)
    price = table.price("dac", "convert", bits, 0, 0, "imac")
    assert price.nominal == pytest.approx(energy, rel=0.005)
    assert price.low <= price.nominal <= price.high


def test_floating_point_macs_cost_horowitz_4_6_pj() -> None:
    table = T45.ruled("mac_scaling", "float32")
    product, addition = (table.price("mac", action, 32, 32, 0, "imac").nominal for action in ("multiply", "accumulate"))
    assert (product, addition) == (3.7, 0.9)


# Converters at their own nodes.


def test_imacs_converter_takes_1_pj_and_5_ns_for_4_bits_at_65_nm() -> None:
    assert T65.price("adc", "convert", 4, 10, 0, "imac").nominal == 1.0
    assert T65.value(T65.adc_times["imac"], 4, 10).nominal == 5.0


def test_jias_converter_is_its_silicon_at_0_85_and_1_2_v() -> None:
    price = T65.value("adc_jia2020", 8)
    assert (price.nominal, price.high) == (1.79, 3.56)


@pytest.mark.parametrize(("bits", "rows"), [(4, 64), (5, 31), (8, 256)])
def test_zigzags_converter_is_its_formula_at_28_nm(bits: int, rows: int) -> None:
    """(100 b + 0.001 · 4^b) fF · (0.9 V)², b · (0.00653 · rows + 0.640) ns, unscaled in the table of its node."""
    energy = (100 * bits + 0.001 * 4**bits) * 1e-3 * 0.9**2
    assert T28.value("adc_zigzag_imc", bits).nominal == pytest.approx(energy)
    assert T28.value("time.adc_zigzag_imc", bits, rows).nominal == pytest.approx(bits * (0.00653 * rows + 0.640))


@pytest.mark.parametrize("bits", [4, 5, 6, 8])
def test_neurosims_converter_is_power_times_time(bits: int) -> None:
    time = T45.value("time.adc_neurosim_sar", bits).nominal
    assert time == bits + 1
    assert T45.value("adc_neurosim_sar", bits).nominal == pytest.approx(
        (2.1691 * bits + 16.693) * time * 1e-3, rel=1e-5
    )


def test_converter_models_spread_about_tenfold() -> None:
    """At 5 bits 0.165 pJ to 1.78 pJ: the reason why the model is a named choice."""
    energies = [T45.value(name, 5).nominal for name in T45.adc_models.values()]
    assert 10 < max(energies) / min(energies) < 12


# Memories.


@pytest.mark.parametrize(("kib", "nanoseconds"), [(8, 1.06), (1024, 4.0)])
def test_access_times_are_cactis(kib: int, nanoseconds: float) -> None:
    assert T45.value("time.sram", 64, 0, kib * KIB).nominal == pytest.approx(nanoseconds)


@pytest.mark.parametrize(
    ("table", "kib", "read", "write"),
    [(T65, 8, 11.1, 14.7), (T65, 1024, 175, 146), (T28, 8, 3.44, 4.27), (T28, 1024, 52.0, 41.2)],
)
def test_sram_at_65_nm_is_cactis_and_at_28_nm_no_dearer_than_its_32_nm(
    table: CostTable, kib: int, read: float, write: float
) -> None:
    found = [table.value(name, 64, 0, kib * KIB) for name in ("sram_read", "sram_write")]
    ends = [price.nominal if table is T65 else price.high for price in found]
    assert ends == pytest.approx([read, write])


@pytest.mark.parametrize(
    ("device", "microwatts"),
    [("lstp", (0.26, 1.7, 6.7)), ("lop", (230, 1400, 5600)), ("hp", (4600, 31000, 124000))],
)
def test_macros_leak_as_cacti_says_at_300_k(device: str, microwatts: tuple[float, float, float]) -> None:
    book = PriceBook(T45, settings(device))
    found = [book.storage(Storage("weight_memory", kib * KIB, 64)).leakage_uw.nominal for kib in (8, 64, 256)]
    assert found == pytest.approx(microwatts)


@pytest.mark.parametrize(("device", "factor"), [("lstp", 9.0), ("hp", 2.2)])
def test_leakage_at_360_k_is_cactis_multiple(device: str, factor: float) -> None:
    macro = Storage("weight_memory", 8 * KIB, 64)
    cold, hot = (PriceBook(T45, settings(device, kelvin)).storage(macro).leakage_uw.nominal for kelvin in (300, 360))
    assert hot / cold == pytest.approx(factor)


def test_a_6t_cell_leaks_and_measures_what_neurosim_says() -> None:
    """13.5 pW in low standby power and 0.296 um2."""
    array = PriceBook(T45, settings()).storage(Storage("pim_array", 65536, 256))
    assert array.leakage_uw.nominal == pytest.approx(65536 * 13.5e-6)
    assert array.area_um2.nominal == pytest.approx(65536 * 0.296)


def test_dram_and_router_are_as_stated() -> None:
    assert T45.value("dram_lpddr4", 1).nominal == 8
    assert T45.value("dram_qkeras", 1).nominal == 20.3
    assert T45.value("router_hop", 1).nominal == 0.081
    assert T45.value("wire_1mm", 1).nominal == pytest.approx(0.5 * 0.2e-3 * 1000 * 1.1**2)  # half of C V², 0.2 fF/um


# Why memory must be counted.


def test_the_membrane_access_outweighs_its_add_a_hundredfold() -> None:
    """About 5 pJ for a 16-bit read and write of 8 KiB against 0.05 pJ."""
    access = sum(T45.value(name, 16, 0, 8 * KIB).nominal for name in ("sram_read", "sram_write"))
    assert 90 < access / T45.value("add", 16).nominal < 110
