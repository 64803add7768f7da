"""Splits: disjoint blocks, published maps, and what test patches share with training."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import naive_split as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from pimsim.errors import MissingFileError, SceneError
from pimsim.scenes import Scene, Split, SplitFile, chosen_split, divide, extract_patches, load_scene, stratified_split
from pimsim.scenes.arrays import read_arrays
from pimsim.scenes.block_search import BlockSearch
from pimsim.scenes.blocks import block_training
from pimsim.scenes.neighbourhood import count_in_patch, count_near, covered_by, extent
from pimsim.scenes.overlap import overlap
from pimsim.scenes.trained import split_from, trained_division

SCENES = Path(os.environ.get("PIMSIM_SCENES", ""))


def scene_with(labels: np.ndarray, name: str = "made") -> Scene:
    return Scene(name, np.zeros((*labels.shape, 1), np.uint8), labels)


def fields(height: int, width: int, classes: int, seed: int, side: int = 12, labelled: float = 0.7) -> np.ndarray:
    """A map of rectangular fields, some of them unlabelled, with ids that leave gaps."""
    rng = np.random.default_rng(seed)
    tall, wide = -(-height // side), -(-width // side)
    ids = np.where(rng.random((tall, wide)) < labelled, 2 * rng.integers(1, classes + 1, (tall, wide)), 0)
    ids[0, 0] = 2
    return np.kron(ids, np.ones((side, side), np.int64))[:height, :width]


label_maps = st.builds(
    fields,
    height=st.integers(8, 26),
    width=st.integers(8, 26),
    classes=st.integers(1, 4),
    seed=st.integers(0, 2**16),
    side=st.integers(2, 12),
)
masks = st.builds(
    lambda height, width, seed, share: np.random.default_rng(seed).random((height, width)) < share,
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    seed=st.integers(0, 2**16),
    share=st.floats(0.02, 0.9),
)


# --- neighbourhoods -------------------------------------------------------------------------------


@given(length=st.integers(1, 12), patch=st.integers(1, 12))
def test_the_extent_of_a_patch_is_what_it_reads(length: int, patch: int) -> None:
    if patch // 2 > length - 1:
        return  # refused by extract_patches
    first, last = extent(length, patch)
    for index in range(length):
        around = range(index - patch // 2, index + patch - patch // 2)
        read = {naive.mirrored(place, length) for place in around}
        assert read == set(range(first[index], last[index] + 1))


@given(mask=masks, reach=st.integers(0, 5))
def test_near_counts_set_pixels_within_reach(mask: np.ndarray, reach: int) -> None:
    near = count_near(mask, reach)
    for pixel in np.ndindex(mask.shape):
        assert near[pixel] == sum(naive.distance(pixel, other) <= reach for other in naive.pixels(mask))  # type: ignore[arg-type]


@given(mask=masks, patch=st.integers(1, 6))
def test_patches_cover_and_hold_the_pixels_that_they_read(mask: np.ndarray, patch: int) -> None:
    covered, held = covered_by(mask, patch), count_in_patch(mask, patch)
    patches = [naive.patch_pixels(pixel, patch, mask.shape) for pixel in naive.pixels(mask)]
    for pixel in np.ndindex(mask.shape):
        assert covered[pixel] == sum(pixel in read for read in patches)
        own = naive.patch_pixels(pixel, patch, mask.shape)  # type: ignore[arg-type]
        assert held[pixel] == sum(bool(mask[other]) for other in own)


@given(mask=masks, seed=st.integers(0, 99), patch=st.integers(1, 6))
def test_overlap_is_what_sets_of_pixels_share(mask: np.ndarray, seed: int, patch: int) -> None:
    test = ~mask & (np.random.default_rng(seed).random(mask.shape) < 0.5)
    test.flat[0], mask.flat[0], mask.flat[-1], test.flat[-1] = True, False, True, False
    found = overlap(mask, test, patch)
    expected = naive.overlap(mask, test, patch)
    assert (found.on_training_pixel, found.on_training_patch) == expected[:2]
    assert found.area == pytest.approx(expected[2], abs=1e-12)


def test_overlap_of_two_pixels_by_hand() -> None:
    # patches of 3 × 3 around columns 1 and 3 of a 3 × 5 map share column 2: 3 of the 9 pixels, no centre
    train, test = np.zeros((2, 3, 5), bool)
    train[1, 1] = test[1, 3] = True
    assert overlap(train, test, 3).percent() == {
        "test_patches_with_a_training_pixel_percent": 0.0,
        "test_patches_sharing_with_a_training_patch_percent": 100.0,
        "test_patch_area_seen_in_training_percent": 33.33,
    }


# --- blocks ---------------------------------------------------------------------------------------


def chosen(labels: np.ndarray, split: Split, patch: int) -> np.ndarray:
    guard = split.resolve_guard(patch)
    return block_training(labels, train_fraction=split.train_fraction, seed=split.seed, block=split.block, guard=guard)


@settings(deadline=None, max_examples=25)
@given(
    labels=label_maps,
    patch=st.integers(1, 7),
    block=st.integers(1, 14),
    seed=st.integers(0, 9),
    fraction=st.sampled_from([0.1, 0.4, 0.8]),
)
def test_no_test_patch_of_blocks_shares_a_pixel_with_training(
    labels: np.ndarray, patch: int, block: int, seed: int, fraction: float
) -> None:
    split = Split("blocks", fraction, seed, block)
    if not naive.guarded_test(labels, chosen(labels, split, patch), split.resolve_guard(patch)):
        with pytest.raises(SceneError, match="leaves no test pixel"):
            divide(scene_with(labels), split, patch)
        return
    division = divide(scene_with(labels), split, patch)
    assert naive.overlap(division.train_map, division.test_map, patch) == (0.0, 0.0, 0.0)
    assert division.overlap.percent() == dict.fromkeys(division.overlap.percent(), 0.0)
    assert not (division.train_map | division.test_map)[labels == 0].any()
    # the guard takes no pixel that it need not take
    guard = division.split.guard
    assert guard is not None
    assert set(naive.pixels(division.test_map)) == naive.guarded_test(labels, division.train_map, guard)


@settings(deadline=None, max_examples=12)
@given(labels=label_maps, guard=st.integers(0, 6), seed=st.integers(0, 9))
def test_the_search_counts_as_its_definition_and_no_single_flip_is_cheaper(
    labels: np.ndarray, guard: int, seed: int
) -> None:
    ids = np.concatenate([[0], np.unique(labels[labels > 0])])
    members = [naive.pixels(labels == value) for value in ids[1:]]
    divisible = np.array([False, *(naive._apart(pixels) > guard for pixels in members)])
    search = BlockSearch(np.searchsorted(ids, labels), divisible, guard, 0.4)
    bits = np.random.PCG64(seed)
    blocks = [
        (r, min(r + 6, labels.shape[0]), c, min(c + 6, labels.shape[1]))
        for r in range(0, labels.shape[0], 6)
        for c in range(0, labels.shape[1], 6)
    ]
    search.draw(blocks, bits)
    drawn = search.cost
    assert drawn == naive.cost(labels, search.training, guard, 0.4)
    search.descend(blocks, bits)
    reached = search.training.copy()
    assert search.cost == naive.cost(labels, reached, guard, 0.4) <= drawn
    free = divisible[np.searchsorted(ids, labels)]
    for top, bottom, left, right in blocks:
        flipped = reached.copy()
        flipped[top:bottom, left:right] ^= free[top:bottom, left:right]
        assert naive.cost(labels, flipped, guard, 0.4) >= search.cost


def test_a_class_too_small_for_the_guard_trains_as_a_whole_and_is_named() -> None:
    labels = np.ones((40, 40), int)
    labels[10:14, 10:14] = 2  # pixels at most 3 apart, a patch of 5 needs 5
    labels[30:40, 0] = 3  # 9 apart
    division = divide(scene_with(labels), Split("blocks"), 5)
    assert division.one_sided == ("class 2",)
    assert division.counts[1].tolist() == [16, 0, 0]
    assert (division.counts[[0, 2], :2] > 0).all()
    assert "not on both sides: class 2" in division.summary
    assert division.describe()["one_sided_classes"] == ["class 2"]


def test_a_scene_that_the_guard_swallows_is_refused() -> None:
    with pytest.raises(SceneError, match=r'"made": split blocks leaves no test pixel, with 4 pixels between the sides'):
        divide(scene_with(np.ones((4, 4), int)), Split("blocks"), 5)


def test_blocks_depend_on_the_seed_alone() -> None:
    labels = fields(60, 60, 4, seed=1)
    split = Split("blocks", seed=7, block=12)
    first = chosen(labels, split, 5)
    assert np.array_equal(first, chosen(labels.astype(np.uint8), split, 5))
    assert np.array_equal(first, chosen(np.asfortranarray(labels), split, 5))
    assert not np.array_equal(first, chosen(labels, replace(split, seed=8), 5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "classes", "side"), [((610, 340), 9, 20), ((512, 217), 16, 25)], ids=["Pavia University", "Salinas"]
)
def test_scenes_of_full_size_get_their_share_in_every_class(shape: tuple[int, int], classes: int, side: int) -> None:
    division = divide(scene_with(fields(*shape, classes, seed=3, side=side)), Split("blocks"), 5)
    check_shares(division.counts, of_total=0.4)
    assert division.overlap.on_training_patch == 0.0


def check_shares(counts: np.ndarray, *, of_total: float) -> None:
    """Every class trains with the wanted share, three points off at most, and keeps a third of its pixels for test."""
    totals = counts.sum(axis=1)
    assert np.abs(counts[:, 0] / totals - of_total).max() < 0.03
    assert (counts[:, 1] / totals).min() > 1 / 3


@pytest.mark.skipif(not (SCENES / "PaviaU_gt.mat").is_file(), reason="PIMSIM_SCENES does not hold the published labels")
@pytest.mark.parametrize(("file", "shape"), [("PaviaU_gt.mat", (610, 340)), ("Salinas_gt.mat", (512, 217))])
def test_published_label_maps_get_their_share_in_every_class(file: str, shape: tuple[int, int], tmp_path: Path) -> None:
    np.save(tmp_path / "made.npy", np.zeros((*shape, 1), np.uint8))
    scene = load_scene(tmp_path / "made.npy", labels=SCENES / file)
    check_shares(divide(scene, Split("blocks"), 5).counts, of_total=0.4)


def test_indian_pines_in_blocks() -> None:
    pytest.importorskip("tensorly")
    division = divide(load_scene("indian_pines"), Split("blocks"), 5)
    assert division.one_sided == ()
    train, test, unused = division.counts.sum(axis=0)
    assert abs(train / 10_249 - 0.4) < 0.02
    assert test > 4_000
    assert train + test + unused == 10_249
    # the classes of a hundred pixels or more
    large = division.counts[division.counts.sum(axis=1) > 100]
    assert np.abs(large[:, 0] / large.sum(axis=1) - 0.4).max() < 0.04
    # the same pixels on every platform and in every version: models name them by this
    assert division.sha256 == "b9a55da2a625cb5f4cf94ec5735ba04124b2ee01038ebdc96524d59f819115c5"


# --- random ---------------------------------------------------------------------------------------


@given(labels=label_maps, seed=st.integers(0, 99), fraction=st.floats(0.05, 0.95))
def test_a_random_split_is_the_stratified_one(labels: np.ndarray, seed: int, fraction: float) -> None:
    scene = scene_with(labels)
    patches = extract_patches(scene, 3)
    if len(patches) < 2:
        return
    division = divide(scene, Split("random", fraction, seed), 3)
    train, test = stratified_split(patches.labels, train_fraction=fraction, seed=seed)
    assert np.array_equal(division.train, train)
    assert np.array_equal(division.test, test)
    assert not division.counts[:, 2].any()


def test_almost_every_test_patch_of_a_random_split_holds_training_pixels() -> None:
    pytest.importorskip("tensorly")
    shares = divide(load_scene("indian_pines"), Split(), 5).overlap.percent()
    assert list(shares.values()) == [99.97, 100.0, 99.46]  # as docs/scenes.md states


# --- published maps -------------------------------------------------------------------------------

LABELS = np.array([[1, 1, 1, 0, 2, 2, 2, 2]] * 6)
TRAIN = np.zeros_like(LABELS)
TRAIN[:3, :3], TRAIN[:3, 4:6], TRAIN[5, 3] = 7, 9, 4  # ids of its own, and a pixel that the scene does not label


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    savemat("train.mat", {"TR": TRAIN.astype(np.uint8)})
    np.save("test.npy", np.where(TRAIN, 0, LABELS).astype(float))
    return tmp_path


def file_split(**kwargs: Any) -> Split:
    return Split("file", train=SplitFile("train.mat"), **kwargs)


@pytest.mark.usefixtures("folder")
def test_a_published_map_says_which_pixels_train() -> None:
    division = divide(scene_with(LABELS), file_split(), 3)
    assert np.array_equal(division.train_map, (TRAIN > 0) & (LABELS > 0))
    assert np.array_equal(division.test_map, (TRAIN == 0) & (LABELS > 0))
    assert division.unlabelled == 1
    assert division.describe()["unlabelled_in_files"] == 1
    assert np.array_equal(extract_patches(scene_with(LABELS), 3).labels[division.train], [0, 0, 0, 1, 1] * 3)


@pytest.mark.usefixtures("folder")
def test_a_test_map_limits_the_test_and_a_guard_takes_from_it() -> None:
    partial = np.where(TRAIN, 0, LABELS)
    partial[5] = 0
    np.save("partial.npy", partial)
    split = file_split(test=SplitFile("partial.npy"))
    assert np.array_equal(divide(scene_with(LABELS), split, 3).test_map, partial > 0)
    guarded = divide(scene_with(LABELS), file_split(guard=2), 3)
    # rows 0 … 2 train, so that rows 3 and 4 are taken; column 7 is two off column 5, so that its rows 0 … 4 are
    assert np.array_equal(np.argwhere(guarded.test_map), [[5, c] for c in (0, 1, 2, 4, 5, 6, 7)])
    assert guarded.overlap.on_training_patch == 0.0
    assert guarded.label == "file train.mat guard 2"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("train", "test", "error", "message"),
    [
        ("nowhere.mat", None, MissingFileError, 'split "nowhere.mat" does not exist'),
        ("train.mat", "nowhere", MissingFileError, 'split "nowhere" does not exist'),
        ("train.mat", "train.mat", SceneError, '"train.mat" and "train.mat" both mark 16 pixels'),
        ("wide.npy", None, SceneError, r"a split of \(6, 9\) pixels does not fit a scene of \(6, 8\)"),
        ("deep.npy", None, SceneError, "expected exactly one 2-D array as the split"),
        ("nan.npy", None, SceneError, "whole numbers, found nan"),
        ("negative.npy", None, SceneError, '"negative.npy": -2 is negative'),
        ("empty.npy", None, SceneError, "split file leaves no training pixel, as given"),
        ("all.npy", None, SceneError, "split file leaves no test pixel, as given"),
        ("text.mat", None, SceneError, "not a readable .mat file"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_by_name(
    train: str, test: str | None, error: type[Exception], message: str
) -> None:
    np.save("wide.npy", np.ones((6, 9), int))
    np.save("deep.npy", np.ones((6, 8, 2), int))
    np.save("nan.npy", np.where(LABELS, np.nan, 0))
    np.save("negative.npy", -LABELS)
    np.save("empty.npy", np.zeros_like(LABELS))
    np.save("all.npy", LABELS)
    Path("text.mat").write_text("no matrix")
    split = Split("file", train=SplitFile(train), test=None if test is None else SplitFile(test))
    with pytest.raises(error, match=message) as caught:
        divide(scene_with(LABELS), split, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not (SCENES / "indianpines_disjoint_dset.mat").is_file(), reason="PIMSIM_SCENES does not hold the published splits"
)
def test_the_published_disjoint_split_of_indian_pines_is_disjoint_in_pixels_only() -> None:
    pytest.importorskip("tensorly")
    split = Split("file", train=SplitFile("indianpines_disjoint_dset"))
    division = divide(load_scene("indian_pines"), split, 5)
    assert len(division.train) + division.unlabelled == 5_689  # of which the labels published with the scene have 5,538
    assert division.unlabelled == 151
    assert division.overlap.percent()["test_patches_sharing_with_a_training_patch_percent"] == 70.79


@pytest.mark.skipif(not (SCENES / "TRpavia_fixed.mat").is_file(), reason="PIMSIM_SCENES does not hold Pavia's split")
def test_the_published_split_of_pavia_parts_its_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "PaviaU.npy", np.zeros((610, 340, 1), np.uint8))
    scene = load_scene(tmp_path / "PaviaU.npy", labels=SCENES / "PaviaU_gt.mat")
    split = Split("file", train=SplitFile("TRpavia_fixed"), test=SplitFile("TSpavia_fixed"))
    division = divide(scene, split, 5)
    assert (len(division.train), len(division.test), division.unlabelled) == (2_774, 40_002, 1_147)


# --- provenance -----------------------------------------------------------------------------------

MAP = fields(40, 40, 3, seed=2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "split",
    [
        Split(),
        Split("random", 0.25, 3),
        Split("blocks"),
        Split("blocks", 0.3, 5, block=9, guard=6),
        file_split(),
        file_split(guard=1, test=SplitFile("test")),
    ],
    ids=lambda split: split.kind,
)
def test_a_split_comes_back_from_provenance(split: Split) -> None:
    scene = scene_with(LABELS if split.kind == "file" else MAP)
    division = divide(scene, split, 3)
    noted = json.loads(json.dumps({"scene": "made", "split": division.describe()}))
    again = trained_division(noted, scene, 3)
    assert again is not None
    assert again.split == division.split
    assert np.array_equal(again.test, division.test)
    assert split_from(noted["split"]) == division.split


def test_models_that_note_seed_and_fraction_were_split_at_random() -> None:
    scene = scene_with(MAP)
    division = trained_division({"scene": "made", "seed": 3, "train_fraction": 0.25}, scene, 5)
    assert division is not None
    assert division.sha256 == divide(scene, Split("random", 0.25, 3), 5).sha256


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"scene": "made"},
        {"scene": "other", "seed": 3, "train_fraction": 0.25},
        {"scene": "made", "seed": "3", "train_fraction": 0.25},
        {"scene": "made", "seed": True, "train_fraction": 0.25},
        {"scene": "made", "seed": -1, "train_fraction": 0.25},
        {"scene": "made", "seed": 3, "train_fraction": 1.0},
        {"scene": "made", "split": {"kind": "by hand"}},
        {"scene": "made", "split": "by hand"},
    ],
)
def test_provenance_that_tells_no_split_gives_none(provenance: dict[str, object]) -> None:
    assert trained_division(provenance, scene_with(MAP), 5) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "0"}, "split seed='0' is no int"),
        ({"seed": True}, "split seed=True is no int"),
        ({"train_fraction": 2.0}, r"split train_fraction=2.0 is not between"),
        ({"block": 0}, "split block=0 is below 1"),
        ({"guard": -1}, "split guard=-1 is below 0"),
        ({"kind": "file"}, "needs the file of its training pixels"),
        ({"kind": "file", "train": {"name": 5}}, "does not name a file"),
        ({"pixels_sha256": "0" * 64}, "other pixels than the model was trained on"),
    ],
)
def test_a_damaged_note_is_refused(change: dict[str, object], message: str) -> None:
    scene = scene_with(MAP)
    noted = divide(scene, Split("blocks"), 5).describe() | change
    with pytest.raises(SceneError, match=message):
        trained_division({"scene": "made", "split": noted}, scene, 5)


def test_other_labels_under_the_same_name_are_noticed() -> None:
    noted = {"scene": "made", "split": divide(scene_with(MAP), Split(), 5).describe()}
    other = MAP.copy()
    other[0, 0] = 4
    with pytest.raises(SceneError, match="other pixels than the model was trained on"):
        trained_division(noted, scene_with(other), 5)


@pytest.mark.usefixtures("folder")
def test_a_split_file_of_other_content_is_noticed() -> None:
    scene = scene_with(LABELS)
    noted = {"scene": "made", "split": divide(scene, file_split(), 3).describe()}
    found = hashlib.sha256(Path("train.mat").read_bytes()).hexdigest()
    assert noted["split"]["train"] == {"name": "train.mat", "sha256": found}  # type: ignore[index]
    savemat("train.mat", {"TR": np.roll(TRAIN, 1, axis=0)})
    with pytest.raises(SceneError, match=f"the split was made with {found[:12]}"):
        trained_division(noted, scene, 3)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"kind": "chess"}, "kind='chess' is none of random, blocks, file"),
        ({"train_fraction": 0.0}, "train_fraction=0.0"),
        ({"train_fraction": float("nan")}, "train_fraction=nan"),
        ({"seed": -1}, "seed=-1 is below 0"),
        ({"guard": 3}, "a random split has no guard"),
        ({"kind": "blocks", "guard": 129}, "guard=129 is above 128"),
        ({"train": SplitFile("a.mat")}, "kind=random has no files"),
        ({"kind": "blocks", "block": 0}, "block=0 is below 1"),
        ({"kind": "blocks", "guard": -1}, "guard=-1 is below 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(SceneError, match=message):
        Split(**settings_)


def test_labels_for_tables_name_what_differs_from_the_defaults() -> None:
    scene = scene_with(MAP)
    assert divide(scene, Split(), 3).label == "random"
    assert divide(scene, Split(train_fraction=0.25), 3).label == "random fraction 0.25"
    assert divide(scene, Split("blocks", train_fraction=0.25), 3).label == "blocks fraction 0.25"
    assert divide(scene, Split("blocks"), 3).label == "blocks"
    assert divide(scene, Split("blocks", guard=2), 3).label == "blocks"  # what patches of 3 need
    assert divide(scene, Split("blocks", block=8, guard=5), 3).label == "blocks block 8 guard 5"


# --- the table in docs/scenes.md ------------------------------------------------------------------

TITLES = {"Salinas-A": "SalinasA_gt.mat", "Pavia University": "PaviaU_gt.mat", "Salinas": "Salinas_gt.mat"}
MAPS = {
    "Indian Pines": {"train": "indianpines_disjoint_dset.mat"},
    "Pavia University": {"train": "TRpavia_fixed.mat", "test": "TSpavia_fixed.mat"},
}
PAGE = (Path(__file__).resolve().parent.parent / "docs" / "scenes.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.partition("| scene | split |")[2].partition("\n\n")[0].splitlines()[2:]
]


def documented(title: str) -> Scene:
    if title == "Indian Pines":
        pytest.importorskip("tensorly")
        return load_scene("indian_pines")
    (labels,) = read_arrays(SCENES / TITLES[title]).values()
    return scene_with(labels.astype(np.int64))


def documented_split(title: str, text: str) -> Split:
    if text in ("random", "blocks"):
        return Split(text)
    return chosen_split("file", guard=4 if "guard 4" in text else None, **MAPS[title])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_page_states_what_the_splits_give(row: tuple[str, ...]) -> None:
    title, text, sizes, least_most, *shares = row
    needed = [TITLES[title]] if title in TITLES else []
    needed += [] if text in ("random", "blocks") else MAPS[title].values()
    if not all((SCENES / name).is_file() for name in needed):
        pytest.skip(f"PIMSIM_SCENES does not hold {needed}")
    division = divide(documented(title), documented_split(title, text), 5)
    assert sizes == " / ".join(f"{count:,}" for count in division.counts.sum(axis=0))
    training = 100 * division.counts[:, 0] / division.counts.sum(axis=1)
    assert least_most == f"{training.min():.0f} … {training.max():.0f}"
    assert [float(share) for share in shares] == list(division.overlap.percent().values())


def test_the_page_has_both_splits_of_every_scene() -> None:
    assert {row[:2] for row in ROWS} >= {(t, s) for t in ("Indian Pines", *TITLES) for s in ("random", "blocks")}
