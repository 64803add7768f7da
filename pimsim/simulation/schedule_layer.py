"""What scheduling finds out about one layer, and the parts that all engines share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount, LayerActivity, UnitCycles
from pimsim.hardware.hardware import MAC, PIM
from pimsim.mapping import LayerMapping
from pimsim.mapping.mapping import GatherPlan
from pimsim.model.network import ACCUMULATE, IF, LIF, MAX_MULTIPLIER, RELU

Int64Array = npt.NDArray[np.int64]

SWEEP = "sweep"
"""The unit that every layer has: the pass over its neurons."""
HAND_OVER = 1
"""Cycle in which a unit's controller sees that all is done; the next one starts in the cycle after."""


MULTIPLIER_BITS = MAX_MULTIPLIER.bit_length()
"""Built for every multiplier that a model file may hold."""


@dataclass(frozen=True)
class Evaluation:
    """All sums of a dense layer: cycles of one evaluation, (busy, stall) cycles of each unit in it, the actions
    of all evaluations, and either the units that could work at once or the utilization itself; ``layout`` in words.
    """

    cycles: int
    units: tuple[tuple[str, int, int], ...]
    actions: tuple[ActionCount, ...]
    width: int = 0
    utilization: float = 0.0
    layout: str = ""


@dataclass(frozen=True, eq=False)
class LayerTiming:
    """One layer over all samples.

    front_cycles  of sums that are computed once per inference, for all steps; 0 where each step computes its own
    step_cycles   (N, T) of each step
    busy          per unit, (busy, stall) cycles summed over the samples
    actions       without those of the sweep
    """

    front_cycles: int
    step_cycles: Int64Array
    busy: tuple[tuple[str, int, int], ...]
    actions: tuple[ActionCount, ...]
    accumulates: int
    utilization: float
    layout: str = ""

    @property
    def cycles(self) -> int:
        return self.front_cycles * int(self.step_cycles.shape[0]) + int(self.step_cycles.sum())


@dataclass(frozen=True)
class Spikes:
    """Spikes of all samples and steps in front of a layer and behind it."""

    before: int
    behind: int


def sweep_cycles(layer: LayerMapping) -> int:
    """A sweep: one word per cycle, waits for the memory, and what follows the last word."""
    return layer.sweep.words + layer.sweep.stalls + sweep_end(layer)


def sweep_end(layer: LayerMapping) -> int:
    """Cycles behind the issue of a sweep's last word: the pipeline's depth, the packer's last word, the hand-over."""
    return layer.sweep.depth + 1 + HAND_OVER


def dense_timing(layer: LayerMapping, sums: Evaluation, *, samples: int, steps: int, first: bool) -> LayerTiming:
    """Sums and sweeps of a layer on a dense engine; sums of all steps at once, as the first layer's, or per step."""
    evaluations = samples * layer.operands.evaluations
    once = first or layer.operands.passes > 1
    per_step = sweep_cycles(layer) + (0 if once else sums.cycles)
    accumulates = layer.shape.macs * evaluations * layer.operands.passes
    total = sums.cycles * evaluations + sweep_cycles(layer) * samples * steps
    return LayerTiming(
        front_cycles=sums.cycles if once else 0,
        step_cycles=np.full((samples, steps), per_step, np.int64),
        busy=(
            *((name, busy * evaluations, stall * evaluations) for name, busy, stall in sums.units),
            (SWEEP, layer.sweep.words * samples * steps, 0),
        ),
        actions=sums.actions,
        accumulates=accumulates,
        utilization=accumulates / (total * sums.width) if sums.width else sums.utilization,
        layout=sums.layout,
    )


def sweep_actions(layer: LayerMapping, *, samples: int, steps: int, spikes: int) -> tuple[ActionCount, ...]:
    """Actions of ``samples`` × ``steps`` passes over the layer's neurons, which fired ``spikes`` times."""
    sweeps = samples * steps
    words, neurons = layer.sweep.words * sweeps, layer.shape.neurons * sweeps
    bits = layer.numerics.accumulator_bits
    counted: list[ActionCount] = []
    if layer.memories.current is not None:
        counted.append(layer.memories.current.read(words))
    if layer.memories.membrane is not None:
        counted += [layer.memories.membrane.read(words), layer.memories.membrane.write(words)]
        if layer.engine in (PIM, MAC) or isinstance(layer.plan, GatherPlan):
            counted.append(actions.NEURON_INTEGRATE.count(neurons, bits=bits))
    if layer.leak_terms:
        counted.append(actions.NEURON_SHIFT_LEAK.count(neurons * layer.leak_terms, bits=bits + layer.leak_bits))
    elif layer.leak_bits:
        counted.append(actions.NEURON_LEAK.count(neurons, bits=bits, second_bits=layer.leak_bits))
    if layer.neuron == ACCUMULATE:
        counted.append(actions.NEURON_COMPARE.count(layer.shape.neurons * samples, bits=bits))
    elif layer.neuron == RELU:
        counted.append(actions.NEURON_RELU.count(neurons, bits=bits, second_bits=MULTIPLIER_BITS))
    else:
        counted.append(actions.NEURON_COMPARE.count(neurons, bits=bits))
    if layer.neuron in (LIF, IF):
        counted.append(actions.NEURON_RESET.count(spikes, bits=bits))
    if layer.memories.target is not None:
        counted.append(actions.PACKER_PACK.count(words, bits=layer.sweep.lanes))
        counted.append(layer.memories.target.write(layer.sweep.output_words * sweeps))
    return tuple(counted)


def layer_activity(layer: LayerMapping, timing: LayerTiming, spikes: Spikes, *, steps: int) -> LayerActivity:
    """The layer's record: unit cycles are completed to the layer's total with idle ones."""
    total, samples = timing.cycles, int(timing.step_cycles.shape[0])
    swept = sweep_actions(layer, samples=samples, steps=steps, spikes=spikes.behind)
    return LayerActivity(
        layer=layer.name,
        engine=layer.engine,
        dense_macs=layer.shape.macs * samples,
        accumulates=timing.accumulates,
        input_spikes=spikes.before,
        output_spikes=spikes.behind,
        neurons=layer.shape.neurons,
        cycles=total,
        utilization=timing.utilization,
        actions=merged(timing.actions + swept),
        units=tuple((name, UnitCycles(busy, stall, total - busy - stall)) for name, busy, stall in timing.busy),
        layout=timing.layout,
    )


def merged(counted: tuple[ActionCount, ...]) -> tuple[ActionCount, ...]:
    """Equal actions added up, in the order of their first appearance; actions that never happened are left out."""
    totals: dict[tuple[str, str, int, int, int, int], ActionCount] = {}
    for one in counted:
        key = one.component, one.action, one.bits, one.second_bits, one.capacity_bits, one.ports
        known = totals.get(key)
        totals[key] = one if known is None else replace(known, count=known.count + one.count)
    return tuple(one for one in totals.values() if one.count)
