"""Which commands `pimsim reproduce` runs for what a file of results lacks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import BASE

from pimsim.cli.main import main
from pimsim.errors import ResultsError
from pimsim.report import accuracy_table, reproduced
from pimsim.report.accuracy_table import AccuracyRow, summarise
from pimsim.report.published import NETWORKS
from pimsim.report.reproduction import TARGETS, Job, Wish, jobs
from pimsim.training.recipe import load_recipe

ONE = Wish(networks=("cnn3d",), scenes=("indian_pines",), splits=("random",))
MEASURED = ("fig5", "fig6")


def value(job: Job, option: str) -> str | None:
    """What stands behind an option."""
    return job.arguments[job.arguments.index(option) + 1] if option in job.arguments else None


def setting(job: Job, name: str) -> str | None:
    """What a training sets a key to."""
    found = [text.removeprefix(f"{name}=") for text in job.arguments if text.startswith(f"{name}=")]
    return found[0] if found else None


def measured_by(job: Job) -> Iterator[AccuracyRow]:
    """The rows that a command adds, told from its arguments alone: recipe, settings, stage at which it stops."""
    command, recipe, *_ = job.arguments
    if command == "evaluate":
        found = re.fullmatch(r"(cnn\w+?)_(.+)_(random|blocks)_(\d)b(_snn)?(_scale)?_seed(\d+)", job.folder.parent.name)
        assert found is not None
        network, scene, split, bits, snn, scale, seed = found.groups()
        row = replace(BASE, network=network, scene=scene, split=split, weight_bits=int(bits), seed=int(seed))
        row = replace(row, start="snn" if snn else "conversion", scheme="scale" if scale else "affine")
        yield replace(row, inference="integer_membrane_6")
        return
    common = replace(
        BASE,
        network=recipe.split("_")[0],
        scene=setting(job, "scene") or "",
        split=setting(job, "split.kind") or "random",
        seed=int(setting(job, "seed") or -1),
    )
    wide = replace(common, weight_bits=32, scheme="", start="", inference="float")
    yield replace(wide, row="ann", time_steps=1)
    yield replace(wide, row="converted", time_steps=50)
    if recipe.endswith("_snn") and value(job, "--until") is None:
        yield replace(wide, row="snn")
    if recipe.endswith(("_6b", "_ptq")):
        quantized = replace(common, weight_bits=int(setting(job, "weight_bits") or 6))
        quantized = replace(quantized, row="ptq" if recipe.endswith("ptq") else "qstdb")
        quantized = replace(quantized, start="conversion" if re.fullmatch("[a-z0-9]+_6b", recipe) else "snn")
        for form in ("float", "integer", "integer_scale_weights"):
            yield replace(quantized, inference=form, scheme=setting(job, "scheme") or "affine")


wishes = st.builds(
    Wish,
    networks=st.sets(st.sampled_from(["cnn3d", "cnn32h"]), min_size=1).map(lambda names: tuple(sorted(names))),
    scenes=st.sampled_from([("indian_pines",), ("SalinasA", "indian_pines")]),
    splits=st.sampled_from([("random",), ("random", "blocks")]),
    bits=st.sets(st.sampled_from([4, 5, 6]), min_size=1).map(lambda bits: tuple(sorted(bits))),
    seeds=st.sampled_from([(0,), (0, 1, 2)]),
    start=st.sampled_from(["conversion", "snn"]),
)


@given(st.sampled_from([target for target in TARGETS if target not in MEASURED]), wishes)
def test_what_the_commands_measure_is_all_that_was_missing(target: str, wish: Wish) -> None:
    plan = jobs(target, wish, ())
    rows = [row for job in plan for row in measured_by(job)]
    assert plan
    assert jobs(target, wish, rows) == []


@given(st.sampled_from(TARGETS), wishes)
def test_what_a_command_takes_up_an_earlier_one_has_left(target: str, wish: Wish) -> None:
    made: set[str] = set()
    for job in jobs(target, wish, ()):
        source = value(job, "--from")
        assert source is None or source in made
        if job.arguments[0] == "evaluate":
            assert str(Path(value(job, "--model") or "").parent) in made
        else:
            assert value(job, "--out") not in made  # no command twice
        made.add(str(job.folder))


@given(st.sampled_from(TARGETS), wishes, st.data())
def test_a_part_of_the_rows_leaves_a_part_of_the_commands(target: str, wish: Wish, data: st.DataObject) -> None:
    """Commands for fewer missing rows are among those for all; `--until` may come or go with them."""
    whole = jobs(target, wish, ())
    rows = [row for job in whole for row in measured_by(job)]
    kept = [row for row in rows if data.draw(st.booleans())]
    folders = [job.folder for job in whole]
    assert [job.folder for job in jobs(target, wish, kept)] == [
        folder for folder in folders if folder in {job.folder for job in jobs(target, wish, kept)}
    ]


def test_fig4b_trains_the_base_once_then_rounds_and_trains_from_it() -> None:
    plan = jobs("fig4b", replace(ONE, bits=(6,)), ())
    base = "runs/cnn3d_indian_pines_random_base_seed0"
    assert [job.arguments[:2] for job in plan] == [
        ("train", "cnn3d_snn"),
        ("train", "cnn3d_ptq"),
        ("train", "cnn3d_6b"),
    ]
    assert [value(job, "--from") for job in plan] == [None, base, base]
    assert "--until" not in plan[0].arguments


def test_without_a_float_spiking_network_the_base_stops_at_the_conversion() -> None:
    first, *_ = jobs("table3", ONE, ())
    assert value(first, "--until") == "conversion"
    first, second = jobs("table3", replace(ONE, start="snn"), ())
    assert "--until" not in first.arguments
    assert second.arguments[1] == "cnn3d_snn_6b"


def test_fig4a_trains_both_schemes() -> None:
    plan = jobs("fig4a", replace(ONE, bits=(4,)), ())
    assert [setting(job, "scheme") for job in plan] == [None, None, "scale"]
    assert len({job.folder for job in plan}) == 3


def test_networks_of_both_starts_live_side_by_side() -> None:
    """Neither's rows stand for the other's, and no folder is of both."""
    plans = [jobs("table2", replace(ONE, start=start), ()) for start in ("conversion", "snn")]
    folders = [{job.folder for job in plan if job.arguments[1] != "cnn3d_snn"} for plan in plans]
    assert folders[0].isdisjoint(folders[1])
    assert jobs("table3", replace(ONE, start="snn"), [row for job in plans[0] for row in measured_by(job)])


def test_a_row_of_another_seed_scene_or_split_does_not_count() -> None:
    for other in ({"seed": 1}, {"scene": "SalinasA"}, {"split": "blocks"}, {"scheme": "scale"}, {"start": "snn"}):
        assert jobs("table3", ONE, [replace(BASE, **other)])  # type: ignore[arg-type] # columns by name
    assert jobs("table3", ONE, [BASE]) == []


def test_networks_at_hand_need_no_training_for_their_energy() -> None:
    assert jobs("fig5", ONE, (), have=[("cnn3d", "indian_pines")]) == []
    assert [job.arguments[1] for job in jobs("fig6", ONE, ())] == ["cnn3d_snn", "cnn3d_6b"]


def test_a_trained_network_of_the_wish_needs_no_training_for_its_energy(tmp_path: Path) -> None:
    model = tmp_path / "cnn3d_indian_pines_random_6b_seed0" / "cnn3d_indian_pines_random_6b_seed0.npz"
    model.parent.mkdir()
    model.touch()
    assert jobs("fig5", replace(ONE, runs=tmp_path), ()) == []


def test_a_missing_evaluation_of_a_trained_network_trains_nothing(tmp_path: Path) -> None:
    wish = replace(ONE, runs=tmp_path, bits=(6,))
    rows = [row for job in jobs("table2", wish, ()) for row in measured_by(job)]
    kept = [row for row in rows if row.inference != "integer_membrane_6"]
    again = jobs("table2", wish, kept)  # the network itself is not there: it is needed for its evaluation
    assert [job.arguments[0] for job in again] == ["train", "train", "evaluate"]
    model = Path(value(again[-1], "--model") or "")
    model.parent.mkdir()
    model.touch()
    (only,) = jobs("table2", wish, kept)
    assert only.arguments[0] == "evaluate"


def test_settings_go_to_the_trainings_that_have_their_stage() -> None:
    wish = replace(ONE, bits=(6,), settings=("ann.epochs=9", "snn.epochs=8", "qstdb.epochs=7", "input_clip=3.0"))
    base, ptq, trained = jobs("fig4b", wish, ())
    assert [setting(base, name) for name in ("ann.epochs", "snn.epochs", "qstdb.epochs")] == ["9", "8", None]
    assert [setting(ptq, name) for name in ("ann.epochs", "snn.epochs", "qstdb.epochs")] == ["9", "8", None]
    assert [setting(trained, name) for name in ("ann.epochs", "snn.epochs", "qstdb.epochs")] == ["9", None, "7"]
    assert {setting(job, "input_clip") for job in (base, ptq, trained)} == {"3.0"}


@pytest.mark.parametrize(
    "given",
    [
        "weight_bits=4",
        "seed=3",
        "network.pool=4",
        "scene=x",
        "time_steps=3",
        "qstdb=null",
        "split.kind=file",
        "split.seed=2",
    ],
)
def test_a_setting_that_tells_rows_apart_is_refused(given: str) -> None:
    with pytest.raises(ResultsError, match="tells the rows of a table apart"):
        Wish(settings=(given,))


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(ResultsError, match=r"ann\.epochs"):
        Wish(settings=("ann.epochs",))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["reproduce", *arguments])
    code = left.value.code
    assert code is None or isinstance(code, int)
    return code or 0


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three classes told apart by the slope of their spectrum, 10 bands, 12 × 12 pixels; in the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, (12, 12))
    slopes = np.array([0.0, -60.0, 0.0, 60.0])[labels]
    np.save("made.npy", 1000 + slopes[..., None] * np.arange(10) + rng.normal(0, 30, (12, 12, 10)))
    np.save("made_gt.npy", labels)
    return "made.npy"


@pytest.mark.parametrize("target", TARGETS)
def test_a_dry_run_prints_commands_and_table_and_writes_nothing(
    target: str, scene: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert run(target, "--dry-run", "--network", "cnn3d", "--scene", scene, "--seeds", "0,1") == 0
    printed = capfd.readouterr().out
    assert "pimsim train cnn3d_snn --set name=cnn3d_made_random_base_seed0 --set scene=made.npy" in printed
    assert "CNN-3D, made" in printed or target == "fig6"
    assert sorted(tmp_path.iterdir()) == before


def test_a_scene_that_is_not_at_hand_is_left_out_and_said_so(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIMSIM_SCENES", raising=False)
    assert run("table3", "--dry-run", "--network", "cnn3d") == 0
    printed = capfd.readouterr()
    assert "scene=PaviaU" not in printed.out
    assert "needs PaviaU.mat" in printed.out
    lines = [line for line in printed.err.splitlines() if "Pavia" in line]
    assert lines == ["left out: Pavia University needs PaviaU.mat and PaviaU_gt.mat in this folder or $PIMSIM_SCENES"]


@pytest.mark.parametrize("name", ["PaviaU", "nowhere.npy"])
def test_a_scene_that_was_named_and_is_not_at_hand_is_an_error(
    name: str, scene: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("table3", "--dry-run", "--scene", scene, "--scene", name) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f'scene "{name}" does not exist' in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split", "file"), "split.train"),
        (("--set", "foo=1"), "foo: unknown key"),
        (("--set", "split.blocks=1", "--split", "blocks"), "split.blocks: unknown key"),
        (("--set", "split.block=many", "--split", "blocks"), "split.block='many'"),
        (("--set", "split.train=a.mat"), "--set split.train=a.mat: no training here has split.train"),
        (("--set", "split.train=a.mat", "--set", "train_fraction=0.3", "--split", "file"), "train_fraction=0.3"),
        (("--set", "qat.epochs=3"), "--set qat.epochs=3: no training here has qat.epochs"),
        (("--set", "qstdb.epochs=0"), "qstdb.epochs=0"),
        (("--set", "patch=wide", "--split", "blocks"), "patch='wide'"),
    ],
)
def test_wrong_settings_are_refused_before_the_first_command(
    arguments: tuple[str, ...], message: str, scene: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("table3", "--network", "cnn3d", "--scene", scene, *arguments) == 2  # not a dry run: it would train
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert message in printed.err


def test_rows_of_other_settings_of_a_split_do_not_count() -> None:
    """What counts is the label that rows carry; runs of both live in folders of their own."""
    wish = replace(ONE, splits=("random", "blocks"))
    narrow = replace(wish, settings=("split.block=8", "split.guard=6", "train_fraction=0.3"))
    labels = [narrow.split_label(kind) for kind in narrow.splits]
    assert labels == ["random fraction 0.3", "blocks fraction 0.3 block 8 guard 6"]
    plain, other = ([replace(BASE, split=one.split_label(kind)) for kind in one.splits] for one in (wish, narrow))
    assert jobs("table3", wish, plain) == jobs("table3", narrow, other) == []
    assert jobs("table3", wish, other) == jobs("table3", wish, ())
    assert jobs("table3", narrow, plain) == jobs("table3", narrow, ())
    folders = [{job.folder for job in jobs("table3", one, ())} for one in (wish, narrow)]
    assert folders[0].isdisjoint(folders[1])
    text = reproduced.text("table2", narrow, summarise([replace(row, oa_percent=12.34) for row in plain]), [])
    assert "12.34" not in text


@pytest.mark.parametrize("network", NETWORKS)
def test_a_guard_is_told_of_where_patches_of_the_networks_recipes_need_another(network: str) -> None:
    """4 rows keep patches of 5 apart, 2 those of 3: what rows carry, by the recipe's own split and patch."""
    recipe = load_recipe(f"{network}_6b", {"split.kind": "blocks", "split.guard": 4})
    wish = replace(ONE, networks=(network,), settings=("split.guard=4",))
    assert wish.split_label("blocks", network) == recipe.parting.label(recipe.patch)
    assert wish.split_label("blocks", network) == {"cnn3d": "blocks", "cnn32h": "blocks guard 4"}[network]


def test_settings_go_to_the_splits_that_they_are_meant_for() -> None:
    plan = jobs("table3", replace(ONE, splits=("random", "blocks"), settings=("split.block=8",)), ())
    assert [setting(job, "split.block") for job in plan] == [None, None, "8", "8"]


def test_the_label_of_a_split_of_files_is_of_the_file_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.eye(3))
    assert replace(ONE, settings=("split.train=./mine",)).split_label("file") == "file mine.npy"
    assert (
        replace(ONE, settings=("split.train=gone.mat", "split.guard=4")).split_label("file") == "file gone.mat guard 4"
    )


@pytest.mark.parametrize("seeds", ["x", "", "0,-1", "1,,2"])
def test_seeds_that_are_no_list_are_refused(seeds: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("table2", "--dry-run", "--seeds", seeds) == 2
    assert "is no list of seeds such as 0,1,2" in capfd.readouterr().err


def test_a_file_of_another_kind_is_refused(scene: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("mine.csv").write_text("a,b\n1,2\n")
    assert run("table2", "--dry-run", "--scene", scene, "--results", "mine.csv") == 2
    assert "has other columns" in capfd.readouterr().err


@pytest.mark.parametrize(("code", "expected"), [(2, 2), (1, 2), (130, 130)])
def test_a_command_that_fails_ends_the_reproduction(
    code: int, expected: int, scene: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[Sequence[str]] = []

    def fail(command: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        assert not check
        calls.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", fail)
    assert run("table3", "--network", "cnn3d", "--scene", scene) == expected
    assert len(calls) == 1
    assert list(calls[0][:4]) == [sys.executable, "-m", "pimsim", "train"]
    if expected == 2:
        assert f"exit code {code} of: pimsim train cnn3d_snn" in capfd.readouterr().err


@pytest.mark.slow
def test_a_figure_is_trained_measured_and_printed(scene: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    settings = ("ann.epochs=1", "conversion.steps=5", "snn.epochs=1", "snn.exact_epochs=0", "qstdb.epochs=1")
    sets = [part for text in (*settings, "qstdb.exact_epochs=0") for part in ("--set", text)]
    arguments = ("fig4b", "--scene", scene, "--bits", "6", "--threads", "1", *sets)
    assert run(*arguments) == 0
    rows = accuracy_table.read("runs/accuracy.csv")
    assert {row.row for row in rows} == {"ann", "converted", "snn", "ptq", "qstdb"}
    (ptq,) = (row for row in rows if (row.row, row.inference) == ("ptq", "integer"))
    printed = capfd.readouterr().out
    assert re.search(rf"quantized after training .* {ptq.oa_percent:.2f} \(1\)\n", printed)
    assert run(*arguments) == 0
    assert "pimsim train" not in capfd.readouterr().out  # nothing is missing any more
    for target in MEASURED:  # of the network that is there now
        assert run(target, "--network", "cnn3d", "--scene", scene, "--plot", "svg") == 0
        printed = capfd.readouterr().out
        assert "pimsim train" not in printed
        assert "CNN-3D, made" in printed
        assert Path(f"runs/{target}.svg").stat().st_size


@pytest.mark.parametrize("target", [target for target in TARGETS if target not in MEASURED])
def test_the_widest_table_fits_a_terminal(target: str) -> None:
    """No cell is cut off (`…`) at the 120 columns that tables are made for, with deviations of two digits."""
    plan = jobs(target, replace(ONE, splits=("random", "blocks"), seeds=(0, 1)), ())
    rows = [row for job in plan for row in measured_by(job)]
    spread = [replace(row, oa_percent=60.0 + 30 * row.seed, aa_percent=50.0 + 30 * row.seed) for row in rows]
    text = reproduced.text(target, replace(ONE, splits=("random", "blocks")), summarise(spread), [])
    assert "±21.21" in text.replace(" ", "")
    assert "…" not in text


@pytest.mark.parametrize("network", ["cnn3d", "cnn32h"])
def test_recipes_of_a_network_share_the_stages_that_one_takes_from_the_other(network: str) -> None:
    """What `--from` takes is told by the keys of the stages; a recipe that differed would train all anew."""
    pytest.importorskip("torch")
    from pimsim.training.graph import keys
    from pimsim.training.recipe import load_recipe

    base = keys(load_recipe(f"{network}_snn"), "same patches")
    for recipe, shared in (("6b", ("ann", "conversion")), ("snn_6b", tuple(base)), ("ptq", tuple(base))):
        other = keys(load_recipe(f"{network}_{recipe}", {"weight_bits": 4, "scheme": "scale"}), "same patches")
        assert {stage: other[stage].digest for stage in shared} == {stage: base[stage].digest for stage in shared}
