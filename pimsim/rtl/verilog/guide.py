"""The README beside a layer's Verilog: what it is, how to simulate and how to synthesize it."""

from __future__ import annotations

from pimsim.rtl.verify.case import LayerCase, plural
from pimsim.rtl.verilog.synthesis import Synthesis, UnitCells

HEAD = "| module | gates | flip-flops | macros |\n|---|---:|---:|---:|\n"


def guide(case: LayerCase, top: str, synthesis: Synthesis | None) -> str:
    """Markdown; with ``synthesis`` also the cells of every unit."""
    text = (
        f'# Layer "{case.name}" of {case.network.name} on {case.hardware.name}\n\n'
        f"`{top}.v` is {what(case)}; its top module is `{top}`.\n"
        "`sram.v` has the modules of buffers and crossbar arrays: replace them by macros of your technology.\n"
        f"`bench.v` plays {played_run(case)} and compares cycles, membranes, outputs and counts with what\n"
        "the simulator expects. All `.hex` files are for `$readmemh`.\n\n"
        "Simulate (exit status 0 and PASS, or the first difference):\n\n"
        f"    {simulation(top)}\n\n"
        "Synthesize, buffers and arrays as black boxes:\n\n"
        f"    yosys -p 'read_verilog -lib sram.v; read_verilog {top}.v; synth -top {top}; stat'\n"
    )
    return text if synthesis is None else f"{text}\n{cells(synthesis)}"


def what(case: LayerCase) -> str:
    """What stands in the layer's Verilog."""
    if case.of_input_spikes and case.sums_described:
        core = "event core with its weight memory" if case.on_event_core else "crossbar's sequencer and its sweep"
        return f"the encoder of input spikes, and behind it the {core}; the sums of step 1 are inputs"
    if case.on_event_core:
        return "the event core with its weight memory"
    if case.sums_described:
        return "the crossbar's sequencer with an ideal array model, the current memory and the sweep"
    return "the sweep with its current memory, which holds the sums that the simulator found"


def played_run(case: LayerCase) -> str:
    """What the bench plays."""
    cut = f", cut to {', '.join(case.cut)}" if case.cut else ""
    return f"{plural(case.samples, 'sample')} × {plural(case.steps, 'step')}{cut}"


def simulation(top: str) -> str:
    """The command that runs the bench, in the folder of the files."""
    return f"iverilog -g2005-sv -Wall -s bench -o bench.vvp bench.v {top}.v sram.v && vvp -n bench.vvp"


def cells(synthesis: Synthesis) -> str:
    """A Markdown table: a row per module, and their sum."""
    rows = [f"| {' | '.join(cell_row(unit))} |\n" for unit in (*synthesis.units, synthesis.total)]
    return "Generic cells of each module, without those of the modules in it:\n\n" + HEAD + "".join(rows)


def cell_row(unit: UnitCells) -> tuple[str, ...]:
    return unit.module, str(unit.gates), str(unit.flip_flops), str(unit.macros)
