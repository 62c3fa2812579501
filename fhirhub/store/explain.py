"""What a search costs the database: every query it makes, the indexes each uses, the keys and documents each examines.

https://hl7.org/fhir/R4/search.html#Introduction (the server's own `_explain`), docs/adr/0006-storage-layout.md
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, cast

import pymongo
from bson import json_util
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from fhirhub.store.collections import Collections, Document
from fhirhub.store.failures import reading

_FIND_OPTIONS: Final = ("projection", "sort", "limit", "skip", "hint", "collation")
_EVERYTHING: Final = frozenset({"[MinKey, MaxKey]", "[MaxKey, MinKey]", "(0, inf.0]", "[inf.0, 0)", "(0.0, inf.0]"})
"""Bounds of an index that leave nothing out; `n` is above 0 in all resources there are."""
_WASTE: Final = 10
"""Documents examined for one row from which on a walk along such an index counts as a scan."""
_SORT_STAGES: Final = ("SORT", "SORT_MERGE", "sort", "sortMerge")


@dataclass(frozen=True, slots=True)
class Query:
    """A query a search made: the collection, and the command MongoDB got."""

    collection: str
    command: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """`find`, `aggregate` or `distinct`."""
        return next(iter(self.command))

    def text(self, limit: int) -> str:
        """Return the command as JSON; lists of thousands of ids make it long, so it is cut at `limit` characters."""
        text = json_util.dumps(self.command, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
        return text if len(text) <= limit else f"{text[:limit]} … ({len(text)} characters)"


@dataclass(frozen=True, slots=True)
class Cost:
    """What MongoDB did for a query.

    Arguments:
        keys, documents, returned: how many index keys and documents were examined, how many rows came of it.
        milliseconds: the time in MongoDB, to whole milliseconds.
        indexes: the names of the indexes used, in the order of the plan, `_id_` for the one of ids.
        scans_collection: whether all documents were gone through, be it in the order of an index, for few rows.
        sorts: whether rows were sorted in memory, rather than read in the order of an index.
    """

    keys: int
    documents: int
    returned: int
    milliseconds: int
    indexes: tuple[str, ...]
    scans_collection: bool
    sorts: bool


class Watched(Collections):
    """The collections of another object, and a record of the queries made through them."""

    def __init__(self, collections: Collections) -> None:
        super().__init__(collections.of("Patient").database)
        self._collections = collections
        self.queries: list[Query] = []

    def of(self, resource_type: str) -> Collection[Document]:
        """See `Collections.of`."""
        # Stands in for a collection as far as searches go: they find, aggregate and count.
        return cast(Collection[Document], _Recording(self._collections.of(resource_type), self.queries))

    def snapshot(self) -> AbstractContextManager[ClientSession]:  # type: ignore[override]  # a session is one
        """See `Collections.snapshot`."""
        return self._collections.snapshot()


class _Recording:
    """A collection that writes down the queries it passes on."""

    def __init__(self, collection: Collection[Document], queries: list[Query]) -> None:
        self._collection = collection
        self._queries = queries

    def find(self, query: Mapping[str, Any] | None = None, *args: Any, **options: Any) -> Any:
        given = dict(zip(("projection", "skip", "limit"), args, strict=False)) | options
        command: dict[str, Any] = {"find": self._collection.name, "filter": query or {}}
        command |= {name: given[name] for name in _FIND_OPTIONS if given.get(name)}
        if "sort" in command:
            command["sort"] = dict(command["sort"])
        if isinstance(command.get("projection"), list | tuple):
            command["projection"] = dict.fromkeys(command["projection"], 1)
        self._write_down(command)
        return self._collection.find(query, *args, **options)

    def find_one(self, query: Any = None, *args: Any, **options: Any) -> Any:
        self._write_down({"find": self._collection.name, "filter": query or {}, "limit": 1})
        return self._collection.find_one(query, *args, **options)

    def aggregate(self, pipeline: Any, *args: Any, **options: Any) -> Any:
        self._write_down({"aggregate": self._collection.name, "pipeline": pipeline, "cursor": {}})
        return self._collection.aggregate(pipeline, *args, **options)

    def count_documents(self, query: Mapping[str, Any], *args: Any, **options: Any) -> int:
        pipeline: list[dict[str, Any]] = [{"$match": query}]
        pipeline += [{"$limit": options["limit"]}] if options.get("limit") else []
        pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
        self._write_down({"aggregate": self._collection.name, "pipeline": pipeline, "cursor": {}})
        return self._collection.count_documents(query, *args, **options)

    def distinct(self, key: str, query: Any = None, *args: Any, **options: Any) -> Any:
        self._write_down({"distinct": self._collection.name, "key": key, "query": query or {}})
        return self._collection.distinct(key, query, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def _write_down(self, command: dict[str, Any]) -> None:
        self._queries.append(Query(self._collection.name, command))


def explain(collections: Collections, query: Query, *, seconds: float) -> Cost:
    """Run a query once more and return what it cost.

    Arguments:
        seconds: most time it may take.

    Raises:
        FhirError: it took longer.
    """
    database = collections.of(query.collection).database
    with reading(), pymongo.timeout(seconds):
        return cost_of(database.command({"explain": dict(query.command), "verbosity": "executionStats"}))


def cost_of(explained: Mapping[str, Any]) -> Cost:
    """Read what MongoDB's `explain` with `executionStats` says, for any command and any of its plan formats."""
    statistics = [found for found in _within(explained, "executionStats") if isinstance(found, Mapping)]
    plans = [stage for plan in _within(explained, "winningPlan") for stage in _stages(plan)]
    names = (str(stage["indexName"]) for stage in plans if "indexName" in stage)
    express = ("_id_" for stage in plans if stage.get("stage") in ("IDHACK", "EXPRESS_IXSCAN"))
    sorting = any("$sort" in stage for stage in explained.get("stages", ()))

    def total(name: str) -> int:
        return sum(int(each.get(name, 0)) for each in statistics)

    returned_all = total("nReturned")
    wasteful = total("totalDocsExamined") > _WASTE * max(returned_all, 1)
    last: list[Mapping[str, Any]] = list(explained.get("stages", ()))[-1:] or [{}]
    return Cost(
        keys=total("totalKeysExamined"),
        documents=total("totalDocsExamined"),
        returned=int(last[0].get("nReturned", returned_all)),
        milliseconds=max((int(each.get("executionTimeMillis", 0)) for each in statistics), default=0),
        indexes=tuple(dict.fromkeys([*names, *express])),
        scans_collection=any(
            stage.get("stage") == "COLLSCAN" or (wasteful and _narrows_nothing(stage)) for stage in plans
        ),
        sorts=sorting or any(stage.get("stage") in _SORT_STAGES for stage in plans),
    )


def _narrows_nothing(stage: Mapping[str, Any]) -> bool:
    bounds: Mapping[str, list[str]] = stage.get("indexBounds") or {}
    return bool(bounds) and all(set(each) <= _EVERYTHING for each in bounds.values())


def _within(node: Any, name: str) -> Iterator[Any]:
    """All values of a property, at any depth; what was considered and rejected does not count."""
    yield from _walk(node, lambda each: [each[name]] if name in each else [])


def _stages(plan: Any) -> Iterator[Mapping[str, Any]]:
    yield from _walk(plan, lambda each: [each] if "stage" in each else [])


def _walk(node: Any, select: Callable[[Mapping[str, Any]], list[Any]]) -> Iterator[Any]:
    if isinstance(node, Mapping):
        yield from select(node)
        for name, inner in node.items():
            if name not in ("rejectedPlans", "command", "slotBasedPlan", "allPlansExecution"):
                yield from _walk(inner, select)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from _walk(inner, select)
