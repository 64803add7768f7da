"""Hostile hardware files: one line that names file, key path, value and limit."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pimsim.errors import HardwareError
from pimsim.hardware import from_dict, from_text, load_hardware, schema
from pimsim.hardware.load import MAX_BYTES

INF, NAN = float("inf"), float("nan")
SET = " (set by override {path})"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("engines.event.lanes", 0, "engines.event.lanes=0: must be at least 1"),
        ("engines.event.lanes", 10**6, "engines.event.lanes=1000000: must be at most 4096"),
        ("engines.event.lanes", 2.5, "engines.event.lanes=2.5: must be a whole number"),
        ("engines.event.lanes", True, "engines.event.lanes=True: must be a whole number"),
        ("engines.event.lanes", None, "engines.event.lanes=None: must be a whole number"),
        ("engines.event.lanes", {"a": 1}, "engines.event.lanes={'a': 1}: must be a whole number"),
        ("engines.event.scan_width", 20, "engines.event.scan_width=20: must be one of 8, 16, 32, 64, 128, 256 or 512"),
        ("engines.event.fifo_depth", 0, "engines.event.fifo_depth=0: must be at least 1"),
        ("engines.event.accumulator_bits", 33, "engines.event.accumulator_bits=33: must be at most 32"),
        ("engines.pim.adc_bits", 0, "engines.pim.adc_bits=0: must be at least 1"),
        ("engines.pim.sample_and_hold", 1, "engines.pim.sample_and_hold=1: must be true or false"),
        ("engines.pim.style", "optical", "engines.pim.style='optical': must be one of 'bit_serial', 'analog'"),
        ("clock_mhz", -1, "clock_mhz=-1: must be above 0"),
        ("clock_mhz", 0, "clock_mhz=0: must be above 0"),
        ("clock_mhz", NAN, "clock_mhz=nan: must be a finite number"),
        ("clock_mhz", INF, "clock_mhz=inf: must be a finite number"),
        ("clock_mhz", "400 MHz", "clock_mhz='400 MHz': must be a plain number, the unit is MHz"),
        ("cost.temperature_k", "300 K", "cost.temperature_k='300 K': must be a plain number, the unit is kelvin"),
        ("cost.temperature_k", 20, "cost.temperature_k=20: must be at least 233"),
        ("cost.device", "fast", "cost.device='fast': must be one of 'lstp', 'lop' or 'hp'"),
        ("schedule", "parallel", "schedule='parallel': must be one of 'shared' or 'pipelined'"),
        ("name", "", "name='': shorter than the limit of 1"),
        ("name", "a b", "name='a b': may hold letters, digits, dots, dashes and underscores only"),
        ("description", 3, "description=3: must be text"),
        ("engines.event", 3, "engines.event=3: must be a section with keys"),
        ("layers.by_name", [1], "layers.by_name=[1]: must be a section with keys"),
        ("layers.by_name.conv1", "gpu", "layers.by_name.conv1='gpu': must be one of 'pim', 'mac' or 'event'"),
        ("memories.macro_kib", 0, "memories.macro_kib=0: must be above 0"),
        (
            "memories.weight_kib",
            "8 KiB",
            "memories.weight_kib='8 KiB': must be \"auto\" or a number of KiB above 0 and at most 1048576",
        ),
        (
            "memories.weight_kib",
            NAN,
            "memories.weight_kib=nan: must be \"auto\" or a number of KiB above 0 and at most 1048576",
        ),
        ("engines.event.lane", 3, 'engines.event.lane: unknown key; did you mean "lanes"?'),
        ("engines.pim.product_per_conversion", 3,
         'engines.pim.product_per_conversion: unknown key; did you mean "products_per_conversion"?'),
        ("engines.pim.weight_encoding", "offset",
         'engines.pim.weight_encoding: unknown key; a key of style="bit_serial"'),
        ("engines.pim.cell_bits", 2, 'engines.pim.cell_bits: unknown key; a key of style="bit_serial"'),
        ("layers.input_spikes", "gpu", "layers.input_spikes='gpu': must be one of 'auto', 'pim', 'mac' or 'event'"),
        ("layers.input_spike", "pim", 'layers.input_spike: unknown key; did you mean "input_spikes"?'),
        ("layers.input_spikes", None, "layers.input_spikes=None: must be one of 'auto', 'pim', 'mac' or 'event'"),
        ("engines.event.skip_fired", "yes", "engines.event.skip_fired='yes': must be true or false"),
        ("engines.pim.skip_fired", 1, "engines.pim.skip_fired=1: must be true or false"),
        ("engines.pim.skip_firing", True, 'engines.pim.skip_firing: unknown key; did you mean "skip_fired"?'),
        ("engines.pim.copies_in_array", "some",
         "engines.pim.copies_in_array='some': must be one of 'none', 'diagonal' or 'shifted'"),
        ("clock_ghz", 0.4, 'clock_ghz: unknown key; this quantity is given as "clock_mhz"'),
        ("memories.weight_bytes", 9, 'memories.weight_bytes: unknown key; this quantity is given as "weight_kib"'),
        ("cost.temperature_c", 20, 'cost.temperature_c: unknown key; this quantity is given as "temperature_k"'),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_path_and_limit(path, value, message):
    with pytest.raises(HardwareError) as caught:
        load_hardware("pim45nm", {path: value})
    assert str(caught.value) == f"pim45nm.yaml: {message}{SET.format(path=path)}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engines.pim.products_per_conversion": 300}, "engines.pim: products_per_conversion=300 exceeds rows=256"),
        ({"engines.pim.outputs_per_adc": 300}, "engines.pim: outputs_per_adc=300 exceeds columns=256"),
        ({"engines.event.membrane_bits": 32},
         "engines.event: membrane_bits=32 exceeds accumulator_bits=20, in which membranes are added to"),
        ({"engines.event.membrane_ports": 1, "engines.event.pipeline_depth": 1},
         "engines.event: membrane_ports=1 with pipeline_depth=1: a beat would read and write its word in one cycle; "
         "2 ports or 2 stages at least"),
        ({"engines.event.leak_terms": 3}, "engines.event: leak_terms=3 changes nothing without leak=shifts"),
        ({"engines.pim.membrane_range": 2.0},
         "engines.pim: membrane_range=2.0 changes nothing without membrane_step=auto"),
        ({"engines.pim.membrane_rounding": "floor"},
         "engines.pim: membrane_rounding=floor changes nothing without membrane_step=auto"),
        ({"engines.event.dataflow": "gather", "engines.event.forwarding": False},
         'engines.event: forwarding=false with dataflow="gather": sums are added in registers within one stage, '
         "so there is nothing to wait for"),
        ({"layers.first": "event"},
         'layers.first="event": the first layer has multi-bit inputs and needs "pim" or "mac"'),
        ({"layers.first": "mac"}, 'layers.first="mac" but the file has no section engines.mac'),
        ({"layers.input_spikes": "mac"}, 'layers.input_spikes="mac" but the file has no section engines.mac'),
        ({"layers.by_name.conv3": "mac"}, 'layers.by_name.conv3="mac" but the file has no section engines.mac'),
        ({"network": "iso_cnn"}, 'layers.first="pim": with network="iso_cnn" every layer runs on "mac"'),
        ({"format": 2}, "format=2 is not supported, this version reads 1"),
        ({"clock_mhz.foo": 2}, 'override "clock_mhz.foo": "clock_mhz" holds a value, not a section'),
        ({"engines..lanes": 2}, 'override "engines..lanes": a path has no empty part'),
    ],
)  # fmt: skip
def test_values_that_contradict_each_other_are_named_together(changes, message):
    with pytest.raises(HardwareError) as caught:
        load_hardware("pim45nm", changes)
    assert str(caught.value) == f"pim45nm.yaml: {message}"


def test_input_spikes_of_a_costed_cnn_run_where_all_of_it_does():
    event = load_hardware("digital45nm").to_dict()["engines"]["event"]
    load_hardware("ann45nm", {"layers.input_spikes": "mac"})
    with pytest.raises(HardwareError, match=r'input_spikes="event": with network="iso_cnn" every layer runs on "mac"$'):
        load_hardware("ann45nm", {"engines.event": event, "layers.input_spikes": "event"})


def test_more_rows_than_the_array_has_are_refused():
    with pytest.raises(HardwareError, match=r"rows_active=300 exceeds rows=256$"):
        load_hardware("pim45nm_bitserial", {"engines.pim.rows_active": 300})


def test_other_faults_are_counted():
    raw = load_hardware("pim45nm").to_dict()
    raw["engines"]["event"]["lanes"] = raw["engines"]["event"]["fifo_depth"] = 0
    with pytest.raises(HardwareError, match=r"^hardware: engines.event.lanes=0: .* \(and 1 more\)$"):
        from_dict(raw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected sections with keys, found NoneType"),
        ("just text", "expected sections with keys, found str"),
        ("- 1", "expected sections with keys, found list"),
        ("a: 1\nb: 2\na: 3", 'line 3: key "a" is given twice, first on line 1'),
        ("engines:\n  pim: {rows: 1, rows: 2}", 'line 2: key "rows" is given twice, first on line 2'),
        ("1: 2", "line 1: key 1 is not text; quote it"),
        ("a: [", "not valid YAML"),
        ("a: !!python/object:os.system x", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: &x [*x]", "not valid YAML"),
        ("a: 2001-99-99", "not valid YAML"),
        ("clock_mhz: 1" + "0" * 5000, "not valid YAML"),
        ("name: x", "required but missing"),
        ("bands: 1", "bands: unknown key"),
    ],
)
def test_text_that_is_no_hardware_file_is_refused_in_one_line(text, message):
    with pytest.raises(HardwareError) as caught:
        from_text(text, origin="mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_aliases_itself_a_billion_times_is_refused_at_once():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(HardwareError, match="unknown key"):
        from_text("\n".join(lines), origin="bomb.yaml")
    lines.append("name: *a39")
    with pytest.raises(HardwareError):
        from_text("\n".join(lines), origin="bomb.yaml")


def test_files_that_are_no_text_or_far_too_long_are_refused(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HardwareError, match=r"^binary.yaml: not a text file"):
        load_hardware(binary)
    long = tmp_path / "long.yaml"
    long.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(HardwareError, match=r"^long.yaml: 1048577 bytes"):
        load_hardware(long)


def _paths(section, prefix=()):
    for key, value in section.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from _paths(value, (*prefix, key))


BASE = load_hardware("pim45nm").to_dict()
junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({"a": 1})


@settings(max_examples=300)
@given(st.sampled_from(sorted(_paths(BASE))), junk)
def test_no_value_anywhere_causes_anything_but_a_hardware_error_in_one_line(path, value):
    raw = deepcopy(BASE)
    section = raw
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    told = None
    try:
        hardware = from_dict(raw)
    except HardwareError as error:
        told = str(error)
    if told is None:
        assert from_dict(hardware.to_dict()) == hardware
    else:
        assert "\n" not in told


@settings(max_examples=60)
@given(st.sampled_from(sorted(_paths(BASE))))
def test_a_missing_key_is_named_or_has_a_documented_default(path):
    raw = deepcopy(BASE)
    section = raw
    for key in path[:-1]:
        section = section[key]
    del section[path[-1]]
    sections = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    fields = [item for one in sections for item in one.model_fields.items()]
    needed = {key for key, field in fields if field.is_required()} | {"pim", "mac", "event"}
    if path[-1] not in needed:
        from_dict(raw)
        return
    with pytest.raises(HardwareError) as caught:
        from_dict(raw)
    assert path[-1] in str(caught.value)
