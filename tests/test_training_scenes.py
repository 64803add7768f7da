"""Scenes that a reader downloads, as made cubes of their bands and classes: the same command trains on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from pimsim.cli.main import main  # noqa: E402
from pimsim.model import load_network  # noqa: E402
from pimsim.model.architecture import Architecture, cnn3d, cnn32h  # noqa: E402
from pimsim.training.conversion import convert  # noqa: E402
from pimsim.training.network import Network, Precision  # noqa: E402
from pimsim.training.quantize import Grid  # noqa: E402

#: file name, bands, classes, number of a class and its name
PAVIA, SALINAS = ("PaviaU", 103, 9, 5, "Painted metal sheets"), ("Salinas_corrected", 204, 16, 7, "Celery")
QUICK = ["ann.epochs=1", "ann.batch=64", "qstdb.epochs=1", "qstdb.batch=64", "qstdb.exact_epochs=0"]
QUICK += ["conversion.steps=3", "conversion.batch=4", "time_steps=2"]


def write_scene(folder: Path, name: str, bands: int, classes: int) -> None:
    """Three pixels of each class, each with a spectrum of its own slope, on an unlabelled field."""
    rng = np.random.default_rng(1)
    labels = np.zeros((12, 12), np.uint8)
    labels.flat[rng.permutation(144)[: 3 * classes]] = np.repeat(np.arange(1, classes + 1), 3)
    slope = (labels[..., None] - classes / 2) * np.linspace(-1, 1, bands)
    np.save(folder / f"{name}.npy", (2000 + 50 * slope + rng.normal(0, 20, slope.shape)).astype(np.int16))
    np.save(folder / f"{name.removesuffix('_corrected')}_gt.npy", labels)


@pytest.mark.parametrize(
    ("scene", "recipe", "settings", "macs"),
    [
        # HYPER-SNN (arXiv 2107.11979), Table I
        (PAVIA, "cnn3d_6b", [], 7_528_068),
        (SALINAS, "cnn3d_6b", ["weight_bits=4"], 14_887_032),
        # its table but for fc1, a 4×4 pool of 9 × 86: 2 · 21 · 128 · 8, and the classifier's 8 · 9
        (PAVIA, "cnn32h_6b", ["network.pool=4", "network.width=8"], 189_540 + 557_568 + 57_065_472 + 43_008 + 72),
    ],
    ids=["cnn3d-PU", "cnn3d-SS", "cnn32h-PU"],
)
def test_a_published_scene_trains_by_its_name_from_the_folder_of_scenes(
    scene: tuple[str, int, int, int, str],
    recipe: str,
    settings: list[str],
    macs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, bands, classes, *_ = scene
    write_scene(tmp_path, name, bands, classes)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path))
    changes = [f"scene={name}", "name=made", *QUICK, *settings]
    with pytest.raises(SystemExit) as end:
        main(["train", recipe, "--out", "run", "--threads", "1", *(x for c in changes for x in ("--set", c))])
    assert not end.value.code
    network = load_network(Path("run/made.npz"))
    assert network.architecture.input_shape[1] == bands
    assert network.classes == classes
    assert network.architecture.macs == macs
    assert 0 <= json.loads(Path("run/made.json").read_text())["accuracy"]["qstdb"]["overall_percent"] <= 100


@pytest.mark.parametrize(
    "architecture",
    [cnn3d(103, 9), cnn3d(204, 16), cnn32h(103, 9), cnn32h(204, 16, width=16), cnn32h(204, 16, pool=4, width=64)],
    ids=lambda a: f"{a.name}-{a.input_shape[1]}-{a.layers[-2].out_channels}",
)
def test_one_step_reaches_every_parameter(architecture: Architecture) -> None:
    """After conversion, a step of Q-STDB has a gradient for each weight tensor, threshold and leak."""
    torch.manual_seed(0)
    network = Network(architecture, Grid(0.125, 32, 0, 63), seed=0)
    codes = torch.randint(-32, 32, (2, *architecture.input_shape)).float()
    convert(network, codes[:1], steps=4, percentile=99.7, factor=0.5)
    with torch.no_grad():
        for leak in network.leaks:
            leak.fill_(0.9)  # from 1 a step upwards is taken back
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    before = [parameter.detach().double().sum().item() for parameter in network.parameters()]
    F.cross_entropy(network.forward_spiking(codes, Precision(6), 4), torch.tensor([0, 8])).backward()
    optimizer.step()
    network.clamp()
    after = [parameter.detach().double().sum().item() for parameter in network.parameters()]
    for (name, parameter), old, new in zip(network.named_parameters(), before, after, strict=True):
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name
        assert old != new, name
