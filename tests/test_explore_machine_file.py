"""A point's own hardware file: ``pimsim run`` takes it and says what the exploration says."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import made_space
import pytest
import run_rows

from pimsim.cli.main import main
from pimsim.cost import ACCOUNTINGS
from pimsim.errors import ExplorationError, HardwareError
from pimsim.explore.evaluator import Evaluator
from pimsim.explore.job import Job, prepare
from pimsim.explore.machine_file import machine_yaml, recorded_point
from pimsim.explore.point import OK
from pimsim.explore.space_load import recorded_space, space_from_dict
from pimsim.hardware import from_dict, from_text


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("files")
    made_space.write_files(folder)
    return prepare(space_from_dict(made_space.MILD, folder=folder))


def test_the_command_line_gives_the_row_again_from_its_own_file(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_rows.quick(monkeypatch)
    rows = Evaluator(job).evaluate(list(job.space.sample(6, seed=2))).rows
    for row in rows:
        assert row["status"] == OK
        machine = tmp_path / f"{row['point']}.yaml"
        machine.write_text(machine_yaml(job.space, row), encoding="utf-8")
        files = {name: job.space.locate(str(row[name])) for name in ("model", "input")}
        options = ["--model", files["model"], "--hw", str(machine), "--input", files["input"], "--samples", "5"]
        with pytest.raises(SystemExit) as ended:
            main(["run", *options, "--out", str(tmp_path / "run")])
        assert ended.value.code is None
        with (tmp_path / "run" / "summary.csv").open() as file:
            lines = {line["accounting"]: line for line in csv.DictReader(file) if line["system"] == "run"}
        for accounting in ACCOUNTINGS:
            for column in ("energy_pj", "energy_low_pj", "energy_high_pj", "edp_uj_us", "power_high_mw"):
                assert float(lines[accounting][column]) == row[f"{accounting}_{column}"]
        for column in ("delay_ns", "area_um2", "overall_accuracy"):
            assert float(lines["full"][column]) == row[column]


def test_every_machine_is_written_whole(job: Job) -> None:
    """Also those that no model fits on: a file says what the space says, key by key, without the space."""
    for point in job.space.sample(60, seed=3):
        row = {"point": point.number, **job.space.cells(point)}
        chosen = job.space.chosen(point)
        wanted = from_dict(job.space.machines[chosen.hardware], overrides=chosen.overrides)
        named = replace(wanted, name=f"mild-{point.number:06d}")
        assert from_text(machine_yaml(job.space, row), origin="own") == named
        assert recorded_point(job.space, row) == point


def test_a_record_needs_no_files(job: Job) -> None:
    """Made again from what JSON kept of the space, where neither models nor hardware files are."""
    point = next(job.space.sample(1, seed=4))
    row = {"point": point.number, **job.space.cells(point)}
    kept = json.loads(json.dumps({**job.space.content, "machines": dict(job.space.machines)}))
    assert machine_yaml(recorded_space(kept, origin="x"), row) == machine_yaml(job.space, row)
    with pytest.raises(ExplorationError, match="x: the space has no machines"):
        recorded_space(job.space.content, origin="x")


def test_comments_say_where_a_file_comes_from(job: Job) -> None:
    (row,) = Evaluator(job).evaluate(list(job.space.sample(1, seed=2))).rows
    comments = [line for line in machine_yaml(job.space, row).splitlines() if line.startswith("#")]
    assert comments[0] == f'# Point 0 of design space "mild": hardware "{row["hardware"]}" with'
    assert f"#   full_energy_pj: {row['full_energy_pj']}" in comments
    assert any("pimsim run --model" in line and f"--input {row['input']} --samples 5" in line for line in comments)


def test_rows_that_are_none_of_the_space_are_refused(job: Job) -> None:
    point = next(job.space.sample(1, seed=2))
    row = {"point": point.number, **job.space.cells(point)}
    with pytest.raises(ExplorationError, match=r'space "mild": clock_mhz=99 is none of its values'):
        recorded_point(job.space, row | {"clock_mhz": 99})
    with pytest.raises(ExplorationError, match="without the number"):
        recorded_point(job.space, {name: value for name, value in row.items() if name != "point"})


def test_a_point_that_is_no_machine_has_no_file(job: Job) -> None:
    space = space_from_dict(made_space.MIXED, folder=job.space.folder)
    for point in space.sample(2000, seed=1):
        if dict(point.values).get("event") == "wrong":
            with pytest.raises(HardwareError, match="membrane_bits=30 exceeds"):
                machine_yaml(space, {"point": point.number, **space.cells(point)})
            return
    raise AssertionError("no point of the sample is wrong")
