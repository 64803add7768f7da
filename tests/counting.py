"""How often an action happened, for tests of the cycle model."""

from __future__ import annotations

from pimsim.activity.activity import Activity, LayerActivity


def counted(layer: LayerActivity, component: str, action: str) -> int:
    """In one layer, whatever the widths."""
    return sum(item.count for item in layer.actions if (item.component, item.action) == (component, action))


def total(activity: Activity, component: str, action: str) -> int:
    """In all layers."""
    return sum(counted(layer, component, action) for layer in activity.layers)
