"""Buffers built of SRAM macros: a word spread over macros side by side, its depth over macros in banks."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.activity.actions import CATALOGUE
from pimsim.activity.activity import ActionCount, Storage
from pimsim.errors import MappingError
from pimsim.hardware import Memories

KIB_BITS = 8 * 1024


@dataclass(frozen=True)
class MemoryPlan:
    """One buffer: ``wide`` macros hold one word, ``deep`` rows of them, in ``banks``, hold all ``words``.

    Only the row that holds a word is accessed, so an access costs ``wide`` macro accesses.  Values of
    ``value_bits`` are not split between macros; a part of a word costs only the macros that hold it.
    ``ports`` 2 where a word is read in the cycle in which another is written.  ``deep`` counts the rows of all banks.
    """

    component: str
    words: int
    word_bits: int
    value_bits: int
    wide: int
    deep: int
    macro_words: int
    macro_width_bits: int
    ports: int = 1

    @property
    def macro_bits(self) -> int:
        return self.macro_words * self.macro_width_bits

    @property
    def capacity_bits(self) -> int:
        """As built."""
        return self.macro_bits * self.wide * self.deep

    def read(self, accesses: int) -> ActionCount:
        """``accesses`` words read."""
        return self._count("read", accesses)

    def write(self, accesses: int) -> ActionCount:
        """``accesses`` words written."""
        return self._count("write", accesses)

    def _count(self, action: str, accesses: int) -> ActionCount:
        return self._macros(action, accesses * self.wide)

    def _macros(self, action: str, accesses: int) -> ActionCount:
        definition = CATALOGUE[self.component, action]
        return definition.count(accesses, bits=self.macro_width_bits, capacity_bits=self.macro_bits, ports=self.ports)

    def read_macros(self, accesses: int) -> ActionCount:
        """``accesses`` single macros read, where only part of a word is wanted."""
        return self._macros("read", accesses)

    def write_macros(self, accesses: int) -> ActionCount:
        """``accesses`` single macros written."""
        return self._macros("write", accesses)

    @property
    def values_per_macro(self) -> int:
        return max(1, self.macro_width_bits // self.value_bits)

    @property
    def storage(self) -> Storage:
        instances = self.wide * self.deep
        return Storage(self.component, self.macro_bits, self.macro_width_bits, instances, ports=self.ports)


def plan_memory(
    component: str,
    *,
    words: int,
    word_bits: int,
    value_bits: int = 1,
    ports: int = 1,
    banks: int = 1,
    memories: Memories,
    capacity_kib: float | None,
    where: str,
) -> MemoryPlan:
    """The macros for ``words`` of ``word_bits``: as many as the content needs, or as ``capacity_kib`` gives.

    A word consists of values of ``value_bits`` and lies in the bank of its address modulo ``banks``, all of which are
    equally large; banks that would hold no word are not built.  Raises MappingError, with ``where`` in front, when the
    content exceeds the given capacity.
    """
    wide, width = _side_by_side(word_bits, value_bits, memories.macro_width_bits)
    banks = min(banks, words)
    needed = built = -(-words // banks)  # words of a bank
    if capacity_kib is not None:
        built = int(capacity_kib * KIB_BITS) // (width * wide * banks)
        if built < needed:
            kib = needed * banks * width * wide / KIB_BITS
            apart = f" in {banks} banks" if banks > 1 else ""
            raise MappingError(
                f"{where}: {component} needs {kib:.3f} KiB ({words} words of {word_bits} bits{apart}), "
                f"memories.{component.removesuffix('_memory')}_kib={capacity_kib:g}"
            )
    deep = -(-built * width // max(width, int(memories.macro_kib * KIB_BITS)))
    return MemoryPlan(component, words, word_bits, value_bits, wide, deep * banks, -(-built // deep), width, ports)


def _side_by_side(word_bits: int, value_bits: int, macro_width: int) -> tuple[int, int]:
    """Macros across a word and the bits of each, whole values in each as far as one fits at all."""
    values = word_bits // value_bits
    if value_bits > macro_width:
        wide = -(-word_bits // macro_width)
        return wide, -(-word_bits // wide)
    wide = -(-values // (macro_width // value_bits))
    return wide, -(-values // wide) * value_bits
