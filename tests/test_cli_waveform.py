"""``pimsim run --vcd`` and ``--timeline``: what the files hold, and what cannot be drawn."""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict
from pathlib import Path

import made_inputs
import numpy as np
import pytest
from made_trace import machine, trace_of
from test_cli_run import refused, run, workplace  # noqa: F401 - fixtures

from pimsim import report
from pimsim.errors import TraceError
from pimsim.mapping import map_model
from pimsim.report import waveform as waveforms
from pimsim.report.timeline import timeline_trace
from pimsim.report.waveform import waveform
from pimsim.simulation import schedule
from pimsim.simulation.timeline import timeline
from pimsim.traces import single

reader = pytest.importorskip("vcd.reader")

COMMON = ("--model", "made.npz", "--hw", "digital45nm", "--input", "field.npy", "--out", "result")


def drawn(name="digital45nm", sample=0, **changes):
    """A timeline of the made network, and the activity of its sample alone."""
    network, hardware = made_inputs.network(), machine(name, **changes)
    trace = trace_of(network, np.random.default_rng(5), 2, 0.2)
    mapping = map_model(network, hardware)
    line = timeline(trace, network, mapping, hardware, sample=sample)
    return line, schedule(single(trace, sample), network, mapping, hardware)


def read(content, length):
    """Scope and name → value in every cycle, of a value change dump that begins in cycle 0."""
    names, values, scope, now = {}, {}, [], 0
    for token in reader.tokenize(io.BytesIO(content)):
        if token.kind is reader.TokenKind.SCOPE:
            scope.append(token.scope.ident)
        elif token.kind is reader.TokenKind.UPSCOPE:
            scope.pop()
        elif token.kind is reader.TokenKind.VAR:
            names[token.var.id_code] = (*scope, token.var.reference)
            values[token.var.id_code] = np.zeros(length, np.int64)
        elif token.kind is reader.TokenKind.CHANGE_TIME:
            now = token.time_change
        elif token.kind in (reader.TokenKind.CHANGE_SCALAR, reader.TokenKind.CHANGE_VECTOR):
            change = token.scalar_change if token.kind is reader.TokenKind.CHANGE_SCALAR else token.vector_change
            values[change.id_code][now:] = int(change.value)
    return {names[code]: found for code, found in values.items()}, now


@pytest.mark.parametrize("name", ["digital45nm", "gather45nm", "pim45nm_bitserial", "ann45nm"])
def test_a_waveform_holds_every_signal_of_every_phase_and_nothing_else(name):
    line, _ = drawn(name)
    content, shown = waveform(line)
    found, end = read(content, line.cycles)
    expected = defaultdict(lambda: np.zeros(line.cycles, np.int64))
    for phase in line.phases:
        for wave in phase.waves():
            key = ("pimsim", line.layers[phase.layer][0], wave.unit, wave.name)
            expected[key][phase.start : phase.stop] = wave.dense(phase.cycles)
    assert set(found) == set(expected)
    for key, values in found.items():
        assert values.tolist() == expected[key].tolist(), key
    assert end == line.cycles == shown.stop
    assert not shown.cut


def test_a_waveform_of_some_cycles_begins_with_what_the_signals_are_then():
    line, _ = drawn()
    whole, _ = read(waveform(line)[0], line.cycles)
    first, stop = line.cycles // 3, line.cycles // 2
    content, shown = waveform(line, cycles=(first, stop))
    part, end = read(content, stop)
    assert (shown.first, shown.stop, shown.cut, end) == (first, stop, False, stop)
    for key, values in whole.items():
        if key in part:
            assert part[key][first:].tolist() == values[first:stop].tolist(), key
        else:
            assert not values[first:stop].any()


@pytest.mark.parametrize("schedule_", ["shared", "pipelined"])
def test_a_waveform_that_would_be_too_long_ends_early_and_is_right_up_to_there(schedule_):
    line, _ = drawn(schedule=schedule_)
    whole, _ = read(waveform(line)[0], line.cycles)
    for most in (1, 50, 200, 500):
        content, shown = waveform(line, most=most)
        part, end = read(content, shown.stop)
        assert shown.cut
        assert shown.changes <= most
        assert end == shown.stop < line.cycles
        for key, values in part.items():
            assert values.tolist() == whole[key][: shown.stop].tolist(), key
    assert shown.stop > 0


def test_names_of_layers_become_identifiers_that_differ():
    assert waveforms._identifiers(["a.b", "a-b", "conv1"]) == ["a_b", "a_b_1", "conv1"]


CASES = [("digital45nm", "shared"), ("gather45nm", "shared"), ("digital45nm", "pipelined"), ("ann45nm", "shared")]


@pytest.mark.parametrize(("name", "schedule_"), CASES)
@pytest.mark.parametrize("most", [10**6, 12, 1])
def test_slices_of_a_timeline_add_up_to_the_units_cycles_however_coarse_it_is(name, schedule_, most):
    changes = {} if name == "ann45nm" else {"engines__event__membrane_ports": 1}
    line, activity = drawn(name, schedule=schedule_, **changes)
    content, told = timeline_trace(line, most=most)
    events = json.loads(content)["traceEvents"]
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    threads = {e["tid"]: (processes[e["pid"]], e["args"]["name"]) for e in events if e["name"] == "thread_name"}
    found, ends = defaultdict(lambda: np.zeros(2, np.int64)), {}
    slices = sorted((e for e in events if e["ph"] == "X"), key=lambda e: e["ts"])
    for one in slices:
        track = threads[one["tid"]]
        assert processes[one["pid"]] == track[0]
        assert one["ts"] >= ends.get(one["tid"], 0)
        assert one["dur"] > 0
        ends[one["tid"]] = one["ts"] + one["dur"]
        pure = {"busy": (one["dur"], 0), "stall": (0, one["dur"])}
        args = one.get("args", {})
        found[track] += pure.get(one["name"], (args.get("busy", 0), args.get("stall", 0)))
    expected = defaultdict(lambda: np.zeros(2, np.int64))
    for layer in activity.layers:
        for unit, cycles in layer.units:
            expected[layer.engine if schedule_ == "shared" else layer.layer, unit] += cycles.busy, cycles.stall
    assert {k: v.tolist() for k, v in expected.items()} == {k: v.tolist() for k, v in found.items() if k[1] != "layers"}
    assert told.slices == sum(threads[one["tid"]][1] != "layers" for one in slices)
    assert (told.grain == 1) == (most == 10**6)
    work = sum(one["dur"] for one in slices if threads[one["tid"]][1] == "layers")
    assert work == sum(layer.cycles for layer in activity.layers)


@pytest.mark.usefixtures("workplace")
def test_a_run_writes_both_files_and_says_what_they_show(capsys):
    run(*COMMON, "--vcd", "waves/made.vcd", "--timeline", "made.json", "--sample", "2", "--samples", "4")
    out = capsys.readouterr().out
    assert "waves/made.vcd: waveform of cycles 0 to " in out
    assert "made.json: timeline of " in out
    assert Path("waves/made.vcd").read_text().startswith("$comment made on digital45nm")
    assert "sample 2" in json.loads(Path("made.json").read_text())["otherData"]["run"]
    first = Path("waves/made.vcd").read_bytes(), Path("made.json").read_bytes()
    run(*COMMON, "--vcd", "waves/made.vcd", "--timeline", "made.json", "--sample", "2", "--samples", "4")
    assert first == (Path("waves/made.vcd").read_bytes(), Path("made.json").read_bytes())
    run(*COMMON, "--vcd", "made.vcd", "--cycles", "100:200")
    assert "waveform of cycles 100 to 199 of " in capsys.readouterr().out


def test_what_cannot_be_drawn_is_refused_in_a_line(refused, workplace):  # noqa: F811 - the fixtures
    assert "sample=99 is outside 0 … " in refused("--vcd", "made.vcd", "--sample", "99")
    assert "--sample" in refused("--sample", "1")
    assert "--cycles" in refused("--cycles", "1:2", "--timeline", "made.json")
    for wrong in ("5", "5:5", "7:5", "-1:5", "a:b", "1:2:3", "1:99999999999999999"):
        assert f'"{wrong}" is not FROM:TO' in refused("--vcd", "made.vcd", "--cycles", wrong)
    assert "takes" in refused("--vcd", "made.vcd", "--cycles", "99999999:100000000")
    assert '"field.npy" is not a folder' in refused("--vcd", "field.npy/made.vcd")
    (workplace / "folder").mkdir()
    assert '"folder" is a folder' in refused("--timeline", "folder")
    assert f'"{os.devnull}" is a device or pipe' in refused("--timeline", os.devnull)
    assert "is a file of the run itself" in refused("--timeline", "result/run.json")
    assert "is a file of the run itself" in refused("--vcd", "folder/../result/chips.csv")
    assert "both the waveform and the timeline" in refused("--vcd", "a.out", "--timeline", "./a.out")


@pytest.mark.parametrize("cycles", [(5, 5), (7, 2), (-1, 4)])
def test_a_window_without_cycles_is_refused_from_python_too(cycles, tmp_path):
    with pytest.raises(TraceError, match=f"cycles={cycles[0]}:{cycles[1]}: expected a first cycle"):
        report.run("cnn3d_6b", "pim45nm", vcd=tmp_path / "made.vcd", cycles=cycles)
    assert not any(tmp_path.iterdir())


def test_without_pyvcd_the_extra_is_named_and_nothing_is_run(refused, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.setattr(waveforms, "find_spec", lambda _: None)
    assert 'pip install "pimsim[verify]"' in refused("--vcd", "made.vcd")
