"""Collections and indexes: one collection per resource type, made before its first write.

See docs/adr/0006-storage-layout.md for the shape of the documents and why these indexes.
"""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ASCENDING, GEOSPHERE, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.search.leading import leading
from fhirhub.settings import ConfigurationError
from fhirhub.store.documents import DOCUMENTS, LOCK_STRIPES, Counter, Installation, Lock

Document = dict[str, Any]

LAYOUT: Final = 4
"""Version of the storage layout; a change that old code cannot read raises it."""

_NAMESPACE_EXISTS: Final = 48

_SHARED_INDEXES: Final = (
    IndexModel([("k", ASCENDING), ("n", ASCENDING)], name="tokens"),
    IndexModel([("d.p", ASCENDING), ("d.l", ASCENDING), ("d.h", ASCENDING)], name="dates"),
    IndexModel([("q.p", ASCENDING), ("q.l", ASCENDING), ("q.h", ASCENDING)], name="numbers", sparse=True),
    IndexModel([("w", ASCENDING), ("n", ASCENDING)], name="words", sparse=True),
    IndexModel([("c.t", ASCENDING), ("c.k", ASCENDING)], name="contained", sparse=True),
    IndexModel([("n", ASCENDING)], name="created"),
    IndexModel([("u", ASCENDING)], name="updated"),
)
_PLACES: Final = IndexModel([("p.at", GEOSPHERE)], name="places", sparse=True)
_EVENTS: Final = IndexModel([("e", ASCENDING), ("n", ASCENDING)], name="events")
# Not sparse: a sparse index does not find what has no `e`, and lists end with that.
_LISTED: Final = IndexModel([("a", ASCENDING), ("e", ASCENDING), ("n", ASCENDING)], name="listed")


def resource_indexes(resource_type: str) -> list[IndexModel]:
    """Return the indexes of a resource type; what it has no such parameter for, it has no index for."""
    parameters = r4().search_parameters(resource_type)
    indexes = list(_SHARED_INDEXES)
    if "near" in parameters:
        indexes.append(_PLACES)
    if leading(resource_type) is not None:
        indexes += [_EVENTS, _LISTED]
    return indexes


class Collections:
    """The collections of one database; makes those of a resource type when it is first written."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._ready: frozenset[str] = frozenset()
        self._making = threading.Lock()

    def prepare(self) -> None:
        """Make the server's own collections and learn which resource types have theirs.

        Raises:
            ConfigurationError: the database was written with another storage layout.
        """
        for document in DOCUMENTS:
            document.ensure_indexes()
        existing = set(self._database.list_collection_names())
        missing = {document._get_collection_name() for document in DOCUMENTS} - existing
        for name in sorted(missing):
            self._create(name)
        Lock._get_collection().bulk_write(
            [UpdateOne({"_id": n}, {"$setOnInsert": {"c": 0}}, upsert=True) for n in range(LOCK_STRIPES)], ordered=False
        )
        installation = Installation._get_collection().find_one_and_update(
            {"_id": "fhirhub"},
            {"$setOnInsert": {"layout": LAYOUT, "created": datetime.now(UTC)}},
            upsert=True,
            return_document=True,
        )
        if installation["layout"] != LAYOUT:
            raise ConfigurationError(
                f"The database {self._database.name!r} has storage layout {installation['layout']}, "
                f"this fhirhub reads and writes layout {LAYOUT}."
            )
        self._ready = frozenset(name for name in existing if name[:1].isupper())

    def _create(self, name: str) -> None:
        try:
            self._database.create_collection(name, check_exists=False)
        except OperationFailure as error:
            # Another process that starts at the same time was faster.
            if error.code != _NAMESPACE_EXISTS:
                raise

    def process_number(self) -> int:
        """Return a number no other process of this database was given lately (see `StampClock`)."""
        counter = Counter._get_collection().find_one_and_update(
            {"_id": "process"}, {"$inc": {"c": 1}}, upsert=True, return_document=True
        )
        return int(counter["c"])

    def of(self, resource_type: str) -> Collection[Document]:
        """Return the collection of a resource type."""
        return self._database[resource_type]

    def snapshot(self) -> ClientSession:
        """Return a session whose queries all see the database as it is when the first of them runs."""
        return self._database.client.start_session(snapshot=True)

    def in_use(self) -> frozenset[str]:
        """Return the resource types that may hold resources, those other processes have just begun included."""
        return frozenset(name for name in self._database.list_collection_names() if name[:1].isupper())

    def living(self, resource_type: str, *, after: str, limit: int) -> list[str]:
        """Return ids of resources that are not deleted, in their order, those behind `after`."""
        found = self._database[resource_type].find(
            {"_id": {"$gt": after}, "n": {"$gt": 0}}, ["_id"], sort=[("_id", 1)], limit=limit
        )
        return [document["_id"] for document in found]

    def ensure(self, resource_types: Iterable[str]) -> None:
        """Make the collections and indexes of these types. A transaction could not do so while others write."""
        for name in set(resource_types) - self._ready:
            with self._making:
                if name in self._ready:
                    continue
                self._database[name].create_indexes(resource_indexes(name))
                self._ready |= {name}

    def require(self, resource_type: str) -> Collection[Document]:
        """Return the collection of a type for writing in a transaction.

        Raises:
            FhirError: nobody called `ensure` for the type before the transaction began (a mistake of the caller).
        """
        if resource_type not in self._ready:
            raise FhirError(Failure.INTERNAL, f"The collection of {resource_type} was not prepared.")
        return self._database[resource_type]
