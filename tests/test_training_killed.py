"""A run that is killed at any moment and started again gives what a run left alone gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim.training.checkpoint import read_checkpoint  # noqa: E402
from pimsim.training.pipeline import train  # noqa: E402
from pimsim.training.recipe import load_recipe  # noqa: E402

SPIKING = """\
base: cnn3d_snn_6b
name: made
scene: {scene}
ann: {{epochs: 2, dropout: 0.1}}
conversion: {{steps: 5}}
snn: {{epochs: 2, exact_epochs: 1}}
qstdb: {{epochs: 2, exact_epochs: 1, dropout: 0.1}}
"""
CNN = """\
base: cnn3d_ann6b
name: made
scene: {scene}
ann: {{epochs: 1}}
qat: {{epochs: 2, exact_epochs: 1}}
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Two classes told apart by the slope of their spectrum, 8 bands, 8 × 8 pixels."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (8, 8))
    cube = 1000 + np.array([0.0, -60.0, 60.0])[labels][..., None] * np.arange(8) + rng.normal(0, 30, (8, 8, 8))
    np.save(tmp_path / "made.npy", cube)
    np.save(tmp_path / "made_gt.npy", labels)
    return tmp_path / "made.npy"


def killed(recipe: Path, out: Path, mode: str, seed: int = 0) -> int:
    """Train in processes that are killed until one comes to its end; returns how many were killed."""
    script = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run(
        [sys.executable, script, recipe, out, mode, str(seed)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def assert_equal_runs(one: Path, other: Path) -> None:
    """The same files; networks, models and traces to the last bit, JSON but for the time it took."""
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert not [name for name in names if name.endswith(".part")]
    for name in names:
        if name.endswith(".ckpt"):
            left, right = (read_checkpoint(folder / name) for folder in (one, other))
            assert left is not None
            assert right is not None
            assert left["network"].keys() == right["network"].keys()
            assert all(torch.equal(value, right["network"][key]) for key, value in left["network"].items())
            assert (left["epochs"], left["finished"]) == (right["epochs"], right["finished"])
        elif name == "made.json":
            assert without_times(one / name) == without_times(other / name)
        else:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def without_times(path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(path.read_text())
    stages = content["stages"]
    assert isinstance(stages, dict)
    for stage in stages.values():
        assert stage.pop("wall_s") >= 0
    return content


@pytest.mark.slow
@pytest.mark.parametrize(("text", "mode"), [(SPIKING, "writes"), (SPIKING, "moments"), (CNN, "writes")])
def test_a_run_killed_in_every_stage_gives_the_files_of_one_left_alone(
    text: str, mode: str, scene: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "made.yaml"
    recipe.write_text(text.format(scene=scene))
    threads = torch.get_num_threads()
    train(load_recipe(str(recipe)), tmp_path / "whole", command="pimsim train made", report=print, threads=1)
    torch.set_num_threads(threads)
    times = killed(recipe, tmp_path / "parts", mode)
    files = [path for path in (tmp_path / "whole").iterdir() if path.name != ".lock"]
    assert times >= (2 * len(files) if mode == "writes" else 3)
    assert_equal_runs(tmp_path / "whole", tmp_path / "parts")
