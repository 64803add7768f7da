"""Recipes and checkpoints: what decides a run, and what continues it."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from pimsim.errors import MissingFileError, OutputError, TrainingError  # noqa: E402
from pimsim.scenes import Split, SplitFile  # noqa: E402
from pimsim.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from pimsim.training.graph import Key  # noqa: E402
from pimsim.training.recipe import load_recipe, shipped_recipes  # noqa: E402
from pimsim.training.stages import learning_rate  # noqa: E402

KEY = Key({"ann.epochs": 3, "seed": 0}, "d")


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid_and_carries_its_file_name(name: str) -> None:
    assert load_recipe(name).name == name


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("weight_bits", 1, "weight_bits=1"),
        ("weight_bits", 6.5, "weight_bits=6.5"),
        ("qstdb.epochs", 0, "qstdb.epochs=0"),
        ("qstdb.learning_rate", float("nan"), "qstdb.learning_rate=nan"),
        ("qstdb.epoch", 3, "qstdb.epoch: unknown key"),
        ("foo.bar", 3, "foo: unknown key"),
        ("ann", None, "cnn3d_6b: ann: required but missing$"),
        ("network", {"pool": 2}, r"network\.name: required but missing"),
        ("name", "..", r"name='\.\.'"),  # its run folder would be the folder above
        ("network", "vgg", "network.name='vgg'"),
        ("train_fraction", 1.0, "train_fraction=1.0"),
        ("seed.x", 1, "seed is a value"),
        ("split", "chess", "split.kind='chess'"),
        ("split", {"kind": "random", "guard": 2}, "guard: only a split of kind blocks or file has it"),
        ("split", {"kind": "blocks", "train": "a.mat"}, "train: only a split of kind file has it"),
        ("split", {"kind": "blocks", "guard": -1}, "split.guard=-1"),
        ("split", {"kind": "blocks", "blocks": 3}, r"split\.blocks: unknown key"),
        ("split", "file", "needs the file of its training pixels"),
        ("split", {"kind": "file", "train": "a.mat", "seed": 1}, "seed: a split of kind file draws nothing"),
        ("split", "file", "split.train"),
        ("split", 3, "split=3"),
        ("qstdb.exact_epochs", 61, "qstdb: exact_epochs=61 is above epochs=60"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(key: str, value: object, expected: str) -> None:
    with pytest.raises(TrainingError, match=expected) as caught:
        load_recipe("cnn3d_6b", {key: value})
    assert "\n" not in str(caught.value)


def test_a_share_for_training_that_a_file_leaves_without_effect_is_refused() -> None:
    split = {"kind": "file", "train": "a.mat"}
    with pytest.raises(TrainingError, match=r"train_fraction=0\.3: a split of kind file draws nothing"):
        load_recipe("cnn3d_6b", {"split": split, "train_fraction": 0.3})
    assert "train_fraction" not in load_recipe("cnn3d_6b", {"split": split}).settings
    assert load_recipe("cnn3d_6b").settings["train_fraction"] == 0.4


def test_an_override_changes_the_setting() -> None:
    plain, changed = load_recipe("cnn3d_6b"), load_recipe("cnn3d_6b", {"qstdb.epochs": 7})
    assert changed.qstdb.epochs == 7
    assert plain.settings != changed.settings
    assert plain.settings == load_recipe("cnn3d_6b.yaml").settings


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("random", Split("random", 0.3, 7)),
        ("blocks", Split("blocks", 0.3, 7)),
        ({"kind": "blocks", "seed": 2, "block": 12, "guard": 8}, Split("blocks", 0.3, 2, 12, 8)),
        (
            {"kind": "file", "train": "a.mat", "test": "b.mat", "guard": 4},
            Split("file", guard=4, train=SplitFile("a.mat"), test=SplitFile("b.mat")),
        ),
    ],
)
def test_a_split_takes_fraction_and_seed_from_the_recipe_unless_it_has_its_own(value: object, expected: Split) -> None:
    fraction = {} if expected.kind == "file" else {"train_fraction": 0.3}
    assert load_recipe("cnn3d_6b", {"split": value, "seed": 7, **fraction}).parting == expected


def test_a_recipe_without_split_draws_pixels_at_random() -> None:
    assert load_recipe("cnn3d_6b").parting == Split("random", 0.4, 0)


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "name: x\n"])
def test_a_file_that_is_no_recipe_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=r"wrong\.yaml"):
        load_recipe(str(path))


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(MissingFileError, match="cnn3d_6b"):
        load_recipe("nothing")


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.ckpt"
    save_checkpoint(path, KEY, {"weights": torch.arange(3)})
    state = load_checkpoint(path, KEY)
    assert state is not None
    assert state["weights"].tolist() == [0, 1, 2]
    assert [entry.name for entry in path.parent.iterdir()] == ["a.ckpt"]
    assert load_checkpoint(tmp_path / "none.ckpt", KEY) is None


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    save_checkpoint(path, KEY, {})
    with pytest.raises(TrainingError, match=r"a\.ckpt: made with other settings: ann\.epochs 3 there, 4 here"):
        load_checkpoint(path, Key({"ann.epochs": 4, "seed": 0}, "e"))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        load_checkpoint(path, KEY)
    torch.save({"digest": "d"}, path)
    with pytest.raises(TrainingError, match="not a checkpoint of this version"):
        load_checkpoint(path, KEY)


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        save_checkpoint(tmp_path / "file" / "a.ckpt", KEY, {})


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    rates = [learning_rate(step, 101, 0.5, 0.2) for step in range(101)]
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.5 / 25)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(0.5, rel=1e-2)
    assert rates[-1] < 1e-3
    assert top in (20, 21)
