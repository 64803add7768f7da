"""The catalogue of actions: what a count may carry, and names that storage may use."""

from __future__ import annotations

import pytest

from pimsim.activity.actions import CATALOGUE, LANE_ACCUMULATE, STORAGE_COMPONENTS, WEIGHT_READ
from pimsim.activity.activity import ActionCount, UnitCycles


def test_every_action_is_found_by_its_names_and_says_what_it_is():
    for (component, action), definition in CATALOGUE.items():
        assert definition.key == (component, action)
        assert definition.meaning
        assert definition.group in ("memory", "compute", "control")


def test_a_count_carries_the_widths_that_the_definition_announces():
    assert LANE_ACCUMULATE.count(3, bits=16, second_bits=6) == ActionCount("lane", "accumulate", 3, 16, 6, 0)
    assert WEIGHT_READ.count(1, bits=64, capacity_bits=65536).capacity_bits == 65536


@pytest.mark.parametrize("widths", [{}, {"bits": 16}, {"bits": 16, "second_bits": 6, "capacity_bits": 1}])
def test_a_missing_or_surplus_width_is_refused(widths):
    with pytest.raises(ValueError, match=r"^lane\.accumulate: "):
        LANE_ACCUMULATE.count(3, **widths)


def test_memories_can_be_built_as_well_as_accessed():
    memories = {component for component, _ in CATALOGUE if component.endswith("_memory")}
    assert memories <= set(STORAGE_COMPONENTS)


def test_unit_cycles_add_up_and_add():
    assert UnitCycles(3, 2, 1).total == 6
    assert UnitCycles(3, 2, 1) + UnitCycles(1, 1, 1) == UnitCycles(4, 3, 2)
