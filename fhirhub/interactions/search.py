"""search: the resources of a type that match, as a Bundle.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.bundle import Entry, matched
from fhirhub.interactions.call import Call
from fhirhub.interactions.include import included
from fhirhub.interactions.search_contained import CONTAINED, Held, containment
from fhirhub.interactions.search_pages import answer
from fhirhub.interactions.subset import check_subset, subset
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.filter import All, Filter, all_of
from fhirhub.search.parse import SearchQuery, parse
from fhirhub.store.plan import Page
from fhirhub.store.searches import Row, advice


def search(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page of matches of one type."""
    return search_within(request.path[0], request, call, request.path[:1], All())


def search_within(
    resource_type: str, request: FhirRequest, call: Call, path: tuple[str, ...], within: Filter
) -> FhirResponse:
    """Answer with one page of matches of one type.

    Arguments:
        path: of the links of the Bundle.
        within: what matches have to fulfil besides.
    """
    contained = containment(request)
    plain = replace(request, query=contained.others)
    query = understood(resource_type, plain, call)
    query = replace(query, filter=all_of([query.filter, within]), used=(*contained.own, *query.used))
    if contained.which == "false":
        return answer(Matches({resource_type: query.filter}, query, plain, call), query, path, request, call)
    if not isinstance(within, All):
        raise FhirError(Failure.NOT_SUPPORTED, f"Search parameter {CONTAINED}: not within a compartment.")
    return answer(Held(query, contained, plain, call), query, path, request, call)


def understood(resource_type: str, request: FhirRequest, call: Call, *, alone: bool = True) -> SearchQuery:
    """Return what a request asks of one type, of others perhaps, too. Raises FhirError."""
    query = parse(
        resource_type,
        request.query,
        handling=request.handling,
        site=call.site,
        default_count=call.rules.default_count,
        max_count=call.rules.max_count,
        alone=alone,
    )
    check_subset(resource_type, query.summary, ",".join(query.elements) or None)
    return query


class Matches:
    """The resources of some types that match the filter of their type."""

    def __init__(self, filters: Mapping[str, Filter], query: SearchQuery, request: FhirRequest, call: Call) -> None:
        self._filters = filters
        self._query = query
        self._request = request
        self._call = call

    def rows(self, page: Page) -> list[Row]:
        """See `Results.rows`."""
        return self._call.find.searches.find(self._filters, page)

    def entries(self, rows: Sequence[Row]) -> tuple[list[Entry], list[Issue]]:
        """See `Results.entries`."""
        found = [row.stored for row in rows]
        entries = [matched(stored, subset(stored, self._request), self._call.base_url) for stored in found]
        more, issues = included(found, self._query, self._call)
        return [*entries, *more], [*issues, *map(_scanning, self._call.find.searches.scanned(self._filters))]

    def matches(self, rows: Sequence[Row]) -> int:
        """See `Results.matches`."""
        return len(rows)

    def count(self, at_most: int | None = None) -> int:
        """See `Results.count`."""
        return self._call.find.searches.count(self._filters, at_most=at_most)


def _scanning(resource_type: str) -> Issue:
    text = f"No index serves these criteria: resources of type {resource_type} are looked at one after the other."
    return Issue("information", "informational", f"{text} {advice([resource_type])}")
