"""A whole exploration: every point once, the same bytes wherever and in however many sittings it is evaluated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pimsim.errors import ExplorationError, MissingPackageError
from pimsim.explore.evaluator import evaluate_chunk
from pimsim.explore.exploration import exploration, usable_cores, workers_at
from pimsim.explore.exploration_text import explored_text
from pimsim.explore.job import Job
from pimsim.explore.local_workers import LocalProcesses
from pimsim.explore.pace import GROWTH, MOST, Pace
from pimsim.explore.point import Chunk, Point
from pimsim.explore.results import Results
from pimsim.explore.walk import Walk
from pimsim.explore.way import Place, Way
from pimsim.explore.work import Evaluated, Work
from pimsim.explore.workers import Inline

HERE = Place(workers=1)
SPACE = {
    "format": 1,
    "name": "small",
    "hardware": ["pim45nm", "digital45nm"],
    "models": "cnn3d_6b",
    "samples": 2,
    "axes": {
        "engines.event.lanes": [8, 42],
        "engines.pim.adc_cycles": {"values": [1, 2, 4], "when": {"hardware": "pim45nm"}},
        "clock_mhz": [100, 200, 400],
        "cost.device": ["lstp", "hp"],
    },
    "constraints": ["area <= 3.7e6"],
}
POINTS = 2 * (3 + 1) * 3 * 2


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("space") / "small.yaml")


@pytest.fixture(scope="module")
def whole(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All points, evaluated in one go in this process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    exploration(space).run(out, place=HERE)
    return out


def written(path: Path, **changes: object) -> Path:
    path.write_text(yaml.safe_dump(SPACE | changes, sort_keys=False))
    return path


def finals(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "results.csv").read_bytes(), (folder / "results.parquet").read_bytes()


def numbers(folder: Path) -> list[int]:
    return [number for batch in Results.open(folder).batches(["point"]) for number in batch.column(0).to_pylist()]


def interrupt_after(points: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        assert done <= total
        if done >= points:
            raise KeyboardInterrupt

    return progress


def test_every_point_of_the_grid_is_there_once(whole: Path) -> None:
    assert numbers(whole) == list(range(POINTS))


def test_points_by_status_add_up_and_nothing_is_dropped(space: Path, tmp_path: Path) -> None:
    explored = exploration(space).run(tmp_path / "out", place=HERE)
    assert (explored.total, explored.before, sum(explored.statuses.values())) == (POINTS, 0, POINTS)
    # a conversion of 4 bits takes 5 ns by IMAC: too fast in 1 cycle of 2.5 ns and of 5 ns less its low end
    assert explored.statuses["refused"] > 0
    assert explored.statuses["violates"] > 0
    assert explored.statuses["failed"] == 0
    assert explored.work.pricings == POINTS - explored.statuses["refused"]


def test_processes_give_the_same_bytes(space: Path, whole: Path, tmp_path: Path) -> None:
    exploration(space).run(tmp_path / "out", place=Place(workers=3))
    assert finals(tmp_path / "out") == finals(whole)


@pytest.mark.parametrize("stops", [(0,), (1, 7, 30, 47)])
def test_interrupts_leave_the_same_bytes(space: Path, whole: Path, tmp_path: Path, stops: tuple[int, ...]) -> None:
    out = tmp_path / "out"
    for place, stop in enumerate(stops):
        with pytest.raises(KeyboardInterrupt):
            exploration(space).run(out, place=HERE, resume=place > 0, progress=interrupt_after(stop))
        assert set(numbers(out)) <= set(range(POINTS))
        assert len((out / "results.csv").read_text().splitlines()) == 1 + len(numbers(out))
    exploration(space).run(out, place=HERE, resume=True)
    assert finals(out) == finals(whole)


def test_what_is_stored_is_not_computed_again(space: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exploration(space, Way(points=20)).run(out, place=HERE)
    explored = exploration(space).run(out, place=HERE, resume=True)
    statuses = [status for batch in Results.open(whole).batches(["status"]) for status in batch.column(0).to_pylist()]
    refused = statuses[20:].count("refused")
    assert (explored.before, explored.work.pricings) == (20, POINTS - 20 - refused)
    again = exploration(space).run(out, place=HERE, resume=True)
    assert (again.before, asdict(again.work)) == (POINTS, asdict(Work()))
    assert finals(out) == finals(whole)


@pytest.mark.parametrize("method", ["random", "nsga2", "tpe"])
def test_drawn_and_searched_points_do_not_depend_on_place_or_interrupts(
    space: Path, tmp_path: Path, method: str
) -> None:
    way = Way(method, points=24, seed=5, population=8)
    exploration(space, way).run(tmp_path / "one", place=HERE)
    exploration(space, way).run(tmp_path / "three", place=Place(workers=3))
    with pytest.raises(KeyboardInterrupt):
        exploration(space, way).run(tmp_path / "broken", place=HERE, progress=interrupt_after(13))
    exploration(space, way).run(tmp_path / "broken", place=HERE, resume=True)
    exploration(space, Way(method, points=11, seed=5, population=8)).run(tmp_path / "more", place=HERE)
    exploration(space, way).run(tmp_path / "more", place=HERE, resume=True)
    assert numbers(tmp_path / "one") == list(range(24))
    for other in ("three", "broken", "more"):
        assert finals(tmp_path / other) == finals(tmp_path / "one")


@pytest.mark.parametrize("method", ["random", "tornado", "nsga2"])
def test_rows_agree_with_the_grid(space: Path, whole: Path, tmp_path: Path, method: str) -> None:
    way = Way(method, points=None if method == "tornado" else 12, seed=1, population=6)
    explored = exploration(space, way).run(tmp_path / "out", place=HERE)
    grid = exploration(space).space
    found = Results.open(tmp_path / "out")
    rows = [row for batch in found.batches() for row in batch.to_pylist()]
    assert len(rows) == explored.total
    for row in rows:
        values = {axis.name: row[axis.name] for axis in grid.axes if row[axis.name] is not None}
        number = grid.number(values)
        assert row | {"point": number} == Results.open(whole).row(number)


def test_a_search_that_runs_out_of_points_ends(space: Path, tmp_path: Path) -> None:
    explored = exploration(space, Way("nsga2", points=500, population=20)).run(tmp_path / "out", place=HERE)
    assert explored.total == POINTS
    assert numbers(tmp_path / "out") == list(range(POINTS))


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (Way(seed=3), 'method is "grid", it began with "random"'),
        (Way("random", 8, seed=4), "seed is 4, it began with 3"),
        (Way("nsga2", 8, seed=3), 'method is "nsga2", it began with "random"'),
    ],
)
def test_another_way_is_not_gone_on_with(space: Path, tmp_path: Path, way: Way, reason: str) -> None:
    exploration(space, Way("random", 4, seed=3)).run(tmp_path / "out", place=HERE)
    before = finals(tmp_path / "out")
    with pytest.raises(ExplorationError, match=f"cannot be continued: {reason}"):
        exploration(space, way).run(tmp_path / "out", place=HERE, resume=True)
    assert finals(tmp_path / "out") == before


def test_a_changed_space_is_not_gone_on_with(space: Path, tmp_path: Path) -> None:
    exploration(space, Way(points=4)).run(tmp_path / "out", place=HERE)
    changed = written(tmp_path / "changed.yaml", samples=3)
    with pytest.raises(ExplorationError, match="cannot be continued: space: samples is 3, it began with 2"):
        exploration(changed).run(tmp_path / "out", place=HERE, resume=True)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (Way("annealing"), 'method "annealing": must be one of grid, random, tornado, nsga2, tpe'),
        (Way(points=0), "points=0: must be at least 1"),
        (Way("random"), 'method "random" needs the number of points'),
        (Way("tpe"), 'method "tpe" needs the number of points'),
    ],
)
def test_a_way_that_leads_nowhere_is_refused(space: Path, way: Way, reason: str) -> None:
    with pytest.raises(ExplorationError, match=reason):
        exploration(space, way)


def test_a_search_without_optuna_says_what_to_install(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPackageError, match=r"Optuna, not installed here: pip install 'pimsim\[explore\]'"):
        exploration(space, Way("nsga2", points=4))


def test_points_around_the_reference_are_cut_short_too(space: Path) -> None:
    grid = exploration(space).space
    steps = Way("tornado", points=3).walk(grid)
    assert steps.total == 3
    assert list(steps.points(0, 3)) == list(grid.around())[:3]
    assert len(list(grid.around())) > 3


def test_a_space_without_steps_has_no_grid(tmp_path: Path) -> None:
    endless = written(tmp_path / "endless.yaml", axes={"clock_mhz": {"range": [100, 400], "steps": "none"}})
    with pytest.raises(ExplorationError, match="clock_mhz has no steps"):
        exploration(endless)
    explored = exploration(endless, Way("random", points=3)).run(tmp_path / "out", place=HERE)
    assert explored.total == 3


def test_a_place_is_processes_or_a_cluster() -> None:
    assert isinstance(workers_at(Place(workers=1)), Inline)
    assert isinstance(workers_at(Place(workers=2)), LocalProcesses)
    assert isinstance(workers_at(Place()), LocalProcesses if usable_cores() > 1 else Inline)
    with pytest.raises(ExplorationError, match="workers=0: must be at least 1"):
        Place(workers=0)
    with pytest.raises(ExplorationError, match="workers=2: a cluster has workers of its own"):
        Place(workers=2, scheduler="tcp://head:8786")


def test_the_text_tells_what_was_done(space: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exploration(space, Way(points=20)).run(out, place=HERE)
    explored = exploration(space).run(out, place=HERE, resume=True)
    first, second, third = explored_text(explored).splitlines()
    assert first.startswith(f'{POINTS} points of space "small": {POINTS - 20} in ')
    assert first.endswith(", 20 were there before")
    assert second.startswith(f"  {explored.statuses['ok']} ok, ")
    assert f"{explored.statuses['refused']} cannot be built" in second
    assert f"{explored.statuses['violates']} violate a constraint" in second
    assert "failed" not in second
    assert third.startswith("  0 executions (0.0 s), ")


@given(st.lists(st.tuples(st.integers(1, MOST), st.floats(0, 100)), max_size=30))
def test_chunks_grow_in_steps_and_never_take_much_longer_than_wanted(seen: list[tuple[int, float]]) -> None:
    pace = Pace()
    for points, seconds in seen:
        before = pace.size
        pace.seen(points, Work(schedule_s=seconds / 2, price_s=seconds / 2))
        assert 1 <= pace.size <= min(MOST, before * GROWTH)
        assert pace.size == 1 or pace.size * seconds / points <= 1.0 + 1e-9


@given(st.integers(0, 60), st.lists(st.integers(1, 7), min_size=1), st.integers(1, 9), st.data())
def test_chunks_hold_every_missing_point_once_in_order(
    total: int, sizes: list[int], most: int, data: st.DataObject
) -> None:
    def points(start: int, stop: int) -> list[Point]:
        return [Point(number, ()) for number in range(start, stop)]

    cuts = sorted(data.draw(st.sets(st.integers(0, total), max_size=6)))
    missing = list(zip(cuts[::2], cuts[1::2], strict=False))
    pace = Pace()
    found: list[int] = []
    for turn, chunk in enumerate(
        Walk(total, lambda start, stop: iter(points(start, stop))).chunks(missing, pace, most)
    ):
        held = [point.number for point in chunk.points]
        assert held == list(range(chunk.start, chunk.stop))
        assert 1 <= len(held) <= min(pace.size, most)
        found += held
        pace.size = sizes[turn % len(sizes)]
    assert found == [number for start, stop in missing for number in range(start, stop)]


def test_a_whole_grid_takes_memory_for_its_chunks_alone(space: Path) -> None:
    walk = Way().walk(exploration(space).space)
    chunks = walk.chunks([(0, walk.total)], Pace())
    assert next(chunks).start == 0
    assert next(chunks).start == 1


def test_the_bar_is_told_what_is_stored(space: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    exploration(space, Way(points=30)).run(tmp_path / "out", place=HERE, progress=lambda *now: told.append(now))
    assert told[0] == (0, 30)
    assert told[-1] == (30, 30)
    assert told == sorted(told)


def test_a_generation_is_shared_among_workers(space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick points are: who waits for the last worker of a generation waits for nothing else."""
    sizes: list[int] = []

    def evaluated(job: Job, chunk: Chunk) -> Evaluated:
        sizes.append(len(chunk.points))
        return evaluate_chunk(job, chunk)

    monkeypatch.setattr("pimsim.explore.exploration.evaluate_chunk", evaluated)
    exploration(space, Way("nsga2", points=32, population=16)).run(tmp_path / "out", place=HERE)
    assert sum(sizes) == 32
    assert max(sizes) == 2
