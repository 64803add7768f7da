"""Amaranth → RTLIL → Verilog-2005, hierarchy and signal names kept, the same text for the same design."""

from __future__ import annotations

import re
from dataclasses import dataclass

from amaranth.lib import wiring

from pimsim.rtl.parts.sram import Content, Macros
from pimsim.rtl.verilog.modules import lower
from pimsim.rtl.verilog.yosys import run_yosys

INTERNAL = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
"""Attributes that are of no use to a reader of Verilog."""
DOTTED = re.compile(r"^(\s*(?:module|cell) \\)([\w.$]+)", re.MULTILINE)
AT_START = re.compile(r"\\\$auto\$verilog_backend\.cc:\d+:dump_module\$\d+ ( = 0)?")
"""A register that Yosys adds to a module so that its combinational processes run once at time 0.

Initialized where it is declared it changes before they look, in SystemVerilog: it has to do so behind their start.
"""
BARE_PROCESS = re.compile(r"always @\*\n +([^;]+;)")
"""Of a part of a wire whose other parts come from processes; Yosys forgets to start it."""


@dataclass(frozen=True)
class Converted:
    """``text`` is the Verilog of all modules; ``buffers`` those SRAM buffers and crossbar arrays that have an initial
    content, by name."""

    text: str
    buffers: dict[str, Content]


def convert(component: wiring.Component, name: str) -> Converted:
    """Verilog of ``component`` as the module ``name``; modules below it are named by their path, ``name_unit_part``.

    Each has the ports that its unit declares; one inside another has both names, ``source__address``.  Every `Sram` is
    an instance of ``pimsim_sram``, every array of a crossbar one of ``pimsim_array``.
    """
    platform = Macros()
    lowered = lower(component, name, platform)
    commands = (
        "read_rtlil design.il",
        *(f"attrmap {kind}" + "".join(f" -remove {attribute}" for attribute in INTERNAL) for kind in ("", "-modattr")),
        "proc -nomux -norom",
        "memory_collect",
        "write_verilog -noattr design.v",
    )
    text = run_yosys(commands, {"design.il": DOTTED.sub(_underscored, lowered)}, "design.v")
    return Converted(_started(_without_banner(text)), platform.contents)


def _underscored(match: re.Match[str]) -> str:
    return match[1] + re.sub(r"[.$]", "_", match[2])


def _without_banner(text: str) -> str:
    """Yosys opens with its version and compiler; the same design shall have the same text."""
    return re.sub(r"\A/\*.*?\*/\s*", "", text, flags=re.DOTALL)


def _started(text: str) -> str:
    """Every combinational process runs once at time 0, as one whose inputs are constant would never run."""
    return BARE_PROCESS.sub(
        r"always @* begin\n    if (at_start_) begin end\n    \1\n  end", AT_START.sub(_at_start, text)
    )


def _at_start(match: re.Match[str]) -> str:
    return "at_start_;\n  initial at_start_ <= 1'b0" if match[1] else "at_start_"
