"""What scheduling finds out about one layer, and the parts that all engines share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import SPIKES_SUFFIX, ActionCount, LayerActivity, UnitCycles
from pimsim.hardware.hardware import MAC, PIM
from pimsim.mapping import LayerMapping
from pimsim.mapping.mapping import GatherPlan
from pimsim.model.network import CLASSIFIERS, IF, LIF, MAX_MULTIPLIER, RELU, TIMED

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

    front_cycles  of sums that are computed once per inference, for all steps; 0 where each step computes its own.
                  Under the encoding ``hybrid`` the sums of step 1 are a timing of their own, whose steps take none
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
    """Spikes of all samples and steps in front of a layer and behind it; in the latter ones' sweeps, ``gated`` lanes:
    those that have nothing to do because their neuron has fired.
    """

    before: int
    behind: int
    gated: int = 0


def sweep_cycles(layer: LayerMapping) -> int:
    """A sweep: one word per cycle, waits for the memory, and what follows the last word."""
    return layer.sweep.words + layer.sweep.stalls + sweep_end(layer)


def sweep_end(layer: LayerMapping) -> int:
    """Cycles behind the issue of a sweep's last word: the pipeline's depth, the packer's last word, the hand-over."""
    return layer.sweep.depth + 1 + HAND_OVER


def dense_timing(
    layer: LayerMapping, sums: Evaluation, *, samples: int, steps: int, first: bool, silent: int = 0
) -> LayerTiming:
    """Sums and sweeps of a layer on a dense engine; sums of all steps at once, as the first layer's, or per step.

    The first ``silent`` steps have no sums of their own.
    """
    evaluations = samples * layer.operands.evaluations
    once = first or layer.operands.passes > 1
    step_cycles = np.full((samples, steps), sweep_cycles(layer), np.int64)
    step_cycles[:, silent:] += 0 if once else sums.cycles
    accumulates = layer.shape.macs * evaluations * layer.operands.passes
    total = sums.cycles * evaluations + sweep_cycles(layer) * samples * steps
    return LayerTiming(
        front_cycles=sums.cycles if once else 0,
        step_cycles=step_cycles,
        busy=(
            *((name, busy * evaluations, stall * evaluations) for name, busy, stall in sums.units),
            (SWEEP, layer.sweep.words * samples * steps, 0),
        ),
        actions=sums.actions,
        accumulates=accumulates,
        utilization=accumulates / (total * sums.width) if sums.width else sums.utilization,
        layout=sums.layout,
    )


def sweep_actions(
    layer: LayerMapping, *, samples: int, steps: int, spikes: int, gated: int = 0, first: LayerMapping | None = None
) -> tuple[ActionCount, ...]:
    """Actions of ``samples`` × ``steps`` passes over the layer's neurons, which fired ``spikes`` times.

    ``gated`` of all the neurons passed over are not worked on.  Sums of step 1 are those of ``first``, where another
    engine forms them; without it they are the layer's own, as at all other steps.
    """
    sweeps = samples * steps
    words, neurons = layer.sweep.words * sweeps, layer.shape.neurons * sweeps - gated
    bits = layer.numerics.accumulator_bits
    counted = _current_reads(layer, samples=samples, steps=steps, first=first)
    if layer.memories.membrane is not None:
        counted += [layer.memories.membrane.read(words), layer.memories.membrane.write(words)]
        if layer.engine in (PIM, MAC) or isinstance(layer.plan, GatherPlan):
            counted.append(actions.NEURON_INTEGRATE.count(neurons, bits=bits))
        elif first is not None:
            counted.append(actions.NEURON_INTEGRATE.count(layer.shape.neurons * samples, bits=bits))
    if layer.leak_terms:
        counted.append(actions.NEURON_SHIFT_LEAK.count(neurons * layer.leak_terms, bits=bits + layer.leak_bits))
    elif layer.leak_bits:
        counted.append(actions.NEURON_LEAK.count(neurons, bits=bits, second_bits=layer.leak_bits))
    counted += _decisions(layer, samples=samples, neurons=neurons)
    if layer.neuron in (LIF, IF):
        counted.append(actions.NEURON_RESET.count(spikes, bits=bits))
    if layer.memories.target is not None:
        counted.append(actions.PACKER_PACK.count(words, bits=layer.sweep.lanes))
        counted.append(layer.memories.target.write(layer.sweep.output_words * sweeps))
    return tuple(counted)


def _current_reads(layer: LayerMapping, *, samples: int, steps: int, first: LayerMapping | None) -> list[ActionCount]:
    """Words of sums that sweeps add to the membranes."""
    own, words, counted = layer.memories.current, layer.sweep.words * samples, []
    if first is not None and first.memories.current is not None:
        counted.append(first.memories.current.read(words))
        steps -= 1
    if own is not None:
        counted.append(own.read(words * steps))
    return counted


def _decisions(layer: LayerMapping, *, samples: int, neurons: int) -> list[ActionCount]:
    """What becomes of ``neurons`` values in all sweeps, of which a classifier's are compared once per sample."""
    bits, classes = layer.numerics.accumulator_bits, layer.shape.neurons * samples
    if layer.neuron == RELU:
        return [actions.NEURON_RELU.count(neurons, bits=bits, second_bits=MULTIPLIER_BITS)]
    if layer.neuron not in CLASSIFIERS:
        return [actions.NEURON_COMPARE.count(neurons, bits=bits)]
    largest = actions.NEURON_COMPARE.count(classes, bits=bits)
    if layer.neuron != TIMED:
        return [largest]
    late = actions.NEURON_INTEGRATE.count(classes, bits=bits)
    return [actions.NEURON_COMPARE.count(neurons, bits=bits), late, largest]


def layer_activity(
    layer: LayerMapping, timing: LayerTiming, spikes: Spikes, *, steps: int, first: LayerMapping | None = None
) -> LayerActivity:
    """The layer's record: unit cycles are completed to the layer's total with idle ones.

    With ``first``, which forms the sums of step 1, it is that of the layer's input spikes.
    """
    samples = int(timing.step_cycles.shape[0])
    swept = sweep_actions(layer, samples=samples, steps=steps, spikes=spikes.behind, gated=spikes.gated, first=first)
    return LayerActivity(
        layer=layer.name + (SPIKES_SUFFIX if first else ""),
        engine=layer.engine,
        dense_macs=0 if first else layer.shape.macs * samples,
        accumulates=timing.accumulates,
        input_spikes=spikes.before,
        output_spikes=spikes.behind,
        neurons=layer.shape.neurons,
        cycles=timing.cycles,
        utilization=timing.utilization,
        actions=merged(timing.actions + swept),
        units=_units(timing),
        layout=timing.layout,
    )


def front_activity(layer: LayerMapping, timing: LayerTiming) -> LayerActivity:
    """The record of a first layer's sums of codes, whose neurons are those of its input spikes."""
    return LayerActivity(
        layer=layer.name,
        engine=layer.engine,
        dense_macs=layer.shape.macs * int(timing.step_cycles.shape[0]),
        accumulates=timing.accumulates,
        input_spikes=0,
        output_spikes=0,
        neurons=0,
        cycles=timing.cycles,
        utilization=timing.utilization,
        actions=merged(timing.actions),
        units=_units(timing),
        layout=timing.layout,
    )


def _units(timing: LayerTiming) -> tuple[tuple[str, UnitCycles], ...]:
    total = timing.cycles
    return tuple((name, UnitCycles(busy, stall, total - busy - stall)) for name, busy, stall in timing.busy)


def merged(counted: tuple[ActionCount, ...]) -> tuple[ActionCount, ...]:
    """Equal actions added up, in the order of their first appearance; actions that never happened are left out."""
    totals: dict[tuple[str, str, int, int, int, int], ActionCount] = {}
    for one in counted:
        key = one.component, one.action, one.bits, one.second_bits, one.capacity_bits, one.ports
        known = totals.get(key)
        totals[key] = one if known is None else replace(known, count=known.count + one.count)
    return tuple(one for one in totals.values() if one.count)
