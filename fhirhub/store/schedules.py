"""When jobs are to run by their cron expressions: one run for each time, whoever looks.

docs/how-it-works/worker.md
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import pymongo
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhirhub.store.collections import Document
from fhirhub.store.documents import ScheduleDocument
from fhirhub.store.jobs import Jobs

KEY: Final = "schedule"
"""The key of scheduled runs: of a job, one waits at most and one runs."""

_SECONDS: Final = 15.0


class Schedules:
    """The schedules of one database.

    Arguments:
        now: the wall clock.
    """

    def __init__(self, client: MongoClient[Document], jobs: Jobs, now: Callable[[], datetime]) -> None:
        self._client = client
        self._jobs = jobs
        self._now = now

    def ask(self, plugin: str, job: str, expression: str, following: Callable[[datetime], datetime]) -> bool:
        """Ask for the run of a job when its time has come; whether it had.

        However many times were missed, one run makes up for them. A schedule that is new or has changed counts from
        now on.

        Arguments:
            expression: to notice a change.
            following: the next time after one.

        Raises PyMongoError.
        """
        collection = ScheduleDocument._get_collection()
        name = f"{plugin}/{job}"
        now = self._now()
        known = collection.find_one({"_id": name})
        if known is None or known["c"] != expression:
            fresh = {"$set": {"c": expression, "d": following(now)}}
            try:
                collection.update_one({"_id": name, "c": {"$ne": expression}}, fresh, upsert=True)
            except DuplicateKeyError:
                return False  # another worker was faster
            return False
        if known["d"] > now:
            return False
        try:
            with pymongo.timeout(_SECONDS), self._client.start_session(causal_consistency=False) as session:
                return session.with_transaction(
                    lambda inner: self._move_on(plugin, job, known, following(now), inner),
                    ReadConcern("snapshot"),
                    WriteConcern("majority", j=True),
                )
        except DuplicateKeyError:
            # The run for an earlier time has not even begun: that one will do.
            moved = collection.update_one({"_id": name, "d": known["d"]}, {"$set": {"d": following(now)}})
            return bool(moved.modified_count)

    def _move_on(self, plugin: str, job: str, known: Document, following: datetime, session: ClientSession) -> bool:
        moved = ScheduleDocument._get_collection().update_one(
            {"_id": known["_id"], "d": known["d"], "c": known["c"]}, {"$set": {"d": following}}, session=session
        )
        if not moved.matched_count:
            return False
        self._jobs.schedule(plugin, job, {}, KEY, known["d"], session=session)
        return True


def next_runs() -> dict[tuple[str, str], datetime]:
    """Return when each scheduled job is due, by plugin and job."""
    rows = ScheduleDocument._get_collection().find()
    return {_names(row["_id"]): row["d"] for row in rows}


def _names(name: str) -> tuple[str, str]:
    plugin, _, job = name.partition("/")
    return plugin, job
