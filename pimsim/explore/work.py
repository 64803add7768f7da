"""What evaluating points took: how often each stage really ran, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.explore.point import Row


@dataclass(frozen=True)
class Work:
    """Stages that ran, and seconds in each; parts add with ``+``."""

    executions: int = 0
    schedules: int = 0
    pricings: int = 0
    execute_s: float = 0.0
    schedule_s: float = 0.0
    price_s: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.executions + other.executions,
            self.schedules + other.schedules,
            self.pricings + other.pricings,
            self.execute_s + other.execute_s,
            self.schedule_s + other.schedule_s,
            self.price_s + other.price_s,
        )


@dataclass(frozen=True)
class Evaluated:
    """Rows of a chunk, one per point in the chunk's order, and what they took."""

    rows: tuple[Row, ...]
    work: Work
