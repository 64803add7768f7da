"""All files of a layer: Verilog, the words of its memories, inputs and expected results, and the bench that plays them.

What is expected comes from the simulator, never from a simulation of the description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pimsim.report.files import json_text
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verilog import bench
from pimsim.rtl.verilog.convert import convert
from pimsim.rtl.verilog.guide import guide, what
from pimsim.rtl.verilog.hexfiles import hex_text
from pimsim.rtl.verilog.played import WEIGHTS, played
from pimsim.rtl.verilog.synthesis import Synthesis, sram_text, synthesize

SRAM_FILE, BENCH_FILE, GUIDE_FILE, CELLS_FILE = "sram.v", "bench.v", "README.md", "cells.json"
FILES = (SRAM_FILE, BENCH_FILE, GUIDE_FILE, CELLS_FILE, f"{WEIGHTS}.hex", *bench.FILES)
"""All but the layer's own, which is named after it; not every layer has all of them."""


@dataclass(frozen=True)
class Emitted:
    """``files`` by name; ``top`` is the module of the layer; ``synthesis`` where it was asked for."""

    case: LayerCase
    top: str
    files: dict[str, str]
    synthesis: Synthesis | None


def emit(case: LayerCase, *, synthesis: bool = False) -> Emitted:
    """Verilog of a layer and of its bench, with everything that the bench reads.

    Of a layer on multipliers or on analog arrays the sweep is emitted, and its sums are inputs.
    """
    run, top = played(case), module_name(case.name)
    converted = convert(run.top, top)
    made = synthesize(converted.text, top) if synthesis else None
    files = {
        f"{top}.v": f'// Layer "{case.name}": {what(case)}.\n{converted.text}',
        SRAM_FILE: sram_text(),
        BENCH_FILE: run.bench(top).text,
        **{f"{sram.name}.hex": hex_text(sram.init, sram.width) for sram in converted.buffers.values()},
        **run.files(),
        GUIDE_FILE: guide(case, top, made),
    }
    if made is not None:
        files[CELLS_FILE] = json_text(made.document)
    return Emitted(case, top, files, made)


def module_name(layer: str) -> str:
    """Of the layer's top, whatever the layer is called.

    >>> module_name("conv2"), module_name("block 1/table")
    ('layer_conv2', 'layer_block_1_table')
    """
    return "layer_" + re.sub(r"[^A-Za-z0-9_]", "_", layer)
