"""A recipe from scene to exported network, on a scene small enough to train in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim.errors import TrainingError  # noqa: E402
from pimsim.model import load_network, network_hash, reference  # noqa: E402
from pimsim.traces import load_trace  # noqa: E402
from pimsim.training import pipeline, run_folder  # noqa: E402
from pimsim.training.data import augment, prepare  # noqa: E402
from pimsim.training.graph import Key  # noqa: E402
from pimsim.training.recipe import Recipe, load_recipe  # noqa: E402


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Three classes told apart by the slope of their spectrum, 10 bands, 16 × 16 pixels."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, (16, 16))
    slopes = np.array([0.0, -60.0, 0.0, 60.0])[labels]
    cube = 1000 + slopes[..., None] * np.arange(10) + rng.normal(0, 30, (16, 16, 10))
    np.save(tmp_path / "made.npy", cube)
    np.save(tmp_path / "made_gt.npy", labels)
    settings: dict[str, object] = {
        "scene": str(tmp_path / "made.npy"),
        "ann.epochs": 2,
        "conversion.steps": 10,
        "qstdb.epochs": 3,
        "qstdb.exact_epochs": 1,
    }
    return load_recipe("cnn3d_6b", settings)


def run(recipe: Recipe, out: Path, messages: list[str] | None = None) -> dict[str, object]:
    heard = messages if messages is not None else []
    return pipeline.train(
        recipe, out, command="pimsim train made", report=lambda *parts: heard.append(" ".join(map(str, parts)))
    )


def test_a_network_that_fires_once_is_exported_as_it_was_trained(recipe: Recipe, tmp_path: Path) -> None:
    changes = {"scene": recipe.scene, "ann.epochs": 2, "qstdb.epochs": 3, "qstdb.exact_epochs": 1}
    chosen = load_recipe("cnn3d_hybrid_6b", changes)
    run(recipe, tmp_path / "direct")
    result = pipeline.train(
        chosen,
        tmp_path / "run",
        command="pimsim train made",
        report=lambda *_: None,
        source=tmp_path / "direct",  # whose ReLU stage it shares
    )
    network = load_network(tmp_path / "run" / "cnn3d_hybrid_6b.npz")
    trace = load_trace(tmp_path / "run" / "cnn3d_hybrid_6b_trace.npz")
    codes = prepare(chosen)
    values, counts = np.unique(codes.codes[codes.train].numpy(), return_counts=True)
    shares = np.cumsum(counts) / counts.sum()
    assert network.input_spikes is not None
    # a deviation is 63 / 8 codes, the nearest power of two 2^3
    found = (network.input_spikes.low, network.input_spikes.high, network.input_spikes.shift)
    assert found == (values[shares >= 0.01][0], values[shares >= 0.99][0], 3)
    assert [layer.neuron.kind for layer in network.layers] == ["single_spike"] * 6 + ["timed"]
    agreement = result["spike_agreement_percent"]
    assert isinstance(agreement, dict)
    assert set(agreement["with_leak_rounded"].values()) == {100.0}
    assert set(result["accuracy"]) == {"ann", "converted_5_steps", "qstdb", "export", "export_scale_weights"}
    again = reference.run(network, trace.inputs)
    assert np.array_equal(again.outputs, trace.outputs)
    assert all(part.sum(1).max() == 1 for part in again.spikes)


def test_the_exported_network_is_the_trained_one(recipe: Recipe, tmp_path: Path) -> None:
    result = run(recipe, tmp_path / "run")
    network = load_network(tmp_path / "run" / "cnn3d_6b.npz")
    trace = load_trace(tmp_path / "run" / "cnn3d_6b_trace.npz")
    assert trace.model_hash == network_hash(network)
    assert json.loads((tmp_path / "run" / "cnn3d_6b.json").read_text()) == result
    # with the leak rounded as the accelerator does, the float network is the integer network
    agreement = result["spike_agreement_percent"]
    assert isinstance(agreement, dict)
    assert set(agreement["with_leak_rounded"].values()) == {100.0}
    assert np.array_equal(reference.run(network, trace.inputs).outputs, trace.outputs)


class Stop(Exception):
    """Stands for a power cut."""


def test_a_run_that_was_stopped_and_continued_gives_the_same_network(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(recipe, tmp_path / "whole")
    save, calls = run_folder.save_checkpoint, 0

    def fail_late(path: Path, key: Key, state: dict[str, object]) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:  # the second epoch of Q-STDB is computed and lost
            raise Stop
        save(path, key, state)

    monkeypatch.setattr(run_folder, "save_checkpoint", fail_late)
    with pytest.raises(Stop):
        run(recipe, tmp_path / "parts")
    monkeypatch.undo()
    messages: list[str] = []
    run(recipe, tmp_path / "parts", messages)
    assert not any(message.startswith("ann 1 2") for message in messages)
    whole, parts = (load_network(tmp_path / name / "cnn3d_6b.npz") for name in ("whole", "parts"))
    assert network_hash(whole) == network_hash(parts)


def test_a_run_folder_of_other_settings_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    run(recipe, tmp_path / "run")
    other = recipe.model_copy(update={"seed": 1})
    with pytest.raises(TrainingError, match=r"ann\.ckpt: made with other settings: .*seed 0 there, 1 here"):
        run(other, tmp_path / "run")


def test_augmentation_maps_each_patch_to_one_of_its_eight_symmetries() -> None:
    torch.manual_seed(0)
    patches = torch.arange(40 * 2 * 9, dtype=torch.float32).reshape(40, 1, 2, 3, 3)
    seen = set()
    for before, after in zip(patches, augment(patches), strict=True):
        found = [
            (turns, mirrored)
            for turns in range(4)
            for mirrored in (False, True)
            if torch.equal(after, torch.rot90(before.flip(3) if mirrored else before, turns, (2, 3)))
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 8


def test_training_and_test_pixels_share_nothing_and_leave_nothing_out(recipe: Recipe) -> None:
    data = prepare(recipe)
    together = np.sort(np.concatenate([data.train.numpy(), data.test.numpy()]))
    assert np.array_equal(together, np.arange(len(data.labels)))
