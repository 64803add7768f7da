"""Errors that pimsim raises on bad input.

Each is also the builtin a caller would expect, so ``except ValueError`` keeps working.
"""

from __future__ import annotations


class PimsimError(Exception):
    """Base of every error caused by what the user gave, not by a defect of pimsim."""


class ModelError(PimsimError, ValueError):
    """A model file or network structure that cannot be used."""


class HardwareError(PimsimError, ValueError):
    """A hardware file with an unknown key or an impossible value."""


class MappingError(PimsimError, ValueError):
    """A model that does not fit on the given hardware."""


class AccumulatorError(MappingError):
    """Sums that an accumulator cannot hold: ``key`` of the hardware file, and the ``bits`` that they need."""

    def __init__(self, text: str, key: str = "", bits: int = 0) -> None:
        super().__init__(text)
        self.key, self.bits = key, bits


class SceneError(PimsimError, ValueError):
    """A scene, label map or patch set that cannot be used."""


class TraceError(PimsimError, ValueError):
    """A trace file that cannot be used, or that belongs to another model."""


class CostError(PimsimError, ValueError):
    """A cost table without an entry that an action needs, or with an invalid one."""


class MissingFileError(PimsimError, FileNotFoundError):
    """A file that is not where it was expected."""


class MissingPackageError(PimsimError, ImportError):
    """An optional package that is needed for what was asked and is not installed."""


class OutputError(PimsimError, OSError):
    """A result that cannot be written where it was asked for."""


class TrainingError(PimsimError, RuntimeError):
    """A training run that cannot start, continue or be exported."""


class ResultsError(PimsimError, ValueError):
    """A table of results that cannot be used, or a row that does not belong in one."""


class ExplorationError(PimsimError, ValueError):
    """A design space that cannot be walked, or results that do not belong to it."""
