"""Scenes from files: what is found, what is read, and what an error says."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pimsim.errors import MissingFileError, PimsimError, SceneError
from pimsim.scenes import Scene, band_statistics, extract_patches, load_scene
from pimsim.scenes.catalogue import PUBLISHED

CUBE = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
LABELS = np.array([[0, 1, 1, 0, 2]] * 4, dtype=np.uint8)


def refused(error: type[PimsimError], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(error) as caught:
        load_scene(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda scene: scene.title)
def test_a_scene_loads_as_people_download_it(published: Any, tmp_path: Path) -> None:
    savemat(tmp_path / published.file, {"anything": CUBE})
    savemat(tmp_path / published.label_file, {"something_gt": LABELS})
    scene = load_scene(tmp_path / published.file)
    assert np.array_equal(scene.cube, CUBE)
    assert np.array_equal(scene.labels, LABELS)
    assert scene.class_names == (published.names[1], published.names[2])
    assert scene.attribution == published.attribution


@pytest.mark.parametrize(
    ("file", "label_file", "shape", "classes"),
    [
        ("PaviaU.mat", "PaviaU_gt.mat", (610, 340, 103), 9),
        ("Salinas_corrected.mat", "Salinas_gt.mat", (512, 217, 204), 16),
    ],
)
def test_a_scene_of_full_size_is_cut_without_copying_its_patches(
    file: str, label_file: str, shape: tuple[int, int, int], classes: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    cube = rng.integers(0, 9000, shape, dtype=np.uint16)
    savemat(tmp_path / file, {"cube": cube})
    savemat(tmp_path / label_file, {"gt": rng.integers(0, classes + 1, shape[:2], dtype=np.uint8)})
    scene = load_scene(tmp_path / file)
    patches = extract_patches(scene, 5)
    assert len(scene.class_names) == classes
    assert len(patches) == np.count_nonzero(scene.labels)
    owner: Any = patches.windows
    while owner.base is not None:
        owner = owner.base
    assert owner.nbytes <= 1.05 * cube.nbytes  # the padded cube and nothing else
    assert patches.take([0, -1]).shape == (2, 1, shape[2], 5, 5)


def test_a_bare_name_is_looked_up_in_the_scene_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "SalinasA_corrected.mat", {"salinasA_corrected": CUBE})
    savemat(tmp_path / "SalinasA_gt.mat", {"salinasA_gt": LABELS})
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path))
    for name in ("SalinasA_corrected.mat", "SalinasA_corrected", "SalinasA", "salinas-a"):
        assert load_scene(name).name == "SalinasA"


def test_a_file_in_the_working_folder_wins_over_the_scene_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, cube in ((tmp_path / "here", CUBE), (tmp_path / "there", CUBE + 1)):
        folder.mkdir()
        savemat(folder / "PaviaU.mat", {"paviaU": cube})
        savemat(folder / "PaviaU_gt.mat", {"paviaU_gt": LABELS})
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path / "there"))
    monkeypatch.chdir(tmp_path / "here")
    assert np.array_equal(load_scene("PaviaU").cube, CUBE)


def test_any_cube_and_labels_load_from_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "field.npy", CUBE.astype(">i4"))
    np.save(tmp_path / "field_gt.npy", LABELS.astype(np.float32))
    scene = load_scene(tmp_path / "field")
    assert np.array_equal(scene.cube, CUBE)
    assert scene.cube.dtype.isnative
    assert scene.labels.dtype == np.int64
    assert scene.class_names == ("class 1", "class 2")


def test_cube_and_labels_may_share_a_file(tmp_path: Path) -> None:
    savemat(tmp_path / "both.mat", {"x": CUBE, "y": LABELS, "version": 3, "author": "someone"})
    scene = load_scene(tmp_path / "both.mat")
    assert np.array_equal(scene.labels, LABELS)


def test_a_label_file_of_any_name_can_be_given(tmp_path: Path) -> None:
    np.save(tmp_path / "cube.npy", CUBE)
    np.save(tmp_path / "map.npy", LABELS)
    assert np.array_equal(load_scene(tmp_path / "cube.npy", labels=tmp_path / "map.npy").labels, LABELS)
    assert "nothing.npy" in refused(MissingFileError, tmp_path / "cube.npy", labels=tmp_path / "nothing.npy")


def test_a_file_with_several_arrays_lists_them_and_takes_a_key(tmp_path: Path) -> None:
    path = tmp_path / "several.mat"
    savemat(path, {"raw": CUBE, "smooth": CUBE + 1, "train": LABELS, "test": LABELS})
    message = refused(SceneError, path)
    assert "raw (4, 5, 3)" in message
    assert "smooth (4, 5, 3)" in message
    assert "train (4, 5)" in refused(SceneError, path, cube_key="raw")
    assert '"tests"' in refused(SceneError, path, cube_key="raw", label_key="tests")
    assert np.array_equal(load_scene(path, cube_key="smooth", label_key="test").cube, CUBE + 1)


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda scene: scene.title)
def test_a_missing_scene_tells_where_it_is_to_be_had_and_under_which_name(published: Any, tmp_path: Path) -> None:
    message = refused(MissingFileError, tmp_path / published.file)
    for part in (published.file, published.label_file, "Hyperspectral Remote Sensing Scenes", "https://www.ehu.eus/"):
        assert part in message


def test_missing_labels_tell_the_expected_name(tmp_path: Path) -> None:
    savemat(tmp_path / "PaviaU.mat", {"paviaU": CUBE})
    message = refused(MissingFileError, tmp_path / "PaviaU.mat")
    assert "PaviaU_gt.mat" in message
    assert "https://www.ehu.eus/" in message
    np.save(tmp_path / "own.npy", CUBE)
    assert "own_gt.mat" in refused(MissingFileError, tmp_path / "own.npy")


def test_an_unknown_name_lists_the_known_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(MissingFileError, "botswana")
    assert "indian_pines" in message
    assert "PaviaU.mat" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.mat", b"", "not a readable .mat"),
        ("x.mat", b"not matlab" * 100, "not a readable .mat"),
        (
            "x.mat",
            b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0e\x00\x00\x00\xff\xff",
            "not a readable .mat",
        ),
        ("x.mat", b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF" * 9, "-v7"),
        ("x.npy", b"", "not a readable .npy"),
        ("x.npy", b"\x93NUMPY\x01\x00", "not a readable .npy"),
        ("x.csv", b"1,2,3", ".mat or .npy"),
        ("x.npz", b"PK\x03\x04", ".mat or .npy"),
    ],
)
def test_a_file_that_is_no_scene_is_refused_by_name(name: str, content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    message = refused(SceneError, tmp_path / name)
    assert name in message
    assert expected in message


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "not a readable .npy" in refused(SceneError, tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("cube", "labels", "expected"),
    [
        (np.full((4, 5, 3), np.nan), LABELS, "nan at row 0, column 0, band 0"),
        (np.where(CUBE == 59, np.inf, CUBE), LABELS, "inf at row 3, column 4, band 2"),
        (CUBE, LABELS[:3], r"(3, 5) do not fit a cube of (4, 5)"),
        (CUBE, LABELS.T, r"(5, 4) do not fit a cube of (4, 5)"),
        (CUBE, -LABELS.astype(int), "-2 is negative"),
        (CUBE, np.zeros_like(LABELS), "no pixel is labelled"),
        (CUBE, LABELS + 0.5, "whole numbers, found 0.5"),
        (CUBE, np.where(LABELS, LABELS, np.nan), "whole numbers, found nan"),
        (CUBE + 1j, LABELS, "no numeric array"),
        (CUBE[:, :, 0], LABELS, "exactly one 3-D array"),
        (CUBE, np.float64(1.0), "exactly one 2-D array"),
    ],
)
def test_a_scene_that_cannot_be_used_says_why(
    cube: np.ndarray, labels: np.ndarray, expected: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", cube)
    np.save(tmp_path / "x_gt.npy", labels)
    assert expected in refused(SceneError, tmp_path / "x.npy")


def test_a_scene_made_in_memory_is_checked_as_well() -> None:
    for cube, labels in (
        (CUBE[0], LABELS),
        (CUBE[:0], LABELS[:0]),
        (CUBE.astype(str), LABELS),
        (CUBE, LABELS.astype(float)),
    ):
        with pytest.raises(SceneError, match="scene"):
            Scene("made", cube, labels)


def test_indian_pines_comes_without_a_download() -> None:
    pytest.importorskip("tensorly")
    scene = load_scene("indian_pines")
    assert scene.cube.shape == (145, 145, 200)
    assert scene.cube.dtype == np.uint16
    assert np.count_nonzero(scene.labels) == 10_249
    assert scene.class_ids == tuple(range(1, 17))
    assert scene.class_names[13] == "Woods"
    assert "CC BY 3.0" in scene.attribution


def test_indian_pines_without_tensorly_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("tensorly"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    assert 'pip install "pimsim[train]"' in refused(SceneError, "indian_pines")


@pytest.mark.skipif(
    not (Path(os.environ.get("PIMSIM_SCENES", "")) / "SalinasA_corrected.mat").is_file(),
    reason="PIMSIM_SCENES does not hold the published Salinas-A",
)
def test_the_published_salinas_a_loads() -> None:
    scene = load_scene("SalinasA_corrected")
    assert scene.cube.shape == (83, 86, 204)
    assert scene.class_ids == (1, 10, 11, 12, 13, 14)
    assert len(extract_patches(scene, 5)) == 5_348
    mean, deviation = band_statistics(scene)
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
