"""The event core with ``dataflow: scatter``, docs/microarchitecture.md §4.1 – §4.7."""

from __future__ import annotations

from amaranth.hdl import Const, Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pimsim.rtl.event.address_generator import GENERATOR_ACTIVITY, AddressGenerator
from pimsim.rtl.event.fifo import FIFO_ACTIVITY, Fifo
from pimsim.rtl.event.lanes import LaneActivity, Lanes, weight_port
from pimsim.rtl.event.membranes import SharedMemory
from pimsim.rtl.event.scanner import SCANNER_ACTIVITY, Scanner
from pimsim.rtl.parts.design import EventDesign, SweepDesign
from pimsim.rtl.parts.observe import joined, reported
from pimsim.rtl.parts.signals import Probe, ReadPort, index_bits
from pimsim.rtl.sweep.opening import connect_opening, opening_activity, opening_ports, opening_sums
from pimsim.rtl.sweep.sweep import Sweep, membrane_word, sweep_activity


def scatter_activity(design: EventDesign) -> data.StructLayout:
    """What the core reports of a cycle; with a single port also which banks of the membrane memory are accessed."""
    banks = design.sweep.banks if design.sweep.ports == 1 else 0
    port = data.StructLayout({f"bank_access_{bank}": 1 for bank in range(banks)})
    units = (SCANNER_ACTIVITY, FIFO_ACTIVITY, GENERATOR_ACTIVITY, LaneActivity(design))
    return joined(*units, opening_activity(design.sweep), sweep_activity(design.sweep), port)


class CountPositions(wiring.Component):
    """Where the sweep reads and clears counts: at the position of its first words, one after the other."""

    def __init__(self, sweep: SweepDesign) -> None:
        position = index_bits(sweep.positions)
        super().__init__(
            {
                "restart": In(1),
                "reads": In(1),
                "clears": In(1),
                "read": Out(position),
                "clear": Out(position),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for position, moves in ((self.read, self.reads), (self.clear, self.clears)):
            with m.If(self.restart):
                m.d.sync += position.eq(0)
            with m.Elif(moves):
                m.d.sync += position.eq(position + 1)
        return m


class ScatterCore(wiring.Component):
    """One layer: in each step spikes of the source map are scattered into the membranes, which are then swept.

    ``start`` is cycle 0 of a step, ``done`` its hand-over cycle; ``busy`` holds from one to the other.  ``start`` may
    come in the cycle behind ``done``.  ``last`` is held during the inference's last step, which leaves membranes and
    counts zero.  The weight memory and the maps are outside; data of ``weights`` belong to the address of the cycle
    before, with a pipeline of one stage to that of the same cycle.

    Of input spikes ``first`` is held during the inference's first step, which only sweeps ``currents``.
    """

    def __init__(self, design: EventDesign) -> None:
        self.design, sweep = design, design.sweep
        entry_bits = index_bits(design.map_neurons)
        self.scanner = Scanner(words=design.map_words, width=design.scan_width, entry_bits=entry_bits)
        self.fifo = Fifo(depth=design.fifo_depth, entry=unsigned(entry_bits))
        self.generator = AddressGenerator(design)
        self.lanes = Lanes(design)
        self.sweep = Sweep(sweep)
        self.membranes = self._memory("membrane_memory", membrane_word(sweep).size, sweep.words)
        self.counts = self._memory("count_memory", sweep.count_bits, sweep.positions) if sweep.weight_zero else None
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
                "activity": Out(scatter_activity(design)),
                **opening_ports(sweep),
            }
        )

    def _memory(self, name: str, width: int, depth: int) -> SharedMemory:
        sweep, asynchronous = self.design.sweep, self.design.pipeline_depth == 1
        return SharedMemory(
            name, width=width, depth=depth, banks=sweep.banks, ports=sweep.ports, asynchronous=asynchronous
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for name in ("scanner", "fifo", "generator", "lanes", "sweep", "membranes"):
            m.submodules[name] = getattr(self, name)
        self._control(m)
        self._connect_scatter(m)
        self._connect_sweep(m)
        if self.counts is not None:
            m.submodules.counts = self.counts
            self._connect_counts(m, self.counts)
        self._report(m)
        return m

    def _control(self, m: Module) -> None:
        """SCATTER until all that was scanned is written, then SWEEP until the sweep is empty; a first step of input
        spikes sweeps at once."""
        scattered = self.scanner.scanned & ~self.fifo.available & ~self.generator.holds & self.lanes.empty
        opens = self.first if self.design.sweep.opens else Const(0)
        with m.FSM() as controller:
            with m.State("IDLE"), m.If(self.start):
                m.next = "SCATTER"
                if self.design.sweep.opens:
                    with m.If(opens):
                        m.next = "SWEEP"
            with m.State("SCATTER"), m.If(scattered):
                m.next = "SWEEP"
            with m.State("SWEEP"), m.If(self.sweep.empty):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        m.d.comb += [
            self.busy.eq(self.start | ~controller.ongoing("IDLE")),
            self.scanner.start.eq(self.start & ~opens),
            self.sweep.restart.eq(self.start),
            self.sweep.last.eq(self.last),
            self.sweep.ready.eq(controller.ongoing("SWEEP") | (self.start & opens)),
        ]

    def _connect_scatter(self, m: Module) -> None:
        """Scanner → FIFO → generator → lanes."""
        scanner, fifo, generator, lanes = self.scanner, self.fifo, self.generator, self.lanes
        wiring.connect(m, scanner.source, wiring.flipped(self.source))
        wiring.connect(m, lanes.weights, wiring.flipped(self.weights))
        wiring.connect(m, lanes.membranes, self.membranes.lanes)
        m.d.comb += [
            scanner.ready.eq(fifo.ready),
            fifo.push.eq(scanner.push),
            fifo.entry.eq(scanner.entry),
            fifo.pop.eq(generator.pop),
            generator.available.eq(fifo.available),
            generator.event.eq(fifo.head),
            generator.willing.eq(lanes.willing),
            lanes.slot.eq(generator.slot),
            lanes.issue.eq(generator.issue),
        ]

    def _connect_sweep(self, m: Module) -> None:
        self.sweep.connect_results(m, self)
        self.sweep.connect_membranes(m, self.membranes.sweep)
        m.d.comb += self.membranes.sweeping.eq(self.sweep.ready)
        if self.design.sweep.opens:
            connect_opening(m, self, self.sweep)
            m.d.comb += self.sweep.addend.as_value().eq(opening_sums(self.design.sweep, self.currents.data))

    def _connect_counts(self, m: Module, counts: SharedMemory) -> None:
        """The sweep reads a position's count with its first word, and clears it when that one is written."""
        sweep, port = self.sweep, counts.sweep
        counted = ~self.first if self.design.sweep.opens else Const(1)
        m.submodules.positions = positions = CountPositions(self.design.sweep)
        wiring.connect(m, self.lanes.counts, counts.lanes)
        m.d.comb += [
            positions.restart.eq(sweep.restart),
            positions.reads.eq(sweep.issue & sweep.issue_first & counted),
            positions.clears.eq(sweep.write_enable & sweep.write_first & counted),
            counts.sweeping.eq(sweep.ready),
            port.read_enable.eq(positions.reads),
            port.read_address.eq(positions.read),
            sweep.count.eq(port.read_data),
            port.write_enable.eq(positions.clears),
            port.write_address.eq(positions.clear),
        ]

    def _report(self, m: Module) -> None:
        """Accesses of the memories are counted where lanes and sweep meet."""
        shared = {"membrane_memory": self.membranes} | ({"count_memory": self.counts} if self.counts else {})
        apart = [f"{name}_{action}" for name in shared for action in ("read", "write")]
        units = (self.scanner, self.fifo, self.generator, self.lanes, self.sweep)
        m.d.comb += reported(self.activity, *(unit.activity for unit in units), apart=apart)
        for name, memory in shared.items():
            m.d.comb += [self.activity[f"{name}_{action}"].eq(getattr(memory, action)) for action in ("read", "write")]
        if self.design.sweep.ports == 1:
            banks = range(self.design.sweep.banks)
            m.d.comb += [self.activity[f"bank_access_{bank}"].eq(self.membranes.accessed[bank]) for bank in banks]
