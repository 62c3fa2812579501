"""What `/metrics` tells of the whole installation: its workers and their work, its plugins and their hooks.

docs/operations.md
"""

from collections.abc import Iterator, Mapping

from fhirhub.hub import Hub
from fhirhub.interactions.hook_counts import counted, hand_on
from fhirhub.store.failures import DATABASE_ERRORS
from fhirhub.worker.pace import Pace
from fhirhub.worker.status import status

Sample = tuple[str, str, Mapping[str, str], float]
"""Name, what it says, labels, value."""

_UP = "fhirhub_database_up", "Whether the database answers; without it nothing is told of workers and hooks."


def installation(hub: Hub, pace: Pace) -> list[Sample]:
    """Return what there is to tell; where the database is away that alone."""
    try:
        return [(*_UP, {}, 1.0), *status(hub.database, hub.call.now, pace).metrics(), *_hooks(hub)]
    except DATABASE_ERRORS:
        return [(*_UP, {}, 0.0)]


def _hooks(hub: Hub) -> Iterator[Sample]:
    hand_on(hub.hooks)
    for row in counted():
        labels = {"plugin": row.plugin, "hook": row.hook}
        yield "fhirhub_hook_calls_total", "Calls of hooks of plugins, by all processes.", labels, row.calls
        yield "fhirhub_hook_seconds_total", "Time in hooks of plugins, by all processes.", labels, row.seconds
        yield "fhirhub_hook_failures_total", "Calls of hooks that failed.", labels, row.failures
