"""Which stages a recipe has, and which settings each one's result depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from pimsim.errors import MissingFileError, TrainingError
from pimsim.training import graph
from pimsim.training.recipe import Recipe, load_recipe, shipped_recipes

SNN = {"epochs": 3, "batch": 4, "learning_rate": 0.01}
QAT = {"epochs": 3, "batch": 4, "learning_rate": 0.01}


def keys(recipe: Recipe, content: str = "patches") -> dict[str, graph.Key]:
    return graph.keys(recipe, content)


@pytest.mark.parametrize(
    ("name", "changes", "stages"),
    [
        ("cnn3d_6b", {}, "ann conversion qstdb export"),
        ("cnn3d_6b", {"qstdb.start": "snn", "snn": SNN}, "ann conversion snn qstdb export"),
        ("cnn3d_snn", {}, "ann conversion snn"),
        ("cnn3d_ptq", {}, "ann conversion snn ptq export"),
        ("cnn3d_ptq", {"ptq.start": "conversion", "snn": None}, "ann conversion ptq export"),
        ("cnn3d_ann6b", {}, "ann qat export"),
    ],
)
def test_a_recipe_passes_through_the_stages_that_it_names(name: str, changes: dict[str, object], stages: str) -> None:
    recipe = load_recipe(name, changes)
    assert graph.path(recipe) == tuple(stages.split())
    assert tuple(keys(recipe)) == graph.path(recipe)
    assert graph.path_until(recipe, "ann") == ("ann",)


def test_a_stage_that_the_recipe_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(TrainingError, match="--until snn: the recipe cnn3d_6b has the stages ann, conversion, qstdb"):
        graph.path_until(load_recipe("cnn3d_6b"), "snn")


@pytest.mark.parametrize(
    ("key", "value", "first"),
    [
        ("seed", 1, "ann"),
        ("network", "cnn32h", "ann"),
        ("ann.epochs", 7, "ann"),
        ("ann.dropout_layers", ["conv2"], "ann"),
        ("conversion.factor", 0.7, "conversion"),
        ("snn.batch", 7, "snn"),
        ("time_steps", 6, "snn"),
        ("qstdb.exact_epochs", 1, "qstdb"),
        ("weight_bits", 4, "qstdb"),
        ("scheme", "scale", "qstdb"),
        ("leak_fraction_bits", 7, "qstdb"),
        ("name", "other", None),
        ("scene", "/elsewhere/indian_pines.mat", None),  # the patches decide, not the path to them
        ("train_fraction", 0.3, None),
        ("split", "blocks", None),
    ],
)
def test_a_setting_changes_the_stage_that_it_belongs_to_and_all_behind_it(
    key: str, value: object, first: str | None
) -> None:
    before, after = keys(load_recipe("cnn3d_snn_6b")), keys(load_recipe("cnn3d_snn_6b", {key: value}))
    changed = [stage for stage in before if before[stage].digest != after[stage].digest]
    stages = list(before)
    assert changed == (stages[stages.index(first) :] if first else [])
    for stage in changed:
        told = after[stage].differences(before[stage].settings)
        assert told.startswith(key)
        assert " there, " in told


def test_other_patches_change_every_stage_and_are_named_by_what_made_them() -> None:
    before, after = keys(load_recipe("cnn3d_6b")), keys(load_recipe("cnn3d_6b", {"split": "blocks"}), "others")
    assert all(before[stage].digest != after[stage].digest for stage in before)
    assert after["ann"].differences(before["ann"].settings) == "split.kind random there, blocks here"
    same_settings = keys(load_recipe("cnn3d_6b"), "others")["ann"]
    assert same_settings.differences(before["ann"].settings) == "training_patches_sha256 patches there, others here"


def test_stages_of_different_recipes_share_their_beginning() -> None:
    float_row, six_bits, paper, cnn = (
        keys(load_recipe(name)) for name in ("cnn3d_snn", "cnn3d_snn_6b", "cnn3d_6b", "cnn3d_ann6b")
    )
    assert all(float_row[stage].digest == six_bits[stage].digest for stage in float_row)
    assert float_row["conversion"].digest == paper["conversion"].digest
    assert paper["ann"].digest == cnn["ann"].digest
    assert paper["qstdb"].digest != six_bits["qstdb"].digest


def test_a_default_that_is_written_out_changes_no_key() -> None:
    plain, explicit = (
        load_recipe("cnn3d_6b"),
        load_recipe("cnn3d_6b", {"ann.augment": True, "qstdb.start": "conversion"}),
    )
    assert {stage: key.digest for stage, key in keys(plain).items()} == {
        stage: key.digest for stage, key in keys(explicit).items()
    }


def test_no_two_stages_have_the_same_key() -> None:
    digests = [key.digest for name in shipped_recipes() for key in {**keys(load_recipe(name))}.values()]
    by_stage = {(stage, key.digest) for name in shipped_recipes() for stage, key in keys(load_recipe(name)).items()}
    assert len(by_stage) == len(set(digests))


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("cnn3d_6b", {"snn": SNN}, "snn: qstdb starts at the conversion; set qstdb.start=snn"),
        ("cnn3d_6b", {"qstdb.start": "snn"}, "qstdb.start=snn: the recipe has no snn"),
        ("cnn3d_6b", {"qstdb.start": "ann"}, "qstdb.start='ann'"),
        ("cnn3d_6b", {"qstdb": None}, "ends in one of qstdb, ptq, qat or, for float weights, snn; this one has none"),
        ("cnn3d_6b", {"ptq": {}}, "this one has qstdb and ptq"),
        ("cnn3d_6b", {"snn": None}, "--set snn=null: the recipe has no snn"),
        ("cnn3d_snn", {"weight_bits": 4}, "weight_bits: only quantized weights need it"),
        ("cnn3d_snn", {"scheme": "scale"}, "scheme: only quantized"),
        ("cnn3d_ann6b", {"snn": SNN}, "snn: only a spiking network has it"),
        ("cnn3d_6b", {"network.pool": 3}, "network.pool: only cnn32h has it, this network is cnn3d"),
        ("cnn32h_6b", {"network.width": 0}, "network.width=0"),
        ("cnn32h_6b", {"network.depth": 2}, "network.depth: unknown key"),
        ("cnn3d_6b", {"network": 3}, "network=3"),
    ],
)
def test_settings_that_exclude_each_other_are_named(name: str, changes: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe(name, changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoding": "rate"}, "encoding='rate'"),
        ({"neuron": "if"}, "neuron='if'"),
        ({"readout": "first"}, "readout='first'"),
        ({"spike_percentiles": [1.0]}, "spike_percentiles=[1.0]"),
        ({"spike_percentiles": [1.0, 101.0]}, "spike_percentiles.1=101.0"),
        ({"spike_percentiles": [9.0, 9.0]}, "spike_percentiles=[9.0, 9.0]: the first has to be below the second"),
        ({"encoding": "direct", "spike_percentiles": [1.0, 98.0]}, "only inputs of the encoding hybrid fire"),
        ({"time_steps": 1}, "time_steps=1: inputs of the encoding hybrid fire from step 2 on"),
        ({"conversion.steps": 100}, "conversion.steps: time_steps take its place where the step of a spike counts"),
        ({"encoding": "direct", "conversion.steps": 9}, "conversion.steps: time_steps take its place"),
        ({"encoding": "direct", "neuron": "lif", "conversion.steps": 9}, "conversion.steps: time_steps take its place"),
        ({"qat": QAT, "qstdb": None}, "time_steps: only a spiking network has it"),
        ({"qat": QAT, "qstdb": None, "time_steps": None, "encoding": "hybrid"}, "encoding: only a spiking network"),
    ],
)
def test_a_coding_that_cannot_be_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe("cnn3d_hybrid_6b", changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoding", "direct"),
        ("neuron", "lif"),
        ("readout", "accumulate"),
        ("spike_percentiles", [0.0, 99.0]),
        ("time_steps", 6),  # over which a network of inputs that fire once is converted
    ],
)
def test_the_coding_changes_the_conversion_and_all_behind_it_but_not_the_relu_network(key: str, value: object) -> None:
    before, after = keys(load_recipe("cnn3d_hybrid_6b")), keys(load_recipe("cnn3d_hybrid_6b", {key: value}))
    assert [stage for stage in before if before[stage].digest != after[stage].digest] == list(before)[1:]
    assert keys(load_recipe("cnn3d_6b"))["ann"].digest == before["ann"].digest
    assert f"{key}" in after["conversion"].differences(before["conversion"].settings)


def test_a_network_whose_outputs_count_when_they_cross_is_converted_over_its_own_steps() -> None:
    """Over 100 steps an output sums up twenty times as much as over 5, and would cross no such threshold in these."""
    timed = {"readout": "timed", "conversion.steps": None}
    assert load_recipe("cnn3d_6b").conversion_steps == 100
    assert load_recipe("cnn3d_6b", timed).conversion_steps == 5
    before, after = keys(load_recipe("cnn3d_6b", timed)), keys(load_recipe("cnn3d_6b", {**timed, "time_steps": 6}))
    assert before["conversion"].digest != after["conversion"].digest


@pytest.mark.parametrize("name", shipped_recipes())
def test_the_settings_that_a_run_notes_are_a_recipe_for_it(name: str) -> None:
    """None of them is without effect: that would be refused."""
    before = load_recipe(name)
    again = Recipe.model_validate(before.settings)
    assert again.settings == before.settings
    assert {stage: key.digest for stage, key in keys(again).items()} == {
        stage: key.digest for stage, key in keys(before).items()
    }


def test_a_recipe_without_a_coding_has_the_keys_that_it_had_before_there_were_any() -> None:
    # of the version before the encoding hybrid: checkpoints with these digests are in use
    found = {stage: key.digest for stage, key in keys(load_recipe("cnn3d_6b")).items()}
    assert found == {
        "ann": "e3b0427214b6bdfaf599ed65b843e155",
        "conversion": "1b183dc9de3d0e40c765e87e377aa013",
        "qstdb": "49549b939e27b0085e590d8d112af87e",
        "export": "d7cc64cdc6bcca3fe3652e24ffcd698e",
    }


def test_a_network_is_named_with_the_parameters_that_it_has() -> None:
    paper = load_recipe("cnn32h_6b", {"network": "cnn32h"}).network
    other = load_recipe("cnn32h_6b", {"network.pool": 4, "network.width": 100}).network
    assert paper == load_recipe("cnn32h_6b", {"network": {"name": "cnn32h", "pool": 2}}).network
    assert paper.model_dump() == {"name": "cnn32h", "pool": 2, "width": 512}
    assert load_recipe("cnn3d_6b").network.model_dump() == "cnn3d"
    # 200 bands: (200 − 18) // 7 + 1 = 27 spectral positions; two 3×3 convolutions leave 23 × 86, pooled 5 × 21
    layers = other.architecture((1, 200, 3, 3), 16).layers
    assert layers[3].weights == 5 * 21 * 128 * 100


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_recipe_changes_its_base_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "first.yaml", "base: cnn3d_6b\nname: first\nann: {epochs: 3}\n")
    recipe = load_recipe(write(tmp_path, "second.yaml", "base: first.yaml\nname: second\nann: {warmup: null}\n"))
    assert (recipe.name, recipe.ann.epochs, recipe.ann.batch) == ("second", 3, 32)
    assert recipe.ann.warmup == 0.1  # the base's 0.15 is taken away, which leaves the default
    assert recipe.qstdb == load_recipe("cnn3d_6b").qstdb


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base: 3\n", "base=3: expected the name or the path of a recipe"),
        ("base: own.yaml\n", "is its own base"),
        ("base: cnn3d_6b\nptq:\n", "ptq: is empty, and there is nothing that it could take away"),
        ("base: cnn3d_6b\nann: 3\n", "ann=3"),
        ("base: cnn3d_6b\n1: 3\n", "1: a setting's name is a text"),
        ("name: x\nann:\n", "ann: is empty"),
    ],
)
def test_a_wrong_base_or_an_empty_section_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TrainingError) as caught:
        load_recipe(write(tmp_path, "own.yaml", text))
    assert words in str(caught.value)
    assert "own.yaml" in str(caught.value)


def test_a_base_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nothing: no such recipe"):
        load_recipe(write(tmp_path, "a.yaml", "base: nothing\n"))
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"b\.yaml: cannot be read as text"):
        load_recipe(str(tmp_path / "b.yaml"))
