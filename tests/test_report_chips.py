"""Several chips of one machine: what is compared, what is written, what is refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import made_inputs
import pytest

from pimsim import report
from pimsim.cli.main import main
from pimsim.errors import HardwareError, SceneError
from pimsim.traces import save_trace

NUMERICS = "engines.pim.numerics."
MISMATCH = {NUMERICS + "cell_mismatch_sigma_ratio": 0.5}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made_inputs.write_model(tmp_path)
    made_inputs.write_scene(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(**changes: object) -> report.RunResult:
    arguments: dict[str, object] = {"overrides": MISMATCH, "chips": 4} | changes
    return report.run("made.npz", "pim45nm", "field.npy", **arguments)  # type: ignore[arg-type]


def test_every_chip_is_a_row_and_its_own_run(folder: Path) -> None:
    """Chip 0 is the chip that a run without chips has; the others differ, as their cells do."""
    result = run(out="result", seed=5)
    assert result.chips is not None
    rows = list(csv.DictReader((folder / "result" / "chips.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["chip"], row["seed"]) for row in rows] == [(str(chip), "5") for chip in range(4)]
    overall = [float(row["overall_accuracy"]) for row in rows]
    assert overall == [one.overall for one in result.chips.reached]
    alone = run(chips=None, seed=5)
    assert alone.accuracy == result.accuracy == result.chips.reached[0]
    assert alone.cost.energy("full") == result.cost.energy("full")
    assert alone.chips is None
    assert (run(chips=None, seed=6).trace.outputs != alone.trace.outputs).any()


def test_the_spread_is_that_of_the_rows(folder: Path) -> None:
    chips = run(out="result").chips
    assert chips is not None
    values = [one.kappa for one in chips.reached]
    spread = chips.spread("kappa")
    assert (spread.mean, spread.sigma, spread.worst) == (fmean(values), stdev(values), min(values))
    section = json.loads((folder / "result" / "run.json").read_text(encoding="utf-8"))
    assert section["seed"] == 0
    assert section["chips"]["spread"]["kappa"] == {"mean": spread.mean, "sigma": spread.sigma, "worst": spread.worst}
    assert len(section["chips"]["reached"]) == section["chips"]["chips"] == 4


def test_exact_sums_stand_beside_the_chips(folder: Path) -> None:
    chips, exact = run().chips, report.run("made.npz", "pim45nm", "field.npy")
    assert chips is not None
    assert chips.exact == exact.accuracy
    assert folder.is_dir()


def test_chips_depend_on_the_seed_alone(folder: Path) -> None:
    noisy = MISMATCH | {NUMERICS + "thermal_sigma_lsb": 40.0}
    one, other = (run(overrides=noisy, threads=threads, out=f"with{threads}") for threads in (1, 2))
    assert one.chips == other.chips
    for name in ("chips.csv", "run.json"):
        assert (folder / "with1" / name).read_bytes() == (folder / "with2" / name).read_bytes()
    assert (run(overrides=noisy, seed=1).trace.outputs != one.trace.outputs).any()


def test_a_recorded_chip_serves_that_chip_only(folder: Path) -> None:
    """Its trace is used again by the same seed and numerics, and by no other."""
    first = run(chips=None, seed=7)
    save_trace(first.trace, folder / "chip.npz")

    def executed(overrides: dict[str, object], seed: int | None) -> bool:
        return report.run("made.npz", "pim45nm", "chip.npz", overrides=overrides, seed=seed).executed

    assert not executed(MISMATCH, 7)
    assert executed(MISMATCH, 8)
    assert executed({}, None)
    assert executed({NUMERICS + "cell_mismatch_sigma_ratio": 0.4}, 7)


def test_a_comparison_shows_what_a_files_numerics_reach(folder: Path) -> None:
    """4-bit conversions lose what exact sums tell apart on the shipped trace's samples; seeds are told by file."""
    result = report.comparison("cnn3d_6b", ["pim45nm", "imac45nm_noisy"], samples=30, out="both")
    exact, noisy = result.systems
    assert exact.accuracy is not None
    assert noisy.accuracy is not None
    assert exact.accuracy.overall == 1.0
    assert noisy.accuracy.overall < 0.8
    assert (exact.executed, noisy.executed) == (False, True)
    document = json.loads((folder / "both" / "compare.json").read_text(encoding="utf-8"))
    assert document["seed"] == {"imac45nm_noisy": 0}


def test_progress_runs_through_all_chips_once(folder: Path) -> None:
    """21 labelled pixels for chip 0, then for exact sums and three more chips."""
    told: list[tuple[int, int]] = []
    run(progress=lambda done, total: told.append((done, total)))
    samples = told[-1][1] // 4
    assert told[-1] == (4 * samples, 4 * samples)
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overrides": {}}, "chips=4: nothing on pim45nm is drawn at random, so all chips are equal"),
        ({"overrides": {}, "chips": None, "seed": 3}, "seed=3: nothing on pim45nm is drawn at random"),
        ({"overrides": {NUMERICS + "adc_full_scale_lsb": "codes"}}, "all chips are equal"),
        ({"chips": 0}, "chips=0 is outside 1 …"),
    ],
)
def test_chips_that_cannot_differ_are_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(HardwareError) as caught:
        run(out="result", **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "result").exists()


def test_a_costed_cnn_has_no_chips(folder: Path) -> None:
    with pytest.raises(HardwareError, match="chips=1: ann45nm costs a CNN"):
        report.run("made.npz", "ann45nm", "field.npy", chips=1)
    assert folder.is_dir()


def test_chips_need_labels(folder: Path) -> None:
    trace = report.run("made.npz", "pim45nm", "field.npy").trace
    save_trace(replace(trace, labels=trace.labels * 0 - 1), folder / "blind.npz")
    with pytest.raises(SceneError, match=r"chips=2: accuracy needs labels, blind\.npz has none"):
        report.run("made.npz", "pim45nm", "blind.npz", overrides=MISMATCH, chips=2)


def test_the_command_prints_the_spread(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = next(f"{key}={value}" for key, value in MISMATCH.items())
    options = ["--hw", "pim45nm", "--input", "field.npy", "--set", setting, "--chips", "3", "--seed", "2", "--out", "a"]
    with pytest.raises(SystemExit) as end:
        main(["run", "--model", "made.npz", *options])
    assert not end.value.code
    printed = capsys.readouterr().out
    assert "Accuracy of 3 chips, seed 2; costs are chip 0's" in printed
    assert {path.name for path in (folder / "a").iterdir()} == {
        "summary.csv", "layers.csv", "components.csv", "run.json", "chips.csv"
    }  # fmt: skip
