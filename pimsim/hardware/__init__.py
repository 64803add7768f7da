"""On what: a hardware file as a validated, frozen configuration.  docs/hardware-format.md has every key."""

from pimsim.hardware.hardware import AnalogPim, BitSerialPim, CostSettings, Event, Hardware, Mac, Memories, Numerics
from pimsim.hardware.load import from_dict, from_text, load_hardware, prices_from_dict, read_content
from pimsim.hardware.overrides import apply, parse_override
from pimsim.hardware.validate import check_key, check_value, is_value

__all__ = [
    "AnalogPim",
    "BitSerialPim",
    "CostSettings",
    "Event",
    "Hardware",
    "Mac",
    "Memories",
    "Numerics",
    "apply",
    "check_key",
    "check_value",
    "from_dict",
    "from_text",
    "is_value",
    "load_hardware",
    "parse_override",
    "prices_from_dict",
    "read_content",
]
