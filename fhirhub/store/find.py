"""Reading: current versions, old versions, histories and searches.

https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/R4/http.html#history, https://hl7.org/fhir/R4/search.html
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from fhirhub.search.filter import Filter
from fhirhub.store.coalescer import Coalescer, Job
from fhirhub.store.collections import Collections
from fhirhub.store.cursor import Seal, cursor_key
from fhirhub.store.documents import History
from fhirhub.store.entries import WITHOUT_ENTRIES
from fhirhub.store.failures import reading
from fhirhub.store.links import Links
from fhirhub.store.plan import Page, Plan
from fhirhub.store.searches import Row, Searches
from fhirhub.store.stamp import LOW_BITS
from fhirhub.store.stored import Stored, from_current, from_history, history_key
from fhirhub.store.unit_of_work import Key
from fhirhub.store.watched import Record, WatchedSearches

Result = TypeVar("Result")

_READ_LANES: Final = 1
_SNAPSHOT_UNAVAILABLE: Final = 246


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a history that was asked for, newest first.

    Arguments:
        since: only versions made at this stamp or later.
        at: only versions that were current at some point of [low, high).
        before: only versions older than this stamp: where the next page begins.
        limit: most versions to return.
    """

    since: int | None = None
    at: tuple[int, int] | None = None
    before: int | None = None
    limit: int = 20


class Find:
    """All queries of one database. Every one of them is limited in time.

    Arguments:
        max_time_ms: most time one query may take, in milliseconds.
        session: the transaction whose writes the queries are to see; None: what is committed.
        seal: what signs cursors; None: made of the secret of the installation when it is first needed.
        record: where searches write down what they ask; None: nowhere.
    """

    def __init__(
        self,
        collections: Collections,
        *,
        max_time_ms: int,
        session: ClientSession | None = None,
        seal: Seal | None = None,
        record: Record | None = None,
    ) -> None:
        self.collections = collections
        self.seconds = max_time_ms / 1000
        self.searches = (
            Searches(collections, seconds=self.seconds, session=session)
            if record is None
            else WatchedSearches(collections, record, seconds=self.seconds, session=session)
        )
        self._record = record
        self._max_time_ms = max_time_ms
        self._session = session
        self._seal = seal
        self._coalescer: Coalescer[Key, Stored | None] = Coalescer(self._read_together, lanes=_READ_LANES)

    def within(self, session: ClientSession) -> "Find":
        """Return the same queries as seen from inside a transaction."""
        return Find(self.collections, max_time_ms=self._max_time_ms, session=session, seal=self._seal)

    def recorded(self, record: Record) -> "Find":
        """Return the same queries, of which searches write down what they ask."""
        return Find(
            self.collections, max_time_ms=self._max_time_ms, session=self._session, seal=self._seal, record=record
        )

    def current(self, resource_type: str, logical_id: str) -> Stored | None:
        """Return the newest version (a deletion too); reads that come together share one query."""
        return self._coalescer.run((resource_type, logical_id))

    def _read_together(self, jobs: Sequence[Job[Key, Stored | None]]) -> None:
        by_type: dict[str, set[str]] = defaultdict(set)
        for job in jobs:
            by_type[job.ask[0]].add(job.ask[1])
        found: dict[Key, Stored] = {}
        with reading(), pymongo.timeout(self.seconds):
            for resource_type, ids in by_type.items():
                # A find by one `_id` has a path of its own in MongoDB; `$in` has not.
                wanted: Any = next(iter(ids)) if len(ids) == 1 else {"$in": list(ids)}
                cursor = self.collections.of(resource_type).find(
                    {"_id": wanted}, projection=WITHOUT_ENTRIES, session=self._session
                )
                for document in cursor:
                    found[resource_type, document["_id"]] = from_current(resource_type, document)
        for job in jobs:
            job.answer = found.get(job.ask)

    def version(self, resource_type: str, logical_id: str, version: int) -> Stored | None:
        """Return one version, None when there is none of that number."""
        current = self.current(resource_type, logical_id)
        if current is None or current.version == version:
            return current
        with reading(), pymongo.timeout(self.seconds):
            document = History._get_collection().find_one(
                {"_id": history_key(resource_type, logical_id, version)}, session=self._session
            )
        return from_history(document) if document else None

    def search(self, resource_type: str, criteria: Filter, page: Page) -> list[Row]:
        """Return one page of the resources of a type that match (`Searches.find`)."""
        return self.searches.find({resource_type: criteria}, page)

    def count(self, resource_type: str, criteria: Filter, *, at_most: int | None = None) -> int:
        """Return how many resources of a type match, counting no further than `at_most`."""
        return self.searches.count({resource_type: criteria}, at_most=at_most)

    def plan_of(self, resource_type: str, criteria: Filter, page: Page) -> Plan:
        """Return the queries a page is found with, for explaining them."""
        return self.searches.plan_of(resource_type, criteria, page)

    @property
    def seal(self) -> Seal:
        """What signs cursors; all processes of an installation share its secret."""
        if self._seal is None:
            with reading(), pymongo.timeout(self.seconds):
                self._seal = Seal(cursor_key())
        return self._seal

    def links(self) -> Links:
        """Return the queries for what belongs to found resources, as seen from the same transaction."""
        collections = self.collections
        if self._record is not None:
            collections = self._record.collections(collections, lambda: "include")
        return Links(collections, seconds=self.seconds, session=self._session)

    def history(self, span: Span, resource_type: str | None = None, logical_id: str | None = None) -> list[Stored]:
        """Return versions of one resource, of a type or of all types, newest first."""

        def read(session: ClientSession) -> list[Stored]:
            streams = [self._newest(name, own, span, session) for name in self._types(resource_type)]
            streams.append(self._superseded(old, span, session))
            return list(islice(heapq.merge(*streams, key=lambda stored: -stored.stamp), span.limit))

        own, old = _selected(resource_type, logical_id)
        return self._at_one_moment(read)

    def count_history(
        self, span: Span, resource_type: str | None = None, logical_id: str | None = None, *, at_most: int
    ) -> int | None:
        """Return how many versions a history has in all; None when they are more than `at_most`."""

        def read(session: ClientSession) -> int:
            counts = [
                (self.collections.of(name), {**own, **_within(span, superseded=False)})
                for name in self._types(resource_type)
            ]
            counts.append((History._get_collection(), {**old, **_within(span, superseded=True)}))
            return sum(
                collection.count_documents(query, limit=at_most + 1, session=session) for collection, query in counts
            )

        own, old = _selected(resource_type, logical_id)
        total = self._at_one_moment(read)
        return total if total <= at_most else None

    def _types(self, resource_type: str | None) -> list[str]:
        return sorted(self.collections.in_use()) if resource_type is None else [resource_type]

    def _at_one_moment(self, read: Callable[[ClientSession], Result]) -> Result:
        """Run queries as of one point in time: a version that is being superseded is then in exactly one place."""
        with reading(), pymongo.timeout(self.seconds):
            if self._session is not None:
                return read(self._session)
            while True:
                try:
                    with self.collections.snapshot() as session:
                        return read(session)
                except OperationFailure as error:
                    # A collection is younger than the point in time; soon there is a later one, or time is up.
                    if error.code != _SNAPSHOT_UNAVAILABLE:
                        raise

    def _newest(
        self, resource_type: str, query: dict[str, Any], span: Span, session: ClientSession
    ) -> Iterator[Stored]:
        cursor = self.collections.of(resource_type).find(
            {**query, **_within(span, superseded=False)},
            projection=WITHOUT_ENTRIES,
            sort=[("u", -1)],
            limit=span.limit,
            session=session,
        )
        return (from_current(resource_type, document) for document in cursor)

    def _superseded(self, query: dict[str, Any], span: Span, session: ClientSession) -> Iterator[Stored]:
        # The versions of one resource are in the order of their keys and of their stamps alike.
        order = "_id" if "_id" in query else "u"
        cursor = History._get_collection().find(
            {**query, **_within(span, superseded=True)}, sort=[(order, -1)], limit=span.limit, session=session
        )
        return (from_history(document) for document in cursor)


def _selected(resource_type: str | None, logical_id: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return which current and which superseded versions belong to a history."""
    if resource_type is None:
        return {}, {}
    if logical_id is None:
        return {}, {"t": resource_type}
    # "0" follows "/" in every collation of bytes, so this is the range of all versions.
    versions = {"$gt": f"{resource_type}/{logical_id}/", "$lt": f"{resource_type}/{logical_id}0"}
    return {"_id": logical_id}, {"_id": versions}


def _within(span: Span, *, superseded: bool) -> dict[str, Any]:
    low = span.since
    high = min((bound for bound in (span.before, span.at and span.at[1]) if bound is not None), default=None)
    bounds = {name: bound for name, bound in (("$gte", low), ("$lt", high)) if bound is not None}
    query: dict[str, Any] = {"u": bounds} if bounds else {}
    if span.at is not None:
        # Until when a version was current; a deletion is no state to be in, it only counts when it happened.
        # Two versions of a resource never share a millisecond; in that of its successor a version is not current.
        lasted: dict[str, Any] = {"s": {"$gte": span.at[0] + (1 << LOW_BITS)}} if superseded else {}
        query["$or"] = [{"u": {"$gte": span.at[0]}}, {"m": {"$ne": "DELETE"}, **lasted}]
    return query
