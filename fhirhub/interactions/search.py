"""search: the resources of a type that match, as a Bundle.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/search.html
"""

import re
from typing import Final

from fhirhub.errors import Failure, FhirError, operation_outcome
from fhirhub.interactions.bundle import Entry, link_url, matched, render
from fhirhub.interactions.call import Call
from fhirhub.interactions.subset import check_subset, subset
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.parse import SearchQuery, parse
from fhirhub.search.result_parameters import CURSOR
from fhirhub.store.find import Order, Page
from fhirhub.store.stored import Stored

ESTIMATED: Final = 1000
"""`_total=estimate` counts matches up to this many; a larger figure comes from the statistics of the collection."""

_ORDERS: Final[dict[str, Order]] = {"_id": "id", "_lastUpdated": "updated"}
_ID_CURSOR: Final = re.compile(r"i([A-Za-z0-9\-.]{1,64})")
_STAMP_CURSOR: Final = re.compile(r"s([0-9a-f]{1,16})")


def search(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page of matches."""
    resource_type = request.path[0]
    query = parse(
        resource_type,
        request.query,
        handling=request.handling,
        site=call.site,
        default_count=call.rules.default_count,
        max_count=call.rules.max_count,
    )
    check_subset(resource_type, query.summary, ",".join(query.elements) or None)
    count_only = query.summary == "count" or query.count == 0
    page = _page(query)
    # One row more than the page tells whether there is a next one.
    rows = [] if count_only else call.find.search(resource_type, query.filter, page)
    shown, more = rows[: query.count], len(rows) > query.count
    path = (resource_type,)
    links = [("self", link_url(call.base_url, path, [*query.used, *request.presentation]))]
    if more and shown:
        onward = [(name, value) for name, value in query.used if name != CURSOR]
        onward += [*request.presentation, (CURSOR, _cursor(shown[-1], page.order))]
        links.append(("next", link_url(call.base_url, path, onward)))
    entries = [matched(stored, subset(stored, request), call.base_url) for stored in shown]
    if query.ignored:
        entries.append(Entry(None, encode(operation_outcome(query.ignored)), {"search": {"mode": "outcome"}}))
    body = render(
        "searchset",
        entries,
        bundle_id=call.new_id(),
        total=_total(query, call, None if more or query.cursor or count_only else len(shown), count_only=count_only),
        links=links,
    )
    return FhirResponse(200, body)


def _total(query: SearchQuery, call: Call, known: int | None, *, count_only: bool) -> int | None:
    """Return the total where it was asked for or costs nothing."""
    if known is not None:
        return known
    if query.total == "accurate" or count_only:
        return call.find.count(query.resource_type, query.filter)
    if query.total == "estimate":
        return call.find.count(query.resource_type, query.filter, at_most=ESTIMATED)
    return None


def _page(query: SearchQuery) -> Page:
    order: Order = "created"
    descending = True
    if query.sort:
        key = query.sort[0]
        order, descending = _ORDERS[key.parameter], key.descending
    return Page(order, descending, _after(query.cursor, order), query.count + 1)


def _cursor(stored: Stored, order: Order) -> str:
    if order == "id":
        return f"i{stored.logical_id}"
    return f"s{stored.stamp if order == 'updated' else stored.created:x}"


def _after(cursor: str | None, order: Order) -> int | str | None:
    if cursor is None:
        return None
    if order == "id" and (found := _ID_CURSOR.fullmatch(cursor)):
        return found[1]
    if order != "id" and (found := _STAMP_CURSOR.fullmatch(cursor)):
        return min(int(found[1], 16), 2**63 - 1)
    raise FhirError(Failure.BAD_VALUE, f"{CURSOR} is not one this server made for this search: {cursor!r}.")
