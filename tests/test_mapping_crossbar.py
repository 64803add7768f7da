"""Tiles, copies and reloading on the crossbar: every weight in one place, every array within its size."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_inputs import network as made_network
from made_trace import machine

from pimsim import report
from pimsim.errors import MappingError
from pimsim.hardware import load_hardware
from pimsim.mapping import map_model
from pimsim.mapping.crossbar import Operand, plan_crossbar
from pimsim.model import load_network
from pimsim.model.architecture import LayerShape
from pimsim.resources import MODEL, find


@given(
    fan_in=st.integers(1, 300),
    outputs=st.integers(1, 60),
    bits=st.integers(1, 8),
    rows=st.integers(1, 64),
    columns=st.integers(9, 64),
    arrays=st.integers(1, 5),
    copies=st.sampled_from(["none", "diagonal", "shifted"]),
    data=st.data(),
)
def test_tiles_partition_the_weights_and_fit_the_arrays(fan_in, outputs, bits, rows, columns, arrays, copies, data):
    style = data.draw(st.sampled_from(["pim45nm", "pim45nm_bitserial"]))
    group = data.draw(st.integers(1, rows))
    serial = style.endswith("serial")
    changes = {"rows": rows, "columns": columns, "arrays": arrays, "copies_in_array": copies}
    changes |= {"rows_active" if serial else "products_per_conversion": group}
    changes |= {"columns_per_adc" if serial else "outputs_per_adc": 1}
    pim = machine(style, **{f"engines__pim__{key}": value for key, value in changes.items()}).engines.pim
    shape = LayerShape("x", "conv2d", (fan_in, 1, 10, 1), outputs, (1, 1, 1))
    plan = plan_crossbar(Operand(bits, reference=1, slices=2, conversions=1), pim, shape)
    held = Counter()
    for tile in plan.tiles:
        assert tile.rows <= rows
        assert tile.used_columns == tile.outputs * bits + 1 <= columns
        assert tile.row % group == 0  # groups of rows are the same however the layer is tiled
        assert len(tile.stages) == -(-tile.rows // group)
        for pair in product(range(tile.row, tile.row + tile.rows), range(tile.output, tile.output + tile.outputs)):
            held[pair] += 1
    assert set(held.values()) == {1}
    assert len(held) == fan_in * outputs
    assert plan.resident == (len(plan.tiles) <= arrays)
    for layout in plan.layouts:
        assert layout.tiles == plan.tiles
        assert all(len(one.tiles) <= arrays for one in layout.rounds)
        assert layout.array_copies * max(len(one.tiles) for one in layout.rounds) <= arrays
        assert layout.blocks(layout.at_once) * plan.tiles[0].rows <= rows or layout.at_once == layout.array_copies
        assert 0 < plan.utilization(layout) <= 1


@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    size=st.integers(4, 14),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 3),
    rows=st.integers(4, 60),
    active=st.integers(1, 60),
)
def test_shifted_kernels_fit_the_array_and_never_bring_a_column_above_its_group(
    kernel, stride, size, channels, outputs, rows, active
):
    changes = {"rows": rows, "columns": 40, "rows_active": min(active, rows), "copies_in_array": "shifted"}
    hardware = machine("pim45nm_bitserial", **{f"engines__pim__{key}": value for key, value in changes.items()})
    shape = LayerShape("x", "conv2d", (channels, 1, size, 1), outputs, (1, kernel, 1), (1, stride, 1))
    plan = plan_crossbar(Operand(4, reference=1, slices=2, conversions=1), hardware.engines.pim, shape)
    for layout in plan.layouts:
        if layout.kernels == 1:
            continue
        (tile,) = layout.tiles
        assert stride < kernel  # else neighbours share nothing
        assert layout.window.positions * layout.kernels == shape.positions
        assert tile.rows == layout.window.fan_in <= rows
        assert tile.used_columns == layout.kernels * (4 * outputs + 1) <= 40
        assert sum(stage.rows for stage in tile.stages) == tile.rows
        assert tile.cells == layout.kernels * shape.fan_in * (4 * outputs + 1)
        # Every column is converted at least as often as its own rows need, and never more than all rows would.
        least = layout.kernels * (4 * outputs + 1) * -(-shape.fan_in // min(active, rows))
        assert least <= sum(stage.converted for stage in tile.stages)
        if shape.fan_in <= min(active, rows):  # one group holds every kernel whole
            assert len(tile.stages) == 1


def test_shifted_kernels_by_hand():
    # Kernel 3 at stride 1 over 8 rows gives 6 outputs; D = 2, 3, 6 divide them, windows of 4, 5 and 8 rows of one
    # channel. 8 columns hold four copies of 2 output bits, so D = 2 and 3. With 2 rows at once, D = 2: rows 0, 1 fill
    # kernel 0 and put row 1 into kernel 1; row 2 would be kernel 0's third. Rows 2, 3 end both: two groups of both.
    changes = {"rows": 8, "columns": 8, "rows_active": 2, "columns_per_adc": 3, "arrays": 1}
    changes |= {"copies_in_array": "shifted"}
    hardware = machine("pim45nm_bitserial", **{f"engines__pim__{key}": value for key, value in changes.items()})
    shape = LayerShape("x", "conv2d", (1, 1, 8, 1), 1, (1, 3, 1))
    plan = plan_crossbar(Operand(2, reference=0, slices=1, conversions=1), hardware.engines.pim, shape)
    two = next(layout for layout in plan.layouts if layout.kernels == 2)
    assert [(stage.rows, stage.converted, stage.serial) for stage in two.tiles[0].stages] == [(2, 4, 3), (2, 4, 3)]
    # D = 3: rows 0, 1 reach kernels 0 and 1; rows 2, 3 all three; row 4 only kernel 2, columns 4 and 5, and of those
    # a converter of three columns serves both.
    three = next(layout for layout in plan.layouts if layout.kernels == 3)
    found = [(stage.rows, stage.converted, stage.serial) for stage in three.tiles[0].stages]
    assert found == [(2, 4, 3), (2, 6, 3), (1, 2, 2)]
    assert {layout.kernels for layout in plan.layouts} == {1, 2, 3}


def test_kernels_are_not_shifted_where_that_would_change_what_a_conversion_sums():
    changes = {"rows": 8, "columns": 8, "rows_active": 2, "columns_per_adc": 3, "copies_in_array": "shifted"}
    pim = machine("pim45nm_bitserial", **{f"engines__pim__{k}": v for k, v in changes.items()}).engines.pim
    operand, shape = Operand(2, 0, 1, 1), LayerShape("x", "conv2d", (1, 1, 8, 1), 1, (1, 3, 1))
    assert {layout.kernels for layout in plan_crossbar(operand, pim, shape, exact=False).layouts} == {1}
    small = LayerShape("x", "conv2d", (1, 1, 7, 1), 1, (1, 2, 1))  # a kernel of two rows is one group anyhow
    assert {layout.kernels for layout in plan_crossbar(operand, pim, small, exact=False).layouts} == {1, 2, 3}


def test_utilization_is_the_share_of_the_cells():
    # conv1: 27 rows × (20 outputs × 6 bits + 1 reference column), four copies in four arrays of 256 × 256.
    from test_schedule_scale import cnn3d_network

    plan = map_model(cnn3d_network(), load_hardware("pim45nm_bitserial")).layers[0].plan
    assert plan.resident
    assert [(len(layout.tiles), layout.at_once) for layout in plan.layouts] == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert plan.utilization(plan.layouts[-1]) == 4 * 27 * 121 / (4 * 256 * 256)
    # 256 // 121 = 2 blocks fit the columns of an array (and 9 its rows): eight copies.
    diagonal = load_hardware("pim45nm_bitserial", {"engines.pim.copies_in_array": "diagonal"})
    plan = map_model(cnn3d_network(), diagonal).layers[0].plan
    assert plan.layouts[-1].at_once == 8
    assert plan.utilization(plan.layouts[-1]) == 8 * 27 * 121 / (4 * 256 * 256)


def test_columns_of_every_encoding_of_six_bit_weights():
    # conv1 of the shipped network, 20 outputs: 6 bits and a reference column; p and n of at most 6 bits; 7 or 6 bits
    # of two's complement.  Two bits per cell halve the columns, the sign bit and the reference column excepted.
    network = load_network(find(MODEL, "cnn3d_6b"))
    centred = network.layers[0].centred
    magnitude = int(abs(centred).max()).bit_length()
    signed = next(b for b in range(1, 9) if -(2 ** (b - 1)) <= centred.min() and centred.max() < 2 ** (b - 1))
    for cell_bits in (1, 2):
        expected = {
            "offset": 20 * -(-6 // cell_bits) + 1,
            "differential": 20 * 2 * -(-magnitude // cell_bits),
            "twos_complement": 20 * (1 + -(-(signed - 1) // cell_bits)),
        }
        for encoding, columns in expected.items():
            wide = {"weight_encoding": encoding, "cell_bits": cell_bits, "adc_bits": 7, "columns": 512}
            hardware = load_hardware("pim45nm_bitserial", {f"engines.pim.{key}": value for key, value in wide.items()})
            assert map_model(network, hardware).layers[0].plan.tiles[0].used_columns == columns


def test_too_few_arrays_take_rounds():
    network = made_network()
    own_arrays = {"schedule": "pipelined", "layers__others": "pim", "engines__pim__arrays": 1}
    plan = map_model(network, machine("pim45nm_bitserial", **own_arrays, engines__pim__rows=31)).layers[2].plan
    # 5 × 3 × 1 × 1 inputs… of a map of 5 channels and 3 depths: 15 rows, one tile, one round
    assert plan.resident
    eight = {"engines__pim__rows": 8, "engines__pim__rows_active": 8}
    plan = map_model(network, machine("pim45nm_bitserial", **own_arrays, **eight)).layers[2].plan
    assert not plan.resident
    assert [len(layout.rounds) for layout in plan.layouts] == [2]


def test_an_output_wider_than_an_array_is_refused():
    hardware = machine("pim45nm_bitserial", engines__pim__columns=6, engines__pim__columns_per_adc=1)
    with pytest.raises(MappingError, match=r'^layer "conv1": one output takes 7 columns, engines.pim.columns=6$'):
        map_model(made_network(), hardware)


def test_layers_that_share_a_crossbar_lie_side_by_side_or_take_turns():
    network = load_network(find(MODEL, "cnn3d_6b"))
    few, enough = (load_hardware("allpim45nm", {"schedule": "shared", "engines.pim.arrays": n}) for n in (10, 31))
    beside = [layer.plan for layer in map_model(network, enough).layers]
    assert sum(len(plan.tiles) for plan in beside) == 31
    assert all(plan.resident and [layout.at_once for layout in plan.layouts] == [1] for plan in beside)
    turns = map_model(network, few).layers
    assert all(not layer.plan.resident and layer.memories.weight is not None for layer in turns)
    rows = sum(tile.rows for layer in turns for tile in layer.plan.tiles)
    assert turns[0].memories.weight.words == rows  # the shared weight memory keeps every layer's rows


def test_an_array_has_registers_for_the_sums_of_the_outputs_that_fit_it():
    # 256 columns hold 42 outputs of 6 bits beside the reference column: 43 sums of 20 bits in each of 4 arrays, once
    # where they are added up, once where they wait for the writer.
    mapping = map_model(load_network(find(MODEL, "cnn3d_6b")), load_hardware("pim45nm_bitserial"))
    held = [one for one in mapping.storage if one.component == "pipeline" and one.capacity_bits == 43 * 20]
    assert [one.instances for one in held] == [4, 4]  # gated by the converters, and by the writer
    (converters,) = (one.instances for one in mapping.storage if one.component == "adc")
    assert converters == 4 * 256 // 8


@pytest.mark.parametrize(
    ("machine", "changes", "layer", "text"),
    [
        ("pim45nm_bitserial", {}, 0, "1 tile, 4 copies in 4 arrays"),
        ("pim45nm_bitserial", {"arrays": 1}, 0, "1 tile"),
        ("pim45nm_bitserial", {"copies_in_array": "diagonal"}, 0, "1 tile, 8 copies in 4 arrays"),
        ("pim45nm_bitserial", {"copies_in_array": "shifted"}, 0, "1 tile of 2 shifted kernels, 4 copies in 4 arrays"),
        ("allpim45nm", {"arrays": 4}, 2, "10 tiles in 3 rounds"),
        ("allpim45nm", {}, 3, "4 tiles, 2 copies in 8 arrays"),
    ],
)
def test_the_layout_that_was_taken_is_told(machine, changes, layer, text):
    # conv1: 27 rows, 20 outputs in 121 of 256 columns. conv3: 1080 rows in 5 tiles of 248 (8 groups of 31), 84 outputs
    # in 2 tiles of 42. conv4: 252 rows in 2 tiles, 84 outputs in 2.
    overrides = {f"engines.pim.{key}": value for key, value in changes.items()}
    result = report.run("cnn3d_6b", machine, samples=1, overrides=overrides)
    assert result.activity.layers[layer].layout == text
