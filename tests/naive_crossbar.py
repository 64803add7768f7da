"""A crossbar once more, in plain Python numbers: docs/crossbar-numerics.md and microarchitecture §5.1 alone.

Of pimsim only the description of a layer and of its macro are read.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import Any

import numpy as np

from pimsim.model.macro import Macro
from pimsim.model.network import IntegerLayer

ONE = 4096
IMAC = {
    "imac_nominal": [[-0.0289, -0.0008, 0.0367], [-0.0102, 0.8495, 0.0225], [0.0175, -0.1632, 0.3201]],
    "imac_mean": [[-0.0292, 0.0373, 0.0493], [-0.0106, 0.9304, -0.0157], [0.0214, -0.2183, 0.4355]],
}


def fixed(value: float) -> int:
    return round(value * ONE)  # halves to even


class NaiveCrossbar:
    """One layer's crossbar for codes 0 … highest of which ``zero`` means 0; ``columns[o]`` are those of output o."""

    def __init__(self, layer: IntegerLayer, macro: Macro, zero: int, highest: int) -> None:
        self.macro, self.zero, self.highest = macro, zero, highest
        outputs = layer.shape.out_channels
        codes = layer.weight.astype(int).transpose(0, 2, 3, 4, 1).reshape(outputs, -1).tolist()
        self.centred = [[code - int(layer.zero_point) for code in row] for row in codes]
        self.rows = len(codes[0])
        offset = 0 if layer.scheme == "affine" else 2 ** (layer.weight_bits - 1)
        self.reference = int(layer.zero_point) + offset if macro.encoding == "offset" else 0
        stored = [[code + offset for code in row] for row in codes] if macro.encoding == "offset" else self.centred
        self.constants = [zero * (self.rows * self.reference - sum(row)) for row in stored]
        self.magnitude = max(1, max(abs(w) for row in self.centred for w in row).bit_length())
        low, high = (end(0, *(w for row in self.centred for w in row)) for end in (min, max))
        self.signed = next(n for n in range(1, 64) if -(2 ** (n - 1)) <= low and high < 2 ** (n - 1))
        self.code_bits = layer.weight_bits
        self._cut(stored)
        if macro.model == "circuit":
            self._conduct()
            self._convert(layer)

    def _cut(self, stored: list[list[int]]) -> None:
        """Bits of every weight, [row][output] → list, and what the columns of an output count for."""
        encoding, c = self.macro.encoding, self.macro.cell_bits
        width = {"offset": self.code_bits, "twos_complement": self.signed}.get(encoding, self.magnitude)

        def places(bits: int) -> list[int]:
            return list(range(0, bits, c))

        def digits(value: int, bits: int) -> list[int]:
            return [value >> place & (2**c - 1) for place in places(bits)]

        def cells(numbers: list[int], bits: int) -> list[int]:
            return [number >> bit & 1 for number in numbers for bit in range(bits)]

        def one(w: int) -> list[int]:
            if encoding == "offset":
                return cells(digits(w, width), c)
            if encoding == "differential":
                return cells([*digits(max(w, 0), width), *digits(max(-w, 0), width)], c)
            if encoding == "twos_complement":
                return cells([*digits(w % 2 ** (width - 1), width - 1), int(w < 0)], c)
            return [*cells([abs(w)], width), int(w < 0)]

        self.bits = [[one(w) for w in row] for row in zip(*stored, strict=True)]
        self.factors = {
            "offset": [2**p for p in places(width)],
            "differential": [2**p for p in places(width)] + [-(2**p) for p in places(width)],
            "twos_complement": [2**p for p in places(width - 1)] + [-(2 ** (width - 1))],
        }.get(encoding, [1, -1])

    def _draw(self, *purpose: int) -> np.random.Generator:
        key = [self.macro.seed, self.macro.chip, self.macro.layer, *purpose]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def _cells(self, bits: Any, stuck: int, mismatch: int) -> list[list[list[float]]]:
        """What every cell adds, from the bit that it should hold."""
        macro, shape = self.macro, np.shape(bits)
        u, n = self._draw(stuck).random(shape), np.clip(self._draw(mismatch).standard_normal(shape), -6, 6)
        held = np.where(u >= 1 - macro.stuck_at_1_ratio, 1, np.where(u < macro.stuck_at_0_ratio, 0, bits))
        held = held if macro.stuck_at_0_ratio or macro.stuck_at_1_ratio else np.asarray(bits)
        return (held * (1 + macro.cell_mismatch_sigma_ratio * n)).tolist()

    def _conduct(self) -> None:
        """products[row][output][column](code), in fixed point."""
        c, d = self.macro.cell_bits, self.macro.dac_bits

        def together(cells: list[float]) -> float:
            total = 0.0
            for bit, cell in enumerate(cells):
                total += cell * 2.0**bit
            return total

        self.products: list[list[list[list[int]]]] = []
        for row in self._cells(self.bits, 1, 2):
            self.products.append([])
            for cells in row:
                if self.macro.encoding == "sign_magnitude":
                    table = [self._product(together(cells[:-1]), code) for code in range(2**d)]
                    none = [0] * len(table)
                    self.products[-1].append([none, table] if cells[-1] > 0.5 else [table, none])
                else:
                    weights = [fixed(together(cells[at : at + c])) for at in range(0, len(cells), c)]
                    self.products[-1].append([[w * code for code in range(2**d)] for w in weights])
        self.ones = [fixed(row[0][0]) for row in self._cells([[[1]]] * self.rows, 3, 4)]

    def _product(self, magnitude: float, code: int) -> int:
        if self.macro.product_transfer == "linear":
            return fixed(magnitude) * code
        largest, highest = 2.0**self.magnitude - 1, 2.0**self.macro.dac_bits - 1
        u, v, total = magnitude / largest, code / highest, 0.0
        for c0, c1, c2 in reversed(IMAC[self.macro.product_transfer]):
            total = total * u + ((c2 * v + c1) * v + c0)
        return fixed(largest * highest * total)

    def _convert(self, layer: IntegerLayer) -> None:
        """Steps and offsets of every output's columns, and of the reference column."""
        macro, outputs = self.macro, layer.shape.out_channels
        largest, step = min(2**macro.dac_bits - 1, self.highest), 1.0
        scale = macro.adc_full_scale_lsb
        if scale == "codes":
            width = self.magnitude if macro.encoding == "sign_magnitude" else macro.cell_bits
            scale = min(macro.rows, self.rows) * (2**width - 1) * largest
        elif scale == "weights":
            scale = self._largest_group() * largest
        if not isinstance(scale, str):
            step = scale / (2**macro.adc_bits - 1)
        self.level = max(1, fixed(step))
        analog, share = macro.encoding == "sign_magnitude", macro.columns_per_adc
        places = [
            [o if analog else o * len(self.factors) + j for j in range(len(self.factors))] for o in range(outputs)
        ]
        last = max(place // share for row in places for place in row)
        n = np.clip(self._draw(5).standard_normal((last + 2 if self.reference else last + 1, 2)), -6, 6).tolist()

        def converter(k: int) -> tuple[int, int]:
            gain = max(0.01, 1 + macro.adc_gain_error_ratio + macro.adc_gain_sigma_ratio * n[k][0])
            own = max(1, fixed(step / gain))
            return own, round(own * (macro.adc_offset_steps + macro.adc_offset_sigma_steps * n[k][1]))

        self.converters = [[converter(place // share) for place in row] for row in places]
        self.reference_converter = converter(last + 1) if self.reference else (1, 0)

    def _largest_group(self) -> int:
        """Largest sum of what the columns hold over the rows of a group."""
        c, sums = self.macro.cell_bits, [min(self.macro.rows, self.rows)] if self.reference else []
        for start in range(0, self.rows, self.macro.rows):
            group = self.bits[start : start + self.macro.rows]
            for output in range(len(self.constants)):
                held = [row[output] for row in group]
                if self.macro.encoding == "sign_magnitude":
                    values = [sum(bit << i for i, bit in enumerate(bits[:-1])) for bits in held]
                    pairs = list(zip(values, held, strict=True))
                    sums += [sum(v for v, bits in pairs if bits[-1] == sign) for sign in (0, 1)]
                else:
                    cuts = [[bits[at : at + c] for bits in held] for at in range(0, len(held[0]), c)]
                    sums += [sum(bit << i for digit in cut for i, bit in enumerate(digit)) for cut in cuts]
        return max(sums)

    def _value(self, y: int, converter: tuple[int, int]) -> int:
        step, offset = converter
        code = (y + offset + step // 2) // step
        if self.macro.adc_full_scale_lsb != "exact":
            code = max(0, min(2**self.macro.adc_bits - 1, code))
        return (code * self.level + 2048) >> 12

    def output(self, channel: int, operands: list[int], noise: Any = None) -> int:
        """a of one output for K codes; ``noise`` (groups, slices, columns) fixed-point integers of all columns."""
        if self.macro.model != "circuit":
            return self._modelled(channel, operands)
        d, outputs = self.macro.dac_bits, len(self.constants)
        total = self.constants[channel]
        for index in range(max(1, -(-self.highest.bit_length() // d))):
            slices = [x >> index * d & (2**d - 1) for x in operands]
            for group, start in enumerate(range(0, self.rows, self.macro.rows)):
                rows = range(start, min(start + self.macro.rows, self.rows))
                for j, factor in enumerate(self.factors):
                    y = sum(self.products[r][channel][j][slices[r]] for r in rows)
                    y += 0 if noise is None else int(noise[group][index][j * outputs + channel])
                    total += factor * self._value(y, self.converters[channel][j]) << index * d
                if self.reference:
                    y = sum(self.ones[r] * slices[r] for r in rows)
                    y += 0 if noise is None else int(noise[group][index][len(self.factors) * outputs])
                    total -= self.reference * self._value(y, self.reference_converter) << index * d
        return total

    def _modelled(self, channel: int, operands: list[int]) -> int:
        """IMAC's model of accuracy."""
        levels = max(1, 15 * self.rows // 10)
        level = max(1, fixed((2**self.magnitude - 1) * self.highest * 10 / 15))
        drawn = np.clip(self._draw(6).standard_normal(len(self.constants)), -6, 6)
        error = round(float(drawn[channel]) * (0.6 * sqrt(self.rows / 10)))
        exact = sum(w * x for w, x in zip(self.centred[channel], operands, strict=True))
        code = floor((ONE * exact + level // 2) // level) + error
        return ((max(-levels, min(levels, code)) * level + 2048) >> 12) + self.constants[channel]
