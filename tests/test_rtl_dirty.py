"""Memories that hold anything when power comes: one step that is an inference's last leaves them as they have to be."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from rtl_cases import made_crossbar_case, made_event_case

from pimsim.mapping import map_model
from pimsim.rtl.crossbar import layer
from pimsim.rtl.event import membranes
from pimsim.rtl.parts.sram import Sram
from pimsim.rtl.sweep import current_sweep
from pimsim.rtl.verify.case import LayerCase
from pimsim.rtl.verify.run_case import run_case

CROSSBARS = (0, 10, 36, 38, 39)
"""Small ones: a first layer, a pool, one whose rounds meet in a sum in the current memory, and blocks or copies."""


def twice(case: LayerCase) -> LayerCase:
    """Inferences of one step, the first one played twice."""
    network = replace(case.network, time_steps=1)
    one = case.inputs[:1, :1] if case.index > 0 else case.inputs[:1]
    return replace(case, network=network, mapping=map_model(network, case.hardware), inputs=np.concatenate([one, one]))


def dirty(name: str, *, width: int, depth: int, **rest: object) -> Sram:
    """A buffer of arbitrary content."""
    rng = random.Random(f"{name} {width} {depth}")
    return Sram(name, width=width, depth=depth, init=[rng.getrandbits(width) for _ in range(depth)], **rest)


@pytest.mark.parametrize("number", range(24))
def test_a_last_step_leaves_nothing_of_what_an_event_core_held_before(number: int, monkeypatch) -> None:
    check(made_event_case(number), monkeypatch)


@pytest.mark.parametrize("number", CROSSBARS)
def test_a_last_step_leaves_nothing_of_what_memories_around_a_crossbar_held_before(number: int, monkeypatch) -> None:
    check(made_crossbar_case(number), monkeypatch)


def check(case: LayerCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second inference is that of clean memories, whatever they held before the first."""
    played = twice(case)
    clean = run_case(played)
    for module in (membranes, current_sweep, layer):
        monkeypatch.setattr(module, "Sram", dirty)
    found = run_case(played)
    assert (found.membranes[0] != clean.membranes[0]).any()  # it did hold something
    for name in ("step_cycles", "front_cycles", "membranes", "spikes", "currents", "classes"):
        assert np.array_equal(getattr(found, name)[1:], getattr(clean, name)[1:]), name
    assert np.array_equal(found.step_cycles, clean.step_cycles)
