"""Simulator of quantized spiking networks on processing-in-memory accelerators.

Import the stage you need (``pimsim.report``, ``pimsim.model``, ...): this module stays light, so that
``pimsim --help`` answers at once.
"""

__version__ = "0.1.0"
