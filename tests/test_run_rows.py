"""Rows of results from the JSON of a training run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pimsim.errors import ResultsError
from pimsim.report.run_rows import rows_of, rows_of_file

MODELS = Path(__file__).parent.parent / "models"
FIGURES = {"overall_percent": 90.5, "average_percent": 80.5, "kappa_percent": 70.5}


def document(**changes: Any) -> dict[str, Any]:
    """A run with both stages of training through time."""
    stages = {"ann": {"epochs": 60}, "snn": {"epochs": 40}, "qstdb": {"epochs": 20, "start": "snn"}}
    recipe = {
        "name": "made",
        "network": "cnn3d",
        "input_bits": 6,
        "weight_bits": 5,
        "scheme": "affine",
        "time_steps": 5,
        **stages,
    }
    return {
        "scene": "indian_pines",
        "seed": 3,
        "test_samples": 10,
        "command": "pimsim train made",
        "tool": "pimsim 1",
        "recipe": recipe,
        "accuracy": {"ann": FIGURES},
        **changes,
    }


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_run_gives_the_accuracies_in_its_json(path: Path) -> None:
    content = json.loads(path.read_text())
    rows = rows_of_file(path)
    for key, inference in (("export", "integer"), ("export_scale_weights", "integer_scale_weights")):
        if key in content["accuracy"]:
            (row,) = (row for row in rows if row.inference == inference)
            assert row.oa_percent == content["accuracy"][key]["overall_percent"]
            assert row.weight_bits == content["recipe"]["weight_bits"]
    assert {row.seed for row in rows} == {content["seed"]}
    assert {row.test_samples for row in rows} == {content["test_samples"]}


@pytest.mark.parametrize(
    ("key", "row", "start", "bits", "inference", "steps", "epochs"),
    [
        ("ann", "ann", "", 32, "float", 1, "60"),
        ("converted_50_steps", "converted", "", 32, "float", 50, "60"),
        ("snn", "snn", "", 32, "float", 5, "60+40"),
        ("qstdb", "qstdb", "snn", 5, "float", 5, "60+40+20"),
        ("export", "qstdb", "snn", 5, "integer", 5, "60+40+20"),
        ("export_scale_weights", "qstdb", "snn", 5, "integer_scale_weights", 5, "60+40+20"),
        ("export_membrane_6", "qstdb", "snn", 5, "integer_membrane_6", 5, "60+40+20"),
    ],
)
def test_a_measurement_is_named_by_stage_form_and_epochs(
    key: str, row: str, start: str, bits: int, inference: str, steps: int, epochs: str
) -> None:
    (found,) = rows_of(document(accuracy={key: FIGURES}))
    assert (found.row, found.start, found.weight_bits) == (row, start, bits)
    assert (found.inference, found.time_steps, found.epochs) == (inference, steps, epochs)
    assert (found.oa_percent, found.aa_percent, found.kappa_percent) == (90.5, 80.5, 70.5)
    assert (found.network, found.scene, found.split, found.seed) == ("cnn3d", "indian_pines", "random", 3)


def test_wall_time_is_that_of_the_stages_that_the_network_passed_through() -> None:
    stages = {
        name: {"epochs": 1, "wall_s": seconds, "threads": threads}
        for name, seconds, threads in (("ann", 1.0, 1), ("conversion", 2.0, 1), ("snn", 4.0, 1), ("qstdb", 8.0, 2))
    }
    names = ("ann", "converted_5_steps", "snn", "export")
    rows = rows_of(document(accuracy=dict.fromkeys(names, FIGURES), stages=stages))
    assert [row.wall_s for row in rows] == [1.0, 3.0, 7.0, 15.0]
    assert [row.threads for row in rows] == [1, 1, 1, 2]
    assert {row.wall_s for row in rows_of(document())} == {None}


def test_quantization_after_training_has_the_epochs_of_the_spiking_network() -> None:
    made = document(accuracy={"ptq": FIGURES, "export": FIGURES})
    del made["recipe"]["qstdb"]
    made["recipe"]["ptq"] = {"start": "snn"}
    rows = rows_of(made)
    assert {(row.row, row.start, row.epochs, row.weight_bits) for row in rows} == {("ptq", "snn", "60+40", 5)}
    assert [row.inference for row in rows] == ["float", "integer"]


def test_a_split_and_parameters_of_the_network_are_named() -> None:
    made = document(split={"kind": "file", "seed": 0}, split_label="published_train", train_samples=7)
    made["recipe"]["network"] = {"name": "cnn32h", "pool": 4, "width": 512}
    (row,) = rows_of(made)
    assert (row.split, row.split_kind) == ("file published_train", "file")
    assert (row.network, row.train_samples) == ("cnn32h pool 4", 7)
    (row,) = rows_of(document(split={"kind": "blocks"}, split_label="blocks guard 2"))
    assert row.split == "blocks guard 2"


@pytest.mark.parametrize(("hidden", "network"), [(4096, "vgg6"), (512, "vgg6 hidden 512")])
def test_a_vgg_network_is_named_with_a_width_that_is_not_the_papers(hidden: int, network: str) -> None:
    found = document(accuracy={"ann": FIGURES})
    found["recipe"] |= {"network": {"name": "vgg6", "hidden": hidden}}
    assert [row.network for row in rows_of(found)] == [network]


def test_the_coding_of_a_spiking_network_is_named_and_its_relu_network_is_any_others() -> None:
    coded = document(accuracy={"ann": FIGURES, "converted_5_steps": FIGURES, "qstdb": FIGURES})
    coded["recipe"] |= {"encoding": "hybrid", "neuron": "single_spike", "readout": "timed"}
    assert [row.network for row in rows_of(coded)] == ["cnn3d", *["cnn3d hybrid single_spike timed"] * 2]
    coded["recipe"] |= {"encoding": "direct", "neuron": "lif"}
    assert [row.network for row in rows_of(coded)] == ["cnn3d", *["cnn3d timed"] * 2]


def test_a_measurement_that_no_table_has_gives_no_row() -> None:
    assert rows_of(document(accuracy={"calibrated": FIGURES})) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": 3}, "accuracy is no table"),
        ({"accuracy": {"ann": None}}, "accuracy.ann is no table"),
        ({"accuracy": {"ann": {**FIGURES, "kappa_percent": "x"}}}, "accuracy.ann.kappa_percent='x' is no number"),
        ({"accuracy": {"ann": {**FIGURES, "overall_percent": 101}}}, "oa_percent=101"),
        ({"seed": "one"}, "seed='one' is no int"),
        ({"seed": True}, "seed=True is no int"),
        ({"scene": None}, "scene=None is no str"),
        ({"recipe": {}}, 'has no key "network"'),
        ({"stages": {"ann": {"wall_s": "long", "threads": 1}}}, "stages.ann.wall_s='long' is no number"),
        ({"stages": {"ann": {"wall_s": 1.0}}}, "threads=None is no int"),
    ],
)
def test_what_is_no_run_is_refused_by_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultsError) as caught:
        rows_of(document(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{}", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_run_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"run\.json"):
        rows_of_file(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nothing\.json"):
        rows_of_file(tmp_path / "nothing.json")
