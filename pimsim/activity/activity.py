"""How often each thing happened and for how many cycles; no joule and no second."""

from __future__ import annotations

from dataclasses import dataclass

SPIKES_SUFFIX = ":spikes"
"""Behind the name of a first layer of the encoding ``hybrid``: the record of all that follows its sums of codes."""


@dataclass(frozen=True)
class ActionCount:
    """``count`` actions of one kind on one component, summed over the samples of a run.

    ``bits`` is the word or operand width of one action; ``second_bits`` the other operand's where the
    action has two (a multiplication) or the rows of an analog column; ``capacity_bits`` the size of the
    memory the action goes to (0 for logic), ``ports`` how many accesses that memory serves in one cycle.
    Prices depend on these and on nothing else.
    """

    component: str
    action: str
    count: int
    bits: int = 0
    second_bits: int = 0
    capacity_bits: int = 0
    ports: int = 1


@dataclass(frozen=True)
class UnitCycles:
    """Cycles of one unit over a run: busy + stall + idle = the total for every unit."""

    busy: int
    stall: int
    idle: int

    @property
    def total(self) -> int:
        return self.busy + self.stall + self.idle

    def __add__(self, other: UnitCycles) -> UnitCycles:
        return UnitCycles(self.busy + other.busy, self.stall + other.stall, self.idle + other.idle)


@dataclass(frozen=True)
class Storage:
    """Hardware that leaks and is clocked whether it is used or not, as built (not as used).

    ``ports`` of a memory: 1, or 2 where a read and a write may fall into one cycle.  ``gated_by`` are the units,
    "layer.unit", that write it, one busy cycle in ``gated_every``: in those alone it is clocked; none: in every cycle.
    """

    component: str
    capacity_bits: int = 0
    width_bits: int = 0
    instances: int = 1
    ports: int = 1
    gated_by: tuple[str, ...] = ()
    gated_every: int = 1


@dataclass(frozen=True)
class Deadline:
    """An operation of something that is built, and the ``cycles`` in which it has to be over.

    The other fields are those of an `ActionCount`; a memory's read and write are one operation, ``access``.
    A pipeline has ``parts``, operations that follow each other in these cycles; their own cycles do not count.
    Whether the clock leaves enough time is for the cost tables to say, which know nanoseconds.
    """

    component: str
    action: str
    cycles: int
    bits: int = 0
    second_bits: int = 0
    capacity_bits: int = 0
    parts: tuple[Deadline, ...] = ()


@dataclass(frozen=True)
class LayerActivity:
    """One layer on its engine; counts and cycles are sums over the samples.

    Of the encoding ``hybrid`` the first layer has two: the sums of its codes, and with `SPIKES_SUFFIX` behind the name
    its input spikes and its neurons (docs/microarchitecture.md §11.4).

    ``dense_macs`` of one dense pass per sample; ``accumulates`` weights really added (event core) or products
    (dense engines); ``neurons`` of the layer, not summed; ``cycles`` of the layer's own activities, to which
    busy, stall and idle cycles of each of its ``units`` add up; ``utilization`` accumulates per cycle and lane or
    multiplier, for a crossbar the share of its cells that hold weights; ``layout`` tells how they lie there.
    """

    layer: str
    engine: str
    dense_macs: int
    accumulates: int
    input_spikes: int
    output_spikes: int
    neurons: int
    cycles: int
    utilization: float
    actions: tuple[ActionCount, ...]
    units: tuple[tuple[str, UnitCycles], ...]
    layout: str = ""


@dataclass(frozen=True)
class Activity:
    """A whole run.

    ``latency_cycles`` is the mean over samples of one inference alone on the machine, ``total_cycles`` the
    cycles from the first sample's start to the last one's end, ``interval_cycles`` the steady-state
    distance between two results.
    """

    samples: int
    layers: tuple[LayerActivity, ...]
    storage: tuple[Storage, ...]
    latency_cycles: float
    total_cycles: int
    interval_cycles: float
    bottleneck: str
    deadlines: tuple[Deadline, ...] = ()

    @property
    def clocked_cycles(self) -> tuple[int, ...]:
        """In how many cycles of the run each entry of ``storage`` is clocked."""
        units = {f"{layer.layer}.{name}": unit for layer in self.layers for name, unit in layer.units}
        return tuple(
            sum(units[name].busy for name in item.gated_by) // item.gated_every if item.gated_by else self.total_cycles
            for item in self.storage
        )
