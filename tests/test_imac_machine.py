"""IMAC's LeNet-5 on machines that count every cycle and access: where they agree with IMAC's formula, and where not."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from counting import total
from made_trace import trace_of

from pimsim.activity.activity import Activity
from pimsim.cost import Cost, evaluate, load_table
from pimsim.cost.papers import imac
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import map_model
from pimsim.model.architecture import CONV2D, Architecture, LayerShape
from pimsim.model.input import InputQuantization
from pimsim.model.network import ACCUMULATE, IF, SCALE, IntegerLayer, IntegerNetwork, Neuron
from pimsim.report.analysis import imac_layer
from pimsim.simulation import schedule


def lenet5() -> IntegerNetwork:
    """Weights of 4 bits and sign, inputs of 4 bits, one time step: every layer is passed through once, as in IMAC."""
    pool = (1, 2, 2)
    conv1 = LayerShape("conv1", CONV2D, (1, 1, 28, 28), 6, (1, 5, 5), padding=(0, 2, 2))
    conv2 = LayerShape("conv2", CONV2D, conv1.out_shape, 16, (1, 5, 5), pool=pool)
    fc1 = LayerShape.linear("fc1", conv2.out_shape, 120, pool=pool)
    fc2 = LayerShape.linear("fc2", fc1.out_shape, 84)
    fc3 = LayerShape.linear("fc3", fc2.out_shape, 10)
    shapes = (conv1, conv2, fc1, fc2, fc3)
    rng = np.random.default_rng(5)
    layers = []
    for shape in shapes:
        weight = rng.integers(-15, 16, (shape.out_channels, shape.in_shape[0], *shape.kernel)).astype(np.int32)
        weight.flat[0] = 15  # magnitudes take all of their 4 bits
        neuron = Neuron(ACCUMULATE) if shape is fc3 else Neuron(IF, threshold=100, leak=1)
        layers.append(IntegerLayer(shape, weight, 5, SCALE, 0, 1.0, neuron))
    architecture = Architecture("lenet5", (1, 1, 28, 28), shapes)
    quantization = InputQuantization(4, 1.0, 0, np.zeros(1), np.ones(1))
    return IntegerNetwork(architecture, quantization, tuple(layers), time_steps=1, leak_fraction_bits=0)


def run(machine: Hardware) -> tuple[Activity, Cost]:
    """Scheduled at IMAC's node and priced by IMAC's table."""
    network = lenet5()
    trace = trace_of(network, np.random.default_rng(7), 1, 0.3)
    activity = schedule(trace, network, map_model(network, machine), machine)
    return activity, evaluate(activity, machine.cost, load_table("65nm_imac"), clock_mhz=machine.clock_mhz)


@pytest.fixture(scope="module")
def crossbar() -> tuple[Activity, Cost]:
    """Arrays of its own for every layer, so that none is rewritten: 400 × 120 weights take six."""
    changes: dict[str, object] = {"layers.others": "pim", "engines.pim.arrays": 6, "schedule": "pipelined"}
    return run(load_hardware("pim65nm", changes))


@pytest.fixture(scope="module")
def multipliers() -> tuple[Activity, Cost]:
    """IMAC's digital system: 175 multipliers of 4 ns, weights through 4 ports of 16 bits, 4 ns per word."""
    changes: dict[str, object] = {"clock_mhz": 250.0, "cost.table": "65nm_imac", "cost.adc_model": "imac"}
    return run(load_hardware("digital45nm", changes | {"layers.others": "mac", "layers.first": "mac"}))


def test_the_network_is_imacs_lenet5() -> None:
    """Layer by layer its weights and products; fc1 sees a map of 16 × 5 × 5, which IMAC writes as 400 inputs."""
    ours = [imac_layer(layer.shape) for layer in lenet5().layers]
    assert [(layer.weights, layer.macs) for layer in ours] == [(layer.weights, layer.macs) for layer in imac.LENET5]


def test_analog_products_are_exactly_those_of_the_formula(crossbar: tuple[Activity, Cost]) -> None:
    """Σ M N K² P = 416,520 products of E_comp."""
    activity, cost = crossbar
    assert total(activity, "analog_column", "multiply") == 416_520
    expected = 416_520 * imac.PUBLISHED.e_comp_pj
    assert cost.action("analog_column", "multiply").pj.nominal == pytest.approx(expected, rel=1e-12)


def test_conversions_are_twice_the_groups_of_ten_and_not_a_tenth_of_the_products(
    crossbar: tuple[Activity, Cost],
) -> None:
    """The formula spreads a conversion over ten products.  The machine converts positive and negative sums apart, and
    a last group that is not full as well: 2 · outputs · positions · ⌈K / 10⌉, 88,020 against 41,652."""
    expected = sum(2 * s.out_channels * s.positions * ceil(s.fan_in / 10) for s in (x.shape for x in lenet5().layers))
    assert expected == 88_020
    activity, cost = crossbar
    assert total(activity, "adc", "convert") == expected
    assert cost.action("adc", "convert").pj.nominal == pytest.approx(expected * 1.0)
    formula = sum(layer.macs for layer in imac.LENET5) * imac.PUBLISHED.e_adc_pj
    assert formula == pytest.approx(41_652)


def test_columns_stand_idle_where_the_formula_keeps_all_of_them_busy(crossbar: tuple[Activity, Cost]) -> None:
    """conv1 has 6 outputs of 5 columns in an array of 256 and 25 of its 256 rows, in six copies; the formula divides
    by all columns of all banks, so the machine takes longer than its 3,051 ns."""
    activity, cost = crossbar
    first = activity.layers[0]
    assert first.utilization == pytest.approx(25 * 30 / (256 * 256))
    assert cost.delay_ns > 10 * imac.pim_delay_ns(imac.LENET5)


def test_digital_products_are_exactly_those_of_the_formula(multipliers: tuple[Activity, Cost]) -> None:
    """416,520 of 0.9 pJ, in which IMAC has the addition: its own table prices 5 × 4 bits at 0.9 · 20/25."""
    activity, cost = multipliers
    assert total(activity, "mac", "multiply") == 416_520
    assert total(activity, "mac", "accumulate") == 416_520
    assert cost.action("mac", "accumulate").nominal == 0
    table = load_table("65nm_imac")
    assert table.price("mac", "multiply", 5, 5, 0, "imac").nominal == pytest.approx(imac.PUBLISHED.e_mult_pj)


def test_multiplying_takes_the_formulas_time_but_for_tiles_that_are_not_full(
    multipliers: tuple[Activity, Cost],
) -> None:
    """⌈M N K² / 175⌉ · P products in turn, 4 ns each, is the least; a tile is a rectangle of inputs × outputs and
    cannot always hold 175 weights."""
    activity, _ = multipliers
    for layer, shape in zip(activity.layers, imac.LENET5, strict=True):
        busy = dict(layer.units)["multipliers"].busy
        least = ceil(shape.weights / 175) * shape.positions
        assert least <= busy <= 1.15 * least, layer.layer
    assert dict(activity.layers[0].units)["multipliers"].busy == 784  # conv1's 150 weights fit in one tile


def test_reading_weights_takes_the_formulas_time_but_for_words_that_are_not_full(
    multipliers: tuple[Activity, Cost],
) -> None:
    """M N K² · 5 bits through 64 bits per read is the least; every tile begins a word of its own."""
    activity, _ = multipliers
    for layer, shape in zip(activity.layers, imac.LENET5, strict=True):
        busy = dict(layer.units)["weight_fetch"].busy
        least = shape.weights * 5 / 64
        assert least <= busy <= 1.1 * least + 1, layer.layer


def test_the_digital_delay_is_the_formulas_and_the_sweeps(multipliers: tuple[Activity, Cost]) -> None:
    """28,730 ns without ceilings, 29,304 ns with them; sums, neurons and hand-overs, left out there, come on top."""
    _, cost = multipliers
    least = imac.hoisted_delay_ns(imac.LENET5)
    assert least > imac.digital_delay_ns(imac.LENET5)
    assert least < cost.delay_ns < 1.5 * least


def test_in_memory_wins_on_arithmetic_by_less_than_the_papers_figure(
    crossbar: tuple[Activity, Cost], multipliers: tuple[Activity, Cost]
) -> None:
    """IMAC's 6.24 holds 5.2 pJ per weight read and 4 pJ per register access on the digital side.  Of arithmetic
    alone its constants give 0.9 / 0.38 = 2.37; what the machine converts besides makes that less."""
    analog, digital = (sum(c.action(*key).nominal for key in ARITHMETIC) for _, c in (crossbar, multipliers))
    assert 1.0 < digital / analog < imac.PUBLISHED.e_mult_pj / imac.PUBLISHED.e_product_pj


ARITHMETIC = (("analog_column", "multiply"), ("adc", "convert"), ("mac", "multiply"), ("mac", "accumulate"))
