"""The description held against the simulator, layer by layer: docs/verification.md."""
