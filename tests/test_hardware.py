"""Hardware files: the shipped ones, overrides, hashes, and what a resolved file says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pimsim.errors import HardwareError, MissingFileError
from pimsim.hardware import (
    AnalogPim,
    BitSerialPim,
    Event,
    Mac,
    Memories,
    from_dict,
    load_hardware,
    parse_override,
    schema,
)
from pimsim.hardware import hardware as plain
from pimsim.resources import HARDWARE, shipped

FILES = [path.stem for path in shipped(HARDWARE)]


def test_the_four_systems_are_shipped():
    assert {"pim45nm", "pim45nm_bitserial", "digital45nm", "ann45nm"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_file_is_named_as_it_names_itself_and_resolves_to_itself(name):
    hardware = load_hardware(name)
    assert hardware.name == name
    assert from_dict(hardware.to_dict()) == hardware
    assert from_dict(yaml.safe_load(yaml.safe_dump(hardware.to_dict()))).content_hash == hardware.content_hash


@pytest.mark.parametrize("path", shipped(HARDWARE), ids=FILES)
def test_every_parameter_of_a_shipped_file_says_where_its_value_comes_from(path: Path):
    free = ("format:", "name:", "description:", "engines:", "layers:", "memories:", "cost:")
    free += ("pim:", "mac:", "event:", "numerics:")
    unexplained = [
        line.strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if ":" in line.split("#")[0] and " # " not in line and not line.strip().startswith(free)
    ]
    # what remains says nothing about a circuit: placement, sizes taken from the model, the name of the table
    assert {line.split(":")[0] for line in unexplained} <= {
        "first", "others", "by_name", "table", *(f"{kind}_kib" for kind in KINDS)
    }  # fmt: skip


KINDS = ("input", "weight", "membrane", "current", "count", "spike", "activation")


@pytest.mark.parametrize(
    ("checked", "built"),
    [
        (schema.BitSerialPim, BitSerialPim),
        (schema.AnalogPim, AnalogPim),
        (schema.Numerics, plain.Numerics),
        (schema.Mac, Mac),
        (schema.Event, Event),
        (schema.Memories, Memories),
        (schema.Placement, plain.Placement),
        (schema.Cost, plain.CostSettings),
    ],
)
def test_the_file_and_the_frozen_description_have_the_same_keys(checked, built):
    assert set(checked.model_fields) == {field.name for field in dataclasses.fields(built)}


def test_names_in_the_schema_are_those_of_the_description():
    assert get_args(schema.Engine) == plain.ENGINES
    assert get_args(schema.File.model_fields["network"].annotation) == (plain.AS_IS, plain.ISO_CNN)
    assert get_args(schema.File.model_fields["schedule"].annotation) == (plain.SHARED, plain.PIPELINED)
    assert get_args(schema.File.model_fields["format"].annotation) == (plain.FORMAT,)


def test_an_override_replaces_one_value_and_changes_the_hash():
    base, changed = load_hardware("pim45nm"), load_hardware("pim45nm", {"engines.event.lanes": 32})
    assert changed.engines.event == dataclasses.replace(base.engines.event, lanes=32)
    assert changed.engines.pim == base.engines.pim
    assert changed.content_hash != base.content_hash
    assert load_hardware("pim45nm", {"engines.event.lanes": base.engines.event.lanes}) == base


def test_keys_that_older_files_lack_change_the_hash_only_where_they_say_something():
    """The hash is that of the file as it resolved before there were such keys."""
    base = load_hardware("digital45nm")
    content = base.to_dict()
    assert content["layers"]["input_spikes"] == "auto"
    for section in (content["layers"], *content["engines"].values()):
        section.pop("input_spikes", None)
        section.pop("skip_fired", None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert base.content_hash == hashlib.sha256(text.encode()).hexdigest()
    said = ({"layers.input_spikes": "auto"}, {"engines.mac.skip_fired": False}, {"engines.event.skip_fired": False})
    assert {load_hardware("digital45nm", keys).content_hash for keys in said} == {base.content_hash}
    new = ({"layers.input_spikes": "event"}, {"engines.mac.skip_fired": True}, {"engines.event.skip_fired": True})
    assert len({load_hardware("digital45nm", keys).content_hash for keys in new} | {base.content_hash}) == 4


def test_an_override_can_add_a_section():
    mac = load_hardware("digital45nm").to_dict()["engines"]["mac"]
    changed = load_hardware("pim45nm", {"engines.mac": mac, "layers.by_name.conv3": "mac"})
    assert changed.layers.by_name == {"conv3": "mac"}
    assert changed.engines.mac == load_hardware("digital45nm").engines.mac


def test_a_whole_number_will_do_for_a_fraction_and_gives_the_same_hash():
    assert load_hardware("pim45nm", {"clock_mhz": 400}).content_hash == load_hardware("pim45nm").content_hash
    assert load_hardware("pim45nm", {"clock_mhz": 400.0}).content_hash == load_hardware("pim45nm").content_hash


def test_a_capacity_is_a_number_of_kib_or_follows_from_the_model():
    assert load_hardware("pim45nm").memories.weight_kib is None
    assert load_hardware("pim45nm", {"memories.weight_kib": 3}).memories.weight_kib == 3.0
    assert load_hardware("pim45nm").to_dict()["memories"]["weight_kib"] == "auto"


@given(st.integers(-(2**40), 2**40) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_on_the_command_line_is_yaml(value):
    assert parse_override(f"a.b={yaml.safe_dump(value).splitlines()[0]}") == ("a.b", value)


@pytest.mark.parametrize("text", ["", "lanes", "=3", " =3"])
def test_an_override_without_path_or_value_is_refused(text):
    with pytest.raises(HardwareError, match="expected path=value"):
        parse_override(text)


def test_an_override_that_is_no_yaml_is_refused():
    with pytest.raises(HardwareError, match=r'^--set "a=\[": line \d: not valid YAML'):
        parse_override("a=[")


def test_a_misspelt_file_name_lists_what_is_shipped():
    with pytest.raises(MissingFileError, match=r'did you mean "pim45nm.yaml"'):
        load_hardware("pim45mn")


def test_the_cycle_follows_from_the_clock():
    assert load_hardware("pim45nm").cycle_ns == 2.5
