"""Verilog of made components: what Icarus Verilog makes of it is what Amaranth's simulator makes of the component."""

from __future__ import annotations

import random
import re
from pathlib import Path

import icarus
import pytest
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from pimsim.errors import HardwareError
from pimsim.rtl.parts.signals import ReadPort
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.verilog.convert import convert
from pimsim.rtl.verilog.hexfiles import hex_text
from pimsim.rtl.verilog.modules import MOST_INPUTS
from pimsim.rtl.verilog.synthesis import sram_text, synthesize
from pimsim.rtl.verilog.top import LayerTop

CYCLES = 300


class Walker(wiring.Component):
    """Reads the words of a memory in turn and sums up their signed halves; counts what it does."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        halves = data.ArrayLayout(signed(4), 2)
        activity = data.StructLayout({"memory_read": 1, "walker_sums": 2})
        super().__init__(
            {
                "step": In(1),
                "words": Out(ReadPort(depth=depth, shape=halves)),
                "sums": Out(data.ArrayLayout(signed(9), 2)),
                "activity": Out(activity),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        place, read = Signal(range(self.depth)), Signal()
        m.d.comb += [self.words.enable.eq(self.step), self.words.address.eq(place), self.activity.memory_read.eq(read)]
        m.d.sync += read.eq(self.step)
        with m.If(self.step):
            m.d.sync += place.eq(Mux(place == self.depth - 1, 0, place + 1))
        with m.If(read):
            m.d.comb += self.activity.walker_sums.eq(2)
            m.d.sync += [total.eq(total + half) for total, half in zip(self.sums, self.words.data, strict=True)]
        return m


def walking_top(depth: int = 5) -> LayerTop:
    words = Sram("words", width=8, depth=depth, init=[17 * i & 255 for i in range(depth)])
    return LayerTop(Walker(depth), {"words": words})


def outputs_of(component: wiring.Component, stimulus: list[dict[str, int]], watched: list[str]) -> list[list[int]]:
    """Values of ``watched`` at the end of each cycle, the inputs of that cycle applied."""
    seen = []

    async def play(ctx) -> None:
        for inputs in stimulus:
            for name, value in inputs.items():
                ctx.set(getattr(component, name), value)
            values = [ctx.get(getattr(component, name)) for name in watched]
            seen.append([value.as_bits() if isinstance(value, data.Const) else value for value in values])
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
    return seen


def icarus_outputs(
    folder: Path, module: str, widths: dict[str, int], stimulus: list[dict[str, int]], watched: list[str]
) -> list[list[int]]:
    """The same of a Verilog module with clock and reset, all files in ``folder``."""
    inputs = list(stimulus[0])
    held = "".join(f"    reg [{widths[name] - 1}:0] {name} = 0;\n" for name in inputs)
    held += "".join(f"    wire [{widths[name] - 1}:0] {name};\n" for name in watched)
    apply = "".join(
        f"        @(negedge clk); {' '.join(f'{name} = {value};' for name, value in row.items())}"
        f' @(posedge clk); $display("{" ".join(["%h"] * len(watched))}", {", ".join(watched)});\n'
        for row in stimulus
    )
    ports = ", ".join([".clk(clk), .rst(1'b0)", *(f".{name}({name})" for name in [*inputs, *watched])])
    (folder / "bench.v").write_text(
        f"module bench;\n    reg clk = 0;\n{held}    {module} dut ({ports});\n    always #5 clk = !clk;\n"
        f"    initial begin\n{apply}        $finish;\n    end\nendmodule\n"
    )
    (folder / "sram.v").write_text(sram_text())
    done = icarus.simulated(folder, *sorted(path.name for path in folder.glob("*.v")))
    assert done.returncode == 0, done.stdout
    return [[int(text, 16) for text in line.split()] for line in done.stdout.splitlines() if "$finish" not in line]


@icarus.needed
@pytest.mark.parametrize(("ports", "asynchronous"), [(2, False), (2, True), (1, False)])
def test_the_macro_of_every_kind_does_what_the_buffer_does(ports: int, asynchronous: bool, tmp_path: Path) -> None:
    rng, depth = random.Random(ports), 5
    stimulus = [
        {
            "read_enable": rng.randrange(2),
            "read_address": rng.randrange(depth),
            "write_enable": rng.randrange(2),
            "write_address": rng.randrange(depth),
            "write_data": rng.randrange(1 << 11),
        }
        for _ in range(CYCLES)
    ]
    init = [1000 + i for i in range(depth)]
    sram = Sram("content", width=11, depth=depth, ports=ports, asynchronous=asynchronous, init=init)
    (tmp_path / "content.hex").write_text(hex_text(init, 11))
    (tmp_path / "memory.v").write_text(convert(sram, "memory").text)
    widths = {"read_address": 3, "write_address": 3, "write_data": 11, "read_data": 11}
    widths |= {"read_enable": 1, "write_enable": 1}
    seen = icarus_outputs(tmp_path, "memory", widths, stimulus, ["read_data"])
    assert seen == outputs_of(sram, stimulus, ["read_data"])
    assert len({value for (value,) in seen}) > CYCLES // 10


@icarus.needed
def test_a_core_beside_its_memory_does_in_icarus_what_it_does_in_amaranth(tmp_path: Path) -> None:
    rng = random.Random(1)
    stimulus = [
        {
            "step": rng.randrange(4) > 0,
            "words_write_enable": rng.randrange(8) == 0,
            "words_write_address": rng.randrange(5),
            "words_write_data": rng.randrange(256),
        }
        for _ in range(CYCLES)
    ]
    stimulus = [{name: int(value) for name, value in row.items()} for row in stimulus]
    top = walking_top()
    converted = convert(top, "walk")
    (tmp_path / "walk.v").write_text(converted.text)
    for name, sram in converted.buffers.items():
        (tmp_path / f"{name}.hex").write_text(hex_text(sram.init, sram.width))
    watched = ["sums", "activity_memory_read", "activity_walker_sums"]
    widths = {"step": 1, "words_write_enable": 1, "words_write_address": 3, "words_write_data": 8, "sums": 18}
    widths |= {"activity_memory_read": 1, "activity_walker_sums": 2}
    seen = icarus_outputs(tmp_path, "walk", widths, stimulus, watched)
    assert seen == outputs_of(walking_top(), stimulus, watched)


def test_the_same_design_has_the_same_text_which_names_no_file_and_no_tool() -> None:
    first, second = (convert(walking_top(), "walk").text for _ in range(2))
    assert first == second
    assert not re.search(r"yosys|\.py|/", first, re.IGNORECASE)
    assert re.findall(r"^module (\w+)", first, re.MULTILINE) == ["walk", "walk_core"]


def test_synthesis_counts_the_cells_of_every_unit() -> None:
    found = synthesize(convert(walking_top(), "walk").text, "walk")
    units = {unit.module: unit for unit in found.units}
    assert units["walk_core"].flip_flops == 3 + 1 + 18  # address, read, sums
    assert units["walk_core"].gates > 0
    assert units["walk"].macros == found.total.macros == 1
    assert found.total.flip_flops == 22


def test_what_cannot_be_built_is_refused() -> None:
    loop = "module loop(input a, output b);\n    assign b = a ^ b;\nendmodule\n"
    latch = "module latch(input e, input a, output reg b);\n    always @* if (e) b = a;\nendmodule\n"
    for text, name in ((loop, "loop"), (latch, "latch")):
        with pytest.raises(RuntimeError):
            synthesize(text, name)


class Wide(wiring.Component):
    """Two inputs of ``bits`` in all, and a clock."""

    def __init__(self, bits: int) -> None:
        super().__init__({"one": In(bits - 7), "two": In(7), "out": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.sync += self.out.eq(self.one.any() ^ self.two.any())
        return m


def test_more_inputs_than_a_module_can_have_are_refused_by_its_name() -> None:
    assert "module wide(" in convert(Wide(MOST_INPUTS), "wide").text
    with pytest.raises(HardwareError, match=f'module "wide" has inputs of {MOST_INPUTS + 1} bits in all: at most'):
        convert(Wide(MOST_INPUTS + 1), "wide")


class Peeping(wiring.Component):
    """Shows what a register inside a unit inside a unit holds, and sets what that one adds, past all their ports."""

    def __init__(self) -> None:
        super().__init__({"seen": Out(4)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.outer = outer = Outer()
        m.d.sync += outer.inner.addend.eq(outer.inner.addend + 1)
        m.d.comb += self.seen.eq(outer.inner.total)
        return m


class Outer(wiring.Component):
    def __init__(self) -> None:
        self.inner = Inner()
        super().__init__({})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.inner = self.inner
        return m


class Inner(wiring.Component):
    def __init__(self) -> None:
        self.total, self.addend = Signal(4), Signal(4)
        super().__init__({})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.sync += self.total.eq(self.total + self.addend)
        return m


@icarus.needed
def test_signals_that_are_no_ports_cross_borders_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "peep.v").write_text(convert(Peeping(), "peep").text)
    (tmp_path / "bench.v").write_text(
        "module bench;\n    reg clk = 0, rst = 0;\n    wire [3:0] seen;\n"
        "    peep dut (.clk(clk), .rst(rst), .seen(seen));\n    always #5 clk = !clk;\n"
        '    initial #76 begin $display("%0d", seen); $finish; end\nendmodule\n'
    )
    assert icarus.simulated(tmp_path, "bench.v", "peep.v").stdout.split()[0] == str(sum(range(8)) % 16)
