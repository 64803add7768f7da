"""Compute energy of single-spike hybrid encoding (arXiv 2107.12374).

The first layer multiplies analog pixels at step 1 and accumulates one spike per pixel at steps 2 … T;
every other layer accumulates::

    E_SNN = F_1 · (E_MAC + s · E_AC) + Σ_{l≥2} F_l · ζ_l · E_AC

s are the temporal spikes of a pixel, 1 where each fires.  ζ is at most 1: a neuron fires once per image.  The paper
holds it against a CNN of the same width.
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.cost.papers.hypersnn import PREVIOUS, OperationEnergies, ann_energy_pj, snn_energy_pj
from pimsim.errors import CostError

PUBLISHED_IMPROVEMENT = 125
"""Over the CNN, of VGG-16 on CIFAR-100 in 5 steps; abstract."""


def energy_pj(
    dense_macs: Sequence[int],
    spikes_per_neuron: Sequence[float],
    energies: OperationEnergies,
    *,
    input_spikes_per_pixel: float = 1.0,
    convention: str = PREVIOUS,
) -> float:
    """Energy of one inference; ``input_spikes_per_pixel`` counts the temporal spikes at steps 2 … T (0 … 1)."""
    if not all(0 <= zeta <= 1 for zeta in (*spikes_per_neuron, input_spikes_per_pixel)):
        raise CostError(f"a single-spike neuron fires 0 to 1 times, got {(*spikes_per_neuron, input_spikes_per_pixel)}")
    return hybrid_energy_pj(
        dense_macs, spikes_per_neuron, energies, input_spikes=input_spikes_per_pixel, convention=convention
    )


def hybrid_energy_pj(
    dense_macs: Sequence[int],
    spikes_per_neuron: Sequence[float],
    energies: OperationEnergies,
    *,
    input_spikes: float,
    convention: str = PREVIOUS,
) -> float:
    """The same for neurons of any kind, which may fire more than once: ours, the paper has no others.

    HYPER-SNN's formula and the accumulates of ``input_spikes`` spikes per input, none of which is direct encoding.
    """
    direct = snn_energy_pj(dense_macs, spikes_per_neuron, energies, convention=convention)
    return direct + dense_macs[0] * input_spikes * energies.ac_pj


def ceiling(dense_macs: Sequence[int], energies: OperationEnergies, *, input_spikes_per_pixel: float) -> float:
    """Improvement over the CNN of the same width without a hidden spike; without an input spike either Σ F / F_1."""
    return ann_energy_pj(dense_macs, energies) / _silent_pj(dense_macs, energies, input_spikes_per_pixel)


def _silent_pj(dense_macs: Sequence[int], energies: OperationEnergies, input_spikes_per_pixel: float) -> float:
    """Energy of one inference in which no hidden neuron spikes."""
    silent = (0.0,) * (len(dense_macs) - 1)
    return energy_pj(dense_macs, silent, energies, input_spikes_per_pixel=input_spikes_per_pixel)


def rate_for_improvement(
    dense_macs: Sequence[int], improvement: float, energies: OperationEnergies, *, input_spikes_per_pixel: float
) -> float:
    """The uniform hidden ζ at which E_ANN / E is ``improvement`` (both at the same width).

    Raises CostError where even ζ = 0 does not reach it.
    """
    budget = ann_energy_pj(dense_macs, energies) / improvement
    floor = _silent_pj(dense_macs, energies, input_spikes_per_pixel)
    if budget < floor:
        raise CostError(f"improvement={improvement} exceeds what no hidden spike at all gives")
    return (budget - floor) / (sum(dense_macs[1:]) * energies.ac_pj)
