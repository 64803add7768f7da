"""From input codes to input spikes: a first layer of the encoding ``hybrid`` (docs/microarchitecture.md §11)."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.hardware import Event, Hardware, Mac
from pimsim.mapping import LayerMapping, Mapping
from pimsim.simulation.schedule_layer import HAND_OVER, Evaluation, LayerTiming
from pimsim.simulation.schedule_source import map_words

ENCODER = "encoder"
"""The unit that compares codes with the bounds of a step."""
DEPTH = 1
"""Codes are compared in the cycle behind that of their address, and the bits handed to the packer."""
BOUNDS = 2
"""Comparisons of a code: the codes that fire at a step are those between two constants."""


def encoder_cycles(mapping: Mapping) -> int:
    """Of one map: a word of codes per cycle, the depth, the packer's last word, the hand-over."""
    return map_words(mapping.layers[0]) + DEPTH + 1 + HAND_OVER


def front_timing(layer: LayerMapping, sums: Evaluation, *, samples: int, steps: int) -> LayerTiming:
    """Sums of codes, once per sample, without the sweep that adds them."""
    accumulates = layer.shape.macs * samples
    return LayerTiming(
        front_cycles=sums.cycles,
        step_cycles=np.zeros((samples, steps), np.int64),
        busy=tuple((name, busy * samples, stall * samples) for name, busy, stall in sums.units),
        actions=sums.actions,
        accumulates=accumulates,
        utilization=accumulates / (sums.cycles * samples * sums.width) if sums.width else sums.utilization,
        layout=sums.layout,
    )


def encoded(timing: LayerTiming, mapping: Mapping, hardware: Hardware) -> LayerTiming:
    """``timing`` of input spikes, with the encoder in front of every step but the first."""
    assert mapping.input_spikes is not None  # what is timed
    engine = hardware.engines.named(mapping.input_spikes.engine)
    cycles = timing.step_cycles.copy()
    cycles[:, 1:] += encoder_cycles(mapping)
    maps = cycles[:, 1:].size
    longer = replace(
        timing,
        step_cycles=cycles,
        busy=((ENCODER, map_words(mapping.layers[0]) * maps, 0), *timing.busy),
        actions=(*_actions(mapping, maps), *timing.actions),
    )
    lanes = engine.lanes if isinstance(engine, Event) else engine.multipliers if isinstance(engine, Mac) else 0
    return replace(longer, utilization=timing.accumulates / (longer.cycles * lanes)) if lanes else longer


def _actions(mapping: Mapping, maps: int) -> tuple[ActionCount, ...]:
    """Of ``maps`` encoded maps."""
    codes, spikes = mapping.layers[0], mapping.input_spikes
    assert spikes is not None  # what is encoded
    source, words, bits = codes.memories.source, map_words(codes) * maps, codes.operands.stored_bits
    inputs = prod(codes.shape.source_shape) * maps
    return (
        source.read(words),
        actions.NEURON_COMPARE.count(BOUNDS * inputs, bits=bits),
        actions.PACKER_PACK.count(words, bits=source.word_bits // bits),
        spikes.memories.source.write(map_words(spikes) * maps),
    )
