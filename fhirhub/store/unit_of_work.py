"""One atomic change: what it read, what it will write, and what it has written so far for its own eyes.

https://hl7.org/fhir/R4/http.html#transaction

A unit stages versions in memory; `Changes.flush` writes those of all units of a commit with one bulk call per
collection. Staged versions are visible to the unit's own reads and searches (read your writes).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.client_session import ClientSession

from fhirhub.model.request import Method
from fhirhub.search.extract import extract
from fhirhub.search.filter import Filter, related
from fhirhub.search.match import matches
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries
from fhirhub.store.collections import Collections, Document
from fhirhub.store.documents import LOCK_STRIPES, History, Lock, Outbox
from fhirhub.store.entries import WITHOUT_ENTRIES
from fhirhub.store.filters import to_mongo
from fhirhub.store.outbox import announcements
from fhirhub.store.resolve import Uncommitted, resolve
from fhirhub.store.search_parameters import RESOURCE_TYPE as SEARCH_PARAMETER
from fhirhub.store.search_parameters import redefine
from fhirhub.store.stamp import LOW_BITS, StampClock
from fhirhub.store.stored import (
    Draft,
    Stored,
    current_document,
    from_current,
    history_document,
)

Key = tuple[str, str]
"""Resource type and logical id."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The newest version of a resource within a change, its index entries (None: deleted), and what made them."""

    stored: Stored
    entries: IndexEntries | None
    site: Site | None = None

    @property
    def generation(self) -> int:
        """That of the search parameters by which the entries were extracted."""
        return 0 if self.site is None else self.site.parameters.generation

    def by(self, site: Site) -> "Staged":
        """Return the same with the entries of another site."""
        return Staged(self.stored, extract(self.stored.resource(), self.stored.resource_type, site), site)

    @property
    def updated(self) -> int:
        """`meta.lastUpdated` in microseconds."""
        return (self.stored.stamp >> LOW_BITS) * 1000


@dataclass(slots=True)
class Changes:
    """What one MongoDB transaction has read and will write; shared by the units that commit together.

    Arguments:
        newest: gives the search parameters there are at this moment.
    """

    session: ClientSession
    collections: Collections
    clock: StampClock
    newest: Callable[[], SearchParameters]
    base: dict[Key, Stored | None] = field(default_factory=dict)
    staged: dict[Key, Staged] = field(default_factory=dict)
    versions: list[Stored] = field(default_factory=list)
    stripes: set[int] = field(default_factory=set)
    redefines: bool = False
    """Whether it changes which search parameters there are."""

    def load(self, keys: Iterable[Key]) -> None:
        """Read the current versions of `keys`, one query per type."""
        by_type: dict[str, list[str]] = defaultdict(list)
        for resource_type, logical_id in keys:
            if (resource_type, logical_id) not in self.base:
                by_type[resource_type].append(logical_id)
        for resource_type, ids in by_type.items():
            found = self.collections.of(resource_type).find(
                {"_id": {"$in": ids}}, projection=WITHOUT_ENTRIES, session=self.session
            )
            self.base.update(dict.fromkeys((resource_type, logical_id) for logical_id in ids))
            for document in found:
                self.base[resource_type, document["_id"]] = from_current(resource_type, document)

    def flush(self) -> None:
        """Write everything that is staged, within the transaction; what is staged later needs another call."""
        if not self.staged and not self.stripes:
            return
        if self.stripes:
            Lock._get_collection().update_many(
                {"_id": {"$in": sorted(self.stripes)}}, {"$inc": {"c": 1}}, session=self.session
            )
        self._write(self.staged, new={key for key in self.staged if self.base.get(key) is None})
        if superseded := list(self._superseded()):
            History._get_collection().insert_many(superseded, ordered=False, session=self.session)
        redefined = [
            (self.base.get(key), staged.stored) for key, staged in self.staged.items() if key[0] == SEARCH_PARAMETER
        ]
        if redefined and redefine(redefined, self.session):
            self.redefines = True
        if self.versions:
            Outbox._get_collection().insert_many(list(self._outbox()), session=self.session)
        # After the first write: a process that stands still from then on loses the transaction.
        self._write(dict(self._renewed()))
        self.base.update((key, staged.stored) for key, staged in self.staged.items())
        self.staged.clear()
        self.versions.clear()
        self.stripes.clear()

    def _write(self, staged: Mapping[Key, Staged], new: Collection[Key] = ()) -> None:
        writes: dict[str, list[InsertOne[Document] | ReplaceOne[Document]]] = defaultdict(list)
        for key, each in staged.items():
            document = current_document(each.stored, each.entries, each.generation)
            writes[key[0]].append(InsertOne(document) if key in new else ReplaceOne({"_id": key[1]}, document))
        for resource_type, operations in writes.items():
            # Unordered: MongoDB groups the inserts of a type into one command.
            self.collections.require(resource_type).bulk_write(operations, ordered=False, session=self.session)

    def _renewed(self) -> Iterable[tuple[Key, Staged]]:
        """Yield what an older set of search parameters made entries of; a reindex by the newest may be over already."""
        parameters = self.newest()
        for key, staged in self.staged.items():
            if staged.site is not None and staged.site.parameters.generation < parameters.generation:
                yield key, staged.by(replace(staged.site, parameters=parameters))

    def _superseded(self) -> Iterable[Document]:
        """Yield the history documents: of each changed resource all versions but the newest."""
        latest = dict(self.base)
        for stored in self.versions:
            key = (stored.resource_type, stored.logical_id)
            previous = latest.get(key)
            if previous is not None:
                yield history_document(previous, until=stored.stamp)
            latest[key] = stored

    def _outbox(self) -> Iterable[Document]:
        return announcements(self.versions, {key: known.stamp for key, known in self.base.items() if known is not None})


class Unit:
    """The change of one request. Nothing it stages is visible to others, or kept, unless its commit succeeds."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._staged: dict[Key, Staged] = {}
        self._versions: list[Stored] = []
        self._stripes: set[int] = set()

    def prefetch(self, keys: Iterable[Key]) -> None:
        """Read many resources with one query per type, for the calls of `current` that follow."""
        self._changes.load(keys)

    def current(self, resource_type: str, logical_id: str) -> Stored | None:
        """Return the newest version, own changes included; a deletion is a version too; None: never existed."""
        key = (resource_type, logical_id)
        staged = self._staged.get(key) or self._changes.staged.get(key)
        if staged is not None:
            return staged.stored
        if key not in self._changes.base:
            self._changes.load([key])
        return self._changes.base[key]

    def will_create(self, resource_type: str, logical_ids: Iterable[str]) -> None:
        """Promise that these ids are new (made by this server just now), which saves looking them up."""
        for logical_id in logical_ids:
            self._changes.base.setdefault((resource_type, logical_id), None)

    def put(self, draft: Draft, logical_id: str, method: Method) -> Stored:
        """Stage the next version of a resource and return it. Says nothing about whether it was allowed."""
        previous = self.current(draft.resource_type, logical_id)
        stamp = self._changes.clock.next(after=previous.stamp if previous else 0)
        version = previous.version + 1 if previous else 1
        stored = Stored(
            draft.resource_type,
            logical_id,
            version,
            stamp,
            method,
            draft.content(logical_id, version, stamp),
            previous.created if previous and not previous.is_deleted else stamp,
        )
        self._stage(stored, draft.entries, draft.site)
        return stored

    def delete(self, resource_type: str, logical_id: str) -> Stored | None:
        """Stage a deletion and return its version; None when there is nothing to delete."""
        previous = self.current(resource_type, logical_id)
        if previous is None or previous.is_deleted:
            return None
        stamp = self._changes.clock.next(after=previous.stamp)
        stored = Stored(resource_type, logical_id, previous.version + 1, stamp, "DELETE", None, None)
        self._stage(stored, None)
        return stored

    def plain(self, resource_type: str, criteria: Filter, planned: Mapping[Key, Uncommitted] | None = None) -> Filter:
        """Return criteria that ask for no other resources (see `resolve`), own changes included.

        Arguments:
            planned: what has not even been staged yet.
        """
        if not related(criteria):
            return criteria
        changed = {**self._changes.staged, **self._staged}
        own = {key: Uncommitted(staged.updated, staged.entries) for key, staged in changed.items()}
        return resolve(
            criteria,
            resource_type,
            collections=self._changes.collections,
            session=self._changes.session,
            uncommitted={**own, **(planned or {})},
        )

    def find(self, resource_type: str, criteria: Filter, *, limit: int) -> list[Stored]:
        """Return at most `limit` resources that match, own changes included."""
        criteria = self.plain(resource_type, criteria)
        changed = {**self._changes.staged, **self._staged}
        own = {key: staged for key, staged in changed.items() if key[0] == resource_type}
        found = [
            staged.stored
            for staged in own.values()
            if staged.entries is not None
            and matches(
                criteria,
                logical_id=staged.stored.logical_id,
                updated=staged.updated,
                entries=staged.entries,
            )
        ]
        query: Mapping[str, Any] = {"$and": [to_mongo(criteria), {"n": {"$gt": 0}}]}
        # What was changed here is judged by its new state alone, so the database may return that many in vain.
        documents = self._changes.collections.of(resource_type).find(
            query, projection=WITHOUT_ENTRIES, limit=limit + len(own), session=self._changes.session
        )
        for document in documents:
            if (resource_type, document["_id"]) not in own:
                stored = from_current(resource_type, document)
                self._changes.base.setdefault((resource_type, stored.logical_id), stored)
                found.append(stored)
        return found[:limit]

    def lock(self, criteria: str) -> None:
        """Make sure that of two units with the same criteria one sees what the other did."""
        digest = blake2b(criteria.encode(), digest_size=4).digest()
        self._stripes.add(int.from_bytes(digest) % LOCK_STRIPES)

    def keep(self) -> None:
        """Hand what was staged to the commit."""
        self._changes.staged.update(self._staged)
        self._changes.versions.extend(self._versions)
        self._changes.stripes |= self._stripes
        self._staged, self._versions, self._stripes = {}, [], set()

    def flush(self) -> ClientSession:
        """Write what was staged and return the session in which queries see it. Only for a unit that commits alone."""
        self.keep()
        self._changes.flush()
        return self._changes.session

    def _stage(self, stored: Stored, entries: IndexEntries | None, site: Site | None = None) -> None:
        self._staged[stored.resource_type, stored.logical_id] = Staged(stored, entries, site)
        self._versions.append(stored)
