"""What is installed is what is in the source tree, and it works from anywhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pimsim
from pimsim import resources
from pimsim.errors import MissingFileError

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "pimsim").rglob("*.py"))
SHIPPED = (resources.MODEL, resources.HARDWARE, resources.SPACE, resources.TRACE, resources.COST_TABLE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pimsim as its wheel installs it, dependencies left where they are."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    site = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return site


def run_installed(site: Path, cwd: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_wheel_finds_every_shipped_file_by_bare_name(installed: Path, tmp_path: Path) -> None:
    listing = (
        "from pimsim import resources as r\n"
        "for kind in (r.MODEL, r.HARDWARE, r.SPACE, r.TRACE, r.COST_TABLE):\n"
        "    for path in r.shipped(kind): print(r.find(kind, path.stem))"
    )
    found = [Path(line) for line in run_installed(installed, tmp_path, "-c", listing).splitlines()]
    assert all(path.is_relative_to(installed / "pimsim") for path in found)
    expected = [path for kind in SHIPPED for path in resources.shipped(kind)]
    assert [path.name for path in found] == [path.name for path in expected]
    assert [path.read_bytes() for path in found] == [path.read_bytes() for path in expected]


@pytest.mark.slow
def test_an_installed_wheel_has_a_command(installed: Path, tmp_path: Path) -> None:
    command = str(installed / "bin" / "pimsim")
    assert run_installed(installed, tmp_path, command, "--version").strip() == f"pimsim, version {pimsim.__version__}"
    assert "run" in run_installed(installed, tmp_path, "-m", "pimsim", "--help")


@pytest.mark.slow
def test_an_installed_wheel_runs_the_shipped_model_on_the_shipped_machine(installed: Path, tmp_path: Path) -> None:
    arguments = ("run", "--model", "cnn3d_6b.npz", "--hw", "pim45nm.yaml", "--samples", "3", "--out", "result")
    assert "classifier" in run_installed(installed, tmp_path, "-m", "pimsim", *arguments)
    assert len(list((tmp_path / "result").iterdir())) == 4


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_package_and_no_test(installed: Path) -> None:
    assert _files(ROOT / "pimsim") <= _files(installed / "pimsim")
    surplus = _files(installed / "pimsim") - _files(ROOT / "pimsim")
    assert {path.parts[0] for path in surplus} == {"shipped"}
    assert not (installed / "tests").exists()


def _files(folder: Path) -> set[Path]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in found if "__pycache__" not in path.parts}


@pytest.mark.parametrize("kind", SHIPPED, ids=lambda kind: kind.noun)
def test_something_is_shipped_of_every_kind_and_found_with_and_without_suffix(kind: resources.Kind) -> None:
    assert resources.shipped(kind)
    for path in resources.shipped(kind):
        assert resources.find(kind, path.name) == path
        assert resources.find(kind, path.stem) == path


def test_a_file_of_the_user_wins_over_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = resources.shipped(resources.HARDWARE)[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / shipped.name).write_text("mine")
    assert resources.find(resources.HARDWARE, shipped.name).read_text() == "mine"
    assert resources.find(resources.HARDWARE, tmp_path / shipped.name).read_text() == "mine"


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = resources.shipped(resources.HARDWARE)[0]
    (tmp_path / shipped.stem).mkdir()
    assert resources.find(resources.HARDWARE, shipped.stem) == shipped


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pim45mn", 'did you mean "pim45nm.yaml"?'),
        ("pim45mn.yaml", 'did you mean "pim45nm.yaml"?'),
        ("zzz", "shipped: "),
        ("nowhere/pim45nm.yaml", "does not exist"),
        ("", "does not exist"),
        (".", "is a folder"),
    ],
)
def test_a_miss_lists_what_there_is_and_suggests_the_closest(name: str, expected: str) -> None:
    with pytest.raises(MissingFileError) as caught:
        resources.find(resources.HARDWARE, name)
    message = str(caught.value)
    assert expected in message
    assert "pim45nm_bitserial.yaml" in message
    assert "\n" not in message


def test_the_plain_install_has_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [name for name in project["dependencies"] if name.startswith(("torch", "tensorly"))]
    assert {"train", "explore", "verify", "dev"} <= project["optional-dependencies"].keys()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1 - _docstring_lines(node)
            assert lines <= 60, f"{path.name}: {node.name} has {lines} lines"


def _docstring_lines(node: ast.FunctionDef) -> int:
    first = node.body[0]
    documented = ast.get_docstring(node) is not None and first.end_lineno is not None
    return first.end_lineno - first.lineno + 1 if documented and first.end_lineno else 0
