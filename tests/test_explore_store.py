"""What an exploration leaves on disk: whole rows, each once, the same bytes however it went."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")
from made_exploration import COLUMNS, IDENTITY, contents, made_row, made_rows  # noqa: E402
from pyarrow import parquet  # noqa: E402

from pimsim.explore.point import Row  # noqa: E402
from pimsim.explore.store import Store  # noqa: E402
from pimsim.report.files import csv_text  # noqa: E402
from pimsim.report.rows import Table  # noqa: E402


def naive_csv(rows: list[Row]) -> str:
    """As the project writes tables elsewhere."""
    return csv_text(Table(tuple(name for name, _ in COLUMNS), tuple(tuple(row.values()) for row in rows)))


def finished(folder: Path, stop: int = 40) -> dict[str, bytes]:
    """Files of an exploration that ran through in chunks of 7."""
    with Store.create(folder, IDENTITY, COLUMNS) as made:
        for start in range(0, stop, 7):
            made.add(start, made_rows(start, min(start + 7, stop)))
        made.finish()
    return contents(folder)


def test_finished_results_are_what_was_added(tmp_path: Path) -> None:
    rows = made_rows(0, 40)
    found = finished(tmp_path / "run")
    assert sorted(found) == [".lock", "exploration.json", "results.csv", "results.parquet"]
    assert found["results.csv"].decode() == naive_csv(rows)
    assert parquet.read_table(tmp_path / "run" / "results.parquet").to_pylist() == rows


@settings(max_examples=40)
@given(st.data())
def test_order_and_interruptions_leave_no_trace(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Chunks of any size in any order, some twice, with snapshots, new sittings and segments put together between."""
    tmp_path = tmp_path_factory.mktemp("orders")
    expected = finished(tmp_path / "straight")
    cuts = sorted({0, 40, *data.draw(st.lists(st.integers(1, 39), max_size=12))})
    chunks = data.draw(st.permutations(list(pairwise(cuts))))
    again = data.draw(st.lists(st.sampled_from(chunks), max_size=3))
    events = [data.draw(st.sampled_from(("", "snapshot", "stop", "stop", "tidy"))) for _ in (*chunks, *again)]
    folder = tmp_path / "run"
    running = Store.create(folder, IDENTITY, COLUMNS)
    for (start, stop), event in zip([*chunks, *again], events, strict=True):
        running.add(start, made_rows(start, stop))
        if event == "snapshot":
            running.snapshot()
            done = [made_row(point) for first, last in running.done.runs() for point in range(first, last)]
            assert (folder / "results.csv").read_text() == naive_csv(done)
        elif event == "stop":
            before = list(running.done.runs())
            running.close()
            running = Store.resume(folder, IDENTITY, COLUMNS)
            assert list(running.done.runs()) == before
        elif event == "tidy":
            running._most_small = 2
    running.finish()
    running.close()
    assert contents(folder) == expected
