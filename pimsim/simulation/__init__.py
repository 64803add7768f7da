"""The machine: what the network computes on it (`execute`) and in how many cycles (`schedule`)."""

from pimsim.simulation.execute import Progress, execute, usable_cores
from pimsim.simulation.execute_layer import LayerRecord, record_layer
from pimsim.simulation.rescheduling import Rescheduler
from pimsim.simulation.schedule import schedule, time_layer
from pimsim.simulation.schedule_records import in_front

__all__ = [
    "LayerRecord",
    "Progress",
    "Rescheduler",
    "execute",
    "in_front",
    "record_layer",
    "schedule",
    "time_layer",
    "usable_cores",
]
