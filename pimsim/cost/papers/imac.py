"""System model of IMAC (arXiv 2003.12558), which ACE-SNN (10.3389/fnins.2022.815258) builds on.

With M, N input and output channels, K² kernel elements and P output positions of a layer::

    T_pim = Σ M N K² P · B_W / (N_col N_bank) · (T_comp + T_adc + T_dac)
    T_dig = Σ [ M N K² · B_W / (B_IO N_bank) · T_read + M N K² P / N_mult · T_mult ]
    E_pim = Σ M N K² P · (E_comp + E_adc + E_dac)
    E_dig = Σ [ M N K² · E_read + M N K² P · E_mult + M N P · E_reg ]

The same group's later form hoists the ceilings::

    t = ceil(K² M N / ((B_IO / B_W) N_bank)) · T_read + ceil(K² M N / N_mult) · P · T_mult
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from pimsim.errors import CostError


@dataclass(frozen=True)
class ImacLayer:
    """M, N, K² and P of one layer; a linear layer has K² = P = 1."""

    in_channels: int
    out_channels: int
    kernel_elements: int = 1
    positions: int = 1

    @property
    def weights(self) -> int:
        return self.in_channels * self.out_channels * self.kernel_elements

    @property
    def macs(self) -> int:
        return self.weights * self.positions

    @property
    def register_writes(self) -> int:
        """M · N · P, as the model has it."""
        return self.in_channels * self.out_channels * self.positions


@dataclass(frozen=True)
class ImacParameters:
    """IMAC's own constants at 65 nm; the ADC's are per product (one conversion serves ten).

    The published table has no DAC term: its energy and delay are 0 here, and the headline needs them so.
    """

    t_comp_ns: float = 1.0
    t_adc_ns: float = 0.5
    t_dac_ns: float = 0.0
    t_mult_ns: float = 4.0
    t_read_ns: float = 4.0
    e_comp_pj: float = 0.2798224
    e_adc_pj: float = 0.1
    e_dac_pj: float = 0.0
    e_mult_pj: float = 0.9
    e_read_pj: float = 5.2
    e_reg_pj: float = 4.0
    columns: int = 256
    banks: int = 4
    io_bits: int = 16
    weight_bits: int = 5
    multipliers: int = 175

    @property
    def t_product_ns(self) -> float:
        return self.t_comp_ns + self.t_adc_ns + self.t_dac_ns

    @property
    def e_product_pj(self) -> float:
        return self.e_comp_pj + self.e_adc_pj + self.e_dac_pj

    @property
    def engine_ratio(self) -> float:
        """E_pim / E_mult at one node, 0.422: what carries over to another node."""
        return self.e_product_pj / self.e_mult_pj


PUBLISHED = ImacParameters()
LENET5 = (
    ImacLayer(1, 6, 25, 28 * 28),
    ImacLayer(6, 16, 25, 10 * 10),
    ImacLayer(400, 120),
    ImacLayer(120, 84),
    ImacLayer(84, 10),
)
"""IMAC's benchmark: 5×5 convolutions on 28×28 (pad 2) and 14×14, then 400→120→84→10."""


def pim_delay_ns(layers: Iterable[ImacLayer], p: ImacParameters = PUBLISHED) -> float:
    """T_pim of one inference."""
    return sum(layer.macs for layer in layers) * p.weight_bits / (p.columns * p.banks) * p.t_product_ns


def digital_delay_ns(layers: Iterable[ImacLayer], p: ImacParameters = PUBLISHED) -> float:
    """T_dig of one inference, without ceilings as published."""
    return sum(
        layer.weights * p.weight_bits / (p.io_bits * p.banks) * p.t_read_ns + layer.macs / p.multipliers * p.t_mult_ns
        for layer in layers
    )


def hoisted_delay_ns(layers: Iterable[ImacLayer], p: ImacParameters = PUBLISHED, *, activity: float = 1.0) -> float:
    """T_dig with the ceilings hoisted out of the sum over positions.

    ``activity`` scales the arithmetic (not the weight reads) of an accumulate layer by its spikes per neuron.
    """
    words = p.io_bits / p.weight_bits * p.banks
    return sum(
        ceil(layer.weights / words) * p.t_read_ns
        + ceil(layer.weights / p.multipliers) * layer.positions * p.t_mult_ns * activity
        for layer in layers
    )


def pim_energy_pj(layers: Iterable[ImacLayer], p: ImacParameters = PUBLISHED) -> float:
    """E_pim of one inference."""
    return sum(layer.macs for layer in layers) * p.e_product_pj


def digital_energy_pj(layers: Iterable[ImacLayer], p: ImacParameters = PUBLISHED) -> float:
    """E_dig of one inference."""
    return sum(
        layer.weights * p.e_read_pj + layer.macs * p.e_mult_pj + layer.register_writes * p.e_reg_pj for layer in layers
    )


@dataclass(frozen=True)
class FirstLayerGain:
    """Digital over PIM first layer, whole network; the abstract's per cents are ratio − 1."""

    energy: float
    delay: float

    @property
    def edp(self) -> float:
        return self.energy * self.delay


def first_layer_gain(
    layers: Sequence[ImacLayer],
    spikes_per_neuron: Sequence[float],
    *,
    input_spikes: float = 0.0,
    mac_pj: float = 0.26,
    ac_pj: float = 0.02,
    parameters: ImacParameters = ImacParameters(weight_bits=6),
) -> FirstLayerGain:
    """ACE-SNN's question: what a PIM first layer saves over a digital one, the other layers equal.

    Our reading, since the paper's parameter table could not be opened: the PIM product costs `engine_ratio`
    of a digital MAC; delays are IMAC's with hoisted ceilings; accumulate layers take ζ times a dense pass.
    ``spikes_per_neuron`` has the ζ that weighs each of the layers 2 … L.  ``input_spikes`` per input under hybrid
    encoding (0: direct), which ACE-SNN does not have: the first layer accumulates them on the digital engine of either.
    """
    if len(spikes_per_neuron) != len(layers) - 1:
        raise CostError(f"{len(layers)} layers need {len(layers) - 1} spike rates, got {len(spikes_per_neuron)}")
    spiking = ((layers[0], input_spikes),) if input_spikes else ()
    rest = (*spiking, *zip(layers[1:], spikes_per_neuron, strict=True))
    rest_pj = sum(layer.macs * zeta for layer, zeta in rest) * ac_pj
    rest_ns = sum(hoisted_delay_ns((layer,), parameters, activity=zeta) for layer, zeta in rest)
    first, first_pj = layers[:1], layers[0].macs * mac_pj
    return FirstLayerGain(
        energy=(first_pj + rest_pj) / (first_pj * parameters.engine_ratio + rest_pj),
        delay=(hoisted_delay_ns(first, parameters) + rest_ns) / (pim_delay_ns(first, parameters) + rest_ns),
    )
