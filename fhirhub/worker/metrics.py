"""What `/metrics` tells of the whole installation: its workers and their work, its plugins and their hooks.

docs/operations.md
"""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from fhirhub.hub import Hub
from fhirhub.interactions.hook_counts import counted, hand_on
from fhirhub.store.failures import DATABASE_ERRORS
from fhirhub.worker.pace import Pace
from fhirhub.worker.status import status

Sample = tuple[str, str, Mapping[str, str], float]
"""Name, what it says, labels, value."""

_FRESH_SECONDS: Final = 2.0
_UP: Final = "fhirhub_database_up", "Whether the database answers; without it nothing is told of workers and hooks."


class Installation:
    """Tells it; who asks often gets what was told a moment ago, so that asking costs the database little."""

    def __init__(self, hub: Hub, pace: Pace) -> None:
        self._hub = hub
        self._pace = pace
        self._lock = threading.Lock()
        self._told: list[Sample] = []
        self._until = 0.0

    def __call__(self) -> list[Sample]:
        """Return what there is to tell; where the database is away that alone."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._told = self._ask()
                self._until = time.monotonic() + _FRESH_SECONDS
            return self._told

    def _ask(self) -> list[Sample]:
        try:
            work = status(self._hub.database, self._hub.call.now, self._pace)
            return [(*_UP, {}, 1.0), *work.metrics(), *_hooks(self._hub)]
        except DATABASE_ERRORS:
            return [(*_UP, {}, 0.0)]


def _hooks(hub: Hub) -> Iterator[Sample]:
    hand_on(hub.hooks)
    for row in counted():
        labels = {"plugin": row.plugin, "hook": row.hook}
        yield "fhirhub_hook_calls_total", "Calls of hooks of plugins, by all processes.", labels, row.calls
        yield "fhirhub_hook_seconds_total", "Time in hooks of plugins, by all processes.", labels, row.seconds
        yield "fhirhub_hook_failures_total", "Calls of hooks that failed.", labels, row.failures
