"""What an evaluator remembers, computes once, keeps of what goes wrong, and needs of the world around it."""

from __future__ import annotations

import gc
import pickle
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import made_space
import numpy as np
import pytest
import run_rows

from pimsim.cost import prices
from pimsim.explore import companions, executions, machines, organisations
from pimsim.explore.evaluator import Evaluator, evaluate_chunk, failed_row
from pimsim.explore.job import Job, prepare
from pimsim.explore.point import FAILED, OK, REFUSED, VIOLATES, Chunk
from pimsim.explore.row import row_columns
from pimsim.explore.space_load import space_from_dict
from pimsim.hardware import Hardware, from_dict
from pimsim.mapping import Mapping
from pimsim.report import pipeline
from pimsim.resources import COST_TABLE, HARDWARE, find
from pimsim.traces import load_trace, save_trace


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    made_space.write_files(folder)
    return folder


@pytest.fixture
def job(files: Path) -> Callable[..., Job]:
    """Makes a job from changes to `SMALL`."""
    return lambda **changes: prepare(space_from_dict({**SMALL, **changes}, folder=files))


SMALL: dict[str, object] = {
    "format": 1,
    "name": "small",
    "hardware": "pim45nm",
    "models": "made.npz",
    "inputs": "trace.npz",
    "axes": {"clock_mhz": [100, 200, 400], "engines.event.lanes": [2, 8]},
}


def test_rows_have_the_columns_that_are_announced(job: Callable[..., Job]) -> None:
    """With the types announced, in every status."""
    small = job(hardware=["pim45nm", "digital45nm"], axes={"clock_mhz": [100, 900], "cost.adc_model": ["imac", "x"]})
    small = replace(small, space=replace(small.space, constraints=job(constraints=["area <= 1"]).space.constraints))
    points = list(small.space.points())
    rows = [*Evaluator(small).evaluate(points).rows, failed_row(small, points[0], "it died\nof this")]
    assert {row["status"] for row in rows} == {VIOLATES, REFUSED, FAILED}
    assert rows[-1]["reason"] == "it died of this"
    columns = row_columns(small.space)
    for row in rows:
        assert tuple(row) == tuple(name for name, _ in columns)
        for name, kind in columns:
            assert type(row[name]) is kind or (row[name] is None and kind is float), name


def test_order_and_neighbours_do_not_matter(files: Path) -> None:
    """Backwards, one at a time, by an evaluator without memory: the same rows."""
    mixed = prepare(space_from_dict(made_space.MIXED, folder=files))
    points = list(mixed.space.sample(60, seed=9))
    rows = Evaluator(mixed).evaluate(points).rows
    assert Evaluator(mixed).evaluate(points[::-1]).rows == rows[::-1]
    assert tuple(Evaluator(mixed).evaluate([point]).rows[0] for point in points[:20]) == rows[:20]
    assert [row["point"] for row in rows] == [point.number for point in points]


def test_a_small_memory_changes_no_row(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mild = prepare(space_from_dict(made_space.MILD, folder=files))
    points = list(mild.space.sample(80, seed=4))
    rows = Evaluator(mild).evaluate(points).rows
    for module, name in (
        (machines, "MOST_ORGANISATIONS"),
        (machines, "MOST_PRICES"),
        (organisations, "MOST_ORGANISATIONS"),
        (companions, "MOST_KEPT"),
        (executions, "MOST_SETTINGS"),
        (executions, "KEPT_BYTES"),
    ):
        monkeypatch.setattr(module, name, 1)
    assert Evaluator(mild).evaluate(points).rows == rows


def test_memory_does_not_grow_with_the_organisations(job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all memories are full, new organisations, each with values of its own, take no more."""
    monkeypatch.setattr(machines, "MOST_ORGANISATIONS", 8)
    monkeypatch.setattr(machines, "MOST_PRICES", 8)
    monkeypatch.setattr(organisations, "MOST_ORGANISATIONS", 8)
    monkeypatch.setattr(companions, "MOST_KEPT", 8)
    monkeypatch.setattr(executions, "KEPT_BYTES", 2**17)
    monkeypatch.setattr(prices, "MOST_PRICES", 64)
    large = job(
        hardware="pim45nm_bitserial",
        axes={
            "engines.event.lanes": {"range": [1, 4096], "steps": "none"},
            "memories.macro_kib": {"range": [1, 64.5], "steps": "none"},
            "engines.pim.numerics.thermal_sigma_lsb": {"range": [0.01, 1.0], "steps": "none"},
            "clock_mhz": {"range": [10, 100], "steps": "none"},
        },
    )
    evaluator = Evaluator(large)
    evaluator.evaluate(list(large.space.sample(20, seed=1)))
    tracemalloc.start()
    try:
        evaluator.evaluate(list(large.space.sample(20, seed=1, start=20)))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        done = evaluator.evaluate(list(large.space.sample(40, seed=1, start=40)))
        assert {row["status"] for row in done.rows} == {OK}
        assert (done.work.executions, done.work.schedules) == (40, 40)
        del done
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 400_000


def test_a_constraint_on_parameters_spares_all_the_work(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = job(constraints=["engines.event.lanes * 2 <= 8", "clock_mhz < 300 or engines.pim.rows < 256"])
    evaluated = Evaluator(limited).evaluate(list(limited.space.points()))
    rows = {(row["engines.event.lanes"], row["clock_mhz"]): row for row in evaluated.rows}
    assert [row["status"] for row in rows.values()].count(OK) == evaluated.work.pricings == 2
    assert evaluated.work.schedules == 1
    assert rows[8, 100]["reason"] == "engines.event.lanes=8: violates engines.event.lanes * 2 <= 8"
    assert rows[8, 400]["reason"] == (
        "engines.event.lanes=8: violates engines.event.lanes * 2 <= 8; "
        "clock_mhz=400, engines.pim.rows=256: violates clock_mhz < 300 or engines.pim.rows < 256"
    )
    assert {row["status"] for row in rows.values()} == {OK, VIOLATES}
    assert rows[2, 400]["full_energy_pj"] is None
    monkeypatch.setattr(organisations, "mapped", None)  # would fail if it were called
    nothing = job(constraints=["clock_mhz > 1000"])
    assert {row["status"] for row in Evaluator(nothing).evaluate(list(nothing.space.points())).rows} == {VIOLATES}


def test_a_constraint_on_metrics_keeps_what_was_found(job: Callable[..., Job]) -> None:
    free = job()
    rows = Evaluator(free).evaluate(list(free.space.points())).rows
    limit = sorted(float(row["delay_ns"] or 0) for row in rows)[2]
    limited = job(constraints=[f"delay <= {limit!r}", "cost.temperature_k == 300"])
    again = Evaluator(limited).evaluate(list(limited.space.points())).rows
    assert [row["status"] for row in again].count(OK) == 3
    for row, before in zip(again, rows, strict=True):
        assert {**row, "status": OK, "reason": ""} == before
        late = float(before["delay_ns"] or 0) > limit
        assert (row["status"] == VIOLATES) is late
        assert ("violates delay <=" in str(row["reason"])) is late


def test_a_constraint_on_accuracy_is_not_met_where_none_is_known(job: Callable[..., Job], files: Path) -> None:
    trace = load_trace(files / "trace.npz")
    save_trace(replace(trace, labels=np.full_like(trace.labels, -1)), files / "unlabelled.npz")
    blind = job(inputs="unlabelled.npz", constraints=["accuracy >= 0"])
    (row, *_) = Evaluator(blind).evaluate(list(blind.space.points())).rows
    assert (row["status"], row["reason"]) == (VIOLATES, "overall_accuracy is not known: violates accuracy >= 0")
    assert row["overall_accuracy"] is None


def test_constraints_come_before_what_is_wrong_with_a_machine(job: Callable[..., Job]) -> None:
    """One that keeps impossible combinations out says so itself."""
    axes = {"engines.pim.rows_active": [31, 300], "engines.pim.rows": [64, 512]}
    text = "engines.pim.rows_active <= engines.pim.rows"
    told = job(hardware="pim45nm_bitserial", axes=axes, constraints=[text])
    rows = Evaluator(told).evaluate(list(told.space.points())).rows
    wrong = [row for row in rows if row["engines.pim.rows_active"] == 300 and row["engines.pim.rows"] == 64]
    assert [(row["status"], row["reason"]) for row in wrong] == [
        (VIOLATES, f"engines.pim.rows_active=300, engines.pim.rows=64: violates {text}")
    ]
    untold = job(hardware="pim45nm_bitserial", axes=axes)
    (row,) = [row for row in Evaluator(untold).evaluate(list(untold.space.points())).rows if row["status"] == REFUSED]
    assert row["reason"] == "pim45nm_bitserial.yaml: engines.pim: rows_active=300 exceeds rows=64"


def test_a_constraint_on_an_engine_that_a_machine_lacks_does_not_apply(job: Callable[..., Job]) -> None:
    both = job(hardware=["pim45nm", "digital45nm"], axes={"clock_mhz": [100]}, constraints=["engines.pim.arrays < 1"])
    found = {row["hardware"]: row["status"] for row in Evaluator(both).evaluate(list(both.space.points())).rows}
    assert found == {"pim45nm": VIOLATES, "digital45nm": OK}


def test_a_constraint_may_name_the_files(job: Callable[..., Job]) -> None:
    """As results name them; a shipped trace by its own name."""
    raw = {"models": ["made.npz", "cnn3d_6b"], "inputs": {"made.npz": "trace.npz"}, "axes": {"clock_mhz": [100]}}
    for text, met in (
        ("input == 'trace.npz'", {"made.npz"}),
        ("input == 'cnn3d_indian_pines'", {"cnn3d_6b"}),
        ("model != 'made.npz' and hardware == 'pim45nm'", {"cnn3d_6b"}),
    ):
        named = job(**raw, samples=1, constraints=[text])
        rows = Evaluator(named).evaluate(list(named.space.points())).rows
        assert {row["model"] for row in rows if row["status"] == OK} == met


def test_an_unexpected_error_fails_its_points_alone(job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(network: object, machine: Hardware) -> Mapping:
        if machine.engines.event is not None and machine.engines.event.lanes == 2:
            raise ZeroDivisionError("of\n  nothing")
        return pipeline.mapped(network, machine)  # type: ignore[arg-type]

    monkeypatch.setattr(organisations, "mapped", broken)
    small = job()
    rows = Evaluator(small).evaluate(list(small.space.points())).rows
    for row in rows:
        failed = row["engines.event.lanes"] == 2
        assert (row["status"], row["reason"]) == ((FAILED, "ZeroDivisionError: of nothing") if failed else (OK, ""))


def test_an_interruption_is_none_of_them(job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(organisations, "mapped", interrupted)
    small = job()
    with pytest.raises(KeyboardInterrupt):
        Evaluator(small).evaluate(list(small.space.points()))


def test_a_run_too_large_for_64_bits_is_priced_all_the_same(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leakage of a second per cycle: joules."""
    run_rows.quick(monkeypatch)
    slow = job(axes={"clock_mhz": [1e-9, 1e-8], "cost.device": ["hp"]})
    points = list(slow.space.points())
    for point, row in zip(points, Evaluator(slow).evaluate(points).rows, strict=True):
        assert float(row["full_energy_high_pj"] or 0) > 2**62 * 1e-6
        wanted = run_rows.expected(slow.space, point)
        assert {name: row[name] for name in wanted} == wanted


def test_a_machine_is_refused_where_only_the_cnn_beside_it_cannot_follow(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pimsim run` does, in its words: what an exploration finds has to be found again there."""
    run_rows.quick(monkeypatch)
    fast = {
        "memories.macro_kib": 4,
        "engines.pim.adc_cycles": 4,
        "engines.pim.leak": "shifts",
        "engines.event.leak": "shifts",
    }
    raw = SMALL | {"hardware": "pim65nm", "set": fast, "axes": {"clock_mhz": [400, 690]}}
    beside = prepare(space_from_dict(raw, folder=files))
    points = list(beside.space.points())
    slow, quick = Evaluator(beside).evaluate(points).rows
    assert slow["status"] == OK
    assert str(quick["reason"]).startswith("6-bit CNN on ann45nm: mac.multiply")
    assert run_rows.expected(beside.space, points[1]) == {"status": REFUSED, "reason": quick["reason"]}


def test_prices_cost_nothing_but_pricing(job: Callable[..., Job]) -> None:
    """One execution per numeric setting, one schedule per organisation, whatever the prices."""
    small = job(
        inputs="field.npy",
        samples=3,
        axes={
            "clock_mhz": [100, 200, 400],
            "cost.temperature_k": [280, 300, 320.5],
            "cost.table": ["45nm", "45nm_hypersnn"],
            "engines.event.lanes": [2, 8],
            "engines.pim.membrane_bits": [17, 18],
        },
    )
    work = Evaluator(small).evaluate(list(small.space.points())).work
    assert (work.executions, work.schedules, work.pricings) == (2, 4, 72)
    assert min(work.execute_s, work.schedule_s, work.price_s) > 0


def test_the_loads_of_hardware_files_follow_organisations_not_points(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def counting(*arguments: object, **options: object) -> Hardware:
        loads.append(options)
        return from_dict(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(machines, "from_dict", counting)
    wrong = {"choices": {"wide": {"engines.event.membrane_bits": 30}, "fit": {"engines.event.membrane_bits": 16}}}
    small = job(axes={"clock_mhz": [100, 200, 300], "cost.temperature_k": [280, 300], "words": wrong})
    rows = Evaluator(small).evaluate(list(small.space.points())).rows
    assert len(loads) == 2
    assert [row["status"] for row in rows].count(REFUSED) == 6


def test_a_worker_needs_no_file(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table, models, inputs and hardware of the job's own, unpacked where none of them is."""
    folder = tmp_path / "given"
    shutil.copytree(files, folder)
    shutil.copy(find(HARDWARE, "pim45nm"), folder / "own.yaml")
    monkeypatch.chdir(folder)
    shutil.copy(find(COST_TABLE, "45nm"), "mine")
    raw = SMALL | {
        "hardware": ["own.yaml", "digital45nm"],
        "inputs": "field.npy",
        "axes": {"cost.table": ["45nm", "mine"]},
    }
    packed = pickle.dumps(prepare(space_from_dict(raw, folder=".")))
    here = pickle.loads(packed)
    wanted = evaluate_chunk(here, Chunk(0, tuple(here.space.points()))).rows
    assert {row["status"] for row in wanted} == {OK}
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(folder)
    there = pickle.loads(packed)
    assert there.id == here.id
    assert Evaluator(there).evaluate(list(there.space.points())).rows == wanted


def test_a_process_remembers_one_job(job: Callable[..., Job]) -> None:
    """The same job from another pickle goes on where the first one was; another job starts anew."""
    first, second = job(), job(axes={"clock_mhz": [100]})
    chunk = Chunk(0, (first.space.point(0),))
    assert evaluate_chunk(first, chunk).work.schedules == 1
    assert evaluate_chunk(pickle.loads(pickle.dumps(first)), chunk).work.schedules == 0
    assert evaluate_chunk(second, Chunk(0, (second.space.point(0),))).work.schedules == 1
    assert evaluate_chunk(first, chunk).work.schedules == 1
