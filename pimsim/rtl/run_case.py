"""A case through its described hardware."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pimsim.hardware import BitSerialPim
from pimsim.rtl.case import LayerCase
from pimsim.rtl.design import event_design, sweep_design
from pimsim.rtl.observe import Observed
from pimsim.rtl.pim_place import pim_content, pim_design
from pimsim.rtl.run_event import run_event
from pimsim.rtl.run_pim import evaluate_pim, source_values
from pimsim.rtl.run_sweep import run_sweep


def run_case(case: LayerCase) -> Observed:
    """What the hardware of the case's layer is seen to do, simulated clock by clock.

    Of a layer whose sums are not described the sweeps alone, from the sums of the simulator.
    """
    if case.on_event_core:
        design = event_design(case.network, case.mapping, case.hardware, case.index)
        return run_event(design, case.weights.weight, case.inputs)
    if case.sums_described:
        return _crossbar(case)
    return _swept(case, case.record().currents)


def _swept(case: LayerCase, currents: npt.NDArray[np.int64]) -> Observed:
    design = sweep_design(case.network, case.mapping, case.hardware, case.index)
    return run_sweep(design, currents, steps=case.steps, name=case.layer.name)


def _crossbar(case: LayerCase) -> Observed:
    """Sums, then sweeps from the sums that were seen; cycles of a step hold both where every step has its own sums."""
    engine = case.hardware.engines.named(case.layer.engine)
    assert isinstance(engine, BitSerialPim)
    design = pim_design(case.weights, case.layer, engine)
    sums = evaluate_pim(design, pim_content(case.weights, design, engine), source_values(case.layer.shape, case.inputs))
    once = case.index == 0 or case.layer.operands.passes > 1
    currents = sums.currents[:, 0] if sums.currents.shape[1] < case.steps else sums.currents
    swept = _swept(case, currents)
    return replace(
        swept,
        counts=_added(sums.counts, swept.counts),
        front_cycles=sums.cycles[:, 0] if once else swept.front_cycles,
        step_cycles=swept.step_cycles if once else swept.step_cycles + sums.cycles,
        currents=currents,
    )


def _added(*counted: dict[str, int]) -> dict[str, int]:
    """Counts of parts that have some in common; those of 0 stay, for a unit that was never busy is one all the same."""
    names = dict.fromkeys(name for counts in counted for name in counts)
    return {name: sum(counts.get(name, 0) for counts in counted) for name in names}
