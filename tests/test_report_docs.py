"""The examples of the Python page run as they stand, on what is shipped."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "python-api.md"


def test_examples_of_the_python_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks[:2]:
        exec(compile(block, PAGE.name, "exec"), {})
    assert {path.name for path in (tmp_path / "runs" / "mine").iterdir()} == {
        "summary.csv",
        "layers.csv",
        "components.csv",
        "run.json",
    }
    # more lanes, less delay: the lines "lanes delay energy" of the second block
    delays = [int(line.split()[1]) for line in capsys.readouterr().out.splitlines()[-3:]]
    assert delays == sorted(delays, reverse=True)
    assert len(set(delays)) == 3


def test_the_example_of_exploring_gives_the_front_of_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    block = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[2]
    exec(compile(block, PAGE.name, "exec"), {})
    plan, *front = capsys.readouterr().out.splitlines()
    assert plan.startswith("40 points: ")
    # the front of two objectives: as one falls the other rises
    energy, area = zip(*((float(line.split()[1]), float(line.split()[2])) for line in front), strict=True)
    assert len(front) > 1
    assert list(energy) == sorted(energy)
    assert list(area) == sorted(area, reverse=True)
