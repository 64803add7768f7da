"""The core of a layer's dataflow."""

from __future__ import annotations

from pimsim.rtl.design import EventDesign
from pimsim.rtl.gather import GatherCore
from pimsim.rtl.scatter import ScatterCore

EventCore = ScatterCore | GatherCore


def event_core(design: EventDesign) -> EventCore:
    """Both have the same ports."""
    return GatherCore(design) if design.gather else ScatterCore(design)
