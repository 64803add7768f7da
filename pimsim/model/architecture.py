"""Network structure without weights: shapes, receptive fields, operation counts.

Every weighted layer is treated as a 3-D convolution over a feature map of shape
``(C, D, H, W)`` (channels, spectral depth, height, width).  A 2-D convolution has ``D = 1``;
a linear layer is a convolution whose kernel covers the whole map, so it has one output position.
Two structural operations may stand in front of a layer and cost no multiplication: an average
pool (integer: a sum, the ``1/k`` goes into the next threshold) and ``spectral_map``, the reshape of
CNN-32H that lays the channels of a ``(C, D, 1, 1)`` map side by side as one ``(1, 1, D, C)`` map.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import prod

from pimsim.errors import ModelError
from pimsim.model import checks

Shape4 = tuple[int, int, int, int]
Shape3 = tuple[int, int, int]

CONV3D, CONV2D, LINEAR = "conv3d", "conv2d", "linear"
LAYER_KINDS = (CONV3D, CONV2D, LINEAR)

#: limits that no layer of use comes near; a file that passes them is damaged or hostile
MAX_WEIGHTS = 2**28
MAX_NEURONS = 2**31
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class LayerShape:
    """Geometry of one weighted layer.

    ``in_shape`` is the map that the layer's kernel sees, after `pool` and `spectral_map`.
    Tuples are (depth, height, width).
    """

    name: str
    kind: str
    source_shape: Shape4
    out_channels: int
    kernel: Shape3
    stride: Shape3 = (1, 1, 1)
    padding: Shape3 = (0, 0, 0)
    pool: Shape3 = (1, 1, 1)
    spectral_map: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ModelError(f"layer name {self.name!r}: expected 1 to 64 letters, digits, dots, dashes or underscores")
        with checks.inside(f'layer "{self.name}"'):
            checks.choice("kind", self.kind, LAYER_KINDS)
            self._check_sizes()
            self._check_kind()
            self._check_limits()

    def _check_sizes(self) -> None:
        positive = {"input": self.source_shape, "out_channels": (self.out_channels,), "kernel": self.kernel}
        positive |= {"stride": self.stride, "pool": self.pool}
        for key, values in positive.items():
            if min(values) < 1:
                raise ModelError(f"{key}={values[0] if len(values) == 1 else values} must be at least 1")
        if self.spectral_map and self.source_shape[2:] != (1, 1):
            raise ModelError(f"spectral_map needs a (C, D, 1, 1) map, got {self.source_shape}")
        if min(self.in_shape) < 1:
            raise ModelError(f"pool={self.pool} is larger than its map {self.viewed_shape[1:]}")
        if min(self.padding) < 0 or any(p >= k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ModelError(f"padding={self.padding} must be from 0 to below the kernel {self.kernel}")
        if min(self.out_size) < 1:
            raise ModelError(
                f"kernel={self.kernel} exceeds the padded map {self.in_shape[1:]} (padding {self.padding})"
            )

    def _check_kind(self) -> None:
        if self.kind == LINEAR and self.kernel != self.in_shape[1:]:
            raise ModelError(f"kernel={self.kernel}: a linear kernel covers its map {self.in_shape[1:]}")
        if self.kind == LINEAR and (self.stride, self.padding) != ((1, 1, 1), (0, 0, 0)):
            raise ModelError(f"stride={self.stride}, padding={self.padding}: a linear layer takes neither")
        flat = (self.in_shape[1], self.kernel[0], self.stride[0], self.padding[0])
        if self.kind == CONV2D and flat != (1, 1, 1, 0):
            given = "map {}, kernel {}, stride {}, padding {}".format(*flat)
            raise ModelError(f"conv2d needs depth 1 everywhere and no padding in depth, got {given}")

    def _check_limits(self) -> None:
        if self.weights > MAX_WEIGHTS:
            raise ModelError(f"{self.weights} weights, at most {MAX_WEIGHTS} are allowed")
        if self.neurons > MAX_NEURONS:
            raise ModelError(f"{self.neurons} neurons, at most {MAX_NEURONS} are allowed")

    @classmethod
    def linear(
        cls, name: str, source_shape: Shape4, out_channels: int, *, pool: Shape3 = (1, 1, 1), spectral_map: bool = False
    ) -> LayerShape:
        """A linear layer over the whole map, pooled first: its kernel follows from the map."""
        c, *view = source_shape
        d, h, w = (1, view[0], c) if spectral_map else view
        pd, ph, pw = (max(p, 1) for p in pool)  # a pool below 1 is reported by the constructor
        kernel = (max(d // pd, 1), max(h // ph, 1), max(w // pw, 1))
        return cls(name, LINEAR, source_shape, out_channels, kernel, pool=pool, spectral_map=spectral_map)

    @cached_property
    def viewed_shape(self) -> Shape4:
        """Map after `spectral_map`, before the pool."""
        c, d, h, w = self.source_shape
        return (1, 1, d, c) if self.spectral_map else (c, d, h, w)

    @cached_property
    def in_shape(self) -> Shape4:
        c, d, h, w = self.viewed_shape
        pd, ph, pw = self.pool
        return c, d // pd, h // ph, w // pw

    @cached_property
    def out_size(self) -> Shape3:
        """Output positions (depth, height, width)."""
        sizes = zip(self.in_shape[1:], self.kernel, self.stride, self.padding, strict=True)
        d, h, w = ((n + 2 * p - k) // s + 1 for n, k, s, p in sizes)
        return d, h, w

    @cached_property
    def out_shape(self) -> Shape4:
        return (self.out_channels, *self.out_size)

    @cached_property
    def positions(self) -> int:
        return prod(self.out_size)

    @cached_property
    def neurons(self) -> int:
        return prod(self.out_shape)

    @cached_property
    def fan_in(self) -> int:
        """Weights per output neuron."""
        return self.in_shape[0] * prod(self.kernel)

    @cached_property
    def weights(self) -> int:
        return self.fan_in * self.out_channels

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one dense pass, padding counted as the papers do."""
        return self.weights * self.positions


@dataclass(frozen=True)
class Architecture:
    """A chain of layers; the last one is the classifier."""

    name: str
    input_shape: Shape4
    layers: tuple[LayerShape, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ModelError(f'network "{self.name}" has no layer')
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ModelError(f'layer name "{name}" is given twice')
        source = self.input_shape
        for layer in self.layers:
            if layer.source_shape != source:
                raise ModelError(f'layer "{layer.name}" expects a map {layer.source_shape}, its input is {source}')
            source = layer.out_shape

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def neurons(self) -> int:
        return sum(layer.neurons for layer in self.layers)


class _Chain:
    """Appends layers, each fed by the one before."""

    def __init__(self, input_shape: Shape4) -> None:
        self.shape = input_shape
        self.layers: list[LayerShape] = []

    def conv(
        self,
        name: str,
        out_channels: int,
        kernel: Shape3,
        stride: Shape3 = (1, 1, 1),
        padding: Shape3 = (0, 0, 0),
        *,
        kind: str = CONV3D,
        pool: Shape3 = (1, 1, 1),
        spectral_map: bool = False,
    ) -> None:
        layer = LayerShape(
            name, kind, self.shape, out_channels, kernel, stride, padding, pool=pool, spectral_map=spectral_map
        )
        self.layers.append(layer)
        self.shape = layer.out_shape

    def linear(self, name: str, out_channels: int, pool: Shape3 = (1, 1, 1)) -> None:
        self.layers.append(LayerShape.linear(name, self.shape, out_channels, pool=pool))
        self.shape = self.layers[-1].out_shape


def cnn3d(bands: int, classes: int, patch: int = 5) -> Architecture:
    """CNN-3D (HYPER-SNN, arXiv 2107.11979, Table I): six 3-D convolutions and a classifier."""
    chain = _Chain((1, bands, patch, patch))
    chain.conv("conv1", 20, (3, 3, 3))
    chain.conv("conv2", 40, (3, 1, 1), (2, 1, 1), (1, 0, 0))
    chain.conv("conv3", 84, (3, 3, 3), (1, 1, 1), (1, 0, 0))
    chain.conv("conv4", 84, (3, 1, 1), (2, 1, 1), (1, 0, 0))
    chain.conv("conv5", 84, (3, 1, 1), (1, 1, 1), (1, 0, 0))
    chain.conv("conv6", 84, (2, 1, 1), (2, 1, 1), (1, 0, 0))
    chain.linear("classifier", classes)
    return Architecture("cnn3d", (1, bands, patch, patch), tuple(chain.layers))


def cnn32h(bands: int, classes: int, patch: int = 3, pool: int = 2, width: int = 512) -> Architecture:
    """CNN-32H (HYPER-SNN, Table I), with the 2×2 pool that its weight counts imply."""
    chain = _Chain((1, bands, patch, patch))
    chain.conv("conv1", 90, (18, 3, 3), (7, 1, 1))
    chain.conv("conv2", 64, (1, 3, 3), kind=CONV2D, spectral_map=True)
    chain.conv("conv3", 128, (1, 3, 3), kind=CONV2D)
    chain.linear("fc1", width, pool=(1, pool, pool))
    chain.linear("classifier", classes)
    return Architecture("cnn32h", (1, bands, patch, patch), tuple(chain.layers))


#: channels of the 3×3 convolutions of the VGG networks that single-spike and DIET-SNN papers train; 0 is a 2×2 pool
VGG_CHANNELS = {
    "vgg6": (64, 0, 128, 128, 0),
    "vgg9": (64, 0, 128, 256, 0, 256, 512, 0, 512, 0, 512),
    "vgg11": (64, 0, 128, 256, 0, 512, 512, 0, 512, 0, 512, 512),
    "vgg16": (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
}


def vgg(
    name: str, classes: int, *, channels: int = 3, height: int = 32, width: int = 32, hidden: int = 4096
) -> Architecture:
    """VGG-6, -9, -11 or -16 on images ``channels`` × ``height`` × ``width``: 3×3 convolutions, 2×2 average pools and
    linear layers ``hidden`` wide, without biases.

    The number in the name counts weighted layers, so VGG-9 with its seven convolutions has one hidden linear layer and
    the others have two.  VGG-16 on 32 × 32 × 3 with 4096 wide layers and 100 classes has 338,771,968 MACs (arXiv
    2107.12374 builds on it).  Raises ModelError for images too small for the pools.
    """
    chain, pool = _Chain((channels, 1, height, width)), (1, 1, 1)
    for out_channels in VGG_CHANNELS[name]:
        if out_channels == 0:
            pool = (1, 2, 2)
            continue
        number = len(chain.layers) + 1
        chain.conv(f"conv{number}", out_channels, (1, 3, 3), padding=(0, 1, 1), kind=CONV2D, pool=pool)
        pool = (1, 1, 1)
    for number in range(1, int(name.removeprefix("vgg")) - len(chain.layers)):
        chain.linear(f"fc{number}", hidden, pool=pool)
        pool = (1, 1, 1)
    chain.linear("classifier", classes, pool=pool)
    return Architecture(name, (channels, 1, height, width), tuple(chain.layers))


ARCHITECTURES = {"cnn3d": cnn3d, "cnn32h": cnn32h}
