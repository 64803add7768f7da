"""The README beside a layer's Verilog: what it is, how to simulate and how to synthesize it."""

from __future__ import annotations

from pimsim.rtl.case import LayerCase, plural
from pimsim.rtl.verilog.synthesis import Synthesis, UnitCells


def guide(case: LayerCase, top: str, synthesis: Synthesis | None) -> str:
    """Markdown; with ``synthesis`` also the cells of every unit."""
    run = f"{plural(case.samples, 'sample')} of {plural(case.steps, 'step')}"
    cut = f" Cut to {', '.join(case.cut)}." if case.cut else ""
    what = "the event core with its weight memory" if case.on_event_core else "the sweep with its current memory"
    text = (
        f'# Layer "{case.layer.name}" of {case.network.name} on {case.hardware.name}\n\n'
        f"`{top}.v` is {what}; its top module is `{top}`.\n"
        "`sram.v` is the module that stands for every buffer: replace it by macros.\n"
        f"`bench.v` plays the inputs of {run} and compares cycles, membranes, outputs and counts\n"
        f"with what the simulator expects.{cut}\n\n"
        "Simulate (exit status 0 and PASS, or the first difference):\n\n"
        f"    iverilog -g2005-sv -Wall -s bench -o bench.vvp bench.v {top}.v sram.v && vvp -n bench.vvp\n\n"
        "Synthesize, every `pimsim_sram` a black box:\n\n"
        f"    yosys -p 'read_verilog {top}.v; hierarchy -top {top}; synth -top {top}; stat'\n"
    )
    return text if synthesis is None else f"{text}\n{cells(synthesis)}"


def cells(synthesis: Synthesis) -> str:
    """A Markdown table: a row per module, and their sum."""
    rows = [_row(unit) for unit in (*synthesis.units, synthesis.total)]
    head = "| module | gates | flip-flops | SRAM |\n|---|---:|---:|---:|\n"
    return "Generic cells of each module, without those of the modules in it:\n\n" + head + "".join(rows)


def _row(unit: UnitCells) -> str:
    return f"| {unit.module} | {unit.gates} | {unit.flip_flops} | {unit.srams} |\n"
