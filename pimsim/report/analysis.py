"""The papers' formulas on the activity of a run: a separate analysis, no part of pimsim's own result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pimsim.cost.papers import hypersnn, imac, single_spike
from pimsim.cost.papers.hypersnn import OWN, PREVIOUS, OperationEnergies
from pimsim.errors import CostError
from pimsim.model.architecture import LayerShape

HYPERSNN, ACE_SNN, SINGLE_SPIKE_HYBRID = "HYPER-SNN", "ACE-SNN / IMAC", "single-spike hybrid"
"""arXiv 2107.11979, 10.3389/fnins.2022.815258 and 2107.12374."""
OURS = "(ours)"
"""Behind a paper's name: its formula on an encoding or neurons that it does not have."""
WIDTH = 6
"""Bit width of the papers' SNN; 32 is that of their reference CNN."""
READINGS = {OWN: "spikes of the layer itself, as printed", PREVIOUS: "spikes that reach the layer"}


@dataclass(frozen=True)
class SpikeRates:
    """What the formulas take of a run's spikes.

    neurons  ζ of every layer but the last: spikes of a neuron over all steps
    inputs   spikes of an input at steps 2 … T under hybrid encoding; 0 under direct encoding, where inputs do not fire
    once     per layer but the last, whether its neurons fire once at most (``single_spike``); () where none does
    """

    neurons: tuple[float, ...]
    inputs: float = 0.0
    once: tuple[bool, ...] = ()

    @property
    def paper(self) -> str:
        """Whose formula it is for multipliers in the first layer."""
        if self.inputs:
            return SINGLE_SPIKE_HYBRID if self.once and all(self.once) else f"hybrid encoding {OURS}"
        return f"single-spike {HYPERSNN} {OURS}" if any(self.once) else HYPERSNN

    @property
    def pim_paper(self) -> str:
        """Likewise for a first layer in memory, which ACE-SNN has with direct encoding."""
        if self.inputs:
            return f"hybrid {ACE_SNN} {OURS}"
        return f"single-spike {ACE_SNN} {OURS}" if any(self.once) else ACE_SNN

    def energy_pj(self, macs: Sequence[int], energies: OperationEnergies, convention: str) -> float:
        """Energy of one inference: first layer MACs and input spikes, all others accumulates."""
        return single_spike.hybrid_energy_pj(
            macs, self.neurons, energies, input_spikes=self.inputs, convention=convention
        )

    @property
    def silent(self) -> SpikeRates:
        """The same inputs, no hidden spike at all."""
        return SpikeRates((0.0,) * len(self.neurons), self.inputs, self.once)


@dataclass(frozen=True)
class Figure:
    """One number of a paper's formula."""

    paper: str
    quantity: str
    value: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Analysis:
    """Figures in the order in which they are read."""

    figures: tuple[Figure, ...]

    def value(self, quantity: str) -> float:
        """Value of one figure by name; KeyError for an unknown one."""
        return {figure.quantity: figure.value for figure in self.figures}[quantity]


def analyse(shapes: Sequence[LayerShape], rates: SpikeRates) -> Analysis:
    """The papers' formulas for layers and what fires in them: those of the digital SNN, then of a PIM first layer."""
    macs = [shape.macs for shape in shapes]
    same_width = _same_width(macs, rates) if rates.inputs else ()
    return Analysis((*_compute(macs, rates), *same_width, *_first_layer(shapes, rates)))


def _compute(macs: Sequence[int], rates: SpikeRates) -> Iterator[Figure]:
    """HYPER-SNN's formula, or that of hybrid encoding, at the widths of the former."""
    paper, narrow = rates.paper, hypersnn.TABLE_V[WIDTH]
    dense = {bits: hypersnn.ann_energy_pj(macs, hypersnn.TABLE_V[bits]) for bits in (32, WIDTH)}
    for bits, energy in dense.items():
        yield Figure(paper, f"ann{bits}_energy_pj", energy, "pJ", f"CNN at {bits} bit, all MACs")
    for convention, reading in READINGS.items():
        energy = rates.energy_pj(macs, narrow, convention)
        yield Figure(paper, f"snn{WIDTH}_energy_{convention}_pj", energy, "pJ", reading)
        for bits, ann in dense.items():
            yield Figure(paper, f"over_ann{bits}_{convention}", ann / energy, "x", f"CNN at {bits} bit over SNN")
    without = "without any hidden spike" if rates.inputs else "without any spike"
    for bits, ann in dense.items():
        most = ann / rates.silent.energy_pj(macs, narrow, OWN)
        yield Figure(paper, f"ceiling_ann{bits}", most, "x", f"over CNN at {bits} bit {without}")


def _same_width(macs: Sequence[int], rates: SpikeRates) -> Iterator[Figure]:
    """As the paper of hybrid encoding compares: both networks at 32 bit, and what its own ratio takes."""
    paper, wide, stated = rates.paper, hypersnn.TABLE_V[32], single_spike.PUBLISHED_IMPROVEMENT
    ann = hypersnn.ann_energy_pj(macs, wide)
    for convention in READINGS:
        ratio = ann / rates.energy_pj(macs, wide, convention)
        yield Figure(paper, f"same_width_{convention}", ratio, "x", "CNN over SNN, both at 32 bit as in the paper")
    most = single_spike.ceiling(macs, wide, input_spikes_per_pixel=rates.inputs)
    yield Figure(paper, "ceiling_same_width", most, "x", "likewise without any hidden spike")
    needed = rate_needed(macs, stated, rates.inputs)
    if needed is not None:
        meaning = f"spikes per hidden neuron for the paper's {stated} x (VGG-16, CIFAR-100)"
        yield Figure(paper, f"rate_for_{stated}", needed, "", meaning)


def rate_needed(macs: Sequence[int], improvement: float, input_spikes: float) -> float | None:
    """Uniform hidden ζ at which the CNN takes ``improvement`` × the energy, both at 32 bit; None where none does."""
    try:
        return single_spike.rate_for_improvement(
            macs, improvement, hypersnn.TABLE_V[32], input_spikes_per_pixel=input_spikes
        )
    except CostError:
        return None


def _first_layer(shapes: Sequence[LayerShape], rates: SpikeRates) -> list[Figure]:
    layers, paper = [imac_layer(shape) for shape in shapes], rates.pim_paper
    gain = imac.first_layer_gain(layers, rates.neurons, input_spikes=rates.inputs)
    meaning = "first layer digital / in memory"
    return [
        Figure(paper, "first_layer_energy_gain", gain.energy, "x", meaning),
        Figure(paper, "first_layer_delay_gain", gain.delay, "x", meaning),
        Figure(paper, "first_layer_edp_gain", gain.edp, "x", meaning),
    ]


@dataclass(frozen=True)
class PaperEnergy:
    """What a paper's formula gives for one system, pJ of one inference.

    ``own`` weighs a layer with its own spikes, as printed; ``incoming`` with those that reach it.
    """

    paper: str
    own_pj: float
    incoming_pj: float


def cnn_energy(shapes: Sequence[LayerShape], bits: int) -> PaperEnergy:
    """HYPER-SNN's CNN of ``bits``."""
    energy = hypersnn.ann_energy_pj([shape.macs for shape in shapes], hypersnn.operation_energies(bits))
    return PaperEnergy(HYPERSNN, energy, energy)


def digital_snn_energy(shapes: Sequence[LayerShape], rates: SpikeRates) -> PaperEnergy:
    """HYPER-SNN's SNN, or the hybrid one: first layer MACs (and input spikes), all others accumulates."""
    own, incoming = (
        rates.energy_pj([shape.macs for shape in shapes], hypersnn.TABLE_V[WIDTH], convention)
        for convention in (OWN, PREVIOUS)
    )
    return PaperEnergy(rates.paper, own, incoming)


def pim_snn_energy(shapes: Sequence[LayerShape], rates: SpikeRates) -> PaperEnergy:
    """ACE-SNN's SNN: the same with the first layer in memory, over which it states a gain."""
    digital = digital_snn_energy(shapes, rates)
    layers = [imac_layer(shape) for shape in shapes]
    own, incoming = (
        imac.first_layer_gain(
            layers,
            hypersnn.incoming_spikes(rates.neurons, len(layers), convention),
            input_spikes=rates.inputs,
        ).energy
        for convention in (OWN, PREVIOUS)
    )
    return PaperEnergy(rates.pim_paper, digital.own_pj / own, digital.incoming_pj / incoming)


def imac_layer(shape: LayerShape) -> imac.ImacLayer:
    """M, N, K² and P of a layer."""
    channels = shape.in_shape[0]
    return imac.ImacLayer(channels, shape.out_channels, shape.fan_in // channels, shape.positions)
