"""A page of search results as a Bundle: its rows, its links and its total.

https://hl7.org/fhir/R4/http.html#paging, https://hl7.org/fhir/R4/search.html#total
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from fhirhub.errors import Issue, operation_outcome
from fhirhub.interactions.bundle import Entry, link_url, render
from fhirhub.interactions.call import Call
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.parse import SearchQuery
from fhirhub.search.result_parameters import CURSOR
from fhirhub.store.cursor import Cursor
from fhirhub.store.plan import Page, Position

ESTIMATED: Final = 1000
"""`_total=estimate` counts matches up to this many; a larger figure comes from the statistics of the collection."""


class Placed(Protocol):
    """Something found, of which is known where it stands in the order."""

    @property
    def position(self) -> Position:
        """Its place."""
        ...


class Results(Protocol):
    """What a search finds."""

    def rows(self, page: Page) -> Sequence[Placed]:
        """Return the rows of a page in the order in which it is read."""
        ...

    def entries(self, rows: Sequence[Any]) -> tuple[list[Entry], list[Issue]]:
        """Return the entries of rows, and of what is included with them, and what the client has to know of them."""
        ...

    def matches(self, rows: Sequence[Any]) -> int:
        """Return how many matches rows stand for."""
        ...

    def count(self, at_most: int | None = None) -> int:
        """Return how many matches there are in all, of each type no more than `at_most` if they need not be exact."""
        ...


def answer(results: Results, query: SearchQuery, path: Sequence[str], request: FhirRequest, call: Call) -> FhirResponse:
    """Answer with one page.

    Arguments:
        query: what the results are shaped by; its filter is not looked at.
        path: of the links of the Bundle, below the base URL.
    """
    pages = _Pages(query, path, request, call)
    count_only = query.summary == "count" or query.count == 0
    asked = pages.asked()
    # One row more than the page tells whether there is another one.
    rows = [] if count_only else list(results.rows(asked))
    more = len(rows) > query.count
    shown = rows[: query.count]
    if asked.backward:
        shown.reverse()
    known = None if more or query.cursor or count_only else results.matches(shown)
    entries, issues = results.entries(shown)
    issues = [*query.ignored, *issues]
    if issues:
        entries = [*entries, Entry(None, encode(operation_outcome(issues)), {"search": {"mode": "outcome"}})]
    body = render(
        "searchset",
        entries,
        bundle_id=call.new_id(),
        total=_total(results, query, known, count_only=count_only),
        links=pages.links(asked, shown, more=more),
    )
    return FhirResponse(200, body)


def _total(results: Results, query: SearchQuery, known: int | None, *, count_only: bool) -> int | None:
    """Return the total where it was asked for or costs nothing."""
    if known is not None and query.total != "none":
        return known
    if query.total == "accurate" or (count_only and query.total != "estimate"):
        return results.count()
    return results.count(ESTIMATED) if query.total == "estimate" else None


class _Pages:
    """The pages of one search and the links between them."""

    def __init__(self, query: SearchQuery, path: Sequence[str], request: FhirRequest, call: Call) -> None:
        self._query = query
        self._path = path
        self._call = call
        self._presentation = request.presentation
        self._used = [(name, value) for name, value in query.used if name != CURSOR]
        self._search = f"{'/'.join(path)}?{urlencode(self._used, errors='surrogatepass')}"

    def asked(self) -> Page:
        """Return the page that was asked for. Raises FhirError: its cursor is not one of this search."""
        limit = self._query.count + 1
        if self._query.cursor is None:
            return Page(self._query.sort, limit=limit)
        cursor = self._call.find.seal.open(self._query.cursor, self._search)
        return Page(self._query.sort, cursor.position, cursor.backward, limit)

    def links(self, asked: Page, shown: Sequence[Placed], *, more: bool) -> list[tuple[str, str]]:
        """Return the links of a page; `more`: there are rows beyond it in the direction it was read in."""
        links = [("self", self._url([*self._query.used, *self._presentation]))]
        elsewhere = asked.position is not None
        if not elsewhere and not more:
            return links
        first = self._url([*self._used, *self._presentation])
        links.append(("first", first))
        if not shown:
            # All that was on this side of the position is gone; what is on the other side starts at the beginning.
            return [*links, ("next", first)] if asked.backward else links
        if more if asked.backward else elsewhere:
            links.append(("previous", self._beside(shown[0], backward=True)))
        if elsewhere if asked.backward else more:
            links.append(("next", self._beside(shown[-1])))
        return links

    def _beside(self, row: Placed, *, backward: bool = False) -> str:
        cursor = self._call.find.seal.close(Cursor(row.position, backward), self._search)
        return self._url([*self._used, *self._presentation, (CURSOR, cursor)])

    def _url(self, query: Iterable[tuple[str, str]]) -> str:
        return link_url(self._call.base_url, self._path, query)
