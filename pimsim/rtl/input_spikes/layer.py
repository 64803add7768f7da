"""A first layer whose inputs fire, docs/microarchitecture.md §11: encoder, map, sums of input spikes, sweeps."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.crossbar.layer import PimLayer
from pimsim.rtl.event.core import EventCore
from pimsim.rtl.input_spikes.encoder import Encoder, EncoderDesign, code_port
from pimsim.rtl.parts.map_buffer import MapBuffer
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.value_buffer import ValueBuffer
from pimsim.rtl.sweep.opening import opening_port

Core = EventCore | PimLayer
Buffer = MapBuffer | ValueBuffer

MAP = "encoded_map"


class InputSpikeLayer(wiring.Component):
    """Steps of inferences, from ``start`` in cycle 0 of a step to ``done`` in its hand-over cycle, around a ``core``
    that does what is not the encoder's.

    Step 1 sweeps ``currents``.  Every later one begins with the encoder, whose hand-over the core's step follows; with
    ``together`` (``order: layer_major``) all maps are made in front of step 2, as they are for a crossbar that forms
    the sums of all steps at once.  ``last`` is held during the inference's last step.  The input memory (``codes``),
    the current memory of step 1, the weight memory and the map behind are outside.
    """

    def __init__(self, encoder: EncoderDesign, core: Core, *, together: bool = False) -> None:
        self.core, self.encoder, self._design = core, Encoder(encoder), encoder
        at_once = core.design.passes if isinstance(core, PimLayer) else 1
        self._maps = encoder.steps - 1 if together else at_once
        self.map = self._buffer()
        ports = core.signature.members
        passed = {name: ports[name] for name in ("weights", "target", "winner", "probe") if name in ports}
        sweep = core.sweep.design
        super().__init__(
            {
                "start": In(1),
                "last": In(1),
                "done": Out(1),
                "busy": Out(1),
                "codes": Out(code_port(encoder)),
                "currents": Out(opening_port(sweep)),
                **passed,
                "activity": Out(joined(self.encoder.activity.shape(), core.activity.shape())),
            }
        )

    def _buffer(self) -> Buffer:
        packed = self._design.packed
        if isinstance(self.core, PimLayer):
            return ValueBuffer(packed, maps=self._maps, readers=self.core.design.readers, halves=1)
        return MapBuffer(MAP, packed, maps=self._maps, halves=1)

    def elaborate(self, _platform: object) -> Module:
        m, core, encoder = Module(), self.core, self.encoder
        m.submodules.encoder, m.submodules.core, m.submodules[MAP] = encoder, core, self.map
        self._control(m)
        self._connect_map(m)
        wiring.connect(m, encoder.codes, wiring.flipped(self.codes))
        for name in ("currents", "weights", "target", "probe"):
            if name in core.signature.members:
                wiring.connect(m, getattr(core, name), wiring.flipped(getattr(self, name)))
        if "winner" in core.signature.members:
            m.d.comb += self.winner.eq(core.winner)
        m.d.comb += reported(self.activity, encoder.activity, core.activity)
        return m

    def _control(self, m: Module) -> None:
        """Who works: the core at once, or the encoder and behind it the core."""
        core, encoder, steps = self.core, self.encoder, self._design.steps
        running, encoded = Signal(), Signal()
        self._step = step = Signal(range(steps + 1), init=1)
        self._number = Signal(range(steps + 1), init=2)  # of the map that is encoded
        at_once = self._maps > 1
        encodes = step == 2 if at_once else step != 1
        complete: Value = self._number == steps if at_once else Const(1)
        following = Signal()  # one map more
        m.d.comb += [
            core.first.eq(step == 1),
            core.last.eq(self.last),
            encoder.start.eq((self.start & encodes) | following),
            encoder.number.eq(self._number),
            core.start.eq((self.start & ~encodes) | encoded),
            self.done.eq(core.done),
            self.busy.eq(self.start | running),
        ]
        m.d.sync += [
            running.eq(self.busy & ~self.done),
            encoded.eq(encoder.done & complete),
            following.eq(encoder.done & ~complete),
        ]
        with m.If(encoder.done):
            m.d.sync += self._number.eq(self._number + 1)
        with m.If(self.done):
            m.d.sync += step.eq(step + 1)
            with m.If(self.last):
                m.d.sync += [step.eq(1), self._number.eq(2)]

    def _connect_map(self, m: Module) -> None:
        """Written by the encoder, read by the core; never at the same time."""
        wiring.connect(m, self.encoder.target, self.map.write)
        m.d.comb += self.map.write_map.eq(self._number - 2 if self._maps > 1 else 0)
        if isinstance(self.map, MapBuffer):
            m.d.comb += self.map.read_map.eq(self._step - 2 if self._maps > 1 else 0)
            wiring.connect(m, self.core.source, self.map.read)
            return
        for reader, port in zip(self.core.source, self.map.read, strict=True):
            wiring.connect(m, reader, port)
