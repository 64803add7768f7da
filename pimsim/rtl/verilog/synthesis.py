"""Synthesis with Yosys: generic gates and flip-flops of each unit, with buffers and crossbar arrays as black boxes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files

from pimsim.rtl.verilog.yosys import run_yosys

MACROS = ("pimsim_sram", "pimsim_array")
FLIP_FLOP = re.compile(r"\$_\w*DFF\w*_$")
HEADER = re.compile(rf"^module (?:{'|'.join(MACROS)}) .*?^\);$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class UnitCells:
    """Cells of one module without those of the modules in it.

    ``gates`` of up to two inputs and multiplexers; ``macros``: buffers, and arrays of a crossbar.
    """

    module: str
    gates: int
    flip_flops: int
    macros: int


@dataclass(frozen=True)
class Synthesis:
    """Cells of every module that has some, and ``document``, which Yosys wrote: ``stat -json``."""

    units: tuple[UnitCells, ...]
    document: Mapping[str, object]

    @property
    def total(self) -> UnitCells:
        gates, flip_flops, macros = (
            sum(getattr(unit, kind) for unit in self.units) for kind in ("gates", "flip_flops", "macros")
        )
        return UnitCells("total", gates, flip_flops, macros)


def sram_text() -> str:
    """Verilog of the module that stands for every buffer."""
    return files("pimsim.rtl.verilog").joinpath("sram.v").read_text()


def synthesize(verilog: str, top: str) -> Synthesis:
    """Cells of the module ``top``, hierarchy kept; every instance is a module of its own.

    Raises RuntimeError where it is not synthesizable: undriven or multiply driven wires, loops of logic, latches.
    """
    boxes = "".join(f"(* blackbox *)\n{header}\nendmodule\n" for header in HEADER.findall(sram_text()))
    commands = (
        "read_verilog sram.v",
        "read_verilog design.v",
        f"hierarchy -check -top {top}",
        f"synth -top {top}",
        "check -assert",
        "select -assert-none t:$_DLATCH*",
        "tee -o stat.json stat -json",
    )
    inputs = {"sram.v": boxes, "design.v": verilog}
    document = json.loads(run_yosys(commands, inputs, "stat.json"))
    document.pop("creator", None)
    modules = {name.removeprefix("\\"): found["num_cells_by_type"] for name, found in document["modules"].items()}
    return Synthesis(tuple(_unit(name, modules[name], modules) for name in sorted(modules)), document)


def _unit(name: str, cells: Mapping[str, int], modules: Collection[str]) -> UnitCells:
    counted = {"flip_flops": 0, "macros": 0, "modules": 0, "gates": 0}
    for kind, count in cells.items():
        counted[_kind(kind.split("\\")[-1], modules)] += count
    return UnitCells(name, counted["gates"], counted["flip_flops"], counted["macros"])


def _kind(cell: str, modules: Collection[str]) -> str:
    if cell in MACROS:
        return "macros"
    if cell in modules:
        return "modules"
    return "flip_flops" if FLIP_FLOP.match(cell) else "gates"
