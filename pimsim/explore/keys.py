"""What two points share: a point's values, apart by what has to be done again when they change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pimsim.explore.axis import HARDWARE, INPUT, MODEL, Axis
from pimsim.explore.effects import PRICES, effect_of
from pimsim.explore.point import Point, Value
from pimsim.explore.space import Space

Values = tuple[tuple[str, Value], ...]
"""(axis, value) …, in the space's order."""


class Keys(NamedTuple):
    """Points with equal ``network``, ``hardware`` and ``organisation`` share a schedule, whatever their ``prices``.

    An axis of named bundles may be in both, ``organisation`` and ``prices``.
    """

    model: str
    input: str | None
    hardware: str
    organisation: Values
    prices: Values

    @property
    def network(self) -> tuple[str, str | None]:
        """Model and input."""
        return self.model, self.input

    @property
    def machine(self) -> tuple[str, Values]:
        """All of the hardware file but what decides on prices alone."""
        return self.hardware, self.organisation

    @property
    def schedule(self) -> tuple[str, str | None, str, Values]:
        """All of a point but what decides on prices alone."""
        return self[:4]


class Split:
    """Takes the points of one space apart."""

    def __init__(self, space: Space) -> None:
        self._model, self._hardware, self._inputs = space.models[0], space.hardware[0], space.inputs
        self._placed = {axis.name for axis in space.axes if _decides(axis, prices=False)}
        self._priced = {axis.name: _prices(axis) for axis in space.axes if _decides(axis, prices=True)}
        self._always = _only_prices(space.overrides.items())

    def keys(self, point: Point) -> Keys:
        """What the point shares with others."""
        model, hardware, chosen = self._model, self._hardware, ""
        organisation, prices = [], []
        for pair in point.values:
            name, value = pair
            if name in self._placed:
                organisation.append(pair)
            if name in self._priced:
                prices.append(pair)
            elif name == MODEL:
                model = str(value)
            elif name == HARDWARE:
                hardware = str(value)
            elif name == INPUT:
                chosen = str(value)
        return Keys(model, chosen or self._inputs[model], hardware, tuple(organisation), tuple(prices))

    def prices(self, values: Values) -> dict[str, object]:
        """Those changes to the hardware file that decide on prices alone: of every point, and of these values."""
        found = dict(self._always)
        for name, value in values:
            axis, settings = self._priced[name]
            found |= settings[value] if axis.span is None else dict.fromkeys(axis.paths, value)
        return found


_Priced = tuple[Axis, dict[Value, dict[str, object]]]


def _prices(axis: Axis) -> _Priced:
    settings = (_only_prices(item.items()) for item in axis.settings)
    return axis, dict(zip(axis.values, settings, strict=True)) if axis.span is None else {}


def _only_prices(settings: Iterable[tuple[str, object]]) -> dict[str, object]:
    return {path: value for path, value in settings if effect_of(path) == PRICES}


def _decides(axis: Axis, *, prices: bool) -> bool:
    """Whether an axis changes keys that decide on prices alone, or others; neither for one that chooses files."""
    return any((effect_of(path) == PRICES) == prices for path in axis.paths)
