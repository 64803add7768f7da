"""The command line: exit codes, messages, help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml
from made_inputs import network, write_model

from pimsim import __version__
from pimsim.cli import main as package_main
from pimsim.cli.main import COMMANDS, cli, main
from pimsim.errors import SceneError
from pimsim.model import network_hash

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def pimsim(capsys: Capture) -> Callable[..., Outcome]:
    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(end.value.code or 0, captured.out, captured.err)

    return call


def test_help_lists_every_command_with_its_line(pimsim: Callable[..., Outcome]) -> None:
    result = pimsim("--help")
    assert result.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_explains_itself(name: str, pimsim: Callable[..., Outcome]) -> None:
    result = pimsim(name, "-h")
    assert result.code == 0
    assert f"Usage: pimsim {name}" in result.out


def test_version_is_the_package_version(pimsim: Callable[..., Outcome]) -> None:
    assert pimsim("--version").out == f"pimsim, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Missing command"),
        (["rum"], "rum"),
        (["--verbos"], "--verbos"),
        (["run"], "--model"),
        (["run", "--model", "a.npz"], "--hw"),
        (["run", "--model", "a.npz", "--hw", "b.yaml", "--samples", "0"], "--samples"),
        (["run", "--model", "a.npz", "--hw", "b.yaml", "--samples", "ten"], "--samples"),
        (["run", "--model", "a.npz", "--hw", "b.yaml", "--threads", "-1"], "--threads"),
        (["info"], "NAME"),
        (["train"], "RECIPE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], expected: str, pimsim: Callable[..., Outcome]
) -> None:
    result = pimsim(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert expected in result.err
    assert "--help" in result.err


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (SceneError("a scene\nover two lines"), 2, "error: a scene over two lines\n"),
        (PermissionError(13, "Permission denied", "x"), 2, "error: [Errno 13] Permission denied: 'x'\n"),
        (click.FileError("x", "gone"), 2, "error: Could not open file 'x': gone\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (click.Abort(), 130, "error: interrupted\n"),
    ],
)
def test_a_foreseeable_failure_is_one_line_and_an_exit_code(
    raised: BaseException, code: int, line: str, pimsim: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(cli, "invoke", fail)
    result = pimsim("info", "x")
    assert (result.code, result.out, result.err.lstrip("\n")) == (code, "", line)


def test_a_defect_of_pimsim_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "invoke", fail)
    with pytest.raises(ZeroDivisionError):
        package_main(["info", "x"])


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    command = [sys.executable, "-m", "pimsim", "info", "pim45nm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_info_shows_a_hardware_file_as_yaml(pimsim: Callable[..., Outcome]) -> None:
    result = pimsim("info", "pim45nm")
    assert result.code == 0
    assert yaml.safe_load(result.out)["name"] == "pim45nm"
    assert len(yaml.safe_load(result.out)["content_hash"]) == 64


def test_info_shows_a_model(pimsim: Callable[..., Outcome], tmp_path: Path) -> None:
    shown = yaml.safe_load(pimsim("info", write_model(tmp_path)).out)
    assert shown["hash"] == network_hash(network())
    assert shown["macs"] == network().architecture.macs
    assert [layer["name"] for layer in shown["layers"]] == ["conv1", "conv2", "classifier"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("nowhere", None, "pim45nm.yaml"),
        ("nowhere.npz", None, "does not exist"),
        ("text.npz", b"hello", "not an .npz archive"),
        ("text.txt", b"hello", "not an .npz archive"),
        ("wrong.yaml", b"format: 1\nlanes: 4\n", "wrong.yaml"),
        ("binary.yaml", b"\xff\xfe\x00", "binary.yaml"),
        ("empty.yaml", b"", "empty.yaml"),
    ],
)
def test_info_on_what_it_cannot_read_is_one_line(
    name: str, content: bytes | None, expected: str, pimsim: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = pimsim("info", path if content is not None else name)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert expected in result.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing"], "shipped: "),
        (["cnn3d_6b", "--set", "qstdb.epochs"], "path=value"),
        (["cnn3d_6b", "--set", "qstdb.epochs=0"], "qstdb.epochs=0"),
        (["cnn3d_6b", "--set", "qstdb.epoch=1"], "qstdb.epoch"),
        (["cnn3d_6b", "--set", "scene=nowhere.mat"], "nowhere"),
    ],
)
def test_train_refuses_a_wrong_recipe_in_one_line(
    arguments: list[str], expected: str, pimsim: Callable[..., Outcome], tmp_path: Path
) -> None:
    result = pimsim("train", *arguments, "--out", tmp_path / "run")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert expected in result.err
    assert not (tmp_path / "run").exists()


def test_train_without_torch_names_the_extra(pimsim: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pimsim.training.pipeline", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)  # what an import then raises names torch
    result = pimsim("train", "cnn3d_6b")
    assert result.code == 2
    assert 'pip install "pimsim[train]"' in result.err
