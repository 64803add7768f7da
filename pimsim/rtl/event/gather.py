"""The event core with the gather dataflow, docs/microarchitecture.md §4.8."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.fifo import Fifo
from pimsim.rtl.event.gather_sums import GatherSums, sums_activity
from pimsim.rtl.event.lanes import weight_port
from pimsim.rtl.event.membranes import BankedMemory
from pimsim.rtl.parts.design import EventDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.signals import Probe, ReadPort, index_bits
from pimsim.rtl.sweep.opening import connect_opening, opening_activity, opening_ports, opening_sums
from pimsim.rtl.sweep.sweep import Sweep, membrane_word, sweep_activity


def gather_activity(design: EventDesign) -> data.StructLayout:
    """Reports of all units, and of each bank of membranes with one port whether it is accessed."""
    banks = design.sweep.banks if design.sweep.ports == 1 else 0
    port = data.StructLayout({f"bank_access_{bank}": 1 for bank in range(banks)})
    return joined(sums_activity(design), opening_activity(design.sweep), sweep_activity(design.sweep), port)


class GatherCore(wiring.Component):
    """One layer: in each step the sums of an output position are formed while those of the one before are swept.

    ``start`` is cycle 0 of a step, ``done`` its hand-over cycle; ``busy`` holds from one to the other.  ``start`` may
    come in the cycle behind ``done``.  ``last`` is held during the inference's last step, which leaves membranes zero.
    The weight memory and the maps are outside; data of ``weights`` belong to the address of the cycle before, with a
    pipeline of one stage to that of the same cycle.

    Of input spikes ``first`` is held during the inference's first step, which only sweeps ``currents``.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design, sweep = design, design.sweep
        self.fields = GatherSums(design)
        self.sweep = Sweep(sweep)
        self.membranes = BankedMemory(
            "membrane_memory",
            width=membrane_word(sweep).size,
            depth=sweep.words,
            banks=sweep.banks,
            ports=sweep.ports,
        )
        result = "target" if sweep.word_values else "winner"
        super().__init__(
            {
                "start": In(1),
                "last": In(1),
                "done": Out(1),
                "busy": Out(1),
                "source": Out(ReadPort(depth=design.map_words, shape=unsigned(design.scan_width))),
                "weights": Out(weight_port(design)),
                result: self.sweep.signature.members[result],
                "probe": Out(Probe(sweep)),
                "activity": Out(gather_activity(design)),
                **opening_ports(sweep),
            }
        )

    @property
    def fifo(self) -> Fifo:
        """Of the entries between scanner and address generator."""
        return self.fields.fifo

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for name in ("fields", "sweep", "membranes"):
            m.submodules[name] = getattr(self, name)
        self._control(m)
        self._connect_ports(m)
        self._connect_sums(m)
        self._connect_membranes(m)
        return m

    @property
    def _gathers(self) -> Value:
        """Whether the step has sums of its own."""
        return ~self.first if self.design.sweep.opens else Const(1)

    def _control(self, m: Module) -> None:
        """A step lasts from its start until the sweep is empty; all units work at the same time."""
        running = Signal()
        m.d.comb += [
            self.fields.start.eq(self.start & self._gathers),
            self.sweep.restart.eq(self.start),
            self.sweep.last.eq(self.last),
            self.done.eq(running & self.sweep.empty),
            self.busy.eq(self.start | running),
        ]
        m.d.sync += running.eq(self.start | (running & ~self.done))

    def _connect_ports(self, m: Module) -> None:
        fields, sweep = self.fields, self.sweep
        for name in ("source", "weights"):
            wiring.connect(m, getattr(fields, name), wiring.flipped(getattr(self, name)))
        sweep.connect_results(m, self)
        m.d.comb += reported(self.activity, fields.activity, sweep.activity)

    def _connect_sums(self, m: Module) -> None:
        """A position's words are issued once its set is full; each is taken in stage 1, the cycle behind its issue."""
        fields, sweep, gathers = self.fields, self.sweep, self._gathers
        chosen, word = Signal(), Signal(index_bits(self.design.sweep.beats))  # of the word to be issued next
        m.d.comb += [
            sweep.ready.eq(Mux(gathers, fields.full.bit_select(chosen, 1), self.busy)),
            fields.release.eq((sweep.issue & sweep.issue_final & gathers) << chosen),
            fields.take.eq(sweep.stage_one & gathers),
            sweep.addend.eq(fields.sums),
        ]
        if self.design.sweep.opens:
            connect_opening(m, self, sweep)
            with m.If(self.first):
                sums = opening_sums(self.design.sweep, self.currents.data)
                m.d.comb += sweep.addend.as_value().eq(sums)
        m.d.sync += [fields.set.eq(chosen), fields.word.eq(word)]
        with m.If(self.start):
            m.d.sync += chosen.eq(0)
        with m.Elif(sweep.issue & gathers):
            m.d.sync += [word.eq(Mux(sweep.issue_final, 0, word + 1)), chosen.eq(chosen ^ sweep.issue_final)]
        if self.design.sweep.weight_zero:
            m.d.comb += sweep.count.eq(fields.count)

    def _connect_membranes(self, m: Module) -> None:
        self.sweep.connect_membranes(m, self.membranes.port)
        if self.design.sweep.ports == 1:
            banks = range(self.design.sweep.banks)
            m.d.comb += [self.activity[f"bank_access_{bank}"].eq(self.membranes.accessed[bank]) for bank in banks]
