"""Placing networks: every weight in one place, every buffer large enough, nothing placed where it cannot run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine
from naive_event import reached_outputs
from strategies import architectures, networks

from pimsim.errors import MappingError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.mapping.fields import field_words
from pimsim.mapping.memory import plan_memory
from pimsim.mapping.multipliers import plan_multipliers
from pimsim.mapping.reach import padded_taps, targets_per_position
from pimsim.model.architecture import LayerShape, cnn3d, cnn32h

CNN3D = cnn3d(200, 16)


@given(architectures())
def test_targets_are_those_that_brute_force_over_outputs_and_taps_finds(architecture):
    for shape in architecture.layers:
        reached, _ = reached_outputs(shape)
        assert targets_per_position(shape).tolist() == [len(outputs) for outputs in reached]


@given(architectures())
def test_every_tap_reads_the_map_or_the_padding(architecture):
    for shape in architecture.layers:
        inside = 0
        for output, tap in product(product(*map(range, shape.out_size)), product(*map(range, shape.kernel))):
            at = [o * s - p + t for o, s, p, t in zip(output, shape.stride, shape.padding, tap, strict=True)]
            inside += all(0 <= i < n for i, n in zip(at, shape.in_shape[1:], strict=True))
        taps = shape.positions * int(np.prod(shape.kernel))
        assert padded_taps(shape) == (taps - inside) * shape.in_shape[0]


@given(architectures(), st.integers(1, 40), st.integers(1, 12))
def test_multiplier_tiles_partition_the_weights(architecture, multipliers, lanes):
    mac = machine("digital45nm", engines__mac__multipliers=multipliers, engines__mac__neuron_lanes=lanes).engines.mac
    for shape in architecture.layers:
        plan = plan_multipliers(shape, mac, weight_bits=6, input_bits=1)
        held = Counter()
        for first, outputs, inputs in zip(plan.first_output, plan.outputs, plan.inputs, strict=True):
            assert outputs * inputs <= multipliers
            held.update({channel: int(inputs) for channel in range(first, first + outputs)})
        assert held == dict.fromkeys(range(shape.out_channels), shape.fan_in)
        assert plan.begins.sum() == len(set(plan.first_output.tolist()))
        assert (plan.interval >= mac.multiply_cycles).all()


def test_tiles_take_the_shape_that_needs_fewest_of_them():
    # LeNet-5's second convolution, 5×5 over 6 channels to 16, on 175 multipliers: 2,400 weights fill 13.7 tiles.
    # Tiles of 16 outputs and 10 of the 150 inputs need 15; the next best, whole rows of 150 inputs, 16.
    mac = load_hardware("digital45nm").engines.mac
    shape = LayerShape("c", "conv2d", (6, 1, 14, 14), 16, (1, 5, 5))
    assert plan_multipliers(shape, mac, weight_bits=5, input_bits=5).tiles == 15


@settings(max_examples=40)
@given(networks(), st.sampled_from(["pim45nm", "pim45nm_bitserial", "digital45nm"]), event_settings, st.booleans())
def test_automatic_buffers_hold_exactly_what_is_kept_in_them(network, name, changes, pipelined):
    hardware = machine(name, schedule="pipelined" if pipelined else "shared", **changes)
    mapping = map_model(network, hardware)
    scan = hardware.engines.event.scan_width
    for layer in mapping.layers:
        memories = layer.memories
        words = layer.shape.positions * -(-layer.shape.out_channels // layer.sweep.lanes)
        assert memories.membrane.words >= words == layer.sweep.words
        for memory in (memories.source, memories.membrane, memories.weight, memories.current, memories.count):
            if memory is not None:
                assert memory.capacity_bits >= memory.words * memory.word_bits
                assert memory.macro_width_bits <= hardware.memories.macro_width_bits
        if memories.target is not None:  # one map is read while the other is written
            assert memories.target.words >= 2 * -(-layer.shape.neurons // scan)
    event_words = [layer.sweep.words for layer in mapping.layers if layer.engine == "event"]
    apart = changes["engines__event__dataflow"] == "gather"  # the classifier's sums
    if not pipelined:
        assert mapping.layers[-1].memories.membrane.words == (event_words[-1] if apart else sum(event_words))


@pytest.mark.parametrize(
    ("steps", "order", "words"),
    [(4, "step_major", "beside"), (1, "step_major", "in turn"), (4, "layer_major", "in turn")],
)
def test_sums_that_every_step_sweeps_are_not_overwritten_by_those_of_other_layers(steps, order, words):
    mapping = map_model(
        replace(made_network(), time_steps=steps), machine("allpim45nm", schedule="shared", order=order)
    )
    first, *others = (layer.sweep.words * layer.operands.passes for layer in mapping.layers)
    assert mapping.layers[0].operands.evaluations == 1
    expected = first + max(others) if words == "beside" else max(first, *others)
    assert {layer.memories.current.words for layer in mapping.layers} == {expected}


@settings(max_examples=40)
@given(architectures(), st.sampled_from([8, 16, 64, 256]))
def test_a_fields_words_hold_the_inputs_that_reach_its_output_and_no_other(architecture, scan_width):
    for shape in architecture.layers:
        reached, channels = reached_outputs(shape)
        fields = field_words(shape, scan_width)
        parts = list(zip(fields.word.tolist(), fields.low.tolist(), fields.high.tolist(), strict=True))
        for number, output in enumerate(product(*(range(n) for n in shape.out_size))):
            inputs = [
                i * channels + c for i, outputs in enumerate(reached) if output in outputs for c in range(channels)
            ]
            read = parts[fields.first[number] : fields.first[number + 1]]
            assert [word * scan_width + bit for word, low, high in read for bit in range(low, high)] == inputs


def test_a_gather_core_keeps_membranes_as_narrow_as_they_are_and_sums_in_registers():
    # 3 lanes, sums of 20 bits, membranes of 7: a word is 60 bits with sums in place, 21 with sums in registers.
    network = made_network()
    words = {"accumulator_bits": 20, "membrane_bits": 7, "lanes": 3}
    changes = {f"engines.event.{key}": value for key, value in words.items()}
    plain, gather = (
        map_model(network, load_hardware("digital45nm", changes | {"engines.event.dataflow": dataflow}))
        for dataflow in ("scatter", "gather")
    )
    hidden, last = gather.layers[1], gather.layers[-1]
    assert plain.layers[1].memories.membrane.word_bits == 3 * 20
    assert hidden.memories.membrane.word_bits == 3 * 7
    assert last.memories.membrane.word_bits == 3 * 20
    assert hidden.memories.count is None
    sums = [part for part in gather.storage if part.component == "accumulator"]
    beats = max(layer.plan.beats for layer in gather.layers[1:])
    counts = max(layer.plan.count_bits for layer in gather.layers[1:]) if hidden.operands.weight_zero else 0
    assert sum(part.capacity_bits * part.instances for part in sums) == 2 * (beats * 3 * 20 + counts)
    assert not [part for part in plain.storage if part.component == "accumulator"]


@pytest.mark.parametrize(("banks", "per_bank"), [(1, 10), (4, 3), (10, 1), (64, 1)])
def test_banks_are_built_of_macros_of_their_own(banks, per_bank):
    # 10 words in banks of ceil(10 / banks); banks beyond the words are not built.
    memories = load_hardware("pim45nm").memories
    common = {"words": 10, "word_bits": 128, "memories": memories, "capacity_kib": None, "where": "here"}
    plan = plan_memory("membrane_memory", banks=banks, **common)
    assert (plan.wide, plan.deep, plan.macro_words) == (2, min(banks, 10), per_bank)
    assert plan.capacity_bits == min(banks, 10) * per_bank * 128


def test_a_stated_capacity_has_to_hold_the_fullest_bank():
    # 10 words of 128 bits are 0.156 KiB, in 4 banks 3 words each and 0.1875 KiB.
    memories = load_hardware("pim45nm").memories
    common = {"words": 10, "word_bits": 128, "memories": memories, "where": "here"}
    plan_memory("membrane_memory", capacity_kib=0.16, **common)
    plan_memory("membrane_memory", capacity_kib=0.19, banks=4, **common)
    with pytest.raises(
        MappingError, match=r"needs 0\.188 KiB \(10 words of 128 bits in 4 banks\), memories\.membrane_kib="
    ):
        plan_memory("membrane_memory", capacity_kib=0.18, banks=4, **common)


def test_a_stated_capacity_is_built_and_checked():
    network = made_network()
    needed = map_model(network, load_hardware("pim45nm")).layers[1].memories.weight.capacity_bits / 8192
    roomy = load_hardware("pim45nm", {"memories.weight_kib": 4 * needed})
    assert map_model(network, roomy).layers[1].memories.weight.capacity_bits >= 3.9 * needed * 8192
    tight = load_hardware("pim45nm", {"memories.weight_kib": needed / 2})
    with pytest.raises(MappingError, match=r"^engines.event: weight_memory needs .* KiB .* memories.weight_kib=0\.\d+"):
        map_model(network, tight)
    maps = load_hardware("pim45nm", {"memories.spike_kib": 0.001})
    with pytest.raises(MappingError, match=r"^all layers: spike_memory needs .* KiB .* memories.spike_kib=0\.001"):
        map_model(network, maps)


def test_a_word_is_split_over_macros_without_splitting_a_value():
    memories = load_hardware("pim45nm").memories
    # 42 sums of 20 bits: 3 whole ones in 64 bits, so 14 macros of 60; 100 words of it are one bank.
    plan = plan_memory(
        "current_memory", words=100, word_bits=840, value_bits=20, memories=memories, capacity_kib=None, where="x"
    )
    assert (plan.wide, plan.macro_width_bits, plan.deep, plan.values_per_macro) == (14, 60, 1, 3)
    assert plan.read(5).count == 70
    # 8 KiB of 64 bits are 1024 words, so 3000 words are three banks of 1000, one of which is accessed.
    plan = plan_memory("spike_memory", words=3000, word_bits=64, memories=memories, capacity_kib=None, where="x")
    assert (plan.wide, plan.deep, plan.macro_words, plan.read(5).count) == (1, 3, 1000, 5)
    assert plan.storage.instances == 3


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"konv1": "mac"}, 'layers.by_name.konv1: network "made" has no such layer; did you mean "conv1"?'),
        ({"conv1": "event"}, 'layer "conv1": the event core takes spikes, the first layer has multi-bit inputs'),
    ],
)
def test_a_layer_that_cannot_be_placed_is_named(layers, message):
    hardware = load_hardware("digital45nm", {"layers.by_name": layers})
    with pytest.raises(MappingError) as caught:
        map_model(made_network(), hardware)
    assert str(caught.value) == message


def test_layers_can_be_placed_one_by_one():
    hardware = load_hardware("digital45nm", {"layers.by_name": {"conv2": "mac"}})
    mapping = map_model(made_network(), hardware)
    assert [layer.engine for layer in mapping.layers] == ["mac", "mac", "event"]
    assert mapping.layers[1].operands.evaluations == made_network().time_steps


def test_layer_shapes_alone_will_do_where_a_cnn_is_costed():
    for architecture, bits in ((CNN3D, 24), (cnn32h(200, 16), 30)):
        mapping = map_model(architecture, load_hardware("ann45nm", {"engines.mac.accumulator_bits": bits}))
        assert [layer.neuron for layer in mapping.layers][-2:] == ["relu", "accumulate"]
    with pytest.raises(MappingError, match='hardware "pim45nm" needs a model'):
        map_model(CNN3D, load_hardware("pim45nm"))


def test_sums_of_a_costed_cnn_are_bounded_by_fan_in_and_widths():
    narrow = load_hardware("ann45nm", {"engines.mac.accumulator_bits": 20, "engines.mac.membrane_bits": 18})
    with pytest.raises(MappingError, match=r'layer "conv3": sums of 1080 products .* need 23 bits, .*bits=20'):
        map_model(CNN3D, narrow)
