"""Trained network → integer network, and how far the two agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pimsim.model.input import InputQuantization
from pimsim.model.network import (
    ACCUMULATE,
    DIRECT,
    FLOOR,
    HYBRID,
    RELU,
    TIMED,
    IntegerLayer,
    IntegerNetwork,
    Neuron,
)
from pimsim.training.evaluate import samples_at_once
from pimsim.training.network import Network, Precision
from pimsim.training.quantize import Grid, fixed_ratio

#: values of every hidden layer and predicted classes, of some samples
Recorded = tuple[list[np.ndarray], np.ndarray]


def export(
    network: Network,
    quantization: InputQuantization,
    precision: Precision,
    *,
    time_steps: int,
    scheme: str | None = None,
    provenance: Mapping[str, object] | None = None,
) -> IntegerNetwork:
    """The integer network of ``network`` at ``precision``; ``time_steps`` 1 for a CNN.

    ``scheme`` quantizes the weights another way than they were trained (``scale`` is the paper's
    inference form); None keeps the trained one.
    """
    chosen = precision if scheme is None else Precision(precision.weight_bits, scheme, precision.leak_fraction_bits)
    layers = tuple(_layer(network, index, chosen) for index in range(len(network.architecture.layers)))
    return IntegerNetwork(
        architecture=network.architecture,
        input=quantization,
        layers=layers,
        time_steps=time_steps,
        encoding=DIRECT if network.coding.input_spikes is None else HYBRID,
        input_spikes=network.coding.input_spikes,
        leak_fraction_bits=0 if network.activation_bits else chosen.leak_fraction_bits,
        leak_rounding=FLOOR,
        provenance=dict(provenance or {}),
    )


def _layer(network: Network, index: int, precision: Precision) -> IntegerLayer:
    grid = network.weight_grid(index, precision)
    if grid is None:
        raise ValueError("a network with float weights has no integer form")
    codes = grid.codes(network.weights[index].detach()).numpy()
    return IntegerLayer(
        shape=network.architecture.layers[index],
        weight=codes.astype(np.uint8 if grid.low >= 0 else np.int8),
        weight_bits=precision.weight_bits,
        scheme=precision.scheme,
        zero_point=grid.zero_point,
        scale=network.unit(index, grid.scale),
        neuron=_neuron(network, index, grid, precision),
    )


def _neuron(network: Network, index: int, grid: Grid, precision: Precision) -> Neuron:
    if index == len(network.architecture.layers) - 1:
        return _classifier(network, index, grid, precision)
    if network.activation_bits:
        multiplier, shift = fixed_ratio(network.ratio(index, grid.scale).item())
        return Neuron(RELU, multiplier=multiplier, shift=shift, activation_bits=network.activation_bits)
    leak, threshold = (value.item() for value in network.neuron(index, grid.scale, precision))
    leak = round(leak * 2**precision.leak_fraction_bits)
    return Neuron(network.coding.neuron, threshold=round(threshold), leak=leak)


def _classifier(network: Network, index: int, grid: Grid, precision: Precision) -> Neuron:
    if not network.coding.is_timed:
        return Neuron(ACCUMULATE)
    threshold = round(network.threshold(index, grid.scale, precision).item())
    return Neuron(TIMED, threshold=threshold, time_weight=round(network.time_weight(grid.scale, precision)))


@dataclass(frozen=True)
class Agreement:
    """Spikes or activations of the float network that the integer one repeats, as fractions, per hidden layer."""

    layers: tuple[str, ...]
    equal: tuple[float, ...]
    predictions: float

    def describe(self) -> dict[str, float]:
        """Percent per layer and of the predictions, for a JSON file."""
        shares = zip((*self.layers, "predictions"), (*self.equal, self.predictions), strict=True)
        return {name: round(100 * share, 4) for name, share in shares}


def agreement(
    network: Network,
    codes: torch.Tensor,
    precision: Precision,
    spikes: list[np.ndarray],
    predictions: np.ndarray,
) -> Agreement:
    """Compare the float network at ``precision`` with spikes of the integer network.

    codes (N, C, D, H, W) uint8; spikes per hidden layer bool (N, T, D, H, W, C); predictions (N,).
    """
    steps = spikes[0].shape[1]

    def run(part: torch.Tensor) -> Recorded:
        recorded: list[torch.Tensor] = []
        logits = network.forward_spiking(network.centre(part), precision, steps, recorded)
        # (T, N, H, W, C, D) → (N, T, D, H, W, C)
        return [layer.permute(1, 0, 5, 2, 3, 4).numpy() > 0 for layer in recorded], logits.argmax(1).numpy()

    return _agreement(network, run, codes.split(samples_at_once(network, steps)), spikes, predictions)


def activation_agreement(
    network: Network,
    codes: torch.Tensor,
    precision: Precision,
    activations: list[np.ndarray],
    predictions: np.ndarray,
) -> Agreement:
    """`agreement` of a CNN: activations per hidden layer unsigned (N, D, H, W, C)."""

    def run(part: torch.Tensor) -> Recorded:
        recorded: list[torch.Tensor] = []
        logits = network.forward_quantized(network.centre(part), precision, recorded)
        # (N, H, W, C, D) → (N, D, H, W, C)
        return [layer.permute(0, 4, 1, 2, 3).numpy() for layer in recorded], logits.argmax(1).numpy()

    return _agreement(network, run, codes.split(samples_at_once(network, 1)), activations, predictions)


def _agreement(
    network: Network,
    run: Callable[[torch.Tensor], Recorded],
    parts: Iterable[torch.Tensor],
    theirs: list[np.ndarray],
    predictions: np.ndarray,
) -> Agreement:
    equal, same, start = [0] * len(theirs), 0, 0
    for part in parts:
        chosen = slice(start, start + len(part))
        start = chosen.stop
        with torch.no_grad():
            mine, classes = run(part)
        for index, (own, other) in enumerate(zip(mine, theirs, strict=True)):
            equal[index] += int(np.count_nonzero(own == other[chosen]))
        same += int(np.count_nonzero(classes == predictions[chosen]))
    shares = tuple(count / max(layer.size, 1) for count, layer in zip(equal, theirs, strict=True))
    names = tuple(layer.name for layer in network.architecture.layers[:-1])
    return Agreement(names, shares, same / max(len(predictions), 1))
