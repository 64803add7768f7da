"""A whole pipeline as Verilog, in a simulator that shares nothing with the description's own."""

from __future__ import annotations

from pathlib import Path

import icarus
import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from made_inputs import network

from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.rtl.bench.pipeline_bench import PipelineBench
from pimsim.rtl.verify.run_pipeline import pipeline_bench
from pimsim.rtl.verilog.convert import convert
from pimsim.rtl.verilog.hexfiles import hex_text
from pimsim.simulation import execute, in_front, schedule, time_layer
from pimsim.simulation.schedule_machine import class_cycles

SMALL = {"schedule": "pipelined", "engines.event.lanes": 4, "engines.event.scan_width": 16}
SRAM = Path(__file__).parent.parent / "pimsim/rtl/verilog/sram.v"
BENCH = """
module bench;
  reg clk = 0, rst = 0;
  wire over, finished;
  wire [1:0] winner;
  integer cycle = 0;
  machine dut (.clk(clk), .rst(rst), .over(over), .finished(finished), .winner(winner));
  always #1 clk = ~clk;
  always @(posedge clk) begin
    cycle <= cycle + 1;
    if (finished) $display("%0d %0d", cycle + 1, winner);
    if (over || cycle > 100000) $finish;
  end
endmodule
"""


class Machine(wiring.Component):
    """A bench whose samples are seen to come out."""

    def __init__(self, bench: PipelineBench) -> None:
        self._bench = bench
        super().__init__({"over": Out(1), "finished": Out(1), "winner": Out(2)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.bench = bench = self._bench
        m.d.comb += [
            self.over.eq(bench.over),
            self.finished.eq(bench.pipeline.finished),
            self.winner.eq(bench.pipeline.winner),
        ]
        return m


@icarus.needed
@pytest.mark.parametrize(
    ("dataflow", "order"), [("scatter", "step_major"), ("gather", "step_major"), ("scatter", "layer_major")]
)
def test_the_emitted_pipeline_hands_classes_over_in_the_simulator_s_cycles(tmp_path, dataflow, order) -> None:
    made, hardware = (
        network(),
        load_hardware("digital45nm", SMALL | {"engines.event.dataflow": dataflow, "order": order}),
    )
    mapping = map_model(made, hardware)
    codes = np.random.default_rng(1).integers(0, 64, (3, *made.architecture.input_shape)).astype(np.uint8)
    trace = execute(made, codes, numerics=mapping.numerics)
    emitted = convert(Machine(pipeline_bench(made, mapping, hardware, codes)), "machine")
    for name, text in {"machine.v": emitted.text, "bench.v": BENCH, "sram.v": SRAM.read_text()}.items():
        (tmp_path / name).write_text(text)
    for name, sram in emitted.buffers.items():
        words = [*sram.init, *[0] * (sram.depth - len(sram.init))]
        (tmp_path / f"{name}.hex").write_text(hex_text(words, sram.width))
    seen = icarus.simulated(tmp_path, "bench.v", "machine.v", "sram.v").stdout.split()
    timings = [time_layer(mapping, hardware, index, in_front(trace, index)) for index in range(3)]
    cycles = class_cycles(timings, hardware)
    assert cycles[-1] == schedule(trace, made, mapping, hardware).total_cycles
    assert [int(word) for word in seen[::2]] == cycles.tolist()
    assert [int(word) for word in seen[1::2]] == trace.outputs.argmax(1).tolist()
