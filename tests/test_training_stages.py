"""Stages that stop, go on, and are taken from other runs, on a scene that trains in a second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim.errors import ModelError, TrainingError  # noqa: E402
from pimsim.model import load_network, network_hash  # noqa: E402
from pimsim.report.run_rows import rows_of  # noqa: E402
from pimsim.training import pipeline, run_folder, stages, steps  # noqa: E402
from pimsim.training.checkpoint import read_checkpoint  # noqa: E402
from pimsim.training.data import prepare  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402
from pimsim.training.recipe import Recipe, load_recipe  # noqa: E402
from pimsim.training.result_file import write_result  # noqa: E402
from pimsim.training.run_folder import locked  # noqa: E402

SHORT = {"ann.epochs": 2, "conversion.steps": 5, "snn.epochs": 2, "snn.exact_epochs": 1}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes told apart by the slope of their spectrum, 8 bands, 8 × 8 pixels."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (8, 8))
    cube = 1000 + np.array([0.0, -60.0, 60.0])[labels][..., None] * np.arange(8) + rng.normal(0, 30, (8, 8, 8))
    np.save(folder / "made.npy", cube)
    np.save(folder / "made_gt.npy", labels)
    return folder / "made.npy"


def recipe(scene: Path, name: str, **changes: object) -> Recipe:
    short = {key: value for key, value in SHORT.items() if name != "cnn3d_6b" or not key.startswith("snn")}
    if name in ("cnn3d_6b", "cnn3d_snn_6b"):
        short |= {"qstdb.epochs": 2, "qstdb.exact_epochs": 1}
    if name == "cnn3d_ann6b":
        short = {"ann.epochs": 2, "qat.epochs": 2, "qat.exact_epochs": 1}
    return load_recipe(name, {"scene": str(scene), **short, **changes})


def run(chosen: Recipe, out: Path, heard: list[str] | None = None, **options: object) -> dict[str, object]:
    lines = [] if heard is None else heard
    return pipeline.train(
        chosen,
        out,
        command="pimsim train made",
        report=lambda stage, done, total, message: lines.append(f"{stage} {done}/{total} {message}"),
        device="cpu",
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def spiking(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run that ends in the float spiking network."""
    folder = tmp_path_factory.mktemp("spiking") / "run"
    run(recipe(scene, "cnn3d_snn"), folder)
    return folder


def weights(folder: Path, stage: str) -> dict[str, torch.Tensor]:
    state = read_checkpoint(folder / f"{stage}.ckpt")
    assert state is not None
    return dict(state["network"])


def trained(lines: list[str]) -> set[str]:
    """Stages of which an epoch was trained."""
    return {line.split()[0] for line in lines if "loss" in line}


def test_a_float_spiking_network_ends_without_a_model_and_with_its_accuracy(spiking: Path) -> None:
    assert not list(spiking.glob("*.npz"))
    result = json.loads((spiking / "cnn3d_snn.json").read_text())
    assert result["last_stage"] == "snn"
    assert {"ann", "converted_50_steps", "converted_5_steps", "snn"} == set(result["accuracy"])
    assert {stage: effort["epochs"] for stage, effort in result["stages"].items()} == {
        "ann": 2,
        "conversion": 0,
        "snn": 2,
    }
    last = rows_of(result)[-1]
    assert (last.row, last.weight_bits, last.inference, last.epochs) == ("snn", 32, "float", "2+2")
    assert last.wall_s is not None
    assert last.wall_s > 0


def test_float_spiking_training_moves_weights_thresholds_and_leaks(spiking: Path) -> None:
    before, after = weights(spiking, "conversion"), weights(spiking, "snn")
    assert before.keys() == after.keys()
    assert all(not torch.equal(before[name], after[name]) for name in before if name.startswith(("weights", "thresh")))
    assert any(after[name] < 1 for name in after if name.startswith("leaks"))


@pytest.mark.parametrize("last", ["ann", "conversion", "snn"])
def test_a_run_in_pieces_is_the_run_in_one(last: str, scene: Path, spiking: Path, tmp_path: Path) -> None:
    first = run(recipe(scene, "cnn3d_snn"), tmp_path / "run", until=last)
    assert first["last_stage"] == last
    assert {path.stem for path in (tmp_path / "run").glob("*.ckpt")} == set(first["stages"])  # type: ignore[call-overload]
    run(recipe(scene, "cnn3d_snn"), tmp_path / "run")
    one, other = weights(tmp_path / "run", "snn"), weights(spiking, "snn")
    assert all(torch.equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize("last", ["ann", "conversion"])
def test_a_cut_run_keeps_what_a_whole_one_wrote(last: str, scene: Path, spiking: Path, tmp_path: Path) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    before = (tmp_path / "run" / "cnn3d_snn.json").read_text()
    cut = run(recipe(scene, "cnn3d_snn"), tmp_path / "run", until=last)
    assert cut["last_stage"] == last
    assert (tmp_path / "run" / "cnn3d_snn.json").read_text() == before


def test_a_longer_run_and_one_of_other_settings_are_written_as_they_are(tmp_path: Path) -> None:
    path, stages = tmp_path / "made.json", ("ann", "snn", "export")

    def document(last: str, seed: int, *accuracies: str) -> dict[str, object]:
        measured = {name: {"overall_percent": seed} for name in accuracies}
        return {
            "recipe": {"patch": 5},
            "split": {},
            "seed": seed,
            "last_stage": last,
            "accuracy": measured,
            "stages": {},
        }

    def written(content: dict[str, object]) -> object:
        write_result(path, content, stages)
        return json.loads(path.read_text())

    short, long, other = document("ann", 1, "ann"), document("snn", 1, "ann", "snn"), document("ann", 2, "ann")
    assert written(short) == short
    assert written(long) == long
    assert written(short | {"accuracy": {"ann": {"overall_percent": 7}}}) == long | {
        "accuracy": {"ann": {"overall_percent": 7}, "snn": {"overall_percent": 1}}
    }
    assert written(other) == other
    for damage in ("{", "3", json.dumps(long | {"recipe": {"patch": 5}, "seed": 2, "accuracy": 3})):
        path.write_text(damage)
        assert written(other) == other


def test_stages_of_the_same_settings_are_taken_and_change_nothing(scene: Path, spiking: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    six = recipe(scene, "cnn3d_snn_6b")
    taken = run(six, tmp_path / "taken", heard, source=spiking)
    assert trained(heard) == {"qstdb"}
    assert any(line.startswith("snn 1/1 2 epochs taken from") for line in heard)
    alone = run(six, tmp_path / "alone")
    assert taken["accuracy"] == alone["accuracy"]
    models = [load_network(tmp_path / name / "cnn3d_snn_6b.npz") for name in ("taken", "alone")]
    assert network_hash(models[0]) == network_hash(models[1])
    # the stages' time comes along, so that a row's time is that of all it took
    efforts = json.loads((spiking / "cnn3d_snn.json").read_text())["stages"]
    assert {stage: taken["stages"][stage] for stage in efforts} == efforts  # type: ignore[index]


def test_precisions_share_what_comes_before_them(scene: Path, spiking: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    changed = recipe(scene, "cnn3d_snn_6b", **{"weight_bits": 4, "snn.epochs": 3})
    run(changed, tmp_path / "run", heard, source=spiking, until="snn")
    assert trained(heard) == {"snn"}
    assert [line for line in heard if "not taken" in line] == [
        f"snn 1/1 not taken from {spiking}: snn was made with other settings: snn.epochs 2 there, 3 here"
    ]


def test_a_cnn_takes_the_relu_stage_of_a_spiking_network(scene: Path, spiking: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    run(recipe(scene, "cnn3d_ann6b"), tmp_path / "run", heard, source=spiking, until="ann")
    assert trained(heard) == set()
    one, other = weights(tmp_path / "run", "ann"), weights(spiking, "ann")
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_what_cannot_be_taken_is_said_with_the_reason(scene: Path, spiking: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to take: ann was made with other settings: seed 0 there, 1 here"):
        run(recipe(scene, "cnn3d_snn", seed=1), tmp_path / "run", source=spiking)
    with pytest.raises(TrainingError, match=r"training_patches_sha256|patch 5 there, 7 here"):
        run(recipe(scene, "cnn3d_snn", patch=7), tmp_path / "run", source=spiking)
    with pytest.raises(TrainingError, match="no such folder"):
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run", source=tmp_path / "nothing")
    with pytest.raises(TrainingError, match=r"nothing to take: there is no ann\.ckpt"):
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run", source=tmp_path)
    with pytest.raises(TrainingError, match="is the folder of this run"):
        run(recipe(scene, "cnn3d_snn"), spiking, source=spiking)


def test_an_unfinished_stage_is_not_taken(scene: Path, spiking: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(spiking, half)
    (half / "conversion.ckpt").unlink()
    state = read_checkpoint(half / "ann.ckpt")
    assert state is not None
    torch.save(state | {"finished": False, "epochs": 1}, tmp_path / "state")
    (tmp_path / "state").replace(half / "ann.ckpt")
    with pytest.raises(TrainingError, match="nothing to take: ann is not finished there, 1 epochs are done"):
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run", source=half)


def test_quantization_after_training_rounds_the_spiking_network_and_trains_nothing(
    scene: Path, spiking: Path, tmp_path: Path
) -> None:
    heard: list[str] = []
    result = run(recipe(scene, "cnn3d_ptq", weight_bits=4), tmp_path / "run", heard, source=spiking)
    assert trained(heard) == set()
    model, before = load_network(tmp_path / "run" / "cnn3d_ptq.npz"), weights(spiking, "snn")
    for index, layer in enumerate(model.layers):
        weight = before[f"weights.{index}"]
        grid = Grid.of(weight, 4, "affine")
        assert np.array_equal(layer.weight, grid.codes(weight).numpy())
        assert layer.weight_bits == 4
    agreement = result["spike_agreement_percent"]
    assert set(agreement["with_leak_rounded"].values()) == {100.0}  # type: ignore[index]
    rows = {row.inference: row for row in rows_of(result) if row.row == "ptq"}
    assert set(rows) == {"float", "integer", "integer_scale_weights"}
    assert {row.start for row in rows.values()} == {"snn"}


def test_training_with_quantization_starts_from_the_spiking_network(scene: Path, spiking: Path, tmp_path: Path) -> None:
    still = {"qstdb.learning_rate": 1e-12, "qstdb.weight_decay": 0.0}
    run(recipe(scene, "cnn3d_snn_6b", **still), tmp_path / "run", source=spiking, until="qstdb")
    before, after = weights(spiking, "snn"), weights(tmp_path / "run", "qstdb")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_a_folder_in_which_another_process_trains_is_refused(scene: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "run"), pytest.raises(TrainingError, match="another process trains here"):
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run")
    with locked(tmp_path / "run"):
        pass


def test_other_settings_are_refused_before_anything_is_trained(scene: Path, spiking: Path, tmp_path: Path) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    heard: list[str] = []
    with pytest.raises(TrainingError, match=r"snn\.ckpt: made with other settings: snn\.batch 16 there, 8 here"):
        run(recipe(scene, "cnn3d_snn", **{"snn.batch": 8}), tmp_path / "run", heard)
    assert heard == []


def test_a_scene_whose_values_changed_is_another_one(scene: Path, spiking: Path, tmp_path: Path) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    shutil.copytree(scene.parent, tmp_path / "moved")
    run(recipe(tmp_path / "moved" / "made.npy", "cnn3d_snn"), tmp_path / "run")  # elsewhere, but the same
    cube = np.load(tmp_path / "moved" / "made.npy")
    np.save(tmp_path / "moved" / "made.npy", cube[::-1])
    with pytest.raises(TrainingError, match=r"ann\.ckpt: made with other settings"):
        run(recipe(tmp_path / "moved" / "made.npy", "cnn3d_snn"), tmp_path / "run")


class Stop(Exception):
    """Stands for a power cut."""


def test_time_is_that_of_the_epochs_kept_over_all_sittings(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        """Every epoch takes 3 s: it asks twice, at its begin and its end."""

        now = 0.0

        def perf_counter(self) -> float:
            self.now += 3.0
            return self.now

    monkeypatch.setattr(stages, "time", Clock())
    save, calls = run_folder.save_checkpoint, 0

    def fail_at_second(path: Path, key: object, state: dict[str, object]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Stop
        save(path, key, state)  # type: ignore[arg-type]

    monkeypatch.setattr(run_folder, "save_checkpoint", fail_at_second)
    chosen = recipe(scene, "cnn3d_snn", **{"ann.epochs": 3})
    with pytest.raises(Stop):
        run(chosen, tmp_path / "run", until="ann")
    result = run(chosen, tmp_path / "run", until="ann")
    ann = result["stages"]["ann"]  # type: ignore[index]
    assert (ann["epochs"], ann["wall_s"], ann["device"]) == (3, 9.0, "cpu")
    assert ann["threads"] == torch.get_num_threads()


def test_measured_accuracies_are_not_measured_again(
    scene: Path, spiking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    before = json.loads((tmp_path / "run" / "cnn3d_snn.json").read_text())
    (tmp_path / "run" / "snn.accuracy.json").write_text("{")  # damaged: measured anew
    evaluate, measured = steps.evaluate, []

    def count(*arguments: object) -> object:
        measured.append(1)
        return evaluate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "evaluate", count)
    assert run(recipe(scene, "cnn3d_snn"), tmp_path / "run") == before
    assert measured == [1]


def test_accuracies_of_other_weights_are_measured_again(scene: Path, spiking: Path, tmp_path: Path) -> None:
    """A stage that was removed and trained anew, on other threads, has the same settings and other weights."""
    shutil.copytree(spiking, tmp_path / "run")
    before = json.loads((tmp_path / "run" / "cnn3d_snn.json").read_text())
    state = read_checkpoint(spiking / "snn.ckpt")
    assert state is not None
    weights = {name: -value if name.startswith("weights.") else value for name, value in state["network"].items()}
    torch.save(state | {"network": weights}, tmp_path / "run" / "snn.ckpt")
    after = run(recipe(scene, "cnn3d_snn"), tmp_path / "run")["accuracy"]
    assert isinstance(after, dict)
    assert after["snn"] != before["accuracy"]["snn"]
    assert {**after, "snn": None} == {**before["accuracy"], "snn": None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": {}}, "does not hold the parameters of this network"),
        ({"network": 3}, "does not hold the parameters"),
        ({"finished": False, "epochs": 1, "optimizer": {"state": {}, "param_groups": []}}, "this stage's optimizer"),
        ({"finished": False, "epochs": 1}, "this stage's optimizer"),
        ({"epochs": 99}, "99 epochs"),
        ({"wall_s": "long"}, "damaged"),
    ],
)
def test_a_checkpoint_that_was_tampered_with_is_refused_by_name(
    change: dict[str, object], words: str, scene: Path, spiking: Path, tmp_path: Path
) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    state = read_checkpoint(spiking / "ann.ckpt")
    assert state is not None
    torch.save(state | change, tmp_path / "run" / "ann.ckpt")
    with pytest.raises(TrainingError) as caught:
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run", until="ann")
    assert "ann.ckpt" in str(caught.value)
    assert words in str(caught.value)


def test_a_checkpoint_of_other_shapes_is_refused_by_name(scene: Path, spiking: Path, tmp_path: Path) -> None:
    shutil.copytree(spiking, tmp_path / "run")
    state = read_checkpoint(spiking / "ann.ckpt")
    assert state is not None
    state["network"]["weights.0"] = torch.zeros(3)
    torch.save(state, tmp_path / "run" / "ann.ckpt")
    with pytest.raises(TrainingError, match=r"ann\.ckpt: does not fit this network"):
        run(recipe(scene, "cnn3d_snn"), tmp_path / "run", until="ann")


def test_a_layer_that_dropout_cannot_act_on_is_refused_before_training(scene: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    with pytest.raises(ModelError, match='dropout_layers: no "fc1" among those behind the first: conv2, conv3'):
        run(recipe(scene, "cnn3d_snn", **{"snn.dropout_layers": ["fc1"]}), tmp_path / "run", heard)
    assert heard == []
    assert not (tmp_path / "run").exists()


def test_dropout_acts_in_training_on_the_named_layers_alone(scene: Path) -> None:
    chosen = recipe(scene, "cnn3d_snn")
    data = prepare(chosen)
    network = Network(chosen.network.architecture(data.input_shape, data.classes), data.grid)
    codes = network.centre(data.codes[:4])

    def logits() -> torch.Tensor:
        with torch.no_grad():
            return network.forward_relu(codes, Precision())

    network.eval()
    plain = logits()
    network.train()
    assert torch.equal(logits(), plain)
    network.set_dropout(0.5, ["conv3"])
    assert not torch.equal(logits(), plain)
    network.set_dropout(0.5, [])
    assert torch.equal(logits(), plain)
    network.set_dropout(0.5)
    assert set(network.dropout) == {"conv2", "conv3", "conv4", "conv5", "conv6", "classifier"}
    network.eval()
    assert torch.equal(logits(), plain)
