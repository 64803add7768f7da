"""A layer on the crossbar, cell by cell and clock by clock, in plain Python.

Arrays are written out: which input row feeds which column.  From that follow groups, conversions and pulses;
`naive_schedule.Crossbar` steps the machine.  Every way to lay the layer out is tried, the fastest is kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product

from naive_schedule import Crossbar


@dataclass
class Array:
    """``columns``: per used column the rows that it has weights in; ``analog`` columns are whole outputs."""

    rows: list
    columns: list
    outputs: set


@dataclass
class Attempt:
    """One layout: ``rounds`` of arrays, ``windows`` of output positions, so many at once in so many arrays."""

    rounds: list
    windows: list
    at_once: int = 1
    array_copies: int = 1
    reloaded: bool = False
    cycles: int = 0
    units: Counter = field(default_factory=Counter)


class Layer:
    """Numbers of a layer on a machine; ``columns`` per output, ``reference`` columns, ``slices`` of an input."""

    def __init__(self, shape, pim, *, columns, reference, slices, serial, conversions):
        self.shape, self.pim, self.slices, self.serial, self.conversions = shape, pim, slices, serial, conversions
        self.columns, self.reference = columns, reference
        self.group = pim.rows_active if serial else pim.products_per_conversion
        self.share = pim.columns_per_adc if serial else pim.outputs_per_adc
        self.positions = list(product(*(range(n) for n in shape.out_size)))

    def field_of(self, position):
        """Coordinates (d, h, w, c) of the pooled map that a position sees, in the order of the rows."""
        corner = [o * s - p for o, s, p in zip(position, self.shape.stride, self.shape.padding, strict=True)]
        taps = product(*(range(k) for k in self.shape.kernel), range(self.shape.in_shape[0]))
        return [(*(base + t for base, t in zip(corner, tap[:3], strict=True)), tap[3]) for tap in taps]

    def tiles(self):
        height = self.pim.rows // self.group * self.group
        width = (self.pim.columns - self.reference) // self.columns
        for output in range(0, self.shape.out_channels, width):
            outputs = range(output, min(output + width, self.shape.out_channels))
            for row in range(0, self.shape.fan_in, height):
                rows = list(range(row, min(row + height, self.shape.fan_in)))
                yield Array(rows, self.stored(rows, len(outputs)), set(outputs))

    def stored(self, rows, outputs):
        return [set(rows)] * (outputs * self.columns + self.reference if self.serial else outputs)

    def used_columns(self, outputs):
        return outputs * self.columns + self.reference

    def attempts(self, resident=True, spare=True):
        tiles = list(self.tiles())
        single = [[position] for position in self.positions]
        if not resident or len(tiles) > self.pim.arrays:
            for arrays in range(1, min(self.pim.arrays, len(tiles)) + 1):
                yield Attempt([tiles[i : i + arrays] for i in range(0, len(tiles), arrays)], single, reloaded=True)
            return
        copies = self.pim.arrays // len(tiles) if spare else 1
        blocks = 1
        if self.pim.copies_in_array == "diagonal" and len(tiles) == 1:
            width = self.used_columns(self.shape.out_channels)
            blocks = min(self.pim.rows // self.shape.fan_in, self.pim.columns // width)
        for at_once in self.numbers(copies * blocks, single):
            yield Attempt([tiles], single, at_once, copies)
        if self.pim.copies_in_array == "shifted" and len(tiles) == 1:
            for windows in self.shifted():
                array = self.shifted_array(windows[0])
                for at_once in self.numbers(copies, windows) if array else ():
                    yield Attempt([[array]], windows, at_once, copies)

    def numbers(self, most, windows):
        """Windows at once, where one less would make more groups."""
        groups = [-(-len(windows) // n) for n in range(1, most + 1)]
        return [n for n in range(1, most + 1) if groups[n - 1] not in groups[: n - 1]]

    def shifted(self):
        """Windows of neighbouring positions along an axis, as many as divide the axis."""
        for axis, outputs in enumerate(self.shape.out_size):
            if self.shape.stride[axis] >= self.shape.kernel[axis]:
                continue
            for kernels in range(2, outputs + 1):
                if outputs % kernels == 0:
                    windows = {}
                    for position in self.positions:
                        key = list(position)
                        key[axis] //= kernels
                        windows.setdefault(tuple(key), []).append(position)
                    yield list(windows.values())

    def shifted_array(self, window):
        """Kernels of one window side by side; None where they do not fit."""
        rows = sorted({row for position in window for row in self.field_of(position)})
        width = len(window) * self.used_columns(self.shape.out_channels)
        if len(rows) > self.pim.rows or width > self.pim.columns:
            return None
        index = {row: i for i, row in enumerate(rows)}
        columns = []
        for position in window:
            columns += self.stored([index[row] for row in self.field_of(position)], self.shape.out_channels)
        return Array(list(range(len(rows))), columns, set(range(self.shape.out_channels)))

    def stages(self, array):
        """Rows in order, cut where one more would be too many for a column."""
        found, now = [], []
        for row in array.rows:
            if any(len(column & {*now, row}) > self.group for column in array.columns):
                found.append(now)
                now = []
            now = [*now, row]
        return [*found, now]

    def converted(self, array, rows):
        """Columns that got charge from these rows."""
        return [bool(column & set(rows)) for column in array.columns]

    def busiest(self, active):
        return max(sum(active[i : i + self.share]) for i in range(0, len(active), self.share))

    def sizes(self, attempt):
        windows = attempt.windows
        return [len(windows[i : i + attempt.at_once]) for i in range(0, len(windows), attempt.at_once)]

    def step(self, attempt, pool, maps):
        """Run every round by the clock, over so many maps."""
        attempt.cycles, attempt.units = 0, Counter()
        sizes, kernels = self.sizes(attempt), len(attempt.windows[0])
        for arrays in attempt.rounds:
            longest = self.stages(max(arrays, key=lambda array: len(array.rows)))
            pulses = [self.pim.pulse_cycles * (1 if self.serial else len(stage)) for stage in longest]
            if len(arrays) > 1:
                most = max(len(array.columns) for array in arrays)
                active = [[True] * most for _ in longest]
            else:
                active = [self.converted(arrays[0], stage) for stage in longest]
            kinds = sorted(set(sizes))
            each = self.pim.adc_cycles * self.conversions
            conversions = [
                [each * self.busiest(columns * -(-n // attempt.array_copies)) for columns in active] * self.slices
                for n in kinds
            ]
            loaded = len({row for array in arrays for row in array.rows})
            words = {output // self.pim.neuron_lanes for array in arrays for output in array.outputs}
            groups = [
                (-(-n * loaded * pool // self.pim.input_port_codes), n * kernels * len(words), kinds.index(n))
                for n in sizes * maps
            ]
            machine = Crossbar(
                groups,
                pulses * self.slices,
                conversions,
                hold=self.pim.sample_and_hold,
                correction=self.pim.correction_depth,
            )
            attempt.cycles += machine.run()
            attempt.units += machine.count
            if attempt.reloaded:
                attempt.cycles += sum(len(array.rows) for array in arrays) + 1
        return attempt

    def best(self, pool=1, *, resident=True, spare=True, maps=1):
        """The fastest attempts, several where they are equal."""
        tried = [self.step(attempt, pool, maps) for attempt in self.attempts(resident, spare)]
        least = min(attempt.cycles for attempt in tried)
        return [attempt for attempt in tried if attempt.cycles == least]

    def count(self, attempt, value_of, slice_bits):
        """Actions of one evaluation; ``value_of`` a coordinate (d, h, w, c) of the pooled map, or of its padding."""
        count = Counter()
        for window, arrays in product(attempt.windows, attempt.rounds):
            held = sorted({row for position in window for row in self.field_of(position)})
            for array in arrays:
                count["row loads"] += len(array.rows)
                for rows in self.stages(array):
                    active = sum(self.converted(array, rows))
                    for level in range(self.slices):
                        count["samples"] += active
                        count["conversions"] += active * self.conversions
                        count["pulses"] += sum(
                            value_of(held[row]) >> (level * slice_bits) & (2**slice_bits - 1) > 0 for row in rows
                        )
                        count["products"] += sum(len(column & set(rows)) for column in array.columns)
        return count

    def input_sums(self, arrays):
        """Different sums of inputs: outputs that see other rows of the round need another one."""
        seen = {}
        for array in arrays:
            for output in array.outputs:
                seen.setdefault(output, set()).update(array.rows)
        return len({frozenset(rows) for rows in seen.values()})

    def words(self, attempt, pool, per_word):
        """Memory words of one map: values read from the map in front, sums written, partial sums read back."""
        count, held = Counter(), set()
        for arrays in attempt.rounds:
            rows = {row for array in arrays for row in array.rows}
            outputs = {output for array in arrays for output in array.outputs}
            words = {output // self.pim.neuron_lanes for output in outputs}
            for windows in self.sizes(attempt):
                values = windows * len(rows)
                positions = windows * len(attempt.windows[0])
                count["map reads"] += -(-values * pool // per_word)
                count["pool adds"] += values * (pool - 1)
                count["sum writes"] += positions * len(words)
                count["sum reads"] += positions * len(words & held)
                count["zero adds"] += positions * len(outputs) * self.reference
                count["zero products"] += positions * self.reference * self.input_sums(arrays)
            held |= words
        return count
