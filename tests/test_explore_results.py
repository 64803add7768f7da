"""Results read back from all that holds them: the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from made_exploration import COLUMNS, IDENTITY, made_row, made_rows

from pimsim.explore.batches import rows_of
from pimsim.explore.point import Row
from pimsim.explore.results import Results
from pimsim.explore.store import Store


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
