"""Image sets from files: what is found, what is read, and what an error says."""

from __future__ import annotations

import pickle
import sys
import tarfile
from pathlib import Path

import made_images as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.errors import MissingFileError, MissingPackageError, PimsimError, SceneError
from pimsim.scenes import (
    ImageSet,
    channel_statistics,
    image_files,
    image_folders,
    is_image_set,
    load_images,
    load_scene,
)

TRAIN, TEST = made.pixels(7), made.pixels(4, seed=1)


def refused(error: type[PimsimError], given: Path | str) -> str:
    with pytest.raises(error) as caught:
        load_images(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def flat(images: ImageSet) -> np.ndarray:
    return images.samples[:, :, 0]


def test_the_binary_version_of_cifar10_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    images = load_images(made.cifar10(tmp_path / "cifar-10-batches-bin", TRAIN, TEST))
    # seven images dealt to five files: the first file has 0 and 5, the second 1 and 6
    order = [0, 5, 1, 6, 2, 3, 4]
    assert np.array_equal(flat(images), np.concatenate([TRAIN[order], TEST]))
    assert images.labels.tolist() == [index % 3 for index in order] + [0, 1, 2, 0]
    assert images.samples.shape == (11, 3, 1, 32, 32)
    assert (images.train.tolist(), images.test.tolist()) == (list(range(7)), [7, 8, 9, 10])
    assert (images.name, images.form, images.class_names) == ("cifar10", "binary version", made.CLASSES)
    assert "Krizhevsky" in images.attribution


def test_cifar100_has_fine_classes_and_coarse_ones_by_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.cifar100(tmp_path / "cifar-100-binary", TRAIN, TEST)
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path))
    fine, coarse = load_images("cifar100"), load_images("CIFAR-100_coarse")
    assert fine.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 0]
    assert coarse.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1]
    assert (fine.class_names, coarse.class_names) == (made.CLASSES, ("insect", "mammal"))
    assert np.array_equal(fine.samples, coarse.samples)
    assert np.array_equal(flat(fine), np.concatenate([TRAIN, TEST]))


def test_an_archive_of_the_binary_version_is_read_as_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made.cifar10(tmp_path / "unpacked" / "cifar-10-batches-bin", TRAIN, TEST)
    files = {f"cifar-10-batches-bin/{path.name}": path.read_bytes() for path in folder.iterdir()}
    made.as_archive(tmp_path / "cifar-10-binary.tar.gz", files)
    monkeypatch.setenv("PIMSIM_SCENES", str(tmp_path))
    packed, unpacked = load_images("cifar10"), load_images(folder)
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar-10-binary.tar.gz").rename(tmp_path / "cifar10" / "cifar-10-binary.tar.gz")
    assert packed.describe() == unpacked.describe() == load_images(tmp_path / "cifar10").describe()
    assert np.array_equal(packed.labels, unpacked.labels)


@given(count=st.integers(5, 12), seed=st.integers(0, 99), archived=st.booleans(), split=st.booleans())
@settings(max_examples=20, deadline=None)
def test_all_readers_give_the_same_arrays_for_the_same_pixels(
    count: int, seed: int, archived: bool, split: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("images")
    train, test = made.pixels(count, seed=seed), made.pixels(3, seed=seed + 100)
    binary = load_images(made.cifar10(folder / "binary", train, test))
    files = made.by_class(train, test)
    if split:
        for side in ("train", "test"):
            chosen = {name: content for name, content in files.items() if name.startswith(side)}
            made.as_archive(folder / f"made_{side}.tar.gz", chosen)
        path = folder / "made_test.tar.gz"
    else:
        path = made.as_archive(folder / "made.tar", files) if archived else made.as_folder(folder / "made", files)
    images = load_images(path)
    assert (images.name, images.form, images.training) == ("made", "PNG files", count)
    assert images.class_names == binary.class_names

    def sorted_side(found: ImageSet, side: np.ndarray) -> list[tuple[int, bytes]]:
        return sorted(zip(found.labels[side].tolist(), map(bytes, found.samples[side]), strict=True))

    for one, other in zip(images.sides, binary.sides, strict=True):
        assert sorted_side(images, one) == sorted_side(binary, other)
    # by class, then by name
    assert images.labels[: images.training].tolist() == sorted(images.labels[: images.training].tolist())
    mean, deviation = channel_statistics(images)
    assert np.array_equal(mean, channel_statistics(binary)[0])
    assert mean[:, 0] == pytest.approx(train.mean((0, 2, 3)))
    assert deviation[:, 0] == pytest.approx(train.std((0, 2, 3)))


def test_a_constant_channel_has_deviation_1() -> None:
    samples = np.zeros((3, 1, 1, 2, 2), np.uint8) + np.uint8(7)
    images = ImageSet("made", samples, np.array([0, 1, 0]), 2, ("ant", "bee"), "PNG files")
    mean, deviation = channel_statistics(images)
    assert (mean.tolist(), deviation.tolist()) == ([[7.0]], [[1.0]])


def test_grey_images_and_palettes_become_rgb(tmp_path: Path) -> None:
    files = made.by_class(TRAIN[:3], TEST[:3])
    grey = np.repeat(TRAIN[:1, :1], 3, axis=1)[0]
    files["train/ant/0000.png"] = made.encoded(grey, mode="L")
    colours = TRAIN[1] // 255 * 255  # 8 colours, all of which are in a palette of 256
    files["train/bee/0001.png"] = made.encoded(colours, mode="P")
    images = load_images(made.as_folder(tmp_path / "made", files))
    assert np.array_equal(flat(images)[0], grey)
    assert np.array_equal(flat(images)[1], colours)


@pytest.mark.parametrize(("name", "form"), [("cifar10_mine", "JPEG re-encoded"), ("birds", "JPEG files")])
def test_a_public_set_in_jpeg_files_says_that_it_was_encoded_anew(name: str, form: str, tmp_path: Path) -> None:
    images = load_images(made.as_folder(tmp_path / name, made.by_class(TRAIN, TEST, "jpg")))
    assert (images.name, images.form, images.describe()["form"]) == (name, form, form)
    assert form in images.summary
    assert images.label == f"given {form}"
    assert images.attribution.endswith("; JPEG re-encoded") == (name != "birds")


@pytest.mark.parametrize(
    ("place", "given", "name"),
    [
        ("cifar10", ".", "cifar10"),
        ("cifar10/train", "..", "cifar10"),
        (".", "sets", "sets"),  # of which a folder, or one of two archives, says what it holds
        ("cifar10/train", "../../sets", "sets"),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_a_public_set_is_known_however_its_place_is_named(
    place: str, given: str, name: str, archived: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.as_folder(tmp_path / "cifar10", made.by_class(TRAIN, TEST, "jpg"))
    for side in ("train", "test"):
        files = made.by_class(TRAIN, TEST, "jpg")
        if archived:
            (tmp_path / "sets").mkdir(exist_ok=True)
            chosen = {path: content for path, content in files.items() if path.startswith(side)}
            made.as_archive(tmp_path / "sets" / f"cifar10_jpg_{side}.tar.gz", chosen)
        else:
            made.as_folder(tmp_path / "sets" / "cifar10_jpg", files)
    monkeypatch.chdir(tmp_path / place)
    images = load_images(given)
    assert (images.name, images.form) == (name, "JPEG re-encoded")
    assert is_image_set(given)


def test_a_bare_name_is_looked_up_in_the_working_folder_and_that_of_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = tmp_path / "sets"
    made.as_folder(sets / "birds", made.by_class(TRAIN, TEST))
    for side in ("train", "test"):
        files = {name: content for name, content in made.by_class(TRAIN, TEST).items() if name.startswith(side)}
        made.as_archive(sets / f"cifar100_png_{side}.tgz", files)
        made.as_archive(sets / f"cifar10-{side}.tar", files)
    monkeypatch.setenv("PIMSIM_SCENES", str(sets))
    assert load_images("birds").form == "PNG files"
    assert load_images("cifar100").name == "cifar100"  # and not cifar10
    assert load_images("cifar10").name == "cifar10"
    assert is_image_set("birds")
    assert is_image_set(sets / "birds")
    assert not is_image_set("fish")
    with pytest.raises(SceneError, match="archives of several image sets"):
        load_images(sets)


def test_a_folder_of_the_name_of_a_scene_does_not_hide_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("indian_pines", "field", "PaviaU"):
        (tmp_path / name).mkdir()
    np.save("field.npy", np.zeros((2, 2, 2)))
    assert not is_image_set("indian_pines")
    assert not is_image_set("field")
    assert is_image_set("PaviaU")


@pytest.mark.parametrize("name", ["cifar10", "cifar-100", "cifar100_coarse"])
def test_a_public_set_that_is_not_there_is_named_with_where_it_is_to_be_had(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIMSIM_SCENES", raising=False)
    message = refused(MissingFileError, name)
    assert all(word in message for word in ("-binary", "www.cs.toronto.edu", "PIMSIM_SCENES"))
    with pytest.raises(MissingFileError, match="is an image set"):
        load_scene(name)


@pytest.mark.parametrize("name", ["birds.tar", "birds.tar.gz", "birds.tgz"])
def test_an_archive_that_is_there_is_no_scene(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    assert is_image_set(tmp_path / name)
    (tmp_path / "cube.mat").write_bytes(b"")
    assert not is_image_set(tmp_path / "cube.mat")


def test_a_set_that_nobody_knows_is_named(tmp_path: Path) -> None:
    assert "one of cifar10, cifar100, cifar100_coarse" in refused(MissingFileError, tmp_path / "fish")


def test_several_public_sets_or_copies_of_one_are_not_chosen_from(tmp_path: Path) -> None:
    made.cifar10(tmp_path / "sets" / "ten", TRAIN, TEST)
    assert load_images(tmp_path / "sets").name == "cifar10"
    made.cifar100(tmp_path / "sets" / "hundred", TRAIN, TEST)
    assert 'sets" holds CIFAR-10 and CIFAR-100: give one of them' in refused(SceneError, tmp_path / "sets")
    made.cifar10(tmp_path / "twice" / "first", TRAIN, TEST)
    made.cifar10(tmp_path / "twice" / "second", TRAIN, TEST)
    message = refused(SceneError, tmp_path / "twice")
    assert '"first/batches.meta.txt" and "second/batches.meta.txt" are of two copies' in message


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    return made.cifar10(tmp_path / "cifar-10-batches-bin", TRAIN, TEST)


def test_a_binary_version_that_is_not_whole_is_refused(binary: Path) -> None:
    (binary / "data_batch_3.bin").unlink()
    (binary / "batches.meta.txt").unlink()
    assert "lacks data_batch_3.bin, batches.meta.txt" in refused(SceneError, binary)


@pytest.mark.parametrize(("change", "size"), [(slice(None, -1), 3072), (slice(0), 0), (slice(1, None), 3072)])
def test_a_file_of_records_of_another_length_is_refused(change: slice, size: int, binary: Path) -> None:
    path = binary / "data_batch_3.bin"  # holds one record
    path.write_bytes(path.read_bytes()[change])
    assert f'"data_batch_3.bin" has {size} bytes, no whole number of records of 3073' in refused(SceneError, binary)


def test_records_of_cifar100_are_not_taken_for_those_of_cifar10(tmp_path: Path) -> None:
    folder = made.cifar100(tmp_path / "made", TRAIN, TEST)
    (folder / "train.bin").write_bytes((folder / "train.bin").read_bytes()[: 3073 * 2])
    assert "no whole number of records of 3074" in refused(SceneError, folder)


def test_a_label_of_no_class_is_refused(binary: Path) -> None:
    with open(binary / "test_batch.bin", "r+b") as stream:
        stream.seek(2 * 3073)
        stream.write(b"\x03")
    assert '"test_batch.bin": record 2 has label 3, classes are 0 … 2' in refused(SceneError, binary)


@pytest.mark.parametrize(
    ("names", "words"), [(b"\n \n", "no class"), (b"ant\nant\nbee\n", "the same class twice"), (b"\xff\n", "no text")]
)
def test_names_of_classes_that_cannot_be_are_refused(names: bytes, words: str, binary: Path) -> None:
    (binary / "batches.meta.txt").write_bytes(names)
    assert words in refused(SceneError, binary)


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(
    ("folder", "files", "title"),
    [
        ("cifar-10-batches-py", ("data_batch_1", "test_batch", "batches.meta"), "CIFAR-10"),
        ("cifar-100-python", ("train", "test", "meta"), "CIFAR-100"),
    ],
)
def test_the_python_version_is_refused_without_reading_it(
    folder: str, files: tuple[str, ...], title: str, archived: bool, tmp_path: Path
) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "executed",))

    contents = {f"{folder}/{name}": pickle.dumps(Hostile()) for name in files}
    path = tmp_path / folder
    if archived:
        path = made.as_archive(tmp_path / "python.tar.gz", contents)
    else:
        made.as_folder(tmp_path, contents)
    message = refused(SceneError, path)
    assert f"is a pickle, of the Python version of {title}, which is not read" in message
    assert "-binary.tar.gz" in message
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("side", ["train", "test"])
def test_a_class_without_images_on_a_side_is_refused(side: str, tmp_path: Path) -> None:
    files = made.by_class(TRAIN, TEST)
    kept = {name: content for name, content in files.items() if not name.startswith(f"{side}/cow")}
    other = {"train": "test", "test": "train"}[side]
    message = refused(SceneError, made.as_folder(tmp_path / "made", kept))
    assert f'class "cow" has {other} images and no {side} images' in message


def test_images_of_another_size_are_refused_by_name(tmp_path: Path) -> None:
    files = made.by_class(TRAIN, TEST)
    files["test/bee/0001.png"] = made.encoded(made.pixels(1, edge=31)[0])
    message = refused(SceneError, made.as_folder(tmp_path / "made", files))
    assert '0001.png" is 31×31 pixels' in message
    assert '0000.png" 32×32; a set has one size' in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (made.encoded(TRAIN[0])[:-40], "is not a readable image"),
        (b"", "is not a readable image"),
        (b"GIF89a" + bytes(40), "is not a readable image"),
        (made.encoded(TRAIN[0], mode="RGBA"), "pixels of mode RGBA; images are RGB or grey"),
        (made.encoded(TRAIN[0], mode="P", transparency=0), "pixels of mode P; images are RGB or grey"),
        (made.encoded(TRAIN[0], transparency=(1, 2, 3)), "pixels of mode RGB; images are RGB or grey"),
        (made.encoded(TRAIN[0], mode="I;16"), "pixels of mode I;16"),
        (made.encoded(np.zeros((3, 1, 4097), np.uint8)), "is 4097×1 pixels, at most 4096 a side"),
        (made.deep(32), "has 16 bits a channel, at most 8"),
        (made.encoded(TRAIN[0], "jpg"), "is not a readable image: no PNG file"),
        (made.claimed(10_000, 10_000), "is not a readable image: Image size (100000000 pixels)"),
        (made.claimed(100_000, 100_000), "is not a readable image: Image size (10000000000 pixels)"),
    ],
    ids=["truncated", "empty", "gif", "alpha", "palette", "colour", "grey16", "wide", "rgb16", "jpeg", "large", "huge"],
)
def test_a_file_that_is_no_image_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    files = made.by_class(TRAIN, TEST) | {"train/ant/0003.png": content}
    message = refused(SceneError, made.as_archive(tmp_path / "made.tar.gz", files))
    assert words in message
    assert 'made.tar.gz/train/ant/0003.png"' in message


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no train images: expected are train/CLASS"),
        ({"notes.txt": b"", "deep/er/notes.txt": b""}, "holds no train images"),
        ({"ant/0.png": b""}, "holds no train images"),
        ({"train/ant/0.png": b""}, "holds no test images"),
    ],
)
def test_a_folder_without_images_says_what_is_expected(files: dict[str, bytes], words: str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    assert words in refused(SceneError, made.as_folder(tmp_path / "made", files))


def test_an_image_in_no_folder_of_a_class_is_refused(tmp_path: Path) -> None:
    for side in ("train", "test"):
        made.as_archive(tmp_path / f"made_{side}.tar", {"0.png": made.encoded(TRAIN[0])})
    assert '"0.png" lies in no folder of a class' in refused(SceneError, tmp_path / "made_train.tar")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_an_archive_are_refused(kind: bytes, tmp_path: Path) -> None:
    link = tarfile.TarInfo("train/ant/9.png")
    link.type, link.linkname = kind, "/etc/passwd"
    path = made.as_archive(tmp_path / "made.tar", made.by_class(TRAIN, TEST), link)
    assert "is a link or a device" in refused(SceneError, path)


def test_paths_that_lead_out_of_an_archive_write_nothing(tmp_path: Path) -> None:
    files = {f"../../{name}": content for name, content in made.by_class(TRAIN, TEST).items()}
    path = made.as_archive(tmp_path / "made.tar", files)
    assert len(load_images(path).labels) == 11
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_truncated_archive_is_refused(share: float, tmp_path: Path) -> None:
    path = made.as_archive(tmp_path / "made.tar.gz", made.by_class(TRAIN, TEST))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert '.tar.gz" cannot be read' in refused(SceneError, path)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.tar.gz").write_bytes(b"no archive at all")
    assert "cannot be read" in refused(SceneError, tmp_path / "made.tar.gz")


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    files = made.by_class(TRAIN, TEST)
    again = tarfile.TarInfo("train/ant/0000.png")
    assert "is there twice" in refused(SceneError, made.as_archive(tmp_path / "made.tar", files, again))


@pytest.mark.parametrize(("limit", "value", "words"), [("MOST_BYTES", 20_000, "MiB"), ("MOST_FILES", 5, "5 files")])
@pytest.mark.parametrize("archived", [False, True])
def test_a_set_beyond_the_limits_is_refused(
    limit: str, value: int, words: str, archived: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made.by_class(TRAIN, TEST)  # 11 files of 3 KB
    path = made.as_archive(tmp_path / "made.tar", files) if archived else made.as_folder(tmp_path / "made", files)
    monkeypatch.setattr(image_files, limit, value)
    message = refused(SceneError, path)
    assert "more than" in message
    assert words in message


def test_pixels_beyond_the_limit_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made.as_folder(tmp_path / "made", made.by_class(TRAIN, TEST))
    monkeypatch.setattr(image_folders, "MOST_BYTES", 11 * 3 * 32 * 32)  # of 7 + 4 images
    assert len(load_images(path).labels) == 11
    monkeypatch.setattr(image_folders, "MOST_BYTES", 11 * 3 * 32 * 32 - 1)
    assert "11 images of 32×32×3 take" in refused(SceneError, path)


def test_images_lie_by_class_and_name_wherever_their_folders_are(tmp_path: Path) -> None:
    """Of one name in two places the places decide, in an archive in any order too."""
    places = ("z/train/ant/0.png", "a/train/ant/1.png", "b/train/ant/0.png", "train/bee/0.png")
    files = {place: made.encoded(image) for place, image in zip(places, TRAIN, strict=False)}
    files |= {f"test/{name}/0.png": made.encoded(TEST[0]) for name in ("ant", "bee")}
    for path in (made.as_folder(tmp_path / "made", files), made.as_archive(tmp_path / "made.tar", files)):
        assert np.array_equal(flat(load_images(path))[:4], TRAIN[[2, 0, 1, 3]])


def test_a_member_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("train/ant/9.png")
    huge.size = 1 << 40
    path = made.as_archive(tmp_path / "made.tar", {}, huge)
    assert "more than 2048 MiB" in refused(SceneError, path)


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    files = made.by_class(TRAIN, TEST)
    hidden = {"train/ant/._0000.png": b"", "train/.cache/0.png": b"", ".DS_Store": b""}
    images = load_images(made.as_folder(tmp_path / "made", files | hidden))
    assert len(images.labels) == 11
    assert len(load_images(made.as_archive(tmp_path / "made.tar", files | hidden)).labels) == 11


def test_images_without_pillow_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.as_folder(tmp_path / "made", made.by_class(TRAIN, TEST))
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert 'pip install "pimsim[train]"' in refused(MissingPackageError, path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"samples": np.zeros((4, 3, 2, 2), np.uint8)}, "expected uint8 of shape"),
        ({"samples": np.zeros((4, 3, 2, 2, 2), np.uint8)}, "expected uint8 of shape"),
        ({"samples": np.zeros((4, 3, 1, 2, 2), np.float32)}, "expected uint8 of shape"),
        ({"labels": np.zeros(3, np.int64)}, "3 labels do not fit 4 images"),
        ({"labels": np.array([0, 1, 2, 0])}, "label 2 is of no class; there are 2"),
        ({"labels": np.array([0, -1, 1, 0])}, "label -1 is of no class"),
        ({"labels": np.zeros(4, np.int64), "class_names": ("ant",)}, "1 class, at least 2"),
        ({"training": 0}, "no training image"),
        ({"training": 4}, "no test image"),
    ],
)
def test_a_set_that_contradicts_itself_is_refused(changes: dict[str, object], words: str) -> None:
    parts: dict[str, object] = {
        "name": "made",
        "samples": np.zeros((4, 3, 1, 2, 2), np.uint8),
        "labels": np.array([0, 1, 1, 0]),
        "training": 3,
        "class_names": ("ant", "bee"),
        "form": "PNG files",
    }
    with pytest.raises(SceneError, match=words):
        ImageSet(**(parts | changes))  # type: ignore[arg-type]


def test_the_classes_of_a_set_are_counted_on_both_sides(tmp_path: Path) -> None:
    images = load_images(made.as_folder(tmp_path / "made", made.by_class(TRAIN, TEST)))
    # images 0 … 6 and 0 … 3 are of class index mod 3
    counts = [(row["class"], row["train"], row["test"], row["train_percent"]) for row in images.classes()]
    assert counts == [("ant", 3, 2, 60.0), ("bee", 2, 1, 66.67), ("cow", 2, 1, 66.67)]
