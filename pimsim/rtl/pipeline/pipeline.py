"""An engine per layer, double buffers between them, docs/microarchitecture.md §8 *pipelined*."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from pimsim.rtl.crossbar.design import PimDesign
from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.crossbar.place import PimContent
from pimsim.rtl.event.core import EventCore, event_core
from pimsim.rtl.input_spikes.encoder import EncoderDesign, code_port
from pimsim.rtl.input_spikes.layer import InputSpikeLayer
from pimsim.rtl.parts.design import EventDesign, SweepDesign
from pimsim.rtl.parts.map_buffer import MapBuffer
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.parts.value_buffer import ValueBuffer
from pimsim.rtl.pipeline.control import PipelineControl
from pimsim.rtl.pipeline.current_buffer import WRITE, CurrentBuffer, FrontPort
from pimsim.rtl.sweep.current_sweep import CurrentSweep

Core = EventCore | PimLayer
Buffer = MapBuffer | ValueBuffer


@dataclass(frozen=True)
class EventStage:
    """A layer on an event core; ``weights`` are the words of its weight memory."""

    design: EventDesign
    weights: tuple[int, ...]

    @property
    def sweep(self) -> SweepDesign:
        return self.design.sweep

    def core(self) -> Core:
        return event_core(self.design)

    def buffer(self, layer: int, sweep: SweepDesign, maps: int) -> Buffer:
        """In front of it, written by ``sweep``."""
        return MapBuffer(f"map_{layer}", sweep.packed, maps=maps)

    def weight_memory(self, layer: int) -> Sram | None:
        design = self.design
        return Sram(
            f"weight_memory_{layer}",
            width=design.lanes * design.weight_bits,
            depth=design.weight_words,
            asynchronous=design.pipeline_depth == 1,
            init=self.weights,
        )


@dataclass(frozen=True)
class CrossbarStage:
    """A layer on a bit-serial crossbar; ``once`` as of `PimLayer`."""

    design: PimDesign
    content: PimContent
    sweep: SweepDesign
    once: bool

    def core(self) -> Core:
        return PimLayer(self.design, self.content, self.sweep, once=self.once)

    def buffer(self, _layer: int, sweep: SweepDesign, maps: int) -> Buffer:
        return ValueBuffer(sweep.packed, maps=maps, readers=self.design.readers)

    def weight_memory(self, layer: int) -> Sram | None:
        """Where its arrays are rewritten."""
        design = self.design
        if not design.reloaded:
            return None
        name = f"weight_memory_{layer}"
        return Sram(name, width=design.weight_bits, depth=design.weight_words, init=self.content.rows)


@dataclass(frozen=True)
class PipelineDesign:
    """Layers in a row: the sweeps of the first one, and those ``behind``; ``steps`` of each inference.

    A first layer whose inputs fire is what sums these, ``spikes``, behind an ``encoder``.  With ``whole_samples``
    (``order: layer_major``) the maps of all steps are handed over together.
    """

    sweep: SweepDesign
    behind: tuple[EventStage | CrossbarStage, ...]
    steps: int
    whole_samples: bool
    spikes: EventStage | CrossbarStage | None = None
    encoder: EncoderDesign | None = None

    @property
    def sweeps(self) -> tuple[SweepDesign, ...]:
        """Of all layers."""
        return (self.sweep, *(stage.sweep for stage in self.behind))

    def first(self) -> CurrentSweep | InputSpikeLayer:
        """What sweeps the first sums, and is in front of all maps."""
        if self.spikes is None or self.encoder is None:
            return CurrentSweep(self.sweep)
        return InputSpikeLayer(self.encoder, self.spikes.core(), together=self.whole_samples)


class Pipeline(wiring.Component):
    """All layers behind the first one's sums.

    ``offer`` says that a sample is there for the engine at ``front``.  ``finished`` is high in the hand-over cycle of a
    sample's last step in the last layer, with the class in ``winner``.  Codes of inputs that fire are read by
    ``codes``; ``fired`` is high in the cycle in which those of a sample are no longer needed.
    """

    def __init__(self, design: PipelineDesign) -> None:
        self.design, sweeps = design, design.sweeps
        self.first = design.first()
        self.behind = [stage.core() for stage in design.behind]
        self.currents = CurrentBuffer(design.sweep)
        maps = design.steps if design.whole_samples else 1
        self.maps = [stage.buffer(layer, sweeps[layer], maps) for layer, stage in enumerate(design.behind)]
        self.control = PipelineControl(len(sweeps), design.steps, whole_samples=design.whole_samples)
        ports: dict[str, Member] = {"offer": In(1), "front": Out(FrontPort(design.sweep)), "finished": Out(1)}
        if design.encoder is not None:
            ports |= {"codes": Out(code_port(design.encoder)), "fired": Out(1)}
        super().__init__(ports | {"winner": Out(index_bits(sweeps[-1].neurons))})

    @property
    def cores(self) -> list[CurrentSweep | InputSpikeLayer | Core]:
        """Of all layers in order."""
        return [self.first, *self.behind]

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.control, m.submodules.current_memory = self.control, self.currents
        for layer, (core, port) in enumerate(zip(self.cores, self.control.steps, strict=True)):
            m.submodules[f"layer_{layer}"] = core
            m.d.comb += [core.start.eq(port.start), core.last.eq(port.last), port.done.eq(core.done)]
        for layer, buffer in enumerate(self.maps):
            m.submodules[f"map_{layer}"] = buffer
            self._join(m, layer, buffer)
        self._connect_front(m)
        self._connect_weights(m)
        m.d.comb += [self.finished.eq(self.control.finished), self.winner.eq(self.cores[-1].winner)]
        return m

    def _connect_front(self, m: Module) -> None:
        """Sums into one half of the current memory, sweeps from the other."""
        front, currents, control, sweep = self.front, self.currents, self.control, self.first
        m.d.comb += [
            control.offer.eq(self.offer),
            front.start.eq(control.front.start),
            control.front.done.eq(front.done),
            currents.write_half.eq(control.front.target_half),
            currents.read_half.eq(control.steps[0].source_half),
            *(getattr(currents, name).eq(getattr(front, name)) for name in WRITE),
        ]
        wiring.connect(m, wiring.flipped(front.earlier), currents.earlier)
        wiring.connect(m, sweep.currents, currents.currents)
        if self.design.encoder is not None:
            wiring.connect(m, sweep.codes, wiring.flipped(self.codes))
            m.d.comb += self.fired.eq(sweep.done & sweep.last)

    def _join(self, m: Module, layer: int, buffer: Buffer) -> None:
        """The map between a layer and the one behind it."""
        before, behind = self.cores[layer], self.cores[layer + 1]
        written, read = self.control.steps[layer], self.control.steps[layer + 1]
        wiring.connect(m, before.target, buffer.write)
        if isinstance(buffer, MapBuffer):
            wiring.connect(m, behind.source, buffer.read)
        else:
            for reader, port in zip(behind.source, buffer.read, strict=True):
                wiring.connect(m, reader, port)
        m.d.comb += [
            buffer.write_half.eq(written.target_half),
            buffer.write_map.eq(written.target_map),
            buffer.read_half.eq(read.source_half),
            buffer.read_map.eq(read.source_map),
        ]

    def _connect_weights(self, m: Module) -> None:
        for layer, (stage, core) in enumerate(zip((self.design.spikes, *self.design.behind), self.cores, strict=True)):
            store = stage.weight_memory(layer) if stage is not None else None
            if store is None:
                continue
            m.submodules[f"weight_memory_{layer}"] = store
            m.d.comb += [
                store.read_enable.eq(core.weights.enable),
                store.read_address.eq(core.weights.address),
                core.weights.data.eq(store.read_data),
            ]
