"""What a query costs the database: its plan, the indexes it uses, the keys and documents it examines.

https://hl7.org/fhir/R4/search.html#Introduction (the server's own `_explain`), docs/adr/0006-storage-layout.md
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pymongo

from fhirhub.store.collections import Collections
from fhirhub.store.failures import reading
from fhirhub.store.watched import Query

_EVERYTHING: Final = frozenset({"[MinKey, MaxKey]", "[MaxKey, MinKey]", "(0, inf.0]", "[inf.0, 0)", "(0.0, inf.0]"})
"""Bounds of an index that leave nothing out; `n` is above 0 in all resources there are."""
_WASTE: Final = 10
"""Documents examined for one row from which on a query that goes through most of a collection counts as a scan."""
_SORT_STAGES: Final = ("SORT", "sort")


@dataclass(frozen=True, slots=True)
class Usage:
    """What was gone through: index keys and documents examined, rows returned, whole milliseconds in MongoDB."""

    keys: int
    documents: int
    returned: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What MongoDB does for a query.

    Arguments:
        usage: what it went through when it ran; None: it was planned and not run.
        indexes: the names of the indexes used, in the order of the plan, `_id_` for the one of ids.
        stages: the stages of the winning plan as rows pass through them, such as `IXSCAN tokens → FETCH → LIMIT`.
        scans_collection: whether all documents were gone through, or most of them for few rows, be it along an index.
        sorts: whether rows were sorted in memory, rather than read in the order of an index.
    """

    usage: Usage | None
    indexes: tuple[str, ...]
    stages: str
    scans_collection: bool
    sorts: bool


def explain(collections: Collections, query: Query, *, seconds: float, run: bool = True) -> Cost:
    """Return what a query costs.

    Arguments:
        seconds: most time it may take.
        run: whether to run the query once more; else MongoDB only plans it.

    Raises:
        FhirError: it took longer, or the database is away.
    """
    collection = collections.of(query.collection)
    verbosity = "executionStats" if run else "queryPlanner"
    with reading(), pymongo.timeout(seconds):
        explained = collection.database.command({"explain": dict(query.command), "verbosity": verbosity})
        size = collection.estimated_document_count()
    return cost_of(explained, counted=query.counted, size=size)


def cost_of(explained: Mapping[str, Any], *, counted: int | None = None, size: int | None = None) -> Cost:
    """Read what MongoDB's `explain` says, for any command and any of its plan formats.

    Arguments:
        counted: how many the query counted, where it counts.
        size: how many documents the collection has, about; None: unknown.
    """
    winning = list(_within(explained, "winningPlan"))
    plans = [stage for plan in winning for stage in _stages(plan)]
    names = (str(stage["indexName"]) for stage in plans if "indexName" in stage)
    express = ("_id_" for stage in plans if stage.get("stage") in ("IDHACK", "EXPRESS_IXSCAN"))
    after = [name for stage in explained.get("stages", ()) for name in stage if name.startswith("$")]
    usage = _usage(explained, counted)
    # A count that goes through everything is a scan, however much it counts.
    walks = any(map(_narrows_nothing, plans)) and (
        usage is None or _is_waste(usage.documents, usage.returned if counted is None else 1)
    )
    most = (
        usage is not None
        and size is not None
        and 2 * usage.documents > size
        and _is_waste(usage.documents, usage.returned)
    )
    return Cost(
        usage=usage,
        indexes=tuple(dict.fromkeys([*names, *express])),
        stages=" → ".join([_alternatives(list(map(_flow, winning))), *(name for name in after if name != "$cursor")]),
        scans_collection=walks or most or any(stage.get("stage") == "COLLSCAN" for stage in plans),
        sorts="$sort" in after or any(stage.get("stage") in _SORT_STAGES for stage in plans),
    )


def _usage(explained: Mapping[str, Any], counted: int | None) -> Usage | None:
    statistics = [found for found in _within(explained, "executionStats") if isinstance(found, Mapping)]
    if not statistics:
        return None

    def total(name: str) -> int:
        return sum(int(each.get(name, 0)) for each in statistics)

    last: list[Mapping[str, Any]] = list(explained.get("stages", ()))[-1:] or [{}]
    return Usage(
        keys=total("totalKeysExamined"),
        documents=total("totalDocsExamined"),
        returned=int(last[0].get("nReturned", total("nReturned"))) if counted is None else counted,
        milliseconds=max(int(each.get("executionTimeMillis", 0)) for each in statistics),
    )


def _is_waste(examined: int, rows: int) -> bool:
    return examined > _WASTE * max(rows, 1)


def _narrows_nothing(stage: Mapping[str, Any]) -> bool:
    bounds: Mapping[str, Any] = stage.get("indexBounds") or {}
    # A count by the index alone has other bounds, and reads no document.
    return bool(bounds) and all(isinstance(each, list) and set(each) <= _EVERYTHING for each in bounds.values())


def _flow(plan: Mapping[str, Any]) -> str:
    """The stages of a plan, the one that reads first."""
    if "queryPlan" in plan:
        return _flow(plan["queryPlan"])
    inner = [plan[name] for name in ("inputStage", "outerStage", "innerStage") if name in plan]
    inner += plan.get("inputStages", ())
    inner += (shard["winningPlan"] for shard in plan.get("shards", ()) if "winningPlan" in shard)
    own = " ".join(str(plan[name]) for name in ("stage", "indexName") if name in plan)
    return " → ".join(filter(None, (_alternatives(list(map(_flow, inner))), own)))


def _alternatives(flows: list[str]) -> str:
    """Plans side by side; the merge of 200 equal ones is told in a word."""
    times = Counter(filter(None, flows))
    texts = [flow if count == 1 else f"{count} × ({flow})" for flow, count in times.items()]
    return texts[0] if len(texts) == 1 else " + ".join(f"({text})" for text in texts)


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
