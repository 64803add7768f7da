"""A layer in the arrays of a bit-serial crossbar: the scheduler's layout and the weights as numbers of a design."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pimsim.hardware import BitSerialPim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Layout, Round, Tile
from pimsim.model.architecture import LayerShape
from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer
from pimsim.model.stored import Stored, store
from pimsim.rtl.crossbar.design import ArrayDesign, PimDesign, RoundDesign, TileDesign
from pimsim.simulation.schedule_crossbar import chosen_layout

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PimContent:
    """What a layer brings besides its shape: ``rows`` of all tiles, round by round, as words of digits, column 0 in the
    lowest bits; ``constants`` (C_out,), added to every sum."""

    rows: tuple[int, ...]
    constants: tuple[int, ...]


def pim_design(source: IntegerLayer, layer: LayerMapping, pim: BitSerialPim) -> PimDesign:
    """A layer in the layout that the scheduler takes."""
    plan = layer.plan
    assert isinstance(plan, CrossbarPlan)
    layout, stored, operands = chosen_layout(layer, pim), _stored(source, pim), layer.operands
    return PimDesign(
        shape=layer.shape,
        window=layout.window,
        kernels=layout.kernels,
        at_once=layout.at_once,
        copies=layout.array_copies,
        rounds=_rounds(layout, layer.sweep.lanes),
        array=_array(layout, stored, layer, pim),
        reloaded=plan.reloaded,
        passes=operands.passes,
        source=layer.memories.source.component,
        word_values=layer.memories.source.word_bits // operands.stored_bits,
        stored_bits=operands.stored_bits,
        input_zero=operands.input_zero,
        slices=plan.operand.slices,
        weight_zero=stored.zero,
        corrects_inputs=operands.input_zero != 0,
        port=pim.input_port_codes,
        pulse_cycles=pim.pulse_cycles,
        adc_cycles=pim.adc_cycles,
        sample_and_hold=pim.sample_and_hold,
        correction_depth=pim.correction_depth,
        lanes=layer.sweep.lanes,
    )


def pim_content(source: IntegerLayer, design: PimDesign, pim: BitSerialPim) -> PimContent:
    """Cells and constants of a layer's weights."""
    stored = _stored(source, pim)
    bits = stored.bits.reshape(*stored.bits.shape[:2], -1, design.array.cell_bits)
    digits: Int64Array = (bits.astype(np.int64) << np.arange(design.array.cell_bits)).sum(axis=3)
    rows = [row for one in design.rounds for tile in one.tiles for row in _tile_rows(digits, tile, design)]
    constants = stored.constants(design.input_zero)
    return PimContent(tuple(rows), tuple(int(value) for value in constants))


def _tile_rows(digits: Int64Array, tile: TileDesign, design: PimDesign) -> list[int]:
    """Words of a tile's rows; ``digits`` (K, C_out, columns of one output)."""
    array, outputs = design.array, slice(tile.output, tile.output + tile.outputs)
    cells = np.zeros((tile.rows, array.kernels, array.kernel_columns), np.int64)
    own = kernel_rows(design.shape, design.window, array.kernels)[:, tile.row : tile.row + tile.rows]
    for kernel, rows in enumerate(own):
        inside = rows >= 0
        weights = digits[rows[inside], outputs].reshape(int(inside.sum()), -1)
        cells[inside, kernel, : array.reference] = 1
        cells[inside, kernel, array.reference : array.reference + weights.shape[1]] = weights
    return [_word(row, array.cell_bits) for row in cells.reshape(tile.rows, -1).tolist()]


def _word(cells: list[int], bits: int) -> int:
    return sum(cell << (bits * column) for column, cell in enumerate(cells))


def kernel_rows(shape: LayerShape, window: LayerShape, kernels: int) -> Int64Array:
    """(kernels, rows of the window): the layer's row that each kernel of a window has there, −1 where it has none."""
    axis, shift = kernel_shift(shape, window)
    extent = (*window.kernel, window.in_shape[0])
    taps = np.indices(extent).reshape(4, -1)
    found = np.full((kernels, taps.shape[1]), -1, np.int64)
    for kernel, rows in enumerate(found):
        local = taps.copy()
        local[axis] -= kernel * shift
        inside = (local[axis] >= 0) & (local[axis] < shape.kernel[axis])
        rows[inside] = np.ravel_multi_index(tuple(local[:, inside]), (*shape.kernel, shape.in_shape[0]))
    return found


def kernel_shift(shape: LayerShape, window: LayerShape) -> tuple[int, int]:
    """Axis along which a window's kernels are shifted, and by how much each of them; (0, 0) for a single kernel."""
    axes = [axis for axis in range(3) if window.kernel[axis] != shape.kernel[axis]]
    return (axes[0], shape.stride[axes[0]]) if axes else (0, 0)


def _stored(source: IntegerLayer, pim: BitSerialPim) -> Stored:
    macro = Macro(
        rows=pim.rows_active,
        adc_bits=pim.adc_bits,
        encoding=pim.weight_encoding,
        cell_bits=pim.cell_bits,
        dac_bits=pim.dac_bits,
    )
    return store(source, macro)


def _rounds(layout: Layout, lanes: int) -> tuple[RoundDesign, ...]:
    rows = layout.window.fan_in
    held: set[int] = set()
    found = []
    for one in layout.rounds:
        found.append(_round(one, rows, lanes, held))
        held |= set(range(found[-1].first_word, found[-1].first_word + found[-1].words))
    return tuple(found)


def _round(one: Round, rows: int, lanes: int, held: set[int]) -> RoundDesign:
    """Tiles of a round follow each other, so their rows do, around the layer's end; their outputs do as well."""
    first, last = one.tiles[0], one.tiles[-1]
    word = first.output // lanes
    words = (last.output + last.outputs - 1) // lanes + 1 - word
    tiles = tuple(
        TileDesign(
            row=tile.row,
            rows=tile.rows,
            output=tile.output,
            outputs=tile.outputs,
            offset=(tile.row - first.row) % rows,
            stages=len(tile.stages),
        )
        for tile in one.tiles
    )
    return RoundDesign(tiles, first.row, one.loaded_rows, word, words, frozenset(held & set(range(word, word + words))))


def _array(layout: Layout, stored: Stored, layer: LayerMapping, pim: BitSerialPim) -> ArrayDesign:
    tiles = layout.tiles
    tallest = max(tiles, key=lambda tile: tile.rows)
    return ArrayDesign(
        rows=tallest.rows,
        blocks=layout.blocks(layout.at_once),
        kernels=layout.kernels,
        outputs=max(tile.outputs for tile in tiles),
        reference=int(stored.zero != 0),
        factors=tuple(int(factor) for factor in stored.significance),
        stages=_stages(tallest),
        seen=_seen(layout, layer.shape, _stages(tallest)),
        cell_bits=pim.cell_bits,
        dac_bits=pim.dac_bits,
        adc_bits=pim.adc_bits,
        columns_per_adc=pim.columns_per_adc,
        accumulator_bits=layer.numerics.accumulator_bits,
    )


def _stages(tile: Tile) -> tuple[tuple[int, int], ...]:
    ends = np.cumsum([0, *(stage.rows for stage in tile.stages)]).tolist()
    return tuple(pairwise(ends))


def _seen(layout: Layout, shape: LayerShape, stages: tuple[tuple[int, int], ...]) -> tuple[frozenset[int], ...]:
    """Kernels of a window that have weights in the rows of each stage."""
    inside = kernel_rows(shape, layout.window, layout.kernels) >= 0
    return tuple(frozenset(np.flatnonzero(inside[:, start:stop].any(axis=1)).tolist()) for start, stop in stages)
