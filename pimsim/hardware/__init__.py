"""On what: a hardware file as a validated, frozen configuration.  docs/hardware-format.md has every key."""

from pimsim.hardware.hardware import AnalogPim, BitSerialPim, CostSettings, Event, Hardware, Mac, Memories, Numerics
from pimsim.hardware.load import from_dict, from_text, load_hardware
from pimsim.hardware.overrides import parse_override

__all__ = [
    "AnalogPim",
    "BitSerialPim",
    "CostSettings",
    "Event",
    "Hardware",
    "Mac",
    "Memories",
    "Numerics",
    "from_dict",
    "from_text",
    "load_hardware",
    "parse_override",
]
