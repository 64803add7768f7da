"""``pimsim pareto``: what it prints and writes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_exploration import IDENTITY
from made_front import ACCURACY, COLUMNS, DELAY, ENERGY, HIGH, LOW, refused, row, trade

from pimsim.cli.main import main
from pimsim.explore.identity import Identity
from pimsim.explore.point import Row
from pimsim.explore.store import Store

Capture = pytest.CaptureFixture[str]
ROWS = [
    trade(0, 2e3, 5e3, 0.9712),
    row(1, **{ENERGY: 5e3, LOW: 1e3, HIGH: 2e4, DELAY: 2e3, ACCURACY: 0.95, "engines.pim.rows": 128}),
    trade(2, 6e3, 6e3, 0.9),
    row(3, status="violates", reason="area_um2=9: violates area <= 3", **{ENERGY: 1.0, DELAY: 1.0}),
    refused(4, "engines.pim.rows=3: too few"),
    trade(5, 7e3, 1e3, None),
]


def explored(folder: Path, rows: list[Row] = ROWS, identity: Identity = IDENTITY, *, finish: bool = True) -> Path:
    with Store.create(folder, identity, COLUMNS) as store:
        store.add(0, rows)
        if finish:
            store.finish()
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with an exploration in ``made``."""
    monkeypatch.chdir(tmp_path)
    explored(tmp_path / "made")


def call(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["pareto", *arguments])
    assert (end.value.code or 0) == code


def lines(capsys: Capture) -> list[str]:
    """Printed lines, words parted by single spaces."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_the_table_has_the_axes_that_vary_and_the_objectives_with_their_ranges(capsys: Capture) -> None:
    call("made", "--objective", "energy", "--objective", "delay")
    printed = lines(capsys)
    assert printed[0] == "made: 3 of 4 points are on the front of energy (min), delay (min)"
    assert printed[1] == "of 6 points: 4 ok, 1 violates, 1 refused"
    same = "model=cnn3d_6b, hardware=pim45nm, input=cnn3d_indian_pines, clock_mhz=100, cost.device=hp"
    assert " ".join(printed[2:4]).startswith(f"the same in all: {same}")
    assert "point rows nJ us best in" in printed
    assert "1 128 5.00 (1.00–20.0) 2.00" in printed
    assert [line.split()[0] for line in printed if line[:2] in ("0 ", "1 ", "5 ")] == ["0", "1", "5"]
    assert next(line for line in printed if line.startswith("0 ")).endswith("5.00 energy")
    assert next(line for line in printed if line.startswith("5 ")).endswith("1.00 delay")


def test_objectives_are_those_of_the_space_unless_asked_for(tmp_path: Path, capsys: Capture) -> None:
    folder = explored(
        tmp_path / "with", identity=replace(IDENTITY, space={**IDENTITY.space, "objectives": ["accuracy", "delay"]})
    )
    call(str(folder))
    printed = lines(capsys)
    assert printed[0] == "made: 2 of 3 points are on the front of accuracy (max), delay (min)"
    assert printed[2] == "1 not compared: accuracy is not known of them"
    call("made", "--objective", "accuracy")
    assert lines(capsys)[0] == "made: 1 of 3 points are on the front of accuracy (max)"


def test_running_finished_and_copied_results_give_the_same_front(tmp_path: Path, capsys: Capture) -> None:
    explored(tmp_path / "running", finish=False)
    call("made", "--csv", "finished.csv")
    texts = [capsys.readouterr().out]
    for place, name in enumerate(("running", "made/results.csv", "made/results.parquet")):
        call(name, "--csv", f"{place}.csv")
        texts.append(capsys.readouterr().out)
        assert Path(f"{place}.csv").read_bytes() == Path("finished.csv").read_bytes()
    assert len({text.partition("written to")[0] for text in texts}) == 1


def test_the_csv_holds_the_rows_as_results_do_and_can_be_asked_again(capsys: Capture) -> None:
    call("made", "--csv", "front.csv")
    results = Path("made/results.csv").read_text().splitlines()
    assert Path("front.csv").read_text().splitlines() == [results[0], results[1], results[2], results[6]]
    capsys.readouterr()
    call("front.csv", "--objective", "energy")
    assert lines(capsys)[0] == "front: 1 of 3 points are on the front of energy (min)"


def test_where_and_top(capsys: Capture) -> None:
    call("made", "--where", "accuracy >= 0.95", "--where", "energy < 1e5", "--top", "1")
    printed = lines(capsys)
    assert printed[0] == "made: 2 of 2 points are on the front of energy (min), delay (min)"
    assert printed[2] == "2 of the ok points left out by --where"
    assert [line.split()[0] for line in printed if line[:2] in ("0 ", "1 ")] == ["0"]
    assert "and 1 more (--top, --csv); best in delay: point 1" in printed


def test_robust_says_what_stays_on_the_front_at_the_ends_of_ranges(capsys: Capture) -> None:
    call("made", "--robust", "--objective", "energy", "--objective", "accuracy")
    printed = lines(capsys)
    assert "nominal 1 1 (100 %) –" in printed
    # at either end points 0 and 2 have the same energy, and point 1 more
    assert "low 1 1 (100 %) 0" in printed
    assert "low and high 1 (100 %)" in printed
    assert any(line.startswith("0 ") and line.endswith("energy, accuracy low, high") for line in printed)
    assert "energy 0.0000 / 0.0000 0.0000 / 0.0000 1.0000 / 1.0000" in printed


def test_the_plot_is_written(capsys: Capture) -> None:
    call("made", "--plot", "front.html")
    assert capsys.readouterr().out.endswith("written to front.html\n")
    assert Path("front.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], '"nowhere": no such file or folder'),
        (["."], "holds no exploration"),
        (["made", "--objective", "enrgy"], '"enrgy": no metric "enrgy"; did you mean "energy"?'),
        (["made", "--objective", "kappa", "--where", "kappa > 2"], 'none of the 4 evaluated points holds "kappa > 2"'),
        (["made", "--where", "rows <= 3"], 'constraint "rows <= 3": "rows" is no key'),
        (["made", "--where", "energy"], "not a comparison"),
        (["made", "--top", "0"], "--top"),
        (["made", "--csv", "/dev/null"], '"/dev/null" is a device or pipe'),
        (["made", "--csv", "nothing/made/results.csv/x.csv"], "x.csv"),
        (["made", "--plot", "front.png"], '"front.png": an interactive plot is a .html file'),
        (["made", "--robust", "--objective", "delay"], "no objective has a range whose ends could be taken: delay"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(arguments: list[str], message: str, capsys: Capture) -> None:
    before = sorted(path for path in Path().rglob("*") if path.is_file())
    if "nothing/made" in arguments[-1]:
        Path("nothing").write_text("a file")
        message, before = "is not a folder", sorted([*before, Path("nothing")])
    call(*arguments, code=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(path for path in Path().rglob("*") if path.is_file()) == before


def test_results_without_an_evaluated_point_are_refused_with_a_reason(tmp_path: Path, capsys: Capture) -> None:
    folder = explored(tmp_path / "none", [refused(0, "engines.pim.rows=3: too few")])
    call(str(folder), code=2)
    assert "no evaluated point: 1 refused; the first reason: engines.pim.rows=3: too few" in capsys.readouterr().err
