"""How a worker goes about its work.

docs/how-it-works/worker.md
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """Times and amounts; see docs/adr/0016-delivery.md for why they are these.

    Arguments:
        attempts: how often a version is given to a plugin before it is parked.
        first_pause, factor, longest_pause: after the first failure, by how much it grows with each, and its limit.
        poll_seconds: how often a worker looks when nothing wakes it.
        lease_seconds: after how long without a sign of life others take over.
        gather_seconds: from the beginning of one look at the outbox to that of the next: what comes in between is
            noted together. What comes after a time of quiet does not wait.
        settle_seconds: how long it delivers before it notes what it has done.
        rows, changes: of the outbox that are read at a time.
        queues: that are tried again at a time.
        loaded: versions that are read at a time.
        chance: from 0 to 1, spreads what would else be tried again at the same moment.
    """

    attempts: int = 8
    first_pause: timedelta = timedelta(seconds=5)
    factor: float = 3.0
    longest_pause: timedelta = timedelta(hours=1)
    poll_seconds: float = 1.0
    lease_seconds: float = 10.0
    gather_seconds: float = 0.25
    settle_seconds: float = 2.0
    rows: int = 200
    changes: int = 1000
    queues: int = 50
    loaded: int = 100
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures in a row: the more, the longer."""
        most = self.longest_pause / self.first_pause
        # Powers have an end that many failures would reach.
        grown = min(self.factor ** min(failures - 1, 50), most)
        return self.first_pause * grown * (1 - _JITTER + 2 * _JITTER * self.chance())
