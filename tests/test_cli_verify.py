"""``pimsim verify`` from files to a verdict."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import made_inputs
import pytest

from pimsim.cli import extra
from pimsim.cli.main import main
from pimsim.rtl.verify import layers as module
from pimsim.rtl.verify import text as verify_text
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verify.run_case import run_case

Capture = pytest.CaptureFixture[str]
MADE = ("--model", "made.npz", "--input", "field.npy", "--threads", "1")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with made.npz and field.npy."""
    made_inputs.write_model(tmp_path)
    made_inputs.write_scene(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verify(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["verify", *arguments])
    return int(end.value.code or 0)


def test_every_layer_of_a_model_is_held_against_its_description(workplace: Path, capsys: Capture) -> None:
    assert verify(*MADE, "--hw", "pim45nm_bitserial", "--out", "result") == 0
    out = capsys.readouterr().out
    for layer in ("conv1 on pim: equal", "conv2 on event: equal", "classifier on event: equal"):
        assert layer in out
    assert "\nequal: 3 layers" in out
    assert "≠" not in out
    table = list(csv.DictReader((workplace / "result/verify.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["layer"] for row in table} == {"conv1", "conv2", "classifier"}
    assert all(row["equal"] == "1" and row["simulator"] == row["rtl"] for row in table)
    assert {row["kind"] for row in table} == {"cycles", "units", "actions", "values"}
    verdict = json.loads((workplace / "result/verify.json").read_text(encoding="utf-8"))
    assert verdict["equal"]
    assert [layer["sums"] for layer in verdict["layers"]] == ["verified"] * 3


@pytest.mark.usefixtures("workplace")
def test_what_was_cut_and_what_is_only_modelled_is_said(capsys: Capture) -> None:
    chosen = ("--layer", "conv1", "--layer", "conv2", "--steps", "1", "--channels", "2")
    assert verify(*MADE, "--hw", "digital45nm", *chosen) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "conv1 on mac: equal (1 sample × 1 step; cut to 1 of" in out
    assert "2 of 4 output channels" in out
    assert "sweep only, its sums are modelled, not verified" in out
    assert "classifier" not in out


def test_a_difference_is_printed_with_its_place_and_ends_with_1(
    workplace: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(case):
        observed = run_case(case)
        membranes = observed.membranes.copy()
        membranes[0, 0, 1] += 3
        return replace(observed, membranes=membranes, counts=observed.counts | {"fifo_pop": 7})

    monkeypatch.setattr(module.verify, "__kwdefaults__", module.verify.__kwdefaults__ | {"run": wrong})
    assert verify(*MADE, "--hw", "digital45nm", "--layer", "conv2", "--out", "result") == 1
    out = capsys.readouterr().out
    assert "conv2 on event: DIFFERENT" in out
    assert "membrane: sample 0, step 0, neuron 1 (position 0, 0, 0, channel 1): simulator" in out
    assert "actions fifo.pop: simulator" in out
    assert "≠" in out
    assert not json.loads((workplace / "result/verify.json").read_text(encoding="utf-8"))["equal"]


@pytest.mark.usefixtures("workplace")
def test_several_processes_give_the_same_verdict() -> None:
    chosen = {"layers": ["conv2", "classifier"], "crop": Crop(steps=1)}
    one, two = (module.verify("made.npz", "digital45nm", "field.npy", threads=threads, **chosen) for threads in (1, 2))
    assert verify_text.text(one) == verify_text.text(two)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layer", "conv9"), 'has no layer "conv9"; did you mean'),
        (("--steps", "99"), "steps=99 is outside 1 … "),
        (("--samples", "9999"), "samples=9999 is outside 1 … "),
        (("--region", "1,2"), "'1,2' is not three sizes above 0, D,H,W"),
        (("--region", "0,1,1"), "is not three sizes above 0"),
        (("--layer", "conv1", "--region", "1,1,1"), 'layer "conv1": kernel'),
        (("--region", "9" * 5000 + ",1,1"), "is not three sizes above 0"),
        (("--hw", "ann45nm"), 'error: hardware "ann45nm": network=iso_cnn costs a CNN'),
        (("--set", "engines.event.lanes=4096"), '"digital45nm": engines.event.lanes=4096: at most 2048 can be'),
        (("--set", "engines.mac.neuron_lanes=4096"), '"digital45nm": engines.mac.neuron_lanes=4096: at most 2048 can'),
        (("--hw", "nowhere"), 'hardware file "nowhere" does not exist'),
    ],
)
def test_what_cannot_be_used_is_one_line_and_ends_with_2(
    workplace: Path, capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    assert verify(*MADE, "--hw", "digital45nm", *arguments, "--out", "result") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not (workplace / "result").exists()


def test_without_amaranth_the_extra_is_named(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda _name: None)
    assert verify("--model", "cnn3d_6b", "--hw", "pim45nm") == 2
    assert 'pip install "pimsim[verify]"' in capsys.readouterr().err


def test_the_description_is_imported_only_when_it_is_asked_for() -> None:
    import subprocess

    code = "import sys, pimsim.cli.verify, pimsim.cli.main; sys.exit('amaranth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
