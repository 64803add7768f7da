"""The event cores of docs/microarchitecture.md §4, stepped one clock at a time, in plain Python.

``step`` looks at the registers as they are at the start of a cycle, and changes them as the clock edge at its end does.
Nothing here knows a formula for how long anything takes.
"""

from __future__ import annotations

from collections import Counter
from itertools import product

COUNTED_AS = {
    "scanner_busy": "scanner busy",
    "scanner_stall": "scanner stall",
    "spike_memory_read": "scan reads",
    "fifo_push": "pushes",
    "fifo_pop": "pops",
    "address_generator_busy": "generator busy",
    "address_generator_stall": "generator stall",
    "address_generator_beat": "beats",
    "sweep_busy": "sweep busy",
    "sweep_stall": "sweep stall",
    "spike_memory_write": "spike writes",
}
"""By field of a described core's activity, what the machines here count it as."""


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
    """Scanner, FIFO, address generator, lanes and sweep for one step of one layer: the scatter dataflow.

    Memories are watched: in no cycle may a bank be accessed more often than its ports allow.
    """

    def __init__(
        self,
        bits,
        shape,
        *,
        lanes,
        scan_width,
        fifo_depth,
        pipeline_depth,
        sweep_depth,
        ports=2,
        banks=1,
        forwarding=True,
    ):
        self.targets, self.channels = reached_outputs(shape)
        self.shape, self.lanes, self.scan_width, self.fifo_depth = shape, lanes, scan_width, fifo_depth
        self.ports, self.banks, self.forwarding = ports, banks, forwarding
        self.position_words = -(-shape.out_channels // lanes)
        self.words = shape.positions * self.position_words
        self.memory = self.entries_of_words(bits)
        self.count = Counter()
        # registers
        self.next_read = 0  # next word to read
        self.output = None  # spike memory's output register: number of the word it holds
        self.scan = None  # scan register: entries that are still to be pushed
        self.scan_done = False
        self.fifo = []
        self.slots = []  # what the generator still has to issue for its entry
        self.stages = [None] * pipeline_depth
        self.sweeping = False
        self.sweep_next = 0
        self.sweep_stages = [None] * sweep_depth
        self.packer_bits = 0
        self.packer_last = False
        self.finished = False

    def entries_of_words(self, bits):
        words = -(-len(bits) // self.scan_width)
        spikes = [i for i, bit in enumerate(bits) if bit]
        return [[i for i in spikes if i // self.scan_width == word] for word in range(words)]

    def run(self):
        cycles = 0
        while not self.finished:
            self.accesses = Counter()
            self.step()
            assert max(self.accesses.values(), default=0) <= self.ports
            cycles += 1
        return cycles

    def access(self, word):
        """An access of a membrane word, and with a position's first word of its count."""
        self.accesses["membrane", word % self.banks] += 1
        if word % self.position_words == 0:
            self.accesses["count", word // self.position_words % self.banks] += 1

    def step(self):
        if self.sweeping:
            self.step_sweep()
            return
        level = len(self.fifo)  # registered: pushes and pops of this cycle do not show
        fifo_head = self.fifo[0] if level else None
        if self.scan_done and level == 0 and not self.slots and not any(s is not None for s in self.stages):
            self.sweeping = True
            return
        pushed = self.step_scanner(level)
        beat = self.step_generator(level, fifo_head)
        if pushed is not None:
            self.fifo = [*self.fifo, pushed]
            self.count["pushes"] += 1
        self.step_lanes(beat)

    def step_generator(self, level, fifo_head):
        """Returns the slot issued in this cycle."""
        slot = self.slots[0] if self.slots else None
        if slot is not None and not self.may_issue(slot):
            self.count["generator stall"] += 1
            return None
        if slot is not None:
            self.count["generator busy"] += 1
            self.slots = self.slots[1:]
        if level > 0 and not self.slots:
            self.fifo = self.fifo[1:]
            self.count["pops"] += 1
            self.slots = self.slots_of(fifo_head)
        return slot

    def may_issue(self, slot):
        """Stages 1, 2, … hold what will be a stage further when this slot is in stage 1 and reads."""
        if slot == "void":
            return True
        ahead = [None, *self.stages[:-1]]  # by stage in the next cycle, this slot in the first
        if not self.forwarding and slot in ahead:
            return False
        writer = ahead[-1]
        return self.ports == 2 or writer in (None, "void") or writer % self.banks != slot % self.banks

    def step_lanes(self, beat):
        if self.stages[0] not in (None, "void"):
            self.access(self.stages[0])
        if self.stages[-1] not in (None, "void"):
            self.access(self.stages[-1])
            self.count["lane writes"] += 1
        self.stages = [beat, *self.stages[:-1]]
        if beat not in (None, "void"):
            self.count_beat(beat % self.position_words)

    def count_beat(self, word):
        self.count["beats"] += 1
        self.count["accumulates"] += min(self.lanes, self.shape.out_channels - word * self.lanes)
        self.count["counted"] += word == 0

    def slots_of(self, event):
        _, height, width = self.shape.out_size
        numbers = [(d * height + h) * width + w for d, h, w in self.targets[event // self.channels]]
        return [o * self.position_words + b for o in numbers for b in range(self.position_words)] or ["void"]

    def step_scanner(self, level):
        """Acts on the scan register and the spike memory; returns the entry pushed in this cycle."""
        pushed, take = None, False
        if self.scan is not None:
            if not self.scan:
                take = True
                self.count["scanner busy"] += 1
            elif level < self.fifo_depth:
                pushed, self.scan = self.scan[0], self.scan[1:]
                take = not self.scan
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
                self.scan = self.memory[self.output]
        if start or take:  # a read issued in this cycle is at the output in the next
            self.output = self.next_read if self.next_read < len(self.memory) else None
            if self.next_read < len(self.memory):
                self.count["scan reads"] += 1
            self.next_read += 1
        return pushed

    def step_sweep(self, ready=True):
        """Returns the word issued in this cycle; ``ready`` whether the next one may be."""
        pending = self.packer_bits >= self.scan_width or (self.packer_last and self.packer_bits > 0)
        empty = not any(s is not None for s in self.sweep_stages) and not self.packer_last
        if self.sweep_next == self.words and empty:
            self.finished = True
            return None
        if pending:
            whole, rest = divmod(self.packer_bits, self.scan_width)
            written = whole + (rest > 0 and self.packer_last)
            assert written <= -(-(self.scan_width - 1 + self.lanes) // self.scan_width)
            self.count["spike writes"] += written
            self.packer_bits = 0 if self.packer_last else rest
        self.packer_last = False
        leaving = self.sweep_stages[-1]
        issued = None
        if self.sweep_next < self.words and ready:
            taken = self.ports == 1 and leaving is not None and leaving % self.banks == self.sweep_next % self.banks
            self.count["sweep stall" if taken else "sweep busy"] += 1
            if not taken:
                issued, self.sweep_next = self.sweep_next, self.sweep_next + 1
                self.access(issued)
        self.sweep_stages = [issued, *self.sweep_stages[:-1]]
        if leaving is not None:
            self.access(leaving)
            word = leaving % self.position_words
            self.packer_bits += min(self.lanes, self.shape.out_channels - word * self.lanes)
            self.packer_last = leaving == self.words - 1
        return issued


class GatherCore(EventCore):
    """The gather dataflow: entries are (event or None, output position, whether it is the position's last).

    Two sets of sums are kept, as numbers of events added; what the sweep reads has to be the field's events.
    """

    def __init__(self, bits, shape, **core):
        fields = [[] for _ in range(shape.positions)]
        targets, channels = reached_outputs(shape)
        _, height, width = shape.out_size
        for position, outputs in enumerate(targets):
            for d, h, w in outputs:
                inputs = range(position * channels, (position + 1) * channels)
                fields[(d * height + h) * width + w] += inputs
        self.fields = [sorted(field) for field in fields]
        self.events = [sum(bits[i] for i in field) for field in self.fields]
        super().__init__(bits, shape, **core)
        # registers
        self.owner, self.full = [None, None], [False, False]
        self.sums = [[0] * self.position_words, [0] * self.position_words]

    def entries_of_words(self, bits):
        """Every stretch of consecutive bits of a field is read word by word."""
        reads = []
        for position, field in enumerate(self.fields):
            heads = [i for i in field if i - 1 not in field]
            for head in heads:
                tail = next(i for i in range(head, len(bits) + 1) if i not in field)
                for word in range(head // self.scan_width, (tail - 1) // self.scan_width + 1):
                    inside = range(max(head, word * self.scan_width), min(tail, (word + 1) * self.scan_width))
                    reads.append([[i, position, False] for i in inside if bits[i]])
            if not reads[-1]:
                reads[-1] = [[None, position, False]]
            reads[-1][-1][2] = True
        return reads

    def slots_of(self, entry):
        event, position, last = entry
        if event is None:
            return [(None, position, True)]
        return [(b, position, last and b == self.position_words - 1) for b in range(self.position_words)]

    def may_issue(self, slot):
        return self.owner[slot[1] % 2] in (None, slot[1])

    def step(self):
        level = len(self.fifo)
        fifo_head = self.fifo[0] if level else None
        position, first = divmod(self.sweep_next, self.position_words)
        ready = first > 0 or self.full[position % 2]
        clearing = self.sweep_stages[0]
        adding = self.stages[-1]
        issued = self.step_sweep(ready)
        pushed = None if self.scan_done else self.step_scanner(level)
        slot = self.step_generator(level, fifo_head)
        if pushed is not None:
            self.fifo = [*self.fifo, pushed]
            self.count["pushes"] += 1
        self.stages = [slot, *self.stages[:-1]]
        if slot is not None:
            self.owner[slot[1] % 2] = slot[1]
            if slot[0] is not None:
                self.count_beat(slot[0])
        if issued is not None and first == self.position_words - 1:
            self.owner[position % 2], self.full[position % 2] = None, False
        self.step_sums(adding, clearing)

    def step_sums(self, adding, clearing):
        """The last stage adds; the sweep takes a word in the cycle after its issue, and leaves 0."""
        if adding is not None:
            word, position, last = adding
            if word is not None:
                self.sums[position % 2][word] += 1
            if last:
                self.full[position % 2] = True
        if clearing is not None:
            position, word = divmod(clearing, self.position_words)
            assert self.sums[position % 2][word] == self.events[position]
            self.sums[position % 2][word] = 0

    def access(self, word):
        """No count memory: events are counted beside the sums."""
        self.accesses["membrane", word % self.banks] += 1


def core_of(bits, shape, event):
    """The machine of a hardware file's event section."""
    core = GatherCore if event.dataflow == "gather" else EventCore
    return core(
        bits,
        shape,
        lanes=event.lanes,
        scan_width=event.scan_width,
        fifo_depth=event.fifo_depth,
        pipeline_depth=event.pipeline_depth,
        sweep_depth=event.sweep_depth,
        ports=event.membrane_ports,
        banks=event.membrane_banks,
        forwarding=event.forwarding,
    )
