"""Compute energy of single-spike hybrid encoding (arXiv 2107.12374).

The first layer multiplies analog pixels at step 1 and accumulates one spike per pixel at steps 2 … T;
every other layer accumulates.  ζ is at most 1: a neuron fires once per image.
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.cost.papers.hypersnn import OperationEnergies, incoming_spikes
from pimsim.errors import CostError


def energy_pj(
    dense_macs: Sequence[int],
    spikes_per_neuron: Sequence[float],
    energies: OperationEnergies,
    *,
    input_spikes_per_pixel: float = 1.0,
    convention: str = "previous",
) -> float:
    """Energy of one inference; ``input_spikes_per_pixel`` counts the temporal spikes at steps 2 … T (0 … 1)."""
    if not all(0 <= zeta <= 1 for zeta in (*spikes_per_neuron, input_spikes_per_pixel)):
        raise CostError(f"a single-spike neuron fires 0 to 1 times, got {(*spikes_per_neuron, input_spikes_per_pixel)}")
    zetas = (input_spikes_per_pixel, *incoming_spikes(spikes_per_neuron, len(dense_macs), convention))
    accumulates = sum(macs * zeta for macs, zeta in zip(dense_macs, zetas, strict=True))
    return dense_macs[0] * energies.mac_pj + accumulates * energies.ac_pj


def ceiling(dense_macs: Sequence[int]) -> float:
    """Improvement over the CNN of the same width with neither a hidden nor an input spike: Σ F / F_1."""
    return sum(dense_macs) / dense_macs[0]


def rate_for_improvement(
    dense_macs: Sequence[int], improvement: float, energies: OperationEnergies, *, input_spikes_per_pixel: float
) -> float:
    """The uniform hidden ζ at which E_ANN / E is ``improvement`` (both at the same width).

    Raises CostError where even ζ = 0 does not reach it.
    """
    budget = sum(dense_macs) * energies.mac_pj / improvement
    silent = (0.0,) * (len(dense_macs) - 1)
    floor = energy_pj(dense_macs, silent, energies, input_spikes_per_pixel=input_spikes_per_pixel)
    if budget < floor:
        raise CostError(f"improvement={improvement} exceeds what no hidden spike at all gives")
    return (budget - floor) / (sum(dense_macs[1:]) * energies.ac_pj)
