"""The integer network: everything the accelerator needs to know of a trained model.

Per neuron and time step (docs/model-format.md has the arithmetic in full)::

    v[t] = m[t-1] + a[t]                         a[t] = Σ (w − z) x over the receptive field
    o[t] = 1 if v[t] > θ else 0
    m[t] = saturate(((v[t] · λ) >> f) − θ · o[t])     m[0] = 0

which is ``u[t] = λ u[t-1] + a[t] − θ o[t-1]``, ``o[t] = u[t] > θ`` (HYPER-SNN, Eqs. 1–3), with the leak
and the reset of the next step done at write-back, as the hardware does.

The first layer's a[t] is the same at every step where the encoding is ``direct``.  Where it is ``hybrid``
(arXiv 2107.12374), the codes are summed at step 1 alone, and each input fires once at steps 2 … T::

    a[1] = Σ (w − z) (x − z_x)        a[t] = 2^k Σ (w − z) e[t]        e[t] = 1 where T_i = t, see `InputSpikes`

A CNN has neither steps nor membranes: its hidden layers requantize each sum once, to ``b`` unsigned bits::

    y = clip((a · multiplier + 2^(shift−1)) >> shift, 0, 2^b − 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model import checks
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.input import MAX_CODE_BITS, InputQuantization, InputSpikes
from pimsim.model.macro import Macro

IntArray = npt.NDArray[np.integer]

LIF, IF, SINGLE_SPIKE, RELU, ACCUMULATE, TIMED = "lif", "if", "single_spike", "relu", "accumulate", "timed"
HIDDEN, CLASSIFIERS = (LIF, IF, SINGLE_SPIKE, RELU), (ACCUMULATE, TIMED)
NEURON_KINDS = (*HIDDEN, *CLASSIFIERS)
AFFINE, SCALE = "affine", "scale"
SCHEMES = (AFFINE, SCALE)
DIRECT, HYBRID = "direct", "hybrid"
ENCODINGS = (DIRECT, HYBRID)
FLOOR, HALF_UP = "floor", "half_up"
ROUNDINGS = (FLOOR, HALF_UP)

MAX_TIME_STEPS = 4096
MAX_THRESHOLD = 2**31 - 1
#: a word of 46 bits times a leak of at most 2^16 stays inside int64
MAX_WORD_BITS = 46
MAX_FRACTION_BITS = 16
#: a word of 46 bits times a multiplier below 2^16, and half of 2^46 beside it, stay inside int64
MAX_MULTIPLIER = 2**16 - 1
MAX_SHIFT = 46
#: what a pool may add up to; kernels hold operands in 32-bit words
MAX_OPERAND = 2**31 - 1
MAX_TIME_WEIGHT = 2**31 - 1


@dataclass(frozen=True)
class Neuron:
    """Kind, integer threshold θ on the accumulator's scale, and fixed-point leak λ (value λ / 2^f).

    ``accumulate`` (the classifier) has neither: threshold and leak are 0 and are not used.  ``timed`` is the classifier
    of single-spike networks (arXiv 2107.12374): a running sum u without leak and reset, the output of which is
    u[T] − ``time_weight`` · t, t the first step with u[t] > ``threshold``, T where there is none.
    ``if`` has the leak 2^f, exactly 1.  ``single_spike`` fires at its first crossing only and is not reset.
    ``relu`` has neither either, but ``multiplier`` and ``shift``, whose quotient multiplier / 2^shift turns a
    sum into an activation of ``activation_bits``; in all other kinds the three are 0.
    """

    kind: str
    threshold: int = 0
    leak: int = 0
    multiplier: int = 0
    shift: int = 0
    activation_bits: int = 0
    time_weight: int = 0

    def __post_init__(self) -> None:
        checks.choice("neuron", self.kind, NEURON_KINDS)
        checks.integer("threshold", self.threshold, 0, MAX_THRESHOLD)
        checks.integer("leak", self.leak, 0, 2**MAX_FRACTION_BITS)
        checks.integer("time_weight", self.time_weight, 0, MAX_TIME_WEIGHT if self.kind == TIMED else 0)
        if self.kind == TIMED and self.leak:
            raise ModelError(f'neuron "{self.kind}" has leak 0, got {self.leak}')
        if self.kind in (ACCUMULATE, RELU) and (self.threshold, self.leak) != (0, 0):
            raise ModelError(f'neuron "{self.kind}" has threshold 0 and leak 0, got {self.threshold} and {self.leak}')
        if self.kind == RELU:
            checks.integer("multiplier", self.multiplier, 1, MAX_MULTIPLIER)
            checks.integer("shift", self.shift, 0, MAX_SHIFT)
            checks.integer("activation_bits", self.activation_bits, 1, MAX_CODE_BITS)
        elif (self.multiplier, self.shift, self.activation_bits) != (0, 0, 0):
            raise ModelError(
                f'neuron "{self.kind}" is not requantized: its multiplier, shift and activation_bits are 0'
            )

    @property
    def largest(self) -> int:
        """Largest value that the neuron hands on: 1 for a spike."""
        return 2**self.activation_bits - 1 if self.kind == RELU else 1


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

    def __post_init__(self) -> None:
        with checks.inside(f'layer "{self.shape.name}"'):
            checks.choice("scheme", self.scheme, SCHEMES)
            checks.integer("weight_bits", self.weight_bits, 1 if self.scheme == AFFINE else 2, MAX_CODE_BITS)
            checks.integer("zero_point", self.zero_point, 0, max(0, self.code_range[1]) if self.scheme == AFFINE else 0)
            checks.positive("scale", self.scale)
            checks.codes("weight", self.weight, self.weight_shape, self.code_range)

    @property
    def weight_shape(self) -> tuple[int, int, int, int, int]:
        return (self.shape.out_channels, self.shape.in_shape[0], *self.shape.kernel)

    @property
    def code_range(self) -> tuple[int, int]:
        """Smallest and largest weight code."""
        if self.scheme == AFFINE:
            return 0, 2**self.weight_bits - 1
        return -(2 ** (self.weight_bits - 1) - 1), 2 ** (self.weight_bits - 1) - 1

    @property
    def name(self) -> str:
        return self.shape.name

    @property
    def centred(self) -> npt.NDArray[np.int32]:
        """Code − zero point, int32, shape (C_out, C_in, kD, kH, kW)."""
        return self.weight.astype(np.int32) - np.int32(self.zero_point)


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A quantized network as exported: a spiking one, or a CNN whose hidden layers are all ``relu``.

    ``time_steps`` T, 1 for a CNN; ``leak_fraction_bits`` f and ``leak_rounding`` hold for every leak;
    ``input_spikes`` belong to the encoding ``hybrid`` and to no other.
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
    input_spikes: InputSpikes | None = None

    def __post_init__(self) -> None:
        checks.integer("time_steps", self.time_steps, 1, MAX_TIME_STEPS)
        checks.choice("encoding", self.encoding, ENCODINGS)
        checks.integer("leak_fraction_bits", self.leak_fraction_bits, 0, MAX_FRACTION_BITS)
        checks.choice("leak_rounding", self.leak_rounding, ROUNDINGS)
        if not self.input.fits(shape := self.architecture.input_shape):
            raise ModelError(f"input.mean: shape {self.input.mean.shape} does not fit the input shape {shape}")
        _check_chain(self)
        _check_encoding(self)

    @property
    def name(self) -> str:
        return self.architecture.name

    @property
    def classes(self) -> int:
        return self.layers[-1].shape.neurons

    @property
    def is_hybrid(self) -> bool:
        """Whether the first layer sums codes at step 1 and input spikes at the steps behind it."""
        return self.input_spikes is not None

    @property
    def is_cnn(self) -> bool:
        """Whether layers hand over multi-bit activations, once, in place of spikes."""
        return self.layers[0].neuron.kind == RELU

    def input_range(self, index: int) -> tuple[int, int]:
        """Smallest and largest value minus zero point that a layer's source map holds, before the pool."""
        if index == 0:
            return -self.input.zero_point, 2**self.input.bits - 1 - self.input.zero_point
        return 0, self.layers[index - 1].neuron.largest


@dataclass(frozen=True)
class LayerNumerics:
    """Words and arithmetic of one layer on the machine that runs it; ``crossbar`` is None for exact sums.

    ``spike_crossbar`` likewise for the sums of input spikes of the first layer under the encoding ``hybrid``.

    The membrane v[t] of every neuron, and the running sum of the classifier, must fit in
    ``accumulator_bits``; the mapping proves that they do.  A write-back drops the ``membrane_shift`` lowest
    bits under ``membrane_rounding`` and saturates the rest to ``membrane_bits``; reading shifts back.
    ``leak_terms`` n > 0 replaces the leak by the nearest sum of n signed powers of two, 0 multiplies exactly.
    """

    accumulator_bits: int = 32
    membrane_bits: int = 32
    crossbar: Macro | None = None
    membrane_shift: int = 0
    membrane_rounding: str = FLOOR
    leak_terms: int = 0
    spike_crossbar: Macro | None = None

    def __post_init__(self) -> None:
        checks.integer("accumulator_bits", self.accumulator_bits, 1, MAX_WORD_BITS)
        checks.integer("membrane_bits", self.membrane_bits, 1, self.accumulator_bits)
        checks.integer("membrane_shift", self.membrane_shift, 0, self.accumulator_bits - self.membrane_bits)
        checks.choice("membrane_rounding", self.membrane_rounding, ROUNDINGS)
        checks.integer("leak_terms", self.leak_terms, 0, MAX_FRACTION_BITS + 1)

    def as_mapping(self) -> dict[str, int | str]:
        """As a trace records it; an empty name stands for exact sums, and what is left out is 0."""
        further = {
            "membrane_shift": self.membrane_shift,
            "membrane_half_up": int(self.membrane_shift > 0 and self.membrane_rounding == HALF_UP),
            "leak_terms": self.leak_terms,
        }
        words: dict[str, int | str] = {
            "accumulator_bits": self.accumulator_bits,
            "membrane_bits": self.membrane_bits,
            "crossbar": self.crossbar.identity if self.crossbar else "",
        }
        if self.spike_crossbar is not None:
            words["spike_crossbar"] = self.spike_crossbar.identity
        return words | {key: value for key, value in further.items() if value}


def _check_encoding(network: IntegerNetwork) -> None:
    spikes = network.input_spikes
    if (spikes is not None) != (network.encoding == HYBRID):
        has = "needs" if spikes is None else "has no"
        raise ModelError(f"encoding={network.encoding}: {has} input.spike_low, input.spike_high and input.spike_shift")
    if spikes is not None:
        spikes.check_codes(network.input.bits)
        if network.time_steps < 2:
            raise ModelError(
                f"time_steps={network.time_steps}: inputs of the encoding {HYBRID} fire at steps 2 … T, of which there "
                "have to be 1 or more"
            )


def _check_chain(network: IntegerNetwork) -> None:
    """Layers against the architecture, and neurons against their place in the chain."""
    shapes = network.architecture.layers
    if len(network.layers) != len(shapes):
        raise ModelError(f"{len(network.layers)} layers, the architecture has {len(shapes)}")
    if len(shapes) < 2:
        raise ModelError("layers: a network needs a hidden layer before its classifier, got 1 layer")
    for layer, shape in zip(network.layers, shapes, strict=True):
        with checks.inside(f'layer "{shape.name}"'):
            if layer.shape != shape:
                raise ModelError(f"shape {layer.shape} differs from the architecture's {shape}")
            _check_neuron(network, layer, last=shape is shapes[-1])
    if any(layer.neuron.kind == RELU for layer in network.layers):
        _check_cnn(network)
    if shapes[0].pool != (1, 1, 1):
        raise ModelError(f'layer "{shapes[0].name}": pool {shapes[0].pool}, the first layer takes no pool')
    if shapes[-1].positions != 1:
        raise ModelError(f'layer "{shapes[-1].name}": the classifier has {shapes[-1].positions} positions, not 1')


def _check_neuron(network: IntegerNetwork, layer: IntegerLayer, *, last: bool) -> None:
    neuron, one = layer.neuron, 2**network.leak_fraction_bits
    if (neuron.kind in CLASSIFIERS) != last:
        place, wanted = ("last", CLASSIFIERS) if last else ("hidden", HIDDEN)
        raise ModelError(f'neuron="{neuron.kind}", expected one of {", ".join(wanted)}: it is a {place} layer')
    checks.integer("leak", neuron.leak, one if neuron.kind == IF else 0, one)


def _check_cnn(network: IntegerNetwork) -> None:
    """One pass over activations: nothing that only steps, spikes and leaks have; one CNN, one way to write it."""
    for layer in network.layers[:-1]:
        if layer.neuron.kind != RELU:
            raise ModelError(
                f'layer "{layer.name}": neuron="{layer.neuron.kind}" beside "relu"; a layer of spikes takes a value in '
                "each of T steps, a layer of activations one in all, so hidden layers are all relu or all spiking"
            )
    if network.layers[-1].neuron.kind == TIMED:
        raise ModelError(
            f'layer "{network.layers[-1].name}": neuron="{TIMED}" waits for a threshold; a CNN has no steps'
        )
    if network.is_hybrid:
        raise ModelError(f"encoding={HYBRID}: its inputs fire at steps 2 … T, a CNN has no steps")
    checks.integer("time_steps", network.time_steps, 1, 1)
    checks.integer("leak_fraction_bits", network.leak_fraction_bits, 0, 0)
    checks.choice("leak_rounding", network.leak_rounding, (FLOOR,))
    for index, layer in enumerate(network.layers):
        largest = network.input_range(index)[1] * prod(layer.shape.pool)
        if largest > MAX_OPERAND:
            raise ModelError(
                f'layer "{layer.name}": its pool adds activations up to {largest}, at most {MAX_OPERAND} are allowed'
            )
