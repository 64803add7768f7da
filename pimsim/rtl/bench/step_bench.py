"""What stands around a core while it is simulated: a sequencer of steps, and recorders of what they leave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator, SimulatorContext

from pimsim.errors import HardwareError
from pimsim.model.network import RELU
from pimsim.rtl.bench.recorded import CLOCK, activation_values, lane_values, packed_spikes, rows_of, words_of_any_width
from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.parts.observe import METER_BITS, Int64Array, Meter, Observed
from pimsim.rtl.parts.signals import index_bits
from pimsim.rtl.parts.sram import Sram

Core = Any
"""A component with ``start``, ``last``, ``done``, ``probe``, ``activity`` and ``target`` or ``winner``."""


MOST_LANES = 2048
"""A word of more lanes makes expressions that nest deeper than Python compiles; 2,048 lanes take half a minute."""


def check_lanes(sweep: SweepDesign) -> None:
    """Raises HardwareError for more lanes than can be simulated register by register."""
    if sweep.lanes > MOST_LANES:
        raise HardwareError(f"lanes={sweep.lanes}: at most {MOST_LANES} can be simulated register by register")


class StepBench(wiring.Component, ABC):
    """Runs ``steps`` steps of each of a number of inferences, ``runs`` in all, one behind the other.

    It begins by itself in the first cycle; ``over`` follows the last step, ``stuck`` says that a step took more than
    ``patience`` cycles.  `target`, `winners` and `cycles` record what is seen, a stretch or a row per step; `membranes`
    is the word that was written last, `place` its number in all steps, for to simulate a memory as wide would take
    longer than the core.  Who uses it adds what the core reads, in `_feed`.
    """

    def __init__(self, core: Core, sweep: SweepDesign, *, runs: int, steps: int, patience: int) -> None:
        self.core, self.sweep, self.runs, self.steps, self.patience = core, sweep, runs, steps, patience
        self.meter = Meter(core.activity.shape())
        self.step = Signal(range(steps + 1))  # of the inference, from 0
        self.place = Signal(range(-1, runs * sweep.words), init=-1)
        self.membranes = Signal(sweep.lanes * sweep.neuron.accumulator_bits)
        self.target = memory.MemoryData(shape=max(1, sweep.word_bits), depth=runs * max(1, sweep.output_words), init=[])
        self.winners = memory.MemoryData(shape=index_bits(sweep.neurons), depth=runs, init=[])
        self.cycles = memory.MemoryData(shape=METER_BITS, depth=runs, init=[])
        super().__init__({"over": Out(1), "stuck": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core, m.submodules.meter = self.core, self.meter
        run = Signal(range(self.runs + 1))
        self._sequence(m, run)
        self._feed(m, run)
        self._record(m, run)
        m.d.comb += self.meter.activity.eq(self.core.activity)
        return m

    def _sequence(self, m: Module, run: Signal) -> None:
        """Starts a step in the cycle behind the one before, and counts its cycles."""
        core, starts, cycle, step = self.core, Signal(init=1), Signal(METER_BITS), self.step
        m.d.comb += [core.start.eq(starts), core.last.eq(step == self.steps - 1)]
        m.d.sync += [starts.eq(0), cycle.eq(cycle + 1), self.stuck.eq(self.stuck | (cycle > self.patience))]
        with m.If(core.done):
            m.d.sync += [cycle.eq(0), run.eq(run + 1), step.eq(step + 1)]
            with m.If(core.last):
                m.d.sync += step.eq(0)
            m.d.sync += [starts.eq(run != self.runs - 1), self.over.eq(run == self.runs - 1)]
        self._recorder(m, "cycles", self.cycles, core.done, run, cycle + 1)

    @abstractmethod
    def _feed(self, m: Module, run: Signal) -> None:
        """What the core reads in step ``run`` of all."""

    def completed(self, _context: SimulatorContext, observed: Observed) -> Observed:
        """``observed`` with what recorders of its own hold."""
        return observed

    def _record(self, m: Module, run: Signal) -> None:
        core, sweep = self.core, self.sweep
        with m.If(core.probe.valid):
            m.d.sync += self.place.eq(run * sweep.words + core.probe.word)
            m.d.sync += self.membranes.eq(core.probe.membrane.as_value())
        if not sweep.word_values:
            self._recorder(m, "winners", self.winners, core.done, run, core.winner)
            return
        m.submodules.target = target = memory.Memory(self.target)
        for index in range(len(core.target.enable)):
            port = target.write_port()
            m.d.comb += [
                port.en.eq(core.target.enable[index]),
                port.addr.eq(run * sweep.output_words + core.target.address + index),
                port.data.eq(core.target.data[index]),
            ]

    @staticmethod
    def _recorder(m: Module, name: str, content: memory.MemoryData, enable: Any, place: Any, value: Any) -> None:
        m.submodules[name] = store = memory.Memory(content)
        port = store.write_port()
        m.d.comb += [port.en.eq(enable), port.addr.eq(place), port.data.eq(value)]


def connect_memory(m: Module, name: str, sram: Sram, reader: Any) -> None:
    """``sram`` behind a core's read port."""
    m.submodules[name] = sram
    m.d.comb += [
        sram.read_enable.eq(reader.enable),
        sram.read_address.eq(reader.address),
        reader.data.eq(sram.read_data),
    ]


async def ended(context: SimulatorContext, *flags: Signal) -> None:
    """Waits for the cycle behind the first in which one of ``flags`` is set.

    Woken by them alone: a wait that looks at every cycle (``until``) complains on stderr when it is interrupted.
    """
    while not any(context.get(flag) for flag in flags):
        await context.changed(*flags)
    await context.tick()


def run_bench(
    bench: StepBench, name: str, watched: dict[str, Value] | None = None
) -> tuple[Observed, list[Int64Array]]:
    """Simulates to the end of the last step; of every cycle until then the ``watched`` signals, (cycles,) each.

    Raises RuntimeError, naming the layer ``name``, where a step does not end.
    """
    with words_of_any_width():
        simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    found: list[Observed] = []
    written: dict[int, int] = {}
    seen: list[tuple[int, ...]] = []
    signals = list(watched.values()) if watched else []

    async def observe(context: SimulatorContext) -> None:
        await ended(context, bench.over, bench.stuck)
        if context.get(bench.stuck):
            raise RuntimeError(f'layer "{name}": no hand-over within {bench.patience} cycles')
        found.append(bench.completed(context, _observed(context, bench, written)))

    async def record(context: SimulatorContext) -> None:
        while True:
            (place,) = await context.changed(bench.place)
            written[place] = context.get(bench.membranes)

    async def watch(context: SimulatorContext) -> None:
        async for _clock, _reset, over, *values in context.tick().sample(bench.over, *signals):
            if over:
                return
            seen.append(tuple(values))

    simulator.add_testbench(observe)
    simulator.add_testbench(record, background=True)
    if watched:
        simulator.add_testbench(watch, background=True)
    simulator.run()
    return found[0], list(np.array(seen, np.int64).reshape(len(seen), len(signals)).T)


def _observed(context: SimulatorContext, bench: StepBench, written: dict[int, int]) -> Observed:
    """What the recorders hold at the end; ``written`` are the membrane words of all steps by number, 0 if missing."""
    sweep, steps = bench.sweep, bench.steps
    samples, neurons = bench.runs // steps, sweep.neurons
    words = [written.get(place, 0) for place in range(bench.runs * sweep.words)]
    values = lane_values(words, sweep.lanes, sweep.neuron.accumulator_bits)
    membranes = values.reshape(samples, steps, sweep.positions, sweep.beats * sweep.lanes)[..., : sweep.channels]
    return Observed(
        step_cycles=np.array(rows_of(context, bench.cycles), np.int64).reshape(samples, steps),
        counts={name: int(context.get(total)) for name, total in bench.meter.totals.items()},
        membranes=np.ascontiguousarray(membranes).reshape(samples, steps, neurons),
        front_cycles=np.zeros(samples, np.int64),
        **_results(context, bench, samples),
    )


def _results(context: SimulatorContext, bench: StepBench, samples: int) -> dict[str, Any]:
    """Spikes, activations or classes, whichever the layer hands on."""
    sweep, steps = bench.sweep, bench.steps
    none = np.empty((samples, steps, 0), np.uint8)
    if not sweep.word_values:
        winners = np.array(rows_of(context, bench.winners), np.int64).reshape(samples, steps)
        return {"spikes": none, "classes": winners[:, -1]}
    words = rows_of(context, bench.target)
    if sweep.neuron.kind == RELU:
        return {"spikes": none, "activations": activation_values(words, sweep).reshape(samples, -1)}
    return {"spikes": packed_spikes(words, sweep.word_bits, sweep.neurons).reshape(samples, steps, -1)}
