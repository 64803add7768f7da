"""What fires in a run, how often and when: counted from the maps of a trace, for formulas and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from pimsim.model.network import CLASSIFIERS, HYBRID, SINGLE_SPIKE, TIMED, IntegerNetwork
from pimsim.report.analysis import SpikeRates
from pimsim.report.rows import Cell, Table, spikes_per_neuron
from pimsim.traces import Trace, fired, fired_again

INPUT = "(input)"
"""Stands for a layer in front of all others."""
COLUMNS = ("layer", "neuron", "neurons", "spikes_per_neuron", "fired_share", "mean_step", "fired_twice", "samples")


@dataclass(frozen=True)
class LayerFiring:
    """Spikes of one layer, or of the inputs under hybrid encoding, over all samples.

    neuron       kind of the neurons; of inputs the encoding
    neurons      of the layer; ``spikes_per_neuron`` over all steps of one inference
    fired_share  0 … 1, share of neurons that fired at all in an inference
    mean_step    of all spikes, 1 … T; None where there is none
    fired_twice  neurons that fired in two steps or more of an inference, summed over the samples: 0 of ``single_spike``
                 neurons and of inputs; None of neurons that may
    """

    layer: str
    neuron: str
    neurons: int
    spikes_per_neuron: float
    fired_share: float
    mean_step: float | None
    fired_twice: int | None
    samples: int

    @property
    def occasions(self) -> int:
        """Neurons times samples: of how many ``fired_twice`` is told."""
        return self.neurons * self.samples

    def cells(self) -> tuple[Cell, ...]:
        """In the order of `COLUMNS`."""
        return tuple(asdict(self).values())


def tells(network: IntegerNetwork) -> bool:
    """Whether a network has anything that fires at a time of its own: inputs, or neurons that fire once."""
    return network.is_hybrid or any(layer.neuron.kind == SINGLE_SPIKE for layer in network.layers)


def firing(network: IntegerNetwork, trace: Trace) -> tuple[LayerFiring, ...]:
    """The inputs of hybrid encoding, then every hidden layer; () for networks of which it `tells` nothing."""
    return tuple(_lines(network, trace)) if tells(network) else ()


def _lines(network: IntegerNetwork, trace: Trace) -> Iterator[LayerFiring]:
    if trace.input_spikes is not None:
        inputs = int(np.prod(network.architecture.input_shape))
        yield _line(INPUT, HYBRID, inputs, trace.input_spikes, once=True)
    for layer, spikes in zip(network.layers, trace.spikes, strict=False):
        kind = layer.neuron.kind
        yield _line(layer.name, kind, layer.shape.neurons, spikes, once=kind == SINGLE_SPIKE)


def _line(name: str, kind: str, neurons: int, spikes: npt.NDArray[np.uint8], *, once: bool) -> LayerFiring:
    samples, steps = spikes.shape[:2]
    by_step = np.bitwise_count(spikes).sum(axis=(0, 2), dtype=np.int64)
    total = int(by_step.sum())
    return LayerFiring(
        layer=name,
        neuron=kind,
        neurons=neurons,
        spikes_per_neuron=spikes_per_neuron(total, neurons, samples),
        fired_share=spikes_per_neuron(_bits(fired(spikes)), neurons, samples),
        mean_step=int(by_step @ np.arange(1, steps + 1)) / total if total else None,
        fired_twice=_bits(fired_again(spikes)) if once else None,
        samples=samples,
    )


def _bits(packed: npt.NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(packed).sum(dtype=np.int64))


def firing_table(lines: tuple[LayerFiring, ...]) -> Table:
    """As in ``firing.csv``."""
    return Table(COLUMNS, tuple(line.cells() for line in lines))


def described(network: IntegerNetwork) -> str:
    """Encoding, neurons and classifier in words; empty for direct encoding, neurons that fire freely, running sums."""
    kinds = ", ".join(dict.fromkeys(layer.neuron.kind for layer in network.layers[:-1]))
    readout = network.layers[-1].neuron.kind
    if not (tells(network) or readout == TIMED):
        return ""
    encoding = f"{network.encoding} encoding"
    if network.is_hybrid:
        encoding += f" (codes at step 1, one spike per input at steps 2 … {network.time_steps})"
    return f"{encoding}, {kinds} neurons, {readout} classifier"


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
