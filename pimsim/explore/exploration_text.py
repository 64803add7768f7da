"""What an exploration came to, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from pimsim.explore.exploration import Explored
from pimsim.explore.point import FAILED, OK, REFUSED, VIOLATES

_MEANINGS = {
    OK: "ok",
    VIOLATES: "violate a constraint",
    REFUSED: "cannot be built, or do not hold the model",
    FAILED: "failed",
}


def explored_text(explored: Explored) -> str:
    """Points by what became of them, what was computed for them, and how fast."""
    return "\n".join(_lines(explored))


def _lines(explored: Explored) -> Iterator[str]:
    done = sum(explored.statuses.values())
    new = done - explored.before
    yield from explored.dropped
    rate = f", {new / explored.seconds:,.0f} per second" if explored.seconds > 0 and new else ""
    before = f", {explored.before:,} were there before" if explored.before else ""
    yield f'{done:,} points of space "{explored.space.name}": {new:,} in {explored.seconds:.1f} s{rate}{before}'
    yield "  " + ", ".join(
        f"{count:,} {_MEANINGS[status]}" for status, count in explored.statuses.items() if count or status == OK
    )
    work = explored.work
    yield (
        f"  {_times(work.executions, 'execution')} ({work.execute_s:.1f} s), "
        f"{_times(work.schedules, 'schedule')} ({work.schedule_s:.1f} s), "
        f"{_times(work.pricings, 'pricing')} ({work.price_s:.1f} s), seconds of all workers together"
    )
    if done < explored.total:
        yield f"  no new points were found after {done:,} of {explored.total:,}"


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
