"""The machine: what the network computes on it (`execute`) and in how many cycles (`schedule`)."""

from pimsim.simulation.execute import execute
from pimsim.simulation.schedule import schedule

__all__ = ["execute", "schedule"]
