"""What is computed: the integer network, its arithmetic, its file and its dense reference."""

from pimsim.model.format import load_network, network_hash, save_network

__all__ = ["load_network", "network_hash", "save_network"]
