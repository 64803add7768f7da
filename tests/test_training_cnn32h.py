"""CNN-32H, narrow and on few bands, from its shipped recipe to machines: reshape, pool and dropout on the whole way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim import report  # noqa: E402
from pimsim.model import load_network, reference  # noqa: E402
from pimsim.traces import load_trace  # noqa: E402
from pimsim.training import pipeline  # noqa: E402
from pimsim.training.recipe import load_recipe  # noqa: E402

BANDS = 67


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run folder and result: 3 classes by the slope of their spectrum, pool 3, 16 wide."""
    folder = tmp_path_factory.mktemp("cnn32h")
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, (12, 12))
    slopes = np.array([0.0, -9.0, 0.0, 9.0])[labels]
    np.save(folder / "made.npy", 1000 + slopes[..., None] * np.arange(BANDS) + rng.normal(0, 30, (12, 12, BANDS)))
    np.save(folder / "made_gt.npy", labels)
    settings = {"network.pool": 3, "network.width": 16, "ann.epochs": 2, "conversion.steps": 10}
    recipe = load_recipe(
        "cnn32h_6b", {"scene": str(folder / "made.npy"), "qstdb.epochs": 2, "qstdb.exact_epochs": 1, **settings}
    )
    result = pipeline.train(recipe, folder / "run", command="pimsim train made", report=lambda *_: None)
    return folder / "run", result


def test_the_exported_network_is_the_trained_one(run: tuple[Path, dict[str, Any]]) -> None:
    folder, result = run
    network, trace = load_network(folder / "cnn32h_6b.npz"), load_trace(folder / "cnn32h_6b_trace.npz")
    # 67 bands: 8 windows of 18; 6 × 88 and 4 × 86 positions; windows of 3 × 3 leave 1 × 28
    assert [layer.shape.out_size for layer in network.layers] == [(8, 1, 1), (1, 6, 88), (1, 4, 86), *[(1, 1, 1)] * 2]
    assert network.layers[3].shape.fan_in == 128 * 28
    # with the leak rounded as the accelerator does, the float network is the integer network
    assert set(result["spike_agreement_percent"]["with_leak_rounded"].values()) == {100.0}
    assert np.array_equal(reference.run(network, trace.inputs[:3]).outputs, trace.outputs[:3])


def test_the_settings_of_the_network_are_told(run: tuple[Path, dict[str, Any]]) -> None:
    assert run[1]["recipe"]["network"] == {"name": "cnn32h", "pool": 3, "width": 16}


def test_the_machines_of_a_comparison_take_it_and_keep_its_values(run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = run
    trace = load_trace(folder / "cnn32h_6b_trace.npz")
    result = report.comparison(
        folder / "cnn32h_6b.npz", ["digital45nm", "gather45nm"], folder / "cnn32h_6b_trace.npz", samples=4, widen=True
    )
    counted = [system.activity for system in result.systems]
    assert all(activity.latency_cycles > 0 for activity in counted)
    expected = np.mean(trace.predictions[:4] == trace.labels[:4])
    assert [system.accuracy.overall for system in result.systems if system.accuracy] == [expected] * 2
