"""Simulates a layer on a bit-serial crossbar, clock by clock, and says what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from amaranth.sim import Simulator, SimulatorContext

from pimsim.model.architecture import LayerShape
from pimsim.rtl.observe import Int64Array
from pimsim.rtl.pim_bench import PimBench
from pimsim.rtl.pim_design import PimDesign
from pimsim.rtl.pim_place import PimContent
from pimsim.rtl.recorded import CLOCK, lane_values, rows_of

Codes = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Sums of a layer as they were seen to be formed: N samples of E evaluations each.

    cycles    (N, E)
    counts    by field of the core's ``activity``, summed over everything
    currents  (N, maps, neurons) in the order depth, height, width, channel
    """

    cycles: Int64Array
    counts: dict[str, int]
    currents: Int64Array


def evaluate_pim(design: PimDesign, content: PimContent, values: Codes) -> Evaluated:
    """All sums of source maps of ``values`` (N, maps, neurons), see `source_values`; ``passes`` maps per evaluation.

    Raises RuntimeError where the core never hands over.
    """
    samples, maps = values.shape[:2]
    bench = PimBench(design, content, values.reshape(-1).tolist(), patience(design))
    simulator = Simulator(bench)
    simulator.add_clock(CLOCK)
    found: list[Evaluated] = []

    async def observe(context: SimulatorContext) -> None:
        await context.tick().until(bench.over | bench.stuck)
        if context.get(bench.stuck):
            raise RuntimeError(f'layer "{design.shape.name}": no hand-over within {patience(design)} cycles')
        found.append(_evaluated(context, bench, design, samples, maps))

    simulator.add_testbench(observe)
    simulator.run()
    return found[0]


def _evaluated(context: SimulatorContext, bench: PimBench, design: PimDesign, samples: int, maps: int) -> Evaluated:
    shape = design.shape
    words = lane_values(rows_of(context, bench.currents), design.lanes, design.array.accumulator_bits)
    currents = words.reshape(samples, maps, shape.positions, -1)[..., : shape.out_channels]
    return Evaluated(
        cycles=np.array(rows_of(context, bench.cycles), np.int64).reshape(samples, -1),
        counts={name: int(context.get(total)) for name, total in bench.meter.totals.items()},
        currents=np.ascontiguousarray(currents).reshape(samples, maps, shape.neurons),
    )


def source_values(shape: LayerShape, inputs: npt.NDArray[np.unsignedinteger]) -> Codes:
    """What a layer reads as values (N, maps, neurons) in the order depth, height, width, channel.

    ``inputs`` as `pimsim.simulation.in_front` gives them: codes (N, C, D, H, W), packed spikes uint8 (N, T, bytes) or
    activations (N, neurons).
    """
    if inputs.ndim == 5:
        return np.moveaxis(inputs, 1, -1).reshape(len(inputs), 1, -1)
    if inputs.ndim == 2:
        return inputs[:, None]
    return np.unpackbits(inputs, axis=2, count=prod(shape.source_shape), bitorder="little")


def patience(design: PimDesign) -> int:
    """Cycles that no evaluation takes: all that is done for every group, one thing after the other."""
    total = 64
    for number, one in enumerate(design.rounds):
        stages = range(one.stages)
        turns = sum(design.turns(number, stage, design.at_once) for stage in stages) * design.slices
        pulses = len(stages) * design.slices * (design.pulse_cycles + 1)
        words = design.at_once * design.kernels * one.words
        group = design.reads + pulses + turns * design.adc_cycles + words + design.correction_depth + 8
        total += sum(tile.rows for tile in one.tiles) + 2 + design.groups * design.passes * group
    return total
