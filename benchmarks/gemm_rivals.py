"""The strongest dense rivals: a layer's convolution over all steps at once as one matrix product, compiled by torch.

Layer by layer instead of step by step, so that each layer is one product of (samples · steps · positions) receptive
fields by the weights, followed by its neurons over all steps.  `torch.compile` fuses both around the product.
In ``int8`` the fields and weights are bytes, the product is `torch._int_mm`, exact in 32 bits, and the neurons are
the integer network's own: the outputs are equal, bit by bit, and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pimsim.model.architecture import LayerShape
from pimsim.model.network import ACCUMULATE, FLOOR, IntegerNetwork


class GemmRival:
    """``forward`` takes centred inputs (N, D, H, W, C) in float32 or, with ``exact``, int8."""

    def __init__(self, network: IntegerNetwork, *, exact: bool) -> None:
        kind = torch.int8 if exact else torch.float32
        self.network, self.kind, self.exact = network, kind, exact
        if exact and (network.leak_rounding != FLOOR or network.input.bits > 8):
            raise SystemExit("the exact rival rounds leaks down and takes inputs of at most 8 bits")
        # channels last, as in the fields: what is copied together lies together
        matrices = [layer.centred.transpose(2, 3, 4, 1, 0).reshape(layer.shape.fan_in, -1) for layer in network.layers]
        if exact and max(int(np.abs(matrix).max()) for matrix in matrices) > 127:
            raise SystemExit("the exact rival takes weights of at most 8 bits")
        self.weights = [torch.from_numpy(np.ascontiguousarray(matrix)).to(kind) for matrix in matrices]
        self.forward: Callable[[Tensor], Tensor] = torch.compile(self._forward, dynamic=False)

    def in_batches(self, codes: npt.NDArray[np.unsignedinteger], batch: int) -> npt.NDArray[np.generic]:
        """Outputs (N, classes) of every sample."""
        zero = self.network.input.zero_point
        with torch.inference_mode():
            values = torch.from_numpy(codes.astype(np.int16) - zero).to(self.kind).permute(0, 2, 3, 4, 1).contiguous()
            parts = [self.forward(values[i : i + batch]) for i in range(0, len(values), batch)]
        result: npt.NDArray[np.generic] = torch.cat(parts).numpy()
        return result

    def _forward(self, x: Tensor) -> Tensor:
        steps, samples = self.network.time_steps, len(x)
        for index, layer in enumerate(self.network.layers):
            fields = _fields(x, layer.shape)
            product: Tensor = torch._int_mm(fields, self.weights[index]) if self.exact else fields @ self.weights[index]
            times = 1 if index == 0 else steps
            currents = product.view(times, samples, *layer.shape.out_size, layer.shape.out_channels)
            if layer.neuron.kind == ACCUMULATE:
                return currents.sum(0).flatten(1)
            x = self._fire(currents, index).flatten(0, 1)
        raise AssertionError("a network ends on a classifier")

    def _fire(self, currents: Tensor, index: int) -> Tensor:
        """Spikes of all steps (T, N, D, H, W, C) from currents of as many, or of one for all."""
        neuron, bits = self.network.layers[index].neuron, self.network.leak_fraction_bits
        v, spikes = torch.zeros_like(currents[0]), []
        for step in range(self.network.time_steps):
            v = v + currents[step if len(currents) > 1 else 0]
            fired = v > neuron.threshold
            spikes.append(fired.to(self.kind))
            leaked = (v * neuron.leak) >> bits if self.exact else v * (neuron.leak / 2**bits)
            v = leaked - neuron.threshold * fired
        return torch.stack(spikes)


def _fields(x: Tensor, shape: LayerShape) -> Tensor:
    """Receptive fields (samples · positions, fan-in) of maps (samples, D, H, W, C), channels last."""
    if shape.spectral_map or prod(shape.pool) > 1:
        raise SystemExit("the rivals in GEMM form know neither pools nor reshapes")
    pad = [0, 0, *(p for p in reversed(shape.padding) for _ in range(2))]
    windows = F.pad(x, pad) if any(pad) else x
    for axis in range(3):
        windows = windows.unfold(1 + axis, shape.kernel[axis], shape.stride[axis])
    return windows.permute(0, 1, 2, 3, 5, 6, 7, 4).reshape(-1, shape.fan_in)
