"""Placing networks: every weight in one place, every buffer large enough, nothing placed where it cannot run."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import event_settings, machine
from naive_schedule import reached_outputs
from strategies import architectures, networks

from pimsim.errors import MappingError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.mapping.crossbar import CrossbarPlan, Operand, plan_crossbar
from pimsim.mapping.memory import plan_memory
from pimsim.mapping.multipliers import plan_multipliers
from pimsim.mapping.reach import padded_taps, targets_per_position
from pimsim.model import load_network
from pimsim.model.architecture import LayerShape, cnn3d, cnn32h
from pimsim.resources import MODEL, find

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


@given(
    fan_in=st.integers(1, 300),
    outputs=st.integers(1, 60),
    bits=st.integers(1, 8),
    rows=st.integers(1, 64),
    columns=st.integers(9, 64),
    arrays=st.integers(1, 5),
    data=st.data(),
)
def test_crossbar_tiles_partition_the_weights_and_fit_the_arrays(fan_in, outputs, bits, rows, columns, arrays, data):
    style = data.draw(st.sampled_from(["pim45nm", "pim45nm_bitserial"]))
    group = data.draw(st.integers(1, rows))
    key = "rows_active" if style.endswith("serial") else "products_per_conversion"
    changes = {f"engines__pim__{key}": group, "engines__pim__rows": rows, "engines__pim__columns": columns}
    shared = "columns_per_adc" if style.endswith("serial") else "outputs_per_adc"
    pim = machine(style, **changes, **{f"engines__pim__{shared}": 1, "engines__pim__arrays": arrays}).engines.pim
    operand = Operand(fan_in, outputs, bits, reference=1, slices=2, conversions=1)
    plan = plan_crossbar(operand, pim, layer="x", positions=10)
    held = Counter()
    for tile in plan.tiles:
        assert tile.rows <= rows
        assert tile.used_columns == tile.outputs * bits + 1 <= columns
        assert tile.row % group == 0  # groups of rows are the same however the layer is tiled
        assert tile.groups == -(-tile.rows // group)
        for pair in product(range(tile.row, tile.row + tile.rows), range(tile.output, tile.output + tile.outputs)):
            held[pair] += 1
    assert set(held.values()) == {1}
    assert len(held) == fan_in * outputs
    assert all(len(one.tiles) <= arrays for one in plan.rounds)
    assert len(plan.rounds) == -(-len(plan.tiles) // arrays)
    assert plan.copies * len(plan.tiles) <= max(arrays, len(plan.tiles))
    assert 0 < plan.utilization <= 1


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
    if not pipelined:
        assert mapping.layers[-1].memories.membrane.words == sum(event_words)


def test_a_stated_capacity_is_built_and_checked():
    network = made_network()
    needed = map_model(network, load_hardware("pim45nm")).layers[1].memories.weight.capacity_bits / 8192
    roomy = load_hardware("pim45nm", {"memories.weight_kib": 4 * needed})
    assert map_model(network, roomy).layers[1].memories.weight.capacity_bits >= 3.9 * needed * 8192
    tight = load_hardware("pim45nm", {"memories.weight_kib": needed / 2})
    with pytest.raises(MappingError, match=r"^engines.event: weight_memory needs .* KiB .* memories.weight_kib=0\.\d+"):
        map_model(network, tight)


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


def test_utilization_of_the_crossbar_is_the_share_of_its_cells():
    # conv1: 27 rows × (20 outputs × 6 bits + 1 reference column), four copies in four arrays of 256 × 256.
    from test_schedule_scale import cnn3d_network

    plan = map_model(cnn3d_network(), load_hardware("pim45nm_bitserial")).layers[0].plan
    assert (len(plan.tiles), plan.copies, len(plan.rounds)) == (1, 4, 1)
    assert plan.utilization == 4 * 27 * 121 / (4 * 256 * 256)


def test_too_few_arrays_take_rounds():
    network = made_network()
    own_arrays = {"schedule": "pipelined", "layers__others": "pim", "engines__pim__arrays": 1}
    plan = map_model(network, machine("pim45nm_bitserial", **own_arrays, engines__pim__rows=31)).layers[2].plan
    # 5 × 3 × 1 × 1 inputs… of a map of 5 channels and 3 depths: 15 rows, one tile, one round
    assert len(plan.rounds) == 1
    eight = {"engines__pim__rows": 8, "engines__pim__rows_active": 8}
    plan = map_model(network, machine("pim45nm_bitserial", **own_arrays, **eight)).layers[2].plan
    assert len(plan.rounds) == 2


def test_an_output_wider_than_an_array_is_refused():
    hardware = machine("pim45nm_bitserial", engines__pim__columns=6, engines__pim__columns_per_adc=1)
    with pytest.raises(MappingError, match=r'^layer "conv1": one output takes 7 columns, engines.pim.columns=6$'):
        map_model(made_network(), hardware)


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


SHARED_FEW = {"schedule": "shared", "engines.pim.arrays": 10}


def test_layers_that_share_a_crossbar_hold_their_weights_side_by_side_or_take_turns() -> None:
    network = load_network(find(MODEL, "cnn3d_6b"))
    few, enough = (load_hardware("allpim45nm", {"schedule": "shared", "engines.pim.arrays": n}) for n in (10, 40))
    with pytest.raises(MappingError, match=r'"conv1".*"classifier" need 31 arrays together, engines\.pim\.arrays=10'):
        map_model(network, few)  # they would have to be loaded in every step
    in_turn = map_model(network, load_hardware("allpim45nm", {**SHARED_FEW, "order": "layer_major"}))
    assert all(isinstance(one.plan, CrossbarPlan) and one.plan.reloaded for one in in_turn.layers)
    assert all(one.memories.weight is not None for one in in_turn.layers)
    plans = [layer.plan for layer in map_model(network, enough).layers]
    assert all(isinstance(plan, CrossbarPlan) and plan.copies == 1 for plan in plans)
    assert sum(len(plan.tiles) for plan in plans if isinstance(plan, CrossbarPlan)) == 31
