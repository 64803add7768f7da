"""What fires in a run, how often and when: counted from the maps of a trace, for formulas and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.model.encoding import tells_time
from pimsim.model.network import CLASSIFIERS, HYBRID, SINGLE_SPIKE, IntegerNetwork
from pimsim.report.analysis import SpikeRates
from pimsim.report.rows import Cell, Table, spikes_per_neuron
from pimsim.traces import Trace, fired, fired_again

INPUT = "(input)"
"""Stands for a layer in front of all others."""
COLUMNS = ("layer", "neuron", "neurons", "spikes_per_neuron", "fired_share", "mean_step", "fired_twice", "samples")
"""Of ``firing.csv``; behind them the spikes of a neuron in each step."""


@dataclass(frozen=True)
class LayerFiring:
    """Spikes of one layer, or of the inputs under hybrid encoding, over ``samples`` samples.

    neuron   kind of the neurons; of inputs the encoding
    neurons  of the layer
    by_step  spikes of all samples in steps 1 … T
    fired    neurons that fired at all in an inference, summed over the samples
    twice    neurons that fired in two steps or more, likewise: 0 of ``single_spike`` neurons and of inputs; None of
             neurons that may
    """

    layer: str
    neuron: str
    neurons: int
    samples: int
    by_step: tuple[int, ...]
    fired: int
    twice: int | None

    def __add__(self, other: LayerFiring) -> LayerFiring:
        """The same layer on further samples."""
        return replace(
            self,
            samples=self.samples + other.samples,
            by_step=tuple(mine + theirs for mine, theirs in zip(self.by_step, other.by_step, strict=True)),
            fired=self.fired + other.fired,
            twice=None if self.twice is None else self.twice + (other.twice or 0),
        )

    @property
    def occasions(self) -> int:
        """Neurons times samples: of how many ``fired`` and ``twice`` are told."""
        return self.neurons * self.samples

    @property
    def spikes_per_neuron(self) -> float:
        """Over all steps of one inference."""
        return sum(self.by_step) / self.occasions

    @property
    def fired_share(self) -> float:
        """0 … 1, of neurons that fired at all in an inference."""
        return self.fired / self.occasions

    @property
    def mean_step(self) -> float | None:
        """Of all spikes, 1 … T; None where there is none."""
        total = sum(self.by_step)
        return sum(step * count for step, count in enumerate(self.by_step, start=1)) / total if total else None

    def row(self) -> dict[str, Cell]:
        """By the columns of ``firing.csv``."""
        cells = (
            self.layer,
            self.neuron,
            self.neurons,
            self.spikes_per_neuron,
            self.fired_share,
            self.mean_step,
            self.twice,
            self.samples,
        )
        steps = {f"spikes_per_neuron_step_{t}": count / self.occasions for t, count in enumerate(self.by_step, start=1)}
        return {**dict(zip(COLUMNS, cells, strict=True)), **steps}


def firing(network: IntegerNetwork, trace: Trace) -> tuple[LayerFiring, ...]:
    """The inputs of hybrid encoding, then every hidden layer; () where no spike `tells_time`."""
    return tuple(_lines(network, trace)) if tells_time(network) else ()


def _lines(network: IntegerNetwork, trace: Trace) -> Iterator[LayerFiring]:
    if trace.input_spikes is not None:
        inputs = int(np.prod(network.architecture.input_shape))
        yield _line(INPUT, HYBRID, inputs, trace.input_spikes, once=True)
    for layer, spikes in zip(network.layers, trace.spikes, strict=False):
        kind = layer.neuron.kind
        yield _line(layer.name, kind, layer.shape.neurons, spikes, once=kind == SINGLE_SPIKE)


def _line(name: str, kind: str, neurons: int, spikes: npt.NDArray[np.uint8], *, once: bool) -> LayerFiring:
    by_step = np.bitwise_count(spikes).sum(axis=(0, 2), dtype=np.int64)
    return LayerFiring(
        layer=name,
        neuron=kind,
        neurons=neurons,
        samples=len(spikes),
        by_step=tuple(by_step.tolist()),
        fired=_bits(fired(spikes)),
        twice=_bits(fired_again(spikes)) if once else None,
    )


def _bits(packed: npt.NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(packed).sum(dtype=np.int64))


def firing_table(lines: Sequence[LayerFiring]) -> Table:
    """As in ``firing.csv``; ``lines`` are of one network."""
    rows = [line.row() for line in lines]
    return Table(tuple(rows[0]), tuple(tuple(row.values()) for row in rows))


def firing_title(lines: Sequence[LayerFiring]) -> str:
    """What a table of ``lines`` tells, and whether any neuron that fires once fired again."""
    twice = fired_twice(lines)
    return f"What fires, over all steps{f'; neurons that fired twice: {twice}' if twice else ''}"


def fired_twice(lines: Iterable[LayerFiring]) -> str:
    """Neurons that fired twice, of all that may not, inputs left out; empty where all may."""
    known = [line for line in lines if line.twice is not None and line.layer != INPUT]
    twice, of = sum(line.twice or 0 for line in known), sum(line.occasions for line in known)
    return f"{twice:,} of {of:,}" if known else ""


def spike_rates(network: IntegerNetwork, trace: Trace) -> SpikeRates:
    """ζ of every layer but the last, and of the inputs."""
    hidden = [layer for layer in network.layers if layer.neuron.kind not in CLASSIFIERS]
    counts = (_bits(spikes) for spikes in trace.spikes)
    return SpikeRates(
        neurons=tuple(
            spikes_per_neuron(count, layer.shape.neurons, trace.samples)
            for count, layer in zip(counts, hidden, strict=True)
        ),
        inputs=_input_rate(network, trace),
        once=tuple(layer.neuron.kind == SINGLE_SPIKE for layer in hidden),
    )


def _input_rate(network: IntegerNetwork, trace: Trace) -> float:
    if trace.input_spikes is None:
        return 0.0
    inputs = int(np.prod(network.architecture.input_shape))
    return spikes_per_neuron(_bits(trace.input_spikes), inputs, trace.samples)
