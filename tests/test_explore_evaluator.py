"""Rows of an exploration: to the last digit what `pimsim.report.run` says of the same machine, refusals too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import made_space
import pytest
import run_rows

from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import prepare
from pimsim.explore.point import FAILED, OK, REFUSED
from pimsim.explore.space_load import space_from_dict


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    made_space.write_files(folder)
    return folder


@pytest.mark.parametrize(
    ("raw", "count", "ok", "refused"),
    [
        (made_space.MIXED, 100, 4, 60),
        (made_space.MILD, 80, 80, 0),
        (made_space.PRICES, 90, 20, 20),
        (made_space.INPUTS, 30, 30, 0),
        (made_space.SHIPPED, 30, 3, 3),
        (made_space.HYBRID, 40, 20, 5),
    ],
)
def test_rows_are_what_run_says_of_any_machine(
    files: Path, monkeypatch: pytest.MonkeyPatch, raw: dict[str, object], count: int, ok: int, refused: int
) -> None:
    run_rows.quick(monkeypatch)
    job = prepare(space_from_dict(raw, folder=files))
    points = list(job.space.sample(count, seed=1))
    rows = Evaluator(job).evaluate(points).rows
    statuses = Counter(row["status"] for row in rows)
    for point, row in zip(points, rows, strict=True):
        wanted = run_rows.expected(job.space, point)
        assert {name: row[name] for name in wanted} == wanted, job.space.chosen(point)
    assert statuses[OK] >= ok
    assert statuses[REFUSED] >= refused
    assert statuses[FAILED] == 0
