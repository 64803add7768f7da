"""What stands around a pipeline while it is simulated: an engine in front, and recorders of what every layer leaves."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

from pimsim.rtl.input_spikes.encoder import EncoderDesign
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import METER_BITS, Meter
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.pipeline.fronts import Front
from pimsim.rtl.pipeline.pipeline import Pipeline, PipelineDesign


class PipelineBench(wiring.Component):
    """Sends ``samples`` through a pipeline, each as soon as there is room for it.

    ``codes`` are the words of the input memory of all samples, where inputs fire.  It begins by itself in the first
    cycle; ``over`` follows the last class, ``stuck`` says that more than ``patience`` cycles have passed.  `finished`
    and `winners` have a row per sample, `maps` a stretch per step of each layer.
    """

    def __init__(
        self, design: PipelineDesign, front: Front, *, samples: int, patience: int, codes: Sequence[int] = ()
    ) -> None:
        self._codes = codes
        self.pipeline, self._front, self._samples, self.patience = Pipeline(design), front, samples, patience
        self.meters = [Meter(core.activity.shape()) for core in self.pipeline.cores]
        runs = samples * design.steps
        self.maps = [
            memory.MemoryData(shape=sweep.word_bits, depth=runs * sweep.output_words, init=[])
            for sweep in design.sweeps[:-1]
        ]
        self.finished = memory.MemoryData(shape=METER_BITS, depth=samples, init=[])
        self.winners = memory.MemoryData(shape=index_bits(design.sweeps[-1].neurons), depth=samples, init=[])
        super().__init__({"over": Out(1), "stuck": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m, pipeline = Module(), self.pipeline
        m.submodules.pipeline, m.submodules.front = pipeline, self._front
        wiring.connect(m, pipeline.front, self._front.port)
        self._sequence(m)
        if pipeline.design.encoder is not None:
            self._feed(m, pipeline.design.encoder)
        for layer, (core, meter) in enumerate(zip(pipeline.cores, self.meters, strict=True)):
            m.submodules[f"meter_{layer}"] = meter
            m.d.comb += meter.activity.eq(core.activity)
        for layer, content in enumerate(self.maps):
            self._record(m, layer, content, pipeline.design.sweeps[layer])
        return m

    def _feed(self, m: Module, encoder: EncoderDesign) -> None:
        """Codes of the sample whose inputs fire."""
        codes, base = self.pipeline.codes, Signal(range(len(self._codes) + 1))
        with m.If(self.pipeline.fired):
            m.d.sync += base.eq(base + encoder.words)
        content = memory.MemoryData(
            shape=encoder.packed.lanes * encoder.code_bits, depth=len(self._codes), init=self._codes
        )
        m.submodules.codes = store = memory.Memory(content)
        port = store.read_port()
        m.d.comb += [port.en.eq(codes.enable), port.addr.eq(base + codes.address), codes.data.eq(port.data)]

    def _sequence(self, m: Module) -> None:
        """Samples are offered until the last one is taken, and counted where they come out."""
        pipeline, cycle = self.pipeline, Signal(METER_BITS)
        taken, sample = Signal(range(self._samples + 1)), Signal(range(self._samples + 1))
        m.d.comb += pipeline.offer.eq(taken != self._samples)
        m.d.sync += [
            taken.eq(taken + pipeline.front.start),
            sample.eq(sample + pipeline.finished),
            cycle.eq(cycle + 1),
            self.over.eq(pipeline.finished & (sample == self._samples - 1)),
            self.stuck.eq(cycle > self.patience),
        ]
        rows = ((self.finished, "finished", cycle + 1), (self.winners, "winners", pipeline.winner))
        for content, name, value in rows:
            m.submodules[name] = store = memory.Memory(content)
            port = store.write_port()
            m.d.comb += [port.en.eq(pipeline.finished), port.addr.eq(sample), port.data.eq(value)]

    def _record(self, m: Module, layer: int, content: memory.MemoryData, sweep: SweepDesign) -> None:
        """A layer's packed words, step behind step."""
        core, base = self.pipeline.cores[layer], Signal(range(content.depth + 1))
        with m.If(core.done):
            m.d.sync += base.eq(base + sweep.output_words)
        m.submodules[f"recorder_{layer}"] = store = memory.Memory(content)
        for k in range(len(core.target.enable)):
            port = store.write_port()
            m.d.comb += [
                port.en.eq(core.target.enable[k]),
                port.addr.eq(base + core.target.address + k),
                port.data.eq(core.target.data[k]),
            ]
