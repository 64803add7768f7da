"""The list of a cost table: every number once, as it is in force, with its source."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pimsim import report
from pimsim.cli.main import main
from pimsim.cost import load_table
from pimsim.errors import OutputError
from pimsim.resources import COST_TABLE, shipped

TABLES = [path.stem for path in shipped(COST_TABLE)]
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    table = report.price_list(load_table(name))
    return [dict(zip(table.columns, map(str, row), strict=True)) for row in table.rows]


@pytest.mark.parametrize("name", TABLES)
def test_every_entry_and_flavour_is_listed_with_range_and_source(name: str) -> None:
    table, listed = load_table(name), rows(name)
    assert {row["entry"] for row in listed} == set(table.entries) | {f"leakage.{one}" for one in table.flavours}
    for row in listed:
        assert 0 <= float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert row["kind"] in ("measured", "model", "paper", "assumed")
        assert row["unit"]
        assert len(row["source"]) >= 8


@pytest.mark.parametrize("name", TABLES)
def test_no_number_is_listed_twice(name: str) -> None:
    keys = [(row["entry"], row["of"]) for row in rows(name)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", TABLES)
def test_every_action_is_priced_by_an_entry_of_the_list(name: str) -> None:
    named = {action.split(" ")[0] for row in rows(name) for action in row["actions"].split(", ")}
    assert set(load_table(name).actions) <= named


@pytest.mark.parametrize("name", TABLES)
def test_listed_numbers_are_the_prices_in_force(name: str) -> None:
    """A linear price of one bit, and a tabulated one at its own width, are the number itself."""
    table = load_table(name)
    for row in rows(name):
        if row["form"] == "per_bit":
            assert table.value(row["entry"], 1, 1).nominal == float(row["value"])
        if row["form"] == "points" and row["of"].endswith(" b"):
            width = int(row["of"].split()[0])
            assert table.value(row["entry"], width, width).nominal == pytest.approx(float(row["value"]))


def test_inherited_numbers_are_scaled_and_say_by_what() -> None:
    """65 nm takes 45 nm's adder × 1.84."""
    (parent,), (child,) = ([row for row in rows(name) if row["entry"] == "add"] for name in ("45nm", "65nm_imac"))
    assert float(child["value"]) == pytest.approx(1.84 * float(parent["value"]))
    assert "[x1.84" in child["source"]
    assert "[x1.84" in report.price_list_text(load_table("65nm_imac"), 120)


@pytest.mark.parametrize("width", [100, 120])
@pytest.mark.parametrize("name", TABLES)
def test_text_holds_every_entry_and_fits_its_width(name: str, width: int) -> None:
    text = report.price_list_text(load_table(name), width)
    assert max(map(len, text.splitlines())) <= width
    told = " ".join(text.split())
    assert all(" ".join(row["source"].split()) in told for row in rows(name))  # in one piece, whatever the width
    assert "…" not in text
    for entry in load_table(name).entries:
        assert entry in text


def plain(row: Row) -> dict[str, object]:
    return {name: float(cell) if name in ("value", "low", "high") else cell for name, cell in row.items()}


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as end:
        main(["costs", *arguments])
    return end.value.code


def test_the_command_lists_45nm_by_default_and_writes_a_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "prices.csv"
    assert not run("--csv", str(file))
    out = capsys.readouterr().out
    assert out.startswith("45nm: ")
    with file.open(encoding="utf-8") as stream:
        assert list(map(plain, csv.DictReader(stream))) == list(map(plain, rows("45nm")))


def test_the_list_of_a_table_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        report.write_price_list(load_table("45nm"), tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("table", ["nowhere", "45mn"])
def test_an_unknown_table_is_one_line(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "45nm.yaml" in error


def test_a_csv_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        report.write_price_list(load_table("45nm"), tmp_path / "file" / "prices.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        report.write_price_list(load_table("45nm"), tmp_path / "folder")
    assert (tmp_path / "file").read_text() == "in the way"
