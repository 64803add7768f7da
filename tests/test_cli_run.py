"""``pimsim run`` from files to files, and what it says of input that it cannot use."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_inputs
import numpy as np
import pytest

from pimsim import resources
from pimsim.cli.main import main
from pimsim.model import save_network
from pimsim.model.format import FORMAT as MODEL_FORMAT
from pimsim.model.network import LayerNumerics
from pimsim.simulation import execute
from pimsim.traces import save_trace

FILES = {"summary.csv", "layers.csv", "components.csv", "run.json"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with made.npz and field.npy."""
    made_inputs.write_model(tmp_path)
    made_inputs.write_scene(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(workplace: Path, capsys: Capture) -> Callable[..., str]:
    """Calls ``pimsim run``; it must exit with 2 and one line, and leave the folder as it was."""

    def call(*arguments: str, **changed: str) -> str:
        options = {"model": "made.npz", "hw": "pim45nm", "input": "field.npy", "out": "result"} | changed
        before = _tree(workplace)
        with pytest.raises(SystemExit) as end:
            main(["run", *(part for name, value in options.items() for part in (f"--{name}", value)), *arguments])
        captured = capsys.readouterr()
        assert end.value.code == 2
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1, captured.err
        assert _tree(workplace) == before
        return captured.err

    return call


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", *arguments])
    assert not end.value.code


def test_a_run_prints_every_layer_and_writes_every_file(workplace: Path, capsys: Capture) -> None:
    run("--model", "made.npz", "--hw", "pim45nm", "--input", "field.npy", "--out", "some/where")
    out = capsys.readouterr().out
    assert {path.name for path in (workplace / "some/where").iterdir()} == FILES
    for name in ("conv1", "conv2", "classifier"):
        assert name in out
    assert "some/where" in out
    with (workplace / "some/where/layers.csv").open() as stream:
        layers = [row["layer"] for row in csv.DictReader(stream)]
    assert layers[:3] == ["conv1", "conv2", "classifier"]


def test_without_out_the_files_go_to_a_folder_named_after_model_and_machine(workplace: Path) -> None:
    run("--model", "made.npz", "--hw", "digital45nm.yaml", "--input", "field.npy")
    assert {path.name for path in (workplace / "runs/made-digital45nm").iterdir()} == FILES


def test_the_same_run_is_the_same_bytes_whatever_the_number_of_threads(workplace: Path) -> None:
    common = ("--model", "made.npz", "--hw", "pim45nm", "--input", "field.npy")
    for threads, out in (("1", "a"), ("2", "b"), ("2", "c")):
        run(*common, "--threads", threads, "--out", out)
    files = [{path.name: path.read_bytes() for path in (workplace / out).iterdir()} for out in "abc"]
    assert files[0] == files[1] == files[2]


def test_a_changed_value_is_in_the_resolved_configuration(workplace: Path) -> None:
    common = ("--model", "made.npz", "--hw", "pim45nm", "--input", "field.npy", "--samples", "5")
    run(*common, "--set", "engines.event.lanes=3", "--set", "schedule=pipelined", "--out", "a")
    document = json.loads((workplace / "a/run.json").read_text())
    text = json.dumps(document)
    assert '"lanes": 3' in text
    assert '"schedule": "pipelined"' in text


def damaged_model(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> str:
    """made.npz with its header (a dict) and arrays changed."""
    with np.load(folder / "made.npz") as archive:
        arrays = dict(archive)
    header = json.loads(arrays.pop("header").tobytes())
    change(header, arrays)
    np.savez(folder / "damaged.npz", header=np.array(json.dumps(header)), **arrays)
    return "damaged.npz"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda head, _: head.update(version=99), "version"),
        (lambda head, _: head.update(format="other"), MODEL_FORMAT),
        (lambda head, _: head.pop("time_steps"), "time_steps"),
        (lambda head, _: head.update(surprise=1), "surprise"),
        (lambda head, _: head["layers"][0].update(stride=[0, 1, 1]), "conv1"),
        (lambda _, arrays: arrays.pop("weight.conv2"), "weight.conv2"),
        (lambda _, arrays: arrays.update({"weight.conv1": arrays["weight.conv1"] * 0.5}), "weight.conv1"),
        (lambda _, arrays: arrays.update({"weight.conv1": arrays["weight.conv1"] + 64}), "weight"),
        (lambda _, arrays: arrays.update({"weight.conv1": arrays["weight.conv1"][:2]}), "weight.conv1"),
        (lambda _, arrays: arrays.update({"input.mean": arrays["input.mean"] * np.nan}), "input.mean"),
    ],
)
def test_a_damaged_model_is_refused(
    change: Callable[[dict[str, Any], dict[str, Any]], None],
    expected: str,
    refused: Callable[..., str],
    workplace: Path,
) -> None:
    message = refused(model=damaged_model(workplace, change))
    assert "damaged.npz" in message
    assert expected in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("nowhere.npz", None, "does not exist"),
        ("text.npz", b"not an archive", "not an .npz archive"),
        ("empty.npz", b"", "not an .npz archive"),
        ("field.npy", None, "not an .npz archive"),
    ],
)
def test_a_model_that_is_no_model_is_refused(
    name: str, content: bytes | None, expected: str, refused: Callable[..., str], workplace: Path
) -> None:
    if content is not None:
        (workplace / name).write_bytes(content)
    message = refused(model=name)
    assert name in message
    assert expected in message


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("engines.event.lanes=0", "engines.event.lanes=0"),
        ("engines.event.lanes=many", "engines.event.lanes"),
        ("engines.event.lane=4", "engines.event.lane"),
        ("clock_mhz=.nan", "clock_mhz"),
        ("clock_mhz=-400", "clock_mhz=-400"),
        ("schedule=sideways", "schedule"),
        ("lanes", "path=value"),
        ("=4", "path=value"),
        ("engines.event.lanes=[", "engines.event.lanes"),
        ("layers.first=gpu", "layers.first"),
        ("cost.table=nowhere", "nowhere"),
        ("cost.mac_scaling=cubic", 'no mac_scaling="cubic", it has float32, horowitz'),
        ("cost.node_scaling=cacti", 'no node_scaling="cacti"'),
        ("cost.adc_model=flash", 'no adc_model="flash"'),
        ("clock_mhz=800", "adc.convert of 4 bits takes 5 ns"),
        ("engines.event.accumulator_bits=4", "accumulator_bits"),
    ],
)
def test_an_impossible_machine_is_refused(setting: str, expected: str, refused: Callable[..., str]) -> None:
    assert expected in refused("--set", setting)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("pim45mn", None, 'did you mean "pim45nm.yaml"'),
        ("nowhere.yaml", None, "shipped: "),
        ("text.yaml", "just words", "text.yaml"),
        ("open.yaml", "engines: [", "open.yaml"),
        ("twice.yaml", "format: 1\nformat: 1\n", '"format" is given twice'),
    ],
)
def test_a_hardware_file_that_is_none_is_refused(
    name: str, content: str | None, expected: str, refused: Callable[..., str], workplace: Path
) -> None:
    if content is not None:
        (workplace / name).write_text(content)
    assert expected in refused(hw=name)


def test_a_misspelt_key_in_a_hardware_file_is_named(refused: Callable[..., str], workplace: Path) -> None:
    text = resources.find(resources.HARDWARE, "pim45nm").read_text()
    (workplace / "mine.yaml").write_text(text.replace("fifo_depth:", "fifo_dept:"))
    message = refused(hw="mine.yaml")
    assert "mine.yaml" in message
    assert "engines.event.fifo_dept" in message


def test_a_scene_with_nan_is_refused(refused: Callable[..., str], workplace: Path) -> None:
    cube = np.load(workplace / "field.npy").astype(float)
    cube[2, 3, 4] = np.nan
    np.save(workplace / "field.npy", cube)
    assert "nan at row 2, column 3, band 4" in refused()


def test_a_scene_that_does_not_fit_the_model_is_refused(refused: Callable[..., str], workplace: Path) -> None:
    made_inputs.write_scene(workplace, "bands", bands=9)
    made_inputs.write_scene(workplace, "classes", classes=2)
    assert "9 bands, the model takes 8" in refused(input="bands.npy")
    assert "2 classes" in refused(input="classes.npy")


def test_more_samples_than_there_are_is_refused(refused: Callable[..., str]) -> None:
    message = refused("--samples", "1000")
    assert "samples=1000" in message


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere.mat", "nowhere"])
def test_an_input_that_does_not_exist_is_refused(name: str, refused: Callable[..., str]) -> None:
    assert name in refused(input=name)


def test_a_model_without_a_shipped_trace_asks_for_an_input(workplace: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "--model", "made.npz", "--hw", "pim45nm"])
    assert end.value.code == 2
    assert "--input" in capsys.readouterr().err
    assert not (workplace / "runs").exists()


def write_trace(path: Path, samples: int = 4) -> Path:
    network = made_inputs.network()
    codes = np.random.default_rng(2).integers(0, 64, (samples, *network.architecture.input_shape), dtype=np.uint8)
    labels = np.arange(samples) % made_inputs.CLASSES
    save_trace(execute(network, codes, labels, (LayerNumerics(),) * len(network.layers)), path)
    return path


def test_a_trace_is_an_input_and_can_be_cut(workplace: Path) -> None:
    write_trace(workplace / "recorded.npz")
    run("--model", "made.npz", "--hw", "pim45nm", "--input", "recorded.npz", "--samples", "3", "--out", "a")
    with (workplace / "a/summary.csv").open() as stream:
        assert {row["samples"] for row in csv.DictReader(stream) if row["system"] == "run"} == {"3"}


def test_a_trace_of_another_model_is_refused(refused: Callable[..., str], workplace: Path) -> None:
    write_trace(workplace / "recorded.npz")
    save_network(made_inputs.network(seed=1), workplace / "other.npz")
    assert "recorded.npz" in refused(model="other.npz", input="recorded.npz")


def test_an_empty_trace_is_refused(refused: Callable[..., str], workplace: Path) -> None:
    with np.load(write_trace(workplace / "recorded.npz")) as archive:
        arrays = {name: array if name == "header" else array[:0] for name, array in archive.items()}
    header = json.loads(arrays["header"].tobytes()) | {"samples": 0}
    np.savez(workplace / "empty.npz", **arrays | {"header": np.array(json.dumps(header))})
    message = refused(input="empty.npz")
    assert "samples" in message


def test_half_a_trace_is_refused(refused: Callable[..., str], workplace: Path) -> None:
    content = write_trace(workplace / "recorded.npz").read_bytes()
    (workplace / "half.npz").write_bytes(content[: len(content) // 2])
    assert "half.npz" in refused(input="half.npz")


def test_a_model_is_no_trace(refused: Callable[..., str]) -> None:
    assert "made.npz" in refused(input="made.npz")


@pytest.mark.parametrize("name", ["file", "file/below", "field.npy/a/b", "result"])
def test_an_output_folder_that_cannot_be_written_is_refused(
    name: str, refused: Callable[..., str], workplace: Path
) -> None:
    (workplace / "file").write_text("in the way")
    (workplace / "result/summary.csv").mkdir(parents=True)
    assert "cannot be written" in refused(out=name)
