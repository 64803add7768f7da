"""Which operations have how many cycles, and which memories two ports: as the hardware file and the pipelines say."""

from __future__ import annotations

import pytest

from pimsim.activity.activity import Deadline
from pimsim.hardware import load_hardware
from pimsim.mapping import Mapping, map_model
from pimsim.model import load_network
from pimsim.resources import HARDWARE, MODEL, find, shipped

NETWORK = load_network(find(MODEL, "cnn3d_6b"))
FILES = [path.stem for path in shipped(HARDWARE)]


def mapped(name: str, **changes: object) -> Mapping:
    """``a__b=1`` sets a.b."""
    return map_model(NETWORK, load_hardware(name, {key.replace("__", "."): value for key, value in changes.items()}))


def of(mapping: Mapping, component: str) -> set[Deadline]:
    return {deadline for deadline in mapping.deadlines if deadline.component == component and not deadline.parts}


def steps(mapping: Mapping, depth: str) -> set[tuple[int, tuple[str, ...]]]:
    """Cycles of a pipeline, and the operations that follow each other in them."""
    return {
        (one.cycles, tuple(f"{part.component}.{part.action}" for part in one.parts))
        for one in mapping.deadlines
        if one.parts and f"{one.component}.{one.action}" == depth
    }


def ports(mapping: Mapping, component: str) -> set[int]:
    return {item.ports for item in mapping.storage if item.component == component}


@pytest.mark.parametrize("name", FILES)
def test_every_memory_macro_has_a_deadline_of_its_own_size(name: str) -> None:
    mapping = mapped(name)
    built = {
        (item.component, item.capacity_bits, item.width_bits) for item in mapping.storage if "_memory" in item.component
    }
    timed = {(one.component, one.capacity_bits, one.bits) for one in mapping.deadlines if one.action == "access"}
    assert timed == built


@pytest.mark.parametrize("name", FILES)
def test_deadlines_name_each_operation_once(name: str) -> None:
    deadlines = mapped(name).deadlines
    assert len(set(deadlines)) == len(deadlines)
    assert all(deadline.cycles >= 1 for deadline in deadlines)


def test_what_has_cycles_in_the_file_may_take_them() -> None:
    mapping = mapped("digital45nm", engines__mac__multiply_cycles=3, engines__mac__weight_read_cycles=2)
    assert of(mapping, "mac") == {Deadline("mac", "multiply", 3, 6, 6), Deadline("mac", "accumulate", 1, 20)}
    by_width = {(one.bits, one.cycles) for one in of(mapping, "weight_memory")}
    assert (64, 2) in by_width  # the multipliers' port of 4 banks of 16 bits; the event core's own has a cycle
    assert {cycles for _, cycles in by_width} == {1, 2}


def test_converters_and_pulses_have_the_cycles_of_the_file() -> None:
    mapping = mapped("pim45nm_bitserial", engines__pim__adc_cycles=5, engines__pim__pulse_cycles=2)
    assert of(mapping, "adc") == {Deadline("adc", "convert", 5, 5, 31)}
    assert of(mapping, "row_driver") == {Deadline("row_driver", "pulse", 2, 256, 256)}


def test_an_analog_conversion_is_of_the_products_it_gathers() -> None:
    assert of(mapped("pim45nm"), "adc") == {Deadline("adc", "convert", 2, 4, 10)}


READ, ADD, WRITE = "weight_memory.access", "lane.accumulate", "membrane_memory.access"


def test_a_beat_reads_adds_and_writes_within_the_depth_of_its_pipeline() -> None:
    """Of weights and membranes the larger macros take longer; gather adds in registers."""
    scatter = mapped("digital45nm", engines__event__pipeline_depth=2)
    assert steps(scatter, "event.pipeline_depth") == {(2, (READ, ADD, WRITE))}
    assert steps(mapped("gather45nm"), "event.pipeline_depth") == {(3, (READ, ADD))}
    multipliers = ("mac.multiply", "mac.accumulate", "current_memory.access")  # a product's cycles, then 4 to the write
    assert steps(mapped("digital45nm", engines__mac__multiply_cycles=3), "mac.pipeline_depth") == {(7, multipliers)}


def test_a_sweep_does_all_of_a_neuron_between_reading_and_writing_its_membrane() -> None:
    """The word is addressed in cycle F + i and written in F + i + depth: 5 cycles of a sweep of 4 stages."""
    lif = (WRITE, ADD, "neuron.leak", ADD, WRITE)  # read, z_w·count or sum, leak, reset, write
    held, classifier = (WRITE, ADD, ADD, WRITE), (WRITE, ADD, WRITE)  # a layer has the leak 1, the classifier no reset
    assert steps(mapped("gather45nm"), "event.sweep_depth") == {(5, lif), (5, held), (5, classifier)}
    shifts = mapped("gather45nm", engines__event__leak="shifts", engines__event__leak_terms=3)
    added = max(steps(shifts, "event.sweep_depth"), key=lambda found: len(found[1]))[1]
    assert added == (WRITE, ADD, "neuron.shift_leak", "neuron.shift_leak", ADD, WRITE)  # 3 terms: two levels of adders


def test_membranes_are_read_and_written_in_one_cycle_unless_the_core_waits() -> None:
    assert ports(mapped("digital45nm"), "membrane_memory") == {2}
    one = mapped("digital45nm", engines__event__membrane_ports=1)
    assert 1 in ports(one, "membrane_memory")


def test_memories_that_are_read_or_written_but_never_both_have_one_port() -> None:
    mapping = mapped("pim45nm")
    for component in ("input_memory", "weight_memory", "spike_memory"):
        assert ports(mapping, component) == {1}


def test_a_pipeline_fills_what_it_empties() -> None:
    """The next sample's codes and currents, and the maps between layers, are written while the last ones are read."""
    mapping = mapped("pim45nm", schedule="pipelined")
    for component in ("input_memory", "spike_memory", "current_memory"):
        assert ports(mapping, component) == {2}
    assert ports(mapping, "weight_memory") == {1}


def test_sums_that_come_in_parts_need_a_second_port() -> None:
    """175 multipliers hold conv1's 540 weights in several tiles of inputs only where one tile's outputs need it."""
    first = mapped("digital45nm").layers[0]
    begins = first.plan.begins  # type: ignore[union-attr]
    assert first.memories.current is not None
    assert first.memories.current.ports == (1 if begins.all() else 2)
    narrow = mapped("digital45nm", engines__mac__multipliers=16).layers[0]
    assert not narrow.plan.begins.all()  # type: ignore[union-attr]
    assert narrow.memories.current is not None
    assert narrow.memories.current.ports == 2
