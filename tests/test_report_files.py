"""A run's tables add up, its files appear whole or not at all, and the same run gives the same bytes."""

import csv
import io
import json
import os
from decimal import Decimal
from math import fsum
from pathlib import Path

import hand_made_run
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim import report
from pimsim.cost import ACCOUNTINGS, MACHINE
from pimsim.errors import OutputError
from pimsim.report import files
from pimsim.report.result import RunResult
from pimsim.report.rows import Attojoules, energy_ratio
from pimsim.report.widen import widen

FILES = {"summary.csv", "layers.csv", "components.csv", "run.json"}
RESULT = hand_made_run.result()


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def column(rows: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows if row[name]), Decimal(0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    report.write(RESULT, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("end", ["energy_pj", "energy_low_pj", "energy_high_pj"])
def test_printed_energies_add_up_to_the_printed_total_to_the_last_digit(folder: Path, end: str) -> None:
    (full,) = (r for r in read(folder / "summary.csv") if r["system"] == "run" and r["accounting"] == "full")
    assert column(read(folder / "layers.csv"), end) == Decimal(full[end])
    assert column(read(folder / "components.csv"), end) == Decimal(full[end])


def test_accountings_are_sums_of_component_categories(folder: Path) -> None:
    components = read(folder / "components.csv")
    for row in read(folder / "summary.csv")[: len(ACCOUNTINGS)]:
        counted = [line for line in components if line["category"] in ACCOUNTINGS[row["accounting"]]]
        assert column(counted, "energy_pj") == Decimal(row["energy_pj"])
        assert sum(Decimal(row[f"{c}_pj"]) for c in ("compute", "memory", "static")) == Decimal(row["energy_pj"])


def test_parts_of_every_layer_add_up_to_its_energy(folder: Path) -> None:
    for row in read(folder / "layers.csv"):
        assert sum(Decimal(row[f"{part}_pj"]) for part in ("compute", "memory", "static")) == Decimal(row["energy_pj"])


def test_count_times_unit_energy_is_the_energy(folder: Path) -> None:
    for row in read(folder / "components.csv"):
        product = float(row["count"]) * float(row["unit_energy_pj"])
        assert float(row["energy_pj"]) == pytest.approx(product, rel=1e-9, abs=6e-7)
        assert row["source"]


def test_frames_hold_what_the_files_hold(folder: Path) -> None:
    for name in ("summary", "layers", "components"):
        frame, rows = getattr(RESULT, name), read(folder / f"{name}.csv")
        assert list(frame.columns) == list(rows[0])
        assert len(frame) == len(rows)
        assert [float(value) for value in frame["energy_pj"]] == [float(row["energy_pj"]) for row in rows]
    total = RESULT.cost.energy("full").pj.nominal
    assert round(fsum(RESULT.components["energy_pj"]), 6) == total


def test_layer_rows_are_per_inference(folder: Path) -> None:
    """3 samples: 5 spikes of 4 neurons are 5/12 per neuron, 7 accumulates are 7/3, 200 cycles are 200/3."""
    first, second, machine = read(folder / "layers.csv")
    assert int(first["dense_macs"]) == hand_made_run.SHAPES[0].macs
    assert float(first["spikes_per_neuron"]) == 5 / 12
    assert float(second["accumulates"]) == 7 / 3
    assert float(first["cycles"]) == 200 / 3
    assert machine["layer"] == MACHINE
    assert machine["compute_pj"] == "0.000000"


def test_baseline_ratio_is_its_energy_over_the_runs() -> None:
    cost, dense = RESULT.cost, RESULT.baselines[0].cost
    ratio = energy_ratio(dense, cost, "with_memory")
    assert ratio is not None
    assert ratio.nominal == dense.energy("with_memory").nominal / cost.energy("with_memory").nominal
    assert ratio.low <= ratio.nominal <= ratio.high


@given(st.integers(0, 10**18))
def test_attojoules_print_as_exact_picojoules(energy: int) -> None:
    assert Decimal(str(Attojoules(energy))) * 10**6 == energy


def test_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.write(hand_made_run.result(), tmp_path / name)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_writing_again_replaces_every_file_and_leaves_others_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    before = (folder / "components.csv").read_text()
    report.write(hand_made_run.result(accumulates=9), folder)
    assert (folder / "components.csv").read_text() != before
    assert {path.name for path in folder.iterdir()} == FILES | {"notes.txt"}


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_file_that_only_an_earlier_run_had_goes_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Accuracies of chips beside a run without chips would seem to be that run's."""
    (folder / "chips.csv").write_text("chip,seed\n")
    if ends == "badly":
        _fail_at(monkeypatch, "run.json")
        with pytest.raises(OutputError):
            report.write(RESULT, folder)
        assert (folder / "chips.csv").read_text() == "chip,seed\n"
        return
    report.write(RESULT, folder)
    assert {path.name for path in folder.iterdir()} == FILES


def test_run_json_is_the_document(folder: Path) -> None:
    assert json.loads((folder / "run.json").read_text()) == dict(RESULT.document)


def test_folder_in_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    written = report.write(RESULT, tmp_path / "a" / "b")
    assert {path.name for path in written} == FILES


def _fail_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(source).name == name and Path(target).parent.name == "run":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", failing)


@pytest.mark.parametrize("name", sorted(FILES))
def test_failure_half_way_leaves_no_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _fail_at(monkeypatch, name)
    with pytest.raises(OutputError, match="No space left"):
        report.write(RESULT, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", sorted(FILES))
def test_failure_half_way_keeps_the_earlier_run(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    _fail_at(monkeypatch, name)
    with pytest.raises(OutputError):
        report.write(hand_made_run.result(accumulates=9), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_folder_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "run" / "run.json").mkdir(parents=True)
    for bad in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "run", Path("/proc/none/x")):
        with pytest.raises(OutputError, match="cannot be written"):
            report.check_writable(bad)
    with pytest.raises(OutputError):
        report.write(RESULT, tmp_path / "file" / "below")


def test_what_is_no_file_is_never_replaced_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "link"):
        with pytest.raises(
            OutputError, match=f'"{tmp_path}" cannot be written: "{tmp_path / name}" is a device or pipe'
        ):
            report.check_writable(tmp_path, [name])
        with pytest.raises(OutputError, match="is a device or pipe"):
            files.write_together(tmp_path, {name: b"x"})
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    report.check_writable(tmp_path / "a" / "b")
    report.check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("width", [100, 110, 120])
def test_text_fits_its_width_and_cuts_nothing(width: int) -> None:
    text = report.text(RESULT, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for word in ("conv1", "classifier", "compute only", "with memory", "full", "OA 66.67 %", "HYPER-SNN", "45nm"):
        assert word in text


def test_text_of_a_large_network_fits_100_columns() -> None:
    text = report.text(_large(), 100)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text


def _large() -> RunResult:
    from dataclasses import replace

    small = hand_made_run.activity()
    layers = tuple(
        replace(layer, dense_macs=145_833_984, accumulates=9_999_999_999, cycles=9_999_999) for layer in small.layers
    )
    run = replace(small, layers=layers, latency_cycles=123456789.0)
    return replace(RESULT, activity=run, cost=hand_made_run.cost(run, RESULT.hardware))


def test_32_bit_words_widen_operands_and_memories_and_keep_counts_and_cycles() -> None:
    run = hand_made_run.activity()
    wide = widen(run, from_bits=6, to_bits=32)
    assert wide.latency_cycles == run.latency_cycles
    for before, after in zip(run.layers, wide.layers, strict=True):
        assert [item.count for item in after.actions] == [item.count for item in before.actions]
    assert wide.layers[0].actions[1].bits == 64 * 32 // 6 + 1
    assert wide.storage[0].capacity_bits == 4096 * 32 // 6 + 1
    assert widen(run, from_bits=6, to_bits=6) == run
