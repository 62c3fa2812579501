"""Searches that write down what they ask of the database, and what for.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from bson import json_util
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from fhirhub.search.filter import Filter
from fhirhub.store.collections import Collections, Document
from fhirhub.store.plan import Page, Plan
from fhirhub.store.searches import Holder, Searches

Purpose = Literal["chain", "preparation", "page", "include", "total"]
"""What a query is for: the steps of chains, `_has`, lists and hierarchies; looking at what there is before the page is
asked for; the page; what is included with it; the total."""

_FIND_OPTIONS: Final = ("projection", "sort", "limit", "skip", "hint", "collation")


@dataclass(slots=True)
class Query:
    """A query a search made.

    Arguments:
        purpose: what for.
        collection: where.
        command: what MongoDB got.
        counted: what came of it, where it counts.
    """

    purpose: Purpose
    collection: str
    command: Mapping[str, Any]
    counted: int | None = None

    @property
    def kind(self) -> str:
        """`find` or `aggregate`."""
        return next(iter(self.command))

    def text(self) -> str:
        """Return the command as JSON; with thousands of ids in it, it is long."""
        return json_util.dumps(self.command, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)


@dataclass(slots=True)
class Record:
    """What one search asked.

    Arguments:
        filters: by resource type, and by the filter as it was understood, what it became with its chains resolved;
            None as long as it is not.
        queries: the queries in the order they were made.
    """

    filters: dict[tuple[str, Filter], Filter | None] = field(default_factory=dict)
    queries: list[Query] = field(default_factory=list)

    def collections(self, collections: Collections, purpose: Callable[[], Purpose]) -> Collections:
        """Return the same collections, writing down here what is asked of them, and the purpose at that time."""
        return _Watched(collections, lambda name, command: self._written(Query(purpose(), name, command)))

    def _written(self, query: Query) -> Query:
        self.queries.append(query)
        return query


class WatchedSearches(Searches):
    """Searches that write down their filters and queries."""

    def __init__(
        self, collections: Collections, record: Record, *, seconds: float, session: ClientSession | None
    ) -> None:
        self._record = record
        self._purposes: list[Purpose] = ["page"]
        super().__init__(record.collections(collections, lambda: self._purposes[-1]), seconds=seconds, session=session)

    @contextmanager
    def _for(self, purpose: Purpose) -> Iterator[None]:
        self._purposes.append(purpose)
        try:
            yield
        finally:
            self._purposes.pop()

    def count(self, filters: Mapping[str, Filter], *, at_most: int | None = None) -> int:
        """See `Searches.count`."""
        with self._for("total"):
            return super().count(filters, at_most=at_most)

    def holders(self, types: Iterable[str], held_type: str, part: Filter, page: Page, *, both: bool) -> list[Holder]:
        """See `Searches.holders`."""
        self._record.filters[held_type, part] = part
        return super().holders(types, held_type, part, page, both=both)

    def count_held(self, types: Iterable[str], held_type: str, part: Filter, *, both: bool, holders: bool) -> int:
        """See `Searches.count_held`."""
        self._record.filters[held_type, part] = part
        with self._for("total"):
            return super().count_held(types, held_type, part, both=both, holders=holders)

    def _plan(self, resource_type: str, criteria: Filter, page: Page) -> Plan:
        with self._for("preparation"):
            return super()._plan(resource_type, criteria, page)

    def _check_size(self, resource_type: str, made: Plan) -> None:
        with self._for("preparation"):
            super()._check_size(resource_type, made)

    def _plain(self, resource_type: str, criteria: Filter) -> Filter:
        self._record.filters.setdefault((resource_type, criteria), None)
        with self._for("chain"):
            plain = super()._plain(resource_type, criteria)
        self._record.filters[resource_type, criteria] = plain
        return plain


class _Watched(Collections):
    """The collections of another object, with queries written down."""

    def __init__(self, collections: Collections, written: "Written") -> None:
        super().__init__(collections.of("Patient").database)
        self._collections = collections
        self._written = written

    def of(self, resource_type: str) -> Collection[Document]:
        """See `Collections.of`."""
        # Stands in for a collection as far as searches go: they find, aggregate and count.
        return cast(Collection[Document], _Recording(self._collections.of(resource_type), self._written))


Written = Callable[[str, Mapping[str, Any]], Query]
"""Takes down the name of a collection and a command."""


class _Recording:
    """A collection that writes down the queries it passes on."""

    def __init__(self, collection: Collection[Document], written: Written) -> None:
        self._collection = collection
        self._written = written

    def find(self, query: Mapping[str, Any] | None = None, **options: Any) -> Any:
        command: dict[str, Any] = {"find": self._collection.name, "filter": query or {}}
        command |= {name: options[name] for name in _FIND_OPTIONS if options.get(name)}
        if "sort" in command:
            command["sort"] = dict(command["sort"])
        if isinstance(command.get("projection"), list | tuple):
            command["projection"] = dict.fromkeys(command["projection"], 1)
        self._written(self._collection.name, command)
        return self._collection.find(query, **options)

    def aggregate(self, pipeline: Any, **options: Any) -> Any:
        self._written(self._collection.name, self._aggregation(pipeline))
        return self._collection.aggregate(pipeline, **options)

    def count_documents(self, query: Mapping[str, Any], **options: Any) -> int:
        pipeline: list[dict[str, Any]] = [{"$match": query}]
        pipeline += [{"$limit": options["limit"]}] if options.get("limit") else []
        pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
        written = self._written(self._collection.name, self._aggregation(pipeline))
        written.counted = self._collection.count_documents(query, **options)
        return written.counted

    def _aggregation(self, pipeline: Any) -> dict[str, Any]:
        return {"aggregate": self._collection.name, "pipeline": pipeline, "cursor": {}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)
