"""An evaluation counts what a pixel-by-pixel run of the reference counts, on the pixels that it says it is of."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import made_inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim import report
from pimsim.errors import MissingFileError, MissingPackageError, ModelError, OutputError, PimsimError, SceneError
from pimsim.model import load_network, reference, save_network
from pimsim.model.accuracy import Accuracy
from pimsim.model.network import ACCUMULATE, RELU, IntegerNetwork, LayerNumerics, Neuron
from pimsim.report import evaluation_plot, evaluation_work, picture
from pimsim.report.accuracy_table import AccuracyRow
from pimsim.report.evaluation import Evaluation, Executed, Membranes, Subject, evaluated
from pimsim.report.evaluation_rows import rows_of_evaluation
from pimsim.report.evaluation_work import membrane_numerics, part_samples
from pimsim.scenes import Scene, Split, SplitFile, divide, load_scene, stratified_split
from pimsim.simulation import execute
from pimsim.traces import save_trace

FILES = {"classes.csv", "confusion.csv", "spikes.csv", "evaluation.json"}
SEED, FRACTION = 3, 0.4
IDS = (1, 10, 14)
TRAINED = {"scene": "field", "seed": SEED, "train_fraction": FRACTION}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with made.npz, trained on the scene field.npy, whose classes are 1, 10 and 14."""
    made_inputs.write_scene(tmp_path)
    labels = np.load(tmp_path / "field_gt.npy")
    np.save(tmp_path / "field_gt.npy", np.array([0, *IDS])[labels])
    save_network(replace(made_inputs.network(), provenance=TRAINED), tmp_path / "made.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 samples, so that a small scene has several, and the last one is not full."""
    monkeypatch.setattr(evaluation_work, "FEWEST", 4)
    monkeypatch.setattr(evaluation_work, "MOST", 4)


def codes_at(network: IntegerNetwork, scene: Scene, row: int, column: int) -> np.ndarray:
    """Input codes (1, 1, B, p, p) of one pixel's patch, value by value; the border mirrors its outermost pixel."""
    height, width, bands = scene.cube.shape
    _, _, size, _ = network.architecture.input_shape
    q = network.input
    codes = np.zeros((1, 1, bands, size, size), q.code_dtype)
    for i in range(size):
        for j in range(size):
            r, c = abs(row + i - size // 2), abs(column + j - size // 2)
            r, c = min(r, 2 * (height - 1) - r), min(c, 2 * (width - 1) - c)
            for band in range(bands):
                steps = (float(scene.cube[r, c, band]) - q.mean[band]) / q.deviation[band] / q.scale
                codes[0, 0, band, i, j] = min(max(round(steps) + q.zero_point, 0), 2**q.bits - 1)
    return codes


def one(network: IntegerNetwork, scene: Scene, pixel: tuple[int, int], widths: object = None) -> reference.ReferenceRun:
    return reference.run(network, codes_at(network, scene, *pixel), widths)  # type: ignore[arg-type]


def pixels_tested() -> list[tuple[int, int]]:
    scene = load_scene("field.npy")
    pixels = [(int(r), int(c)) for r, c in np.argwhere(scene.labels)]
    labels = np.array([IDS.index(scene.labels[pixel]) for pixel in pixels])
    _, test = stratified_split(labels, train_fraction=FRACTION, seed=SEED)
    return [pixels[index] for index in test]


@pytest.mark.usefixtures("small_parts")
def test_it_counts_what_the_reference_gives_pixel_by_pixel(place: Path) -> None:
    found = report.evaluate("made.npz", membrane_bits=[5])
    network, scene = load_network(place / "made.npz"), load_scene("field.npy")
    chosen = pixels_tested()
    confusion = np.zeros((3, 3), int)
    spikes = np.zeros((2, network.time_steps), int)
    saturated, right = np.zeros(3, int), 0
    # a stored word of 5 bits reaches 15: thresholds 300 and 20 need 15 · 2^5 = 480 and 15 · 2^1 = 30
    narrow = [LayerNumerics(32, 5, membrane_shift=shift, membrane_rounding="half_up") for shift in (5, 1)]
    for pixel in chosen:
        alone = one(network, scene, pixel)
        label = IDS.index(scene.labels[pixel])
        confusion[label, alone.predictions[0]] += 1
        for layer, maps in enumerate(alone.spikes):
            for step in range(network.time_steps):
                spikes[layer, step] += int(maps[0, step].sum())
        other = one(network, scene, pixel, [*narrow, LayerNumerics()])
        saturated += other.saturations
        right += int(other.predictions[0] == label)
    assert found.confusion.tolist() == confusion.tolist()
    assert found.executed.handed_on.tolist() == spikes.tolist()
    assert found.accuracy.overall == confusion.trace() / len(chosen)
    assert found.membranes[0].shifts == (5, 1)
    assert found.membranes[0].saturations.tolist() == saturated.tolist()
    assert saturated.sum() > 0
    assert found.membranes[0].accuracy.overall == right / len(chosen)
    neurons = [layer.shape.neurons for layer in network.layers[:-1]]
    rates = spikes / np.array(neurons)[:, None] / len(chosen)
    assert np.allclose(found.spikes_per_neuron, rates, rtol=1e-14, atol=0)


@pytest.mark.usefixtures("small_parts")
def test_the_map_is_what_the_network_says_of_every_pixel(place: Path) -> None:
    found = report.evaluate("made.npz", whole_scene=True, out="out")
    network, scene = load_network(place / "made.npz"), load_scene("field.npy")
    wanted = [[IDS[int(one(network, scene, (r, c)).predictions[0])] for c in range(7)] for r in range(6)]
    assert found.scene is not None
    assert found.scene.predicted.tolist() == wanted
    assert np.load("out/map.npy").tolist() == wanted
    assert found.scene.labels.tolist() == scene.labels.tolist()
    assert [tuple(place) for place in np.argwhere(found.scene.evaluated)] == pixels_tested()
    counted = json.loads(Path("out/evaluation.json").read_text())["map"]["pixels"]
    assert counted == {str(class_id): sum(row.count(class_id) for row in wanted) for class_id in IDS}
    assert Path("out/map.png").read_bytes().startswith(b"\x89PNG")


def test_the_pixels_of_a_split_are_all_labelled_ones_once(place: Path) -> None:
    counts = {kind: report.evaluate("made.npz", pixels=kind).confusion for kind in ("test", "train", "labelled")}
    assert np.array_equal(counts["test"] + counts["train"], counts["labelled"])
    assert counts["labelled"].sum() == np.count_nonzero(np.load(place / "field_gt.npy"))
    assert np.array_equal(report.evaluate("made.npz", "field.npy").confusion, counts["test"])


def test_a_scene_that_the_model_was_not_trained_on_is_taken_whole(place: Path) -> None:
    made_inputs.write_scene(place, "meadow")
    found = report.evaluate("made.npz", "meadow.npy")
    assert found.subject.pixels == "labelled"
    assert found.confusion.sum() == np.count_nonzero(np.load("meadow_gt.npy"))
    for kind in ("test", "train"):
        with pytest.raises(SceneError, match=f'pixels={kind}: model "made" does not say .* trained on scene "meadow"'):
            report.evaluate("made.npz", "meadow.npy", pixels=kind)


@pytest.mark.parametrize(
    "provenance",
    [
        {"scene": "field"},
        {"scene": "field", "seed": "3", "train_fraction": 0.4},
        {"scene": "field", "seed": 3, "train_fraction": 1.5},
        {"scene": "field", "split": {"kind": "another"}},
    ],
)
def test_a_split_that_is_not_told_in_full_is_not_guessed(place: Path, provenance: dict[str, object]) -> None:
    save_network(replace(made_inputs.network(), provenance=provenance), place / "made.npz")
    assert report.evaluate("made.npz").subject.pixels == "labelled"
    with pytest.raises(SceneError, match="pixels=test"):
        report.evaluate("made.npz", pixels="test")


def test_the_pixels_are_those_of_the_recorded_split(place: Path) -> None:
    """A split by published maps: training in the upper rows, test in the lowest one, the guard in between."""
    marks = np.zeros((6, 7), int)
    marks[:2] = 1
    np.save(place / "upper.npy", marks)
    scene = load_scene("field.npy")
    division = divide(scene, Split("file", guard=3, train=SplitFile("upper.npy")), 3)
    provenance = {"scene": "field", "split": division.describe()}
    save_network(replace(made_inputs.network(), provenance=provenance), place / "made.npz")
    found = report.evaluate("made.npz", whole_scene=True, out="out")
    assert found.scene is not None
    lowest = np.zeros((6, 7), bool)
    lowest[5] = scene.labels[5] > 0
    assert np.array_equal(found.scene.evaluated, lowest)
    assert json.loads(Path("out/evaluation.json").read_text())["input"]["split"] == division.describe()
    assert "0.0 % of test patches share pixels" in report.evaluation_text(found)
    (place / "upper.npy").unlink()
    assert report.evaluate("made.npz", pixels="labelled").confusion.sum() == np.count_nonzero(scene.labels)
    with pytest.raises(MissingFileError, match="upper"):
        report.evaluate("made.npz")


def test_labels_may_lie_elsewhere(place: Path) -> None:
    whole = report.evaluate("made.npz", pixels="labelled").confusion
    (place / "field_gt.npy").rename(place / "truth.npy")
    assert np.array_equal(report.evaluate("made.npz", labels="truth.npy", pixels="labelled").confusion, whole)
    with pytest.raises(MissingFileError, match="nowhere"):
        report.evaluate("made.npz", labels="nowhere.npy")


@pytest.mark.usefixtures("place")
def test_samples_are_spread_over_the_scene() -> None:
    found = report.evaluate("made.npz", samples=3)
    count = len(pixels_tested())
    assert found.confusion.sum() == 3
    assert f"3 of {count} test pixels" in found.subject.selection
    assert "evenly spaced" in found.subject.selection
    with pytest.raises(SceneError, match=f"samples={count + 1} is outside 1 … {count}"):
        report.evaluate("made.npz", samples=count + 1)


def test_a_trace_gives_what_its_pixels_give(place: Path) -> None:
    network, scene = load_network(place / "made.npz"), load_scene("field.npy")
    pixels = pixels_tested()
    codes = np.concatenate([codes_at(network, scene, *pixel) for pixel in pixels])
    labels = np.array([IDS.index(scene.labels[pixel]) for pixel in pixels])
    unknown = np.append(labels, -1)  # a sample whose label is not known counts for nothing
    # recorded in words that change its values, so a trace's own outputs would mislead
    words = [LayerNumerics(32, 4), LayerNumerics(32, 4), LayerNumerics()]
    save_trace(execute(network, np.append(codes, codes[:1], axis=0), unknown, words), place / "recorded.npz")
    found, of_scene = report.evaluate("made.npz", "recorded.npz"), report.evaluate("made.npz")
    assert np.array_equal(found.confusion, of_scene.confusion)
    assert np.array_equal(found.executed.handed_on, of_scene.executed.handed_on)
    for asked in ({"pixels": "test"}, {"labels": "x.npy"}, {"whole_scene": True}):
        with pytest.raises(SceneError, match="is a trace"):
            report.evaluate("made.npz", "recorded.npz", **asked)  # type: ignore[arg-type]


def test_a_trace_without_labels_has_no_accuracy(place: Path) -> None:
    network = load_network(place / "made.npz")
    codes = np.zeros((2, *network.architecture.input_shape), np.uint8)
    save_trace(execute(network, codes), place / "recorded.npz")
    with pytest.raises(SceneError, match=r"accuracy needs labels, recorded\.npz has none"):
        report.evaluate("made.npz", "recorded.npz")


def cnn() -> IntegerNetwork:
    snn = made_inputs.network()
    layers = tuple(
        layer
        if layer.neuron.kind == ACCUMULATE
        else replace(layer, neuron=Neuron(RELU, multiplier=300, shift=16, activation_bits=6))
        for layer in snn.layers
    )
    return replace(snn, layers=layers, time_steps=1, leak_fraction_bits=0, provenance=TRAINED)


def test_of_a_cnn_active_neurons_are_counted(place: Path) -> None:
    save_network(cnn(), place / "made.npz")
    found = report.evaluate("made.npz", out="out", plot="svg")
    scene = load_scene("field.npy")
    active = np.zeros((2, 1), int)
    for pixel in pixels_tested():
        for layer, values in enumerate(one(cnn(), scene, pixel).activations):
            active[layer] += np.count_nonzero(values)
    assert found.executed.handed_on.tolist() == active.tolist()
    assert active.min() > 0
    header = Path("out/spikes.csv").read_text().splitlines()[0]
    assert header == "layer,neurons,active_per_neuron,saturations"
    assert "a CNN" in report.evaluation_text(found)
    with pytest.raises(ModelError, match="membrane_bits=6: a CNN has no membranes"):
        report.evaluate("made.npz", membrane_bits=[6])


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("bits", [0, 3, 33, -1])
def test_membranes_have_a_range_of_bits(bits: int) -> None:
    with pytest.raises(ModelError, match=f"membrane_bits={bits} is outside 4 … 32"):
        report.evaluate("made.npz", membrane_bits=[bits])


@given(threshold=st.integers(1, 2**31 - 1), bits=st.integers(4, 32))
def test_a_stored_membrane_reaches_its_threshold_with_the_fewest_bits_left_out(threshold: int, bits: int) -> None:
    network = made_inputs.network()
    first = replace(network.layers[0], neuron=replace(network.layers[0].neuron, threshold=threshold))
    words = membrane_numerics(replace(network, layers=(first, *network.layers[1:])), bits)
    assert words[-1] == LayerNumerics()
    most, shift = 2 ** (bits - 1) - 1, words[0].membrane_shift
    room = 32 - bits  # the word in steps must lie inside the accumulator
    assert most * 2**shift >= threshold or shift == room
    assert shift == 0 or most * 2 ** (shift - 1) < threshold


@pytest.mark.usefixtures("place")
def test_membranes_of_all_bits_change_nothing() -> None:
    found = report.evaluate("made.npz", membrane_bits=[32, 32])
    assert [item.accuracy for item in found.membranes] == [found.accuracy]


def test_files_do_not_depend_on_the_number_of_threads(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report.evaluate("made.npz", membrane_bits=[6], whole_scene=True, out="one", plot="png", threads=1)
    monkeypatch.setattr(evaluation_work, "FEWEST", 7)
    monkeypatch.setattr(evaluation_work, "MOST", 7)
    report.evaluate("made.npz", membrane_bits=[6], whole_scene=True, out="two", plot="png", threads=2)
    first, second = ({file.name: file.read_bytes() for file in (place / name).iterdir()} for name in ("one", "two"))
    assert first == second
    assert set(first) == FILES | {"map.npy", "map.png", "confusion.png", "spikes.png"}


def test_files_of_an_earlier_evaluation_go_with_it(place: Path) -> None:
    report.evaluate("made.npz", whole_scene=True, plot="png", out="out")
    (place / "out" / "note.txt").write_text("mine")
    report.evaluate("made.npz", plot="svg", out="out")
    assert set(os.listdir("out")) == FILES | {"note.txt", "confusion.svg", "spikes.svg"}


@pytest.mark.usefixtures("place")
def test_the_tables_add_up() -> None:
    found = report.evaluate("made.npz", out="out")
    with open("out/classes.csv", newline="") as stream:
        classes = list(csv.DictReader(stream))
    with open("out/confusion.csv", newline="") as stream:
        confusion = list(csv.DictReader(stream))
    for index, (own, row) in enumerate(zip(classes, confusion, strict=True)):
        assert own["class"] == row["class"] == str(IDS[index])
        assert int(own["samples"]) == sum(int(row[f"predicted_{other}"]) for other in IDS)
        assert int(own["predicted"]) == sum(int(other[f"predicted_{IDS[index]}"]) for other in confusion)
        assert int(own["correct"]) == int(row[f"predicted_{IDS[index]}"])
    assert sum(int(row["correct"]) for row in classes) == found.confusion.trace()
    with open("out/spikes.csv", newline="") as stream:
        layers = list(csv.DictReader(stream))
    for row, rate in zip(layers, found.spikes_per_neuron, strict=True):
        assert float(row["spikes_per_neuron"]) == rate.sum()
        assert [float(row[f"spikes_per_neuron_step_{step}"]) for step in range(1, 5)] == rate.tolist()
    stored = json.loads(Path("out/evaluation.json").read_text())
    assert stored["accuracy"]["overall"] == found.accuracy.overall
    assert stored["confusion"] == found.confusion.tolist()


def subject(network: IntegerNetwork, names: tuple[str, ...]) -> Subject:
    ids = tuple(range(1, len(names) + 1))
    return Subject("made", network, "0" * 64, "scene", "field", "by hand", "test", True, ids, names)


def by_hand() -> Evaluation:
    """Class 2 has no sample; one sample of class 1 is taken for it; class 3 is never predicted."""
    found = Executed(np.array([0, 0, 1, 0]), np.array([[4, 0], [8, 2]]), np.zeros(3, np.int64))
    network = replace(made_inputs.network(), time_steps=2)
    return evaluated(subject(network, ("oats", "corn", "woods")), np.array([0, 0, 0, 2]), found)


def test_classes_by_hand() -> None:
    oats, corn, woods = by_hand().classes
    assert (oats.samples, oats.predicted, oats.correct) == (3, 3, 2)
    assert (oats.recall, oats.precision) == (2 / 3, 2 / 3)
    assert (corn.recall, corn.precision) == (None, 0.0)
    assert (woods.recall, woods.precision) == (0.0, None)
    # OA 2 of 4; AA over the classes that occur: (2/3 + 0) / 2; p = (3·3 + 0·1 + 1·0) / 16 = 9/16
    reached = by_hand().accuracy
    assert reached.overall == 0.5
    assert reached.average == pytest.approx(1 / 3)
    assert reached.kappa == pytest.approx((1 / 2 - 9 / 16) / (7 / 16))


def test_every_row_of_results_has_its_own_accuracy() -> None:
    narrow = (Membranes(bits, (1, 2), Accuracy(0.25, 0.125, bits / 100), np.zeros(3, np.int64)) for bits in (6, 5))
    found = replace(by_hand(), membranes=tuple(narrow))
    template = AccuracyRow(
        *("cnn3d", "field", "random", 0, "qstdb", "snn", 6, 6, "affine", "integer", 5, "1+2", 9.0, 9.0, 9.0, 99),
        name="made",
    )
    rows = list(rows_of_evaluation(found, template))
    assert [row.inference for row in rows] == ["integer", "integer_membrane_6", "integer_membrane_5"]
    assert [row.oa_percent for row in rows] == [50.0, 25.0, 25.0]
    assert [row.aa_percent for row in rows] == [33.33, 12.5, 12.5]
    assert [row.kappa_percent for row in rows] == [-14.29, 6.0, 5.0]
    assert {(row.test_samples, row.name, row.start, row.epochs) for row in rows} == {(4, "made", "snn", "1+2")}


def test_spikes_per_neuron_by_hand() -> None:
    # conv1 has 6·1·1 × 4 = 24 neurons, conv2 3 × 5 = 15, see made_inputs; 4 samples
    assert by_hand().spikes_per_neuron.tolist() == [[4 / 96, 0.0], [8 / 60, 2 / 60]]


@pytest.mark.usefixtures("place")
def test_the_text_shows_what_was_found() -> None:
    found = report.evaluate("made.npz", membrane_bits=[6])
    text = report.evaluation_text(found, 100)
    percent = found.accuracy.percent()
    assert all(f"{percent[key]:.2f}" in text for key in percent)
    assert "6-bit membranes" in text
    assert f"test pixels (seed {SEED}, {FRACTION:g} for training)" in text
    # 3 × 3 patches on a 6 × 7 scene of which half is labelled: none is without a neighbour that trains
    assert "100.0 % of test patches share pixels with training patches" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_part_holds_fewer_samples_the_larger_the_network() -> None:
    network = made_inputs.network()
    assert part_samples(network) == evaluation_work.MOST
    long = replace(network, time_steps=4096)
    each = 39 * 4096 // 8 + 3 * 4096 // 8 + 8 * 9  # conv1, conv2, classifier; inputs
    assert part_samples(long) == min(2**27 // each, evaluation_work.MOST)


@pytest.mark.parametrize("missing", [("plot", "svg"), ("whole_scene", True)])
def test_without_matplotlib_pictures_are_refused_before_the_work(
    place: Path, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, object]
) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda _name: None)
    with pytest.raises(MissingPackageError, match=r"pip install \"pimsim\[plot\]\""):
        report.evaluate("made.npz", out="out", **dict([missing]))  # type: ignore[arg-type]
    assert not (place / "out").exists()
    report.evaluate("made.npz", out="out")


@pytest.mark.parametrize("classes", [2, 20, 21, 60])
def test_every_class_has_a_colour_of_its_own(classes: int) -> None:
    assert len(set(evaluation_plot.class_colours(classes))) == classes


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"input": "nowhere.npy"}, MissingFileError, "nowhere.npy"),
        ({"pixels": "lucky"}, SceneError, 'pixels="lucky": must be one of test, train, labelled'),
        ({"plot": "gif", "out": "o"}, OutputError, 'plot="gif": must be one of svg, png'),
        ({"plot": "svg"}, OutputError, "needs a folder"),
        ({"out": "made.npz"}, OutputError, "is not a folder"),
        ({"model": "nothing"}, MissingFileError, 'model "nothing" does not exist'),
    ],
)
def test_what_cannot_be_done_is_refused(asked: dict[str, object], kind: type[PimsimError], told: str) -> None:
    with pytest.raises(kind, match=told):
        report.evaluate(**({"model": "made.npz"} | asked))  # type: ignore[arg-type]


def test_a_scene_must_fit_the_model(place: Path) -> None:
    made_inputs.write_scene(place, "wide", bands=9)
    made_inputs.write_scene(place, "many", classes=4)
    for name, told in (("wide", "has 9 bands, the model takes 8"), ("many", "has 4 classes, the model tells 3")):
        with pytest.raises(SceneError, match=told):
            report.evaluate("made.npz", f"{name}.npy")


def test_a_model_that_names_no_scene_needs_one(place: Path) -> None:
    made_inputs.write_model(place)
    with pytest.raises(MissingFileError, match='model "made" does not say which scene it was trained on'):
        report.evaluate("made.npz")
