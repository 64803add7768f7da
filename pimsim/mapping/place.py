"""A network on an accelerator: engines, tiles, buffers and word widths."""

from __future__ import annotations

from dataclasses import replace

from pimsim.errors import AccumulatorError
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import LAYER_MAJOR, SHARED
from pimsim.mapping.accumulators import code_numerics, layer_numerics
from pimsim.mapping.buffers import Placed, layer_memories
from pimsim.mapping.crossbar import CrossbarPlan
from pimsim.mapping.deadlines import deadlines
from pimsim.mapping.mapping import LayerMapping, LayerMemories, Mapping, Plan
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.mapping.operands import LayerFacts, leak_form, operands, phase_facts
from pimsim.mapping.placement import costs_cnn, engine_called, has_input_spikes, phase_engines
from pimsim.mapping.plan import plan_layer, plan_sweep, sweep_lanes, swept_by
from pimsim.mapping.storage import built_storage
from pimsim.model.architecture import Architecture
from pimsim.model.fixed_point import word_bits
from pimsim.model.network import IntegerNetwork, LayerNumerics


def map_model(source: IntegerNetwork | Architecture, hardware: Hardware) -> Mapping:
    """Place a network on an accelerator.

    A bare `Architecture` will do for hardware with ``network: iso_cnn``, which costs it as a CNN's.  Raises
    MappingError where a layer does not fit: an accumulator too narrow for its sums (AccumulatorError), a buffer or
    array too small, an unknown layer name, activations in front of an event core.
    """
    names = phase_engines(source, hardware)
    facts = phase_facts(source, hardware)
    numerics = _numerics(source, facts, hardware)
    placed = _share_arrays(_placed(facts, names, numerics, hardware), numerics, hardware)
    steps = source.time_steps if isinstance(source, IntegerNetwork) and not costs_cnn(source, hardware) else 1
    if hardware.order == LAYER_MAJOR:
        placed = tuple(_all_steps(layer) for layer in placed)
    memories = layer_memories(placed, hardware)
    mapped = [_mapped(*layer) for layer in zip(placed, numerics, memories, strict=True)]
    input_spikes = mapped.pop(1) if has_input_spikes(source, hardware) else None
    storage = built_storage(placed, memories, hardware)
    return Mapping(tuple(mapped), steps, storage, deadlines(placed, memories), input_spikes)


def _placed(
    facts: tuple[LayerFacts, ...], names: tuple[str, ...], numerics: tuple[LayerNumerics, ...], hardware: Hardware
) -> tuple[Placed, ...]:
    result = []
    for index, (own, name, widths) in enumerate(zip(facts, names, numerics, strict=True)):
        engine = engine_called(name, hardware)
        other = index - 1 if own.input_spikes else index if own.swept else index + 1
        lanes = sweep_lanes(engine if own.swept else engine_called(names[other], hardware))
        partner = operands(facts[other], engine) if other != index and names[other] == name else None
        chosen = operands(own, engine)
        plan = plan_layer(own.shape, chosen, swept_by(engine, lanes), exact=_exact(own, widths), partner=partner)
        result.append(Placed(own, name, engine, lanes, chosen, plan, partner))
    return tuple(result)


def _exact(facts: LayerFacts, widths: LayerNumerics) -> bool:
    """Whether the engine gives every sum exactly."""
    return (widths.spike_crossbar if facts.input_spikes else widths.crossbar) is None


def _mapped(layer: Placed, widths: LayerNumerics, memories: LayerMemories) -> LayerMapping:
    value_bits = layer.facts.output_bits
    word = memories.target.word_bits if memories.target is not None else value_bits
    leak_bits, leak_terms = leak_form(layer.facts, layer.engine)
    engine = swept_by(layer.engine, layer.lanes)
    return LayerMapping(
        shape=layer.facts.shape,
        engine=layer.name,
        numerics=widths,
        operands=layer.operands,
        neuron=layer.facts.neuron,
        leak_bits=leak_bits,
        leak_terms=leak_terms,
        plan=layer.plan,
        sweep=plan_sweep(layer.facts.shape, engine, output_word_bits=word, value_bits=value_bits),
        memories=memories,
    )


def _all_steps(layer: Placed) -> Placed:
    """A dense engine computes the sums of all steps with each tile before the next one.

    So weights are loaded once; and where they stay in the arrays, one step's sums follow the other's without a gap.
    """
    if not isinstance(layer.plan, MultiplierPlan | CrossbarPlan):
        return layer
    return replace(layer, operands=replace(layer.operands, evaluations=1, passes=layer.operands.evaluations))


def _share_arrays(
    placed: tuple[Placed, ...], numerics: tuple[LayerNumerics, ...], hardware: Hardware
) -> tuple[Placed, ...]:
    """Several layers on one crossbar engine hold their weights side by side, or take turns and reload theirs."""
    together = [
        len(layer.plan.tiles) for layer in placed if isinstance(layer.plan, CrossbarPlan) and not layer.finds_weights
    ]
    if hardware.schedule != SHARED or len(together) < 2:
        return placed
    arrays = hardware.engines.pim.arrays if hardware.engines.pim else 0
    return tuple(
        replace(layer, plan=_shared_plan(layer, sum(together) <= arrays, _exact(layer.facts, widths)))
        if isinstance(layer.plan, CrossbarPlan)
        else layer
        for layer, widths in zip(placed, numerics, strict=True)
    )


def _shared_plan(layer: Placed, resident: bool, exact: bool) -> Plan:
    engine = swept_by(layer.engine, layer.lanes)
    return plan_layer(
        layer.facts.shape,
        layer.operands,
        engine,
        exact=exact,
        resident=resident,
        spare=False,
        partner=layer.partner,
    )


def _numerics(
    source: IntegerNetwork | Architecture, facts: tuple[LayerFacts, ...], hardware: Hardware
) -> tuple[LayerNumerics, ...]:
    """Words of every phase; those of a first layer's neurons are with its input spikes."""
    if isinstance(source, IntegerNetwork) and not costs_cnn(source, hardware):
        numerics = layer_numerics(source, hardware)
        return (code_numerics(source, hardware, numerics[0]), *numerics) if source.is_hybrid else numerics
    mac = hardware.engines.mac
    assert mac is not None
    for fact in facts:
        _prove_by_width(fact, mac.accumulator_bits)
    return tuple(LayerNumerics(mac.accumulator_bits, mac.accumulator_bits) for _ in facts)


def _prove_by_width(facts: LayerFacts, bits: int) -> None:
    """A costed CNN has other weights than the file: its sums are bounded by fan-in and widths alone."""
    largest = facts.shape.fan_in * (2**facts.magnitude_bits - 1) * _largest_input(facts)
    needed = word_bits(-largest, largest)
    if needed > bits:
        raise AccumulatorError(
            f'layer "{facts.shape.name}": sums of {facts.shape.fan_in} products reach {largest} and need '
            f"{needed} bits, engines.mac.accumulator_bits={bits}",
            "engines.mac.accumulator_bits",
            needed,
        )


def _largest_input(facts: LayerFacts) -> int:
    pd, ph, pw = facts.shape.pool
    return facts.highest_input * pd * ph * pw
