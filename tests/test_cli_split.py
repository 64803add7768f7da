"""``pimsim split``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pimsim.cli.main import main
from pimsim.scenes import Split, SplitFile, divide, load_scene

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with the scene field.npy: three fields of 30 rows, of classes 1, 4 and 9."""
    labels = np.repeat([[1, 4, 9]], 30, axis=0).repeat(12, axis=1)
    np.save(tmp_path / "field.npy", np.zeros((30, 36, 2), np.uint8))
    np.save(tmp_path / "field_gt.npy", labels)
    monkeypatch.chdir(tmp_path)


def call(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(["split", *arguments])
    assert (end.value.code or 0) == code


def test_every_class_is_listed_with_its_shares(capsys: Capture) -> None:
    call("field", "--block", "6", "--patch", "3", "--seed", "2")
    division = divide(load_scene("field"), Split("blocks", seed=2, block=6), 3)
    text = capsys.readouterr().out
    assert text.startswith("field: blocks of 6, guard 2, seed 2, 0.4 for training; patches of 3 × 3 pixels\n")
    for name, counts in zip(("class 1", "class 4", "class 9"), division.counts, strict=True):
        shares = [part for count in counts for part in (str(count), f"{100 * count / 360:.1f}")]
        assert " ".join([name, "360", *shares]) in " ".join(text.split())
    assert "0.00 % share a pixel with a training patch" in text


def test_the_maps_written_are_a_split_file_of_the_same_pixels(capsys: Capture) -> None:
    call("field", "--out", "out", "--block", "6")
    assert "written to out" in capsys.readouterr().out
    division = divide(load_scene("field"), Split("blocks", block=6), 5)
    document = json.loads(Path("out/split.json").read_text())
    assert document["split"]["pixels_sha256"] == division.sha256
    assert [row["train"] for row in document["classes"]] == division.counts[:, 0].tolist()
    again = Split("file", train=SplitFile("out/train.npy"), test=SplitFile("out/test.npy"))
    assert divide(load_scene("field"), again, 5).sha256 == division.sha256
    call("field", "--kind", "file", "--train", "out/train.npy", "--guard", "4", "--patch", "3")
    assert "train.npy, guard 4" in capsys.readouterr().out


def test_a_picture_shows_every_pixel_in_the_colour_of_its_side() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    call("field", "--out", "out", "--block", "6", "--plot")
    picture = Path("out/split.png").read_bytes()
    call("field", "--out", "again", "--block", "6", "--plot")
    assert picture == Path("again/split.png").read_bytes()
    seen = {tuple(colour) for colour in (imread("out/split.png")[..., :3].reshape(-1, 3) * 255).round().astype(int)}
    assert {(58, 110, 165), (244, 162, 89), (201, 201, 201)} <= seen
    call("field", "--out", "out")
    assert not Path("out/split.png").exists()  # of another split


def test_pixels_without_label_and_classes_on_one_side_are_named(capsys: Capture) -> None:
    labels = np.load("field_gt.npy")
    labels[0], labels[10:12, 20] = 0, 2
    np.save("field_gt.npy", labels)
    np.save("train.npy", np.tile([1, 0], (30, 18)))
    call("field", "--kind", "file", "--train", "train.npy")
    text = capsys.readouterr().out
    assert "18 pixels of the split files have no label in the scene and are left out" in text
    assert "not on both sides: class 2" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("field", "--kind", "random", "--guard", "3"), "guard: only a split of kind blocks or file has it"),
        (("field", "--kind", "random", "--block", "3"), "block: only a split of kind blocks has it"),
        (("field", "--kind", "file"), "kind=file needs the file of its training pixels"),
        (("field", "--train-fraction", "1.5"), "train_fraction=1.5 is not between 0 and 1"),
        (("field", "--train-fraction", "nan"), "train_fraction=nan is not between 0 and 1"),
        (("field", "--guard", "129"), "guard=129 is above 128"),
        (("field", "--guard", "40"), 'scene "field": split blocks leaves no test pixel'),
        (("field", "--patch", "61"), "patch size 61 is not in 1 … 59"),
        (("nowhere",), 'scene "nowhere" does not exist'),
        (("field", "--plot"), "--plot draws into the folder of --out"),
        (("field", "--out", "field.npy"), '"field.npy" cannot be written'),
    ],
)
def test_wrong_settings_are_one_line_and_leave_no_file(
    arguments: tuple[str, ...], message: str, capsys: Capture
) -> None:
    before = sorted(Path().iterdir())
    call(*arguments, code=2)
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert sorted(Path().iterdir()) == before


def test_labels_that_lie_nowhere_are_asked_for_under_every_name_that_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("bare.npy", np.zeros((6, 6, 3)))
    with pytest.raises(SystemExit) as end:
        main(["split", "bare.npy"])
    assert end.value.code == 2
    assert "bare_gt.mat or bare_gt.npy is expected beside it" in capsys.readouterr().err
