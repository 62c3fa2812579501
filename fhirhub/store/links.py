"""Reading what resources refer to and what refers to them, by the index, many at a time.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pymongo
from pymongo.client_session import ClientSession

from fhirhub.search.filter import Filter
from fhirhub.store.collections import Collections
from fhirhub.store.entries import WITHOUT_ENTRIES
from fhirhub.store.failures import reading
from fhirhub.store.filters import to_mongo
from fhirhub.store.stored import Stored, from_current

_WITH_TOKENS: Final = {name: kept for name, kept in WITHOUT_ENTRIES.items() if name != "k"}


@dataclass(frozen=True, slots=True)
class Linked:
    """A resource, and the tokens that tell what it refers to."""

    stored: Stored
    tokens: tuple[str, ...]


class Links:
    """Queries for the resources around those of a page. Every one of them is limited in time.

    Arguments:
        seconds: most time one query may take.
        session: the transaction whose writes the queries are to see; None: what is committed.
    """

    def __init__(self, collections: Collections, *, seconds: float, session: ClientSession | None = None) -> None:
        self._collections = collections
        self._seconds = seconds
        self._session = session

    def types(self) -> list[str]:
        """Return the resource types that may hold resources."""
        with reading(), pymongo.timeout(self._seconds):
            return sorted(self._collections.in_use())

    def tokens(self, resource_type: str, logical_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the tokens of resources by id."""
        with reading(), pymongo.timeout(self._seconds):
            rows = self._collections.of(resource_type).find(
                {"_id": {"$in": list(logical_ids)}}, projection={"k": 1}, session=self._session
            )
            return {row["_id"]: tuple(row.get("k", ())) for row in rows}

    def find(self, resource_type: str, filter: Filter, *, limit: int) -> list[Linked]:
        """Return at most `limit` resources of a type that match a filter which asks for no others, the newest first."""
        query: dict[str, Any] = {"$and": [to_mongo(filter), {"n": {"$gt": 0}}]}
        with reading(), pymongo.timeout(self._seconds):
            rows = self._collections.of(resource_type).find(
                query, projection=_WITH_TOKENS, sort=[("n", -1)], limit=limit, session=self._session
            )
            return [Linked(from_current(resource_type, row), tuple(row.get("k", ()))) for row in rows]
