"""_explain: what a search understood and what it cost the database, in place of what it found.

https://hl7.org/fhir/R4/parameters.html; the parameter is this server's own, for those who run it
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.model.json import Json, decode_trusted, encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.filter import Filter
from fhirhub.search.syntax import bad_value
from fhirhub.store.explain import Cost, Query, Watched, explain

EXPLAIN: Final = "_explain"
"""The parameter; its only value is `true`."""

_TEXT_LIMIT: Final = 4_000


def may_explain(call: Call) -> bool:
    """Whether the caller may see plans, which tell how much of what there is in the database."""
    return call.rules.explain


def asks_to_explain(request: FhirRequest) -> bool:
    """Whether a search is to be explained. Raises FhirError: the parameter has another value than `true`."""
    values = [value for name, value in request.query if name == EXPLAIN]
    if values and values != ["true"]:
        raise bad_value(EXPLAIN, f"expected true, once, not {', '.join(values)!r}.")
    return bool(values)


def explained(
    request: FhirRequest,
    call: Call,
    *,
    filter: Filter,
    search: Callable[[FhirRequest, Call], FhirResponse],
) -> FhirResponse:
    """Run a search as ever, and answer with its queries and their costs as Parameters.

    Arguments:
        filter: the filter of the search, as it was understood.
        search: the interaction; it gets the request without the parameter.

    Raises:
        FhirError: 403, the caller may not see plans.
    """
    if not may_explain(call):
        raise FhirError(Failure.FORBIDDEN, f"{EXPLAIN} is for administrators of this server.")
    watched = Watched(call.find.collections)
    plain = replace(request, query=tuple(pair for pair in request.query if pair[0] != EXPLAIN))
    began = time.perf_counter()
    response = search(plain, replace(call, find=call.find.through(watched)))
    milliseconds = round(1000 * (time.perf_counter() - began), 3)
    rows = decode_trusted(response.body or b"{}").get("entry", ())
    costs = [(query, explain(call.find.collections, query, seconds=call.find.seconds)) for query in watched.queries]
    parameters = [
        _string("filter", repr(filter)[:_TEXT_LIMIT]),
        {"name": "rows", "valueInteger": len(rows)},
        {"name": "milliseconds", "valueDecimal": milliseconds},
        {"name": "keysExamined", "valueInteger": sum(cost.keys for _, cost in costs)},
        {"name": "documentsExamined", "valueInteger": sum(cost.documents for _, cost in costs)},
        {"name": "scansCollection", "valueBoolean": any(cost.scans_collection for _, cost in costs)},
        *(_step(query, cost) for query, cost in costs),
    ]
    return FhirResponse(200, encode({"resourceType": "Parameters", "parameter": parameters}))


def _step(query: Query, cost: Cost) -> Json:
    """A query of the search, in the order they were made: steps of chains, the page, its includes, the total."""
    parts: list[dict[str, Any]] = [
        {"name": "resourceType", "valueCode": query.collection},
        {"name": "kind", "valueCode": query.kind},
        *({"name": "index", "valueString": name} for name in cost.indexes),
        {"name": "scansCollection", "valueBoolean": cost.scans_collection},
        {"name": "sortsInMemory", "valueBoolean": cost.sorts},
        {"name": "keysExamined", "valueInteger": cost.keys},
        {"name": "documentsExamined", "valueInteger": cost.documents},
        {"name": "rows", "valueInteger": cost.returned},
        {"name": "milliseconds", "valueInteger": cost.milliseconds},
        _string("command", query.text(_TEXT_LIMIT)),
    ]
    return {"name": "query", "part": parts}


def _string(name: str, text: str) -> Json:
    return {"name": name, "valueString": text}
