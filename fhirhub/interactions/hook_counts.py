"""Hands what a process has counted of plugins' hooks to the sums in the database, and tells these.

docs/operations.md
"""

import contextlib
import logging
import threading
from typing import Final

from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.statistics import Row
from fhirhub.store.failures import DATABASE_ERRORS
from fhirhub.store.hook_counts import Count, add, sums

SECONDS: Final = 5.0
"""How often a process hands on what it has counted."""

_LOG: Final = logging.getLogger("fhirhub.hooks")


def hand_on(hooks: Hooks) -> None:
    """Add what was counted since the last time. Raises PyMongoError: it is kept for the next time."""
    rows = hooks.statistics.take()
    try:
        add(Count(each.plugin, each.hook, each.calls, each.seconds, each.failures, each.last_error) for each in rows)
    except BaseException:
        # What was added in spite of the error counts twice: sooner that than not at all.
        hooks.statistics.give_back(rows)
        raise


def counted() -> list[Row]:
    """Return what all processes have handed on. Raises PyMongoError."""
    return [Row(*each) for each in sums()]


class Counting:
    """Hands on in a thread of its own, every few seconds, and a last time at the end."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="hook counts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, whether it was begun or not; where the database is away, what was counted last is lost."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(*DATABASE_ERRORS):
            hand_on(self._hooks)

    def _go_on(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                hand_on(self._hooks)
            except DATABASE_ERRORS as error:
                _LOG.debug("the counts of hooks wait for the database: %s", type(error).__name__)
