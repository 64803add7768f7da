"""What is wrong with a design space's file is said in one line, with its key path and limit, before anything runs."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from pimsim.errors import ExplorationError, MissingFileError, PimsimError
from pimsim.explore.space_load import load_space, recorded_space, space_from_dict
from pimsim.explore.space_schema import MAX_AXES
from pimsim.hardware import read_content
from pimsim.resources import HARDWARE, find

RAW: dict[str, Any] = {"format": 1, "name": "made", "hardware": "pim45nm", "models": "cnn3d_6b"}
LANES, CLOCK = "engines.event.lanes", "clock_mhz"


def _when(first: str, one: Any, second: str, two: Any) -> dict[str, Any]:
    return {"values": ["step_major"], "when": {first: one, second: two}}


def message(tmp_path: Path, text: str) -> str:
    file = tmp_path / "case.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((ExplorationError, MissingFileError)) as caught:
        load_space(file)
    found = str(caught.value)
    assert found.startswith("case.yaml: ")
    assert "\n" not in found
    return found.removeprefix("case.yaml: ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 2}, "format=2 is not supported, this version reads 1"),
        ({"format": None}, "format=None is not supported"),
        ({"format": True}, "format=True is not supported"),
        ({"inputs": []}, "inputs=[]: must have 1 at least"),
        ({"axis": {}}, 'axis: unknown key; did you mean "axes"?'),
        ({"model": "cnn3d_6b"}, 'model: unknown key; did you mean "models"?'),
        ({"name": "two words"}, "name='two words': may hold letters, digits, dots, dashes and underscores only"),
        ({"hardware": []}, "hardware=[]: must have 1 at least"),
        ({"hardware": "pim45mn"}, 'hardware.1: hardware file "pim45mn" does not exist; did you mean "pim45nm.yaml"?'),
        ({"hardware": ["pim45nm", "pim45nm.yaml"]}, "hardware.2='pim45nm.yaml': the same file as 'pim45nm'"),
        ({"models": ["cnn3d_6b", "cnn3d_7b"]}, 'models.2: model "cnn3d_7b" does not exist'),
        ({"models": ["cnn3d_6b", "cnn3d_6b"]}, "models.2='cnn3d_6b': the same file as 'cnn3d_6b'"),
        ({"models": 3}, "models.1=3: must be text; quote it if it is meant so"),
        ({"inputs": {"cnn3d_5b": "indian_pines"}}, "inputs.cnn3d_5b: no model of this space (models: cnn3d_6b)"),
        ({"inputs": 3}, "inputs.1=3: must be text; quote it if it is meant so"),
        ({"samples": 0}, "samples=0: must be at least 1"),
        ({"samples": 1.5}, "samples=1.5: must be a whole number"),
        ({"samples": True}, "samples=True: must be a whole number"),
        ({"samples": 10**40}, "samples: a whole number beyond 2^63"),
        ({"description": "x" * 3000}, "longer than the limit of 2000"),
        ({"objectives": []}, "objectives=[]: must have 1 at least"),
        ({"objectives": ["enrgy"]}, 'objectives.1: "enrgy": no metric "enrgy"; did you mean "energy"?'),
        ({"objectives": ["energy", "min energy"]}, "objectives.2='min energy': the same column as 'energy'"),
        ({"constraints": ["aria < 3"]}, 'constraint "aria < 3": "aria" is no key and no axis (no metric "aria"; did'),
        ({"set": {"engines.event.lane": 3}}, 'set: engines.event.lane: unknown key; did you mean "lanes"?'),
        ({"set": {LANES: 0}}, "set: engines.event.lanes=0: must be at least 1"),
        ({"set": {"name": "a"}}, "set: name is what the file is called, not a knob"),
        ({"set": {"engines.mac.multipliers": 4}}, "set: pim45nm: engines.mac.multipliers: the file has no section eng"),
        ({"set": {"engines.pim.rows": 4, "engines.pim": {}}}, "set.engines.pim: takes the place of engines.pim.rows"),
    ],
)
def test_a_wrong_key_at_the_top_is_named(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in message(tmp_path, yaml.safe_dump(RAW | changes, sort_keys=False))


@pytest.mark.parametrize("key", list(RAW))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    raw = {other: value for other, value in RAW.items() if other != key}
    assert message(tmp_path, yaml.safe_dump(raw)) == f"{key}: required but missing"


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({CLOCK: 3}, "axes.clock_mhz=3: must be a list of values, or a section with keys"),
        ({CLOCK: []}, "axes.clock_mhz.values=[]: must have 1 at least"),
        ({CLOCK: [100, 100.0]}, "axes.clock_mhz.2=100.0: given twice"),
        ({CLOCK: [0.0, -0.0]}, "axes.clock_mhz.2=-0.0: given twice"),
        ({"engines.event.forwarding": [True, 1]}, "axes.engines.event.forwarding.2=1: given twice"),
        ({CLOCK: [100, None]}, "axes.clock_mhz.values.2=None: an empty value"),
        ({CLOCK: [[100]]}, "axes.clock_mhz.values.1=[100]: must be a number, text, true or false"),
        ({CLOCK: [float("nan")]}, "axes.clock_mhz.1=nan: must be a finite number"),
        ({CLOCK: [float("inf")]}, "axes.clock_mhz.1=inf: must be a finite number"),
        ({CLOCK: [100, 0]}, "axes.clock_mhz=0: must be above 0"),
        ({CLOCK: ["200 MHz"]}, "axes.clock_mhz='200 MHz': must be a plain number, the unit is MHz"),
        ({LANES: [8, 5000]}, "axes.engines.event.lanes=5000: must be at most 4096"),
        ({LANES: [8, 8.5]}, "axes.engines.event.lanes=8.0: must be a whole number"),
        ({LANES: [True]}, "axes.engines.event.lanes=True: must be a whole number"),
        ({"engines.event.forwarding": [1]}, "axes.engines.event.forwarding=1: must be true or false"),
        ({"schedule": ["shared", "both"]}, "axes.schedule='both': must be one of 'shared' or 'pipelined'"),
        ({"lanes": [8]}, "axes.lanes: unknown key; did you mean"),
        ({"engines.event.lane": [8]}, 'axes.engines.event.lane: unknown key; did you mean "lanes"?'),
        ({"engines.mac.multipliers": [8]}, "pim45nm: engines.mac.multipliers: the file has no section engines.mac"),
        ({"engines.pim.rows_active": [8]}, 'engines.pim.rows_active: unknown key; a key of style="bit_serial"'),
        ({"engines.pim.style": ["digital"]}, "engines.pim.style='digital': must be one of 'bit_serial'"),
        ({LANES: {"range": [8, 16]}}, "axes.engines.event.lanes.range: needs step, count or steps: none"),
        ({LANES: {"range": [8, 16], "step": 4, "count": 3}}, "range: needs only one of step, count or steps: none"),
        ({LANES: {"range": [16, 8], "step": 4}}, "range=[16, 8]: the first end must be below the second"),
        ({LANES: {"range": [8, 16], "step": 0}}, "axes.engines.event.lanes.step=0: must be above 0"),
        ({LANES: {"range": [8, 16], "base": 2}}, "axes.engines.event.lanes.base: does not go with range"),
        ({LANES: {"values": [8, 16], "count": 2}}, "axes.engines.event.lanes.count: does not go with values"),
        ({LANES: {"log": [8, 16], "step": 2}}, "axes.engines.event.lanes.step: does not go with log"),
        ({LANES: {"log": [0, 16], "base": 2}}, "axes.engines.event.lanes.log=[0, 16]: both ends must be above 0"),
        ({LANES: {"log": [8, 16], "base": 1}}, "axes.engines.event.lanes.base=1: must be above 1"),
        ({LANES: {"range": [8], "step": 2}}, "axes.engines.event.lanes.range=[8]: must have 2 at least"),
        ({LANES: {"range": [8, "a"], "step": 2}}, "axes.engines.event.lanes.range.2='a': must be a number"),
        ({LANES: {"range": [8, 9], "count": 1}}, "axes.engines.event.lanes.count=1: must be at least 2"),
        ({LANES: {"range": [8, 5000], "steps": "none"}}, "axes.engines.event.lanes=5000: must be at most 4096"),
        ({LANES: {"range": [8, 16], "steps": 3}}, "axes.engines.event.lanes.steps=3: must be 'none'"),
        ({LANES: {"range": [1, 10**9], "step": 1}}, "1000000000 values, an axis has at most 100000"),
        ({LANES: {"log": [1, 10**9], "count": 10**9}}, "1000000000 values, an axis has at most 100000"),
        ({LANES: {"log": [1, 1e300], "base": 1.0000001}}, "6907755621 values, an axis has at most 100000"),
        ({CLOCK: {"range": [1, 1e300], "step": 0.001}}, "axes.clock_mhz: more than 10^15 values, an axis has at most"),
        ({LANES: {"valus": [8]}}, 'axes.engines.event.lanes.valus: unknown key; did you mean "values"?'),
        ({LANES: {}}, "axes.engines.event.lanes: needs one of values, range, log, choices; has none"),
        ({LANES: {"values": [3], "range": [3, 4]}}, "needs one of values, range, log, choices; has values and range"),
        ({LANES: {"values": [3], "when": {CLOCK: 3}}}, "lanes.when.clock_mhz: no earlier axis (earlier: none)"),
        ({LANES: {"values": [3], "when": {}}}, "axes.engines.event.lanes.when={}: must have 1 at least"),
        ({CLOCK: [3], LANES: {"values": [3], "when": {CLOCK: 4}}}, "when.clock_mhz=4: none of its values (3)"),
        ({CLOCK: [1], LANES: {"values": [3], "when": {CLOCK: True}}}, "when.clock_mhz=True: none of its values (1)"),
        (
            {CLOCK: {"range": [3, 4], "steps": "none"}, LANES: {"values": [3], "when": {CLOCK: 3}}},
            "axes.engines.event.lanes.when.clock_mhz: an axis without steps has no values to choose from",
        ),
        (
            {CLOCK: [3, 4], LANES: {"values": [3], "when": {CLOCK: 3}}, "order": _when(LANES, 3, CLOCK, 4)},
            "axes.order.when: never holds, clock_mhz would need two values at once",
        ),
        ({CLOCK: {"paths": LANES, "values": [3]}}, "axes.clock_mhz: the name of a key whose value it is not"),
        ({CLOCK: {"choices": {"a": {CLOCK: 3}}}}, "axes.clock_mhz: the name of a key whose value it is not"),
        ({CLOCK: [3], "a": {"paths": CLOCK, "values": [4]}}, "axes.a: sets clock_mhz, and so does axis clock_mhz"),
        ({"a": {"paths": [CLOCK, CLOCK], "values": [3]}}, "axes.a.paths.2='clock_mhz': given twice"),
        ({"a": {"paths": ["cost", "cost.device"], "values": [3]}}, "axes.a: sets both cost and cost.device"),
        ({"a": {"choices": {}}}, "axes.a.choices={}: must have 1 at least"),
        ({"a": {"choices": {"b": {}}}}, "axes.a.choices.b={}: must have 1 at least"),
        ({"a": {"choices": {"b": {CLOCK: 3}}, "paths": [CLOCK]}}, "axes.a.paths: choices name what they set themselv"),
        ({"a": {"choices": {"b": {CLOCK: -3}}}}, "axes.a.choices.b: clock_mhz=-3: must be above 0"),
        ({"a": {"choices": {"b": {"model": "c"}}}}, "axes.a.choices.b: model: unknown key"),
        ({"a": {"choices": {"b": {"engines.mac.multipliers": 3}}}}, "axes.a.choices.b: pim45nm: engines.mac.multip"),
        ({"a": {"choices": {"b\nc": {CLOCK: 3}}}}, "may hold no line breaks and control characters"),
        ({"hardware": ["pim45nm"]}, "axes.hardware: the name of another column of results; files are chosen by the k"),
        ({"status": {"paths": CLOCK, "values": [3]}}, "axes.status: the name of another column of results"),
        ({"area": {"paths": CLOCK, "values": [3]}}, "axes.area: the name of a metric"),
        ({"area_um2": {"paths": CLOCK, "values": [3]}}, "axes.area_um2: the name of a metric"),
        ({"two words": {"paths": CLOCK, "values": [3]}}, "may hold no spaces, quotes, colons, commas and equals signs"),
        ({"a..b": [3]}, "axes.a: unknown key"),
        ({"layers.by_name.": ["mac"]}, "axes.layers.by_name.: unknown key"),
        ({f"layers.by_name.{place}": ["mac"] for place in range(MAX_AXES + 1)}, "has more than the limit of 100"),
    ],
)
def test_a_wrong_axis_is_named(tmp_path: Path, axes: dict[str, Any], expected: str) -> None:
    assert expected in message(tmp_path, yaml.safe_dump(RAW | {"axes": axes}, sort_keys=False))


def test_what_set_says_no_axis_may_say_again(tmp_path: Path) -> None:
    for axes in ({CLOCK: [3]}, {"a": {"choices": {"b": {CLOCK: 3}, "c": {"schedule": "shared"}}}}):
        found = message(tmp_path, yaml.safe_dump(RAW | {"set": {CLOCK: 100}, "axes": axes}))
        assert found.endswith('sets clock_mhz, and so does "set" (clock_mhz)')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected sections with keys, found NoneType"),
        ("[]", "expected sections with keys, found list"),
        ("format: 1\nname: a\nformat: 1\n", 'line 3: key "format" is given twice, first on line 1'),
        ("axes: {yes: [1]}", "line 1: key True is not text; quote it"),
        ("axes: [", "line 2: not valid YAML"),
        ("\x00", "not valid YAML"),
        ("!!python/object/apply:os.system [ls]", "line 1: not valid YAML: could not determine a constructor"),
        ("axes: {clock_mhz: [2020-01-01]}", "axes.clock_mhz.1=2020-01-01: a date; quote it if it is meant as text"),
        ("axes: &a {x: *a}", "line 1: not valid YAML: found unconstructable recursive node"),
        ("samples: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
        ("set: " + "{a: " * 50 + "1" + "}" * 50, "or sections more than 20 deep"),
    ],
)
def test_what_is_no_design_space_at_all_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert message(tmp_path, text).startswith(expected) or expected.startswith("or sections")


def test_a_file_that_is_far_larger_than_it_looks_is_refused(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]" for before, name in pairwise("abcdefgh")]
    assert message(tmp_path, "\n".join(lines)).startswith("more than 1000000 values")


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExplorationError, match=r"^case\.yaml: not a text file"):
        load_space(tmp_path / "case.yaml")
    (tmp_path / "case.yaml").write_bytes(b"#" * (2**22 + 1))
    with pytest.raises(ExplorationError, match=r"^case\.yaml: 4194305 bytes, a design space has at most 4194304$"):
        load_space(tmp_path / "case.yaml")
    with pytest.raises(MissingFileError, match=r'design space "nowhere\.yaml" does not exist'):
        load_space("nowhere.yaml")


def test_a_hardware_file_with_a_mistake_of_its_own_is_an_error_of_the_space(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("format: 1\nclock: 3\n", encoding="utf-8")
    text = yaml.safe_dump(RAW | {"hardware": "mine.yaml"})
    assert message(tmp_path, text).startswith("hardware.1: mine.yaml: clock: unknown key")
    (tmp_path / "mine.yaml").write_text("format: 1\nformat: 3\n", encoding="utf-8")
    assert message(tmp_path, text).startswith('mine.yaml: line 2: key "format" is given twice')


def test_files_are_looked_up_beside_the_space_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    own = find(HARDWARE, "pim45nm").read_text(encoding="utf-8").replace("clock_mhz: 400 ", "clock_mhz: 123 ")
    (inside / "mine.yaml").write_text(own, encoding="utf-8")
    (inside / "case.yaml").write_text(yaml.safe_dump(RAW | {"hardware": ["mine.yaml", "pim45nm"]}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    space = load_space("inside/case.yaml")
    assert space.machines["mine.yaml"]["clock_mhz"] == 123
    assert Path(space.locate("mine.yaml")).resolve() == inside / "mine.yaml"
    assert space.locate("pim45nm") == "pim45nm"


# --- what only some points get wrong is left to them


@pytest.mark.parametrize(
    "changes",
    [
        {"axes": {"engines.event.membrane_bits": [16, 24]}},  # 24 exceeds the accumulator
        {"hardware": ["pim45nm", "digital45nm"], "axes": {"engines.pim.rows": [64]}},  # one has no crossbar
        {"hardware": ["pim45nm", "pim45nm_bitserial"], "axes": {"engines.pim.rows_active": [31]}},
        {"axes": {"engines.pim.style": ["analog", "bit_serial"], "engines.pim.rows_active": [8]}},
        {"axes": {"kind": {"choices": {"bits": {"engines.pim.style": "bit_serial", "engines.pim.rows_active": 8}}}}},
        {
            "hardware": ["pim45nm", "pim65nm"],
            "axes": {
                "engines.pim.style": {"values": ["bit_serial"], "when": {"hardware": "pim65nm"}},
                "engines.pim.products_per_conversion": [5, 10],  # a key of the style that the others have
            },
        },
        {"axes": {"layers.first": ["event", "pim"]}},
        {"axes": {"layers.by_name.no_such_layer": ["event"]}},
        {"axes": {"memories.weight_kib": ["auto", 1, 0.5]}},
    ],
)
def test_combinations_that_are_wrong_are_no_error_of_the_space(changes: dict[str, Any]) -> None:
    assert space_from_dict(RAW | changes).size


def test_a_section_that_the_file_lacks_may_come_from_set_or_a_choice() -> None:
    mac = {key: value for key, value in _mac().items() if key != "multipliers"}
    knob = {"engines.mac.multipliers": [8, 16]}
    assert space_from_dict(RAW | {"set": {"engines.mac": mac}, "axes": knob}).size == 2
    choices = {"choices": {"with": {"engines.mac": mac}, "without": {CLOCK: 100}}}
    assert space_from_dict(RAW | {"axes": {"which": choices} | knob}).size == 4
    when = {"values": [8], "when": {"which": "without"}}
    with pytest.raises(ExplorationError, match=r"pim45nm: engines\.mac\.multipliers: the file has no section"):
        space_from_dict(RAW | {"axes": {"which": choices, "engines.mac.multipliers": when}})
    with pytest.raises(ExplorationError, match=r"choices\.with: engines\.mac\.multipliers: required but missing"):
        space_from_dict(RAW | {"axes": {"which": choices}})


def test_a_key_is_looked_for_in_the_machines_that_have_its_axis() -> None:
    files, knob = {"hardware": ["pim45nm", "digital45nm"]}, {"values": [64], "when": {"hardware": "digital45nm"}}
    with pytest.raises(ExplorationError, match=r"digital45nm: engines\.pim\.rows: the file has no section"):
        space_from_dict(RAW | files | {"axes": {"engines.pim.rows": knob}})


def _mac() -> dict[str, Any]:
    engines: Any = read_content("digital45nm")["engines"]
    return dict(engines["mac"])


def test_two_axes_may_set_a_key_where_they_never_meet() -> None:
    files = {"hardware": ["pim45nm", "pim65nm"]}
    one = {"paths": "engines.pim.adc_bits", "values": [4, 6]}
    apart = {name: one | {"when": {"hardware": name}} for name in files["hardware"]}
    assert space_from_dict(RAW | files | {"axes": apart}).size == 4
    with pytest.raises(ExplorationError, match=r"axes\.pim65nm: sets engines\.pim\.adc_bits, and so does axis pim45nm"):
        space_from_dict(RAW | files | {"axes": apart | {"pim65nm": one}})
    choices = {"choices": {"a": {"engines.pim.adc_bits": 8}, "b": {CLOCK: 100}}}
    knob = one | {"when": {"which": "b"}}
    assert space_from_dict(RAW | {"axes": {"which": choices, "bits": knob}}).size == 3


# --- from a record of results


def test_a_recorded_space_needs_no_file_and_says_what_it_lacks() -> None:
    space = space_from_dict(RAW | {"axes": {LANES: [8, 16]}})
    record = {**space.content, "machines": {"pim45nm": dict(space.machines["pim45nm"])}}
    again = recorded_space(record, origin="exploration.json")
    assert list(again.points()) == list(space.points())
    assert again.machines == space.machines
    for wrong, expected in (
        ([], "the space has no machines as sections"),
        (dict(space.content), "the space has no machines as sections"),
        (record | {"machines": {"pim45nm": 3}}, "the space has no machines as sections"),
        (record | {"machines": {}}, "the space has nothing of its machine 'pim45nm'"),
        (record | {"axes": {LANES: [0]}}, "axes.engines.event.lanes=0: must be at least 1"),
    ):
        with pytest.raises(ExplorationError) as caught:
            recorded_space(wrong, origin="exploration.json")  # type: ignore[arg-type]
        assert str(caught.value) == f"exploration.json: {expected}"


# --- nothing that a file may hold causes anything else

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    float("nan"),
    "",
    "x",
    "1e6",
    "\n",
    [],
    [[]],
    {},
    {"": 1},
    {"a": {"b": [1]}},
]
FULL: dict[str, Any] = RAW | {
    "samples": 3,
    "inputs": {"cnn3d_6b": "indian_pines"},
    "set": {"engines.event.forwarding": True},
    "axes": {
        LANES: [8, 16],
        CLOCK: {"range": [100, 400], "step": 50, "when": {LANES: [8]}},
        "cost.temperature_k": {"log": [280, 360], "count": 3},
        "machine": {"choices": {"a": {"engines.pim.rows": 64}}},
        "x": {"paths": ["memories.macro_kib"], "range": [1.0, 2.0], "steps": "none"},
    },
    "constraints": ["area < 3"],
    "objectives": ["energy"],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return found + [place for key in keys for place in places(value[key], (*path, key))]


def with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = with_junk(value[path[0]], path[1:], junk)
    return changed


@pytest.mark.parametrize("path", places(FULL), ids=lambda path: ".".join(map(str, path)))
def test_no_junk_anywhere_causes_anything_but_an_error_in_one_line(path: tuple[Any, ...]) -> None:
    assert space_from_dict(FULL).name == "made"
    for junk in JUNK:
        try:
            space = space_from_dict(with_junk(FULL, path, junk))
        except PimsimError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, only other errors are not
        else:
            assert list(space.sample(2, seed=random.Random(0).getrandbits(8)))
