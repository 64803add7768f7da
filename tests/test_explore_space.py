"""A space's points: numbers, order, samples and what each of them runs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

import made_hybrid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.errors import ExplorationError, HardwareError, MappingError
from pimsim.explore import grid
from pimsim.explore.effects import FILES, ORGANISATION, PRICES, VALUES, effect_of
from pimsim.explore.grid import ABSENT, Grid
from pimsim.explore.permutation import permuted
from pimsim.explore.point import Point
from pimsim.explore.space import Space
from pimsim.explore.space_load import space_from_dict
from pimsim.hardware import from_dict, load_hardware
from pimsim.mapping import layer_numerics
from pimsim.model import load_network
from pimsim.resources import MODEL, find

RAW: dict[str, Any] = {
    "format": 1,
    "name": "small",
    "hardware": ["pim45nm", "digital45nm"],
    "models": ["cnn3d_6b", "cnn3d_5b"],
    "set": {"engines.event.forwarding": True},
    "axes": {
        "clock_mhz": {"range": [100, 400], "step": 100},
        "engines.event.lanes": [8, 16, 32],
        "engines.pim.adc_bits": {"values": [4, 6, 8], "when": {"hardware": "pim45nm"}},
    },
}
FREE = {**RAW, "axes": {**RAW["axes"], "cost.temperature_k": {"range": [280.0, 360.0], "steps": "none"}}}


def space_of(axes: dict[str, Any], **others: Any) -> Space:
    made = {"format": 1, "name": "made", "hardware": "pim45nm", "models": "cnn3d_6b", "axes": axes}
    return space_from_dict(made | others)


# --- the grid against a walk that tries every combination


Made = tuple[list[int], list[list[tuple[int, frozenset[int]]]]]


@st.composite
def grids(draw: st.DrawFn) -> Made:
    radices = draw(st.lists(st.integers(1, 4), max_size=6))
    conditions = []
    for axis in range(len(radices)):
        earlier = draw(st.sets(st.integers(0, axis - 1), max_size=2)) if axis else set()
        one_of = [st.frozensets(st.integers(0, radices[other] - 1), min_size=1) for other in earlier]
        conditions.append([(other, draw(values)) for other, values in zip(earlier, one_of, strict=True)])
    return radices, conditions


def naive_walk(radices: list[int], conditions: list[list[tuple[int, frozenset[int]]]]) -> Iterator[list[int]]:
    """Each axis in turn gets each of its values, unless what it depends on is absent or otherwise."""
    found: list[list[int]] = [[]]
    for radix, needed in zip(radices, conditions, strict=True):
        found = [
            [*digits, value]
            for digits in found
            for value in (range(radix) if all(digits[axis] in values for axis, values in needed) else [ABSENT])
        ]
    yield from found


@given(grids())
def test_a_grid_is_every_combination_that_conditions_allow(
    made: Made,
) -> None:
    found, expected = Grid(*made), list(naive_walk(*made))
    assert found.size == len(expected)
    assert [list(digits) for digits in found.walk()] == expected
    assert [found.digits(number) for number in range(found.size)] == expected
    assert [found.number(digits.__getitem__) for digits in expected] == list(range(found.size))


@given(grids(), st.data())
def test_a_walk_may_start_anywhere(made: Made, data: st.DataObject) -> None:
    found = Grid(*made)
    start = data.draw(st.integers(0, found.size + 1))
    assert [list(digits) for digits in found.walk(start)] == list(naive_walk(*made))[start:]


def test_conditions_that_tell_too_many_cases_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten switches, all of them first, each for a knob of its own: a thousand ways."""
    count = 10
    conditions = [[] for _ in range(count)] + [[(axis, frozenset({0}))] for axis in range(count)]
    assert Grid([2] * 2 * count, conditions).size == (2 + 1) ** count
    monkeypatch.setattr(grid, "MAX_CASES", 1000)
    with pytest.raises(ExplorationError, match="more than 1000 cases"):
        Grid([2] * 2 * count, conditions)


@given(st.integers(1, 300), st.text(max_size=5))
def test_a_permutation_meets_every_number_once(size: int, key: str) -> None:
    assert sorted(permuted(index, size, key) for index in range(size)) == list(range(size))


def test_a_permutation_is_as_even_as_a_shuffle() -> None:
    """Over many keys, each of six orders of three comes as often as the others: χ² with 5 degrees of freedom."""
    turns = 3000
    counts: dict[tuple[int, ...], int] = {}
    for key in range(turns):
        order = tuple(permuted(index, 3, str(key)) for index in range(3))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((count - turns / 6) ** 2 / (turns / 6) for count in counts.values()) < 20.5  # p = 0.001


# --- points


def test_every_point_has_its_number_and_numbers_their_points() -> None:
    space = space_from_dict(RAW)
    points = list(space.points())
    assert len(points) == space.size == 2 * 4 * 3 * (3 + 1)
    assert len({point.values for point in points}) == len(points)
    assert [space.point(number) for number in range(len(points))] == points
    assert [space.number(point.values) for point in points] == list(range(len(points)))
    assert list(space.points(7, 19)) == points[7:19]
    assert not list(space.points(5, 3))


def test_a_point_has_a_conditional_axis_only_where_its_condition_holds() -> None:
    for point in space_from_dict(RAW).points():
        values = dict(point.values)
        assert ("engines.pim.adc_bits" in values) == (values["hardware"] == "pim45nm")


def test_values_stand_in_the_files_order_whatever_order_the_grid_is_walked_in() -> None:
    space = space_from_dict(RAW)
    names = [name for name, _ in space.point(0).values]
    assert names == ["model", "hardware", "clock_mhz", "engines.event.lanes", "engines.pim.adc_bits"]
    assert [space.axes[place].name for place in space.order] == [
        "model",
        "hardware",
        "engines.pim.adc_bits",
        "engines.event.lanes",
        "clock_mhz",
    ]


def test_engines_of_input_spikes_and_gated_lanes_are_axes_like_others() -> None:
    axes = {"clock_mhz": [200, 400], "engines.event.skip_fired": [False, True], "layers.input_spikes": ["pim", "event"]}
    space = space_of(axes)
    assert [space.axes[place].name for place in space.order] == list(reversed(axes))
    assert {dict(point.values)["engines.event.skip_fired"] for point in space.points()} == {False, True}
    with pytest.raises(ExplorationError, match=r"axes\.layers\.input_spikes='gpu': must be one of 'auto', 'pim'"):
        space_of({"layers.input_spikes": ["gpu"]})


def test_neighbours_differ_in_prices_first_and_in_files_last() -> None:
    space = space_from_dict(RAW)
    points = [dict(point.values) for point in space.points()]
    changes = {name: sum(one.get(name) != two.get(name) for one, two in pairwise(points)) for name, _ in space.columns}
    assert changes["clock_mhz"] > changes["engines.event.lanes"] > changes["hardware"] > changes["model"] == 1


def test_an_axis_that_others_depend_on_is_as_slow_as_they_are() -> None:
    space = space_of(
        {
            "engines.event.lanes": [8, 16],
            "cost.adc_model": ["imac", "neurosim_sar"],
            "engines.pim.adc_bits": {"values": [4, 6], "when": {"cost.adc_model": "neurosim_sar"}},
        }
    )
    assert [space.axes[place].name for place in space.order] == [
        "cost.adc_model",
        "engines.pim.adc_bits",
        "engines.event.lanes",
    ]


@pytest.mark.parametrize(
    ("path", "effect"),
    [
        ("clock_mhz", PRICES),
        ("cost.device", PRICES),
        ("schedule", ORGANISATION),
        ("engines.event.lanes", ORGANISATION),
        ("memories.macro_kib", ORGANISATION),
        ("engines.pim.numerics.seed", VALUES),
        ("engines.event.membrane_bits", VALUES),
        ("layers.by_name.conv3", VALUES),
        ("layers.input_spikes", VALUES),
        ("engines.event.skip_fired", ORGANISATION),
        ("engines.pim.skip_fired", ORGANISATION),
        ("engines.pim", VALUES),
    ],
)
def test_a_key_is_known_by_what_it_changes_at_most(path: str, effect: int) -> None:
    assert effect_of(path) == effect
    assert FILES < VALUES < ORGANISATION < PRICES


OTHERS = {"none": "units", "units": "none", "shared": "pipelined", "pipelined": "shared", "lstp": "hp"}
OTHERS |= {"step_major": "layer_major", "diagonal": "shifted", "auto": "pim"}


def others(value: object) -> list[object]:
    """Other values of a key, most of which its limits allow."""
    if isinstance(value, bool):
        return [not value]
    return [value * 2, value - 1] if isinstance(value, int | float) else [OTHERS.get(str(value), value)]


def leaves(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        yield from leaves(value, f"{path}{key}.") if isinstance(value, dict) else [(f"{path}{key}", value)]


GAIN, SCALE = "engines.pim.numerics.adc_gain_sigma_ratio", "engines.pim.numerics.adc_full_scale_lsb"


@pytest.mark.parametrize(
    ("name", "felt"),
    [
        ("pim45nm_bitserial", {GAIN: 0.1}),
        ("pim45nm", {GAIN: 0.1, SCALE: "weights"}),
        ("imac45nm_noisy", {}),
        ("leanpim45nm", {}),
        ("digital45nm", {}),
    ],
)
@pytest.mark.parametrize("hybrid", [False, True])
def test_only_keys_that_are_said_to_change_values_do(name: str, felt: dict[str, object], hybrid: bool) -> None:
    """Otherwise neighbours of a grid would not share what they could, and a plan would promise too little."""
    network = made_hybrid.network() if hybrid else load_network(find(MODEL, "cnn3d_4b"))
    base = load_hardware(name, felt)
    numerics = layer_numerics(network, base)
    changed = set()
    for path, other in [(path, other) for path, value in leaves(base.to_dict()) for other in others(value)]:
        try:
            machine = from_dict(base.to_dict(), overrides={path: other})
        except HardwareError:
            continue
        try:
            if layer_numerics(network, machine) != numerics:
                changed.add(path)
        except MappingError:
            changed.add(path)
    assert len(changed) > (1 if hybrid else 3)
    # one has no crossbar, the other's engines compute in the same words
    assert ("layers.input_spikes" in changed) == (hybrid and name not in ("digital45nm", "leanpim45nm"))
    assert {effect_of(path) for path in changed} == {VALUES}


@pytest.mark.parametrize("number", [-1, 96])
def test_a_number_beyond_the_grid_is_refused(number: int) -> None:
    with pytest.raises(ExplorationError, match=r'^space "small" has points 0 … 95, not -?\d+$'):
        space_from_dict(RAW).point(number)


def test_values_of_no_point_are_refused() -> None:
    space = space_from_dict(RAW)
    values = dict(space.point(0).values)
    with pytest.raises(ExplorationError, match=r"clock_mhz=150 is none of its values"):
        space.number({**values, "clock_mhz": 150})
    with pytest.raises(ExplorationError, match=r"a value of axis clock_mhz is missing"):
        space.number({name: value for name, value in values.items() if name != "clock_mhz"})
    with pytest.raises(ExplorationError, match=r"has no axis engines\.pim\.adc_bits"):
        space.number({**values, "hardware": "digital45nm"})


def test_a_billion_points_take_no_time_and_no_room() -> None:
    space = space_of(
        {
            "engines.pim.numerics.seed": {"range": [0, 99_999], "step": 1},
            "clock_mhz": {"range": [1, 400], "step": 1},
            "engines.event.lanes": {"range": [1, 42], "step": 1},
            "machine": {"choices": {"small": {"engines.pim.rows": 64}, "large": {"engines.pim.rows": 256}}},
        }
    )
    assert space.size == 100_000 * 400 * 42 * 2
    for number in (0, 123_456_789, space.size - 1):
        assert space.number(space.point(number).values) == number
    assert len({point.values for point in space.sample(100, seed=1)}) == 100


def test_a_space_without_axes_is_one_point() -> None:
    space = space_of({})
    assert list(space.points()) == [Point(0, ())] == list(space.around()) == list(space.sample(5, seed=0))


def test_a_space_survives_a_pickle_and_its_own_content() -> None:
    for raw in (RAW, FREE):
        space = space_from_dict(raw)
        assert pickle.loads(pickle.dumps(space)) == space
        again = space_from_dict(space.content)
        assert again == space
        assert again.content_hash == space.content_hash


def test_the_hash_knows_every_value_and_no_description() -> None:
    space = space_from_dict(RAW)
    assert space_from_dict({**RAW, "description": "other words"}).content_hash == space.content_hash
    axes = {**RAW["axes"], "engines.event.lanes": [8, 32, 16]}
    for change in ({"axes": axes}, {"samples": 3}, {"objectives": ["area"]}, {"set": {}}):
        assert space_from_dict({**RAW, **change}).content_hash != space.content_hash


# --- spaces of any knobs and conditions against a plain enumeration

KNOBS: dict[str, list[Any]] = {
    "schedule": ["shared", "pipelined"],
    "clock_mhz": [100, 200, 400],
    "engines.event.forwarding": [True, False],
    "engines.pim.adc_bits": [4, 5, 6],
    "cost.temperature_k": [280.5, 300.0],
    "memories.weight_kib": ["auto", 64],
    "order": ["step_major"],
}


@st.composite
def raw_spaces(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(KNOBS)), unique=True, max_size=5))
    axes: dict[str, Any] = {}
    for name in names:
        when = {}
        for earlier in draw(st.sets(st.sampled_from(["hardware", *axes]), max_size=2)):
            taken = KNOBS.get(earlier, ["pim45nm", "pim65nm"])
            when[earlier] = draw(st.lists(st.sampled_from(taken), min_size=1, unique=True))
        axes[name] = {"values": KNOBS[name]} | ({"when": when} if when else {})
    return {**RAW, "hardware": ["pim45nm", "pim65nm"], "models": "cnn3d_6b", "axes": axes}


def naive_points(raw: dict[str, Any]) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = [{"hardware": name} for name in raw["hardware"]]
    for name, axis in raw["axes"].items():
        found = []
        for point in points:
            if all(other in point and point[other] in values for other, values in axis.get("when", {}).items()):
                found += [{**point, name: value} for value in axis["values"]]
            else:
                found.append(point)
        points = found
    return points


@settings(max_examples=100, deadline=None)
@given(raw_spaces(), st.integers(0, 1000))
def test_a_space_is_what_a_plain_enumeration_finds(raw: dict[str, Any], seed: int) -> None:
    raw, expected = raw | {"set": {}}, naive_points(raw)
    if any(all(name not in point for point in expected) for name in raw["axes"]):
        with pytest.raises(ExplorationError, match=r"\.when: never holds, \S+ would need two values at once$"):
            space_from_dict(raw)
        return
    space = space_from_dict(raw)
    points = list(space.points())
    assert space.size == len(points) == len(expected)
    assert all(dict(point.values) in expected for point in points)
    assert [list(dict(point.values)) for point in points] == [
        [name for name, _ in space.columns if name in dict(point.values)] for point in points
    ]
    assert [space.point(point.number) for point in points] == points
    assert [space.number(dict(point.values)) for point in points] == list(range(len(points)))
    sample = list(space.sample(len(points) + 5, seed=seed))
    assert sorted(space.number(point.values) for point in sample) == list(range(len(points)))
    around = [space.number(point.values) for point in space.around()]
    assert len(set(around)) == len(around)
    assert {pair for point in space.around() for pair in point.values} == {
        pair for one in points for pair in one.values
    }
    for point in points:
        assert space.chosen(point).overrides == {name: value for name, value in point.values if name in raw["axes"]}


# --- what a point runs


def test_a_point_is_the_file_with_its_values() -> None:
    space = space_from_dict(RAW)
    for point in space.points():
        values, chosen = dict(point.values), space.chosen(point)
        machine = from_dict(space.machines[chosen.hardware], overrides=chosen.overrides)
        assert (chosen.model, chosen.hardware, chosen.input) == (values["model"], values["hardware"], None)
        assert (machine.clock_mhz, machine.engines.event.lanes) == (values["clock_mhz"], values["engines.event.lanes"])
        assert machine.engines.pim is None or machine.engines.pim.adc_bits == values["engines.pim.adc_bits"]


def test_one_knob_may_set_several_keys_and_one_name_stand_for_a_bundle() -> None:
    space = space_of(
        {
            "lanes": {"paths": ["engines.pim.neuron_lanes", "engines.event.lanes"], "values": [8, 16]},
            "machine": {
                "choices": {
                    "small": {"engines.pim.rows": 64, "engines.pim.columns": 32},
                    "piped": {"schedule": "pipelined", "memories": {"macro_kib": 4}},
                }
            },
        },
        set={"clock_mhz": 200},
    )
    overrides = [space.chosen(point).overrides for point in space.points()]
    assert {"clock_mhz": 200, "engines.pim.neuron_lanes": 8, "engines.event.lanes": 8} | {
        "engines.pim.rows": 64,
        "engines.pim.columns": 32,
    } in overrides
    assert sum(item.get("memories") == {"macro_kib": 4} for item in overrides) == 2
    assert {name for name, _ in space.columns} == {"lanes", "machine"}


def test_inputs_go_with_their_models_or_are_an_axis() -> None:
    files = {"models": ["cnn3d_6b", "cnn3d_5b"]}
    chosen = [space_of({}, **files, inputs={"cnn3d_5b": "cnn3d_5b_indian_pines"})]
    assert [chosen[0].chosen(point)[::2] for point in chosen[0].points()] == [
        ("cnn3d_6b", None),
        ("cnn3d_5b", "cnn3d_5b_indian_pines"),
    ]
    space = space_of({}, inputs=["indian_pines", "cnn3d_indian_pines"])
    assert [space.chosen(point).input for point in space.points()] == ["indian_pines", "cnn3d_indian_pines"]
    alone = space_of({}, inputs="indian_pines")
    assert alone.chosen(alone.point(0)).input == "indian_pines"
    assert alone.columns == ()


def test_cells_have_their_columns_types() -> None:
    space = space_of(
        {
            "memories.weight_kib": ["auto", 64, 128.5],
            "clock_mhz": [100, 150.5],
            "engines.event.forwarding": [True, False],
            "engines.pim.adc_bits": {"values": [4], "when": {"engines.event.forwarding": True}},
            "free": {"paths": ["memories.macro_kib"], "range": [4, 16], "steps": "none"},
        }
    )
    assert dict(space.columns) == {
        "memories.weight_kib": str,
        "clock_mhz": float,
        "engines.event.forwarding": bool,
        "engines.pim.adc_bits": int,
        "free": int,
    }
    for point in islice(space.sample(50, seed=3), 50):
        cells = space.cells(point)
        assert list(cells) == [name for name, _ in space.columns]
        for name, kind in space.columns:
            assert type(cells[name]) is kind or (name == "engines.pim.adc_bits" and cells[name] is None)


# --- samples


def test_a_sample_of_all_is_the_grid_in_another_order() -> None:
    space = space_from_dict(RAW)
    sample = list(space.sample(1000, seed=5))
    assert [point.number for point in sample] == list(range(96))
    assert {point.values for point in sample} == {point.values for point in space.points()}
    assert sample != list(space.points())
    assert sample != list(space.sample(1000, seed=6))


@pytest.mark.parametrize("raw", [RAW, FREE])
def test_a_longer_sample_begins_with_the_shorter_and_may_be_continued(raw: dict[str, Any]) -> None:
    space = space_from_dict(raw)
    whole = list(space.sample(40, seed=5))
    assert list(space.sample(15, seed=5)) == whole[:15]
    assert list(space.sample(25, seed=5, start=15)) == whole[15:]


def test_an_axis_without_steps_is_drawn_anew_for_every_point() -> None:
    space = space_from_dict(FREE)
    assert space.size is None
    sample = [dict(point.values) for point in space.sample(300, seed=2)]
    drawn = [values["cost.temperature_k"] for values in sample]
    assert len(set(drawn)) == len(sample) == 300
    assert 280 <= min(drawn) < 285
    assert 355 < max(drawn) <= 360
    assert sum(drawn) / 300 == pytest.approx(320, abs=5)


def test_a_sample_beyond_the_grid_comes_round_in_another_order() -> None:
    space = space_from_dict(FREE)
    sample = [point.values[:-1] for point in space.sample(2 * 96, seed=2)]
    assert set(sample[:96]) == set(sample[96:])
    assert sample[:96] != sample[96:]


def test_a_logarithmic_axis_without_steps_is_drawn_evenly_in_the_logarithm_and_whole_between_whole_ends() -> None:
    space = space_of({"engines.event.fifo_depth": {"log": [4, 64], "steps": "none"}})
    drawn = [point.values[0][1] for point in space.sample(2000, seed=2)]
    assert set(map(type, drawn)) == {int}
    assert min(drawn) == 4
    assert max(drawn) == 64
    assert sum(value < 16 for value in drawn) / 2000 == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("act", [lambda space: space.point(0), lambda space: next(space.points())])
def test_what_has_no_steps_has_no_grid(act: Any) -> None:
    with pytest.raises(ExplorationError, match=r"axis cost\.temperature_k has no steps; sample it, search it, or"):
        act(space_from_dict(FREE))


# --- around the reference


def test_points_around_the_reference_differ_in_one_axis_each() -> None:
    space = space_from_dict(RAW)
    reference, *others = (dict(point.values) for point in space.around())
    assert reference == {
        "model": "cnn3d_6b",
        "hardware": "pim45nm",
        "clock_mhz": 400,
        "engines.event.lanes": 32,  # the file has 42
        "engines.pim.adc_bits": 4,
    }
    assert len(others) == 1 + 1 + 3 + 2 + 2
    for values in others:
        differ = [name for name in reference if values.get(name) != reference[name]]
        assert len(differ) == 1 or (values["hardware"] == "digital45nm" and "engines.pim.adc_bits" in differ)
    assert [point.number for point in space.around()] == list(range(10))


def test_another_machine_is_looked_at_with_the_knobs_of_the_reference() -> None:
    space = space_of({"clock_mhz": [200, 400]}, hardware=["pim45nm", "pim65nm"])  # their files have 400 and 200
    assert [dict(point.values) for point in space.around()] == [
        {"hardware": "pim45nm", "clock_mhz": 400},
        {"hardware": "pim65nm", "clock_mhz": 400},
        {"hardware": "pim45nm", "clock_mhz": 200},
    ]


def test_an_axis_that_the_reference_lacks_is_switched_on() -> None:
    space = space_of(
        {
            "schedule": ["shared", "pipelined"],
            "order": {"values": ["step_major", "layer_major"], "when": {"schedule": "pipelined"}},
            "clock_mhz": {"values": [100, 200], "when": {"order": "layer_major"}},
        }
    )
    assert [dict(point.values) for point in space.around()] == [
        {"schedule": "shared"},
        {"schedule": "pipelined", "order": "step_major"},
        {"schedule": "pipelined", "order": "layer_major", "clock_mhz": 200},
        {"schedule": "pipelined", "order": "layer_major", "clock_mhz": 100},
    ]


def test_an_axis_is_switched_on_by_values_that_all_its_conditions_allow() -> None:
    """The first value that it names itself would leave away what it needs besides."""
    space = space_of(
        {
            "clock_mhz": [400, 200, 100],
            "schedule": {"values": ["shared", "pipelined"], "when": {"clock_mhz": 100}},
            "order": {"values": ["layer_major"], "when": {"clock_mhz": [200, 100], "schedule": "pipelined"}},
        }
    )
    wanted = {"clock_mhz": 100, "schedule": "pipelined", "order": "layer_major"}
    assert wanted in [dict(point.values) for point in space.around()]


def test_the_reference_knows_defaults_and_sections_that_axes_set() -> None:
    space = space_of(
        {
            "engines.event.membrane_ports": [1, 2],
            "memories.weight_kib": [64, "auto"],
            "timing": {"choices": {"slow": {"clock_mhz": 100}, "given": {"clock_mhz": 400}}},
            "free": {"paths": "cost.temperature_k", "range": [250.0, 350.0], "steps": "none"},
            "memories.macro_kib": {"range": [32, 64], "steps": "none"},
            "layers.by_name.conv3": ["pim", "event"],
        },
        set={"engines.event.fifo_depth": 8},
    )
    reference, *others = (dict(point.values) for point in space.around())
    assert reference == {
        "engines.event.membrane_ports": 2,
        "memories.weight_kib": "auto",
        "timing": "given",
        "free": 300.0,
        "memories.macro_kib": 48,
        "layers.by_name.conv3": "pim",
    }
    assert {values["free"] for values in others} == {250.0, 300.0, 350.0}


def test_the_reference_has_the_files_value_where_a_section_set_before_does_not_say_it() -> None:
    seed, section = "engines.pim.numerics.seed", "engines.pim.numerics"
    numerics = {
        "choices": {"none": {section: {}}, "fixed": {section: {"seed": 7}}, "noisy": {section: {"model": "circuit"}}}
    }
    space = space_of({"numerics": numerics, seed: [5, 0, 7]}, hardware="imac45nm_noisy")
    reference, fixed, noisy, *_ = (dict(point.values) for point in space.around())
    assert reference == {"numerics": "none", seed: 0}
    assert [fixed, noisy] == [reference | {"numerics": "fixed"}, reference | {"numerics": "noisy"}]


def test_every_point_around_the_reference_is_one_of_the_grid() -> None:
    space = space_from_dict(RAW)
    numbers = [space.number(point.values) for point in space.around()]
    assert len(set(numbers)) == len(numbers)
