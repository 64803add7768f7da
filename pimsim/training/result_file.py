"""The JSON file of a run: what a cut run writes of its stages stands beside what earlier ones wrote of later stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pimsim.archive.writer import write_bytes
from pimsim.scenes.trained import KEY

#: what decides a run; where it is the same, so is what earlier sittings measured
_IDENTITY = ("recipe", KEY, "seed")


def write_result(path: Path, result: Mapping[str, object], stages: tuple[str, ...]) -> None:
    """Write what a run found out; ``stages``: all of its recipe's, in order.

    A file of the same settings that went further keeps its later stages, its command and its end, since models and
    checkpoints of them lie beside it; what both measured is as it is now.  Raises OutputError.
    """
    plain = json.loads(json.dumps(result))
    before = _read(path)
    merged = _merged(before, plain) if _goes_further(before, plain, stages) else plain
    write_bytes(path, (json.dumps(merged, indent=2, ensure_ascii=False) + "\n").encode())


def _read(path: Path) -> dict[str, object]:
    """Empty where there is none, or a damaged one."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _goes_further(before: Mapping[str, object], now: Mapping[str, object], stages: tuple[str, ...]) -> bool:
    if any(before.get(key) != now.get(key) for key in _IDENTITY):
        return False
    ends = [content.get("last_stage") for content in (before, now)]
    if not all(end in stages for end in ends):
        return False
    parts = all(isinstance(before.get(key), dict) for key in ("accuracy", "stages"))
    return parts and stages.index(str(ends[0])) > stages.index(str(ends[1]))


def _merged(before: dict[str, object], now: Mapping[str, object]) -> dict[str, object]:
    """``before``, with what both tell of the same stages taken from ``now``."""
    result = dict(before)
    for key in ("accuracy", "stages"):
        old, new = before[key], now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            result[key] = old | new
    return result
