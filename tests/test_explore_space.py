"""A space's points: numbers, order, samples and what each of them runs."""

from __future__ import annotations

from pimsim.explore.space_load import space_from_dict

RAW: dict[str, object] = {
    "format": 1,
    "name": "small",
    "hardware": ["pim45nm", "digital45nm"],
    "models": ["cnn3d_6b", "cnn3d_5b"],
    "set": {"engines.event.forwarding": True},
    "axes": {
        "clock_mhz": {"range": [100, 400], "step": 100},
        "engines.event.lanes": [8, 16, 32],
        "engines.pim.adc_bits": {"values": [4, 6, 8], "when": {"hardware": "pim45nm"}},
    },
}


def test_every_point_has_its_number_and_numbers_their_points() -> None:
    space = space_from_dict(RAW)
    points = list(space.points())
    assert len(points) == space.size == 2 * 4 * 3 * (3 + 1)
    assert len({point.values for point in points}) == len(points)
    assert [space.point(number) for number in range(len(points))] == points
    assert [space.number(point.values) for point in points] == list(range(len(points)))
