"""A case through its described hardware."""

from __future__ import annotations

from pimsim.rtl.bench.codes_bench import run_codes
from pimsim.rtl.bench.run_event import run_event
from pimsim.rtl.bench.run_input_spikes import run_input_spikes
from pimsim.rtl.bench.run_pim import run_pim
from pimsim.rtl.bench.run_sweep import run_sweep
from pimsim.rtl.parts.design import event_design, sweep_design
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.case import LayerCase, swept_sums


def run_case(case: LayerCase) -> Observed:
    """What the hardware of the case's layer is seen to do, simulated clock by clock.

    Of a layer whose sums are not described the sweeps alone, from the sums of the simulator.
    """
    placed = case.network, case.mapping, case.hardware, case.index
    if case.of_codes:
        return run_codes(*placed[:3], case.inputs)
    if case.of_input_spikes and case.sums_described:
        return run_input_spikes(*placed[:3], case.inputs, case.record().currents[:, 0])
    if case.on_event_core:
        return run_event(event_design(*placed), case.weights.weight, case.inputs)
    if case.sums_described:
        return run_pim(*placed, case.inputs)
    return run_sweep(sweep_design(*placed), swept_sums(case, case.record()), steps=case.steps, name=case.name)
