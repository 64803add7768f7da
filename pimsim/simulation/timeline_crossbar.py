"""Signals of a crossbar while it computes a layer's sums (docs/microarchitecture.md §5.3).

Cycles are those of `kernels_timeline_dense`, from the first one of the evaluation on.  What is done to all windows of a
group is seen at once: row registers in the cycle of the swap; word lines, slices and columns in a pulse's last cycle;
conversions in their last one, additions behind it; corrections, and what is read of earlier rounds, in the cycle in
which a word is taken, its write where it happens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pimsim.hardware import BitSerialPim
from pimsim.hardware.hardware import Pim
from pimsim.mapping import LayerMapping
from pimsim.mapping.crossbar import CrossbarPlan, Layout
from pimsim.model.windows import arrange, windows
from pimsim.simulation import kernels_timeline_dense as kernels
from pimsim.simulation.schedule_crossbar import RELOAD_FILL, RoundSetting, chosen_layout, reload_cycles, round_setting
from pimsim.simulation.timeline_pulses import RoundWork, active_lines
from pimsim.simulation.timeline_transfers import Transfers
from pimsim.simulation.waves import Int64Array, Wave, counting, merged, spread

Maps = npt.NDArray[np.integer]
"""What the layer reads, (maps, D, H, W, C) as it is stored: one map after the other."""


@dataclass(frozen=True, eq=False)
class _Times:
    """Of one round, from its first read in cycle 0 on; see `kernels_timeline_dense.crossbar_cycles`."""

    load: Int64Array
    swap: Int64Array
    move: Int64Array
    pulse: Int64Array
    sample: Int64Array
    groups: Int64Array
    lengths: Int64Array
    conversions: Int64Array

    @property
    def pulsed(self) -> Int64Array:
        """(G, P) last cycle of each pulse."""
        return self.pulse + self.lengths - 1


def crossbar_waves(layer: LayerMapping, pim: Pim, maps: Maps) -> tuple[Wave, ...]:
    """All signals of one evaluation, round after round, whose word lines ``maps`` drive."""
    layout, begin = chosen_layout(layer, pim), 0
    assert isinstance(layer.plan, CrossbarPlan)
    inputs = _operands(layer, layout, maps) if isinstance(pim, BitSerialPim) else None
    parts: list[Wave] = []
    for one in layout.rounds:
        setting = round_setting(layer, layout, one, pim)
        times, reload = _times(setting, layer.operands.passes), reload_cycles(layer.plan, one)
        work = RoundWork(layer, layout, one, pim, times.groups[:, 2])
        waves = (*_unit_waves(layer, work, setting, times), *_array_waves(work, pim, times, inputs))
        waves = (*waves, *_writer_waves(work, pim, times))
        parts += [wave.later(begin) for wave in _reload_waves(reload)]
        parts += [wave.later(begin + reload) for wave in waves]
        begin += reload + int(times.move[-1] + times.groups[-1, 1]) + setting.correction_depth + 1
    return merged(parts)


def _operands(layer: LayerMapping, layout: Layout, maps: Maps) -> Int64Array:
    """(windows of all maps, rows of a window): what every row of every window is driven with, pools summed up."""
    shape = layout.window
    fields = windows(arrange(maps[None].astype(np.int64), shape), shape, layer.operands.input_zero)
    return fields.reshape(-1, shape.fan_in)


def _times(setting: RoundSetting, passes: int) -> _Times:
    groups = setting.groups(passes)
    pulses, conversions = np.array(setting.pulses, np.int64), np.array(setting.conversions, np.int64)
    load, swap, move = (np.empty(len(groups), np.int64) for _ in range(3))
    pulse, sample = (np.empty((len(groups), len(pulses)), np.int64) for _ in range(2))
    engine = np.array((setting.sample_and_hold,), np.int64)
    kernels.crossbar_cycles(groups, pulses, conversions, engine, load, swap, pulse, sample, move)
    return _Times(load, swap, move, pulse, sample, groups, pulses, conversions[groups[:, 2]])


def _reload_waves(reload: int) -> tuple[Wave, ...]:
    """A row is read from the weight memory in each cycle, and written to its array in the next one."""
    if not reload:
        return ()
    read = np.arange(reload - RELOAD_FILL, dtype=np.int64)
    return (
        counting("weight_memory", "weight_memory_read", read),
        counting("pim_array", "pim_array_write", read + RELOAD_FILL),
    )


def _unit_waves(layer: LayerMapping, work: RoundWork, setting: RoundSetting, times: _Times) -> tuple[Wave, ...]:
    """Loader, row driver and converters at work."""
    ends, after = times.load + times.groups[:, 0], times.pulse + times.lengths
    free = times.sample if setting.sample_and_hold else times.sample + times.conversions
    lengths = np.broadcast_to(times.lengths, times.pulse.shape).ravel()
    taken = Transfers(layer, times.load, work.windows * work.one.loaded_rows, work.pim.input_port_codes)
    return (
        counting("loader", "loader_busy", taken.cycles),
        counting("loader", "loader_stall", spread(ends[:-1], times.load[1:] - ends[:-1])),
        *taken.waves(layer),
        counting("row_register", "row_register_load", times.swap, work.windows * sum(t.rows for t in work.one.tiles)),
        counting("row_driver", "row_driver_busy", spread(times.pulse.ravel(), lengths)),
        counting("row_driver", "row_driver_stall", spread(after.ravel(), (free - after).ravel())),
        counting("adc", "adc_busy", spread(times.sample.ravel(), times.conversions.ravel())),
    )


def _array_waves(work: RoundWork, pim: Pim, times: _Times, inputs: Int64Array | None) -> tuple[Wave, ...]:
    """What is driven, sampled, converted and added."""
    sampled = np.tile(work.sampled, work.slices) * work.windows[:, None]
    begun, many = _conversions(work, pim, times)
    common = (
        counting("adc", "adc_convert", begun, many),
        counting("shift_add", "shift_add_add", begun + 1, many),
    )
    if not isinstance(pim, BitSerialPim):
        rows, products = (np.tile(each, work.slices) * work.windows[:, None] for each in (work.rows, work.products))
        return (
            counting("dac", "dac_convert", times.pulsed.ravel(), rows.ravel()),
            counting("analog_column", "analog_column_multiply", times.pulsed.ravel(), products.ravel()),
            *common,
        )
    assert inputs is not None
    lines = active_lines(work, pim, inputs).ravel()
    dac = (counting("dac", "dac_convert", times.pulsed.ravel(), lines),) if pim.dac_bits > 1 else ()
    return (
        counting("row_driver", "row_driver_pulse", times.pulsed.ravel(), lines),
        *dac,
        counting("column", "column_precharge", times.pulsed.ravel(), sampled.ravel() * pim.cell_bits),
        *common,
    )


def _conversions(work: RoundWork, pim: Pim, times: _Times) -> tuple[Int64Array, Int64Array]:
    """Last cycle of every turn of the converters, and how many of them convert in it."""
    cycles, amounts = [], []
    for kind in np.unique(times.groups[:, 2]).tolist():
        sample = times.sample[times.groups[:, 2] == kind]
        for pulse in range(sample.shape[1]):
            turns = work.turns(pulse % work.stages, kind)
            at = sample[:, pulse, None] + (np.arange(len(turns)) + 1) * pim.adc_cycles - 1
            cycles.append(at.ravel())
            amounts.append(np.tile(turns, len(sample)))
    return np.concatenate(cycles), np.concatenate(amounts)


def _writer_waves(work: RoundWork, pim: Pim, times: _Times) -> tuple[Wave, ...]:
    """One word of sums per cycle; each is written ``correction_depth`` cycles behind its first one."""
    taken = spread(times.move + 1, times.groups[:, 1])
    beat = np.arange(len(taken), dtype=np.int64) % work.one.written_words
    waves = [
        counting("writer", "writer_busy", taken),
        counting("current_memory", "current_memory_write", taken + pim.correction_depth),
    ]
    if work.one.read_words:
        again = beat < work.one.read_words  # tiles follow each other by outputs: words of the round before come first
        waves.append(counting("current_memory", "current_memory_read", taken[again]))
    if work.reference:
        waves.append(counting("correction", "correction_multiply", taken[beat == 0], work.one.input_sums))
    if work.reference or work.corrects_inputs:
        waves.append(counting("correction", "correction_add", taken, work.corrected[beat]))
    return tuple(waves)
