"""The whole way by command line: scene → trained network → model file → cost."""

from __future__ import annotations

import json
from pathlib import Path

import made_inputs
import pytest

from pimsim.cli.main import main

pytest.importorskip("torch")

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
