"""The whole way by command line: scene → trained network → model file → cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import made_inputs
import numpy as np
import pytest

from pimsim.cli.main import main
from pimsim.report.accuracy_table import read
from pimsim.simulation import compiling

torch = pytest.importorskip("torch")

RECIPE = """\
name: tiny
network: cnn3d
scene: field.npy
patch: 5
ann: {epochs: 1, batch: 8, learning_rate: 1.0e-3}
conversion: {steps: 5}
qstdb: {epochs: 1, batch: 8, learning_rate: 1.0e-3, exact_epochs: 1}
"""


def call(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code


def test_a_scene_becomes_a_model_that_runs_on_its_scene_and_on_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_inputs.write_scene(tmp_path)
    Path("tiny.yaml").write_text(RECIPE)
    call("train", "tiny.yaml", "--set", "seed=3")
    trained = capsys.readouterr()
    assert trained.out == "runs/tiny/tiny.npz\n"
    assert "qstdb  loss" in trained.err
    written = json.loads(Path("runs/tiny/tiny.json").read_text())
    assert written["command"] == "pimsim train tiny.yaml --set seed=3"

    call("run", "--model", trained.out.strip(), "--hw", "digital45nm", "--input", "field.npy")
    on_scene = capsys.readouterr().out
    call("run", "--model", trained.out.strip(), "--hw", "digital45nm", "--input", "runs/tiny/tiny_trace.npz")
    on_trace = capsys.readouterr().out
    # the trace holds the test pixels, and so does a run on the scene
    assert _table(on_scene) == _table(on_trace)


def _table(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith((" conv", " classifier", " full"))]


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command writes."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_run_in_stages_adds_its_rows_and_goes_on_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_inputs.write_scene(tmp_path)
    Path("tiny.yaml").write_text(RECIPE)
    call("train", "tiny.yaml", "--until", "ann", "--results", "rows.csv", "--device", "cpu")
    assert capsys.readouterr().out == "runs/tiny/tiny.json\n"
    assert [(row.row, row.epochs) for row in read("rows.csv")] == [("ann", "1")]
    assert read("rows.csv")[0].command == "pimsim train tiny.yaml --until ann"
    call(
        "train", "tiny.yaml", "--from", "runs/tiny", "--out", "other", "--until", "conversion", "--results", "rows.csv"
    )
    assert "ann  1 epochs taken from runs/tiny" in capsys.readouterr().err
    assert [(row.row, row.time_steps) for row in read("rows.csv")] == [("ann", 1), ("converted", 50), ("converted", 5)]


def test_what_cannot_be_done_is_said_in_one_line_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_inputs.write_scene(tmp_path)
    Path("tiny.yaml").write_text(RECIPE)
    Path("other.csv").write_text("a,b\n1,2\n")
    assert "other.csv" in fails(capsys, "train", "tiny.yaml", "--results", "other.csv")
    assert "--until snn: the recipe tiny has the stages" in fails(capsys, "train", "tiny.yaml", "--until", "snn")
    assert "--from nothing: no such folder" in fails(capsys, "train", "tiny.yaml", "--from", "nothing")
    assert "qstdb.start=snn" in fails(capsys, "train", "tiny.yaml", "--set", "qstdb.start=snn")
    narrow = fails(capsys, "train", "tiny.yaml", "--set", "network=cnn32h", "--set", "patch=3")
    bands = np.load("field.npy").shape[2]
    assert f"network cnn32h does not fit patch=3 and the {bands} bands of field: layer" in narrow
    assert "--threads 100000: at most 1024" in fails(capsys, "train", "tiny.yaml", "--threads", "100000")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--device cuda" in fails(capsys, "train", "tiny.yaml", "--device", "cuda")
    Path("file").write_text("")
    assert "file" in fails(capsys, "train", "tiny.yaml", "--out", "file/run")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) in ([], ["runs"])
    assert not list(tmp_path.rglob("tiny.json"))


def test_who_waits_for_kernels_to_be_compiled_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def compiled_at_once(tell: Callable[[], None]) -> Iterator[None]:
        tell()
        yield

    monkeypatch.setattr(compiling, "on_compilation", compiled_at_once)
    monkeypatch.chdir(tmp_path)
    made_inputs.write_scene(tmp_path)
    Path("tiny.yaml").write_text(RECIPE)
    call("train", "tiny.yaml", "--until", "ann")
    assert capsys.readouterr().err.startswith("compiling kernels, on the first run only")
