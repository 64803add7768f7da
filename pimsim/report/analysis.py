"""The papers' formulas on the activity of a run: a separate analysis, no part of pimsim's own result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pimsim.cost.papers import hypersnn, imac
from pimsim.cost.papers.hypersnn import OWN, PREVIOUS
from pimsim.model.architecture import LayerShape

HYPERSNN, ACE_SNN = "HYPER-SNN", "ACE-SNN / IMAC"
WIDTH = 6
"""Bit width of the papers' SNN; 32 is that of their reference CNN."""


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


def analyse(shapes: Sequence[LayerShape], spikes_per_neuron: Sequence[float]) -> Analysis:
    """HYPER-SNN's and ACE-SNN's formulas for layers and the ζ of every layer but the last."""
    return Analysis((*_hypersnn(shapes, spikes_per_neuron), *_ace_snn(shapes, spikes_per_neuron)))


def _hypersnn(shapes: Sequence[LayerShape], zetas: Sequence[float]) -> list[Figure]:
    macs = [shape.macs for shape in shapes]
    figures = [
        Figure(
            HYPERSNN,
            f"ann{bits}_energy_pj",
            hypersnn.ann_energy_pj(macs, hypersnn.TABLE_V[bits]),
            "pJ",
            f"CNN at {bits} bit, all MACs",
        )
        for bits in (32, WIDTH)
    ]
    readings = {OWN: "spikes of the layer itself, as printed", PREVIOUS: "spikes that reach the layer"}
    for convention, reading in readings.items():
        energy = hypersnn.snn_energy_pj(macs, zetas, hypersnn.TABLE_V[WIDTH], convention=convention)
        figures.append(Figure(HYPERSNN, f"snn{WIDTH}_energy_{convention}_pj", energy, "pJ", reading))
        for bits in (32, WIDTH):
            ratio = hypersnn.improvement(macs, zetas, ann_bits=bits, convention=convention)
            figures.append(Figure(HYPERSNN, f"over_ann{bits}_{convention}", ratio, "x", f"CNN at {bits} bit over SNN"))
    for bits in (32, WIDTH):
        most = hypersnn.ceiling(macs, ann_bits=bits)
        figures.append(Figure(HYPERSNN, f"ceiling_ann{bits}", most, "x", f"over CNN at {bits} bit without any spike"))
    return figures


def _ace_snn(shapes: Sequence[LayerShape], zetas: Sequence[float]) -> list[Figure]:
    gain = imac.first_layer_gain([imac_layer(shape) for shape in shapes], zetas)
    meaning = "first layer digital / in memory"
    return [
        Figure(ACE_SNN, "first_layer_energy_gain", gain.energy, "x", meaning),
        Figure(ACE_SNN, "first_layer_delay_gain", gain.delay, "x", meaning),
        Figure(ACE_SNN, "first_layer_edp_gain", gain.edp, "x", meaning),
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


def digital_snn_energy(shapes: Sequence[LayerShape], zetas: Sequence[float]) -> PaperEnergy:
    """HYPER-SNN's SNN: first layer MACs, all others accumulates."""
    own, incoming = (
        hypersnn.snn_energy_pj([shape.macs for shape in shapes], zetas, hypersnn.TABLE_V[WIDTH], convention=convention)
        for convention in (OWN, PREVIOUS)
    )
    return PaperEnergy(HYPERSNN, own, incoming)


def pim_snn_energy(shapes: Sequence[LayerShape], zetas: Sequence[float]) -> PaperEnergy:
    """ACE-SNN's SNN: the same with the first layer in memory, over which it states a gain."""
    digital = digital_snn_energy(shapes, zetas)
    layers = [imac_layer(shape) for shape in shapes]
    own, incoming = (
        imac.first_layer_gain(layers, hypersnn.incoming_spikes(zetas, len(layers), convention)).energy
        for convention in (OWN, PREVIOUS)
    )
    return PaperEnergy(ACE_SNN, digital.own_pj / own, digital.incoming_pj / incoming)


def imac_layer(shape: LayerShape) -> imac.ImacLayer:
    """M, N, K² and P of a layer."""
    channels = shape.in_shape[0]
    return imac.ImacLayer(channels, shape.out_channels, shape.fan_in // channels, shape.positions)
