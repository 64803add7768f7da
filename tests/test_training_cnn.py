"""The quantized CNN in training: the accelerator's integers, gradients, and a recipe from scene to model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from pimsim.errors import TrainingError  # noqa: E402
from pimsim.model import load_network, network_hash, reference  # noqa: E402
from pimsim.model.architecture import cnn3d  # noqa: E402
from pimsim.model.fixed_point import requantized  # noqa: E402
from pimsim.model.network import MAX_MULTIPLIER, MAX_SHIFT  # noqa: E402
from pimsim.traces import load_trace  # noqa: E402
from pimsim.training import pipeline, run_folder  # noqa: E402
from pimsim.training.conversion import calibrate  # noqa: E402
from pimsim.training.graph import Key  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid, fixed_ratio, requantize  # noqa: E402
from pimsim.training.recipe import Recipe, load_recipe  # noqa: E402

GRID = Grid(0.125, 32, 0, 63)


@given(st.floats(2.0**-30, 2.0**15))
def test_a_fixed_ratio_has_sixteen_significant_bits(ratio: float) -> None:
    multiplier, shift = fixed_ratio(ratio)
    assert 1 <= multiplier <= MAX_MULTIPLIER
    assert 0 <= shift <= MAX_SHIFT
    assert abs(multiplier / 2**shift - ratio) <= ratio * 2**-16


@pytest.mark.parametrize("ratio", [1e-30, 2.0**-46, 1e30, 65535.9])
def test_a_ratio_beyond_what_a_model_file_holds_takes_the_nearest_end(ratio: float) -> None:
    multiplier, shift = fixed_ratio(ratio)
    assert (multiplier, shift) == ((1, MAX_SHIFT) if ratio < 1 else (MAX_MULTIPLIER, 0))


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 10), st.sampled_from([1, 4, 6, 8]))
def test_training_requantizes_as_the_integer_network_does(seed: int, ratio: float, bits: int) -> None:
    sums = np.random.default_rng(seed).integers(-(2**23), 2**23, 200)
    codes = requantize(torch.from_numpy(sums).float(), torch.tensor(ratio), 2**bits - 1)
    multiplier, shift = fixed_ratio(float(torch.tensor(ratio)))
    assert codes.numpy().astype(int).tolist() == requantized(sums, multiplier, shift, bits).tolist()


def test_gradients_pass_inside_the_range_and_stop_outside() -> None:
    # times 1/4: −0.5 rounds up to 0, 1 to 0 (0.25), 6 to 2 (1.5), 30 to 8 and beyond 7
    sums = torch.tensor([-40.0, -2.0, 1.0, 6.0, 30.0], requires_grad=True)
    ratio = torch.tensor(0.25, requires_grad=True)
    codes = requantize(sums, ratio, 7)
    codes.sum().backward()
    assert codes.tolist() == [0, 0, 0, 2, 7]
    assert sums.grad.tolist() == [0, 0.25, 0.25, 0.25, 0]
    assert ratio.grad.item() == -2 + 1 + 6


def test_the_gradient_of_a_clip_is_lsqs() -> None:
    """Of y · step for step = clip / highest: rounded minus exact inside, highest above, 0 below (LSQ, Eq. 3)."""
    network = Network(cnn3d(12, 3), GRID, activation_bits=3)
    step = 0.5
    with torch.no_grad():
        network.clips[0].fill_(math.log(step * 7))
    sums = torch.tensor([-3.0, 0.9, 1.1, 9.0])  # in units of 1: 1.8 → 2, 2.2 → 2, 18 → 7
    real = requantize(sums, 1.0 / network.step(0), network.highest) * network.step(0)
    real.sum().backward()
    per_step = (2 - 1.8) + (2 - 2.2) + 7
    assert network.clips[0].grad.item() == pytest.approx(per_step * step, rel=1e-5)  # d step / d log clip = step


def test_clips_start_at_a_percentile_of_the_positive_activations() -> None:
    network = Network(cnn3d(12, 3), GRID, seed=3, activation_bits=6)
    codes = torch.randint(-32, 32, (4, *network.architecture.input_shape)).float()
    (first, *_) = calibrate(network, codes, percentile=90.0)
    with torch.no_grad():
        sums = torch.nn.functional.conv3d(codes * GRID.scale, network.weights[0]).flatten().numpy()
    assert first == pytest.approx(float(np.percentile(sums[sums > 0], 90.0)), rel=1e-4)
    assert network.step(0).item() == pytest.approx(first / 63)


def test_the_classifier_counts_in_real_units() -> None:
    """With fine steps the quantized network's logits come near the float ones."""
    network = Network(cnn3d(12, 3), GRID, seed=3, activation_bits=8)
    codes = torch.randint(-32, 32, (4, *network.architecture.input_shape)).float()
    calibrate(network, codes, percentile=100.0)
    with torch.no_grad():
        float_, quantized = network.forward_relu(codes, Precision()), network.forward_quantized(codes, Precision(8))
    assert (float_ - quantized).abs().max() < 0.1 * float_.abs().max()


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, (16, 16))
    slopes = np.array([0.0, -60.0, 0.0, 60.0])[labels]
    np.save(tmp_path / "made.npy", 1000 + slopes[..., None] * np.arange(10) + rng.normal(0, 30, (16, 16, 10)))
    np.save(tmp_path / "made_gt.npy", labels)
    changes = {"scene": str(tmp_path / "made.npy"), "ann.epochs": 2, "qat.epochs": 3, "qat.exact_epochs": 1}
    return load_recipe("cnn3d_ann6b", changes)


def train(recipe: Recipe, out: Path) -> dict[str, object]:
    return pipeline.train(recipe, out, command="pimsim train made", report=lambda *_: None)


@pytest.mark.parametrize("scheme", ["affine", "scale"])
def test_the_exported_cnn_is_the_trained_one_to_the_last_activation(
    scheme: str, recipe: Recipe, tmp_path: Path
) -> None:
    result = train(recipe.model_copy(update={"scheme": scheme}), tmp_path / "run")
    network = load_network(tmp_path / "run" / "cnn3d_ann6b.npz")
    trace = load_trace(tmp_path / "run" / "cnn3d_ann6b_trace.npz")
    assert network.is_cnn
    assert {layer.scheme for layer in network.layers} == {scheme}
    assert trace.model_hash == network_hash(network)
    assert json.loads((tmp_path / "run" / "cnn3d_ann6b.json").read_text()) == result
    agreement = result["activation_agreement_percent"]
    assert isinstance(agreement, dict)
    assert set(agreement["as_trained"].values()) == {100.0}
    assert np.array_equal(reference.run(network, trace.inputs).outputs, trace.outputs)
    assert network.provenance["float_accuracy"] == result["accuracy"]["ann"]  # type: ignore[index]


class Stop(Exception):
    """Stands for a power cut."""


def test_a_run_that_was_stopped_in_quantization_gives_the_same_network(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(recipe, tmp_path / "whole")
    save, calls = run_folder.save_checkpoint, 0

    def fail_late(path: Path, key: Key, state: dict[str, object]) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise Stop
        save(path, key, state)

    monkeypatch.setattr(run_folder, "save_checkpoint", fail_late)
    with pytest.raises(Stop):
        train(recipe, tmp_path / "parts")
    monkeypatch.undo()
    train(recipe, tmp_path / "parts")
    whole, parts = (load_network(tmp_path / name / "cnn3d_ann6b.npz") for name in ("whole", "parts"))
    assert network_hash(whole) == network_hash(parts)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("cnn3d_ann6b", {"time_steps": 5}, "time_steps: only a spiking network has it, this recipe's qat makes a CNN"),
        ("cnn3d_ann6b", {"conversion": {}}, "conversion: only a spiking network has it"),
        ("cnn3d_ann6b", {"qstdb.epochs": 3}, "qstdb"),
        ("cnn3d_ann6b", {"qat.activation_bits": 9}, "qat.activation_bits=9"),
        (
            "cnn3d_6b",
            {"qat": {"epochs": 1, "batch": 1, "learning_rate": 0.1}},
            "ends in one of .* this one has qstdb and qat",
        ),
    ],
)
def test_a_recipe_is_of_one_kind(name: str, changes: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError, match=words) as caught:
        load_recipe(name, changes)
    assert "\n" not in str(caught.value)


def test_both_recipes_share_their_relu_stage() -> None:
    spiking, cnn = load_recipe("cnn3d_6b"), load_recipe("cnn3d_ann6b")
    assert spiking.ann == cnn.ann
    keys = ("network", "scene", "patch", "train_fraction", "seed", "input_bits", "input_clip", "weight_bits")
    assert all(getattr(spiking, key) == getattr(cnn, key) for key in keys)
