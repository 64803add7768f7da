"""Signals of the encoder (docs/microarchitecture.md §11.2), which are the same for all codes and steps."""

from __future__ import annotations

from math import prod

import numpy as np

from pimsim.mapping import LayerMapping
from pimsim.simulation.schedule_encoder import BOUNDS, DEPTH, ENCODER
from pimsim.simulation.schedule_source import map_words
from pimsim.simulation.timeline_sweep import words_written
from pimsim.simulation.waves import Wave, counting


def encoder_waves(codes: LayerMapping, spikes: LayerMapping) -> tuple[Wave, ...]:
    """Of one map: codes in front of ``codes`` become the map in front of ``spikes``."""
    source, inputs = codes.memories.source, prod(codes.shape.source_shape)
    read = np.arange(map_words(codes), dtype=np.int64)
    held = source.word_bits // codes.operands.stored_bits
    in_word = np.minimum(held, inputs - held * read)
    compared = read + DEPTH
    written = words_written(in_word, spikes.memories.source.word_bits)
    return (
        counting(ENCODER, "encoder_busy", read),
        counting("input_memory", "input_memory_read", read),
        counting(ENCODER, "encoder_compare", compared, BOUNDS * in_word),
        counting(ENCODER, "encoder_pack", compared),
        counting(ENCODER, "encoder_write", compared + 1, written),
    )
