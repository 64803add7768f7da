"""Placing a first layer whose inputs fire: codes on one engine, input spikes and neurons on another or the same."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import made_hybrid
import made_inputs
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_trace import event_settings, machine
from strategies import coded_networks

from pimsim.activity.activity import SPIKES_SUFFIX
from pimsim.errors import AccumulatorError, MappingError
from pimsim.hardware import Hardware, load_hardware
from pimsim.mapping import Mapping, map_model
from pimsim.mapping.accumulators import sum_range
from pimsim.mapping.crossbar import CrossbarPlan
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.model.architecture import cnn3d, vgg
from pimsim.model.fixed_point import word_bits
from pimsim.model.network import LIF, SINGLE_SPIKE, IntegerNetwork
from pimsim.resources import HARDWARE, shipped

MAC = machine("digital45nm").to_dict()["engines"]["mac"]
PIMS = ("pim45nm", "pim45nm_bitserial", "leanpim45nm")
organisations = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["shared", "pipelined"]), "order": st.sampled_from(["step_major", "layer_major"])}
)


def two_engines(name: str, first: str, spikes: str, **changes: object) -> Hardware:
    """All three engines of a shipped file with a crossbar, the first layer's phases on ``first`` and ``spikes``."""
    return machine(name, engines__mac=MAC, layers__first=first, layers__input_spikes=spikes, **changes)


def made(**form: object) -> IntegerNetwork:
    """Two spiking layers and a classifier, T = 4: 8 bands of 3 × 3 codes, 4 channels of 6 output positions."""
    return made_hybrid.network(**form)


def units(mapping: Mapping) -> set[str]:
    return {unit for part in mapping.storage for unit in part.gated_by}


@settings(max_examples=40)
@given(
    coded_networks(),
    st.sampled_from(PIMS),
    st.sampled_from(["pim", "mac"]),
    st.sampled_from(["pim", "mac", "event"]),
    organisations,
    event_settings,
)
def test_codes_are_summed_on_one_engine_and_spikes_with_the_neurons_on_the_other(
    network, name, first, spikes, organisation, core
):
    assume(network.is_hybrid and network.input_spikes.shift < 8)
    hardware = two_engines(name, first, spikes, **organisation, **core)
    mapping = map_model(network, hardware)
    codes, fires = mapping.layers[0], mapping.input_spikes
    steps, whole = network.time_steps - 1, organisation["order"] == "layer_major" and spikes != "event"
    assert (codes.engine, fires.engine, codes.shape, fires.shape) == (first, spikes, *2 * (network.layers[0].shape,))
    assert (codes.operands.evaluations, codes.operands.passes) == (1, 1)
    assert (fires.operands.evaluations, fires.operands.passes) == ((1, steps) if whole else (steps, 1))
    assert (fires.operands.stored_bits, fires.operands.input_bits, fires.operands.input_zero) == (1, 1, 0)
    assert (codes.memories.membrane, codes.memories.count, codes.memories.target) == (None, None, None)
    assert fires.memories.membrane.words >= fires.sweep.words
    assert (fires.memories.current is None) == (spikes == "event")
    assert (codes.sweep.lanes, codes.sweep.words) == (fires.sweep.lanes, fires.sweep.words)
    bits = hardware.engines.named(first).accumulator_bits
    assert codes.memories.current.word_bits >= codes.sweep.lanes * bits
    assert codes.memories.current.words >= codes.sweep.words
    assert (codes.memories.weight is fires.memories.weight) or first != spikes
    assert mapping.numerics == (fires.numerics, *(layer.numerics for layer in mapping.layers[1:]))
    maps = steps if organisation["order"] == "layer_major" else 1
    encoded = maps * -(-prod(codes.shape.source_shape) // hardware.engines.event.scan_width)
    if organisation["schedule"] == "pipelined":
        assert (fires.memories.source.words, fires.memories.source.ports) == (encoded, 1)
    else:  # in one half, while the other one is written
        assert fires.memories.source.words >= 2 * encoded
    assert fires.memories.target is mapping.layers[1].memories.source


@settings(max_examples=25)
@given(coded_networks(), st.sampled_from(PIMS), st.sampled_from(["pim", "mac"]), organisations)
def test_one_engine_holds_the_weights_once_and_in_one_way(network, name, engine, organisation):
    """What holds the spikes' weights is then just what holds them for the same layer without input spikes."""
    assume(network.is_hybrid and network.input_spikes.shift < 8)
    keys = {**organisation, "layers__others": engine, "memories__macro_kib": 1024}
    keys["engines__pim__copies_in_array"] = "shifted"
    mapping = map_model(network, two_engines(name, engine, engine, **keys))
    direct = replace(network, encoding="direct", input_spikes=None)
    plain = map_model(direct, two_engines(name, engine, engine, **keys))
    codes, fires, without = mapping.layers[0], mapping.input_spikes, plain.layers[0]
    if isinstance(codes.plan, MultiplierPlan):
        for one in (codes.plan, fires.plan):
            assert one.first_output.tolist() == without.plan.first_output.tolist()
            assert one.inputs.tolist() == without.plan.inputs.tolist()
    else:
        assert isinstance(codes.plan, CrossbarPlan)
        assert codes.plan.tiles == fires.plan.tiles == without.plan.tiles
        assert codes.plan.resident == fires.plan.resident == without.plan.resident
        assert {layout.kernels for one in (codes, fires) for layout in one.plan.layouts} == {1}
    assert _built(mapping, "weight_memory") == _built(plain, "weight_memory")
    assert _built(mapping, "pim_array") == _built(plain, "pim_array")


@pytest.mark.parametrize("arrays", [3, 2])
def test_layers_stay_in_as_many_arrays_as_hold_each_of_them_once(arrays):
    """Three layers of a tile each: the first one's is there for both of its phases."""
    hardware = two_engines("pim45nm", "pim", "pim", layers__others="pim", engines__pim__arrays=arrays)
    mapping = map_model(made(), hardware)
    plans = [layer.plan for layer in (mapping.input_spikes, *mapping.layers)]
    assert [len(plan.tiles) for plan in plans] == [1, 1, 1, 1]
    assert {plan.resident for plan in plans} == {arrays == 3}


def test_tiles_of_weights_are_those_of_the_codes_where_both_phases_use_them():
    """4 outputs of 27 inputs on 28 multipliers: two outputs a tile move fewer bits of codes, one fewer of spikes."""
    outputs = {}
    for first in ("mac", "pim"):
        fires = map_model(made(), two_engines("pim45nm", first, "mac", engines__mac__multipliers=28)).input_spikes
        outputs[first] = set(fires.plan.outputs.tolist())
    assert outputs == {"mac": {2}, "pim": {1}}


def _built(mapping: Mapping, component: str) -> int:
    """Bits, in all macros of a kind."""
    return sum(part.capacity_bits * part.instances for part in mapping.storage if part.component == component)


def test_an_event_core_has_a_copy_of_the_first_layers_weights_beside_its_own():
    # A word of 42 lanes is an input and tap of a layer: 27 of conv1, 4 · 3 = 12 of conv2, 5 · 3 = 15 of the classifier.
    shapes = [layer.shape.fan_in for layer in made().layers]
    assert shapes == [27, 12, 15]
    hybrid, direct = (map_model(network, load_hardware("digital45nm")) for network in (made(), made_inputs.network()))
    assert hybrid.layers[1].memories.weight.words == 27 + 12 + 15
    assert direct.layers[1].memories.weight.words == 12 + 15
    assert hybrid.layers[0].memories.weight.words == direct.layers[0].memories.weight.words


@pytest.mark.parametrize(
    ("form", "bits"),
    # 42 lanes of 20 bits, sums being in place; the flag of a neuron that fired, or in which of 4 steps a class did
    [
        ({"kind": LIF, "timed": False}, (20, 20)),
        ({"kind": SINGLE_SPIKE, "timed": False}, (21, 20)),
        ({"kind": LIF, "timed": True}, (20, 23)),
        ({"kind": SINGLE_SPIKE, "timed": True}, (21, 23)),
    ],
)
def test_a_membrane_word_says_which_neurons_fired_and_when_a_class_did(form, bits):
    mapping = map_model(made(**form), load_hardware("digital45nm", {"schedule": "pipelined"}))
    words = [layer.memories.membrane.word_bits for layer in (mapping.input_spikes, *mapping.layers[1:])]
    assert words == [42 * bits[0], 42 * bits[0], 42 * bits[1]]


@pytest.mark.parametrize("timed", [False, True])
def test_the_steps_that_classes_note_do_not_widen_the_membranes_of_other_layers(timed):
    # Words of 42 lanes: conv1 has 24 neurons in 6 positions of 4 channels, conv2 15 in 3 of 5, and there are 4 classes.
    mapping = map_model(made(timed=timed), load_hardware("digital45nm"))
    spikes, hidden, readout = (one.memories.membrane for one in (mapping.input_spikes, *mapping.layers[1:]))
    assert spikes is hidden
    assert (readout is hidden) is not timed
    assert (hidden.words, hidden.word_bits) == (6 + 3 + (0 if timed else 1), 42 * 21)
    assert (readout.words, readout.word_bits) == ((1, 42 * 23) if timed else (10, 42 * 21))
    assert _built(mapping, "membrane_memory") == hidden.capacity_bits + (readout.capacity_bits if timed else 0)


def test_a_pipelines_input_memory_holds_every_sample_that_is_still_needed():
    # 72 codes through a port of 16: 5 words per sample.
    kinds = {}
    for spikes in ("event", "mac"):
        for schedule in ("shared", "pipelined"):
            keys = {"schedule": schedule, "engines__mac__input_port_codes": 16}
            found = map_model(made(), two_engines("pim45nm", "mac", spikes, **keys)).layers[0].memories
            kinds[spikes, schedule] = (found.source.words, found.source.ports, found.source.deep, found.current.ports)
    assert kinds["event", "shared"] == kinds["mac", "shared"] == (5, 1, 1, 1)
    assert kinds["event", "pipelined"] == (15, 1, 3, 2)  # one fires, one is summed, one arrives, in a bank each
    assert kinds["mac", "pipelined"] == (10, 2, 1, 1)  # what is summed and what fires is one sample


def test_encoded_maps_lie_with_the_others_or_alone_where_layers_work_at_the_same_time():
    # 72 inputs in words of 64 bits: 2 words. conv1 has 24 neurons, conv2 15: 1 word.
    for order, steps in (("step_major", 1), ("layer_major", 3)):
        shared, piped = (
            map_model(made(), load_hardware("digital45nm", {"schedule": schedule, "order": order}))
            for schedule in ("shared", "pipelined")
        )
        halves = 2 * max(2 * steps, 4 if order == "layer_major" else 1)
        assert shared.input_spikes.memories.source is shared.layers[-1].memories.source
        assert shared.input_spikes.memories.source.words == halves
        source = piped.input_spikes.memories.source
        assert (source.component, source.words, source.ports) == ("spike_memory", 2 * steps, 1)
        assert piped.layers[1].memories.source.ports == 2


def test_the_encoder_is_built_once_and_clocked_while_it_works():
    # Two comparators of 6 bits for each of the 16 codes of a word, and two bits for each in the packer.
    keys = {"clock_gating": "units", "engines.mac.input_port_codes": 16}
    hybrid, direct = (
        map_model(network, load_hardware("digital45nm", keys)) for network in (made(), made_inputs.network())
    )
    encoder = [part for part in hybrid.storage if part.gated_by == (f"conv1{SPIKES_SUFFIX}.encoder",)]
    assert [(part.component, part.capacity_bits, part.instances) for part in encoder] == [("pipeline", 32, 1)]
    comparators = [part for part in hybrid.storage if (part.component, part.width_bits) == ("lane", 6)]
    assert [part.instances for part in comparators] == [32]
    assert not [part for part in direct.storage if (part.component, part.width_bits) == ("lane", 6)]


@pytest.mark.parametrize(
    ("first", "spikes", "others", "expected"),
    [
        ("mac", "event", "event", {"conv1": "dense", "conv1:spikes": "event", "conv2": "event"}),
        ("pim", "mac", "event", {"conv1": "dense", "conv1:spikes": "dense", "conv2": "event"}),
        ("pim", "pim", "pim", {"conv1": "dense", "conv1:spikes": "dense", "conv2": "dense"}),
    ],
)
def test_units_are_named_by_the_record_that_counts_them(first, spikes, others, expected):
    """Sums of codes are swept by nobody on their engine."""
    for schedule in ("shared", "pipelined"):
        keys = {"clock_gating": "units", "schedule": schedule, "layers__others": others}
        found = units(map_model(made(), two_engines("pim45nm", first, spikes, **keys)))
        for record, kind in expected.items():
            own = {unit.rpartition(".")[2] for unit in found if unit.rpartition(".")[0] == record}
            assert ("sweep" in own) == (record != "conv1")
            assert ("encoder" in own) == (record == "conv1:spikes")
            assert ("loader" in own) == (kind == "dense")
            assert ("scanner" in own) == (kind == "event")


def test_an_engine_without_neurons_has_no_lanes_for_them():
    found = map_model(made(), load_hardware("digital45nm"))
    assert [part.instances for part in found.storage if part.component == "neuron"] == [42]  # the event core's
    assert {unit.action for unit in found.deadlines if unit.component == "mac" and unit.parts} == {"pipeline_depth"}


def test_the_sweep_of_step_1_reads_the_currents_beside_the_membranes():
    """Whichever macro is larger is waited for; without a zero point a core of its own sums has nothing to add."""
    slow = {"schedule": "pipelined", "engines.event.lanes": 1}
    network = made()
    layers = tuple(replace(layer, zero_point=0) for layer in network.layers)
    found = map_model(replace(network, layers=layers), load_hardware("digital45nm", slow))
    sweeps = [one for one in found.deadlines if (one.component, one.action) == ("event", "sweep_depth")]
    adding = [one for one in sweeps if "accumulate" in {part.action for part in one.parts}]
    assert len(adding) == 1
    assert [part.action for part in adding[0].parts][:2] == ["access", "accumulate"]
    # 24 membranes of 21 bits, and the currents of two samples, of 20 bits
    front = found.layers[0].memories.current
    assert (found.input_spikes.memories.membrane.macro_bits, front.macro_bits) == (24 * 21, 2 * 24 * 20)
    assert adding[0].parts[0].capacity_bits == front.macro_bits


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"memories.spike_kib": 0.01}, r"^all layers: spike_memory needs 0\.031 KiB \(4 words of 64 bits\)"),
        (
            {"memories.spike_kib": 0.01, "schedule": "pipelined"},
            r'^layer "conv1:spikes": spike_memory needs 0\.016 KiB \(2 words of 64 bits\), memories\.spike_kib=0\.01',
        ),
        (
            {"memories.membrane_kib": 0.1, "schedule": "pipelined"},
            r'^layer "conv1:spikes": membrane_memory needs .* \(6 words of 882 bits\), memories\.membrane_kib=0\.1',
        ),
        (
            {"memories.weight_kib": 0.5, "schedule": "pipelined"},
            r'^layer "conv1:spikes": weight_memory needs .* \(27 words of 252 bits\), memories\.weight_kib=0\.5',
        ),
        ({"memories.current_kib": 0.1}, r"^engines\.mac: current_memory needs .* memories\.current_kib=0\.1"),
        ({"memories.input_kib": 0.01}, r'^layer "conv1": input_memory needs .* memories\.input_kib=0\.01'),
    ],
)
def test_a_capacity_that_is_too_small_is_told_with_the_phase_that_needs_more(keys, message):
    with pytest.raises(MappingError, match=message):
        map_model(made(), load_hardware("digital45nm", keys))


@pytest.mark.parametrize("name", [path.stem for path in shipped(HARDWARE)])
def test_direct_networks_do_not_feel_where_input_spikes_would_be_summed(name):
    hardware = load_hardware(name)
    for engine in ("pim", "mac", "event"):
        if hardware.engines.named(engine) is None or hardware.network == "iso_cnn":
            continue
        other = load_hardware(name, {"layers.input_spikes": engine})
        for network in (made_inputs.network(), made_hybrid.network(hybrid=False)):
            assert repr(map_model(network, other)) == repr(map_model(network, hardware))
            assert map_model(network, other).input_spikes is None


def test_a_costed_cnn_has_no_input_spikes():
    mapping = map_model(made(), load_hardware("ann45nm"))
    assert mapping.input_spikes is None
    assert mapping.steps == 1
    assert [layer.neuron for layer in mapping.layers] == ["relu", "relu", "accumulate"]


@pytest.mark.parametrize("name", [path.stem for path in shipped(HARDWARE)])
@pytest.mark.parametrize("kind", [LIF, SINGLE_SPIKE])
def test_every_shipped_machine_takes_networks_of_the_size_that_is_shipped(name, kind):
    for architecture in (vgg("vgg6", 10, hidden=512), cnn3d(200, 16)):
        mapping = map_model(made_hybrid.of(architecture, kind=kind), load_hardware(name))
        if mapping.input_spikes is not None:
            assert mapping.input_spikes.engine == load_hardware(name).layers.others


@pytest.mark.parametrize(("zero_point", "shift"), [(0, 6), (63, 6), (30, 5)])
def test_a_first_layers_membranes_take_the_codes_and_one_spike_of_each_input(zero_point, shift):
    """Words of that many bits are enough, whatever spikes could bring to a membrane of theirs, and no narrower ones.

    Weights are all positive, all negative, or both; together codes and spikes need a bit more than each.
    """
    network = made()
    layer = replace(network.layers[0], zero_point=zero_point)
    worth = replace(network.input_spikes, shift=shift)
    network = replace(network, layers=(layer, *network.layers[1:]), input_spikes=worth)
    codes, each = sum_range(layer, (-32, 31)), sum_range(layer, (0, 1 << shift))
    needed = word_bits(codes[0] + each[0], codes[1] + each[1])
    assert needed == 1 + max(word_bits(*codes), word_bits(*each))
    for bits in (needed, needed - 1):
        words = {"accumulator_bits": bits, "membrane_bits": bits}
        keys = {f"engines__event__{key}": value for key, value in words.items()}
        hardware = two_engines("pim45nm_bitserial", "mac", "event", layers__others="mac", **keys)
        if bits == needed:
            assert map_model(network, hardware).input_spikes.numerics.membrane_bits == bits
            continue
        with pytest.raises(
            AccumulatorError, match=rf"on membranes of {bits} bits and need {needed} bits, engines.event"
        ):
            map_model(network, hardware)


def test_sums_of_codes_are_proved_on_the_engine_that_forms_them():
    network = made()
    low, high = sum_range(network.layers[0], (-32, 31))
    needed = word_bits(low, high)
    narrow = {"accumulator_bits": needed - 1, "membrane_bits": needed - 1}
    keys = {f"engines__mac__{key}": value for key, value in narrow.items()}
    with pytest.raises(AccumulatorError) as caught:
        map_model(network, two_engines("pim45nm_bitserial", "mac", "event", **keys))
    assert str(caught.value) == (
        f'layer "conv1": sums reach {low} … {high} at step 1 and need {needed} bits, '
        f"engines.mac.accumulator_bits={needed - 1}"
    )


def test_a_converter_may_add_to_membranes_behind_neurons_that_fire_once():
    words = {"accumulator_bits": 18, "membrane_bits": 18, "adc_bits": 1}
    keys = {f"engines__pim__{key}": value for key, value in words.items()}
    hardware = two_engines("pim45nm_bitserial", "mac", "event", layers__others="pim", **keys)
    with pytest.raises(AccumulatorError, match=r'^layer "conv2": .* on membranes of 18 bits and need 19 bits'):
        map_model(made(), hardware)


@pytest.mark.parametrize(
    ("spikes", "words", "refused"),
    [
        ("event", {"accumulator_bits": 18, "membrane_bits": 18}, None),
        ("pim", {"accumulator_bits": 18, "membrane_bits": 18}, None),
        # a converter of 1 bit may give something where nothing fires; 2^17 and any sum are more than 18 bits hold
        ("pim", {"accumulator_bits": 18, "membrane_bits": 18, "adc_bits": 1}, "of 18 bits and need 19 bits"),
        # 1024 thresholds of 300 are reached by 2047 · 2^8, as far as the accumulator goes; 2^11 · 2^8 takes 20 bits
        (
            "event",
            {"accumulator_bits": 20, "membrane_bits": 12, "membrane_step": "auto", "membrane_range": 1024},
            "of 12 bits in steps of 256 and need 21 bits",
        ),
    ],
)
def test_rounding_and_converters_may_add_to_membranes_of_a_first_layer_too(spikes, words, refused):
    """Without them membranes stay within the sums of step 1 and one spike of each input, whatever their words hold."""
    network = made()
    codes, each = sum_range(network.layers[0], (-32, 31)), sum_range(network.layers[0], (0, 8))
    assert word_bits(codes[0] + each[0], codes[1] + each[1]) <= 18
    keys = {f"engines__{spikes}__{key}": value for key, value in words.items()}
    hardware = two_engines("pim45nm_bitserial", "mac", spikes, **keys)
    if refused is None:
        assert map_model(network, hardware).input_spikes.numerics.accumulator_bits == 18
        return
    with pytest.raises(AccumulatorError, match=rf'^layer "conv1": sums reach .* on membranes {refused}, '):
        map_model(network, hardware)


def test_a_machine_that_is_too_small_names_the_layer_and_the_bits():
    """Each of a pool's four neurons fires once: fc1 adds a weight four times at most, in the whole inference.

    On any membrane of 16 bits, in one step, its sums would need a bit more.
    """
    network = made_hybrid.of(vgg("vgg6", 10, hidden=512))
    weights = network.layers[3].centred.reshape(512, -1)
    low = 4 * int(np.minimum(weights, 0).sum(1).min())
    high = 4 * int(np.maximum(weights, 0).sum(1).max())
    assert word_bits(low, high) == 18 == word_bits(low - 2**15, high + 2**15 - 1) - 1
    narrow = {"engines.event.accumulator_bits": 17, "engines.event.membrane_bits": 16}
    with pytest.raises(AccumulatorError) as caught:
        map_model(network, load_hardware("pim45nm", narrow))
    assert str(caught.value) == (
        f'layer "fc1": sums reach {low} … {high} over 5 steps of inputs that fire once and need 18 bits, '
        "engines.event.accumulator_bits=17"
    )
