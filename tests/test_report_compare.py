"""One network on several machines: the same numbers as single runs, from one recorded run, in the same bytes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import made_inputs
import pandas as pd
import pytest

from pimsim import report
from pimsim.cli.main import main
from pimsim.cost import ACCOUNTINGS
from pimsim.cost.papers import hypersnn
from pimsim.errors import HardwareError, MissingFileError, MissingPackageError, OutputError, PimsimError
from pimsim.hardware import load_hardware
from pimsim.model import load_network
from pimsim.report import Comparison, compare_plot, firing, picture, pipeline
from pimsim.resources import HARDWARE, find
from pimsim.traces import load_trace, save_trace

MACHINES = ("ann45nm", "digital45nm", "pim45nm", "pim45nm_bitserial", "allpim45nm")
SYSTEMS = ["cnn_32b", "cnn_6b", *MACHINES[1:]]
LEAN = ("lean45nm", "leanpim45nm")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made.npz, field.npy and trace.npz, recorded from the field."""
    folder = tmp_path_factory.mktemp("inputs")
    made_inputs.write_model(folder)
    made_inputs.write_scene(folder)
    result = report.run(folder / "made.npz", "pim45nm", folder / "field.npy", samples=6)
    save_trace(result.trace, folder / "trace.npz")
    return folder


@pytest.fixture(scope="module")
def compared(inputs: Path) -> Comparison:
    return report.comparison(inputs / "made.npz", MACHINES, inputs / "trace.npz")


def row(frame: pd.DataFrame, system: str, accounting: str = "full") -> dict[str, object]:
    (found,) = frame[(frame["system"] == system) & (frame["accounting"] == accounting)].to_dict("records")
    return found


def test_rows_are_systems_in_the_order_given_by_accounting(compared: Comparison) -> None:
    assert list(compared.frame["system"]) == [name for name in SYSTEMS for _ in ACCOUNTINGS]
    assert list(compared.frame["accounting"]) == list(ACCOUNTINGS) * len(SYSTEMS)


def test_a_change_to_an_engine_is_made_where_there_is_one(inputs: Path) -> None:
    given = inputs / "made.npz", ["ann45nm", "digital45nm"], inputs / "trace.npz"
    changed = report.comparison(*given, overrides={"engines.event.lanes": 3, "clock_mhz": 100})
    event = [system.hardware.engines.event for system in changed.systems]
    assert [core.lanes for core in event if core] == [3]
    assert {system.hardware.clock_mhz for system in changed.systems} == {100}
    with pytest.raises(HardwareError, match=r'^ann45nm.yaml: override "engines.pim.rows": .* no section engines.pim'):
        report.comparison(*given, overrides={"engines.pim.rows": 64})


def test_default_machines_are_shipped_and_cover_the_papers_systems() -> None:
    assert report.SYSTEMS == MACHINES + LEAN


@pytest.mark.parametrize("machine", MACHINES[1:])
def test_a_system_costs_what_a_run_of_its_own_costs(compared: Comparison, inputs: Path, machine: str) -> None:
    summary = report.run(inputs / "made.npz", machine, inputs / "trace.npz").summary
    for accounting in ACCOUNTINGS:
        alone = summary[summary["accounting"] == accounting].set_index("system")
        here = row(compared.frame, machine, accounting)
        for column in (
            "energy_pj",
            "energy_low_pj",
            "energy_high_pj",
            "static_pj",
            "delay_ns",
            "edp_uj_us",
            "area_um2",
        ):
            assert here[column] == alone.loc["run", column]
        for name in ("cnn_6b", "cnn_32b"):
            assert here[f"{name}_over"] == alone.loc[name, "energy_ratio"]
            assert here[f"{name}_edp_over"] == pytest.approx(alone.loc[name, "edp_ratio"])
            assert row(compared.frame, name, accounting)["energy_pj"] == alone.loc[name, "energy_pj"]
        assert here["overall_accuracy"] == alone.loc["run", "overall_accuracy"]


def test_a_system_over_itself_is_one(compared: Comparison) -> None:
    for name, reference in (("cnn_6b", "cnn_6b"), ("cnn_32b", "cnn_32b"), ("digital45nm", "digital_snn")):
        for accounting in ACCOUNTINGS:
            here = row(compared.frame, name, accounting)
            assert {here[f"{reference}_{end}"] for end in ("over", "over_low", "over_high", "edp_over")} == {1.0}


def test_parts_add_up_and_conversions_are_part_of_the_arithmetic(compared: Comparison) -> None:
    for item in compared.frame.to_dict("records"):
        total = item["compute_pj"] + item["memory_pj"] + item["static_pj"]
        assert item["energy_pj"] == pytest.approx(total, rel=1e-12)
        assert 0 <= item["adc_pj"] < item["compute_pj"]
        assert item["energy_low_pj"] <= item["energy_pj"] <= item["energy_high_pj"]
    converting = {item["system"] for item in compared.frame.to_dict("records") if item["adc_pj"] > 0}
    assert converting == {"pim45nm", "pim45nm_bitserial", "allpim45nm"}


def test_the_papers_formulas_stand_beside_arithmetic_only(compared: Comparison, inputs: Path) -> None:
    """E_ANN = ΣF·E_MAC; E_SNN as `hypersnn` has it; a PIM first layer saves (1 − 0.422)·F₁·0.26 pJ of it."""
    frame, network = compared.frame, load_network(inputs / "made.npz")
    macs = [layer.shape.macs for layer in network.layers]
    zetas = firing.spike_rates(network, load_trace(inputs / "trace.npz")).neurons
    snn = hypersnn.snn_energy_pj(macs, zetas, hypersnn.TABLE_V[6])
    digital, pim = row(frame, "digital45nm", "compute_only"), row(frame, "pim45nm", "compute_only")
    assert row(frame, "cnn_32b", "compute_only")["paper_energy_pj"] == pytest.approx(3.2 * sum(macs))
    assert digital["paper_energy_pj"] == pytest.approx(snn)
    assert digital["paper_cnn_6b_over"] == pytest.approx(0.26 * sum(macs) / snn)
    assert pim["paper_energy_pj"] == pytest.approx(snn - (1 - 0.3798224 / 0.9) * macs[0] * 0.26)
    assert pim["paper_digital_snn_over"] == pytest.approx(snn / pim["paper_energy_pj"])
    assert pd.isna(row(frame, "allpim45nm", "compute_only")["paper_energy_pj"])
    assert frame[frame["accounting"] != "compute_only"]["paper"].isna().all()


def test_a_recorded_trace_is_never_executed(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "execute", _forbidden)
    result = report.comparison(inputs / "made.npz", MACHINES, inputs / "trace.npz")
    assert not any(system.executed for system in result.systems)


def _forbidden(*_: object, **__: object) -> None:
    raise AssertionError("the network was executed")


def test_a_scene_is_executed_once_for_all_machines(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    execute = pipeline.execute
    monkeypatch.setattr(pipeline, "execute", lambda *given, **named: calls.append(1) or execute(*given, **named))
    result = report.comparison(inputs / "made.npz", MACHINES, inputs / "field.npy", samples=4)
    assert len(calls) == 1
    assert [system.name for system in result.systems if system.executed] == ["digital45nm"]


def test_a_machine_that_computes_other_values_is_executed_for_itself(inputs: Path) -> None:
    """A converter of 2 bits counts to 3 of up to 31 rows: it clips, so its values are its own."""
    text = find(HARDWARE, "pim45nm_bitserial").read_text()
    clipping = text.replace("adc_bits: 5", "adc_bits: 2").replace("name: pim45nm_bitserial", "name: clipping")
    (inputs / "clipping.yaml").write_text(clipping)
    machines = (inputs / "clipping.yaml", "digital45nm")
    result = report.comparison(inputs / "made.npz", machines, inputs / "trace.npz")
    alone = report.run(inputs / "made.npz", machines[0], inputs / "trace.npz")
    assert [system.executed for system in result.systems] == [True, False]
    assert result.systems[0].accuracy == alone.accuracy
    assert result.systems[0].cost.energy("full") == alone.cost.energy("full")


def test_the_same_comparison_is_the_same_bytes_whatever_the_threads(inputs: Path, tmp_path: Path) -> None:
    for threads, out in ((1, "one"), (2, "two")):
        report.compare(inputs / "made.npz", MACHINES, inputs / "trace.npz", out=tmp_path / out, threads=threads)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["compare.csv", "compare.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert str(tmp_path) not in (tmp_path / "one" / name).read_text()


def test_files_say_what_the_frame_says(inputs: Path, tmp_path: Path) -> None:
    frame = report.compare(inputs / "made.npz", MACHINES, inputs / "trace.npz", out=tmp_path / "c")
    with (tmp_path / "c/compare.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [item["system"] for item in rows] == list(frame["system"])
    assert [float(item["energy_pj"]) for item in rows] == list(frame["energy_pj"])
    document = json.loads((tmp_path / "c/compare.json").read_text())
    assert [system["name"] for system in document["systems"]] == SYSTEMS
    for system in document["systems"]:
        for accounting, total in system["totals"].items():
            assert total["energy_pj"] == row(frame, system["name"], accounting)["energy_pj"]
    assert document["input"]["samples"] == 6


def test_an_override_reaches_every_machine(inputs: Path) -> None:
    given = (inputs / "made.npz", ("ann45nm", "pim45nm"), inputs / "trace.npz")
    hot = report.comparison(*given, overrides={"cost.temperature_k": 360})
    cold = report.comparison(*given)
    for one, other in zip(hot.systems, cold.systems, strict=True):
        assert one.cost.category("static").nominal > other.cost.category("static").nominal
        assert one.cost.energy("with_memory") == other.cost.energy("with_memory")


@pytest.mark.parametrize("width", [100, 120])
def test_text_shows_every_system_and_fits_its_width(compared: Comparison, width: int) -> None:
    lines = report.compare_text(compared, width).splitlines()
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    assert "…" not in text
    for name in SYSTEMS:
        assert sum(line.lstrip().startswith(f"{name} ") for line in lines) >= 4


def test_without_a_digital_system_there_is_nothing_to_hold_against_it(inputs: Path) -> None:
    result = report.comparison(inputs / "made.npz", ("pim45nm",), inputs / "trace.npz")
    assert result.frame["digital_snn_over"].isna().all()
    assert "digital" not in report.compare_text(result, 100).lower()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
@pytest.mark.parametrize(("plot", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture_is_the_same_bytes_every_time_and_holds_no_date(
    compared: Comparison, plot: str, start: bytes
) -> None:
    drawn = compare_plot.draw(compared, plot)
    assert drawn.startswith(start)
    assert drawn == compare_plot.draw(compared, plot)
    assert b"dc:date" not in drawn


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_picture_is_written_with_the_tables_and_goes_with_them(inputs: Path, tmp_path: Path) -> None:
    """That of an earlier comparison would show other systems than the tables beside it."""
    for plot, drawn in (("svg", {"compare.svg"}), ("png", {"compare.png"}), (None, set())):
        report.compare(inputs / "made.npz", ("pim45nm",), inputs / "trace.npz", out=tmp_path / "c", plot=plot)
        assert {path.name for path in (tmp_path / "c").iterdir()} == {"compare.csv", "compare.json"} | drawn


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda _: None)


@pytest.mark.usefixtures("without_matplotlib")
def test_a_picture_without_matplotlib_is_refused_before_any_work(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError, match=r"matplotlib.*pimsim\[plot\]"):
        report.compare(inputs / "made.npz", MACHINES, inputs / "trace.npz", out=tmp_path / "c", plot="svg")
    assert not (tmp_path / "c").exists()
    report.compare(inputs / "made.npz", ("pim45nm",), inputs / "trace.npz", out=tmp_path / "c")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"hardware": ()}, HardwareError, "at least one"),
        ({"hardware": ("pim45nm", "pim45nm.yaml")}, HardwareError, 'name="pim45nm"'),
        ({"hardware": ("pim45nm", "nowhere")}, MissingFileError, "nowhere"),
        ({"overrides": {"engines.event.lanes": 0}}, HardwareError, "engines.event.lanes=0"),
        ({"plot": "gif"}, OutputError, 'plot="gif"'),
        ({"plot": "svg", "out": None}, OutputError, "needs a folder"),
        ({"samples": 1000}, PimsimError, "samples=1000"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    inputs: Path, tmp_path: Path, changed: dict[str, object], error: type[Exception], message: str
) -> None:
    given = {"hardware": ("pim45nm",), "input": inputs / "trace.npz", "out": tmp_path / "c"} | changed
    with pytest.raises(error, match=re.escape(message)) as caught:
        report.compare(inputs / "made.npz", **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_files_that_cannot_all_be_written_are_not_written_at_all(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "compare.json").mkdir()
    with pytest.raises(OutputError, match=r"compare\.json"):
        report.compare(inputs / "made.npz", ("pim45nm",), inputs / "trace.npz", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["compare.json"]


@pytest.fixture
def command(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> object:
        with pytest.raises(SystemExit) as end:
            main(["compare", "--model", str(inputs / "made.npz"), "--input", str(inputs / "trace.npz"), *arguments])
        return end.value.code

    return call


def test_the_command_prints_the_tables_and_writes_the_files(
    command: Callable[..., object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not command("--hw", "digital45nm", "--hw", "pim45nm", "--set", "cost.device=lop", "--samples", "3")
    out = capsys.readouterr().out
    assert out.index("digital45nm") < out.index("pim45nm")
    assert "device lop" in out
    assert {path.name for path in (tmp_path / "runs/made-compare").iterdir()} == {"compare.csv", "compare.json"}


@pytest.mark.usefixtures("without_matplotlib")
def test_the_command_says_in_one_line_what_a_plot_needs(
    command: Callable[..., object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--plot", "svg") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "matplotlib" in error
    assert not (tmp_path / "runs").exists()


def test_the_command_takes_the_papers_systems_by_default(command: Callable[..., object], tmp_path: Path) -> None:
    assert not command("--out", "c")
    document = json.loads((tmp_path / "c/compare.json").read_text())
    assert [system["name"] for system in document["systems"]] == [*SYSTEMS, *LEAN]


def test_machines_that_are_priced_by_different_tables_have_no_ratio() -> None:
    """Absolute numbers of two nodes do not compare: each is held against the CNN at its own prices, and no further."""
    result = report.comparison("cnn3d_6b", ["digital45nm", "pim45nm", "pim65nm"], samples=1)
    rows = result.frame[result.frame["accounting"] == "full"].set_index("system")
    assert rows.loc["pim45nm", "digital_snn_over"] > 0
    assert pd.isna(rows.loc["pim65nm", "digital_snn_over"])
    assert rows.loc["pim65nm", "cnn_6b_over"] > 0
    other = {"cost.mac_scaling": "power_1.5"}
    settings = [load_hardware("digital45nm").cost, load_hardware("digital45nm", other).cost]
    assert not settings[0].prices_as(settings[1])
    assert settings[0].prices_as(load_hardware("digital45nm", {"cost.adc_model": "imac", "cost.device": "hp"}).cost)
