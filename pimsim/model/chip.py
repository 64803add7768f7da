"""One chip's crossbar for one layer: what its cells conduct and how its converters err, from (seed, chip, layer).

Once built everything is an integer in units of 2^−`FRACTION_BITS` product LSB, so that sums are exact and
whoever adds them in another order gets the same.  docs/crossbar-numerics.md has the equations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pimsim.errors import ModelError
from pimsim.model import checks, imac
from pimsim.model.fixed_point import Int64Array
from pimsim.model.macro import CODES, EXACT, IMAC_ACCURACY, LINEAR, LSB, SIGN_MAGNITUDE, WEIGHTS, Macro
from pimsim.model.network import IntegerLayer
from pimsim.model.stored import Stored, store

FloatArray = npt.NDArray[np.float64]

FRACTION_BITS = 12
#: normal draws are cut at so many deviations, so that every sum has ends
CUT_SIGMAS = 6.0
#: what is drawn: the last word of the generator's key, but for thermal noise, whose sample follows it
STUCK, MISMATCH, REFERENCE_STUCK, REFERENCE_MISMATCH, CONVERTERS, OUTPUT_ERRORS, THERMAL = range(1, 8)
#: below it float64 holds every integer, and floors of its quotients are those of the integers
_EXACT = 2**52
#: codes of a converter without ends; no sum reaches them
_ENDLESS = 2**40
#: converters' gains are not drawn below it
_LEAST_GAIN = 0.01
#: words of cells, or of a table with one per row, input code and column: 1 GiB
_MOST_ENTRIES = 2**27


@dataclass(frozen=True, eq=False)
class Chip:
    """A layer's crossbar ready to be evaluated.

    Columns are numbered part by part, C_out of each, and behind them the reference column where there is one.

    cells         (K, 1, columns) what a row adds per unit of input, or (K, 2^dac_bits, columns) by input code
    significance  (parts,) weight of each part's values, negative where they are taken off
    reference     z_u, by which the reference column's values are multiplied and taken off; 0: none
    constants     (C_out,) added to every sum
    offset, step  (columns,) of each column's converter; half a step is part of the offset
    level         what a code is worth
    low, high     smallest and largest code
    rows          rows that are converted at once
    highest       largest input code
    noise         where thermal noise ends
    """

    cells: Int64Array
    significance: Int64Array
    reference: int
    constants: Int64Array
    offset: Int64Array
    step: Int64Array
    level: int
    low: int
    high: int
    rows: int
    dac_bits: int
    highest: int
    noise: int

    @property
    def table(self) -> bool:
        """Whether products are looked up rather than multiplied."""
        return bool(self.cells.shape[1] > 1)

    @property
    def columns(self) -> int:
        return int(self.cells.shape[2])

    @property
    def groups(self) -> int:
        return -(-int(self.cells.shape[0]) // self.rows)

    @property
    def slices(self) -> int:
        """Slices of ``dac_bits`` in which an input code is applied, the lowest first."""
        return max(1, -(-self.highest.bit_length() // self.dac_bits))

    def convert(self, sums: Int64Array) -> Int64Array:
        """Column sums (…, columns) → values in product LSB."""
        codes = np.clip((sums + self.offset) // self.step, self.low, self.high)
        values: Int64Array = (codes * self.level + 2 ** (FRACTION_BITS - 1)) >> FRACTION_BITS
        return values

    def column_ends(self, index: int) -> tuple[Int64Array, Int64Array]:
        """(groups, columns) ends of every column's sum in slice ``index``, whatever the inputs, after any rows."""
        largest = min(2**self.dac_bits - 1, self.highest >> index * self.dac_bits)
        products = self.cells[:, : largest + 1] if self.table else self.cells * largest
        least, most = np.minimum(products.min(axis=1), 0), np.maximum(products.max(axis=1), 0)
        starts = np.arange(0, len(least), self.rows)
        return np.add.reduceat(least, starts) - self.noise, np.add.reduceat(most, starts) + self.noise

    def reach(self) -> tuple[int, int]:
        """Smallest and largest sum over all outputs that any inputs and any noise can give."""
        low, high = self.constants, self.constants
        for index in range(self.slices):
            least, most = (self.convert(ends).sum(0) for ends in self.column_ends(index))
            ends = self._weighed(least, most)
            low, high = low + (ends[0] << index * self.dac_bits), high + (ends[1] << index * self.dac_bits)
        return int(low.min()), int(high.max())

    def _weighed(self, least: Int64Array, most: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Ends of every column's values (columns,) → of every output's sum (C_out,)."""
        outputs = len(self.constants)
        parts = np.stack([least, most])[:, : len(self.significance) * outputs].reshape(2, -1, outputs)
        weighed = parts * self.significance[:, None]
        low, high = weighed.min(0).sum(0), weighed.max(0).sum(0)
        return low - self.reference * most[-1], high - self.reference * least[-1]


def build(layer: IntegerLayer, macro: Macro, zero: int, highest: int) -> Chip:
    """A layer's crossbar for input codes 0 … ``highest``, of which ``zero`` means 0.

    Raises `ModelError` where a column's sum needs more than 2^52 steps of the fixed-point grid, or cells and
    their products more than 2^27 words.
    """
    make = _accuracy_model if macro.model == IMAC_ACCURACY else _circuit
    with checks.inside(f'layer "{layer.name}"'):
        stored = store(layer, macro)
        _check_entries(stored.bits.size)
        chip = make(macro, stored, zero, highest)
    ends = [np.abs(end) for index in range(chip.slices) for end in chip.column_ends(index)]
    largest = max(int((end + np.abs(chip.offset)).max()) for end in ends)
    if largest >= _EXACT:
        raise ModelError(
            f'layer "{layer.name}": a crossbar column gathers {largest >> FRACTION_BITS} product LSB, '
            f"at most {_EXACT >> FRACTION_BITS} are computed exactly"
        )
    return chip


def thermal_noise(
    macro: Macro,
    sample: int,
    shape: tuple[int, ...],
    word: type[np.signedinteger] = np.int64,
    *,
    of_input_spikes: bool = False,
) -> npt.NDArray[np.signedinteger]:
    """Noise of all conversions of sample number ``sample``, drawn in C order of ``shape``.

    Under the encoding ``hybrid`` one layer converts sums of codes, and at later steps sums of input spikes, which
    have a key of their own.
    In single precision and in place, because there may be a million of them per sample.
    """
    key = (THERMAL, sample, 1) if of_input_spikes else (THERMAL, sample)
    drawn = generator(macro, *key).standard_normal(shape, np.float32)
    np.clip(drawn, -CUT_SIGMAS, CUT_SIGMAS, out=drawn)
    drawn *= np.float32(macro.thermal_sigma_lsb * 2**FRACTION_BITS)
    return np.rint(drawn, out=drawn).astype(word)


def generator(macro: Macro, *purpose: int) -> np.random.Generator:
    """PCG64 keyed by seed, chip, layer and purpose."""
    key = np.random.SeedSequence([macro.seed, macro.chip, macro.layer, *purpose])
    return np.random.Generator(np.random.PCG64(key))


def _circuit(macro: Macro, stored: Stored, zero: int, highest: int) -> Chip:
    outputs = len(stored.totals)
    products = _products(macro, _conducted(macro, stored.bits, STUCK, MISMATCH))
    if stored.zero:
        ones = np.ones((len(stored.bits), 1, 1), np.uint8)
        reference = _conducted(macro, ones, REFERENCE_STUCK, REFERENCE_MISMATCH)
        products = np.concatenate([products, reference], axis=2)
    step_lsb = _step_lsb(macro, stored, highest)
    offset, step = _converters(macro, step_lsb, len(stored.significance), outputs, products.shape[2])
    exact = macro.adc_full_scale_lsb == EXACT
    return Chip(
        cells=_fixed(products),
        significance=stored.significance,
        reference=stored.zero,
        constants=stored.constants(zero),
        offset=offset,
        step=step,
        level=_fixed_step(step_lsb),
        low=-_ENDLESS if exact else 0,
        high=_ENDLESS if exact else 2**macro.adc_bits - 1,
        rows=macro.rows,
        dac_bits=macro.dac_bits,
        highest=highest,
        noise=_noise_end(macro),
    )


def _conducted(macro: Macro, bits: npt.NDArray[np.uint8], stuck: int, mismatch: int) -> FloatArray:
    """What every cell adds for an input of 1, in product LSB of its bit; ``bits`` (K, C_out, cells)."""
    held = bits.copy()
    if macro.stuck_at_0_ratio or macro.stuck_at_1_ratio:
        drawn = generator(macro, stuck).random(bits.shape)
        held[drawn < macro.stuck_at_0_ratio] = 0
        held[drawn >= 1 - macro.stuck_at_1_ratio] = 1
    if not macro.cell_mismatch_sigma_ratio:
        return held.astype(np.float64)
    return held * (1.0 + macro.cell_mismatch_sigma_ratio * _normal(macro, bits.shape, mismatch))


def _products(macro: Macro, conducted: FloatArray) -> FloatArray:
    """(K, C_out, SRAM cells) → (K, 1 or input codes, columns) products, columns part by part."""
    rows, outputs, count = conducted.shape
    if macro.encoding != SIGN_MAGNITUDE:
        digits = _combined(conducted.reshape(rows, outputs, -1, macro.cell_bits))
        return digits.transpose(0, 2, 1).reshape(rows, 1, -1)
    magnitudes = _combined(conducted[..., :-1])
    products = magnitudes[:, None] if macro.product_transfer == LINEAR else _imac_products(macro, magnitudes, count - 1)
    negative = conducted[:, None, :, -1] > 0.5  # a sign is read, not summed: mismatch does not turn it
    return np.concatenate([np.where(negative, 0.0, products), np.where(negative, products, 0.0)], axis=2)


def _combined(cells: FloatArray) -> FloatArray:
    """Cells side by side (…, cells), the lowest first → what they add together, shared 1:2:4:8."""
    total = np.zeros(cells.shape[:-1])
    for bit in range(cells.shape[-1]):
        total += cells[..., bit] * 2.0**bit
    return total


def _imac_products(macro: Macro, magnitudes: FloatArray, bits: int) -> FloatArray:
    """(K, C_out) weights → (K, input codes, C_out) products of the fitted transfer."""
    weights, inputs = 2.0**bits - 1, 2.0**macro.dac_bits - 1
    _check_entries(magnitudes.size * 2**macro.dac_bits * 2)
    codes = np.arange(2**macro.dac_bits) / inputs
    return weights * inputs * imac.transfer(macro.product_transfer, magnitudes[:, None] / weights, codes[:, None])


def _step_lsb(macro: Macro, stored: Stored, highest: int) -> float:
    """Distance of two codes in product LSB."""
    scale, largest = macro.adc_full_scale_lsb, min(2**macro.dac_bits - 1, highest)
    if scale in (LSB, EXACT):
        return 1.0
    if scale == CODES:
        width = stored.bits.shape[2] - 1 if macro.encoding == SIGN_MAGNITUDE else macro.cell_bits
        scale = min(macro.rows, len(stored.bits)) * (2**width - 1) * largest
    elif scale == WEIGHTS:
        products = _products(replace(macro, product_transfer=LINEAR), stored.bits.astype(np.float64))[:, 0]
        ones = min(macro.rows, len(products)) if stored.zero else 0  # what the reference column gathers
        heaviest = np.add.reduceat(products, np.arange(0, len(products), macro.rows)).max()
        scale = max(heaviest, ones) * largest
    return float(scale) / float(2**macro.adc_bits - 1)


def _converters(macro: Macro, step_lsb: float, parts: int, outputs: int, columns: int) -> tuple[Int64Array, Int64Array]:
    """Offset and step of every column's converter; the reference column has one of its own, behind the others."""
    part, output = np.divmod(np.arange(parts * outputs), outputs)
    place = output if macro.encoding == SIGN_MAGNITUDE else output * parts + part
    number = place // macro.columns_per_adc
    number = np.concatenate([number, np.full(columns - number.size, number.max() + 1)])
    drawn = np.zeros((int(number.max()) + 1, 2))
    if macro.adc_gain_sigma_ratio or macro.adc_offset_sigma_steps:
        drawn = _normal(macro, drawn.shape, CONVERTERS)
    gain = np.maximum(1.0 + macro.adc_gain_error_ratio + macro.adc_gain_sigma_ratio * drawn[:, 0], _LEAST_GAIN)
    step = np.maximum(_fixed(step_lsb / gain), 1)
    offset = np.rint(step * (macro.adc_offset_steps + macro.adc_offset_sigma_steps * drawn[:, 1])).astype(np.int64)
    return (offset + step // 2)[number], step[number]


def _accuracy_model(macro: Macro, stored: Stored, zero: int, highest: int) -> Chip:
    """IMAC's model of accuracy: the sum in levels of a converted group, an error fixed per output, ends."""
    rows, outputs, count = stored.bits.shape
    powers = 2 ** np.arange(count - 1, dtype=np.int64)
    weights = (stored.bits[..., :-1] * powers).sum(2) * (1 - 2 * stored.bits[..., -1].astype(np.int64))
    levels = imac.levels(rows)
    errors = np.rint(_normal(macro, (outputs,), OUTPUT_ERRORS) * imac.error_sigma_levels(rows)).astype(np.int64)
    largest = (2 ** (count - 1) - 1) * highest
    level = _fixed_step(largest * imac.PRODUCTS_PER_CONVERSION / imac.LEVELS_PER_CONVERSION)
    return Chip(
        cells=weights[:, None] << FRACTION_BITS,
        significance=np.ones(1, np.int64),
        reference=0,
        constants=stored.constants(zero),
        offset=level // 2 + errors * level,
        step=np.full(outputs, level),
        level=level,
        low=-levels,
        high=levels,
        rows=rows,
        dac_bits=max(1, highest.bit_length()),
        highest=highest,
        noise=0,
    )


def _check_entries(entries: int) -> None:
    if entries > _MOST_ENTRIES:
        raise ModelError(f"its crossbar that is not exact has {entries} products, at most {_MOST_ENTRIES} are kept")


def _normal(macro: Macro, shape: tuple[int, ...], *purpose: int) -> FloatArray:
    return np.clip(generator(macro, *purpose).standard_normal(shape), -CUT_SIGMAS, CUT_SIGMAS)


def _noise_end(macro: Macro) -> int:
    """A little more than six deviations, for the rounding of single precision."""
    return int(np.ceil(CUT_SIGMAS * macro.thermal_sigma_lsb * 2**FRACTION_BITS * (1 + 2.0**-20)))


def _fixed(values: npt.ArrayLike) -> Int64Array:
    """Product LSB → fixed-point, halves to even."""
    fixed: Int64Array = np.rint(np.multiply(values, 2.0**FRACTION_BITS)).astype(np.int64)
    return fixed


def _fixed_step(step_lsb: float) -> int:
    return max(1, int(_fixed(step_lsb)))
