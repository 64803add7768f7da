"""What dense engines take from the map in front of them: memory accesses, pool sums, pulses of word lines."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.activity import actions
from pimsim.activity.activity import ActionCount
from pimsim.mapping import LayerMapping
from pimsim.mapping.reach import padded_taps, targets_per_position
from pimsim.model.architecture import LayerShape
from pimsim.simulation.geometry import pool_sums

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
    return layer.memories.source.write(map_words(layer) * samples)


def map_words(layer: LayerMapping) -> int:
    """Words of the map in front of a layer."""
    per_word = layer.memories.source.word_bits // layer.operands.stored_bits
    return -(-prod(layer.shape.source_shape) // per_word)


def driven_by_codes(window: LayerShape, codes: UnsignedArray, slice_bits: int, *, zero: int = 0) -> int:
    """Word-line pulses of all windows, padding included, summed over samples: slices that are not 0.

    ``codes`` (N, C, D, H, W) in front of the layer, of any unsigned kind: input codes, or multi-bit activations;
    ``zero`` stands in the padding.
    """
    values = codes.transpose(0, 2, 3, 4, 1).reshape(codes.shape[0], *_hardware_view(window))
    padded = padded_taps(window) * int(_slices_of(np.array([zero]), slice_bits)[0])
    return _driven(window, values, slice_bits) + padded * int(codes.shape[0])


def driven_by_activations(window: LayerShape, maps: UnsignedArray, slice_bits: int) -> int:
    """The same for a CNN's activations (N, neurons), summed over samples."""
    return sum(_driven(window, sample.reshape(1, *_hardware_view(window)), slice_bits) for sample in maps)


def driven_by_spikes(window: LayerShape, maps: npt.NDArray[np.uint8], slice_bits: int) -> int:
    """The same for packed spikes (N, T, bytes), whose unused last bits are 0, summed over samples and steps."""
    neurons = prod(window.source_shape)
    if prod(window.pool) == 1:  # a spike is one slice, whatever its width
        return _reached(window, maps)
    total = 0
    for sample in maps:  # unpacked one sample at a time
        bits = np.unpackbits(sample, axis=1, count=neurons, bitorder="little")
        total += _driven(window, bits.reshape(len(bits), *_hardware_view(window)), slice_bits)
    return total


def _reached(window: LayerShape, maps: npt.NDArray[np.uint8]) -> int:
    """Σ over spikes of the windows that see them: Σ 2^i · |map ∧ mask i|, mask i being digit i of their number."""
    masks = _digit_masks(window)
    words = np.zeros((maps.shape[0] * maps.shape[1], masks.shape[1]), np.uint64)
    words.view(np.uint8)[:, : maps.shape[2]] = maps.reshape(-1, maps.shape[2])
    return sum(int(np.bitwise_count(words & mask).sum(dtype=np.int64)) << digit for digit, mask in enumerate(masks))


@lru_cache(maxsize=256)
def _digit_masks(window: LayerShape) -> npt.NDArray[np.uint64]:
    """(digits, words) binary digits of the number of windows that see each neuron, packed like a spike map."""
    seen = np.repeat(targets_per_position(window), window.in_shape[0])
    packed = np.zeros((int(seen.max()).bit_length(), -(-seen.size // 64) * 8), np.uint8)
    for digit, row in enumerate(packed):
        bits = np.packbits((seen >> digit & 1).astype(np.uint8), bitorder="little")
        row[: bits.size] = bits
    return packed.view(np.uint64)


def _driven(shape: LayerShape, values: UnsignedArray, slice_bits: int) -> int:
    """Slices that are not 0, each as often as its value lies in a receptive field; ``values`` (N, D, H, W, C)."""
    pooled, plain = _pooled(values, shape)
    per_value = _slices_of(np.arange(int(pooled.max(initial=0)) + 1), slice_bits)
    targets = targets_per_position(plain)
    per_position = per_value[pooled].reshape(-1, targets.size, plain.in_shape[0])
    return int(per_position.sum(axis=(0, 2), dtype=np.int64) @ targets)


def _slices_of(values: npt.NDArray[np.int64], slice_bits: int) -> npt.NDArray[np.uint8]:
    """Slices of ``slice_bits`` bits of each value that are not 0."""
    found = np.zeros(values.shape, np.uint8)
    for shift in range(0, int(values.max(initial=0)).bit_length(), slice_bits):
        found += (values >> shift & (2**slice_bits - 1)) > 0
    return found


def count_spikes(maps: npt.NDArray[np.uint8]) -> int:
    """Spikes in packed maps (…, bytes), whose unused last bits are 0.

    Counted 64 bits at a time: byte by byte takes as long as scheduling some of the layers.
    """
    flat = np.ascontiguousarray(maps).reshape(-1)
    whole = flat.size // 8 * 8
    words, rest = np.bitwise_count(flat[:whole].view(np.uint64)), np.bitwise_count(flat[whole:])
    return int(words.sum(dtype=np.int64)) + int(rest.sum(dtype=np.int64))


def _hardware_view(shape: LayerShape) -> tuple[int, int, int, int]:
    """Depth, height, width, channel of the map as the kernel sees it, before the pool."""
    c, d, h, w = shape.viewed_shape
    return d, h, w, c


def _pooled(values: UnsignedArray, shape: LayerShape) -> tuple[UnsignedArray, LayerShape]:
    """Sums over the pool's windows (N, D, H, W, C), and the layer without its pool and reshape."""
    plain = replace(shape, source_shape=shape.in_shape, pool=(1, 1, 1), spectral_map=False)
    return (pool_sums(values, shape) if prod(shape.pool) > 1 else values), plain
