"""What an exploration leaves on disk: whole rows, each once, the same bytes however it went."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")
from made_exploration import COLUMNS, IDENTITY, contents, made_row, made_rows  # noqa: E402
from pyarrow import parquet  # noqa: E402

from pimsim.errors import ExplorationError  # noqa: E402
from pimsim.explore import final_file, segments, store  # noqa: E402
from pimsim.explore.point import Row  # noqa: E402
from pimsim.explore.results import Results  # noqa: E402
from pimsim.explore.store import Store  # noqa: E402
from pimsim.report.files import csv_text  # noqa: E402
from pimsim.report.rows import Table  # noqa: E402


def naive_csv(rows: list[Row]) -> str:
    """As the project writes tables elsewhere."""
    return csv_text(Table(tuple(name for name, _ in COLUMNS), tuple(tuple(row.values()) for row in rows)))


def points(folder: Path) -> list[int]:
    return [number for batch in Results.open(folder).batches(["point"]) for number in batch.column(0).to_pylist()]


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
        for first, last in running.done.runs():
            assert running.rows(first, last) == made_rows(first, last)
    running.finish()
    running.close()
    assert contents(folder) == expected


def test_small_segments_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a folder of very many points does not have as many files; not where points between are missing."""
    monkeypatch.setattr(store, "SMALL_SEGMENTS", 10)
    expected = finished(tmp_path / "straight", 60)
    monkeypatch.setattr(segments, "LARGE_ROWS", 16)
    most = 0
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        for point in [*range(0, 60, 2), *range(1, 60, 2)]:
            running.add(point, made_rows(point, point + 1))
            most = max(most, len(list((tmp_path / "run" / "segments").iterdir())))
            if point == 58:
                assert most == 30
        assert most <= 40
        sizes = [part.rows for part in segments.listed(tmp_path / "run" / "segments")]
        assert sum(sizes) == 60
        assert 10 < max(sizes) <= 16
        running.finish()
    assert contents(tmp_path / "run") == expected


def test_groups_of_the_finished_file_do_not_depend_on_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final_file, "GROUP_ROWS", 16)
    expected = finished(tmp_path / "straight", 50)
    for name, cuts in (("one", (0, 50)), ("few", (0, 16, 49, 50)), ("many", (0, 3, 5, 31, 32, 33, 50))):
        with Store.create(tmp_path / name, IDENTITY, COLUMNS) as running:
            for start, stop in pairwise(cuts):
                running.add(start, made_rows(start, stop))
            running.finish()
        assert contents(tmp_path / name) == expected
    groups = parquet.read_metadata(tmp_path / "one" / "results.parquet")
    batches = Results.open(tmp_path / "one").batches()
    assert [table.num_rows for table in final_file._groups(batches)] == [16, 16, 16, 2]  # never all rows at once
    assert [groups.row_group(place).num_rows for place in range(groups.num_row_groups)] == [16, 16, 16, 2]
    assert Results.open(tmp_path / "one").row(33) == made_row(33)
    with Store.resume(tmp_path / "one", IDENTITY, COLUMNS) as running:
        assert running.rows(14, 35) == made_rows(14, 35)
    assert points(tmp_path / "one") == list(range(50))


def test_interrupted_while_segments_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl-C, after which the results so far are written."""
    expected = finished(tmp_path / "straight", 20)
    remove = segments.remove
    monkeypatch.setattr(store, "SMALL_SEGMENTS", 10)

    def interrupted(gone: set[segments.Segment]) -> None:
        remove(sorted(gone)[:4])
        raise KeyboardInterrupt

    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        for point in range(9):
            running.add(point, made_rows(point, point + 1))
        monkeypatch.setattr(segments, "remove", interrupted)
        with pytest.raises(KeyboardInterrupt):
            running.add(9, made_rows(9, 10))
        running.snapshot()
    assert (tmp_path / "run" / "results.csv").read_text() == naive_csv(made_rows(0, 10))
    monkeypatch.setattr(segments, "remove", remove)
    with Store.resume(tmp_path / "run", IDENTITY, COLUMNS) as running:
        assert list(running.done.runs()) == [(0, 10)]
        running.add(10, made_rows(10, 20))
        running.finish()
    assert contents(tmp_path / "run") == expected


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "stamp", "renamed"])
def test_a_damaged_segment_is_computed_again(tmp_path: Path, damage: str) -> None:
    expected = finished(tmp_path / "straight", 30)
    folder = tmp_path / "run"
    with Store.create(folder, IDENTITY, COLUMNS) as running:
        for start in range(0, 30, 10):
            running.add(start, made_rows(start, start + 10))
    first, middle, _ = (part.path for part in segments.listed(folder / "segments"))
    data = middle.read_bytes()
    place = data.index(b"cnn3d_6b")
    stamp = data.index(b"pimsim.digest") + 20
    damaged = {
        "cut": data[:-9],
        "empty": b"",
        "flipped": data[:place] + b"C" + data[place + 1 :],
        "stamp": data[:stamp] + b"z" + data[stamp + 1 :],
        "renamed": data,
    }
    middle.write_bytes(damaged[damage])
    if damage == "renamed":  # its checksum is still right
        middle.unlink()
        middle = first.with_name(first.name.replace("0000000000-0000000009", "0000000010-0000000019"))
        middle.write_bytes(first.read_bytes())
    with Store.resume(folder, IDENTITY, COLUMNS) as running:
        assert list(running.done.runs()) == [(0, 10), (20, 30)]
        (told,) = running.dropped
        assert told.startswith(f"{middle.name} is damaged (")
        assert told.endswith("): points 10 to 19 are computed again")
        assert not middle.exists()
        running.add(10, made_rows(10, 20))
        running.finish()
    assert contents(folder) == expected


def test_no_flipped_bit_of_the_finished_file_goes_unnoticed(tmp_path: Path) -> None:
    """Refused in one line, or without effect on any row."""
    finished(tmp_path, 3)
    final = tmp_path / "results.parquet"
    data, rng, told = final.read_bytes(), random.Random(1), []
    for place in rng.sample(range(len(data)), 150):
        final.write_bytes(data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :])
        try:
            with Store.resume(tmp_path, IDENTITY, COLUMNS):
                found = [row for batch in Results.open(tmp_path).batches() for row in batch.to_pylist()]
        except ExplorationError as error:
            told.append(str(error))
        else:
            assert found == made_rows(0, 3)
    assert len(told) > 50
    assert all(text.startswith(f'"{final}"') and "\n" not in text for text in told)


def test_segments_that_overlap_give_every_row_once(tmp_path: Path) -> None:
    """As a process leaves them that is killed while it puts some together, or that was given other chunks."""
    expected = finished(tmp_path / "straight", 30)
    folder = tmp_path / "run"
    with Store.create(folder, IDENTITY, COLUMNS) as running:
        running.add(0, made_rows(0, 10))
        schema = running._schema
        for first, stop in ((0, 20), (5, 10), (15, 25), (25, 26)):
            table = pa.Table.from_pylist(made_rows(first, stop), schema=schema)
            segments.write_segment(folder / "segments", first, table)
    (folder / "segments" / "notes.txt").write_text("mine")
    assert Results.open(folder).row(9) == made_row(9)
    assert points(folder) == list(range(26))
    with Store.resume(folder, IDENTITY, COLUMNS) as running:
        assert list(running.done.runs()) == [(0, 26)]
        kept = segments.listed(folder / "segments")
        assert [(part.first, part.last) for part in kept] == [(0, 19), (15, 24), (25, 25)]
        running.add(20, made_rows(20, 30))
        running.finish()
    assert contents(folder) == expected | {"segments/notes.txt": b"mine"}


def test_a_segment_of_another_exploration_is_refused(tmp_path: Path) -> None:
    for name, identity, stop in (("run", IDENTITY, 8), ("other", replace(IDENTITY, seed=2), 9)):
        with Store.create(tmp_path / name, identity, COLUMNS) as running:
            running.add(0, made_rows(0, stop))
    (part,) = (tmp_path / "other" / "segments").iterdir()
    foreign = tmp_path / "run" / "segments" / part.name
    foreign.write_bytes(part.read_bytes())
    with pytest.raises(ExplorationError, match=rf'"{foreign}" belongs to another exploration; move it elsewhere'):
        Store.resume(tmp_path / "run", IDENTITY, COLUMNS)
    with pytest.raises(ExplorationError, match="belongs to another exploration"):
        list(Results.open(tmp_path / "run").batches())
    foreign.unlink()
    assert points(tmp_path / "run") == list(range(8))


def test_a_finished_exploration_takes_more_points(tmp_path: Path) -> None:
    expected = finished(tmp_path / "straight", 40)
    finished(tmp_path / "run", 20)
    with Store.resume(tmp_path / "run", IDENTITY, COLUMNS) as running:
        assert list(running.done.runs()) == [(0, 20)]
        running.add(15, made_rows(15, 40))
        assert [(part.first, part.last) for part in segments.listed(tmp_path / "run" / "segments")] == [(20, 39)]
        assert points(tmp_path / "run") == list(range(40))
        running.finish()
    assert contents(tmp_path / "run") == expected


def test_finishing_again_changes_nothing(tmp_path: Path) -> None:
    expected = finished(tmp_path / "run")
    with Store.resume(tmp_path / "run", IDENTITY, COLUMNS) as running:
        running.finish()
    assert contents(tmp_path / "run") == expected


def test_nothing_explored_ends_too(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        running.finish()
    assert (tmp_path / "run" / "results.csv").read_text() == naive_csv([])
    assert list(Results.open(tmp_path / "run").batches()) == []
    assert parquet.read_table(tmp_path / "run" / "results.parquet").num_rows == 0
    with Store.resume(tmp_path / "run", IDENTITY, COLUMNS) as running:
        assert len(running.done) == 0


def test_stored_rows_are_read_back_by_their_points(tmp_path: Path) -> None:
    finished(tmp_path, 20)
    with Store.resume(tmp_path, IDENTITY, COLUMNS) as running:
        running.add(20, made_rows(20, 25))
        running.add(30, made_rows(30, 35))
        assert [running.rows(*within) for within in ((0, 0), (7, 8), (18, 23), (31, 35))] == [
            made_rows(*within) for within in ((0, 0), (7, 8), (18, 23), (31, 35))
        ]
        with pytest.raises(ValueError, match="of the points 24 to 30 not all are done"):
            running.rows(24, 31)


def test_results_with_a_gap_are_not_finished(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        running.add(5, made_rows(5, 8))
        assert not running.finish()
        assert (tmp_path / "run" / "results.csv").read_text() == naive_csv(made_rows(5, 8))
        running.add(0, made_rows(0, 5))
        assert running.finish()
    assert contents(tmp_path / "run") == finished(tmp_path / "straight", 8)


def test_rows_of_other_points_or_columns_are_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        with pytest.raises(ValueError, match="row of point 3 where that of point 2 belongs"):
            running.add(2, made_rows(3, 5))
        with pytest.raises(ValueError, match="1 of 64 columns"):
            running.add(0, [{"point": 0}])
        with pytest.raises(ValueError, match="column clock_mhz"):
            running.add(0, [made_row(0) | {"clock_mhz": "fast"}])
        assert not any((tmp_path / "run").rglob("*.parquet"))


def test_a_results_file_changed_by_hand_is_made_anew(tmp_path: Path) -> None:
    """What settled is copied only where no one touched it."""
    expected = finished(tmp_path / "straight", 20)
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS) as running:
        running.add(0, made_rows(0, 10))
        running.snapshot()
        before = (tmp_path / "run" / "results.csv").read_text()
        (tmp_path / "run" / "results.csv").write_text(before.replace("pim45nm", "PIM45NM, changed"))
        running.add(10, made_rows(10, 20))
        running.finish()
    assert contents(tmp_path / "run") == expected


def test_snapshots_take_a_twentieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, taken = [0.0], []
    write = store.GrowingCsv.write

    def slow(self: store.GrowingCsv, *given: object) -> None:
        taken.append(now[0])
        now[0] += 3.0
        write(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(store.GrowingCsv, "write", slow)
    with Store.create(tmp_path / "run", IDENTITY, COLUMNS, clock=lambda: now[0]) as running:
        for point in range(200):
            now[0] += 1.0
            running.add(point, made_rows(point, point + 1))
    assert taken == [2.0, 65.0, 128.0, 191.0]
