"""A network on an accelerator: engines, tiles, buffers and word widths."""

from __future__ import annotations

from dataclasses import replace

from pimsim.errors import AccumulatorError
from pimsim.hardware import Hardware
from pimsim.hardware.hardware import LAYER_MAJOR, SHARED
from pimsim.mapping.accumulators import layer_numerics
from pimsim.mapping.buffers import Placed, layer_memories
from pimsim.mapping.crossbar import CrossbarPlan
from pimsim.mapping.deadlines import deadlines
from pimsim.mapping.mapping import LayerMapping, Mapping, Plan
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.mapping.operands import LayerFacts, layer_facts, leak_form, operands
from pimsim.mapping.placement import costs_cnn, engine_names
from pimsim.mapping.plan import plan_layer, plan_sweep
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
    names = engine_names(source, hardware)
    facts = layer_facts(source, hardware)
    numerics = _numerics(source, facts, hardware)
    exact = [widths.crossbar is None for widths in numerics]
    placed = tuple(_placed(*layer, hardware) for layer in zip(facts, names, exact, strict=True))
    placed = _share_arrays(placed, exact, hardware)
    steps = source.time_steps if isinstance(source, IntegerNetwork) and not costs_cnn(source, hardware) else 1
    if hardware.order == LAYER_MAJOR:
        placed = tuple(_all_steps(layer) for layer in placed)
    memories = layer_memories(placed, hardware, steps)
    layers = []
    for layer, widths, own in zip(placed, numerics, memories, strict=True):
        value_bits = layer.facts.output_bits
        word = own.target.word_bits if own.target is not None else value_bits
        leak_bits, leak_terms = leak_form(layer.facts, layer.engine)
        sweep = plan_sweep(layer.facts.shape, layer.engine, output_word_bits=word, value_bits=value_bits)
        layers.append(
            LayerMapping(
                shape=layer.facts.shape,
                engine=layer.name,
                numerics=widths,
                operands=layer.operands,
                neuron=layer.facts.neuron,
                leak_bits=leak_bits,
                leak_terms=leak_terms,
                plan=layer.plan,
                sweep=sweep,
                memories=own,
            )
        )
    storage = built_storage(placed, memories, hardware)
    return Mapping(tuple(layers), steps, storage, deadlines(placed, memories))


def _placed(facts: LayerFacts, name: str, exact: bool, hardware: Hardware) -> Placed:
    engine = hardware.engines.named(name)
    assert engine is not None  # the hardware file was checked for it
    chosen = operands(facts, engine)
    return Placed(facts, name, engine, chosen, plan_layer(facts.shape, chosen, engine, exact=exact))


def _all_steps(layer: Placed) -> Placed:
    """A dense engine computes the sums of all steps with each tile before the next one.

    So weights are loaded once; and where they stay in the arrays, one step's sums follow the other's without a gap.
    """
    if not isinstance(layer.plan, MultiplierPlan | CrossbarPlan):
        return layer
    return replace(layer, operands=replace(layer.operands, evaluations=1, passes=layer.operands.evaluations))


def _share_arrays(placed: tuple[Placed, ...], exact: list[bool], hardware: Hardware) -> tuple[Placed, ...]:
    """Several layers on one crossbar engine hold their weights side by side, or take turns and reload theirs."""
    together = [len(layer.plan.tiles) for layer in placed if isinstance(layer.plan, CrossbarPlan)]
    if hardware.schedule != SHARED or len(together) < 2:
        return placed
    arrays = hardware.engines.pim.arrays if hardware.engines.pim else 0
    return tuple(
        replace(layer, plan=_shared_plan(layer, sum(together) <= arrays, known))
        if isinstance(layer.plan, CrossbarPlan)
        else layer
        for layer, known in zip(placed, exact, strict=True)
    )


def _shared_plan(layer: Placed, resident: bool, exact: bool) -> Plan:
    return plan_layer(layer.facts.shape, layer.operands, layer.engine, exact=exact, resident=resident, spare=False)


def _numerics(
    source: IntegerNetwork | Architecture, facts: tuple[LayerFacts, ...], hardware: Hardware
) -> tuple[LayerNumerics, ...]:
    if isinstance(source, IntegerNetwork) and not costs_cnn(source, hardware):
        return layer_numerics(source, hardware)
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
