"""Emitted layers in Icarus Verilog: an independent simulator does what Numba's expects, or says where not."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import icarus
from hypothesis import HealthCheck, given, settings
from rtl_cases import event_cases

from pimsim.rtl.case import LayerCase
from pimsim.rtl.verilog.emit import Emitted, emit


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
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(event_cases(most_cycles=1500))
def test_random_layers_on_the_event_core_pass_their_bench(case: LayerCase) -> None:
    passes(case)
