"""The content of many versions at once, each from where it is: current or superseded.

https://hl7.org/fhir/R4/http.html#vread, docs/how-it-works/worker.md
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhirhub.store.collections import Collections, Document
from fhirhub.store.documents import History
from fhirhub.store.entries import WITHOUT_ENTRIES
from fhirhub.store.outbox import Announced
from fhirhub.store.stored import Stored, from_current, from_history, history_key

CURRENT: Final = 0
"""In place of the number of a version: whichever is current."""

_MOST_BYTES: Final = 32 * 1024 * 1024


class _Large(Exception):
    """More than should be in memory at once."""


def load(collections: Collections, wanted: Iterable[Announced]) -> Mapping[Announced, Stored | None]:
    """Return versions; None for one that is nowhere. Where they are large together it is the first one alone.

    Raises PyMongoError.
    """
    asked = list(wanted)
    try:
        return _load(collections, asked, _MOST_BYTES)
    except _Large:
        return _load(collections, asked[:1], None)


def _load(collections: Collections, asked: list[Announced], most: int | None) -> Mapping[Announced, Stored | None]:
    by_type: dict[str, set[str]] = defaultdict(set)
    for each in asked:
        by_type[each.resource_type].add(each.logical_id)
    current: dict[tuple[str, str], Stored] = {}
    size = 0
    for resource_type, ids in by_type.items():
        query: Document = {"_id": {"$in": sorted(ids)}}
        documents = _read(collections.of(resource_type).find(query, projection=WITHOUT_ENTRIES), most)
        current.update(((resource_type, row["_id"]), from_current(resource_type, row)) for row in documents)
        size += sum(len(row.get("r", b"")) for row in documents)
        if most is not None and size > most:
            raise _Large
    # Read after the current versions: what has been superseded since then is what was read.
    versions: dict[Announced, Stored | None] = {}
    older: dict[str, Announced] = {}
    for each in asked:
        stored = current.get((each.resource_type, each.logical_id))
        if stored is not None and each.version in {CURRENT, stored.version}:
            versions[each] = stored
        else:
            versions[each] = None
            older[history_key(each.resource_type, each.logical_id, each.version)] = each
    if older:
        rest = None if most is None else most - size
        for row in _read(History._get_collection().find({"_id": {"$in": sorted(older)}}), rest):
            versions[older[row["_id"]]] = from_history(row)
    return versions


def _read(cursor: Any, most: int | None) -> list[Document]:
    """Read documents. Raises _Large when their contents exceed `most` bytes."""
    rows: list[Document] = []
    size = 0
    with cursor:
        for row in cursor:
            rows.append(row)
            size += len(row.get("r", b""))
            if most is not None and size > most:
                raise _Large
    return rows
