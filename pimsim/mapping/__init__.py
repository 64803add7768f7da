"""Where each weight and neuron lives on an accelerator, and proof that every sum fits its word."""

from pimsim.mapping.accumulators import layer_numerics, smallest_shift
from pimsim.mapping.mapping import LayerMapping, Mapping
from pimsim.mapping.place import map_model
from pimsim.mapping.placement import costs_cnn

__all__ = ["LayerMapping", "Mapping", "costs_cnn", "layer_numerics", "map_model", "smallest_shift"]
