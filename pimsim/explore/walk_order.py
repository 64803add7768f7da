"""In which order a grid is walked: neighbours in number shall share as much work as they can."""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.explore.axis import Axis
from pimsim.explore.effects import strongest


def walk_order(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Places of axes from the slowest to the fastest: files, values, organisation, prices, each in the given order.

    An axis on which others depend is as slow as the slowest of them at least.
    """
    effects = {axis.name: strongest(axis.paths) for axis in axes}
    for axis in reversed(axes):
        for name, _ in axis.when:
            effects[name] = min(effects[name], effects[axis.name])
    return tuple(sorted(range(len(axes)), key=lambda place: effects[axes[place].name]))
