"""The machines of docs/microarchitecture.md, stepped one clock at a time, in plain Python.

Each class holds registers; ``step`` looks at them as they are at the start of a cycle, and changes them as the
clock edge at its end does.  Nothing here knows a formula for how long anything takes.
"""

from __future__ import annotations

from collections import Counter


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
        move = self.sums is not None and self.words_left <= 1
        left = self.groups[self.sums][1] if move else self.words_left - 1  # behind this cycle
        waiting = self.adding is not None or (self.sums is not None and not move)
        self.may_begin = not waiting or left <= 1
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


class Encoder:
    """Codes, a word of them per cycle, become the packed map of one step; ``fires`` tells of each whether it does.

    The map is written in words of ``width`` bits.
    """

    def __init__(self, codes, fires, *, port, width):
        self.words = [codes[start : start + port] for start in range(0, len(codes), port)]
        self.fires, self.width = fires, width
        self.count, self.map = Counter(), []
        # registers
        self.next_read = 0
        self.output = None  # the input memory's output register
        self.held, self.last = [], False  # bits in the packer, and whether no more will come
        self.finished = False

    def run(self):
        cycles = 0
        while not self.finished:
            self.step()
            cycles += 1
        return cycles

    def step(self):
        if self.next_read == len(self.words) and self.output is None and not self.last:
            self.finished = True
            return
        while len(self.held) >= self.width or (self.last and self.held):
            self.map += self.held[: self.width]
            self.held = self.held[self.width :]
            self.count["writes"] += 1
        self.last = False
        if self.output is not None:
            self.held += [self.fires(code) for code in self.output]
            self.count["compared"] += 2 * len(self.output)
            self.count["packed"] += 1
            self.last = self.next_read == len(self.words)
            self.output = None
        if self.next_read < len(self.words):
            self.output = self.words[self.next_read]
            self.next_read += 1
            self.count["reads"] += 1
