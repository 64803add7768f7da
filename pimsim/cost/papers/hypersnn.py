"""HYPER-SNN's compute-energy model (arXiv 2107.11979, Section VI, Eqs. 14 and 15, Table V).

    E_ANN = Σ_l F_l · E_MAC            E_SNN = F_1 · E_MAC + Σ_{l≥2} F_l · ζ_l · E_AC

F_l are the dense multiply-accumulates of layer l, ζ_l spikes per neuron over all time steps.  No memory,
leakage or clock is counted.  Eq. 15 prints F^SNN where F^ANN is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pimsim.errors import CostError

OWN, PREVIOUS = "own", "previous"
SPIKE_CONVENTIONS = (OWN, PREVIOUS)
REFERENCE_BITS = 32
MAC_EXPONENT = 1.5
"""Exponent of E_MAC in the bit width that gives Table V's 0.26 pJ; the text states 1.25, which gives 0.395 pJ."""


@dataclass(frozen=True)
class OperationEnergies:
    """Energy of one multiply-accumulate and of one accumulate, pJ, 45 nm."""

    mac_pj: float
    ac_pj: float


TABLE_V = {32: OperationEnergies(mac_pj=3.2, ac_pj=0.1), 6: OperationEnergies(mac_pj=0.26, ac_pj=0.02)}
"""As printed, by bit width."""


def operation_energies(bits: int, *, mac_exponent: float = MAC_EXPONENT, printed: bool = True) -> OperationEnergies:
    """E_MAC and E_AC at ``bits``: Table V where it has the width, else scaled from its 32-bit row.

    E_MAC ∝ bits^mac_exponent, E_AC ∝ bits.  ``printed=False`` applies the law at every width.
    """
    if bits < 1:
        raise CostError(f"bits={bits} must be at least 1")
    if printed and bits in TABLE_V:
        return TABLE_V[bits]
    reference, ratio = TABLE_V[REFERENCE_BITS], bits / REFERENCE_BITS
    return OperationEnergies(reference.mac_pj * ratio**mac_exponent, reference.ac_pj * ratio)


def ann_energy_pj(dense_macs: Sequence[int], energies: OperationEnergies) -> float:
    """E_ANN of one inference."""
    return sum(dense_macs) * energies.mac_pj


def snn_energy_pj(
    dense_macs: Sequence[int],
    spikes_per_neuron: Sequence[float],
    energies: OperationEnergies,
    *,
    convention: str = OWN,
) -> float:
    """E_SNN of one inference of L layers.

    ``spikes_per_neuron`` has one ζ per hidden layer, L − 1 of them.  ``own`` weighs layer l with its own ζ as
    the paper does, and the classifier, which never spikes, with the layer before; ``previous`` weighs every
    layer with the spikes that reach it, which is the work really done when no position is cut off at a border.
    """
    zetas = incoming_spikes(spikes_per_neuron, len(dense_macs), convention)
    accumulates = sum(macs * zeta for macs, zeta in zip(dense_macs[1:], zetas, strict=True))
    return dense_macs[0] * energies.mac_pj + accumulates * energies.ac_pj


def incoming_spikes(spikes_per_neuron: Sequence[float], layers: int, convention: str) -> tuple[float, ...]:
    """ζ that weighs each of the layers 2 … L under a convention."""
    if convention not in SPIKE_CONVENTIONS:
        raise CostError(f"convention={convention!r} is not one of {', '.join(SPIKE_CONVENTIONS)}")
    if len(spikes_per_neuron) != layers - 1:
        raise CostError(f"{layers} layers have {layers - 1} hidden ones, got {len(spikes_per_neuron)} spike rates")
    hidden = tuple(spikes_per_neuron)
    return hidden if convention == PREVIOUS else (*hidden[1:], *hidden[-1:])


def improvement(
    dense_macs: Sequence[int],
    spikes_per_neuron: Sequence[float],
    *,
    ann_bits: int,
    snn_bits: int = 6,
    convention: str = OWN,
    mac_exponent: float = MAC_EXPONENT,
) -> float:
    """E_ANN at ``ann_bits`` over E_SNN at ``snn_bits``: the paper's "×"."""
    ann = operation_energies(ann_bits, mac_exponent=mac_exponent)
    snn = operation_energies(snn_bits, mac_exponent=mac_exponent)
    energy = snn_energy_pj(dense_macs, spikes_per_neuron, snn, convention=convention)
    return ann_energy_pj(dense_macs, ann) / energy


def ceiling(dense_macs: Sequence[int], *, ann_bits: int, snn_bits: int = 6) -> float:
    """The improvement with no hidden spike at all, which no activity can exceed."""
    return improvement(dense_macs, (0.0,) * (len(dense_macs) - 1), ann_bits=ann_bits, snn_bits=snn_bits)
