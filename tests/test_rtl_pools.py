"""Pools of three and more along an axis, which random networks do not have, on every described engine."""

from __future__ import annotations

import pytest
from rtl_cases import made_crossbar_case, made_event_case

from pimsim.model.architecture import CONV3D, LayerShape
from pimsim.rtl.verify.compare import compare
from pimsim.rtl.verify.run_case import run_case

SHAPES = (
    LayerShape("three", CONV3D, (2, 7, 1, 2), 3, (2, 1, 1), pool=(3, 1, 1)),  # one coordinate fills no window
    LayerShape("six", CONV3D, (1, 7, 6, 1), 3, (2, 2, 1), (1, 1, 1), (1, 0, 0), pool=(3, 2, 1)),
    LayerShape.linear("five", (2, 5, 1, 2), 4, pool=(5, 1, 1)),
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("made", [made_event_case, made_crossbar_case], ids=["event", "crossbar"])
@pytest.mark.parametrize("number", [1, 2, 3, 6])
def test_a_layer_behind_a_pool_of_any_size_does_what_the_simulator_says(made, shape: LayerShape, number: int) -> None:
    case = made(number, shape)
    assert compare(case, run_case(case)).differences == ()
