"""``pimsim explore``: what it prints, what it leaves, how it is interrupted and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pimsim.cli.main import main

SPACE = {
    "format": 1,
    "name": "small",
    "hardware": "pim45nm",
    "models": "cnn3d_6b",
    "samples": 2,
    "axes": {"engines.event.lanes": [8, 42], "clock_mhz": {"range": [100, 400], "step": 100}},
}
Capture = pytest.CaptureFixture[str]


def pimsim(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SPACE, sort_keys=False))
    return path


def test_the_plan_is_printed_first_and_alone_where_that_is_asked(space: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    code, text, error = pimsim(capsys, "explore", space, "--plan", "--out", out)
    assert (code, error) == (0, "")
    assert text == "8 points: 0 executions of the network, 2 schedules, 8 pricings\n"
    assert not out.exists()


def test_a_space_is_explored_and_gone_on_with(space: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    code, text, error = pimsim(capsys, "explore", space, "--points", 3, "--workers", 1, "--out", out)
    assert (code, error) == (0, "")
    assert text.splitlines()[0].startswith("3 points: ")
    assert text.splitlines()[-1] == f"written to {out}"
    code, text, error = pimsim(capsys, "explore", space, "--workers", 1, "--out", out, "--resume")
    assert (code, error) == (0, "")
    assert "5 in " in text
    assert ", 3 were there before" in text
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock",
        "exploration.json",
        "results.csv",
        "results.parquet",
    ]
    assert len((out / "results.csv").read_text().splitlines()) == 9


def test_results_are_not_overwritten(space: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    pimsim(capsys, "explore", space, "--points", 1, "--workers", 1, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, _, error = pimsim(capsys, "explore", space, "--workers", 1, "--out", out)
    assert code == 2
    assert error == f'error: "{out}" holds an exploration already: --resume continues it, or give another folder\n'
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], 'error: design space "nowhere" does not exist'),
        (["SPACE", "--method", "random"], 'method "random" needs the number of points'),
        (["SPACE", "--method", "tpe"], 'error: method "tpe" needs the number of points'),
        (["SPACE", "--workers", "2", "--scheduler", "tcp://head:8786"], "error: workers=2: a cluster has workers"),
        (["SPACE", "--points", "0"], "error: Invalid value for '--points'"),
        (["SPACE", "--resume"], "nothing to resume, there is no such folder"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(
    space: Path, tmp_path: Path, capsys: Capture, arguments: list[str], reason: str
) -> None:
    out = tmp_path / "out"
    given = [str(space) if argument == "SPACE" else argument for argument in arguments]
    code, _, error = pimsim(capsys, "explore", *given, "--out", out)
    assert code == 2
    assert reason in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_an_interrupt_leaves_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    large, out = tmp_path / "large.yaml", tmp_path / "out"
    axes = {"engines.event.lanes": {"range": [1, 84], "step": 1}, "clock_mhz": {"range": [1, 400], "step": 1}}
    large.write_text(yaml.safe_dump(SPACE | {"axes": axes}, sort_keys=False))
    script = (
        "import signal, sys; from pimsim.cli import main\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs start with it ignored
        f"    main(['explore', {str(large)!r}, '--workers', '2', '--out', {str(out)!r}])\n"
    )
    file = tmp_path / "script.py"
    file.write_text(script)
    with subprocess.Popen(
        [sys.executable, file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        deadline = time.monotonic() + 300
        while process.poll() is None and not list(out.glob("segments/*.parquet")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
        _, error = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"what is done is in {out}; the same command with --resume goes on" in error
    assert "Traceback" not in error
    lines = (out / "results.csv").read_text().splitlines()
    columns = lines[0].count(",")
    assert len(lines) > 1
    assert {line.count(",") for line in lines} == {columns}
