"""The database: connected as durability demands, with everything that reads and writes it.

https://hl7.org/fhir/R4/http.html#transaction, docs/durability.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import mongoengine
import pymongo
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from fhirhub.store.collections import Collections, Document
from fhirhub.store.commit import Commits
from fhirhub.store.documents import ALIAS
from fhirhub.store.find import Find
from fhirhub.store.jobs import Jobs
from fhirhub.store.reindex_queue import ReindexQueue
from fhirhub.store.replica_set import require_replica_set
from fhirhub.store.search_parameters import Registry
from fhirhub.store.stamp import StampClock

_DURABLE: Final[dict[str, Any]] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "retryWrites": True,
    "retryReads": True,
    "timeoutMS": 10_000,
    "serverSelectionTimeoutMS": 3_000,
    "readPreference": "primary",
    "tz_aware": True,
    "appname": "fhirhub",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database and its parts; made by `open_database`, ended by `close`."""

    client: MongoClient[Document]
    collections: Collections
    find: Find
    commits: Commits
    parameters: Registry
    reindex: ReindexQueue
    jobs: Jobs

    def unavailable(self) -> str | None:
        """Return why the database cannot serve writes now, None when it can."""
        try:
            with pymongo.timeout(2):
                hello = self.client.admin.command("hello")
        except PyMongoError as error:
            return f"MongoDB does not answer: {type(error).__name__}"
        return None if hello.get("isWritablePrimary") or hello.get("msg") == "isdbgrid" else "MongoDB has no primary"

    def drop(self) -> None:
        """Delete the database with all that is in it: for tests and demonstrations."""
        self.client.drop_database(mongoengine.get_db(ALIAS).name)

    def close(self) -> None:
        """Close the connections."""
        mongoengine.disconnect(ALIAS)


def open_database(uri: str, name: str, *, max_time_ms: int, now: Callable[[], datetime]) -> Database:
    """Connect and make collections and indexes ready. One database can be open in a process at a time.

    Arguments:
        uri: of a replica set or sharded cluster.
        max_time_ms: most time one search may take, in milliseconds.
        now: the wall clock.

    Raises:
        StandaloneMongod: the URI names a standalone mongod.
        ConfigurationError: the database has another storage layout.
        pymongo.errors.PyMongoError: the server does not answer or refuses.
    """
    mongoengine.connect(name, host=uri, alias=ALIAS, uuidRepresentation="standard", **_DURABLE)
    try:
        client: MongoClient[Document] = mongoengine.get_connection(ALIAS)
        require_replica_set(client)
        collections = Collections(client[name])
        collections.prepare()
        clock = StampClock(collections.process_number(), now)
        parameters = Registry(collections)
    except BaseException:
        mongoengine.disconnect(ALIAS)
        raise
    return Database(
        client,
        collections,
        Find(collections, max_time_ms=max_time_ms),
        Commits(client, collections, clock, parameters),
        parameters,
        ReindexQueue(now),
        Jobs(now),
    )
