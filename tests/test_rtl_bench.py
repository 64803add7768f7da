"""Emitted layers in Icarus Verilog: an independent simulator does what Numba's expects, or says where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import icarus
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from rtl_cases import crossbar_cases, event_cases, sweep_cases

from pimsim.hardware import load_hardware
from pimsim.model import load_network
from pimsim.resources import MODEL, TRACE, find
from pimsim.rtl.parts.design import EventDesign, SweepDesign, event_design
from pimsim.rtl.verify.case import LayerCase, layer_case
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verilog import bench, played
from pimsim.rtl.verilog.emit import Emitted, emit
from pimsim.rtl.verilog.synthesis import UnitCells
from pimsim.traces import load_trace

# Seconds per case: one that fails is reported as it was drawn, for to shrink it takes minutes.
SLOWLY = settings(phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
SAID = {
    bench.CYCLES: "cycles, expected",
    bench.MEMBRANES: "membrane of neuron",
    bench.OUTPUTS: "output word",
    bench.CLASSES: "class",
    bench.COUNTS: "count",
}


@cache
def small_case(layer: str, **changes: object) -> LayerCase:
    """A layer of the shipped model, two channels of it, on a small event core."""
    network = load_network(find(MODEL, "cnn3d_6b"))
    few = {"engines.event.lanes": 2, "engines.event.scan_width": 8, "engines.pim.neuron_lanes": 2}
    hardware = load_hardware("pim45nm", few | changes)
    trace = load_trace(find(TRACE, "cnn3d_indian_pines"))
    region = None if layer == "classifier" else (20, 3, 3)
    return layer_case(network, hardware, trace, layer, Crop(samples=1, steps=2, channels=3, region=region))


def with_neuron(sweep: SweepDesign, **changed: object) -> SweepDesign:
    return replace(sweep, neuron=replace(sweep.neuron, **changed))


def digit_changed(line: str) -> str:
    """The last digit is another one, which the lowest bits of a word notice."""
    return line[:-1] + f"{int(line[-1], 16) ^ 1:x}"


def write(emitted: Emitted, folder: Path) -> None:
    for name, text in emitted.files.items():
        (folder / name).write_text(text)


def outcome(emitted: Emitted, folder: Path) -> tuple[int, str]:
    """Exit status and first line of the bench."""
    done = icarus.simulated(folder, "bench.v", f"{emitted.top}.v", "sram.v")
    return done.returncode, done.stdout.splitlines()[0]


def passes(case: LayerCase) -> None:
    with TemporaryDirectory() as name:
        emitted = emit(case)
        write(emitted, Path(name))
        assert outcome(emitted, Path(name)) == (0, f"PASS {case.samples} samples of {case.steps} steps")


@icarus.needed
@settings(SLOWLY, max_examples=12)
@given(event_cases(most_cycles=1500))
def test_random_layers_on_the_event_core_pass_their_bench(case: LayerCase) -> None:
    passes(case)


@icarus.needed
@settings(SLOWLY, max_examples=6)
@given(crossbar_cases(most_cycles=800))
def test_random_layers_on_a_bit_serial_crossbar_pass_their_bench(case: LayerCase) -> None:
    passes(replace(case, of_codes=False))  # sums of codes are not emitted: what sweeps them is


@icarus.needed
@settings(SLOWLY, max_examples=5)
@given(sweep_cases())
def test_random_sweeps_from_currents_pass_their_bench(case: LayerCase) -> None:
    passes(case)


@pytest.mark.parametrize(
    ("layer", "changes"),
    [
        ("conv2", {}),
        ("conv3", {"engines.event.dataflow": "gather"}),
        ("conv3", {"engines.event.membrane_ports": 1, "engines.event.membrane_banks": 2}),
        ("classifier", {}),
        ("conv1", {}),
    ],
)
def test_a_layer_is_synthesizable_and_has_the_registers_that_it_states(layer: str, changes: dict[str, object]) -> None:
    case = small_case(layer, **changes)
    emitted = emit(case, synthesis=True)
    assert "$" not in "".join(
        line for line in emitted.files[f"{emitted.top}.v"].splitlines() if line.startswith("module")
    )
    made = emitted.synthesis
    assert made is not None
    units = {unit.module.removeprefix(f"layer_{layer}_"): unit for unit in made.units}
    assert made.units[0] == UnitCells(f"layer_{layer}", 0, 0, 1)  # the core, and the memory beside it
    if case.on_event_core:
        fifo = next(unit for name, unit in units.items() if name.endswith("_fifo"))
        depth = case.hardware.engines.event.fifo_depth
        kept = depth * case.layer.plan.entry_bits
        assert kept <= fifo.flip_flops <= kept + 3 * depth.bit_length()  # entries, both ends and the level


@icarus.needed
def test_every_expected_word_is_compared(tmp_path: Path) -> None:
    """One digit of any file of expected results is another one: the bench says so, and ends with a status."""
    for case in (small_case("conv2"), small_case("classifier")):
        emitted = emit(case)
        write(emitted, tmp_path)
        expected = [name for name in emitted.files if name.startswith("expected_")]
        assert len(expected) == 4
        for name in expected:
            lines = emitted.files[name].splitlines()
            for place in {0, len(lines) // 2, len(lines) - 1}:
                (tmp_path / name).write_text(
                    "\n".join([*lines[:place], digit_changed(lines[place]), *lines[place + 1 :]])
                )
                status, said = outcome(emitted, tmp_path)
                assert status != 0
                assert SAID[name] in said
            (tmp_path / name).write_text(emitted.files[name])
        assert outcome(emitted, tmp_path)[0] == 0


@icarus.needed
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda design: replace(design, fifo_depth=1), "cycles, expected"),
        (lambda design: replace(design, sweep=replace(design.sweep, depth=design.sweep.depth + 1)), "cycles, expected"),
        (lambda design: replace(design, sweep=with_neuron(design.sweep, threshold=1)), "membrane of neuron"),
        (lambda design: replace(design, sweep=with_neuron(design.sweep, leak=255)), "membrane of neuron"),
        (lambda design: replace(design, weight_signed=not design.weight_signed), "membrane of neuron"),
    ],
)
def test_a_layer_that_breaks_a_rule_is_told(
    broken: Callable[[EventDesign], EventDesign], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played, "event_design", lambda *given: broken(event_design(*given)))
    emitted = emit(small_case("conv2"))
    write(emitted, tmp_path)
    status, line = outcome(emitted, tmp_path)
    assert status != 0
    assert said in line
