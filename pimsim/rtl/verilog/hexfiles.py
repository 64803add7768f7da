"""Words as text for ``$readmemh``: a word per line, address 0 first, all with the same number of digits."""

from __future__ import annotations

from collections.abc import Iterable


def hex_text(words: Iterable[int], bits: int) -> str:
    """Words modulo 2^``bits``, so that a negative one is in two's complement.

    >>> hex_text([1, -1, 255], 9)
    '001\\n1ff\\n0ff\\n'
    """
    digits, mask = -(-bits // 4), (1 << bits) - 1
    return "".join(f"{word & mask:0{digits}x}\n" for word in words)
