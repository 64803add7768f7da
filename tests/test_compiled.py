"""Compiled kernels are kept between processes, and forgotten when what they were compiled from changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LANES = """
from numba import njit

@njit
def scaled(x):
    return x * {factor}
"""
KERNELS = """
from pimsim.simulation.compiled import kernel
from lanes import scaled

@kernel
def triple(x):
    return scaled(x)

print(triple(7), sum(triple.stats.cache_hits.values()))
"""


def run(folder: Path) -> list[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-B", "-c", "import kernels_made"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_a_kernel_is_compiled_once_and_again_after_an_edit_of_the_vectors_it_is_compiled_with(tmp_path: Path) -> None:
    # 7 · 3, compiled and then kept; numba alone would go on giving 21 after the edit to 7 · 5
    (tmp_path / "lanes.py").write_text(LANES.format(factor=3))
    (tmp_path / "kernels_made.py").write_text(KERNELS)
    assert run(tmp_path) == ["21", "0"]
    assert run(tmp_path) == ["21", "1"]
    (tmp_path / "lanes.py").write_text(LANES.format(factor=5) + "# another size\n")
    assert run(tmp_path) == ["35", "0"]
