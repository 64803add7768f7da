"""The source papers' own cost formulas, kept apart from pimsim's: comparison, never input."""

from pimsim.cost.papers import hypersnn, imac, single_spike

__all__ = ["hypersnn", "imac", "single_spike"]
