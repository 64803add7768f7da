"""The machines of docs/microarchitecture.md, stepped one clock at a time, in plain Python.

Each class holds registers; ``step`` looks at them as they are at the start of a cycle, and changes them as the
clock edge at its end does.  Nothing here knows a formula for how long anything takes.
"""

from __future__ import annotations

from collections import Counter
from itertools import product


def reached_outputs(shape):
    """Brute force over outputs and taps: input position (before the pool, hardware order) → list of outputs."""
    c, d, h, w = shape.viewed_shape
    _, pooled_d, pooled_h, pooled_w = shape.in_shape
    reached = {position: [] for position in product(range(d), range(h), range(w))}
    for output in product(*(range(n) for n in shape.out_size)):
        for tap in product(*(range(k) for k in shape.kernel)):
            corner = [o * s - p + t for o, s, p, t in zip(output, shape.stride, shape.padding, tap, strict=True)]
            if all(0 <= i < n for i, n in zip(corner, (pooled_d, pooled_h, pooled_w), strict=True)):
                for inner in product(*(range(p) for p in shape.pool)):
                    source = tuple(i * p + j for i, p, j in zip(corner, shape.pool, inner, strict=True))
                    reached[source].append(output)
    return [reached[position] for position in product(range(d), range(h), range(w))], c


class EventCore:
    """Scanner, FIFO, address generator, lanes and sweep for one step of one layer."""

    def __init__(self, bits, shape, *, lanes, scan_width, fifo_depth, pipeline_depth, sweep_depth):
        self.targets, self.channels = reached_outputs(shape)
        self.shape, self.lanes, self.scan_width, self.fifo_depth = shape, lanes, scan_width, fifo_depth
        words = -(-len(bits) // scan_width)
        padded = list(bits) + [0] * (words * scan_width - len(bits))
        self.memory = [padded[i * scan_width : (i + 1) * scan_width] for i in range(words)]
        self.count = Counter()
        # registers
        self.next_read = 0  # next word to read
        self.output = None  # spike memory's output register: number of the word it holds
        self.scan = None  # scan register: (word number, positions of set bits)
        self.scan_done = False
        self.fifo = []
        self.slots = []  # beats that the generator still has to issue for its event; None is a slot without target
        self.stages = [None] * pipeline_depth
        self.sweeping = False
        self.sweep_next = 0
        self.sweep_stages = [None] * sweep_depth
        self.packer_bits = 0
        self.packer_last = False
        self.finished = False

    def run(self):
        cycles = 0
        while not self.finished:
            self.step()
            cycles += 1
        return cycles

    def step(self):
        if self.sweeping:
            self.step_sweep()
            return
        level = len(self.fifo)  # registered: pushes and pops of this cycle do not show
        fifo_head = self.fifo[0] if level else None
        if self.scan_done and level == 0 and not self.slots and not any(s is not None for s in self.stages):
            self.sweeping = True
            return
        beat = self.slots[0] if self.slots else None
        pop = level > 0 and len(self.slots) <= 1
        pushed = self.step_scanner(level)
        # lanes and generator
        if self.stages[-1] is not None and self.stages[-1] != "void":
            self.count["lane writes"] += 1
        self.stages = [beat, *self.stages[:-1]]
        if beat is not None:
            self.count["generator busy"] += 1
            self.slots = self.slots[1:]
            if beat != "void":
                word = beat[1]
                active = min(self.lanes, self.shape.out_channels - word * self.lanes)
                self.count["beats"] += 1
                self.count["accumulates"] += active
                self.count["counted"] += word == 0
        if pop:
            self.fifo = self.fifo[1:]
            self.count["pops"] += 1
            self.slots = self.slots_of(fifo_head)
        if pushed is not None:
            self.fifo = [*self.fifo, pushed]
            self.count["pushes"] += 1

    def slots_of(self, event):
        outputs = self.targets[event // self.channels]
        words = range(-(-self.shape.out_channels // self.lanes))
        return [(output, word) for output in outputs for word in words] or ["void"]

    def step_scanner(self, level):
        """Acts on the scan register and the spike memory; returns the event pushed in this cycle."""
        pushed, take = None, False
        if self.scan is not None:
            number, bits = self.scan
            if not bits:
                take = True
                self.count["scanner busy"] += 1
            elif level < self.fifo_depth:
                pushed = number * self.scan_width + bits[0]
                self.scan = (number, bits[1:])
                take = len(bits) == 1
                self.count["scanner busy"] += 1
            else:
                self.count["scanner stall"] += 1
        elif self.output is not None and not self.scan_done:
            take = True
        start = self.next_read == 0
        if take:
            if self.output is None:
                self.scan, self.scan_done = None, True
            else:
                self.scan = (self.output, [i for i, bit in enumerate(self.memory[self.output]) if bit])
        if start or take:  # a read issued in this cycle is at the output in the next
            self.output = self.next_read if self.next_read < len(self.memory) else None
            if self.next_read < len(self.memory):
                self.count["scan reads"] += 1
            self.next_read += 1
        return pushed

    def step_sweep(self):
        words_per_position = -(-self.shape.out_channels // self.lanes)
        words = self.shape.positions * words_per_position
        pending = self.packer_bits >= self.scan_width or (self.packer_last and self.packer_bits > 0)
        idle = self.sweep_next == words and not any(s is not None for s in self.sweep_stages) and not self.packer_last
        if idle:
            self.finished = True
            return
        if pending:
            whole, rest = divmod(self.packer_bits, self.scan_width)
            written = whole + (rest > 0 and self.packer_last)
            assert written <= -(-(self.scan_width - 1 + self.lanes) // self.scan_width)
            self.count["spike writes"] += written
            self.packer_bits = 0 if self.packer_last else rest
        self.packer_last = False
        leaving = self.sweep_stages[-1]
        issued = None
        if self.sweep_next < words:
            issued, self.sweep_next = self.sweep_next, self.sweep_next + 1
            self.count["sweep busy"] += 1
        self.sweep_stages = [issued, *self.sweep_stages[:-1]]
        if leaving is not None:
            word = leaving % words_per_position
            self.packer_bits += min(self.lanes, self.shape.out_channels - word * self.lanes)
            self.packer_last = leaving == words - 1


class Crossbar:
    """Loader, row registers, columns, converters and writer for one round of tiles.

    ``groups`` (reads, words, kind) per group of positions, ``pulses`` cycles of each pulse of a group,
    ``conversions`` cycles of the conversion behind each, per kind of group.
    """

    def __init__(self, groups, pulses, conversions, *, hold, correction):
        self.groups, self.pulses, self.conversions, self.hold = groups, pulses, conversions, hold
        self.count = Counter()
        # registers
        self.loading, self.reads_left = 0, groups[0][0]
        self.arriving, self.shadow = False, None
        self.arrived = 0
        self.active, self.next_pulse, self.pulse_left = None, 0, 0
        self.column = None  # (group, pulse) whose charge is on the columns
        self.converting, self.converter_left = None, 0
        self.adding = None  # group whose last value is being added
        self.sums = None  # group whose sums are complete
        self.words_left = 0
        self.stages = [False] * correction
        self.moved = 0

    def run(self):
        cycles = 0
        while self.moved < len(self.groups) or self.words_left or any(self.stages):
            self.step()
            cycles += 1
        return cycles

    def step(self):
        self.step_writer()
        released = self.step_converter()
        last_pulse_cycle = self.step_columns(released)
        self.step_loader(last_pulse_cycle)

    def step_writer(self):
        """Sums move to the writer in the cycle of its last word, or when it is idle."""
        self.pending = self.adding is not None or self.sums is not None
        self.may_begin = not self.pending or self.words_left <= 2
        move = self.sums is not None and self.words_left <= 1
        self.stages = [self.words_left > 0, *self.stages[:-1]]
        if self.words_left:
            self.count["writing"] += 1
            self.words_left -= 1
        if move:
            self.words_left, self.sums = self.groups[self.sums][1], None
            self.moved += 1
        if self.adding is not None:
            assert self.sums is None
            self.sums, self.adding = self.adding, None

    def step_converter(self):
        """Returns whether the columns are free in this cycle for the next pulse."""
        free = self.column is None and self.pulse_left == 0 and (self.hold or self.converter_left == 0)
        if self.converter_left == 0 and self.column is not None and self.pulse_left == 0:
            group, pulse = self.column
            if pulse or group == 0 or self.may_begin:
                self.converting, self.column = self.column, None
                self.converter_left = self.conversions[self.groups[group][2]][pulse]
                free = self.hold
        self.held = self.pulse_left == 0 and not free and (self.column is not None or self.converting is not None)
        if self.converter_left:
            self.count["converting"] += 1
            self.converter_left -= 1
            if self.converter_left == 0:
                group, pulse = self.converting
                if pulse == len(self.pulses) - 1:
                    self.adding = group
                self.converting = None
        return free

    def step_columns(self, free):
        """Returns whether the active registers may be replaced at the end of this cycle."""
        if self.pulse_left == 0 and free and self.active is not None and self.next_pulse < len(self.pulses):
            self.pulse_left = self.pulses[self.next_pulse]
            self.column = (self.active, self.next_pulse)
            self.next_pulse += 1
        if self.pulse_left:
            self.count["pulsing"] += 1
            self.pulse_left -= 1
        elif self.held:
            self.count["pulse stall"] += 1
        return self.active is None or (self.next_pulse == len(self.pulses) and self.pulse_left == 0)

    def step_loader(self, may_swap):
        swap = self.shadow is not None and may_swap
        if self.arriving:
            self.arrived += 1
        issuing = False
        if self.reads_left == 0 and swap and self.loading + 1 < len(self.groups):
            self.loading += 1
            self.reads_left = self.groups[self.loading][0]
            self.arrived = 0
        if self.reads_left:
            self.count["loading"] += 1
            self.reads_left -= 1
            issuing = True
        elif self.loading + 1 < len(self.groups):
            self.count["load stall"] += 1
        if swap:
            self.active, self.next_pulse, self.shadow = self.shadow, 0, None
        if self.arriving and self.arrived == self.groups[self.loading][0]:
            self.shadow = self.loading
        self.arriving = issuing


class Multipliers:
    """Weight port, shadow and active registers, multipliers and their pipeline."""

    def __init__(self, fetch, interval, *, positions, multiply, overlap, pipeline):
        self.fetch, self.interval, self.positions = fetch, interval, positions
        self.multiply, self.overlap = multiply, overlap
        self.count = Counter()
        # registers
        self.tile, self.port_left = 0, fetch[0]
        self.arriving = False
        self.shadow = None
        self.active, self.left = None, 0
        self.stages = [False] * pipeline
        self.computed = 0

    def run(self):
        cycles = 0
        while self.computed < len(self.fetch) or any(self.stages):
            self.step()
            cycles += 1
        return cycles

    def step(self):
        computing = self.left > 0
        finishing = self.left == 1
        self.stages = [computing, *self.stages[:-1]]
        if computing:
            into = (self.positions * self.interval[self.active] - self.left) % self.interval[self.active]
            self.count["multiplying" if into < self.multiply else "multiply stall"] += 1
            self.left -= 1
            self.computed += finishing
        if self.overlap:
            swap = self.shadow is not None and (not computing or finishing)
            if swap:
                self.active, self.shadow = self.shadow, None
                self.left = self.positions * self.interval[self.active]
            if self.port_left == 0 and swap and self.tile + 1 < len(self.fetch):
                self.tile += 1
                self.port_left = self.fetch[self.tile]
        arrived = self.arriving
        self.arriving = False
        if self.port_left:
            self.count["fetching"] += 1
            self.port_left -= 1
            self.arriving = self.port_left == 0
        elif self.overlap and self.tile + 1 < len(self.fetch):
            self.count["fetch stall"] += 1
        if arrived:
            if self.overlap:
                self.shadow = self.tile
            else:
                self.active, self.left = self.tile, self.positions * self.interval[self.tile]
        if not self.overlap and finishing and self.tile + 1 < len(self.fetch):
            self.tile += 1
            self.port_left = self.fetch[self.tile]


class Pipeline:
    """A core per layer: each counts the global steps it has finished; ``service[layer][global step]`` cycles.

    The unit in front computes the sums of whole samples, into one half of a double buffer.  A half of the buffer
    between two layers holds the maps of ``together`` steps, and is passed on when all of them are in it.
    """

    def __init__(self, service, front, steps, together=1):
        self.service, self.front, self.steps, self.together = service, front, steps, together
        self.total = len(service[0])
        # registers
        self.done, self.left = [0] * len(service), [0] * len(service)
        self.sums_done, self.sums_left = 0, 0

    def run(self):
        ends, cycle = [], 0
        while self.done[-1] < self.total:
            finished = self.done[-1]
            self.step()
            cycle += 1
            if self.done[-1] > finished and self.done[-1] % self.steps == 0:
                ends.append(cycle)
        return ends

    def step(self):
        before = list(self.done)
        self.start_sums(before)
        for layer, step in enumerate(before):
            if self.left[layer] == 0 and step < self.total and self.may_start(before, layer, step):
                self.left[layer] = self.service[layer][step]
        for layer, left in enumerate(self.left):
            self.left[layer] = max(0, left - 1)
            self.done[layer] += left == 1
        self.sums_done += self.sums_left == 1
        self.sums_left = max(0, self.sums_left - 1)

    def start_sums(self, before):
        """Two samples' sums are kept: those the sweeps work on, and the next ones."""
        room = before[0] >= (self.sums_done - 1) * self.steps
        if self.sums_left == 0 and room and self.sums_done * self.steps < self.total:
            self.sums_left = self.front
            self.sums_done += self.front == 0

    def may_start(self, before, layer, step):
        half = step // self.together
        source = before[layer - 1] // self.together > half if layer else self.sums_done > step // self.steps
        room = layer + 1 == len(before) or before[layer + 1] // self.together >= half - 1
        return source and room


def pipeline_ends(service, front, steps, together=1):
    """Cycle in which each sample leaves the last layer."""
    return Pipeline(service, front, steps, together).run()
