"""A double buffer between two layers, and who starts when, docs/microarchitecture.md §8 *pipelined*."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.parts.signals import index_bits


class HandOver(wiring.Component):
    """Two halves and a flag of each, *full*.  Both sides use the halves in turn, beginning with half 0.

    ``filled``, in the hand-over cycle of the side in front, marks the half that it has written; ``drained``, in that of
    the side behind, frees the one that it has read.  ``room`` and ``ready`` say, as registered, that the half which is
    filled next, ``write_half``, is free, and that the one which is drained next, ``read_half``, is full.  So each side
    can start in the cycle behind the hand-over that it waits for.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "filled": In(1),
                "drained": In(1),
                "room": Out(1),
                "ready": Out(1),
                "write_half": Out(1),
                "read_half": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        full = Signal(2)
        m.d.comb += [
            self.room.eq(~full.bit_select(self.write_half, 1)),
            self.ready.eq(full.bit_select(self.read_half, 1)),
        ]
        with m.If(self.filled):
            m.d.sync += [full.bit_select(self.write_half, 1).eq(1), self.write_half.eq(~self.write_half)]
        with m.If(self.drained):
            m.d.sync += [full.bit_select(self.read_half, 1).eq(0), self.read_half.eq(~self.read_half)]
        return m


class Stage(wiring.Component):
    """Starts a core's steps, ``steps`` of each inference, as soon as its buffers allow it.

    A step may ``start`` in a cycle in which the core does not work, the buffer in front is ``ready`` and the one behind
    has ``room``.  ``drained`` comes with the ``done`` of a step that is through with its half in front, which is every
    one, or with ``whole_source`` an inference's last; ``filled`` likewise with that which leaves its half behind full.
    ``step`` is the number of the step, ``last`` says that it is the inference's last; both hold until ``done``.
    """

    def __init__(self, *, steps: int, whole_source: bool = False, whole_target: bool = False) -> None:
        self._steps, self._whole_source, self._whole_target = steps, whole_source, whole_target
        super().__init__(
            {
                "ready": In(1),
                "room": In(1),
                "done": In(1),
                "start": Out(1),
                "last": Out(1),
                "drained": Out(1),
                "filled": Out(1),
                "step": Out(index_bits(steps)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        running = Signal()
        m.d.comb += [
            self.start.eq(~running & self.ready & self.room),
            self.last.eq(self.step == self._steps - 1),
            self.drained.eq(self.done & (self.last if self._whole_source else 1)),
            self.filled.eq(self.done & (self.last if self._whole_target else 1)),
        ]
        with m.If(self.start):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += [running.eq(0), self.step.eq(self.step + 1)]
            with m.If(self.last):
                m.d.sync += self.step.eq(0)
        return m
