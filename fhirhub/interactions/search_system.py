"""search of several types at once: of the whole system, or of a compartment.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/search.html#all

All types are asked the same, so only parameters that all of them have can be used: those of every resource where the
request names no types (`_type`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.call import Call
from fhirhub.interactions.search import Matches, understood
from fhirhub.interactions.search_contained import CONTAINED, CONTAINED_TYPE
from fhirhub.interactions.search_pages import answer
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.model.url import Query
from fhirhub.search import includes
from fhirhub.search.filter import Filter, all_of
from fhirhub.search.parse import SearchQuery
from fhirhub.search.result_parameters import nearest
from fhirhub.search.syntax import bad_value

TYPES: Final = "_type"

Within = Callable[[str], Filter]
"""Gives the filter that resources of a type have to fulfil besides the criteria."""


def search_system(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page of matches of all types, or of those that `_type` names."""
    return search_types(request, call, (), r4().resource_types)


def search_types(
    request: FhirRequest, call: Call, path: Sequence[str], possible: Sequence[str], within: Within | None = None
) -> FhirResponse:
    """Answer with one page of matches of several types.

    Arguments:
        path: of the links of the Bundle.
        possible: the types there can be matches of.
        within: what matches have to fulfil besides.
    """
    named = [value for name, value in request.query if name == TYPES]
    if len(named) > 1:
        raise bad_value(TYPES, "stands more than once in the request.")
    for name, _ in request.query:
        if name in (CONTAINED, CONTAINED_TYPE):
            raise FhirError(
                Failure.NOT_SUPPORTED,
                f"Search parameter {name}: contained resources are found by a search of one type, not of several.",
                expression=[f"http.{name}"],
            )
    types = _named(named[0], possible) if named else tuple(possible)
    around = tuple(pair for pair in request.query if includes.is_include(pair[0]))
    criteria = tuple(pair for pair in request.query if pair[0] != TYPES and pair not in around)
    queries = _queries(replace(request, query=criteria), types, call)
    in_use = call.find.searches.in_use()
    filters = {
        name: all_of([query.filter, *([within(name)] if within else [])])
        for name, query in queries.items()
        if name in in_use
    }
    query = next(iter(queries.values()))
    if around and query.summary == "text":
        raise bad_value("_summary", "text cannot be joined with _include or _revinclude.")
    query = replace(
        query,
        used=tuple(_in_order(request.query, query.used, around)),
        includes=tuple(dict.fromkeys(includes.read(*pair, call.site, matched=types) for pair in around)),
    )
    return answer(Matches(filters, query, request, call), query, path, request, call)


def _named(value: str, possible: Sequence[str]) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(value.split(",")))
    for name in types:
        if not r4().is_resource_type(name):
            raise bad_value(TYPES, f"{name!r} is no resource type.{nearest(name, r4().resource_types)}")
        if name not in possible:
            raise bad_value(TYPES, f"no {name} can be found here.{nearest(name, possible)}")
    return types


def _queries(request: FhirRequest, types: Sequence[str], call: Call) -> dict[str, SearchQuery]:
    """Return what the request asks of each type. Raises FhirError: of some it cannot be asked."""
    issues: dict[tuple[str, ...], Issue] = {}
    if request.handling == "lenient":
        for name in types:
            issues = {
                issue.expression: issue for issue in understood(name, request, call, alone=len(types) == 1).ignored
            } | issues
        # What one type cannot be asked is asked of none: half a criterion would be no criterion.
        kept = (pair for pair in request.query if (f"http.{pair[0]}",) not in issues)
        request = replace(request, query=tuple(kept), handling="strict")
    queries = {name: _understood(name, request, call, alone=len(types) == 1) for name in types}
    first = queries[types[0]]
    for name, query in queries.items():
        if query.sort != first.sort:
            raise bad_value("_sort", f"its parameters are not of the same type for {types[0]} and {name}.")
    return {**queries, types[0]: replace(first, ignored=tuple(issues.values()))}


def _understood(resource_type: str, request: FhirRequest, call: Call, *, alone: bool) -> SearchQuery:
    try:
        return understood(resource_type, request, call, alone=alone)
    except FhirError as error:
        if alone:
            raise
        advice = f" All types that are searched have to know it; name them with {TYPES}."
        issues = [replace(issue, diagnostics=f"{issue.diagnostics}{advice}") for issue in error.issues]
        raise FhirError(error.failure, issues=issues, headers=error.headers) from None


def _in_order(given: Query, used: Query, around: Query) -> Iterator[tuple[str, str]]:
    """What took effect, in the order it was given in."""
    rest = list(used)
    for name, value in given:
        if name == TYPES or (name, value) in around:
            yield name, value
        elif rest and rest[0][0] == name:
            yield rest.pop(0)
