"""Signals of multipliers while they compute a layer's sums (docs/microarchitecture.md §6).

Cycles are those of `kernels_timeline_dense`, from the first one of the evaluation on.
"""

from __future__ import annotations

import numpy as np

from pimsim.hardware import Mac
from pimsim.mapping import LayerMapping
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.simulation import kernels_timeline_dense as kernels
from pimsim.simulation.timeline_transfers import Transfers
from pimsim.simulation.waves import Int64Array, Wave, counting, spread


def multiplier_waves(layer: LayerMapping, mac: Mac) -> tuple[Wave, ...]:
    """All signals of one evaluation on multipliers: tile after tile."""
    plan = layer.plan
    assert isinstance(plan, MultiplierPlan)
    port, start = np.empty(plan.tiles, np.int64), np.empty(plan.tiles, np.int64)
    engine = np.array((layer.positions, mac.overlap_fetch), np.int64)
    kernels.multiplier_cycles(plan.fetch, plan.interval, engine, port, start)
    return (*_fetch_waves(layer, plan, mac, port), *_product_waves(layer, plan, mac, start))


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
    taken = Transfers(layer, begin, inputs, mac.input_port_codes)
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
