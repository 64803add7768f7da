"""``pimsim evaluate`` from files to files, and what it says of input that it cannot use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import made_inputs
import numpy as np
import pytest

from pimsim.cli.main import main
from pimsim.errors import OutputError
from pimsim.model import load_network, save_network
from pimsim.report.accuracy_table import append, read
from pimsim.report.run_rows import rows_of_file

Capture = pytest.CaptureFixture[str]
FILES = {"classes.csv", "confusion.csv", "spikes.csv", "evaluation.json"}
COMMAND = "pimsim train cnn3d_6b --set scene=field.npy"
PROVENANCE = {"scene": "field", "seed": 3, "train_fraction": 0.4, "command": COMMAND}
FIGURES = {"overall_percent": 40.0, "average_percent": 41.0, "kappa_percent": 10.0}
NOTED = {
    **PROVENANCE,
    "tool": "pimsim 0.1.0",
    "recipe": {
        "name": "made",
        "network": "cnn3d",
        "seed": 3,
        "train_fraction": 0.4,
        "weight_bits": 6,
        "input_bits": 6,
        "scheme": "affine",
        "time_steps": 4,
        "ann": {"epochs": 20},
        "conversion": {"steps": 10},
        "qstdb": {"epochs": 30},
    },
    "test_samples": 10,
    "accuracy": {"ann": FIGURES, "qstdb": FIGURES, "export": FIGURES},
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with made.npz, made.json and the scene field.npy, which the model was trained on."""
    save_network(replace(made_inputs.network(), provenance=PROVENANCE), tmp_path / "made.npz")
    (tmp_path / "made.json").write_text(json.dumps(NOTED))
    made_inputs.write_scene(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path))
    return tmp_path


def call(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", *arguments])
    assert (end.value.code or 0) == code


@pytest.fixture
def refused(workplace: Path, capsys: Capture) -> Callable[..., str]:
    """Calls ``pimsim evaluate``; it must exit with 2 and one line, and leave the folder as it was."""

    def run(*arguments: str) -> str:
        before = tree(workplace)
        call(*arguments, code=2)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1, captured.err
        assert tree(workplace) == before
        return captured.err

    return run


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_it_prints_and_writes_what_it_found(workplace: Path, capsys: Capture) -> None:
    call("--model", "made.npz", "--membrane-bits", "6", "--membrane-bits", "4")
    printed = capsys.readouterr().out
    assert "test pixels" in printed
    assert "4-bit membranes" in printed
    assert "written to runs/made-evaluate" in printed
    assert {file.name for file in (workplace / "runs" / "made-evaluate").iterdir()} == FILES


def test_scene_and_input_are_the_same_option(workplace: Path) -> None:
    call("--model", "made.npz", "--scene", "field.npy", "--out", "one")
    call("--model", "made.npz", "--input", "field.npy", "--out", "two")
    assert [path.read_bytes() for path in sorted((workplace / "one").iterdir())] == [
        path.read_bytes() for path in sorted((workplace / "two").iterdir())
    ]


def test_pictures_are_drawn_when_asked_for(workplace: Path) -> None:
    pytest.importorskip("matplotlib")
    call("--model", "made.npz", "--map", "--plot", "svg", "--out", "out")
    pictures = {"map.npy", "map.png", "confusion.svg", "spikes.svg"}
    assert {file.name for file in (workplace / "out").iterdir()} == FILES | pictures


def test_rows_of_results_say_how_the_network_was_trained_and_what_it_reached(workplace: Path, capsys: Capture) -> None:
    call("--model", "made.npz", "--membrane-bits", "6", "--results", "all/results.csv", "--out", "out")
    assert "added to all/results.csv" in capsys.readouterr().out
    found = json.loads((workplace / "out" / "evaluation.json").read_text())
    exported, narrow = read(workplace / "all" / "results.csv")
    assert (exported.inference, narrow.inference) == ("integer", "integer_membrane_6")
    for row, reached in ((exported, found["accuracy"]), (narrow, found["membranes"][0]["accuracy"])):
        assert row.oa_percent == round(100 * reached["overall"], 2)
        assert row.aa_percent == round(100 * reached["average"], 2)
        assert row.kappa_percent == round(100 * reached["kappa"], 2)
        assert row.test_samples == found["input"]["samples"]
        assert (row.network, row.scene, row.seed, row.row, row.start) == ("cnn3d", "field", 3, "qstdb", "conversion")
        assert (row.weight_bits, row.time_steps, row.epochs) == (6, 4, "20+30")
        assert row.command == COMMAND


def test_evaluating_again_replaces_the_rows(workplace: Path) -> None:
    call("--model", "made.npz", "--results", "results.csv")
    (row,) = read("results.csv")
    append("results.csv", [replace(row, oa_percent=0.0), replace(row, seed=9)])
    call("--model", "made.npz", "--results", "results.csv")
    assert read(workplace / "results.csv") == (row, replace(row, seed=9))


def test_the_row_that_training_left_is_the_one_that_is_replaced(workplace: Path) -> None:
    noted = append("results.csv", rows_of_file("made.json"))
    assert {row.inference for row in noted} == {"float", "integer"}
    call("--model", "made.npz", "--results", "results.csv", "--out", "out")
    found = json.loads((workplace / "out" / "evaluation.json").read_text())["accuracy"]
    renewed = read("results.csv")
    assert [row.identity for row in renewed] == [row.identity for row in noted]
    (integer,) = (row for row in renewed if row.inference == "integer")
    assert integer.oa_percent == round(100 * found["overall"], 2) != FIGURES["overall_percent"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--samples", "5"), "is of all test pixels"),
        (("--pixels", "labelled"), "is of all test pixels"),
        (("--pixels", "train"), "is of all test pixels"),
        (("--scene", "meadow.npy"), "is of all test pixels"),
    ],
)
def test_a_row_is_of_all_test_pixels(
    workplace: Path, refused: Callable[..., str], arguments: tuple[str, ...], told: str
) -> None:
    made_inputs.write_scene(workplace, "meadow")
    assert told in refused("--model", "made.npz", "--results", "results.csv", *arguments)


def test_a_row_needs_the_runs_own_file(workplace: Path, refused: Callable[..., str]) -> None:
    results = ("--model", "made.npz", "--results", "results.csv")
    for noted, told in (
        ({**NOTED, "command": "another"}, "is of another model: command=another"),
        ({**NOTED, "scene": "meadow"}, "is of another model: scene=meadow"),
        ({**NOTED, "accuracy": {"ann": FIGURES}}, "says nothing of an integer network"),
        ([], "made.json"),
        ({"accuracy": 3}, "made.json"),
    ):
        (workplace / "made.json").write_text(json.dumps(noted))
        assert told in refused(*results)
    (workplace / "made.json").write_text("{")
    assert "made.json" in refused(*results)
    (workplace / "made.json").unlink()
    assert '"made.json" does not exist' in refused(*results)


def test_another_file_is_not_taken_for_a_table_of_results(workplace: Path, refused: Callable[..., str]) -> None:
    (workplace / "results.csv").write_text("a,b\n1,2\n")
    assert "has other columns than a table of results" in refused("--model", "made.npz", "--results", "results.csv")


def test_a_table_that_cannot_be_written_is_known_before_the_work(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pimsim.report.evaluation_work.execute", lambda *_args, **_kwargs: pytest.fail("executed"))

    def read_only(folder: Path, names: list[str]) -> None:
        raise OutputError(f"{folder / names[0]} is read-only")

    monkeypatch.setattr("pimsim.report.evaluation_rows.check_writable", read_only)
    assert "all/results.csv is read-only" in refused("--model", "made.npz", "--results", "all/results.csv")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing option '--model'"),
        (("--model", "nothing"), 'model "nothing" does not exist'),
        (("--model", "field.npy"), "field.npy"),
        (("--model", "made.npz", "--scene", "nowhere"), 'scene "nowhere" does not exist'),
        (("--model", "made.npz", "--scene", "field_gt.npy"), "field_gt.npy"),
        (("--model", "made.npz", "--labels", "none.npy"), 'label file "none.npy" does not exist'),
        (("--model", "made.npz", "--labels", "small_gt.npy"), "do not fit a cube"),
        (("--model", "made.npz", "--samples", "0"), "--samples"),
        (("--model", "made.npz", "--samples", "99"), "samples=99 is outside"),
        (("--model", "made.npz", "--membrane-bits", "2"), "membrane_bits=2 is outside 4 … 32"),
        (("--model", "made.npz", "--pixels", "some"), "--pixels"),
        (("--model", "made.npz", "--plot", "gif"), "--plot"),
        (("--model", "made.npz", "--out", "made.json"), "is not a folder"),
        (("--model", "made.npz", "--results", "made.npz/x.csv"), "made.npz/x.csv"),
        (("--model", "made.npz", "--threads", "0"), "--threads"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    workplace: Path, refused: Callable[..., str], arguments: tuple[str, ...], told: str
) -> None:
    np.save(workplace / "small_gt.npy", np.ones((2, 2), int))
    assert told in refused(*arguments)


def test_a_damaged_model_is_refused(workplace: Path, refused: Callable[..., str]) -> None:
    content = (workplace / "made.npz").read_bytes()
    (workplace / "made.npz").write_bytes(content[: len(content) // 2])
    assert "made.npz" in refused("--model", "made.npz")


def test_a_model_of_another_kind_of_input_is_refused(workplace: Path, refused: Callable[..., str]) -> None:
    other = load_network(workplace / "made.npz")
    save_network(other, workplace / "copy.npz")
    made_inputs.write_scene(workplace, "wide", bands=9)
    assert "has 9 bands, the model takes 8" in refused("--model", "copy.npz", "--scene", "wide.npy")
