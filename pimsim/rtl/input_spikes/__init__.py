"""The encoder of input spikes and the first layer behind it, docs/microarchitecture.md §11."""
