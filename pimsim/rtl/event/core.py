"""The core of a layer's dataflow."""

from __future__ import annotations

from pimsim.rtl.event.gather import GatherCore
from pimsim.rtl.event.scatter import ScatterCore
from pimsim.rtl.parts.design import EventDesign

EventCore = ScatterCore | GatherCore


def event_core(design: EventDesign) -> EventCore:
    """Both have the same ports."""
    return GatherCore(design) if design.gather else ScatterCore(design)
