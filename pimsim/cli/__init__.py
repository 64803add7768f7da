"""The ``pimsim`` command: parse, call, echo."""

from pimsim.cli.main import main

__all__ = ["main"]
