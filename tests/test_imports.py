"""Which imports cost time, and where they may happen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numba", "torch", "pandas", "scipy", "numpy", "pydantic", "matplotlib", "rich")


def loaded_after(code: str) -> set[str]:
    """Heavy packages in ``sys.modules`` after ``code`` in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def command(*arguments: str) -> str:
    return f"from pimsim.cli import main\ntry: main({list(arguments)!r})\nexcept SystemExit as end: assert not end.code"


@pytest.mark.parametrize(
    "code",
    [
        "import pimsim",
        "import pimsim.resources, pimsim.errors",
        command("--help"),
        command("--version"),
        command("run", "--help"),
        command("train", "--help"),
        command("info", "--help"),
    ],
)
def test_help_answers_without_importing_anything_heavy(code: str) -> None:
    assert loaded_after(code) == set()


@pytest.mark.parametrize("stage", ["model", "hardware", "scenes", "traces", "activity", "mapping", "cost"])
def test_describing_a_run_needs_neither_the_compiler_nor_torch(stage: str) -> None:
    assert not loaded_after(f"import pimsim.{stage}") & {"numba", "torch", "pandas", "scipy", "matplotlib"}


@pytest.mark.parametrize("stage", ["simulation", "report"])
def test_running_needs_no_torch(stage: str) -> None:
    assert "torch" not in loaded_after(f"import pimsim.{stage}")


def test_every_module_can_be_imported_first() -> None:
    pytest.importorskip("torch")
    root = Path(__file__).resolve().parent.parent
    names = [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((root / "pimsim").rglob("*.py"))
        if path.name != "__main__.py"
    ]
    # a fresh package each time shows circular imports that a fortunate order would hide
    script = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] == 'pimsim']: del sys.modules[loaded]\n"
        "    importlib.import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
