"""A layer on the crossbar: the sequencer's cycles and the actions of one evaluation, times the evaluations.

Of the layouts that the mapping offers, the one with the fewest cycles is taken, of equals the first, which has
the fewest copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Layout, Round, converter_share, group_rows, row_bits
from pimsim.model.architecture import LayerShape
from pimsim.simulation import kernels_schedule_dense as kernels
from pimsim.simulation.schedule_layer import HAND_OVER, Evaluation, Int64Array
from pimsim.simulation.schedule_source import source_actions

RELOAD_FILL = 1
"""A row that is read from the weight memory is written to the cells in the next cycle."""

Driven = Callable[[LayerShape], int]
"""Word-line pulses of all windows of a shape, over all evaluations."""


@dataclass(frozen=True)
class _Run:
    """A layer in the chosen layout."""

    layer: LayerMapping
    plan: CrossbarPlan
    layout: Layout
    pim: Pim
    evaluations: int

    @property
    def passes(self) -> int:
        """Maps that are worked through, one after the other."""
        return self.layer.operands.passes * self.evaluations

    @property
    def windows(self) -> int:
        return self.layout.window.positions * self.passes

    @property
    def positions(self) -> int:
        return self.layer.shape.positions * self.passes


def evaluate(layer: LayerMapping, pim: Pim, *, evaluations: int, driven: Driven) -> Evaluation:
    """``evaluations`` of the layer's sums; ``driven`` is asked where word lines are pulsed only for what is not 0."""
    plan = layer.plan
    assert isinstance(plan, CrossbarPlan)
    layout, time = _chosen(layer, plan, pim)
    units = (
        ("loader", time[kernels.LOADING], time[kernels.LOAD_STALL]),
        ("row_driver", time[kernels.PULSING], time[kernels.PULSE_STALL]),
        ("adc", time[kernels.CONVERTING], 0),
        ("writer", time[kernels.WRITING], 0),
    )
    run = _Run(layer, plan, layout, pim, evaluations)
    counted = (*_input_actions(run, driven), *_column_actions(run), *_sum_actions(run), *_reload_actions(run))
    cycles = time[kernels.END] + HAND_OVER
    return Evaluation(cycles, units, counted, utilization=plan.utilization(layout), layout=layout.text)


def chosen_layout(layer: LayerMapping, pim: Pim) -> Layout:
    """The layout that the layer is built in."""
    assert isinstance(layer.plan, CrossbarPlan)
    return _chosen(layer, layer.plan, pim)[0]


def _chosen(layer: LayerMapping, plan: CrossbarPlan, pim: Pim) -> tuple[Layout, tuple[int, ...]]:
    """The layout with the fewest cycles, of equals the first, and its `_time`."""
    found = [_time(layer, plan, layout, pim) for layout in plan.layouts]
    best = min(range(len(found)), key=lambda index: found[index][kernels.END])
    return plan.layouts[best], found[best]


def _time(layer: LayerMapping, plan: CrossbarPlan, layout: Layout, pim: Pim) -> tuple[int, ...]:
    """Cycles of one evaluation and of its units, all rounds together, in the order of the kernel's results."""
    total = np.zeros(kernels.CROSSBAR_FIELDS, np.int64)
    for one in layout.rounds:
        total += _round_time(layer.operands.passes, round_setting(layer, layout, one, pim))
        total[kernels.END] += reload_cycles(plan, one)
    return tuple(total.tolist())


def reload_cycles(plan: CrossbarPlan, one: Round) -> int:
    """In front of a round, where its rows are written for every evaluation."""
    return sum(tile.rows for tile in one.tiles) + RELOAD_FILL if plan.reloaded else 0


@dataclass(frozen=True)
class RoundSetting:
    """What the kernels have to know of a round, in plain numbers: rounds and machines that agree are timed once.

    ``kinds`` of groups, (reads, words, kind): the whole ones, of which there are ``full`` in a map, and the smaller one
    behind them, if there is one; ``pulses`` cycles of each pulse, ``conversions`` of what follows it, by kind.
    """

    kinds: tuple[tuple[int, int, int], ...]
    full: int
    pulses: tuple[int, ...]
    conversions: tuple[tuple[int, ...], ...]
    sample_and_hold: bool
    correction_depth: int

    def groups(self, passes: int) -> Int64Array:
        """(G, 3) of ``passes`` maps, one after the other."""
        return np.array(([self.kinds[0]] * self.full + list(self.kinds[1:])) * passes, np.int64)


def round_setting(layer: LayerMapping, layout: Layout, one: Round, pim: Pim) -> RoundSetting:
    """Of one round of a layout."""
    assert isinstance(layer.plan, CrossbarPlan)
    full, rest = divmod(layout.window.positions, layout.at_once)
    sizes = [layout.at_once, *([rest] if rest else [])]
    loads, words = one.loaded_rows * prod(layer.shape.pool), layout.kernels * one.written_words
    kinds = tuple((-(-n * loads // pim.input_port_codes), n * words, kind) for kind, n in enumerate(sizes))
    if isinstance(pim, BitSerialPim):
        pulses = [pim.pulse_cycles for _ in one.stages]
    else:
        pulses = [pim.pulse_cycles * stage.rows for stage in one.stages]
    slices, each = layer.plan.operand.slices, layer.plan.operand.conversions * pim.adc_cycles
    conversions = tuple(tuple(each * serial for serial in _serial(layout, one, pim, n)) * slices for n in sizes)
    return RoundSetting(kinds, full, tuple(pulses) * slices, conversions, pim.sample_and_hold, pim.correction_depth)


def _serial(layout: Layout, one: Round, pim: Pim, windows: int) -> list[int]:
    """Columns or outputs at the busiest converter after each stage, while ``windows`` are worked on."""
    blocks = layout.blocks(windows)
    if blocks == 1:
        return [stage.serial for stage in one.stages]
    return [min(converter_share(pim), blocks * stage.converted) for stage in one.stages]


@lru_cache(maxsize=4096)
def _round_time(passes: int, setting: RoundSetting) -> Int64Array:
    out = np.empty(kernels.CROSSBAR_FIELDS, np.int64)
    engine = np.array((setting.sample_and_hold, setting.correction_depth), np.int64)
    pulses, conversions = np.array(setting.pulses, np.int64), np.array(setting.conversions, np.int64)
    kernels.crossbar_round(setting.groups(passes), pulses, conversions, engine, out)
    return out


def _reload_actions(run: _Run) -> tuple[ActionCount, ...]:
    """Arrays that hold the layer for good keep it; else each round's rows are rewritten, one per cycle."""
    if not run.plan.reloaded:
        return ()
    assert run.layer.memories.weight is not None  # its rows are kept there
    rows = sum(tile.rows for tile in run.layout.tiles) * run.evaluations
    bits = row_bits(run.pim)
    written = actions.ARRAY_WRITE.count(rows, bits=bits, capacity_bits=run.pim.rows * bits)
    return run.layer.memories.weight.read(rows), written


def _input_actions(run: _Run, driven: Driven) -> tuple[ActionCount, ...]:
    """From the map to the word lines."""
    layer, layout, pim = run.layer, run.layout, run.pim
    full, rest = divmod(layout.window.positions, layout.at_once)
    sizes = np.array([layout.at_once] * full + [rest] * (rest > 0), np.int64)
    transfers = np.concatenate([sizes * one.loaded_rows for one in layout.rounds])
    fetched = source_actions(layer, transfers, run.passes)
    rows = sum(tile.rows for tile in layout.tiles) * run.windows
    loads = actions.ROW_LOAD.count(rows, bits=layer.operands.input_bits)
    if isinstance(pim, BitSerialPim):
        pulses = driven(layout.window) * len({tile.output for tile in layout.tiles})
        lines = [actions.ROW_PULSE.count(pulses, bits=row_bits(pim))]
        if pim.dac_bits > 1:
            lines.append(actions.DAC_CONVERT.count(pulses, bits=pim.dac_bits))
    else:
        lines = [actions.DAC_CONVERT.count(rows * run.plan.operand.slices, bits=pim.dac_bits)]
    return (*fetched, loads, *lines)


def _column_actions(run: _Run) -> tuple[ActionCount, ...]:
    """From the cells to the shift-adders."""
    pim, operand, tiles = run.pim, run.plan.operand, run.layout.tiles
    passes = run.windows * operand.slices
    sampled = sum(stage.converted for tile in tiles for stage in tile.stages) * passes
    converted = sampled * operand.conversions
    if isinstance(pim, BitSerialPim):
        evaluated = actions.COLUMN_PRECHARGE.count(sampled * pim.cell_bits, bits=1, second_bits=pim.rows)
    else:
        products = sum(tile.products for tile in tiles) * passes
        width = operand.columns_per_output
        evaluated = actions.ANALOG_MULTIPLY.count(products, bits=width, second_bits=pim.dac_bits)
    return (
        evaluated,
        actions.ADC_CONVERT.count(converted, bits=pim.adc_bits, second_bits=group_rows(pim)),
        actions.SHIFT_ADD.count(converted, bits=run.layer.numerics.accumulator_bits),
    )


def _sum_actions(run: _Run) -> tuple[ActionCount, ...]:
    """Zero points, offset, and the sums' way to the current memory."""
    layer, rounds = run.layer, run.layout.rounds
    current, operands = layer.memories.current, layer.operands
    assert current is not None  # every dense layer has one
    positions, bits = run.positions, layer.numerics.accumulator_bits
    counted = [
        current.write(sum(one.written_words for one in rounds) * positions),
        current.read(sum(one.read_words for one in rounds) * positions),
    ]
    if isinstance(run.pim, BitSerialPim) and operands.weight_zero:  # weight zero × sum of the inputs, per position
        width = (layer.shape.fan_in * (2**operands.input_bits - 1)).bit_length()
        corrected = sum(one.outputs for one in rounds) * positions
        products = sum(one.input_sums for one in rounds) * positions
        counted.append(actions.CORRECTION_MULTIPLY.count(products, bits=width, second_bits=operands.weight_bits))
        counted.append(actions.CORRECTION_ADD.count(corrected, bits=bits))
    if operands.input_zero:  # one constant per output channel
        counted.append(actions.CORRECTION_ADD.count(layer.shape.out_channels * positions, bits=bits))
    return tuple(counted)
