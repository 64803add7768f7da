"""From input codes to the map of a step, docs/microarchitecture.md §11.2."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.mapping import Mapping
from pimsim.model.network import IntegerNetwork
from pimsim.rtl.parts.design import PackDesign
from pimsim.rtl.parts.lookup import lookup
from pimsim.rtl.parts.signals import MapWrite, ReadPort, index_bits
from pimsim.rtl.sweep.packer import Packer


@dataclass(frozen=True)
class EncoderDesign:
    """Codes of ``code_bits``, ``packed.lanes`` to a word of the input memory, and the map that is made of them.

    ``lowest`` has an entry for every step t = 1 … T: the least code that fires at t or before.
    """

    code_bits: int
    lowest: tuple[int, ...]
    packed: PackDesign

    @property
    def steps(self) -> int:
        return len(self.lowest)

    @property
    def words(self) -> int:
        """V, those of the input memory."""
        return -(-self.packed.values // self.packed.lanes)


def encoder_design(network: IntegerNetwork, mapping: Mapping) -> EncoderDesign:
    """Of a hybrid ``network``, whose codes are read as the engine of step 1 reads them."""
    assert network.input_spikes is not None
    assert mapping.input_spikes is not None
    codes, bits, inputs = mapping.layers[0], network.input.bits, prod(network.architecture.input_shape)
    port = codes.memories.source.word_bits // codes.operands.stored_bits
    fires = network.input_spikes.steps(np.arange(2**bits, dtype=np.uint32), mapping.steps)  # never later for more
    return EncoderDesign(
        code_bits=bits,
        lowest=tuple(int(np.count_nonzero(fires > step)) for step in range(1, mapping.steps + 1)),
        packed=PackDesign(
            inputs, 1, mapping.input_spikes.memories.source.word_bits, port, inputs - (inputs - 1) // port * port
        ),
    )


def code_port(design: EncoderDesign) -> ReadPort:
    """Reads a word of codes, the first in the lowest bits."""
    return ReadPort(depth=design.words, shape=unsigned(design.packed.lanes * design.code_bits))


def encoder_activity(design: EncoderDesign) -> data.StructLayout:
    """What the encoder counts in a cycle: reads with the address, comparisons and packed words of bits in the cycle
    behind, words of the map as they are written."""
    highest = {"encoder_busy": 1, "input_memory_read": 1, "encoder_compare": 2 * design.packed.lanes}
    highest |= {"encoder_pack": 1, "encoder_write": design.packed.at_once}
    return data.StructLayout({name: count.bit_length() for name, count in highest.items()})


class Encoder(wiring.Component):
    """Turns all codes into the spike map of step ``number``, 2 … T, from ``start`` in cycle 0 to ``done`` in its
    hand-over cycle.

    A code fires where it is at least the least that fires at the step or before, and below the least that fires before
    it.  ``number`` is held.  Input memory and map are outside.
    """

    def __init__(self, design: EncoderDesign) -> None:
        self.design = design
        super().__init__(
            {
                "start": In(1),
                "number": In(range(design.steps + 1)),
                "done": Out(1),
                "codes": Out(code_port(design)),
                "target": Out(MapWrite(design.packed)),
                "activity": Out(encoder_activity(design)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m, design = Module(), self.design
        m.submodules.packer = packer = Packer(design.packed)
        word, reading, running = Signal(index_bits(design.words)), Signal(), Signal()
        reads, final = Signal(), Signal()
        arrived, arrived_final = Signal(), Signal()
        m.d.comb += [
            reads.eq(self.start | reading),
            final.eq(word == design.words - 1),
            self.codes.enable.eq(reads),
            self.codes.address.eq(word),
            packer.enter.eq(arrived),
            packer.final.eq(arrived_final),
            packer.last.eq(arrived_final),
            packer.values.as_value().eq(self._bits(arrived_final)),
            self.done.eq(running & ~reading & ~arrived & ~packer.busy),
        ]
        wiring.connect(m, wiring.flipped(self.target), packer.target)
        with m.If(reads):
            m.d.sync += word.eq(Mux(final, 0, word + 1))
        m.d.sync += [
            reading.eq(reads & ~final),
            arrived.eq(reads),
            arrived_final.eq(reads & final),
            running.eq((self.start | running) & ~self.done),
        ]
        self._report(m, arrived, arrived_final, packer.written)
        return m

    def _bits(self, final: Value) -> Value:
        """Of every code of a word whether it fires; places behind the last code do not."""
        design = self.design
        low = lookup((0, *design.lowest), self.number)
        high = lookup((0, 0, *design.lowest[:-1]), self.number)
        codes = (self.codes.data.word_select(lane, design.code_bits) for lane in range(design.packed.lanes))
        fires = Cat((code >= low) & (code < high) for code in codes)
        return Mux(final, fires & ((1 << design.packed.left) - 1), fires)

    def _report(self, m: Module, arrived: Value, final: Value, written: Value) -> None:
        packed = self.design.packed
        compared = Mux(final, 2 * packed.left, 2 * packed.lanes)
        counted = {
            "encoder_busy": self.codes.enable,
            "input_memory_read": self.codes.enable,
            "encoder_compare": Mux(arrived, compared, Const(0)),
            "encoder_pack": arrived,
            "encoder_write": written,
        }
        m.d.comb += [self.activity[name].eq(value) for name, value in counted.items()]
