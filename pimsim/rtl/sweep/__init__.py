"""The pass over a layer's neurons, docs/microarchitecture.md §4.7 and §7."""
