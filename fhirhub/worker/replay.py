"""The job that delivers the current versions of a type to one plugin, such as one that was not there before.

docs/how-it-works/worker.md
"""

import time
from collections.abc import Callable
from typing import Any, Final

from fhirhub.plugin import Job, JobRun
from fhirhub.store.collections import Collections
from fhirhub.store.deliveries import Deliveries

OWNER: Final = "fhirhub"
"""Whose jobs the server's own are; no plugin can have the name."""

NAME: Final = "replay"

_CHUNK: Final = 500
_MOST_WAITING: Final = 2_000
_PAUSE: Final = 0.2


def replay_job(collections: Collections, deliveries: Deliveries) -> Job:
    """Return the job; its parameters are `plugin` and `type`."""

    def run(job: JobRun) -> Any:
        plugin, resource_type = job.parameters["plugin"], job.parameters["type"]
        return {"delivered": _replay(collections, deliveries, plugin, resource_type, job.progress)}

    return Job(NAME, run)


def _replay(
    collections: Collections,
    deliveries: Deliveries,
    plugin: str,
    resource_type: str,
    progress: Callable[[float, str], None],
) -> int:
    """Line up all resources of a type, no faster than they are taken; return how many."""
    total = max(1, collections.of(resource_type).estimated_document_count())
    done, after = 0, ""
    while ids := collections.living(resource_type, after=after, limit=_CHUNK):
        deliveries.request_current(plugin, resource_type, ids)
        done, after = done + len(ids), ids[-1]
        progress(min(done / total, 1.0), f"{resource_type}: {done}")
        while deliveries.waiting(plugin) > _MOST_WAITING:
            time.sleep(_PAUSE)
            progress(min(done / total, 1.0), f"{resource_type}: {done}")
    return done
