"""Sizes of the buffers, from what the layers keep in them.

With the schedule ``shared``, layers on one engine share its buffers: weights and membranes of all of them stay, and
sums of a first layer that are swept in every step; other sums and counts are those of the layer at work, and two
spike maps (or activation maps) exist at a time.  With ``pipelined`` every layer has its own, and maps, first-layer
currents and the input are doubled.  In the order ``layer_major`` a map is that of all steps, and shared membranes and
sums are those of the layer at work.  The two phases of a first layer whose inputs fire share what they have on one
engine, with either schedule; its weights are then there once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from pimsim.hardware import Event, Hardware, Mac, Memories
from pimsim.hardware.hardware import GATHER, LAYER_MAJOR, PIPELINED, Pim
from pimsim.mapping.crossbar import CrossbarPlan, row_bits
from pimsim.mapping.mapping import EventPlan, GatherPlan, LayerMemories, Operands, Plan
from pimsim.mapping.memory import MemoryPlan, plan_memory
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.mapping.operands import LayerFacts
from pimsim.model.network import CLASSIFIERS, SINGLE_SPIKE, TIMED

Engine = Pim | Mac | Event


@dataclass(frozen=True)
class Placed:
    """A layer, or a phase of one, with its engine and plan, before its buffers are known.

    ``lanes`` take the sums at once when they are swept, on this engine or another one; ``partner`` are the operands
    of the layer's other phase where that one works with the same weights in the same engine.
    """

    facts: LayerFacts
    name: str
    engine: Engine
    lanes: int
    operands: Operands
    plan: Plan
    partner: Operands | None = None

    @property
    def finds_weights(self) -> bool:
        """Whether the phase before has brought the weights."""
        return self.partner is not None and self.facts.input_spikes


@dataclass(frozen=True)
class _Need:
    """Content of one buffer that one layer asks for: ``words`` of ``word_bits``, made of ``value_bits``.

    ``ports`` is 2 where a word may be read in the cycle in which another one is written.  Words lie in ``banks`` by
    their address modulo the banks.  What ``stays`` lies beside what other layers ask for, else they take turns in it.
    A need ``apart`` gets a buffer of its own, though others ask for the component.
    """

    component: str
    words: int
    word_bits: int
    value_bits: int = 1
    ports: int = 1
    banks: int = 1
    stays: bool = False
    apart: bool = False

    @property
    def buffer(self) -> tuple[str, bool]:
        """Needs of the same buffer share it where layers share an engine."""
        return self.component, self.apart


def spike_word_bits(hardware: Hardware) -> int:
    """Word of the spike maps: what the event core scans per cycle, or one macro's width without such a core."""
    event = hardware.engines.event
    return event.scan_width if event is not None else hardware.memories.macro_width_bits


def map_word_bits(hardware: Hardware, value_bits: int, *, activations: bool) -> int:
    """Word of the maps between layers: packed spikes, or as many whole activations as a macro's width holds."""
    if not activations:
        return spike_word_bits(hardware)
    return max(1, hardware.memories.macro_width_bits // value_bits) * value_bits


def by_engine(placed: tuple[Placed, ...], hardware: Hardware) -> list[list[Placed]]:
    """Layers that one engine runs: all that name it, or with ``pipelined`` a single one, with both of its phases."""
    if hardware.schedule != PIPELINED:
        return [[layer for layer in placed if layer.name == name] for name in _engines(placed)]
    groups: list[list[Placed]] = []
    for layer in placed:
        if layer.finds_weights:
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def layer_memories(placed: tuple[Placed, ...], hardware: Hardware) -> tuple[LayerMemories, ...]:
    """Buffers of every layer; MappingError where a stated capacity is too small."""
    maps = _maps(placed, hardware)
    buffers = _buffers(placed, hardware)
    result = []
    for index, layer in enumerate(placed):
        own = buffers[layer.facts.record]
        result.append(
            LayerMemories(
                source=maps[index],
                membrane=own.get("membrane_memory"),
                weight=own.get("weight_memory"),
                current=own.get("current_memory"),
                count=own.get("count_memory"),
                target=maps[index + 1] if layer.facts.swept and index + 1 < len(placed) else None,
            )
        )
    return tuple(result)


def _maps(placed: tuple[Placed, ...], hardware: Hardware) -> list[MemoryPlan]:
    """The buffer in front of every layer: input codes, then spike or activation maps."""
    plans = [_planned(_codes(placed[0], hardware), hardware, _layer(placed[0]))]
    if hardware.schedule == PIPELINED:
        return plans + [_map([layer], hardware, _layer(layer)) for layer in placed[1:]]
    shared = [_map(list(placed[1:]), hardware, "all layers")] if placed[1:] else []
    return plans + shared * len(placed[1:])


def _codes(first: Placed, hardware: Hardware) -> _Need:
    """Codes of the samples that are there at the same time.

    In a pipeline the next one arrives while one is worked on.  Where the first layer's phases are two stages of it, one
    fires and one is summed as well as one arrives, each in macros of its own, which nobody else accesses.
    """
    ports = first.engine.input_port_codes if not isinstance(first.engine, Event) else 1
    words = -(-prod(first.facts.shape.source_shape) // ports)
    bits = ports * first.facts.highest_input.bit_length()
    if hardware.schedule != PIPELINED:
        return _Need("input_memory", words, bits)
    if not first.facts.swept and first.partner is None:
        return _Need("input_memory", 3 * words, bits, banks=3)
    return _Need("input_memory", 2 * words, bits, ports=2)


def _map(readers: list[Placed], hardware: Hardware, where: str) -> MemoryPlan:
    """Twice the maps of a step, or of all, as large as the largest that is read: read one, write the other.

    A pipeline's map of input spikes is there once: whoever encodes it waits until it has been read.
    """
    activations = readers[0].facts.activations
    component = "activation_memory" if activations else "spike_memory"
    word_bits = map_word_bits(hardware, max(_value_bits(layer) for layer in readers), activations=activations)
    words = max(
        -(-prod(layer.facts.shape.source_shape) // (word_bits // _value_bits(layer))) * _steps(layer, hardware)
        for layer in readers
    )
    pipelined = hardware.schedule == PIPELINED
    if pipelined and readers[0].facts.input_spikes:
        return _planned(_Need(component, words, word_bits), hardware, where)
    # one engine at a time reads its input, then writes its output; a pipeline, or gather, does both in the same cycles
    gathers = any(isinstance(layer.plan, GatherPlan) for layer in readers)
    return _planned(_Need(component, 2 * words, word_bits, ports=2 if pipelined or gathers else 1), hardware, where)


def _steps(reader: Placed, hardware: Hardware) -> int:
    """Steps of which a map holds what the layer reads."""
    return reader.facts.evaluations if hardware.order == LAYER_MAJOR else 1


def _value_bits(reader: Placed) -> int:
    return reader.facts.highest_input.bit_length()


def _buffers(placed: tuple[Placed, ...], hardware: Hardware) -> dict[str, dict[str, MemoryPlan]]:
    """For every layer its engine's own buffers by component."""
    found: dict[str, dict[str, MemoryPlan]] = {}
    for group in by_engine(placed, hardware):
        where = f"engines.{group[0].name}" if hardware.schedule != PIPELINED else _layer(group[0])
        in_front = hardware.schedule == PIPELINED and group[0] is placed[0] and len(group) == 1
        needs = {layer.facts.record: _doubled(in_front, list(_needs(layer, hardware))) for layer in group}
        shared = _shared([need for own in needs.values() for need in own], hardware, where)
        found |= {name: {need.component: shared[need.buffer] for need in own} for name, own in needs.items()}
    return found


def _doubled(in_front: bool, needs: list[_Need]) -> list[_Need]:
    """First-layer currents serve one sample while the next one's are computed, by a pipeline's stage in front."""
    return [
        replace(need, words=2 * need.words, ports=2) if in_front and need.component == "current_memory" else need
        for need in needs
    ]


def _shared(needs: list[_Need], hardware: Hardware, where: str) -> dict[tuple[str, bool], MemoryPlan]:
    """Buffers of an engine, whose layers work in turn."""
    plans = {}
    for buffer in {need.buffer: None for need in needs}:
        asked = [need for need in needs if need.buffer == buffer]
        in_turn = max((need.words for need in asked if not need.stays), default=0)
        words = in_turn + sum(need.words for need in asked if need.stays)
        width, ports = max(need.word_bits for need in asked), max(need.ports for need in asked)
        whole = replace(asked[0], words=words, word_bits=width, ports=ports)
        plans[buffer] = _planned(whole, hardware, where)
    return plans


def _needs(layer: Placed, hardware: Hardware) -> Iterator[_Need]:
    """What one layer keeps in its engine's buffers; layer after layer, only weights stay in them."""
    shape, engine, plan = layer.facts.shape, layer.engine, layer.plan
    in_turn = hardware.order == LAYER_MAJOR
    lanes = layer.lanes
    words = shape.positions * -(-shape.out_channels // lanes)
    flag = _flag_bits(layer)
    if isinstance(plan, EventPlan):
        assert isinstance(engine, Event)
        yield from _event_needs(layer, plan, engine, words, flag, in_turn)
        return
    loads = 0 if layer.finds_weights else 1
    ports = 2 if _sums_in_parts(plan) else 1
    yield _Need(
        "current_memory",
        words * layer.operands.passes,
        lanes * engine.accumulator_bits,
        engine.accumulator_bits,
        ports,
        stays=layer.facts.held and not in_turn,
    )
    if layer.facts.membranes:
        yield _Need("membrane_memory", words, lanes * (_stored_bits(layer) + flag), ports=2, stays=not in_turn)
    if isinstance(plan, CrossbarPlan):
        if plan.reloaded and not isinstance(engine, Event | Mac):
            yield _Need("weight_memory", loads * sum(tile.rows for tile in plan.tiles), row_bits(engine), stays=True)
    elif isinstance(plan, MultiplierPlan) and isinstance(engine, Mac):
        port = engine.weight_port_bits * engine.weight_banks
        yield _Need("weight_memory", loads * (int(plan.fetch.sum()) // engine.weight_read_cycles), port, stays=True)


def _flag_bits(layer: Placed) -> int:
    """Beside a membrane: whether its neuron has fired, or in which step a class first did."""
    if layer.facts.neuron == TIMED:
        return layer.facts.evaluations.bit_length()
    return 1 if layer.facts.neuron == SINGLE_SPIKE else 0


def _event_needs(layer: Placed, plan: EventPlan, event: Event, words: int, flag: int, in_turn: bool) -> Iterator[_Need]:
    """Sums are added in place, in the membranes, or apart from them, in registers.

    In registers the membranes can be as narrow as they are kept; the classifier's running sums cannot, nor can the
    steps that a timed one notes: what is wider than the membranes does not widen their memory.
    """
    in_place = event.dataflow != GATHER
    bits = (event.accumulator_bits if in_place else _stored_bits(layer)) + flag
    ports, banks = event.membrane_ports, event.membrane_banks
    apart = layer.facts.neuron == TIMED or (layer.facts.neuron in CLASSIFIERS and not in_place)
    yield _Need("membrane_memory", words, event.lanes * bits, ports=ports, banks=banks, stays=not in_turn, apart=apart)
    weights = layer.facts.shape.fan_in * plan.beats
    yield _Need("weight_memory", weights, event.lanes * layer.operands.weight_bits, stays=True)
    if layer.operands.weight_zero and in_place:
        yield _Need("count_memory", layer.facts.shape.positions, plan.count_bits, ports=ports, banks=banks)


def _sums_in_parts(plan: CrossbarPlan | MultiplierPlan) -> bool:
    """Whether sums are read back and added to, one being read while the one before is written."""
    if isinstance(plan, CrossbarPlan):
        return any(one.read_words for layout in plan.layouts for one in layout.rounds)
    return not plan.begins.all()


def _stored_bits(layer: Placed) -> int:
    """The classifier's running sum is as wide as the accumulator."""
    return layer.engine.accumulator_bits if layer.facts.neuron in CLASSIFIERS else layer.engine.membrane_bits


def _planned(need: _Need, hardware: Hardware, where: str) -> MemoryPlan:
    return plan_memory(
        need.component,
        words=need.words,
        word_bits=need.word_bits,
        value_bits=need.value_bits,
        ports=need.ports,
        banks=need.banks,
        memories=hardware.memories,
        capacity_kib=None if need.apart else _capacity(hardware.memories, need.component),
        where=where,
    )


def _capacity(memories: Memories, component: str) -> float | None:
    found: float | None = getattr(memories, f"{component.removesuffix('_memory')}_kib")
    return found


def _engines(placed: tuple[Placed, ...]) -> list[str]:
    return list(dict.fromkeys(layer.name for layer in placed))


def _layer(layer: Placed) -> str:
    return f'layer "{layer.facts.record}"'
