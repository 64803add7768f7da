"""The integer network: everything the accelerator needs to know of a trained model.

Per neuron and time step (docs/model-format.md has the arithmetic in full)::

    v[t] = m[t-1] + a[t]                         a[t] = Σ (w − z) x over the receptive field
    o[t] = 1 if v[t] > θ else 0
    m[t] = saturate(((v[t] · λ) >> f) − θ · o[t])     m[0] = 0

which is ``u[t] = λ u[t-1] + a[t] − θ o[t-1]``, ``o[t] = u[t] > θ`` (HYPER-SNN, Eqs. 1–3), with the leak
and the reset of the next step done at write-back, as the hardware does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pimsim.model.architecture import Architecture, LayerShape

IntArray = npt.NDArray[np.integer]
FloatArray = npt.NDArray[np.float64]

LIF, IF, SINGLE_SPIKE, ACCUMULATE = "lif", "if", "single_spike", "accumulate"
NEURON_KINDS = (LIF, IF, SINGLE_SPIKE, ACCUMULATE)
AFFINE, SCALE = "affine", "scale"
SCHEMES = (AFFINE, SCALE)
DIRECT = "direct"
ENCODINGS = (DIRECT,)
FLOOR, HALF_UP = "floor", "half_up"
ROUNDINGS = (FLOOR, HALF_UP)


@dataclass(frozen=True, eq=False)
class InputQuantization:
    """Raw sample → unsigned codes: ``clip(rint((raw − mean) / deviation / scale) + zero_point, 0, 2^bits − 1)``.

    ``mean`` and ``deviation`` have one entry per depth slice (spectral band), shape (D,).
    ``rint`` rounds halves to even.
    """

    bits: int
    scale: float
    zero_point: int
    mean: FloatArray
    deviation: FloatArray


@dataclass(frozen=True)
class Neuron:
    """Kind, integer threshold θ on the accumulator's scale, and fixed-point leak λ (value λ / 2^f).

    ``accumulate`` (the classifier) has neither: threshold and leak are 0 and are not used.
    ``if`` has the leak 2^f, exactly 1.  ``single_spike`` fires at its first crossing only and is not reset.
    """

    kind: str
    threshold: int = 0
    leak: int = 0


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A weighted layer and its neurons.

    ``weight`` holds codes, shape (C_out, C_in, kD, kH, kW): unsigned 0 … 2^bits − 1 when affine, signed
    ±(2^(bits−1) − 1) with zero point 0 when ``scale``.  Real weight = scale · (code − zero_point).
    """

    shape: LayerShape
    weight: IntArray
    weight_bits: int
    scheme: str
    zero_point: int
    scale: float
    neuron: Neuron

    @property
    def name(self) -> str:
        return self.shape.name

    @property
    def centred(self) -> npt.NDArray[np.int32]:
        """Code − zero point, int32, shape (C_out, C_in, kD, kH, kW)."""
        return self.weight.astype(np.int32) - np.int32(self.zero_point)


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A quantized spiking network as exported.

    ``time_steps`` T; ``leak_fraction_bits`` f and ``leak_rounding`` hold for every leak.
    ``provenance`` is free text by key (training data, accuracy at export, tool version, attribution).
    """

    architecture: Architecture
    input: InputQuantization
    layers: tuple[IntegerLayer, ...]
    time_steps: int
    encoding: str = DIRECT
    leak_fraction_bits: int = 12
    leak_rounding: str = FLOOR
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.architecture.name

    @property
    def classes(self) -> int:
        return self.layers[-1].shape.neurons


@dataclass(frozen=True)
class BitSerial:
    """Numerics of a bit-serial crossbar whose ADC is too narrow to be lossless.

    Each conversion of at most ``rows`` active rows gives ``min(count, 2^adc_bits − 1)``.
    """

    rows: int
    adc_bits: int


@dataclass(frozen=True)
class LayerNumerics:
    """Word widths of one layer on the machine that runs it; ``bit_serial`` is None for exact sums."""

    accumulator_bits: int = 32
    membrane_bits: int = 32
    bit_serial: BitSerial | None = None
