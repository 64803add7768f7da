"""docs/rtl.md: options, ports and cells are those of the command and of what it emits."""

from __future__ import annotations

import re
from pathlib import Path

from pimsim.cli.rtl import rtl
from pimsim.hardware import load_hardware
from pimsim.model import load_network
from pimsim.resources import MODEL, TRACE, find
from pimsim.rtl.verify.case import layer_case
from pimsim.rtl.verify.crop import Crop
from pimsim.rtl.verilog.emit import emit
from pimsim.traces import load_trace

PAGE = (Path(__file__).parent.parent / "docs/rtl.md").read_text()
EVERYWHERE = {"--model", "--hw", "--out", "--threads"}


def test_every_option_is_told() -> None:
    options = {name for parameter in rtl.params for name in parameter.opts}
    assert {name for name in options - EVERYWHERE if f"`{name}" not in PAGE and f"| `{name}" not in PAGE} == set()


def test_ports_and_cells_of_the_classifier_are_those_that_are_told() -> None:
    network, trace = load_network(find(MODEL, "cnn3d_6b")), load_trace(find(TRACE, "cnn3d_indian_pines"))
    case = layer_case(network, load_hardware("pim45nm"), trace, "classifier", Crop(samples=1, steps=1))
    emitted = emit(case, synthesis=True)
    top = re.search(
        r"^module layer_classifier\((.*?)\);", emitted.files["layer_classifier.v"], re.DOTALL | re.MULTILINE
    )
    assert top is not None
    told = [name.rstrip("…") for name in re.findall(r"`(\w+…?)`", PAGE)]
    assert [name for name in top[1].split(", ") if not name.startswith(tuple(told))] == []
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| classifier, scatter")]
    gates, flip_flops, macros = (int(cell.strip().replace(",", "")) for cell in row.split("|")[3:6])
    assert emitted.synthesis is not None
    total = emitted.synthesis.total
    assert (total.flip_flops, total.macros) == (flip_flops, macros)
    assert abs(total.gates - gates) < gates / 10  # they depend on the version of Yosys
