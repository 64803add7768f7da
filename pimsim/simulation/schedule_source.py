"""What dense engines take from the map in front of them: memory accesses, pool sums, ones on word lines."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.mapping import LayerMapping
from pimsim.mapping.reach import padded_taps, targets_per_position
from pimsim.model.architecture import LayerShape

UnsignedArray = npt.NDArray[np.unsignedinteger]


def source_actions(layer: LayerMapping, transfers: npt.NDArray[np.int64], repeats: int) -> tuple[ActionCount, ...]:
    """Reads of the input map and additions of the pool: ``transfers`` inputs at a time, all of it ``repeats`` times."""
    source, pool = layer.memories.source, prod(layer.shape.pool)
    per_word = source.word_bits // layer.operands.stored_bits
    reads = int((-(-transfers * pool // per_word)).sum()) * repeats
    counted = (source.read(reads),)
    if pool == 1:
        return counted
    sums = int(transfers.sum()) * (pool - 1) * repeats
    return (*counted, actions.POOL_ADD.count(sums, bits=layer.operands.input_bits))


def input_writes(layer: LayerMapping, samples: int) -> ActionCount:
    """The codes of each sample stored once, in front of the first layer."""
    source = layer.memories.source
    per_word = source.word_bits // layer.operands.stored_bits
    return source.write(-(-prod(layer.shape.source_shape) // per_word) * samples)


def ones_of_codes(layer: LayerMapping, codes: UnsignedArray) -> int:
    """Ones among the input bits of all receptive fields, padding included, summed over samples.

    ``codes`` (N, C, D, H, W) in front of the layer.
    """
    shape = layer.shape
    samples = codes.shape[0]
    values = codes.transpose(0, 2, 3, 4, 1).reshape(samples, *_hardware_view(shape))
    values, shape = _pooled(values, shape)
    per_position = np.bitwise_count(values).reshape(samples, -1, shape.in_shape[0]).sum(axis=(0, 2), dtype=np.int64)
    ones = int(per_position @ targets_per_position(shape))
    return ones + padded_taps(shape) * layer.operands.input_zero.bit_count() * int(samples)


def ones_of_spikes(layer: LayerMapping, maps: npt.NDArray[np.uint8]) -> int:
    """The same for packed spikes (N, T, bytes), summed over samples and steps."""
    neurons = prod(layer.shape.source_shape)
    total = 0
    for sample in maps:  # unpacked one sample at a time
        bits = np.unpackbits(sample, axis=1, count=neurons, bitorder="little")
        values, shape = _pooled(bits.reshape(len(bits), *_hardware_view(layer.shape)), layer.shape)
        ones = np.bitwise_count(values).reshape(len(bits), -1, shape.in_shape[0]).sum(axis=(0, 2), dtype=np.int64)
        total += int(ones @ targets_per_position(shape))
    return total


def count_spikes(maps: npt.NDArray[np.uint8]) -> int:
    """Spikes in packed maps (N, T, bytes), whose unused last bits are 0."""
    return int(np.bitwise_count(maps).sum(dtype=np.int64))


def _hardware_view(shape: LayerShape) -> tuple[int, int, int, int]:
    """Depth, height, width, channel of the map as the kernel sees it, before the pool."""
    c, d, h, w = shape.viewed_shape
    return d, h, w, c


def _pooled(values: UnsignedArray, shape: LayerShape) -> tuple[UnsignedArray, LayerShape]:
    """Sums over the pool's windows (N, D, H, W, C), and the layer without its pool and reshape."""
    (pd, ph, pw), (c, d, h, w) = shape.pool, shape.in_shape
    whole = values[:, : d * pd, : h * ph, : w * pw].reshape(-1, d, pd, h, ph, w, pw, c)
    plain = replace(shape, source_shape=shape.in_shape, pool=(1, 1, 1), spectral_map=False)
    return (whole.sum(axis=(2, 4, 6), dtype=np.uint32), plain) if prod(shape.pool) > 1 else (values, plain)
