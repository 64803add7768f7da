"""What a key of the hardware file changes at most, which is what has to be done again when it does."""

from __future__ import annotations

from collections.abc import Iterable

FILES, VALUES, ORGANISATION, PRICES = range(4)
"""Another network or machine; what the network computes; when and where it does so; only what that costs."""

_PRICED = ("clock_mhz", "cost")
_PLACED = ("layers", "network")
_COMPUTED = frozenset(
    (
        "style",
        "accumulator_bits",
        "membrane_bits",
        "membrane_step",
        "membrane_range",
        "membrane_rounding",
        "leak",
        "leak_terms",
        "numerics",
        "weight_encoding",
        "cell_bits",
        "dac_bits",
        "adc_bits",
        "outputs_per_adc",
        "rows_active",
        "columns_per_adc",
        "products_per_conversion",
    )
)
"""Keys of an engine that values may depend on: words, and whatever decides which products a converter sees at once."""


def effect_of(path: str) -> int:
    """`VALUES`, `ORGANISATION` or `PRICES` for a dotted key of the hardware file."""
    section, *inner = path.split(".")
    if section in _PRICED:
        return PRICES
    whole = section == "engines" and len(inner) < 2
    return VALUES if whole or section in _PLACED or (inner[1:2] and inner[1] in _COMPUTED) else ORGANISATION


def strongest(paths: Iterable[str]) -> int:
    """Of all these keys together; of none, `FILES`."""
    return min(map(effect_of, paths), default=FILES)
