"""The outbox: which versions were committed and have not been handed on yet.

docs/adr/0016-delivery.md, docs/how-it-works/worker.md

Stamps are taken before commits, so what is read by a cursor of stamps misses what commits late: the outbox is a queue
that is emptied, never a log that is followed. Of one resource, the order of the documents is that of its versions.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zlib import crc32

from fhirhub.store.collections import Collections, Document
from fhirhub.store.documents import Outbox
from fhirhub.store.stamp import instant_of
from fhirhub.store.stored import Stored

PARTITIONS: Final = 8
"""Into how many parts the outbox is divided. All changes of one resource are in one part."""

_MOST_CHANGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Announced:
    """A committed version."""

    resource_type: str
    logical_id: str
    version: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A document of the outbox: its number, what it names in the order of commits, and the same as stored."""

    number: int
    changes: tuple[Announced, ...]
    raw: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits in the outbox: documents, and when the first version of the oldest was made."""

    documents: int
    oldest: datetime | None


def partition_of(resource_type: str, logical_id: str) -> int:
    """Return the partition of a resource: the same in every process and every version of fhirhub."""
    return crc32(f"{resource_type}/{logical_id}".encode()) % PARTITIONS


def announcements(versions: Iterable[Stored], superseded: Mapping[tuple[str, str], int]) -> Iterator[Document]:
    """Yield the documents that announce the versions of one commit.

    The number of a document is the stamp of its first version, and above the stamps of all that its versions follow
    in other commits. So a version's document comes behind that of the version before, also where clocks differ.

    Arguments:
        versions: in the order of their stamps.
        superseded: the stamps of the versions that were there before the commit.
    """
    parts: dict[int, list[Stored]] = defaultdict(list)
    for stored in versions:
        parts[partition_of(stored.resource_type, stored.logical_id)].append(stored)
    for partition, own in parts.items():
        row: list[Stored] = []
        for stored in own:
            before = superseded.get((stored.resource_type, stored.logical_id), 0)
            if row and (before >= row[0].stamp or len(row) == _MOST_CHANGES):
                yield _document(partition, row)
                row = []
            row.append(stored)
        yield _document(partition, row)


def _document(partition: int, row: list[Stored]) -> Document:
    return {
        "_id": row[0].stamp,
        "p": partition,
        "c": [{"t": each.resource_type, "i": each.logical_id, "v": each.version, "m": each.method} for each in row],
    }


def pending(collections: Collections, partition: int, *, documents: int, changes: int) -> list[OutboxRow]:
    """Return the first documents of a partition, at least one where there is any.

    All as of one moment: a version that commits while this reads must not be found without the one before it.

    Arguments:
        documents: most of them.
        changes: how many versions are enough.
    """
    rows: list[OutboxRow] = []
    with collections.snapshot() as session:
        found = Outbox._get_collection().find({"p": partition}, sort=[("_id", 1)], limit=documents, session=session)
        with found:
            for document in found:
                named = tuple(Announced(each["t"], each["i"], each["v"]) for each in document["c"])
                rows.append(OutboxRow(document["_id"], named, document["c"]))
                changes -= len(named)
                if changes <= 0:
                    break
    return rows


def any_pending(partition: int) -> bool:
    """Whether a partition holds anything."""
    return Outbox._get_collection().find_one({"p": partition}, ["_id"]) is not None


def backlog() -> Backlog:
    """Return how much waits."""
    collection = Outbox._get_collection()
    first = collection.find_one({}, ["_id"], sort=[("_id", 1)])
    return Backlog(collection.estimated_document_count(), None if first is None else instant_of(first["_id"]))


def discard_unpartitioned() -> int:
    """Delete what was written before there were partitions, and before any plugin there could be; return how much."""
    return int(Outbox._get_collection().delete_many({"p": {"$exists": False}}).deleted_count)
