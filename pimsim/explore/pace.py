"""How many points a worker is given at a time."""

from __future__ import annotations

from pimsim.explore.work import Work

WANTED_S = 1.0
"""Of one chunk: long beside handing it over, short beside a wait for the bar to move or for work lost to a kill."""
MOST = 512
GROWTH = 4
"""At most, from one chunk to the next: neighbours share work, so the first few of a kind tell little of the rest."""


class Pace:
    """Sizes of chunks, from the time that those before took."""

    def __init__(self) -> None:
        self.size = 1

    def seen(self, points: int, work: Work) -> None:
        """Take notice of a chunk that is done."""
        took = work.execute_s + work.schedule_s + work.price_s
        fitting = MOST if took <= points * WANTED_S / MOST else int(points * WANTED_S / took)
        self.size = max(1, min(fitting, self.size * GROWTH, MOST))
