"""What a crossbar counts, docs/microarchitecture.md §5.3."""

from __future__ import annotations

from amaranth.hdl import Value, unsigned
from amaranth.lib import data

from pimsim.rtl.crossbar.design import PimDesign, TileDesign
from pimsim.rtl.parts.lookup import lookup


def pim_activity(design: PimDesign) -> data.StructLayout:
    """What a crossbar counts in a cycle, docs/microarchitecture.md §5.3; only what the layer has.

    Reads of the map are counted with the loader's reads, row registers with the swap, word lines, slices and columns in
    a pulse's last cycle, conversions in theirs, additions behind them, corrections and reads with the word's issue.
    """
    array = design.array
    lines, conversions = design.arrays * array.blocks * array.rows, design.arrays * array.converters
    highest = {
        **dict.fromkeys(("loader_busy", "loader_stall", "row_driver_busy", "row_driver_stall"), 1),
        "adc_busy": 1,
        "writer_busy": 1,
        f"{design.source}_read": -(-design.readers // design.word_values),
        "row_register_load": lines,
        "row_driver_pulse": lines,
        "column_precharge": design.arrays * array.columns * array.cell_bits,
        "adc_convert": conversions,
        "shift_add_add": conversions,
        "current_memory_write": 1,
    }
    if design.pool > 1:
        highest["pool_add"] = design.readers
    if array.dac_bits > 1:
        highest["dac_convert"] = lines
    if array.reference:
        highest["correction_multiply"] = design.tiles
    if array.reference or design.corrects_inputs:
        highest["correction_add"] = 2 * design.lanes
    if design.reads_back:
        highest["current_memory_read"] = 1
    if design.reloaded:
        highest |= {"weight_memory_read": 1, "pim_array_write": 1}
    return data.StructLayout({name: unsigned(count.bit_length()) for name, count in highest.items()})


def loaded_rows(design: PimDesign, number: Value) -> Value:
    """Row registers that one window fills in round ``number``: those of a row once for every tile that it feeds."""
    return lookup([sum(tile.rows for tile in one.tiles) for one in design.rounds], number)


def sampled_columns(design: PimDesign, number: Value, stage: Value) -> Value:
    """Columns that are converted for one window after a stage of round ``number``."""
    stages = range(len(design.array.stages))
    tables = [[_columns(design, one.tiles, each) for each in stages] for one in design.rounds]
    if len(tables) == 1:
        return lookup(tables[0], stage)
    return lookup([count for table in tables for count in table], number * len(stages) + stage)


def _columns(design: PimDesign, tiles: tuple[TileDesign, ...], stage: int) -> int:
    array = design.array
    used = [array.reference + tile.outputs * len(array.factors) for tile in tiles if stage < tile.stages]
    return sum(used) * len(array.seen[stage])
