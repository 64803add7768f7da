"""docs/study.md: its spaces, and machines that it quotes, evaluated again."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import prepare
from pimsim.explore.point import Row
from pimsim.explore.space_load import load_space
from pimsim.hardware import from_dict, load_hardware

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
STALE = "stale: python benchmarks/study.py, then read the prose of docs/study.md again"


def table(name: str) -> list[list[str]]:
    """Cells of a generated table, without its head."""
    (body,) = re.findall(rf"<!-- made: {name} -->\n\n(.*?)\n\n<!-- end -->", PAGE, re.DOTALL)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()[2:]]


@cache
def evaluator(space: str) -> Evaluator:
    return Evaluator(prepare(load_space(space)))


def evaluated(space: str, *points: int) -> list[Row]:
    own = load_space(space)
    return list(evaluator(space).evaluate([own.point(number) for number in points]).rows)


def number(row: Row, column: str) -> float:
    cell = row[column]
    assert isinstance(cell, int | float)
    return cell


@pytest.mark.parametrize("name", ["study", "study_cnn", "study_converters"])
def test_the_page_says_how_many_machines_each_space_has(name: str) -> None:
    size = load_space(name).size
    assert size is not None
    assert re.search(rf"`{name}` [^.;]*?{size:,} ", PAGE), size


def test_the_study_has_as_many_machines_as_its_first_table_adds_up_to() -> None:
    lines = {line[0]: [int(cell.replace(",", "")) for cell in line[1:]] for line in table("statuses")}
    machines, ok, *refused = lines.pop("all")
    assert machines == load_space("study").size == ok + sum(refused) >= 10_000
    assert [sum(column) for column in zip(*lines.values(), strict=True)] == [machines, ok, *refused]


MACHINES = {line[0]: line for line in table("machines")}
QUOTED = (
    "digital45nm",
    "pim45nm",
    "best in energy",
    "best in energy × delay",
    "best felt crossbar in energy",
    "CNN on ann45nm",
    "CNN, best in delay",
)


@pytest.mark.parametrize("name", QUOTED)
def test_a_quoted_machine_costs_what_the_page_says(name: str) -> None:
    _, point, energy, delay, product, area, accuracy = MACHINES[name]
    (row,) = evaluated("study_cnn" if name.startswith("CNN") else "study", int(point))
    low, nominal, high = (number(row, f"full_energy_{end}pj") / 1e6 for end in ("low_", "", "high_"))
    assert energy == f"{nominal:.2f} ({low:.2f}–{high:.2f})", STALE
    assert delay == f"{number(row, 'delay_ns') / 1e3:,.1f}", STALE
    assert product == f"{number(row, 'full_edp_uj_us'):,.0f}", STALE
    assert area == f"{number(row, 'area_um2') / 1e6:.2f}", STALE
    assert accuracy == f"{100 * number(row, 'overall_accuracy'):.1f}", STALE


@pytest.mark.parametrize("name", ["digital45nm", "pim45nm", "pim45nm_bitserial", "lean45nm", "leanpim45nm"])
def test_shipped_machines_are_points_of_the_space(name: str) -> None:
    """But for names; a converter without steps is what "auto" means in an analog crossbar."""
    space = load_space("study")
    chosen = space.chosen(space.point(int(MACHINES[name][1])))
    machine = from_dict(space.machines[chosen.hardware], overrides=chosen.overrides).to_dict()
    exact = {"engines.pim.numerics.adc_full_scale_lsb": "exact"} if chosen.hardware == "pim45nm" else {}
    shipped = load_hardware(name, exact).to_dict()
    assert {key for key in shipped if machine[key] != shipped[key]} <= {"name", "description"}


def test_conversions_and_accuracy_of_a_converter_are_as_the_page_says() -> None:
    space = load_space("study_converters")
    axes = {
        "full_scale": "weights",
        "engines.pim.products_per_conversion": 10,
        "engines.pim.adc_bits": 4,
        "engines.pim.outputs_per_adc": 1,
        "engines.pim.adc_cycles": 2,
        "cost.adc_model": "imac",
    }
    felt, ideal = (space.number(axes | {"full_scale": scale}) for scale in ("weights", "ideal"))
    (row,) = evaluated("study_converters", felt)
    accuracy = {line[0]: line[1] for line in table("accuracies")}["weights, 10 products"]
    assert accuracy == f"{100 * number(row, 'overall_accuracy'):.1f}", STALE
    (row,) = evaluated("study_converters", ideal)
    energy = {line[0]: line[1] for line in table("conversions")}["imac, 10 products"]
    assert energy == f"{number(row, 'adc_pj') / 1e3:.1f}", STALE


def test_every_generated_table_has_rows_and_every_picture_is_there() -> None:
    names = re.findall(r"<!-- made: ([a-z ]+) -->", PAGE)
    assert len(names) == len(set(names)) >= 10
    assert all(table(name) for name in names)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / picture).stat().st_size > 1000
