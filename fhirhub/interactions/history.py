"""history: the versions of one resource, of a type, or of everything, newest first.

https://hl7.org/fhir/R4/http.html#history
"""

import re
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.bundle import link_url, render, versioned
from fhirhub.interactions.call import Call
from fhirhub.interactions.response import not_found
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.dates import date_range
from fhirhub.store.find import Span
from fhirhub.store.stamp import LOW_BITS

COUNTED: Final = 10_000
"""A history of more versions says no total: counting would cost more than the page."""

_CURSOR: Final = "_cursor"
_STAMP: Final = re.compile("[0-9a-f]{1,16}")
_LAST_STAMP: Final = 2**63 - 1
PARAMETERS: Final = frozenset({"_since", "_at", "_count", _CURSOR})


def history(request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page of a history Bundle."""
    resource_type, logical_id = (*request.path[:-1], None, None)[:2]
    span = _span(request, call)
    # One row more than the page tells whether there is a next one.
    rows = call.find.history(replace(span, limit=span.limit + 1), resource_type, logical_id)
    if not rows and resource_type and logical_id and call.current(resource_type, logical_id) is None:
        raise not_found(resource_type, logical_id)
    page, more = rows[: span.limit], len(rows) > span.limit
    total = call.find.count_history(replace(span, before=None), resource_type, logical_id, at_most=COUNTED)
    asked = [*request.query, *request.presentation]
    links = [("self", link_url(call.base_url, request.path, asked))]
    if more and page:
        onward = [(name, value) for name, value in asked if name != _CURSOR]
        links.append(("next", link_url(call.base_url, request.path, [*onward, (_CURSOR, f"{page[-1].stamp:x}")])))
    body = render(
        "history",
        [versioned(stored, call.base_url) for stored in page],
        bundle_id=call.new_id(),
        total=total,
        links=links,
    )
    return FhirResponse(200, body)


def _span(request: FhirRequest, call: Call) -> Span:
    since, at, cursor = (request.parameter(name) for name in ("_since", "_at", _CURSOR))
    span = Span(limit=page_size(request.parameter("_count"), call))
    if since is not None:
        span = replace(span, since=_stamps("_since", since, call.site.zone)[0])
    if at is not None:
        span = replace(span, at=_stamps("_at", at, call.site.zone))
    if cursor is not None:
        if not _STAMP.fullmatch(cursor):
            raise FhirError(Failure.BAD_VALUE, f"{_CURSOR} is not one this server made: {cursor!r}.")
        span = replace(span, before=min(int(cursor, 16), _LAST_STAMP))
    return span


def page_size(text: str | None, call: Call) -> int:
    """Return the rows of a page: what `_count` asks for, capped by the site.

    Raises:
        FhirError: it is not a whole number.
    """
    if text is None:
        return call.rules.default_count
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise FhirError(Failure.BAD_VALUE, f"_count must be a whole number, not {text!r}.")
    return min(int(text), call.rules.max_count)


def _stamps(name: str, text: str, zone: tzinfo) -> tuple[int, int]:
    found = date_range(text, zone)
    if found is None:
        raise FhirError(Failure.BAD_VALUE, f"{name} is not a date, dateTime or instant: {text!r}.")
    low, high = found
    # A range within one millisecond still covers the stamps of that millisecond.
    return _stamp(low // 1000), _stamp(-(-high // 1000))


def _stamp(milliseconds: int) -> int:
    return min(max(milliseconds, 0) << LOW_BITS, _LAST_STAMP)
