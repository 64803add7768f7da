"""What a crossbar computes, as values: how weights are stored, what its converters make of sums, how chips differ.

docs/crossbar-numerics.md has the equations.  A layer whose crossbar gives every exact sum has no `Macro`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from math import inf, isfinite

from pimsim.errors import ModelError
from pimsim.model import checks
from pimsim.model.cells import ENCODINGS, OFFSET

SIGN_MAGNITUDE = "sign_magnitude"
MACRO_ENCODINGS = (*ENCODINGS, SIGN_MAGNITUDE)
EXACT, LSB, CODES, WEIGHTS = "exact", "lsb", "codes", "weights"
FULL_SCALES = (EXACT, LSB, CODES, WEIGHTS)
LINEAR, IMAC_NOMINAL, IMAC_MEAN = "linear", "imac_nominal", "imac_mean"
TRANSFERS = (LINEAR, IMAC_NOMINAL, IMAC_MEAN)
CIRCUIT, IMAC_ACCURACY = "circuit", "imac_accuracy"
VALUE_MODELS = (CIRCUIT, IMAC_ACCURACY)

_NOT_NEGATIVE = (
    "adc_gain_sigma_ratio",
    "adc_offset_sigma_steps",
    "thermal_sigma_lsb",
    "cell_mismatch_sigma_ratio",
    "stuck_at_0_ratio",
    "stuck_at_1_ratio",
)
MAX_SEED = 2**32 - 1
"""Seeds, chips and layers are one 32-bit word each of the generator's key."""


@dataclass(frozen=True)
class Macro:
    """A layer's crossbar as `pimsim.model.crossbar` evaluates it; by default bit-serial with a clean converter.

    rows        rows whose products gather before a conversion, in the order kD, kH, kW, C_in
    adc_bits    a conversion gives a code 0 … 2^adc_bits − 1
    encoding    those of `pimsim.model.cells`: digits of ``cell_bits`` bits, every column converted; or
                ``sign_magnitude``: all bits of a weight in one sum, positive and negative ones apart
    dac_bits    input bits applied at once
    model       ``circuit``, or ``imac_accuracy``: IMAC's published error per output instead of all below
    adc_full_scale_lsb   sum in product LSB that gives the highest code; ``lsb``: one LSB is one step; ``codes``:
                the largest sum that the word widths allow; ``weights``: that the layer's weights allow;
                ``exact``: steps of one LSB without ends
    adc_gain_error_ratio, adc_offset_steps               of every converter
    adc_gain_sigma_ratio, adc_offset_sigma_steps         from converter to converter of a chip
    columns_per_adc      consecutive columns (``sign_magnitude``: outputs) that share a converter
    thermal_sigma_lsb    noise of every conversion, in product LSB
    product_transfer     product of a weight and an input: ``linear``, or as simulated for IMAC
    cell_mismatch_sigma_ratio, stuck_at_0_ratio, stuck_at_1_ratio   of the cells of a chip
    seed, chip, layer    key of all that is drawn at random
    """

    rows: int
    adc_bits: int
    encoding: str = OFFSET
    cell_bits: int = 1
    dac_bits: int = 1
    model: str = CIRCUIT
    adc_full_scale_lsb: str | float = LSB
    adc_gain_error_ratio: float = 0.0
    adc_gain_sigma_ratio: float = 0.0
    adc_offset_steps: float = 0.0
    adc_offset_sigma_steps: float = 0.0
    columns_per_adc: int = 1
    thermal_sigma_lsb: float = 0.0
    product_transfer: str = LINEAR
    cell_mismatch_sigma_ratio: float = 0.0
    stuck_at_0_ratio: float = 0.0
    stuck_at_1_ratio: float = 0.0
    seed: int = 0
    chip: int = 0
    layer: int = 0

    def __post_init__(self) -> None:
        with checks.inside("crossbar"):
            checks.integer("rows", self.rows, 1, 2**20)
            checks.integer("adc_bits", self.adc_bits, 1, 24)
            checks.integer("cell_bits", self.cell_bits, 1, 16)
            checks.integer("dac_bits", self.dac_bits, 1, 16)
            checks.integer("columns_per_adc", self.columns_per_adc, 1, 2**20)
            checks.choice("encoding", self.encoding, MACRO_ENCODINGS)
            checks.choice("model", self.model, VALUE_MODELS)
            checks.choice("product_transfer", self.product_transfer, TRANSFERS)
            for key in ("seed", "chip", "layer"):
                checks.integer(key, getattr(self, key), 0, MAX_SEED)
            self._check_ratios()
            self._check_scale()

    def _check_ratios(self) -> None:
        for key in _NOT_NEGATIVE:
            if not 0 <= getattr(self, key) < inf:
                raise ModelError(f"{key}={getattr(self, key)} must be a finite number of at least 0")
        if not -1 < self.adc_gain_error_ratio < inf:
            raise ModelError(f"adc_gain_error_ratio={self.adc_gain_error_ratio} must be above -1")
        if not isfinite(self.adc_offset_steps):
            raise ModelError(f"adc_offset_steps={self.adc_offset_steps} must be finite")
        if self.stuck_at_0_ratio + self.stuck_at_1_ratio > 1:
            stuck = f"stuck_at_0_ratio={self.stuck_at_0_ratio} and stuck_at_1_ratio={self.stuck_at_1_ratio}"
            raise ModelError(f"{stuck} add up to above 1")

    def _check_scale(self) -> None:
        if isinstance(self.adc_full_scale_lsb, str):
            checks.choice("adc_full_scale_lsb", self.adc_full_scale_lsb, FULL_SCALES)
        else:
            checks.positive("adc_full_scale_lsb", self.adc_full_scale_lsb)
        for key, plain in (("product_transfer", LINEAR), ("model", CIRCUIT)):
            if getattr(self, key) != plain and self.encoding != SIGN_MAGNITUDE:
                raise ModelError(f'{key}="{getattr(self, key)}" needs encoding="{SIGN_MAGNITUDE}"')

    @property
    def varies(self) -> bool:
        """Whether chips differ, or runs on one chip."""
        drawn = (
            self.cell_mismatch_sigma_ratio,
            self.stuck_at_0_ratio,
            self.stuck_at_1_ratio,
            self.adc_gain_sigma_ratio,
            self.adc_offset_sigma_steps,
            self.thermal_sigma_lsb,
        )
        return self.model == IMAC_ACCURACY or any(drawn)

    @property
    def clean(self) -> bool:
        """Whether its converters' width and steps are all that can change a sum."""
        errors = (self.adc_gain_error_ratio, self.adc_offset_steps)
        return not (self.varies or any(errors) or self.product_transfer != LINEAR)

    @property
    def identity(self) -> str:
        """Name of the values that it computes: equal for two macros exactly when their parameters are.

        A clean bit-serial one with steps of one LSB is named by its rows and converter bits, all others
        by a SHA-256, the seed and the chip.
        """
        if self == Macro(self.rows, self.adc_bits):
            return f"bit_serial:{self.rows}:{self.adc_bits}"
        content = {key: value for key, value in asdict(self).items() if key not in ("seed", "chip")}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{hashlib.sha256(text.encode('ascii')).hexdigest()}:{self.seed}:{self.chip}"
