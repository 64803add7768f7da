"""The machine: what the network computes on it (`execute`) and in how many cycles (`schedule`)."""

from pimsim.simulation.execute import Progress, execute
from pimsim.simulation.schedule import schedule

__all__ = ["Progress", "execute", "schedule"]
