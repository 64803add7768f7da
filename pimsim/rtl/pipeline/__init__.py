"""Maps handed over between layers that work at the same time, docs/microarchitecture.md §8."""
