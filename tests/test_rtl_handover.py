"""The double-buffered hand-over between layers: when each step starts, and what the buffer gives back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_schedule import pipeline_ends
from rtl_sweep import sweeps

from pimsim.rtl.parts.map_buffer import MapBuffer
from pimsim.rtl.pipeline.control import PipelineControl
from pimsim.simulation.kernels_schedule_pipeline import pipeline


class Engines:
    """Cores that do nothing but take their time: of every step, as many cycles as ``service`` says."""

    def __init__(self, control: PipelineControl, service: list[list[int]], front: int, samples: int) -> None:
        self.control, self.times = control, [[front] * samples, *service]
        self.ports = [control.front, *control.steps]
        self.begun = [0] * len(self.ports)
        self.left = [0] * len(self.ports)
        self.starts: list[list[int]] = [[] for _ in self.ports]
        self.lasts: list[list[int]] = [[] for _ in self.ports]
        self.finished: list[int] = []

    async def drive(self, ctx):
        cycle, samples = 0, len(self.times[0])
        while len(self.finished) < samples:
            ctx.set(self.control.offer, self.begun[0] < samples)
            self.finish(ctx)
            for number, port in enumerate(self.ports):
                if ctx.get(port.start):
                    assert self.left[number] == 0
                    self.left[number] = self.times[number][self.begun[number]]
                    self.begun[number] += 1
                    self.starts[number].append(cycle)
                    self.lasts[number].append(ctx.get(port.last))
            self.finish(ctx)
            if ctx.get(self.control.finished):
                self.finished.append(cycle + 1)
            self.left = [max(0, left - 1) for left in self.left]
            await ctx.tick()
            cycle += 1

    def finish(self, ctx):
        """The last cycle of a step is its hand-over cycle."""
        for port, left in zip(self.ports, self.left, strict=True):
            ctx.set(port.done, left == 1)


@st.composite
def services(draw):
    layers, steps, samples = (draw(st.integers(1, n)) for n in (4, 4, 5))
    times = st.lists(st.integers(2, 9), min_size=samples * steps, max_size=samples * steps)
    return [draw(times) for _ in range(layers)], draw(st.sampled_from([2, 3, 7, 30])), steps, samples


def run(service, front, steps, samples, *, whole_samples=False):
    control = PipelineControl(len(service), steps, whole_samples=whole_samples)
    engines = Engines(control, service, front, samples)
    simulator = Simulator(control)
    simulator.add_clock(1e-6)
    simulator.add_testbench(engines.drive)
    simulator.run()
    return engines


@settings(max_examples=60)
@given(services())
def test_steps_start_when_the_equations_say(made):
    """As the simulator has it, for any times of layers and sums; steps come in order, the last ones marked."""
    service, front, steps, samples = made
    engines = run(service, front, steps, samples)
    finished = np.zeros(samples, np.int64)
    pipeline(np.array(service, np.int64), front, steps, 0, finished)
    assert engines.finished == finished.tolist() == pipeline_ends(service, front, steps)
    for lasts in engines.lasts[1:]:
        assert lasts == [step % steps == steps - 1 for step in range(samples * steps)]


@settings(max_examples=40)
@given(services())
def test_whole_samples_are_handed_over_with_their_last_step(made):
    """Layer-major the equations count samples: a layer's steps of one sample follow each other."""
    service, front, steps, samples = made
    engines = run(service, front, steps, samples, whole_samples=True)
    whole = np.array(service, np.int64).reshape(len(service), samples, steps).sum(2)
    finished = np.zeros(samples, np.int64)
    pipeline(whole, front, 1, 0, finished)
    assert engines.finished == finished.tolist()
    for layer, starts in enumerate(engines.starts[1:]):
        first = np.array(starts).reshape(samples, steps)
        assert (np.diff(first, axis=1) == np.array(service[layer]).reshape(samples, steps)[:, :-1]).all()


@st.composite
def maps_of_sweeps(draw):
    """A buffer whose packer has up to 4 words full in a cycle, and what is written into it: map by map, in runs."""
    design = draw(sweeps("lif"))
    design = replace(design, word_values=draw(st.integers(1, 9)))
    count, rng = draw(st.integers(1, 3)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    contents = rng.integers(0, 2**design.word_values, (2 * count, design.output_words)).tolist()
    return design, count, contents, rng


@settings(max_examples=60)
@given(maps_of_sweeps())
def test_a_map_is_read_as_it_was_written_while_the_other_half_is_filled(made):
    design, count, contents, rng = made
    buffer = MapBuffer("map", design.packed, maps=count)
    at_once = design.packed.at_once

    async def drive(ctx):
        for turn in range(3):  # the third round overwrites the first half
            for number in range(count):
                await fill(ctx, turn % 2, number, contents[(turn * count + number) % len(contents)], turn)

    async def fill(ctx, half, number, words, turn):
        """One map in runs of words; beside it the map of the same number of the other half is read."""
        address, other = 0, contents[((turn - 1) * count + number) % len(contents)]
        ctx.set(buffer.write_half, half)
        ctx.set(buffer.write_map, number)
        ctx.set(buffer.read_half, 1 - half)
        ctx.set(buffer.read_map, number)
        while address < len(words):
            run = int(rng.integers(0, min(at_once, len(words) - address) + 1))
            ctx.set(buffer.write.enable, 2**run - 1)
            ctx.set(buffer.write.address, address)
            for k in range(run):
                ctx.set(buffer.write.data[k], words[address + k])
            wanted = int(rng.integers(0, len(other)))
            ctx.set(buffer.read.enable, 1)
            ctx.set(buffer.read.address, wanted)
            await ctx.tick()
            ctx.set(buffer.read.enable, 0)
            ctx.set(buffer.read.address, int(rng.integers(0, len(other))))
            if turn:
                assert ctx.get(buffer.read.data) == other[wanted]
            address += run

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
