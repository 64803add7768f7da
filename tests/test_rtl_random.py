"""Random layers on random machines: the described hardware, simulated clock by clock, against the simulator.

Every cycle of every step, every count of every unit and action, every spike and every membrane have to be equal; and
no neuron that fires once fires twice, in the maps that the hardware leaves.

How many cases are tried: `pytest --rtl-cases 600 tests/test_rtl_random.py`, or PIMSIM_RTL_CASES=600.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from rtl_cases import crossbar_cases, event_cases, sweep_cases

from pimsim.model.network import SINGLE_SPIKE
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verify.compare import compare
from pimsim.rtl.verify.run_case import run_case
from pimsim.traces.firing import fired_again

CASES = int(os.environ.get("PIMSIM_RTL_CASES", "160"))


def check(case: LayerCase) -> None:
    observed = run_case(case)
    verdict = compare(case, observed)
    assert verdict.equal, [difference.text for difference in verdict.differences]
    if case.weights.neuron.kind == SINGLE_SPIKE:
        assert not fired_again(observed.spikes).any()


@settings(max_examples=CASES)
@given(event_cases())
def test_a_random_event_core_does_what_the_simulator_says(case):
    check(case)


@settings(max_examples=CASES // 2, suppress_health_check=[HealthCheck.filter_too_much])
@given(crossbar_cases())
def test_a_random_layer_on_a_bit_serial_crossbar_does_what_the_simulator_says(case):
    check(case)


@settings(max_examples=CASES // 4)
@given(sweep_cases())
def test_a_random_sweep_from_sums_does_what_the_simulator_says(case):
    check(case)
