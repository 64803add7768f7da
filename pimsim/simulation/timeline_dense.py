"""Signals of the dense engines while they compute a layer's sums (docs/microarchitecture.md §5.3, §6).

Cycles are those of `kernels_timeline_dense`, from the first one of the evaluation on.
"""

from __future__ import annotations

from math import prod

import numpy as np

from pimsim.hardware import Mac
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Layout, Round
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.simulation import kernels_timeline_dense as kernels
from pimsim.simulation.schedule_crossbar import RELOAD_FILL, chosen_layout, reload_cycles, round_setting
from pimsim.simulation.waves import Int64Array, Wave, counting, merged, spread


def crossbar_waves(layer: LayerMapping, pim: Pim) -> tuple[Wave, ...]:
    """All signals of one evaluation on a crossbar: round after round."""
    layout, begin = chosen_layout(layer, pim), 0
    parts: list[Wave] = []
    for one in layout.rounds:
        waves, cycles = _round_waves(layer, layout, one, pim)
        parts += [wave.later(begin) for wave in waves]
        begin += cycles
    return merged(parts)


def multiplier_waves(layer: LayerMapping, mac: Mac) -> tuple[Wave, ...]:
    """All signals of one evaluation on multipliers: tile after tile."""
    plan = layer.plan
    assert isinstance(plan, MultiplierPlan)
    port, start = np.empty(plan.tiles, np.int64), np.empty(plan.tiles, np.int64)
    engine = np.array((layer.positions, mac.overlap_fetch), np.int64)
    kernels.multiplier_cycles(plan.fetch, plan.interval, engine, port, start)
    return (*_fetch_waves(layer, plan, mac, port), *_product_waves(layer, plan, mac, start))


def _round_waves(layer: LayerMapping, layout: Layout, one: Round, pim: Pim) -> tuple[tuple[Wave, ...], int]:
    """Of one round, and its cycles: rows are rewritten where they have to be, then all groups pass."""
    assert isinstance(layer.plan, CrossbarPlan)
    setting = round_setting(layer, layout, one, pim)
    groups = setting.groups(layer.operands.passes)
    pulses, conversions = np.array(setting.pulses, np.int64), np.array(setting.conversions, np.int64)[groups[:, 2]]
    load, swap, move = (np.empty(len(groups), np.int64) for _ in range(3))
    pulse, sample = np.empty(conversions.shape, np.int64), np.empty(conversions.shape, np.int64)
    kernels.crossbar_cycles(
        groups, pulses, np.array(setting.conversions, np.int64), np.array((setting.sample_and_hold,), np.int64),
        load, swap, pulse, sample, move,
    )  # fmt: skip
    reload = reload_cycles(layer.plan, one)
    reads, words = groups[:, 0], groups[:, 1]
    free = sample if setting.sample_and_hold else sample + conversions
    waves = (
        *_loader_waves(layer, layout, one, pim, load, reads),
        counting("row_driver", "row_driver_busy", spread(pulse.ravel(), np.broadcast_to(pulses, pulse.shape).ravel())),
        counting("row_driver", "row_driver_stall", spread((pulse + pulses).ravel(), (free - pulse - pulses).ravel())),
        counting("adc", "adc_busy", spread(sample.ravel(), conversions.ravel())),
        *_writer_waves(one, pim, move, words),
    )
    cycles = reload + int(move[-1] + words[-1]) + setting.correction_depth + 1
    return (*_reload_waves(reload), *(wave.later(reload) for wave in waves)), cycles


def _reload_waves(reload: int) -> tuple[Wave, ...]:
    """A row is read from the weight memory in each cycle, and written to its array in the next one."""
    if not reload:
        return ()
    read = np.arange(reload - RELOAD_FILL, dtype=np.int64)
    return (
        counting("weight_memory", "weight_memory_read", read),
        counting("pim_array", "pim_array_write", read + RELOAD_FILL),
    )


def _loader_waves(
    layer: LayerMapping, layout: Layout, one: Round, pim: Pim, load: Int64Array, reads: Int64Array
) -> tuple[Wave, ...]:
    """Inputs of group after group, and the row registers behind them.

    A group's windows follow each other, of each the inputs of the round's row tiles.
    """
    positions = layout.window.positions
    windows = np.minimum(layout.at_once, positions - np.arange(0, positions, layout.at_once, dtype=np.int64))
    inputs = np.tile(windows, len(load) // len(windows)) * one.loaded_rows
    taken = _Transfers(layer, load, inputs, pim.input_port_codes)
    loaded = _row_loads(one)
    first, behind = (
        loaded[-1] * (many // one.loaded_rows) + loaded[many % one.loaded_rows] for many in (taken.first, taken.behind)
    )
    ends = load + reads
    return (
        counting("loader", "loader_busy", taken.cycles),
        counting("loader", "loader_stall", spread(ends[:-1], load[1:] - ends[:-1])),
        *taken.waves(layer),
        counting("row_register", "row_register_load", taken.cycles + 1, behind - first),
    )


class _Transfers:
    """Inputs that a loader takes from the map: ``inputs`` (G,) from cycle ``starts`` (G,) on, ``port`` values a cycle.

    cycles  of all of them, (C,)
    first, behind  (C,) how many inputs of its group are whole in front of a cycle, and behind it: pools sum values
    words   (C,) words read, each in the cycle in which its first value is taken
    """

    def __init__(self, layer: LayerMapping, starts: Int64Array, inputs: Int64Array, port: int) -> None:
        pool, source = prod(layer.shape.pool), layer.memories.source
        per_word = source.word_bits // layer.operands.stored_bits
        many = -(-inputs * pool // port)
        number, values = spread(np.zeros_like(many), many), np.repeat(inputs * pool, many)
        before, after = (np.minimum((number + one) * port, values) for one in (0, 1))
        self.cycles = spread(starts, many)
        self.first, self.behind = before // pool, after // pool
        self.words = -(-after // per_word) - -(-before // per_word)
        self.sums = after - before - (self.behind - self.first)

    def waves(self, layer: LayerMapping) -> tuple[Wave, ...]:
        """Reads of the map, and additions of the pool a cycle later."""
        source = layer.memories.source.component
        read = counting(source, f"{source}_read", self.cycles, self.words)
        if prod(layer.shape.pool) == 1:
            return (read,)
        return read, counting("pool", "pool_add", self.cycles + 1, self.sums)


def _row_loads(one: Round) -> Int64Array:
    """(rows + 1,) registers that a window's first so many inputs go to: one per column tile over the row."""
    tiles: dict[int, list[int]] = {}
    for tile in one.tiles:
        tiles.setdefault(tile.row, []).append(tile.rows)
    each = np.concatenate([np.full(rows[0], len(rows), np.int64) for _, rows in sorted(tiles.items())])
    return np.concatenate([[0], np.cumsum(each)])


def _writer_waves(one: Round, pim: Pim, move: Int64Array, words: Int64Array) -> tuple[Wave, ...]:
    """One word of sums per cycle; each is written ``correction_depth`` cycles behind its first one."""
    current = "current_memory"
    cycles = spread(move + 1, words)
    waves = [
        counting("writer", "writer_busy", cycles),
        counting(current, f"{current}_write", cycles + pim.correction_depth),
    ]
    if one.read_words:  # of each position's words the first ones, which hold sums of the round before
        again = np.arange(len(cycles), dtype=np.int64) % one.written_words < one.read_words
        waves.append(counting(current, f"{current}_read", cycles[again]))
    return tuple(waves)


def _fetch_waves(layer: LayerMapping, plan: MultiplierPlan, mac: Mac, port: Int64Array) -> tuple[Wave, ...]:
    """Weights over the port, and into their registers behind the last cycle of a word's read."""
    full, words = port + plan.fetch, plan.fetch // mac.weight_read_cycles
    stall = spread(full[:-1], port[1:] - full[:-1]) if mac.overlap_fetch else port[:0]
    number = spread(np.zeros_like(port), words)
    read = np.repeat(port, words) + number * mac.weight_read_cycles
    weights = np.repeat(plan.inputs * plan.outputs, words)
    bits, width = mac.weight_port_bits * mac.weight_banks, layer.operands.weight_bits
    whole, before = (np.minimum((number + one) * bits // width, weights) for one in (1, 0))
    return (
        counting("weight_fetch", "weight_fetch_busy", spread(port, plan.fetch)),
        counting("weight_fetch", "weight_fetch_stall", stall),
        counting("weight_memory", "weight_memory_read", read),
        counting("mac", "mac_load_weight", read + mac.weight_read_cycles, whole - before),
    )


def _product_waves(layer: LayerMapping, plan: MultiplierPlan, mac: Mac, start: Int64Array) -> tuple[Wave, ...]:
    """Position after position: operands in the first cycles of its interval; a sum is written `pipeline_depth` cycles
    behind its last one, the last word then, and what it is added to read a cycle before."""
    many = np.full(plan.tiles, layer.positions, np.int64)
    interval = np.repeat(plan.interval, many)
    begin = np.repeat(start, many) + spread(np.zeros_like(many), many) * interval
    storing, inputs = np.repeat(plan.storing, many), np.repeat(plan.inputs, many)
    products = np.repeat(plan.inputs * plan.outputs, many)
    busy = np.full(len(begin), mac.multiply_cycles, np.int64)
    stored = spread(begin + interval + mac.pipeline_depth - storing, storing)
    again = np.repeat(np.repeat(1 - plan.begins, many), storing)
    taken = _Transfers(layer, begin, inputs, mac.input_port_codes)
    return (
        counting("loader", "loader_busy", taken.cycles),
        *taken.waves(layer),
        counting("mac", "mac_load_input", taken.cycles, taken.behind - taken.first),
        counting("multipliers", "multipliers_busy", spread(begin, busy)),
        counting("multipliers", "multipliers_stall", spread(begin + busy, interval - busy)),
        counting("mac", "mac_multiply", begin, products),
        counting("mac", "mac_accumulate", begin, products),
        counting("writer", "writer_busy", stored),
        counting("current_memory", "current_memory_read", stored - 1, again),
        counting("current_memory", "current_memory_write", stored),
    )
