"""A recipe on images, from files to a network that runs and is evaluated on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_images as made
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pimsim import report  # noqa: E402
from pimsim.cli.main import main  # noqa: E402
from pimsim.errors import MissingFileError, ModelError, SceneError, TrainingError  # noqa: E402
from pimsim.model import load_network, reference, save_network  # noqa: E402
from pimsim.report import render  # noqa: E402
from pimsim.report.inputs import Samples, resolve  # noqa: E402
from pimsim.report.run_rows import rows_of_file  # noqa: E402
from pimsim.scenes import load_images  # noqa: E402
from pimsim.training import graph, pipeline  # noqa: E402
from pimsim.training.data import augment_images, prepare  # noqa: E402
from pimsim.training.recipe import load_recipe  # noqa: E402

RECIPE = """
name: made
network: {{ name: vgg6, hidden: 8 }}
scene: {scene}
scheme: scale
ann: {{ epochs: 2, batch: 8, learning_rate: 1.0e-3 }}
qat: {{ epochs: 1, batch: 8, learning_rate: 1.0e-3, calibration: 8 }}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with images in three shades, 8 × 8 pixels, as a JPEG copy of CIFAR-10, and a recipe."""
    rng = np.random.default_rng(3)
    shades = np.arange(36).reshape(36, 1, 1, 1) % 3 * 80 + 40
    images = (shades + rng.integers(-30, 31, (36, 3, 8, 8))).astype(np.uint8)
    made.as_folder(tmp_path / "cifar10", made.by_class(images[:24], images[24:], "jpg"))
    (tmp_path / "made.yaml").write_text(RECIPE.format(scene="cifar10"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(name: str, out: str) -> dict[str, object]:
    return pipeline.train(load_recipe(name), Path(out), command="pimsim train made", report=lambda *_: None)


def test_a_network_is_trained_on_images_run_and_evaluated(place: Path) -> None:
    result = train("made.yaml", "run")
    images, network = load_images("cifar10"), load_network(place / "run" / "made.npz")
    assert network.architecture.input_shape == (3, 1, 8, 8)
    assert network.input.mean.shape == (3, 1)
    # the 64 codes span what black and white become in whichever channel they reach furthest, and no further
    real = (np.array([0, 255]) - network.input.mean) / network.input.deviation
    assert network.input.scale == pytest.approx((real.max() - real.min()) / 63)
    steps = real / network.input.scale + network.input.zero_point
    assert steps.min() > -0.5 - 1e-9
    assert steps.max() < 63.5 + 1e-9
    assert result["split"] == images.describe() == network.provenance["split"]
    assert result["split_label"] == "given JPEG re-encoded"
    assert "JPEG re-encoded" in str(network.provenance["attribution"])
    assert (result["train_samples"], result["test_samples"]) == (24, 12)
    assert {"patch", "split", "train_fraction", "input_clip"}.isdisjoint(result["recipe"])  # type: ignore[arg-type]
    rows = rows_of_file(place / "run" / "made.json")
    assert {(row.network, row.scene, row.split) for row in rows} == {
        ("vgg6 hidden 8", "cifar10", "given JPEG re-encoded")
    }

    found = report.evaluate(place / "run" / "made.npz")
    labels = images.labels[images.test]
    predictions = reference.run(network, network.input.quantize(images.samples[images.test])).outputs.argmax(1)
    assert np.trace(found.confusion) == np.count_nonzero(labels == predictions)
    accuracy = result["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["export"]["overall_percent"] == found.accuracy.percent()["overall_percent"]
    assert found.subject.selection == "12 of 12 test images, JPEG re-encoded"
    assert found.subject.class_names == made.CLASSES

    outcome = report.run(place / "run" / "made.npz", "ann45nm", "cifar10", samples=5)
    given = outcome.document["input"]
    assert isinstance(given, dict)
    assert (given["kind"], given["name"], outcome.trace.samples) == ("images", "cifar10", 5)
    assert given["selection"] == "5 of 12 test images, JPEG re-encoded, evenly spaced"
    assert "JPEG re-encoded" in given["attribution"]
    assert outcome.execution == f'executed on images "cifar10": {given["selection"]}'


def test_images_that_are_run_are_those_that_lie_there(place: Path) -> None:
    train("made.yaml", "run")
    images, network = load_images("cifar10"), load_network(place / "run" / "made.npz")
    content = resolve(network, "", "cifar10", 4).content
    assert isinstance(content, Samples)
    chosen = images.test[[0, 3, 6, 9]]  # 4 of 12 at even distances
    assert np.array_equal(content.codes, network.input.quantize(images.samples[chosen]))
    assert np.array_equal(content.labels, images.labels[chosen])
    for pixels, count in (("test", 12), ("train", 24), ("labelled", 36)):
        assert report.evaluate(place / "run" / "made.npz", pixels=pixels).confusion.sum() == count


def test_a_run_and_an_evaluation_of_recorded_images_say_in_which_form_they_came(place: Path) -> None:
    train("made.yaml", "run")
    model, trace = place / "run" / "made.npz", place / "run" / "made_trace.npz"
    outcome = report.run(model, "ann45nm", trace, samples=5)
    assert "the first 5 of 12 recorded samples, JPEG re-encoded" in render.text(outcome, 120)
    found = report.evaluate(model, trace)
    assert found.subject.selection == "the first 12 of 12 recorded samples, JPEG re-encoded, executed again"


def test_reports_tell_when_the_training_had_the_images_in_other_files(place: Path) -> None:
    train("made.yaml", "run")
    (place / "cifar10").rename(place / "jpeg")
    made.as_folder(place / "cifar10", made.by_class(made.pixels(3, edge=8), made.pixels(3, edge=8)))
    told = "the model was trained on them in another form, JPEG re-encoded"
    found = report.evaluate(place / "run" / "made.npz")
    assert found.subject.selection == f"3 of 3 test images, PNG files; {told}"
    given = resolve(load_network(place / "run" / "made.npz"), "", "cifar10", None)
    assert given.selection == f"3 of 3 test images, PNG files, evenly spaced; {told}"


def test_what_images_do_not_have_is_refused(place: Path) -> None:
    train("made.yaml", "run")
    model = place / "run" / "made.npz"
    made.as_folder(place / "large", made.by_class(made.pixels(3, edge=9), made.pixels(3, edge=9)))
    files = made.by_class(made.pixels(3, edge=8), made.pixels(3, edge=8))
    made.as_folder(place / "two", {name: content for name, content in files.items() if "cow" not in name})
    with pytest.raises(SceneError, match=r"labels=a\.mat is of a scene; cifar10 is an image set"):
        report.evaluate(model, labels="a.mat")
    with pytest.raises(SceneError, match="a map needs a whole scene, cifar10 is an image set"):
        report.evaluate(model, whole_scene=True)
    with pytest.raises(SceneError, match="images of 3×1×9×9, the model takes 3×1×8×8"):
        report.run(model, "pim45nm", "large")
    with pytest.raises(SceneError, match="has 2 classes, the model tells 3"):
        report.evaluate(model, "two")
    with pytest.raises(SceneError, match=r'samples=13 is outside 1 … 12, what "cifar10" has'):
        report.evaluate(model, samples=13)
    assert report.evaluate(model, samples=4).subject.selection == "4 of 12 test images, JPEG re-encoded, evenly spaced"
    network = load_network(model)
    for provenance, what in (({}, "scene"), ({"split": {"form": "PNG files"}}, "image set")):
        save_network(replace(network, provenance={"scene": "fish", **provenance}), place / "fish.npz")
        with pytest.raises(MissingFileError, match=f'{what} "fish" does not exist'):
            report.evaluate(place / "fish.npz")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"patch": 5}, "patch: only networks for patches of a scene have it, vgg6 takes images"),
        ({"split.kind": "blocks"}, "split: only networks for patches"),
        ({"train_fraction": 0.5}, "train_fraction: only networks for patches"),
        ({"input_clip": 4.0}, "input_clip: only networks for patches"),
        ({"network.width": 9}, "made.yaml: network.width: only cnn32h has it, this network is vgg6"),
        ({"network": {"name": "cnn3d", "hidden": 9}}, "network.hidden: only the VGG networks have it"),
        ({"network.hidden": 0}, "network.hidden"),
        ({"network.name": "vgg7"}, "network.name"),
    ],
)
def test_settings_that_images_do_not_have_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe("made.yaml", setting)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_networks_and_inputs_that_do_not_fit_are_refused_before_anything_is_written(place: Path) -> None:
    for text, error, words in (
        (
            RECIPE.format(scene="cifar10").replace("vgg6", "vgg16"),
            ModelError,
            "fit the images of cifar10, 3×8×8",
        ),
        (RECIPE.format(scene="indian_pines"), MissingFileError, 'image set "indian_pines" does not exist'),
    ):
        (place / "wrong.yaml").write_text(text)
        with pytest.raises(error, match=words):
            train("wrong.yaml", "wrong")
        assert not (place / "wrong").exists()
    with pytest.raises(MissingFileError, match='"cifar10" is an image set'):
        prepare(load_recipe("cnn3d_6b", {"scene": "cifar10"}))


def test_a_bare_name_of_a_vgg_network_stands_for_the_papers_width() -> None:
    bare = load_recipe("vgg6_hybrid_6b", {"network": "vgg6"})
    assert bare.network.model_dump() == {"name": "vgg6", "hidden": 4096}
    named = load_recipe("vgg6_hybrid_6b", {"network.hidden": 4096})
    assert graph.keys(bare, "")["ann"].digest == graph.keys(named, "")["ann"].digest
    assert bare.network.architecture((3, 1, 32, 32), 10).layers[3].out_channels == 4096


def test_images_are_augmented_as_images_and_fire_by_the_codes_of_the_training_alone(place: Path) -> None:
    text = RECIPE.format(scene="cifar10").replace("qat:", "qstdb:").replace(", calibration: 8", "")
    (place / "hybrid.yaml").write_text(f"{text}encoding: hybrid\n")
    recipe = load_recipe("hybrid.yaml")
    data = prepare(recipe)
    assert data.augment is augment_images
    codes = data.codes.clone()
    codes[data.test] = 0
    of_both, of_training = (pipeline._network(recipe, given).coding for given in (data, replace(data, codes=codes)))
    assert of_both.input_spikes == of_training.input_spikes


def test_an_augmented_image_is_its_own_mirrored_or_not_and_moved() -> None:
    torch.manual_seed(1)
    inputs = 1 + torch.arange(200 * 2 * 8 * 16, dtype=torch.float32).reshape(200, 2, 1, 8, 16)
    outputs = augment_images(inputs)
    # an eighth of 8 rows and of 16 columns
    moves = [(rows, columns, mirror) for rows in (-1, 0, 1) for columns in range(-2, 3) for mirror in (False, True)]
    seen = set()
    for before, after in zip(inputs[:, :, 0].numpy(), outputs[:, :, 0].numpy(), strict=True):
        found = [move for move in moves if np.array_equal(moved(before, *move), after)]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == len(moves)  # 200 draws of 30: one is missed once in 30 · (29/30)²⁰⁰ = 3 % of seeds
    assert outputs.shape == inputs.shape


def moved(image: np.ndarray, rows: int, columns: int, mirror: bool) -> np.ndarray:
    """Pixel by pixel: what is ``rows`` below and ``columns`` right of it, 0 outside; then mirrored."""
    _, height, width = image.shape
    result = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            there = (row + rows, column + columns)
            if 0 <= there[0] < height and 0 <= there[1] < width:
                result[:, row, column] = image[:, there[0], there[1]]
    return result[:, :, ::-1] if mirror else result


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "made.yaml", "--set", "scene=nowhere"], 'image set "nowhere" does not exist'),
        (["split", "cifar10"], '"cifar10" is an image set, parted as it is'),
    ],
)
def test_the_command_tells_in_a_line_what_is_wrong(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert words in message.replace("\n", " ")
    assert "Traceback" not in message
