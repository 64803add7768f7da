"""Icarus Verilog, an independent simulator of what is emitted: present, or the tests that need it are skipped.

With ``PIMSIM_ICARUS=required``, as `.ci/run` sets it, they are not skipped but fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = os.environ.get("PIMSIM_ICARUS") == "required"
needed = pytest.mark.skipif(
    shutil.which("iverilog") is None and not REQUIRED,
    reason="Icarus Verilog (iverilog, vvp) is not installed; .ci/run installs it",
)


def compiled(folder: Path, *sources: str, top: str = "bench") -> Path:
    """The compiled design; every warning of the compiler is an error."""
    command = ["iverilog", "-g2005-sv", "-Wall", "-s", top, "-o", "bench.vvp", *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return folder / "bench.vvp"


def simulated(folder: Path, *sources: str) -> subprocess.CompletedProcess[str]:
    """What the module ``bench`` prints, and its exit status."""
    design = compiled(folder, *sources)
    return subprocess.run(["vvp", "-n", design.name], cwd=folder, capture_output=True, text=True, check=False)
