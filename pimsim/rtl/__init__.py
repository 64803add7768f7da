"""The machine once more, as a register-transfer description in Amaranth: the definition of a cycle.

Needs the extra ``verify``.  docs/microarchitecture.md is its specification; `pimsim.simulation` counts the same
cycles and actions and is held against it, to the cycle, the count and the bit.
"""
