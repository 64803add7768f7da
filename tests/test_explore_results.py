"""Results read back from all that holds them: the same rows."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pandas
import pytest

pa = pytest.importorskip("pyarrow")
from made_exploration import COLUMNS, IDENTITY, made_row, made_rows  # noqa: E402
from pyarrow import parquet  # noqa: E402

from pimsim.cost import ACCOUNTINGS  # noqa: E402
from pimsim.errors import ExplorationError, MissingFileError, MissingPackageError  # noqa: E402
from pimsim.explore import store  # noqa: E402
from pimsim.explore.batches import rows_of  # noqa: E402
from pimsim.explore.metrics import METRICS, metric_columns  # noqa: E402
from pimsim.explore.point import Row  # noqa: E402
from pimsim.explore.results import Results  # noqa: E402
from pimsim.explore.store import Store  # noqa: E402


def read(path: Path, columns: list[str] | None = None) -> list[Row]:
    return [row for batch in Results.open(path).batches(columns) for row in rows_of(batch)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("exploration") / "run"
    with Store.create(made, IDENTITY, COLUMNS) as running:
        running.add(0, made_rows(0, 30))
        running.finish()
    return made


@pytest.mark.parametrize("name", ["", "results.csv", "results.parquet"])
def test_folder_and_files_of_a_finished_exploration_hold_the_same(folder: Path, name: str) -> None:
    results = Results.open(folder / name)
    assert results.columns == COLUMNS
    assert results.meta["space"] == IDENTITY.space
    assert results.axes == ("engines.pim.rows", "clock_mhz", "engines.event.forwarding", "mixed")
    assert read(folder / name) == made_rows(0, 30)
    assert results.row(17) == made_row(17)


def test_a_running_exploration_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    with Store.create(tmp_path, IDENTITY, COLUMNS) as running:
        assert read(tmp_path) == []
        running.add(10, made_rows(10, 14))
        running.add(3, made_rows(3, 5))
        assert read(tmp_path) == made_rows(3, 5) + made_rows(10, 14)
        assert Results.open(tmp_path).row(12) == made_row(12)


def test_readers_follow_segments_that_are_put_together_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a whole exploration that ends while it is read."""
    monkeypatch.setattr(store, "SMALL_SEGMENTS", 10)
    for name, stop in (("compacted", 9), ("finished", 10)):
        with Store.create(tmp_path / name, IDENTITY, COLUMNS) as running:
            for point in range(stop):
                running.add(point, made_rows(point, point + 1))
            batches = Results.open(tmp_path / name).batches()
            found = rows_of(next(batches))
            running.add(stop, made_rows(stop, stop + 1))
            if name == "finished":
                running.finish()
            found += [row for batch in batches for row in rows_of(batch)]
            assert found[:stop] == made_rows(0, stop)
            assert found in (made_rows(0, stop), made_rows(0, stop + 1))


@pytest.mark.parametrize("name", ["", "results.csv", "results.parquet"])
def test_only_the_columns_asked_for_come_in_their_order(folder: Path, name: str) -> None:
    asked = ["delay_ns", "status", "mixed", "point"]
    expected = [{column: row[column] for column in asked} for row in made_rows(0, 30)]
    assert read(folder / name, asked) == expected
    assert [list(row) for row in read(folder / name, asked)] == [asked] * 30
    assert read(folder / name, ["full_energy_pj"]) == [
        {"full_energy_pj": row["full_energy_pj"]} for row in made_rows(0, 30)
    ]
    with pytest.raises(ExplorationError, match=r'has no column "energy"'):
        Results.open(folder / name).batches(["point", "energy"])


@pytest.mark.parametrize("name", ["", "results.csv", "results.parquet"])
@pytest.mark.parametrize("point", [30, -1])
def test_a_point_that_is_not_there_is_told(folder: Path, name: str, point: int) -> None:
    with pytest.raises(ExplorationError, match=f"has no point {point}"):
        Results.open(folder / name).row(point)


def test_rows_chosen_and_sorted_elsewhere_are_read(folder: Path, tmp_path: Path) -> None:
    """As pandas writes them: no exploration.json beside, other types of texts, other order."""
    table = pandas.read_parquet(folder / "results.parquet").sort_values("delay_ns", ascending=False).iloc[:9]
    table["hardware"] = table["hardware"].astype("category")
    table.to_parquet(tmp_path / "chosen.parquet", index=False)
    rows = [made_row(point) for point in table["point"]]
    assert read(tmp_path / "chosen.parquet") == rows
    assert Results.open(tmp_path / "chosen.parquet").row(rows[4]["point"]) == rows[4]


def test_a_csv_file_alone_knows_its_types_by_its_cells(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "results.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "alone.csv").write_text("".join(lines), encoding="utf-8-sig", newline="")
    results = Results.open(tmp_path / "alone.csv")
    assert results.meta == {}
    assert results.columns == COLUMNS
    assert read(tmp_path / "alone.csv") == made_rows(0, 30)


def test_types_of_axes_from_their_cells(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("point,status,a,b,c,d,e,f\n0,ok,8,1e3,True,t,8,\n1,ok,,inf,False,,eight,\n")
    results = Results.open(tmp_path / "few.csv")
    assert dict(results.columns[2:]) == {"a": int, "b": float, "c": bool, "d": str, "e": str, "f": str}
    assert [tuple(row.values())[2:] for row in read(tmp_path / "few.csv")] == [
        (8, 1000.0, True, "t", "8", None),
        (None, float("inf"), False, None, "eight", None),
    ]


HOSTILE = {
    "nothing.csv": (b"", 'holds no results of pimsim explore: it has no column "point"'),
    "summary.csv": (b"system,energy_pj\npim,1\n", 'holds no results of pimsim explore: it has no column "point"'),
    "point.csv": (b"point\n1\n", 'holds no results of pimsim explore: it has no column "status"'),
    "twice.csv": (b"point,status,a,a\n1,ok,1,2\n", 'column "a" is there twice'),
    "short.csv": (b"point,status\n1,ok\n2\n", "cannot be read: .*2 columns"),
    "word.csv": (b"point,status\none,ok\n", "cannot be read: .*one"),
    "gap.csv": (b"point,status\n,ok\n", "cannot be read: "),
    "metric.csv": (b"point,status,delay_ns\n1,ok,fast\n", "cannot be read: .*fast"),
    "binary.csv": (b"\xff\xfe\x00\x01" * 40, "cannot be read: "),
    "middle.csv": (b"point,status\n1,\xff\xfe\n", "cannot be read: "),
    "text.parquet": (b"point,status\n1,ok\n", "cannot be read: "),
    "empty.parquet": (b"", "cannot be read: "),
    "results.json": (b"{}", r"neither a folder nor a \.csv or \.parquet file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_other_files_are_refused_in_a_line(tmp_path: Path, name: str) -> None:
    content, says = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExplorationError, match=says) as refused:
        read(tmp_path / name)
    assert str(refused.value).startswith(f'"{tmp_path / name}"')
    assert "\n" not in str(refused.value)


def test_other_parquet_files_are_refused(folder: Path, tmp_path: Path) -> None:
    table = pa.table({"point": [1], "status": ["ok"], "when": pa.array([1], pa.timestamp("s"))})
    parquet.write_table(table, tmp_path / "times.parquet")
    with pytest.raises(ExplorationError, match=r'column "when" holds timestamp.*, neither numbers nor texts'):
        Results.open(tmp_path / "times.parquet")
    parquet.write_table(pa.table({"point": [1, None], "status": ["ok", "ok"]}), tmp_path / "gap.parquet")
    with pytest.raises(ExplorationError, match="cannot be read: "):
        read(tmp_path / "gap.parquet")
    cut = (folder / "results.parquet").read_bytes()[:-20]
    (tmp_path / "cut.parquet").write_bytes(cut)
    with pytest.raises(ExplorationError, match="cannot be read: "):
        Results.open(tmp_path / "cut.parquet")


def test_folders_without_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExplorationError, match=r"holds no exploration: there is no exploration\.json"):
        Results.open(tmp_path)
    with pytest.raises(MissingFileError, match="no such file or folder"):
        Results.open(tmp_path / "none")


def test_what_needs_pyarrow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pimsim.explore.arrow")
    with pytest.raises(MissingPackageError, match=r"need pyarrow, not installed here: pip install 'pimsim\[explore\]'"):
        importlib.import_module("pimsim.explore.arrow")


def test_the_page_on_results_has_every_column() -> None:
    page = (Path(__file__).parent.parent / "docs" / "exploration.md").read_text(encoding="utf-8")
    table = page.partition("### 4.1 Columns")[2].partition("### 4.2")[0]
    cells = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    named = [(name.strip(), kind.strip()) for names, kind in cells for name in names.split(",") if "*" not in name]
    ranged = {name for name, kind in named if kind.endswith("ranged")}
    nominal = {column for metric in METRICS for column in metric.columns()[:1] if not metric.by_accounting}
    nominal |= {metric.columns(name)[0] for metric in METRICS if metric.by_accounting for name in ACCOUNTINGS}
    axes = {"engines.pim.rows", "clock_mhz", "engines.event.forwarding", "mixed"}
    others = {name for name, _ in COLUMNS} - set(metric_columns()) - axes
    assert {name for name, _ in named} == nominal | others
    assert ranged == {name for name in nominal if metric_columns()[name].ranged}
