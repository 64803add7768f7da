"""The current memory in two halves: one is written and read back while the other is swept."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator
from made_event_design import LIF

from pimsim.rtl.parts.design import SweepDesign
from pimsim.rtl.pipeline.current_buffer import CurrentBuffer

SWEEP = SweepDesign(
    LIF, lanes=1, channels=5, positions=1, depth=2, stored_bits=12, ports=2, banks=1, adds=True, weight_zero=0,
    count_bits=0, value_bits=1, word_values=8,
)  # fmt: skip


@pytest.mark.parametrize("write_half", [0, 1])
def test_sums_are_read_back_from_one_half_in_the_cycle_in_which_the_other_is_swept(write_half: int) -> None:
    unit, rng = CurrentBuffer(SWEEP), random.Random(write_half)
    halves = [[0] * SWEEP.words for _ in range(2)]
    shown: dict[str, int | None] = {"earlier": None, "currents": None}

    async def run(context):
        for turn in range(2):  # then the halves change sides, as they do between samples
            written = write_half ^ turn
            context.set(unit.write_half, written)
            context.set(unit.read_half, 1 - written)
            shown.update(earlier=None, currents=None)
            for _ in range(60):
                for name, half in (("earlier", written), ("currents", 1 - written)):
                    port, reads, place = getattr(unit, name), rng.random() < 0.7, rng.randrange(SWEEP.words)
                    context.set(port.enable, reads)
                    context.set(port.address, place)
                    shown[name] = halves[half][place] if reads else shown[name]
                place, value = rng.randrange(SWEEP.words), rng.randrange(2**20)
                context.set(unit.write_enable, 1)
                context.set(unit.write_address, place)
                context.set(unit.write_data, value)
                halves[written][place] = value
                await context.tick()
                for name, value in shown.items():
                    assert value is None or context.get(getattr(unit, name).data) == value

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()
