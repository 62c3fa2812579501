"""Tells that something new is to be done, as soon as it is committed: a change stream.

docs/adr/0016-delivery.md

It only wakes: what is missed while it is broken is found by those who look now and then.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from pymongo.errors import PyMongoError

from fhirhub.store.documents import JobDocument, Outbox

_AWAIT_MILLISECONDS: Final = 1_000
_PAUSE_SECONDS: Final = 2.0
_REST_SECONDS: Final = 0.1
_READ_SECONDS: Final = 0.01
_LOG: Final = logging.getLogger("fhirhub.worker")


class Wakeups:
    """Follows the outbox and the jobs of the database.

    Arguments:
        changed: hears of the partition that has something new; None: it is a job.
    """

    def __init__(self, changed: Callable[[int | None], None]) -> None:
        self._changed = changed

    def follow(self, stop: threading.Event) -> None:
        """Do so until told to stop."""
        while not stop.is_set():
            try:
                self._follow(stop)
            except PyMongoError as error:
                _LOG.warning("workers look every second until the change stream is back: %s", type(error).__name__)
                stop.wait(_PAUSE_SECONDS)

    def _follow(self, stop: threading.Event) -> None:
        outbox, job = Outbox._get_collection_name(), JobDocument._get_collection_name()
        pipeline: list[dict[str, Any]] = [
            {"$match": {"operationType": "insert", "ns.coll": {"$in": [outbox, job]}}},
            {"$project": {"p": "$fullDocument.p"}},
        ]
        with Outbox._get_collection().database.watch(pipeline, max_await_time_ms=_AWAIT_MILLISECONDS) as stream:
            rest_at = 0.0
            while not stop.is_set():
                change = stream.try_next()
                if change is None:
                    continue
                self._changed(change.get("p"))
                if time.monotonic() >= rest_at:
                    # While much is written, news that come together cost as much as one.
                    stop.wait(_REST_SECONDS)
                    rest_at = time.monotonic() + _READ_SECONDS
