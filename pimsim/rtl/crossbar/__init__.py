"""The bit-serial crossbar, docs/microarchitecture.md §5."""
