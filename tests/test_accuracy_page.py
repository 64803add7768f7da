"""docs/accuracy.md is what its generator makes of docs/accuracy.csv."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_results import BASE

from pimsim.errors import ResultsError
from pimsim.report import accuracy_table, paper_figures
from pimsim.report.accuracy_page import PARTS, refreshed
from pimsim.report.accuracy_table import summarise
from pimsim.report.made_parts import markdown
from pimsim.report.paper_tables import TextTable

ROOT = Path(__file__).parent.parent
PAGE, RESULTS = ROOT / "docs" / "accuracy.md", ROOT / "docs" / "accuracy.csv"


def test_page_is_what_the_committed_results_give() -> None:
    page = PAGE.read_text(encoding="utf-8")
    stale = "stale: python benchmarks/accuracy.py, then read the prose of docs/accuracy.md again"
    assert refreshed(page, accuracy_table.read(RESULTS)) == page, stale


def test_page_has_every_part_once() -> None:
    named = re.findall(r"<!-- made: (.*) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(named) == sorted(PARTS)


def test_results_hold_no_measurement_twice() -> None:
    rows = accuracy_table.read(RESULTS)
    assert len({row.identity for row in rows}) == len(rows)


@pytest.mark.parametrize("rows", [(), (BASE,), (replace(BASE, network="cnn32h", epochs="", command="a | b"),)])
def test_any_rows_make_a_page_and_the_text_between_stays(rows: tuple[accuracy_table.AccuracyRow, ...]) -> None:
    page = "before\n" + "\n".join(f"<!-- made: {name} -->\nold\n<!-- end -->\nbetween" for name in PARTS) + "\nafter\n"
    made = refreshed(page, rows)
    assert made.startswith("before\n")
    assert made.endswith("after\n")
    assert made.count("between") == len(PARTS)
    assert "old" not in made
    assert refreshed(made, rows) == made


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(ResultsError, match='"made: table9": no such part of the page; there are table2 cnn3d'):
        refreshed("<!-- made: table9 -->\n<!-- end -->", ())


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    table = TextTable("t", ("a", "b"), (("x|y", "1\n2"),))
    assert markdown(table) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 2 |"


@pytest.mark.parametrize("rows", [(), (BASE,), (BASE, replace(BASE, seed=1, oa_percent=90.0))])
@pytest.mark.parametrize(("plot", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture_of_any_rows_is_drawn_twice_alike(
    rows: tuple[accuracy_table.AccuracyRow, ...], plot: str, start: bytes
) -> None:
    pytest.importorskip("matplotlib")
    first, second = (paper_figures.quantization(summarise(rows), "cnn3d", "indian_pines", plot) for _ in range(2))
    assert first == second
    assert first.startswith(start)
