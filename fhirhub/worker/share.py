"""The partitions a worker has: leases that are kept while it lives, divided evenly among those who are alive.

docs/adr/0016-delivery.md
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from fhirhub.store.lease import Guard
from fhirhub.store.members import Members

BEATS: Final = 4
"""How often a lease is prolonged while it would last."""


class Lost(Exception):
    """Another worker has the partition now, or this one is to stop."""


class Share:
    """One partition, which this worker has or has not.

    Arguments:
        lease: of the partition.
        seconds: how long it lasts without being prolonged.
    """

    def __init__(self, lease: Guard, seconds: float) -> None:
        self.lease = lease
        self.wanted = False
        self._seconds = seconds
        self._lock = threading.Lock()
        self._fence: int | None = None
        self._until = 0.0

    @property
    def fence(self) -> int | None:
        """The fence of the lease while it is surely ours; None: it is not."""
        fence = self._fence
        return fence if time.monotonic() < self._until else None

    @property
    def is_held(self) -> bool:
        """Whether it was ours when the database was last asked."""
        return self._fence is not None

    def hold(self) -> bool:
        """Take the lease or prolong it; whether it is ours. Raises PyMongoError."""
        with self._lock:
            # The lease lasts from when the database has heard of it, which is later.
            began = time.monotonic()
            self._fence = self.lease.hold()
            self._until = began + self._seconds
            self.wanted = self._fence is not None and self.wanted
            return self._fence is not None

    def take(self) -> bool:
        """Have the partition from now on, if nobody else has it; whether that is so. Raises PyMongoError."""
        self.wanted = True
        try:
            return self.hold()
        except BaseException:
            self.wanted = False
            raise

    def release(self, *, unless_wanted: bool = False) -> None:
        """Let another worker have it at once. Raises PyMongoError.

        Arguments:
            unless_wanted: do nothing when this worker is to have it, which it may have been told just now.
        """
        with self._lock:
            if self._fence is None or (unless_wanted and self.wanted):
                return
            self._fence = None
            self.wanted = False
            self.lease.release()

    def require(self, fence: int) -> None:
        """Raises Lost: the lease of this fence is, or may be, no longer ours."""
        if self.fence != fence:
            raise Lost


class Shares:
    """Keeps this worker's leases and its part of the work.

    Arguments:
        shares: all partitions there are.
        members: tells who else is alive.
        gained: hears of a partition that is ours from now on.
    """

    def __init__(self, shares: Iterable[Share], members: Members, gained: Callable[[int], None]) -> None:
        self._shares = list(shares)
        self._members = members
        self._gained = gained

    def beat(self) -> None:
        """Give a sign of life, prolong the leases, and give up or take over partitions.

        Raises PyMongoError: with some of the leases it did not work; the others are as they should be.
        """
        alive, place = self._members.beat()
        count = len(self._shares)
        fair = -(-count // alive)
        failed: list[Exception] = []
        for share in self._shares:
            if share.is_held:
                _try(share.hold, failed)
        ours = [number for number, share in enumerate(self._shares) if share.wanted and share.is_held]
        for number in ours[fair:]:
            # Whoever works on it gives it up in the end, between two settlements.
            self._shares[number].wanted = False
        # Each begins elsewhere, so that those who start together do not ask for the same.
        start = place * count // alive
        for number in [*range(start, count), *range(start)]:
            if len(ours) >= fair:
                break
            share = self._shares[number]
            if not share.is_held and _try(share.take, failed):
                ours.append(number)
                self._gained(number)
        if failed:
            raise failed[0]


def _try(act: Callable[[], bool], failed: list[Exception]) -> bool:
    """Do something with one lease; what is wrong with it must not cost the others."""
    try:
        return act()
    except Exception as error:  # told of when all leases have had their turn
        failed.append(error)
        return False
