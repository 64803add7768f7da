"""Which pimsim this process has: rows from different ones do not belong together."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from platform import python_version

import pimsim


@cache
def edition() -> tuple[str, str, str]:
    """Versions of Python and pimsim, and what the texts of its modules add up to, which a version may leave open.

    As they are when it is first asked: what is edited later on is not what this process has loaded.
    """
    root = Path(pimsim.__file__).parent
    found = sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return python_version(), pimsim.__version__, found.hexdigest()[:8]
