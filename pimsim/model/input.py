"""What a network makes of a raw sample: its codes, and when each of them fires."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError, SceneError
from pimsim.model import checks
from pimsim.model.architecture import Shape4

FloatArray = npt.NDArray[np.float64]

MAX_CODE_BITS = 16
MAX_SPIKE_SHIFT = 16


@dataclass(frozen=True, eq=False)
class InputQuantization:
    """Raw sample → unsigned codes: ``clip(rint((raw − mean) / deviation / scale) + zero_point, 0, 2^bits − 1)``.

    ``mean`` and ``deviation`` have one entry per depth slice (spectral band), shape (D,), or per channel and
    slice, (C, D).  ``rint`` rounds halves to even.
    """

    bits: int
    scale: float
    zero_point: int
    mean: FloatArray
    deviation: FloatArray

    def __post_init__(self) -> None:
        checks.integer("input.bits", self.bits, 1, MAX_CODE_BITS)
        checks.positive("input.scale", self.scale)
        checks.integer("input.zero_point", self.zero_point, 0, 2**self.bits - 1)
        checks.finite_floats("input.mean", self.mean)
        checks.finite_floats("input.deviation", self.deviation, positive=True)
        if self.mean.shape != self.deviation.shape:
            raise ModelError(f"input.deviation: shape {self.deviation.shape} differs from input.mean {self.mean.shape}")

    @property
    def per_channel(self) -> bool:
        """Whether channels have means and deviations of their own."""
        return self.mean.ndim == 2

    def fits(self, shape: Shape4) -> bool:
        """Whether samples (C, D, H, W) have as many channels and slices as there are means."""
        return self.mean.shape == (shape[:2] if self.per_channel else shape[1:2])

    def first(self, channels: int, slices: int) -> InputQuantization:
        """The rule of the first channels and depth slices alone."""
        chosen = (slice(channels), slice(slices))[-self.mean.ndim :]
        return replace(self, mean=self.mean[chosen], deviation=self.deviation[chosen])

    @property
    def code_dtype(self) -> type[np.unsignedinteger]:
        return np.uint8 if self.bits <= 8 else np.uint16

    def quantize(self, raw: npt.ArrayLike) -> npt.NDArray[np.unsignedinteger]:
        """Raw samples (N, C, D, H, W) → codes of the same shape, uint8 up to 8 bits, else uint16.

        Computed in float64 in the order of the formula above, so the codes do not depend on the type
        of ``raw``.  Raises `SceneError` for other numbers of bands or channels, NaN or infinity.
        """
        samples = _samples(raw, self)
        mean, deviation = (v.astype(np.float64)[..., None, None] for v in (self.mean, self.deviation))
        codes = np.empty(samples.shape, self.code_dtype)
        for sample, code in zip(samples, codes, strict=True):  # one at a time bounds the float64 copy
            value = sample.astype(np.float64)
            if not np.isfinite(value).all():
                raise SceneError(f"input samples hold {_first_bad(value)}; every value must be finite")
            with np.errstate(over="ignore"):  # beyond float64 is beyond the last code as well
                steps = np.rint((value - mean) / deviation / self.scale) + self.zero_point
            code[...] = np.clip(steps, 0, 2**self.bits - 1)
        return codes


@dataclass(frozen=True)
class InputSpikes:
    """When each input fires under the encoding ``hybrid``, and what its spike is worth.

    An input of code q fires once, at step (arXiv 2107.12374; papers state it for real intensities)::

        T_i = round(T + (2 − T) (clip(q, low, high) − low) / (high − low))       halves round up

    so that codes from ``high`` on fire at step 2 and codes up to ``low`` at step T.  A spike adds
    (w − z) · 2^``shift``: it stands for the input code that lies 2^shift above the zero point.
    """

    low: int
    high: int
    shift: int

    def __post_init__(self) -> None:
        self.check_codes(MAX_CODE_BITS)
        if self.high <= self.low:
            raise ModelError(f"input.spike_high={self.high} must be above input.spike_low={self.low}")
        checks.integer("input.spike_shift", self.shift, 0, MAX_SPIKE_SHIFT)

    def check_codes(self, bits: int) -> None:
        """ModelError where ``low`` or ``high`` is no code of ``bits``."""
        checks.integer("input.spike_low", self.low, 0, 2**bits - 1)
        checks.integer("input.spike_high", self.high, 0, 2**bits - 1)

    def steps(self, codes: npt.NDArray[np.integer], time_steps: int) -> npt.NDArray[np.int64]:
        """T_i of every input code, in 2 … ``time_steps``; same shape as ``codes``.

        >>> InputSpikes(low=0, high=63, shift=4).steps(np.array([0, 10, 11, 31, 32, 63], np.uint8), 5).tolist()
        [5, 5, 4, 4, 3, 2]
        """
        span = self.high - self.low
        above = np.clip(codes.astype(np.int64), self.low, self.high) - self.low
        steps: npt.NDArray[np.int64] = (2 * time_steps * span - 2 * (time_steps - 2) * above + span) // (2 * span)
        return steps


def _samples(raw: npt.ArrayLike, quantization: InputQuantization) -> npt.NDArray[np.generic]:
    samples = np.asarray(raw)
    if samples.dtype.kind not in "iufb":
        raise SceneError(f"input samples are {samples.dtype}, expected numbers")
    if samples.ndim != 5:
        expected = "(samples, channels, bands, height, width)"
        raise SceneError(f"input samples have shape {samples.shape}, expected {expected}")
    if samples.shape[2] != (bands := quantization.mean.shape[-1]):
        raise SceneError(f"input samples have {samples.shape[2]} bands, the model takes {bands}")
    if quantization.per_channel and samples.shape[1] != (channels := len(quantization.mean)):
        raise SceneError(f"input samples have {samples.shape[1]} channels, the model takes {channels}")
    return samples


def _first_bad(values: FloatArray) -> str:
    return str(values[~np.isfinite(values)][0])
