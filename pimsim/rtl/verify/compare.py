"""A layer's description beside the simulator: cycles, units, actions, spikes and membranes, equal or where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pimsim.activity.activity import ActionCount, LayerActivity
from pimsim.model.architecture import LayerShape
from pimsim.model.network import RELU
from pimsim.rtl.parts.observe import Observed
from pimsim.rtl.verify.activity import described_actions, observed_activity
from pimsim.rtl.verify.case import LayerCase, classes, kept_membranes, spike_sums
from pimsim.simulation import LayerRecord
from pimsim.simulation.schedule_fired import Gated, gated_lanes
from pimsim.simulation.schedule_layer import (
    Evaluation,
    LayerTiming,
    Spikes,
    dense_timing,
    front_activity,
    layer_activity,
)
from pimsim.simulation.schedule_source import count_spikes

Array = npt.NDArray[np.integer[Any]]

CYCLES, UNITS, ACTIONS, VALUES = "cycles", "units", "actions", "values"
ALL = "all"
"""Name of the row with a layer's cycles."""
MACHINE, PIPELINE = "machine", "pipeline"
"""Name and engine under which the verdict over a whole machine stands beside those of layers."""


@dataclass(frozen=True)
class Row:
    """One quantity on both sides; ``None`` where one of them does not have it."""

    kind: str
    name: str
    simulated: int | None
    described: int | None

    @property
    def equal(self) -> bool:
        return self.simulated == self.described


@dataclass(frozen=True)
class Difference:
    """A value that differs; ``sample`` and ``step`` are -1 where it is one of the whole run."""

    text: str
    sample: int = -1
    step: int = -1


@dataclass(frozen=True)
class LayerVerdict:
    """``rows`` side by side; ``differences`` the first one of every kind, the earliest in front.

    ``sums_described`` is false where only the layer's sweep was held against its description.
    """

    layer: str
    engine: str
    cut: tuple[str, ...]
    sums_described: bool
    samples: int
    steps: int
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differences


def compare(case: LayerCase, observed: Observed) -> LayerVerdict:
    """Hold what was ``observed`` of a case against the simulator, value by value."""
    timing, record = simulated_timing(case), case.record()
    simulated = simulated_activity(case, timing, record)
    described = observed_activity(case, observed, simulated)
    values = tuple(_values(case, timing, record, observed))
    rows = (
        *_totals(simulated, described),
        *_added(case, simulated, described),
        *(_sums(value) for value in values if value.mapped),
    )
    found = [_first(case, value) for value in values]
    ordered = sorted((one for one in found if one is not None), key=lambda one: (one.sample, one.step))
    counted = [
        Difference(f"{row.kind} {row.name}: simulator {row.simulated}, RTL {row.described}")
        for row in rows
        if not row.equal and row.kind != VALUES
    ]
    return LayerVerdict(
        layer=case.name,
        engine=case.layer.engine,
        cut=case.cut,
        sums_described=case.sums_described,
        samples=case.samples,
        steps=case.steps,
        rows=rows,
        differences=(*ordered, *counted),
    )


def simulated_timing(case: LayerCase) -> LayerTiming:
    """Cycles and counts of what the description has: of a layer whose sums it lacks, the sweeps alone."""
    if case.sums_described:
        return case.timing()
    return dense_timing(case.layer, Evaluation(0, (), ()), samples=case.samples, steps=case.steps, first=True)


def simulated_activity(case: LayerCase, timing: LayerTiming, record: LayerRecord) -> LayerActivity:
    """The simulator's record of the layer, without what happens outside of it."""
    if case.of_codes:
        made = front_activity(case.layer, timing)
    else:
        made = layer_activity(case.layer, timing, spikes_of(case, record), steps=case.steps, first=case.opening)
    return replace(made, actions=described_actions(made.actions))


def spikes_of(case: LayerCase, record: LayerRecord) -> Spikes:
    """Spikes in front of the case's layer and behind it, and the lanes that its sweeps skip."""
    maps = case.maps
    gated = gated_lanes(case.layer, case.hardware, events=maps, spikes=record.spikes) if case.skips else Gated()
    before = count_spikes(maps.astype(np.uint8)) if maps.ndim == 3 else 0
    return Spikes(before, count_spikes(record.spikes), gated.neurons)


def _totals(simulated: LayerActivity, described: LayerActivity) -> Iterator[Row]:
    """Rows of cycles, units and actions."""
    yield Row(CYCLES, ALL, simulated.cycles, described.cycles)
    ours, theirs = dict(simulated.units), dict(described.units)
    for name in dict.fromkeys([*ours, *theirs]):
        for state in ("busy", "stall", "idle"):
            one, other = (getattr(units.get(name), state, None) for units in (ours, theirs))
            yield Row(UNITS, f"{name} {state}", one, other)
    counts, others = _by_kind(simulated.actions), _by_kind(described.actions)
    keys = tuple(dict.fromkeys([*counts, *others]))
    for key in keys:
        yield Row(ACTIONS, _action_name(key, keys), counts.get(key, 0), others.get(key, 0))


def _added(case: LayerCase, simulated: LayerActivity, described: LayerActivity) -> Iterator[Row]:
    """Weights that were really added; a dense engine's products are a size, nothing to be seen."""
    if case.on_event_core:
        yield Row(ACTIONS, "accumulates", simulated.accumulates, described.accumulates)


def _by_kind(actions: tuple[ActionCount, ...]) -> dict[ActionCount, int]:
    """Counts by action with all its widths."""
    return {replace(one, count=0): one.count for one in actions}


def _action_name(key: ActionCount, among: tuple[ActionCount, ...]) -> str:
    """Component and action, and the width where others differ in it: sums and event counters, say."""
    name = f"{key.component}.{key.action}"
    alike = [one for one in among if (one.component, one.action) == (key.component, key.action)]
    return f"{name} ({key.bits} bits)" if len(alike) > 1 else name


@dataclass(frozen=True, eq=False)
class _Value:
    """One map on both sides; behind the sample, ``axes`` are "step", "neuron" or both."""

    name: str
    axes: tuple[str, ...]
    simulated: Array
    described: Array

    @property
    def mapped(self) -> bool:
        """Whether it is a map of neurons, or classes, and no time."""
        return not self.name.startswith("cycles")


STEP, NEURON = "step", "neuron"


def _values(case: LayerCase, timing: LayerTiming, record: LayerRecord, observed: Observed) -> Iterator[_Value]:
    if not case.of_codes:
        yield _Value("cycles of a step", (STEP,), timing.step_cycles, observed.step_cycles)
    if timing.front_cycles or observed.front_cycles.any():
        front = np.full(case.samples, timing.front_cycles, np.int64)
        yield _Value("cycles of the sums", (), front, observed.front_cycles)
    if not case.of_codes:
        yield _Value("membrane", (STEP, NEURON), kept_membranes(case, record), observed.membranes)
    if observed.currents.size:
        by_step = observed.currents.ndim == 3
        axes = (STEP, NEURON) if by_step else (NEURON,)
        yield _Value("current", axes, spike_sums(case, record) if by_step else record.currents[:, 0], observed.currents)
    if case.of_codes:
        return
    if case.classifies:
        yield _Value("class", (), classes(case, record), observed.classes)
    elif case.weights.neuron.kind == RELU:
        yield _Value("activation", (NEURON,), record.activations.astype(np.int64), observed.activations)
    else:
        yield _Value("spike", (STEP, NEURON), _bits(record.spikes), _bits(observed.spikes))


def _bits(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Every bit of a packed map, those behind the last neuron too: they have to be 0."""
    return np.unpackbits(packed, axis=-1, bitorder="little")


def _sums(value: _Value) -> Row:
    """A map's values added up, as one number to print of it."""
    name = "classes" if value.name == "class" else f"{value.name}s"
    return Row(VALUES, name, int(value.simulated.sum(dtype=np.int64)), int(value.described.sum(dtype=np.int64)))


def _first(case: LayerCase, value: _Value) -> Difference | None:
    """Where two maps differ first, in the order sample, step, neuron."""
    simulated, described = value.simulated, value.described
    if simulated.shape != described.shape:
        return Difference(f"{value.name}: the simulator has {simulated.shape}, the RTL {described.shape} values")
    differing = np.argwhere(simulated != described)
    if not len(differing):
        return None
    place = tuple(int(i) for i in differing[0])
    found = dict(zip(("sample", *value.axes), place, strict=True))
    where = [f"sample {found['sample']}"] + ([f"step {found[STEP]}"] if STEP in found else [])
    if NEURON in found:
        where.append(_neuron(case.layer.shape, found[NEURON]))
    both = f"simulator {simulated[place]}, RTL {described[place]}"
    text = f"{value.name}: {', '.join(where)}: {both} ({len(differing)} of {simulated.size} differ)"
    return Difference(text, found["sample"], found.get(STEP, -1))


def _neuron(shape: LayerShape, neuron: int) -> str:
    position, channel = divmod(neuron, shape.out_channels)
    _, height, width = shape.out_size
    row, w = divmod(position, width)
    return f"neuron {neuron} (position {row // height}, {row % height}, {w}, channel {channel})"
