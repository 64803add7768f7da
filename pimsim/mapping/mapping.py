"""Where each weight and neuron lives: the frozen result of placing a network on an accelerator."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.activity.activity import Deadline, Storage
from pimsim.mapping.crossbar import CrossbarPlan
from pimsim.mapping.memory import MemoryPlan
from pimsim.mapping.multipliers import MultiplierPlan
from pimsim.model.architecture import LayerShape
from pimsim.model.network import ACCUMULATE, RELU, LayerNumerics


@dataclass(frozen=True)
class EventPlan:
    """A layer on the event core.

    ``scan_words`` spike words read per step, ``beats`` per event and output position, ``entry_bits`` of an entry of
    the FIFO, ``count_bits`` of a position's event count.
    """

    scan_words: int
    beats: int
    entry_bits: int
    count_bits: int


@dataclass(frozen=True)
class ScatterPlan(EventPlan):
    """Event by event into the membrane memory: each spike word is read once."""


@dataclass(frozen=True)
class GatherPlan(EventPlan):
    """Position by position in registers: the words of every receptive field are read, so words are read again."""


Plan = CrossbarPlan | MultiplierPlan | ScatterPlan | GatherPlan


@dataclass(frozen=True)
class Sweep:
    """The pass over a layer's neurons: ``words`` of up to ``lanes`` neurons of one position, ``depth`` stages.

    It writes ``output_words`` packed words of values of ``value_bits`` (1 for spikes), and waits ``stalls`` cycles
    for the membrane memory's only port.
    """

    lanes: int
    depth: int
    words: int
    output_words: int
    value_bits: int
    stalls: int = 0


@dataclass(frozen=True)
class LayerMemories:
    """Buffers that a layer uses; None where it has no use for one.  Layers may share a buffer.

    ``source`` holds the inputs, ``target`` the outputs (none behind the classifier).
    """

    source: MemoryPlan
    membrane: MemoryPlan | None
    weight: MemoryPlan | None
    current: MemoryPlan | None
    count: MemoryPlan | None
    target: MemoryPlan | None


@dataclass(frozen=True)
class Operands:
    """Numbers that a layer works on.

    ``stored_bits`` of one value of the input map, ``input_bits`` of one value the kernel sees (after the
    pool, which adds), ``input_zero`` the code of zero among them,
    ``weight_zero`` likewise among weights (in the stored form of the engine), ``magnitude_bits`` of the
    largest centred weight, ``signed_bits`` of the two's complement that holds them all, ``evaluations`` of the
    layer's sums per inference, each over ``passes`` maps, one after the other.
    """

    stored_bits: int
    input_bits: int
    input_zero: int
    weight_bits: int
    weight_zero: int
    magnitude_bits: int
    signed_bits: int
    evaluations: int
    passes: int


@dataclass(frozen=True)
class LayerMapping:
    """One layer on its engine.

    ``neuron`` is the kind of neuron (``relu`` also where a CNN is only costed), ``leak_bits`` the width of the leak
    factor or 0 where there is none, ``leak_terms`` the shifts that form it or 0 where it is multiplied.
    """

    shape: LayerShape
    engine: str
    numerics: LayerNumerics
    operands: Operands
    neuron: str
    leak_bits: int
    leak_terms: int
    plan: Plan
    sweep: Sweep
    memories: LayerMemories

    @property
    def name(self) -> str:
        return self.shape.name

    @property
    def positions(self) -> int:
        """Output positions of one evaluation of the layer's sums."""
        return self.shape.positions * self.operands.passes


@dataclass(frozen=True)
class Mapping:
    """A network on an accelerator; ``steps`` T of one inference, 1 where a CNN is costed.

    ``storage`` is what is built, ``deadlines`` the cycles in which each of its operations has to be over.
    ``input_spikes`` is the first layer once more, of the encoding ``hybrid``: how its steps 2 … T are computed, and its
    neurons at every step; ``layers[0]`` is then only where the sums of step 1 are formed.
    """

    layers: tuple[LayerMapping, ...]
    steps: int
    storage: tuple[Storage, ...]
    deadlines: tuple[Deadline, ...]
    input_spikes: LayerMapping | None = None

    @property
    def records(self) -> tuple[LayerMapping, ...]:
        """What an Activity has a record of: every layer, and behind the first one its input spikes, if it has any."""
        spikes = () if self.input_spikes is None else (self.input_spikes,)
        return (self.layers[0], *spikes, *self.layers[1:])

    @property
    def of_cnn(self) -> bool:
        """Whether layers hand on activations, of a CNN that is executed or only costed."""
        return all(layer.neuron in (RELU, ACCUMULATE) for layer in self.layers)

    @property
    def numerics(self) -> tuple[LayerNumerics, ...]:
        """Words that every layer's values are computed in: of the first one, those of its neurons."""
        first = self.layers[0] if self.input_spikes is None else self.input_spikes
        return (first.numerics, *(layer.numerics for layer in self.layers[1:]))
