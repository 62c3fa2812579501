"""_explain: what a search understood and what it cost the database, in place of what it found.

https://hl7.org/fhir/R4/parameters.html; the parameter is this server's own, for those who run it. The names of the
parts are listed in docs/interactions.md.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from fhirhub.errors import Failure, FhirError, operation_outcome
from fhirhub.interactions.call import Call
from fhirhub.interactions.route import Handler
from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.filter_words import FilterWords, systems_in
from fhirhub.search.syntax import bad_value
from fhirhub.store.explain import Cost, explain
from fhirhub.store.watched import Query, Record

EXPLAIN: Final = "_explain"
"""The parameter; its only value is `true`."""

_TEXT_LIMIT: Final = 4_000
_PLANNING_SECONDS: Final = 5.0


def may_explain(call: Call) -> bool:
    """Whether the caller may see plans, which tell how much of what there is in the database."""
    return call.rules.explain


def asks_to_explain(request: FhirRequest) -> bool:
    """Whether a search is to be explained. Raises FhirError: the parameter has another value than `true`."""
    values = [value for name, value in request.query if name == EXPLAIN]
    if values and values != ["true"]:
        raise bad_value(EXPLAIN, f"expected true, once, not {', '.join(values)!r}.")
    return bool(values)


def explainable(search: Handler) -> Handler:
    """Return an interaction of any kind of search that tells what it cost, where that is asked for.

    It raises FhirError 403 where the caller may not see plans.
    """

    def handler(request: FhirRequest, call: Call) -> FhirResponse:
        if not asks_to_explain(request):
            return search(request, call)
        if not may_explain(call):
            raise FhirError(Failure.FORBIDDEN, f"{EXPLAIN} is for administrators of this server.")
        plain = replace(request, query=tuple(pair for pair in request.query if pair[0] != EXPLAIN))
        return _explained(search, plain, call)

    return handler


def _explained(search: Handler, request: FhirRequest, call: Call) -> FhirResponse:
    """Run a search as ever, and answer with its filters, its queries and their costs as Parameters."""
    record = Record()
    refused: FhirError | None = None
    bundle: Json = {}
    began = time.perf_counter()
    try:
        bundle = decode_trusted(search(request, replace(call, find=call.find.recorded(record))).body or b"{}")
    except FhirError as error:
        # What was too costly is what one wants to know the costs of, as far as it got.
        if error.failure is not Failure.TOO_COSTLY or not record.queries:
            raise
        refused = error
    milliseconds = round(1000 * (time.perf_counter() - began), 3)
    costs = list(_costs(record.queries, call, run=refused is None))
    parameters = [
        *_found(bundle),
        {"name": "milliseconds", "valueDecimal": milliseconds},
        *_together([cost for _, cost in costs]),
        *_outcomes(bundle, refused),
        *_filters(record, FilterWords(call.site.parameters, systems_in(value for _, value in request.query))),
        *(_query(query, cost) for query, cost in costs),
    ]
    return FhirResponse(200, encode({"resourceType": "Parameters", "parameter": parameters}))


def _costs(queries: Iterable[Query], call: Call, *, run: bool) -> Iterator[tuple[Query, Cost]]:
    """Yield what each query costs; all of them together get as much time as a search, then they are planned only."""
    collections, ends = call.find.collections, time.monotonic() + call.find.seconds
    for query in queries:
        cost = _ran(query, call, seconds=ends - time.monotonic()) if run else None
        run = cost is not None
        yield query, cost or explain(collections, query, seconds=_PLANNING_SECONDS, run=False)


def _ran(query: Query, call: Call, *, seconds: float) -> Cost | None:
    if seconds <= 0:
        return None
    try:
        return explain(call.find.collections, query, seconds=seconds)
    except FhirError:
        # Too slow, or the database is away: planning, which comes next, will tell.
        return None


def _found(bundle: Json) -> Iterator[Json]:
    modes = Counter(entry["search"]["mode"] for entry in bundle.get("entry", ()))
    yield {"name": "rows", "valueInteger": modes["match"]}
    if modes["include"]:
        yield {"name": "included", "valueInteger": modes["include"]}
    if "total" in bundle:
        yield {"name": "total", "valueInteger": bundle["total"]}


def _together(costs: list[Cost]) -> Iterator[Json]:
    used = [cost.usage for cost in costs if cost.usage is not None]
    yield {"name": "keysExamined", "valueInteger": sum(each.keys for each in used)}
    yield {"name": "documentsExamined", "valueInteger": sum(each.documents for each in used)}
    yield {"name": "scansCollection", "valueBoolean": any(cost.scans_collection for cost in costs)}
    yield {"name": "sortsInMemory", "valueBoolean": any(cost.sorts for cost in costs)}


def _outcomes(bundle: Json, refused: FhirError | None) -> Iterator[Json]:
    """What the client is told besides, or instead."""
    if refused is not None:
        yield {"name": "outcome", "resource": operation_outcome(refused.issues)}
    for entry in bundle.get("entry", ()):
        if entry["search"]["mode"] == "outcome":
            yield {"name": "outcome", "resource": entry["resource"]}


def _filters(record: Record, words: FilterWords) -> Iterator[Json]:
    """For every type that is searched what its filter is, and what chains made of it."""
    for (resource_type, filter), plain in record.filters.items():
        parts: list[Json] = [{"name": "resourceType", "valueCode": resource_type}]
        parts.append(_string("filter", words.of(filter, resource_type)))
        if plain not in (None, filter):
            parts.append(_string("resolvedFilter", words.of(plain, resource_type)))
        yield {"name": "search", "part": parts}


def _query(query: Query, cost: Cost) -> Json:
    """A query of the search, in the order they were made: steps of chains, the page, its includes, the total."""
    parts: list[Json] = [
        {"name": "purpose", "valueCode": query.purpose},
        {"name": "resourceType", "valueCode": query.collection},
        {"name": "kind", "valueCode": query.kind},
        *({"name": "index", "valueString": name} for name in cost.indexes),
        *([_string("stages", cost.stages)] if cost.stages else []),
        {"name": "scansCollection", "valueBoolean": cost.scans_collection},
        {"name": "sortsInMemory", "valueBoolean": cost.sorts},
    ]
    if (usage := cost.usage) is not None:
        parts += [
            {"name": "keysExamined", "valueInteger": usage.keys},
            {"name": "documentsExamined", "valueInteger": usage.documents},
            {"name": "rows", "valueInteger": usage.returned},
            {"name": "milliseconds", "valueInteger": usage.milliseconds},
        ]
    parts.append(_string("command", query.text()))
    return {"name": "query", "part": parts}


def _string(name: str, text: str) -> Json:
    """Text of clients is in it, of which XML cannot hold every character."""
    shown = text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]} … ({len(text):,} characters)"
    plain = (char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in shown)
    return {"name": name, "valueString": "".join(plain)}
