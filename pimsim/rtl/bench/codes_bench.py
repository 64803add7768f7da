"""Simulates the sums of codes that a first layer whose inputs fire sweeps in step 1, on a bit-serial crossbar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator, SimulatorContext

from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Hardware
from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.bench.pim_bench import connect_values, row_memory
from pimsim.rtl.bench.recorded import CLOCK, words_of_any_width
from pimsim.rtl.bench.run_pim import Inputs, source_values
from pimsim.rtl.bench.step_bench import connect_memory, ended
from pimsim.rtl.bench.sums_recorder import SumsRecorder
from pimsim.rtl.crossbar.core import PimCore
from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.place import PimContent, pim_content, pim_design
from pimsim.rtl.parts.observe import Meter, Observed
from pimsim.rtl.parts.sram import Sram


class CodesBench(wiring.Component):
    """One evaluation behind the other, over the codes ``values`` of all samples; ``over`` follows the last one."""

    def __init__(self, design: PimDesign, content: PimContent, values: Sequence[int]) -> None:
        self.design, self.core = design, PimCore(design, content)
        self.weights = row_memory(design, content)
        self.samples = len(values) // design.map_values
        self.values = memory.MemoryData(shape=design.stored_bits, depth=len(values), init=values)
        self.current = Sram("current_memory", width=design.sum_bits, depth=design.sum_words)
        self.meter, self.sums = Meter(self.core.activity.shape()), SumsRecorder(design, self.samples)
        super().__init__({"over": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m, core, current = Module(), self.core, self.current
        m.submodules.core, m.submodules.meter, m.submodules.current_memory = core, self.meter, current
        evaluation, starts = self.sums.connect(m, core), Signal(init=1)
        following = evaluation != self.samples - 1
        m.d.sync += [starts.eq(core.done & following), self.over.eq(core.done & ~following)]
        m.d.comb += [
            core.start.eq(starts),
            self.meter.activity.eq(core.activity),
            current.write_enable.eq(core.write_enable),
            current.write_address.eq(core.write_address),
            current.write_data.eq(core.write_data),
        ]
        if self.design.reads_back:
            m.d.comb += [
                current.read_enable.eq(core.earlier.enable),
                current.read_address.eq(core.earlier.address),
                core.earlier.data.eq(current.read_data),
            ]
        place = Mux(evaluation < self.samples, evaluation, 0) * self.design.map_values
        connect_values(m, core.source, self.values, place)
        if self.weights is not None:
            connect_memory(m, "weight_memory", self.weights, core.weights)
        return m


def run_codes(network: IntegerNetwork, mapping: Mapping, hardware: Hardware, inputs: Inputs) -> Observed:
    """Sums of the first layer of a hybrid ``network``, over codes (N, C, D, H, W); without steps and neurons."""
    layer, source = mapping.layers[0], network.layers[0]
    pim = hardware.engines.named(layer.engine)
    assert isinstance(pim, BitSerialPim)
    design = pim_design(source, layer, pim)
    values = source_values(layer.shape, inputs).reshape(-1).tolist()
    bench = CodesBench(design, pim_content(source, design, pim), values)
    with words_of_any_width():
        simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    found: list[Observed] = []

    async def observe(context: SimulatorContext) -> None:
        await ended(context, bench.over)
        found.append(_observed(context, bench, mapping.steps))

    simulator.add_testbench(observe)
    simulator.run()
    return found[0]


def _observed(context: SimulatorContext, bench: CodesBench, steps: int) -> Observed:
    return Observed(
        step_cycles=np.zeros((bench.samples, steps), np.int64),
        counts={name: int(context.get(total)) for name, total in bench.meter.totals.items()},
        membranes=np.empty((bench.samples, steps, 0), np.int64),
        front_cycles=bench.sums.cycles(context),
        currents=bench.sums.currents(context, bench.samples)[:, 0],
    )
