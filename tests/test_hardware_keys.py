"""Single keys and values held against the hardware format, without a whole file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pimsim.errors import HardwareError
from pimsim.hardware import apply, check_key, check_value, from_dict, is_value, load_hardware, read_content
from pimsim.resources import HARDWARE, shipped


@pytest.mark.parametrize("path", shipped(HARDWARE), ids=lambda path: path.stem)
def test_every_value_of_a_shipped_file_is_right_by_itself_and_in_its_place(path: Path) -> None:
    content = read_content(path)
    assert from_dict(content) == load_hardware(path)
    check_value("", content)
    for top, section in content.items():
        check_value(top, section)
        for key, value in section.items() if isinstance(section, dict) else ():
            check_value(f"{top}.{key}", value)
            check_key(content, f"{top}.{key}")
            for inner, leaf in value.items() if isinstance(value, dict) else ():
                check_value(f"{top}.{key}.{inner}", leaf)
                check_key(content, f"{top}.{key}.{inner}")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("engines.event.lanes", 0, "engines.event.lanes=0: must be at least 1"),
        ("engines.event.lanes", "8", "engines.event.lanes='8': must be a plain number"),
        ("engines.event.lane", 8, 'engines.event.lane: unknown key; did you mean "lanes"?'),
        ("engine.event.lanes", 8, 'engine: unknown key; did you mean "engines"?'),
        ("clock_mhz.x", 8, "clock_mhz.x: unknown key"),
        ("layers.by_name.conv3", "gpu", "layers.by_name.conv3='gpu': must be one of 'pim', 'mac' or 'event'"),
        ("layers.by_name.", "mac", "layers.by_name.: unknown key"),
        ("memories.weight_kib", None, 'memories.weight_kib=None: must be "auto" or a number of KiB'),
        ("engines.pim.rows_active", 0, "engines.pim.rows_active=0: must be at least 1"),
        ("engines.pim", {"style": "none"}, "engines.pim.style='none': must be one of 'bit_serial', 'analog'"),
        ("engines.pim.style", "none", "must be one of 'bit_serial'; or engines.pim.style='none': must be one of"),
        ("cost", {"table": "45nm"}, "cost.adc_model: required but missing"),
        ("", {"format": 1, "clock": 3}, "clock: unknown key"),
    ],
)
def test_a_value_that_is_wrong_everywhere_is_refused(key: str, value: object, expected: str) -> None:
    with pytest.raises(HardwareError) as caught:
        check_value(key, value)
    assert expected in str(caught.value)


def test_what_other_keys_may_set_right_is_let_pass() -> None:
    check_value("engines.event", {**_event(), "membrane_bits": 24, "accumulator_bits": 20})
    lacking = {key: value for key, value in _event().items() if key != "lanes"}
    check_value("engines.event", lacking, given={"engines.event.lanes"})
    with pytest.raises(HardwareError, match=r"^engines\.event\.lanes: required but missing$"):
        check_value("engines.event", lacking, given={"engines.event.fifo_depth"})
    check_value("engines.pim.rows_active", 8)  # a key of one style is a key


def test_a_key_needs_its_section_and_style() -> None:
    content = read_content("pim45nm")
    with pytest.raises(HardwareError, match=r"^engines\.mac\.multipliers: the file has no section engines\.mac$"):
        check_key(content, "engines.mac.multipliers")
    with pytest.raises(HardwareError, match=r'^engines\.pim\.rows_active: unknown key; a key of style="bit_serial"$'):
        check_key(content, "engines.pim.rows_active")
    check_key(apply(content, {"engines.pim.style": "bit_serial"}), "engines.pim.rows_active")
    check_key(content, "engines.mac")
    check_key(content, "layers.by_name.anything")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("clock_mhz", True),
        ("memories.weight_kib", True),
        ("engines.pim.numerics.adc_full_scale_lsb", True),
        ("engines.pim.rows_active", True),
        ("layers.by_name.conv3", True),
        ("layers.by_name", False),
        ("engines.pim", False),
        ("engines.pim.numerics", False),
        ("memories", False),
        ("nothing", False),
        ("", False),
    ],
)
def test_a_key_holds_a_value_or_a_section(key: str, expected: bool) -> None:
    assert is_value(key) is expected


def _event() -> dict[str, object]:
    engines = read_content("pim45nm")["engines"]
    assert isinstance(engines, dict)
    return dict(engines["event"])
