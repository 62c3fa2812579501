"""Stamps: one 63-bit number that orders versions and carries their `meta.lastUpdated`.

A stamp is a hybrid logical clock: 42 bits of milliseconds since 1970, 10 bits that name the process, 11 bits that count
within the millisecond. Stamps of one process always rise; two processes never make the same one. See
docs/adr/0004-stamps.md. https://hl7.org/fhir/R4/resource.html#Meta
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

LOW_BITS: Final = 21
"""Bits below the milliseconds."""

_SEQUENCE_BITS: Final = 11
PROCESSES: Final = 1 << (LOW_BITS - _SEQUENCE_BITS)
"""How many processes can be told apart at one time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def stamp_at(instant: datetime) -> int:
    """Return the lowest stamp of the millisecond of `instant`."""
    return ((instant - _EPOCH) // timedelta(milliseconds=1)) << LOW_BITS


def instant_of(stamp: int) -> datetime:
    """Return the instant a stamp carries, in UTC with milliseconds."""
    return _EPOCH + timedelta(milliseconds=stamp >> LOW_BITS)


def format_instant(stamp: int) -> str:
    """Return the instant of a stamp as FHIR writes it (`2026-01-31T08:15:30.125Z`)."""
    return instant_of(stamp).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StampClock:
    """Makes the stamps of one process.

    Arguments:
        process: the number of this process, below `PROCESSES`; unique among the processes of one database.
        now: the wall clock.
    """

    def __init__(self, process: int, now: Callable[[], datetime]) -> None:
        self._process = process % PROCESSES
        self._now = now
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._sequence = 0

    def next(self, after: int = 0) -> int:
        """Return a new stamp, later than `after` even if another machine's clock runs ahead of ours."""
        wall = (self._now() - _EPOCH) // timedelta(milliseconds=1)
        with self._lock:
            milliseconds = max(wall, self._milliseconds, (after >> LOW_BITS) + 1 if after else 0)
            if milliseconds == self._milliseconds:
                self._sequence += 1
                if self._sequence >> _SEQUENCE_BITS:
                    milliseconds += 1
            if milliseconds > self._milliseconds:
                self._milliseconds = milliseconds
                self._sequence = 0
            return milliseconds << LOW_BITS | self._process << _SEQUENCE_BITS | self._sequence
