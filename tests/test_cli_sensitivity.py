"""``pimsim sensitivity``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from made_sensitivity import explored, space_of

from pimsim.cli.main import main

Capture = pytest.CaptureFixture[str]
AXES = {"clock_mhz": [100, 200], "engines.event.lanes": [8, 16, 32, 64], "engines.pim.adc_bits": [4, 5, 6, 7, 8, 9, 10]}


def figures(values: dict[str, Any]) -> dict[str, float | None]:
    energy = 1e4 * values["engines.event.lanes"] ** 0.5 * 2.0 ** values["engines.pim.adc_bits"]
    return {"full_energy_pj": energy, "delay_ns": 1e8 / values["clock_mhz"], "overall_accuracy": 0.5}


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with an exploration in ``made``."""
    monkeypatch.chdir(tmp_path)
    explored(tmp_path / "made", space_of(AXES), figures)


def call(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sensitivity", *arguments])
    assert (end.value.code or 0) == code


def lines(capsys: Capture) -> list[str]:
    """Printed lines, words parted by single spaces."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_table_for_each_objective_of_the_space(capsys: Capture) -> None:
    call("made", "--at", "0")
    printed = lines(capsys)
    assert printed[0] == "made: which knob matters"
    assert " ".join(printed[1:3]).startswith("turned alone around point 0: clock_mhz=100, engines.event.lanes=8")
    assert any(line.startswith("energy (min): 56 points; shares of the variance of its logarithm") for line in printed)
    assert any(line.startswith("delay (min): 56 points") for line in printed)
    assert "axis % % nJ at at / reference" in printed
    strongest = next(line for line in printed if line.startswith("engines.pim.adc_bits")).split()
    # 8 lanes and 4 bits: 1e4 √8 · 16 pJ; variances of 7 bits and of 4 lanes that count half: 4 to 1.25 / 4
    assert strongest[2:] == ["92.8", "453", "4", "28,963", "10", "1.00–64.0"]
    clock = [line.split() for line in printed if line.startswith("clock_mhz")]
    assert clock[0][2:] == ["0.0", "453", "100", "453", "100", "1.00–1.00"]
    assert clock[1][2:] == ["100.0", "0.500", "200", "1.00", "100", "0.50–1.00"]


def test_all_numbers_as_csv(capsys: Capture) -> None:
    call("made", "--at", "3", "--objective", "energy", "--csv", "effects.csv")
    assert lines(capsys)[-1] == "written to effects.csv"
    rows = list(csv.DictReader(Path("effects.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["axis"] for row in rows] == ["engines.pim.adc_bits", "engines.event.lanes", "clock_mhz"]
    first = rows[0]
    assert (first["objective"], first["column"], first["reference_point"]) == ("energy", "full_energy_pj", "3")
    assert first["points"] == "6"
    assert float(first["greatest"]) / float(first["reference"]) == float(first["greatest_ratio"])
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)
    assert sum(float(row["importance"]) for row in rows) == pytest.approx(1)


@pytest.mark.parametrize("name", ["effects.html", "effects.svg"])
def test_the_same_results_give_the_same_picture(name: str, capsys: Capture) -> None:
    if name.endswith("html"):
        pytest.importorskip("plotly")
    call("made", "--objective", "energy", "--objective", "accuracy", "--at", "0", "--plot", name)
    first = Path(name).read_bytes()
    assert lines(capsys)[-1] == f"written to {name}"
    call("made", "--objective", "energy", "--objective", "accuracy", "--at", "0", "--plot", name)
    assert Path(name).read_bytes() == first
    assert b"adc_bits" in first
    assert b"the reference" in first or name.endswith("svg")


def test_a_picture_without_bars_or_shares(tmp_path: Path, capsys: Capture) -> None:
    """Around a machine that is not there, of points around another."""
    pytest.importorskip("plotly")
    space = space_of(AXES)
    own = next(iter(space.around()))
    explored(
        tmp_path / "bare",
        space,
        figures,
        [point for point in space.points() if point.values != own.values][:3],
        method="tornado",
    )
    for name in ("bare.html", "bare.svg"):
        call("bare", "--plot", name)
        assert Path(name).stat().st_size > 1000
    told = " ".join(lines(capsys))
    assert "no knob is turned alone: the space's own machine is not among the points (--at POINT, or explore" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], '"none": no such file or folder'),
        (["made", "--objective", "speed"], '"speed": no metric "speed"'),
        (["made", "--objective", "energy", "--objective", "energy"], 'objective "energy": the same as "energy"'),
        (["made", "--where", "clock_mhz == 3"], '"made": none of the 56 evaluated points holds "clock_mhz == 3"'),
        (["made", "--objective", "area"], 'objective "area" is not known of any evaluated point'),
        (["made", "--at", "56"], '"made" has no point 56'),
        (["made", "--plot", "effects.pdf"], '"effects.pdf": a picture is a .html or .svg file'),
        (["made", "--csv", "none/made/effects.csv", "--plot", "made/results.csv/x.svg"], "is not a folder"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(arguments: list[str], said: str, capsys: Capture) -> None:
    call(*arguments, code=2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert said in printed.err
    assert [path.name for path in Path().iterdir()] == ["made"]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    call("made", code=2)
    assert "Optuna, not installed here: pip install 'pimsim[explore]'" in capsys.readouterr().err


def test_a_missing_plotly_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    real = importlib.util.find_spec
    monkeypatch.setattr("pimsim.explore.html_page.find_spec", lambda name: None if name == "plotly" else real(name))
    call("made", "--plot", "effects.html", code=2)
    assert "plotly, not installed here: pip install 'pimsim[explore]'" in capsys.readouterr().err
