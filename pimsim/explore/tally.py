"""Counts what evaluating points takes, while it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pimsim.explore.work import Work


@dataclass
class Tally:
    """Stages that ran and seconds in each, as in `Work`."""

    executions: int = 0
    schedules: int = 0
    pricings: int = 0
    execute_s: float = 0.0
    schedule_s: float = 0.0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time until the context's end to a stage, ``execute_s`` or ``schedule_s``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + time.perf_counter() - start)

    def taken(self, total_s: float) -> Work:
        """All since the last time that this was asked; what is neither executing nor scheduling is pricing."""
        price_s = max(total_s - self.execute_s - self.schedule_s, 0.0)
        found = Work(self.executions, self.schedules, self.pricings, self.execute_s, self.schedule_s, price_s)
        self.executions = self.schedules = self.pricings = 0
        self.execute_s = self.schedule_s = 0.0
        return found
