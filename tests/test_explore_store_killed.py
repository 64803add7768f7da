"""An exploration that is killed at any moment and continued ends in the bytes of one that was left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from made_exploration import COLUMNS, IDENTITY, contents, made_rows

from pimsim.explore.store import Store

POINTS = 60


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(("mode", "seed", "least"), [("writes", 1, 15), ("writes", 2, 15), ("moments", 3, 1)])
def test_killed_and_continued_gives_the_same_bytes(tmp_path: Path, mode: str, seed: int, least: int) -> None:
    with Store.create(tmp_path / "alone", IDENTITY, COLUMNS) as running:
        running.add(0, made_rows(0, POINTS))
        running.finish()
    script = Path(__file__).with_name("killed_exploration.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "killed", mode, str(seed)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least
    assert contents(tmp_path / "killed") == contents(tmp_path / "alone")
