"""One set of weights that runs as the ReLU network, as the spiking network and as the CNN of few bits.

The spiking forward pass works in integer units: weights and inputs are codes minus zero point, thresholds
are rounded to the accumulator's scale, leaks to 2^-f.  In float32 every current is then an exact integer
and the network differs from the exported one only in the rounding of the leaked membrane.  The quantized CNN
passes on integers likewise, and differs in nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pimsim.errors import ModelError
from pimsim.model.architecture import Architecture, LayerShape
from pimsim.model.network import AFFINE
from pimsim.training.coding import DIRECT_RATE, Coding
from pimsim.training.convolution import convolve
from pimsim.training.dropout import drop
from pimsim.training.neuron import spike
from pimsim.training.quantize import Grid, fake_quantize, requantize, round_through


@dataclass(frozen=True)
class Precision:
    """How a forward pass computes.

    ``weight_bits`` 0 means float weights, thresholds and leaks.  ``half`` computes the convolutions in
    bfloat16: spikes and codes are exact in it, sums are rounded to 8 bits.  ``floor_leak`` rounds every
    leaked membrane down to an integer, as the accelerator does.
    """

    weight_bits: int = 0
    scheme: str = AFFINE
    leak_fraction_bits: int = 8
    half: bool = False
    floor_leak: bool = False


class Network(nn.Module):
    """Weights, thresholds and leaks of an `Architecture`; no biases, no batch norm (HYPER-SNN §III).

    ``input_grid`` quantizes normalized patches; every forward pass takes its codes minus zero point.
    Thresholds are in real units, those of ``scale of the weights × scale of the input``.  With
    ``activation_bits`` it is a CNN: in place of thresholds and leaks it has ``clips``, the logarithms of
    the real activations that become the highest code: a learning rate is then a share of each.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_grid: Grid,
        *,
        seed: int = 0,
        activation_bits: int | None = None,
        coding: Coding = DIRECT_RATE,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.input_grid = input_grid
        self.set_dropout(0.0)
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.ParameterList([_kaiming(layer, generator) for layer in architecture.layers])
        hidden = len(architecture.layers) - 1
        self.activation_bits = activation_bits
        self.coding = coding
        spiking, clipped = (0, hidden) if activation_bits else (hidden, 0)
        self.thresholds = _scalars(spiking + coding.is_timed)
        self.leaks = _scalars(spiking)
        self.clips = _scalars(clipped)

    def set_dropout(self, rate: float, layers: Iterable[str] | None = None) -> None:
        """In training, drop a share ``rate`` of what enters the named layers; None: every layer but the first.

        Raises ModelError for a name that none of these layers has.
        """
        names = [layer.name for layer in self.architecture.layers[1:]]
        chosen = names if layers is None else list(layers)
        for name in chosen:
            if name not in names:
                raise ModelError(f'dropout_layers: no "{name}" among those behind the first: {", ".join(names)}')
        self.dropout = {name: rate for name in chosen if rate}

    def _dropped(self, x: Tensor, index: int) -> Tensor:
        """What enters a layer, with dropout where training has it."""
        layer = self.architecture.layers[index]
        rate = self.dropout.get(layer.name) if self.training else None
        return drop(x, rate, layer) if rate else x

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        weight: Tensor = self.weights[0]
        return weight.device

    def centre(self, codes: Tensor) -> Tensor:
        """Input codes (uint8) → codes minus zero point, float32."""
        return codes.float() - self.input_grid.zero_point

    def weight_grid(self, index: int, precision: Precision) -> Grid | None:
        """Grid of a layer's weights at the present range; None for float weights."""
        if not precision.weight_bits:
            return None
        return Grid.of(self.weights[index].detach(), precision.weight_bits, precision.scheme)

    def weight(self, index: int, precision: Precision) -> tuple[Tensor, float]:
        """A layer's weight in units of the returned scale; bfloat16 where the precision is half, rounded if float."""
        weight: Tensor = self.weights[index]
        dtype = torch.bfloat16 if precision.half else torch.float32
        grid = self.weight_grid(index, precision)
        return (weight.to(dtype), 1.0) if grid is None else (fake_quantize(weight, grid, dtype), grid.scale)

    def forward_relu(self, codes: Tensor, precision: Precision) -> Tensor:
        """Centred input codes (N, C, D, H, W) → logits (N, classes)."""
        x = _channels_inside(codes)
        last = len(self.architecture.layers) - 1
        for index, layer in enumerate(self.architecture.layers):
            weight, scale = self.weight(index, precision)
            x = convolve(x, weight, layer, half=precision.half)
            unit = self.unit(index, scale)
            x = x if unit == 1.0 else x * unit
            if index < last:
                x = self._dropped(F.relu(x), index + 1)
        return x.float().flatten(1)

    def forward_quantized(self, codes: Tensor, precision: Precision, activations: list[Tensor] | None = None) -> Tensor:
        """Centred input codes (N, C, D, H, W) → logits (N, classes), with activations rounded to their codes.

        ``activations`` collects every hidden layer's codes, (N, H, W, C, D).
        """
        x = _channels_inside(codes)
        last = len(self.architecture.layers) - 1
        for index, layer in enumerate(self.architecture.layers):
            weight, scale = self.weight(index, precision)
            sums = convolve(x, weight, layer, half=precision.half)
            if index == last:
                break
            x = requantize(sums, self.ratio(index, scale), self.highest)
            if activations is not None:
                activations.append(x.permute(0, 2, 3, 4, 1))
            x = self._dropped(x, index + 1)
        return sums.float().flatten(1) * self.unit(last, scale) * self.step(last - 1)

    @property
    def highest(self) -> int:
        """The highest activation code."""
        return int(2 ** (self.activation_bits or 1) - 1)

    def step(self, index: int) -> Tensor:
        """Real value of 1 in the activation codes behind a hidden layer."""
        step: Tensor = torch.exp(self.clips[index]) / self.highest
        return step

    def ratio(self, index: int, scale: float) -> Tensor:
        """Activation codes per 1 in a hidden layer's accumulator, for weights in units of ``scale``."""
        before: Tensor | float = self.step(index - 1) if index > 0 else 1.0
        return before * self.unit(index, scale) / self.step(index)

    def unit(self, index: int, scale: float) -> float:
        """Real value of 1 in a layer's accumulator, for weights in units of ``scale``.

        The first layer's inputs are codes; behind a pool the inputs are sums over the window, so the
        share of one spike in the average belongs to the unit.  Inputs that are activations count in steps.
        """
        share = 1 / math.prod(self.architecture.layers[index].pool)
        return scale * share * (self.input_grid.scale if index == 0 else 1.0)

    def neuron(self, index: int, scale: float, precision: Precision) -> tuple[Tensor, Tensor]:
        """Leak and threshold, the latter in units of the layer's accumulator."""
        leak: Tensor = self.leaks[index]
        if precision.weight_bits:
            one = 2**precision.leak_fraction_bits
            leak = round_through(leak * one) / one
        return leak, self.threshold(index, scale, precision)

    def threshold(self, index: int, scale: float, precision: Precision) -> Tensor:
        """Threshold of a hidden layer or of a timed classifier, in units of its accumulator."""
        threshold: Tensor = self.thresholds[index] / self.unit(index, scale)
        return round_through(threshold).clamp(min=1.0) if precision.weight_bits else threshold

    def time_weight(self, scale: float, precision: Precision) -> float:
        """A step of time in units of a timed classifier's accumulator."""
        weight = 1.0 / self.unit(len(self.architecture.layers) - 1, scale)
        return max(float(round(weight)), 1.0) if precision.weight_bits else weight

    def forward_spiking(
        self, codes: Tensor, precision: Precision, steps: int, spikes: list[Tensor] | None = None
    ) -> Tensor:
        """Centred input codes (N, C, D, H, W) → outputs after ``steps`` steps (N, classes), real units.

        Direct encoding: the first convolution is computed once.  Layers run one after the other over
        all steps, which a feed-forward network without a step of delay allows.  ``spikes`` collects
        every hidden layer's spikes, (T, N, H, W, C, D).
        """
        x = self.coding.encode(_channels_inside(codes), self.input_grid, steps)
        for index in range(len(self.architecture.layers) - 1):
            current, scale = self._current(x, index, precision)
            leak, threshold = self.neuron(index, scale, precision)
            x = spike(current, leak, threshold, steps, floor_leak=precision.floor_leak, once=self.coding.fires_once)
            if spikes is not None:
                spikes.append(x.permute(0, 1, 3, 4, 5, 2))
            x = self._dropped(x, index + 1)
        current, scale = self._current(x, len(self.architecture.layers) - 1, precision)
        return self._read(current.float().flatten(2), scale, precision, steps)

    def _current(self, x: Tensor, index: int, precision: Precision) -> tuple[Tensor, float]:
        """A layer's input currents at all steps, (T, N, ...) → (T, N, ...), and the scale of its weights."""
        weight, scale = self.weight(index, precision)
        current = convolve(x.flatten(0, 1), weight, self.architecture.layers[index], half=precision.half)
        return current.reshape(*x.shape[:2], *current.shape[1:]), scale

    def _read(self, current: Tensor, scale: float, precision: Precision, steps: int) -> Tensor:
        """The classifier's currents (1 or T, N, classes) → its outputs (N, classes), real units.

        A running sum u without leak; ``timed`` takes off the step t of its first crossing, T where there is none, so
        that softmax(u[T] − t) (arXiv 2107.12374).  t = T + Σ (t − T) o[t] over the spikes of a single-spike neuron.
        """
        last = len(self.architecture.layers) - 1
        unit = self.unit(last, scale)
        total = current.sum(0)  # a network of one layer has a constant current, which every step adds
        if not self.coding.is_timed:
            return total * (unit * (steps // len(current)))
        spikes = spike(current, current.new_ones(()), self.threshold(last, scale, precision), steps, once=True)
        times = torch.arange(1 - steps, 1, device=current.device, dtype=current.dtype)
        when = steps + torch.tensordot(times, spikes, 1)
        outputs: Tensor = total * (steps // len(current)) - when * self.time_weight(scale, precision)
        return outputs * unit

    def clamp(self) -> None:
        """Leaks stay in [0, 1], thresholds above 0 (after each optimizer step)."""
        with torch.no_grad():
            for leak in self.leaks:
                leak.clamp_(0.0, 1.0)
            for threshold in self.thresholds:
                threshold.clamp_(min=1e-3)


def _channels_inside(codes: Tensor) -> Tensor:
    """(N, C, D, H, W) → (N, D, H, W, C), in memory too: images as they come would slow down every layer."""
    return codes.permute(0, 2, 3, 4, 1).contiguous()


def _scalars(count: int) -> nn.ParameterList:
    return nn.ParameterList([nn.Parameter(torch.ones(())) for _ in range(count)])


def _kaiming(layer: LayerShape, generator: torch.Generator) -> nn.Parameter:
    shape = (layer.out_channels, layer.in_shape[0], *layer.kernel)
    return nn.Parameter(torch.randn(shape, generator=generator) * (2.0 / layer.fan_in) ** 0.5)
