"""Optional packages that a command needs, asked for before anything is computed."""

from __future__ import annotations

from importlib.util import find_spec

from pimsim.errors import MissingPackageError


def need_description() -> None:
    """Raise MissingPackageError where the hardware description cannot be imported."""
    if find_spec("amaranth") is None:
        raise MissingPackageError(
            'the RTL description needs Amaranth, not installed here: pip install "pimsim[verify]"'
        )
