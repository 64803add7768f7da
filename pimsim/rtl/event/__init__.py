"""The event core with both dataflows, docs/microarchitecture.md §4."""
