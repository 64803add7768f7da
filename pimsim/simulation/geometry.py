"""Where the inputs of every output position lie, in the layout that makes them contiguous.

A layer's input map is laid out as a grid of *cells*: one cell per position of the padded, pooled map, all
its channels together.  The order of the three axes is chosen per layer so that a receptive field falls into
as few contiguous *runs* of cells as possible: one for every layer of CNN-3D behind the first, where the
innermost axis is the spectral one under (3, 1, 1) kernels and the outermost one under kernels that cover
the whole patch.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from math import gcd, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import LayerShape, Shape3

Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]
#: An unaligned 64-bit load holds at least 57 bits of a map; two 16-lane compress instructions take 32.
SEGMENT_BITS = 32
#: Depth outermost, width innermost: the order in which spike maps are packed.
NATURAL: Shape3 = (0, 1, 2)


class Field(NamedTuple):
    """Receptive fields of one layer; a named tuple because compiled kernels take it as it is.

    Output positions are in the order depth, height, width.  For inputs that are events:

    segments      (positions,) first segment of each field; segments never reach across the end of a run
    offsets       (positions,) row offset of each field's first cell: cell · channels · elements of a weight row
    run_segments  (runs,) distance of each run from the first segment
    run_offsets   (runs,) what to add to ``offsets``: an event minus the sum is the place of its weight row
    span          segments per run

    For inputs that are values:

    neurons  (positions,) first neuron of each field in the grid of cells
    taps     (rows,) distance of every input neuron of a field from its first one, channel fastest
    outputs  output channels
    """

    segments: UInt64Array
    offsets: UInt64Array
    run_segments: UInt64Array
    run_offsets: UInt64Array
    span: int
    neurons: UInt64Array
    taps: UInt64Array
    outputs: int


class Segments(NamedTuple):
    """Where the bits of the grid stand in the spike map, at most 32 at a time.

    bits     (segments,) first bit; input neurons are numbered in the order depth, height, width, channel
    neurons  (segments,) number of that neuron in the grid of cells, cell · channels + channel
    masks    (segments,) ones for the bits that belong to the segment; none in the padding
    """

    bits: UInt64Array
    neurons: UInt64Array
    masks: UInt64Array


def best_order(shape: LayerShape) -> Shape3:
    """The nesting of axes (0 depth, 1 height, 2 width; innermost last) with the fewest runs per field."""
    first, second, third = max(permutations(NATURAL), key=lambda order: _run_length(shape, order))
    return first, second, third


def receptive_fields(shape: LayerShape, order: Shape3, width: int) -> Field:
    """Fields over the grid of cells whose axes nest in ``order``; weight rows have ``width`` elements."""
    starts, runs, length = _starts(shape, order), _runs(shape, order), _run_length(shape, order)
    channels, piece = shape.in_shape[0], _piece(shape, order)
    per_piece = prod(shape.pool) * len(_cuts(channels * piece))
    before = np.arange(len(runs)) * length  # cells of a field in the runs before
    inside = np.arange(length * channels)
    return Field(
        segments=_unsigned(starts // piece * per_piece),
        offsets=_unsigned(starts * channels * width),
        run_segments=_unsigned(runs // piece * per_piece),
        run_offsets=_unsigned((runs - before) * channels * width),
        span=length // piece * per_piece,
        neurons=_unsigned(starts * channels),
        taps=_unsigned((runs[:, None] * channels + inside).ravel()),
        outputs=shape.out_channels,
    )


def column_axis(shape: LayerShape) -> int | None:
    """The axis with the largest kernel among those that fields slide along one cell at a time; None without any."""
    sliding = [
        axis for axis in NATURAL if shape.stride[axis] == 1 and min(shape.kernel[axis], shape.out_size[axis]) > 1
    ]
    return max(sliding, key=lambda axis: shape.kernel[axis], default=None)


def column_shape(shape: LayerShape, axis: int) -> LayerShape:
    """A layer that sums one *column* of cells, all that a field holds at one place along ``axis``.

    Its output channels are those of ``shape`` for every place of the column in a field, place by place.
    """
    kernel, padding = list(shape.kernel), list(shape.padding)
    kernel[axis], padding[axis] = 1, 0
    channels = shape.out_channels * shape.kernel[axis]
    return replace(shape, out_channels=channels, kernel=_triple(kernel), padding=_triple(padding))


def column_places(shape: LayerShape, axis: int) -> UInt64Array:
    """Where the columns of each field of ``shape`` begin in the output of `column_shape`, (positions, places).

    A column in the padding has no output; its place is behind the last one's.
    """
    size, channels = column_shape(shape, axis), shape.out_channels
    corners = np.repeat(_grid(shape.out_size, NATURAL)[:, None], shape.kernel[axis], axis=1)
    corners[..., axis] += np.arange(shape.kernel[axis]) - shape.padding[axis]
    real = (corners[..., axis] >= 0) & (corners[..., axis] < shape.in_shape[1 + axis])
    number = corners @ _strides(size.out_size, NATURAL)
    inside = number * size.out_channels + np.arange(shape.kernel[axis]) * channels
    return np.where(real, inside, size.neurons).astype(np.uint64)


def column_weight(weight: npt.NDArray[np.int32], axis: int) -> npt.NDArray[np.int32]:
    """(C_out, C_in, kD, kH, kW) → the weights of `column_shape`."""
    parts = np.moveaxis(weight, 2 + axis, 0)
    return np.expand_dims(parts.reshape(-1, *parts.shape[2:]), 2 + axis)


def map_segments(shape: LayerShape, order: Shape3) -> Segments:
    """Segments by piece of the grid; within a piece, by position of a cell's pool window, each cut every 32 bits."""
    first, real = _sources(shape, order)
    piece = _piece(shape, order)
    first, real, size = first[::piece], real[::piece], piece * shape.in_shape[0]
    cuts = _cuts(size)
    masks = (1 << np.minimum(size - cuts, SEGMENT_BITS)) - 1
    pieces = np.arange(len(real))[:, None, None]
    bits = np.where(real[:, None, None], first[:, :, None] + cuts, 0)
    neurons = np.broadcast_to(pieces * size + cuts, bits.shape)
    chosen = np.where(real[:, None, None], np.broadcast_to(masks, bits.shape), 0)
    return Segments(*(part.astype(np.uint64).ravel() for part in (bits, neurons, chosen)))


def segment_rows(shape: LayerShape, order: Shape3) -> list[int]:
    """How many weight rows each segment of a receptive field stands for, without a pool."""
    piece = _piece(shape, order)
    size = piece * shape.in_shape[0]
    return [min(size - int(cut), SEGMENT_BITS) for cut in _cuts(size)] * (prod(shape.kernel) // piece)


def grid_size(shape: LayerShape) -> int:
    """Neurons of the grid of cells."""
    return prod(_padded(shape)) * shape.in_shape[0]


def value_origins(shape: LayerShape, order: Shape3, *, channels_last: bool) -> UInt64Array:
    """For every neuron of the grid, its place in a map of values, and the map's size in the padding.

    The map is (C, D, H, W) or, with ``channels_last``, (D, H, W, C) as spike maps are; a pool is behind it.
    """
    plain = replace(shape, source_shape=shape.in_shape, pool=(1, 1, 1), spectral_map=False)
    first, real = _sources(plain if channels_last else shape, order)
    size = prod(shape.in_shape)
    by_neuron = np.arange(size) if channels_last else np.arange(size).reshape(shape.source_shape[0], -1).T.ravel()
    origins = by_neuron[first[:, :1] + np.arange(shape.in_shape[0])]
    return np.where(real[:, None], origins, by_neuron.size).astype(np.uint64).ravel()


def weight_rows(weight: npt.NDArray[np.int32], order: Shape3) -> npt.NDArray[np.int32]:
    """(C_out, C_in, kD, kH, kW) → (rows, C_out), rows by kernel cell in ``order``, then input channel."""
    axes = [2 + axis for axis in order]
    return weight.transpose(*axes, 1, 0).reshape(-1, weight.shape[0])


def pool_sums(values: npt.NDArray[np.unsignedinteger], shape: LayerShape) -> npt.NDArray[np.uint32]:
    """A map of values (N, D, H, W, C) summed over the windows of a layer's pool; what fills none is left out."""
    (pd, ph, pw), (c, d, h, w) = shape.pool, shape.in_shape
    whole = values[:, : d * pd, : h * ph, : w * pw].reshape(-1, d, pd, h, ph, w, pw, c)
    sums: npt.NDArray[np.uint32] = whole.sum(axis=(2, 4, 6), dtype=np.uint32)
    return sums


def _triple(numbers: list[int]) -> Shape3:
    first, second, third = numbers
    return first, second, third


def _cuts(bits: int) -> Int64Array:
    return np.arange(0, bits, SEGMENT_BITS, dtype=np.int64)


def _piece(shape: LayerShape, order: Shape3) -> int:
    """Cells that segments may run across: no run of a field begins or ends inside a piece of so many cells, and they
    follow one another in the spike map as in the grid, or lie in the padding together."""
    if prod(shape.pool) > 1:
        return 1
    first, real = _sources(shape, order)
    ends = *_starts(shape, order).tolist(), *_runs(shape, order).tolist(), _run_length(shape, order), len(real)
    size = gcd(*ends)
    bits, inside = first.reshape(-1, size), real.reshape(-1, size)
    follow = (bits - bits[:, :1] == np.arange(size) * shape.in_shape[0]).all(axis=1)
    return size if (np.where(inside[:, 0], follow & inside.all(axis=1), ~inside.any(axis=1))).all() else 1


def _padded(shape: LayerShape) -> Shape3:
    d, h, w = (n + 2 * p for n, p in zip(shape.in_shape[1:], shape.padding, strict=True))
    return d, h, w


def _strides(sizes: Shape3, order: tuple[int, ...]) -> Int64Array:
    """Cells between neighbours along depth, height and width when axes are nested in ``order``."""
    strides = np.zeros(3, np.int64)
    step = 1
    for axis in reversed(order):
        strides[axis] = step
        step *= sizes[axis]
    return strides


def _grid(sizes: Shape3, order: tuple[int, ...]) -> Int64Array:
    """Coordinates (depth, height, width) of every point of a box, the last axis of ``order`` fastest."""
    points = np.indices([sizes[axis] for axis in order], dtype=np.int64).reshape(3, -1)
    grid = np.empty((points.shape[1], 3), np.int64)
    grid[:, list(order)] = points.T
    return grid


def _run_length(shape: LayerShape, order: tuple[int, ...]) -> int:
    """Cells that a kernel takes in one piece: an axis adds to it as long as the kernel covers all axes inside it."""
    length = 1
    for axis in reversed(order):
        length *= shape.kernel[axis]
        if shape.kernel[axis] < _padded(shape)[axis]:
            break
    return length


def _runs(shape: LayerShape, order: tuple[int, ...]) -> Int64Array:
    """Distance of each run of a receptive field from the field's first cell."""
    cells: Int64Array = _grid(shape.kernel, order) @ _strides(_padded(shape), order)
    return cells[:: _run_length(shape, order)]


def _starts(shape: LayerShape, order: tuple[int, ...]) -> Int64Array:
    """First cell of every output position's field."""
    corners = _grid(shape.out_size, NATURAL) * np.array(shape.stride)
    starts: Int64Array = corners @ _strides(_padded(shape), order)
    return starts


def _unsigned(numbers: Int64Array) -> UInt64Array:
    return numbers.astype(np.uint64)


def _sources(shape: LayerShape, order: tuple[int, ...]) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
    """First input neuron of every position that a cell sums, (cells, pool); which cells are not padding, (cells,)."""
    channels, _, height, width = shape.viewed_shape
    inside = _grid(_padded(shape), order) - np.array(shape.padding)
    real = ((inside >= 0) & (inside < np.array(shape.in_shape[1:]))).all(axis=1)
    points = np.where(real[:, None], inside, 0)[:, None, :] * np.array(shape.pool) + _grid(shape.pool, NATURAL)
    return ((points[..., 0] * height + points[..., 1]) * width + points[..., 2]) * channels, real
