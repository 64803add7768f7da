"""Hardware files of points: what ``pimsim run`` says of them is what stands in the row; all are written or none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pimsim.cli.main import main
from pimsim.cost import FULL
from pimsim.explore.evaluator import evaluate_chunk
from pimsim.explore.identity import Identity
from pimsim.explore.job import prepare
from pimsim.explore.point import Chunk
from pimsim.explore.results import Results
from pimsim.explore.row import row_columns
from pimsim.explore.space_load import load_space
from pimsim.explore.store import Store
from pimsim.hardware import load_hardware
from pimsim.report import run
from pimsim.resources import HARDWARE, find

Capture = pytest.CaptureFixture[str]
SPACE = """
format: 1
name: small
hardware: base.yaml
models: cnn3d_6b
samples: 1
axes:
  engines.pim.adc_bits: [4, 6]
  engines.event.lanes: [21, 84]
  clock_mhz: [200, 400]
constraints:
  - engines.event.lanes * clock_mhz < 33600
objectives: [delay, area]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the space, its hardware file, and all its points explored into ``made``."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "base.yaml").write_bytes(find(HARDWARE, "pim45nm").read_bytes())
    (folder / "space.yaml").write_text(SPACE)
    space = load_space(folder / "space.yaml")
    job = prepare(space)
    recorded = Identity({**space.content, "machines": dict(space.machines)}, "grid", None, {}, **job.hashes)
    with Store.create(folder / "made", recorded, row_columns(space)) as store:
        store.add(0, evaluate_chunk(job, Chunk(0, tuple(space.points()))).rows)
        store.finish()
    return folder


@pytest.fixture(autouse=True)
def workplace(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the space; what is written goes to others."""
    monkeypatch.chdir(made)


def call(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["pareto", *map(str, arguments)])
    assert (end.value.code or 0) == code


def test_run_says_of_every_file_of_the_front_what_its_row_says(tmp_path: Path, capsys: Capture) -> None:
    call("made", "--export", tmp_path / "machines", "--csv", tmp_path / "front.csv")
    front = {
        str(row["point"]): row for batch in Results.open(tmp_path / "front.csv").batches() for row in batch.to_pylist()
    }
    files = sorted((tmp_path / "machines").iterdir())
    assert [file.name for file in files] == sorted(f"small-{int(point):06d}.yaml" for point in front)
    assert f"{len(files)} hardware files written to {tmp_path / 'machines'}\n" in capsys.readouterr().out
    assert len(files) > 1
    assert {load_hardware(file).name for file in files} == {file.stem for file in files}
    for file, row in zip(files, sorted(front.values(), key=lambda one: int(one["point"])), strict=True):
        result = run("cnn3d_6b", file, samples=1)
        low, nominal, high = (energy / 1e6 for energy in result.cost.energy(FULL))
        assert (low, nominal, high) == (row["full_energy_low_pj"], row["full_energy_pj"], row["full_energy_high_pj"])
        assert result.cost.delay_ns == row["delay_ns"]
        assert result.cost.area_um2.nominal == row["area_um2"]


def test_a_point_is_printed_as_a_file_wherever_it_stands(tmp_path: Path, capsys: Capture) -> None:
    results = Results.open("made")
    rows = [row for batch in results.batches() for row in batch.to_pylist()]
    violating = next(int(row["point"]) for row in rows if row["status"] == "violates")
    call("made", "--point", violating)
    text = capsys.readouterr().out
    assert "violates engines.event.lanes * clock_mhz < 33600" in text.splitlines()[0]
    file = tmp_path / "machine.yaml"
    file.write_text(text)
    machine = yaml.safe_load(text)
    assert load_hardware(file).to_dict() == machine
    assert (machine["engines"]["event"]["lanes"], machine["clock_mhz"]) == (84, 400)
    fine = next(int(row["point"]) for row in rows if row["status"] == "ok")
    call("made", "--point", fine, "--point", violating, "--point", fine)
    assert len(list(yaml.safe_load_all(capsys.readouterr().out))) == 2
    call("made/results.parquet", "--point", fine, "--export", tmp_path)
    assert f"1 hardware file written to {tmp_path}" in capsys.readouterr().out
    assert (tmp_path / f"small-{fine:06d}.yaml").is_file()


def test_all_are_written_or_none(tmp_path: Path, capsys: Capture) -> None:
    rows = [row for batch in Results.open("made").batches() for row in batch.to_pylist()]
    refused = next(int(row["point"]) for row in rows if row["status"] == "refused")
    fine = next(int(row["point"]) for row in rows if row["status"] == "ok")
    call("made", "--point", fine, "--point", refused, "--export", tmp_path / "machines", code=2)
    error = capsys.readouterr().err
    assert error.startswith(
        f'error: point {refused} was refused, there is no machine to export: hardware "pim45nm": adc'
    )
    assert not (tmp_path / "machines").exists()
    call("made", "--point", 99, code=2)
    assert "has no point 99" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    call("made", "--export", tmp_path / "file", code=2)
    captured = capsys.readouterr()
    assert "is not a folder" in captured.err
    assert captured.out == ""
    call("made", "--point", fine, "--csv", "front.csv", code=2)
    assert "--point is not about the front" in capsys.readouterr().err


def test_files_of_other_points_stay_and_are_told(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "small-000099.yaml").write_text("mine")
    (tmp_path / "notes.yaml").write_text("mine")
    call("made", "--export", tmp_path, "--objective", "area")
    assert capsys.readouterr().out.endswith(f"2 hardware files written to {tmp_path}, beside 1 of other points\n")
    assert (tmp_path / "small-000099.yaml").read_text() == "mine"


def test_machines_are_those_that_were_explored(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """Whatever has become of the hardware file since; a file of results that has lost its space says so."""
    call("made", "--point", 0)
    before = capsys.readouterr().out
    base = made / "base.yaml"
    kept = base.read_text()
    try:
        base.unlink()
        call("made", "--point", 0)
    finally:
        base.write_text(kept)
    assert capsys.readouterr().out == before
    (tmp_path / "lone.csv").write_bytes((made / "made" / "results.csv").read_bytes())
    call(tmp_path / "lone.csv", "--point", 0, code=2)
    assert "does not say of which design space it is" in capsys.readouterr().err
