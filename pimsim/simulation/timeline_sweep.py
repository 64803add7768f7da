"""Signals of a sweep (docs/microarchitecture.md §4.7, §7), given the cycles in which its words are issued.

Reads are seen in the cycle of a word's issue, sums and corrections in stage 1, all else in the cycle of its write, and
packed words in the cycle behind it: as the fields of the register-transfer description's ``activity``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pimsim.mapping import LayerMapping
from pimsim.mapping.mapping import GatherPlan
from pimsim.model.network import CLASSIFIERS, IF, LIF, RELU, TIMED
from pimsim.simulation.waves import Int64Array, Wave, changing, counting, merged, spread

SWEEP = "sweep"


@dataclass(frozen=True, eq=False)
class Issues:
    """Words of one sweep: cycle in which each is issued, and the first in which it might be but for a taken port."""

    issued: Int64Array
    earliest: Int64Array

    @property
    def stalled(self) -> Int64Array:
        """Every cycle in which a word waits for the port."""
        return spread(self.earliest, self.issued - self.earliest)


def uninterrupted(layer: LayerMapping, first: int) -> Issues:
    """Words that wait for nothing but the only port of their bank, from cycle ``first`` on."""
    words = first + np.arange(layer.sweep.words, dtype=np.int64)
    return Issues(words, words)


def issues_one_port(layer: LayerMapping, first: int, banks: int) -> Issues:
    """The same where a write takes a bank's only port: word by word, for each waits for one before."""
    depth, issued = layer.sweep.depth, np.empty(layer.sweep.words, np.int64)
    earliest, cycle = np.empty_like(issued), first - 1
    taken: dict[int, int] = {}
    for word in range(len(issued)):
        earliest[word] = cycle = cycle + 1
        while taken.get(cycle) == word % banks:
            cycle += 1
        issued[word] = cycle
        taken[cycle + depth] = word % banks
    return Issues(issued, earliest)


@dataclass(frozen=True, eq=False)
class Swept:
    """One sweep over a layer's neurons: ``fired`` spikes of each word, None where neurons do not fire; ``lanes`` of
    each word that are at work, all that there are or those not gated; ``last``: it is that of the inference's last
    step, in which the classifier compares.
    """

    fired: Int64Array | None
    lanes: Int64Array
    last: bool


def sweep_waves(layer: LayerMapping, issues: Issues, swept: Swept, *, currents: bool = False) -> tuple[Wave, ...]:
    """All signals of the sweep but accesses of the membrane memory, of which other units have some too.

    With ``currents`` it adds the sums of another engine, whatever it adds at other steps.
    """
    issued, depth = issues.issued, layer.sweep.depth
    written, adds = issued + depth, currents or layer.memories.current is not None
    waves = [
        counting(SWEEP, "sweep_busy", issued),
        counting(SWEEP, "sweep_stall", issues.stalled),
        changing(SWEEP, "sweep_word", issued + 1, np.arange(1, len(issued) + 1) % len(issued)),
    ]
    if adds:
        waves.append(counting("current_memory", "current_memory_read", issued))
    if (layer.memories.membrane is not None and adds) or _gathers(layer):
        waves.append(counting("neuron", "neuron_integrate", issued + 1, swept.lanes))
    waves += _neuron_waves(layer, written, swept)
    if swept.fired is not None and layer.neuron in (LIF, IF):
        waves.append(counting("neuron", "neuron_reset", written, swept.fired))
    return (*merged(waves), *_packer_waves(layer, written))


def membrane_waves(layer: LayerMapping, issued: Int64Array) -> tuple[Wave, ...]:
    """Accesses of a membrane memory that only the sweep touches, in a layer that has one."""
    if layer.memories.membrane is None:
        return ()
    return (
        counting("membrane_memory", "membrane_memory_read", issued),
        counting("membrane_memory", "membrane_memory_write", issued + layer.sweep.depth),
    )


def correction_waves(layer: LayerMapping, issued: Int64Array, lanes: Int64Array) -> tuple[Wave, ...]:
    """The event core takes the zero point off the sums of ``lanes`` at work, in stage 1; nothing where it is 0."""
    if not layer.operands.weight_zero:
        return ()
    return (
        counting("correction", "correction_multiply", issued[:: beats_of(layer)] + 1),
        counting("correction", "correction_add", issued + 1, lanes),
    )


def active_lanes(layer: LayerMapping) -> Int64Array:
    """(words,) neurons of each word."""
    beats, lanes = beats_of(layer), layer.sweep.lanes
    one = np.minimum(lanes, layer.shape.out_channels - lanes * np.arange(beats, dtype=np.int64))
    return np.tile(one, layer.shape.positions)


def beats_of(layer: LayerMapping) -> int:
    """Words of one output position."""
    return layer.sweep.words // layer.shape.positions


def _gathers(layer: LayerMapping) -> bool:
    return isinstance(layer.plan, GatherPlan)


def _neuron_waves(layer: LayerMapping, written: Int64Array, swept: Swept) -> list[Wave]:
    """Leak and comparison of every neuron; in the last step a classifier's argmax, and what its time costs."""
    waves, lanes = [], swept.lanes
    if layer.leak_terms:
        waves.append(counting("neuron", "neuron_shift_leak", written, lanes * layer.leak_terms))
    elif layer.leak_bits:
        waves.append(counting("neuron", "neuron_leak", written, lanes))
    if layer.neuron == RELU:
        waves.append(counting("neuron", "neuron_relu", written, lanes))
    elif layer.neuron not in CLASSIFIERS or layer.neuron == TIMED:
        waves.append(counting("neuron", "neuron_compare", written, lanes))
    if layer.neuron == TIMED and swept.last:
        waves.append(counting("neuron", "neuron_integrate", written, lanes))
    if layer.neuron in CLASSIFIERS and swept.last:
        waves.append(counting("neuron", "neuron_compare", written, lanes))
    return waves


def _packer_waves(layer: LayerMapping, written: Int64Array) -> tuple[Wave, ...]:
    """Values gather in the packer; full words leave it in the cycle behind, behind the last word the rest as well."""
    target = layer.memories.target
    if target is None:
        return ()
    full = words_written(active_lanes(layer), target.word_bits // layer.sweep.value_bits)
    memory = "activation_memory" if layer.neuron == RELU else "spike_memory"
    return (
        counting("packer", "packer_pack", written),
        counting(memory, f"{memory}_write", written + 1, full),
    )


def words_written(packed: Int64Array, per_word: int) -> Int64Array:
    """Words of a map that leave the packer behind each of its inputs of ``packed`` values; the last one empties it."""
    values = np.cumsum(packed)
    full = values // per_word
    full[-1] = -(-values[-1] // per_word)
    return np.diff(full, prepend=0)
