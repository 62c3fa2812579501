"""Search among contained resources: `_contained` and `_containedType`.

https://hl7.org/fhir/R4/search.html#contained

A contained resource has no history and no id of its own beyond its container, so it is found by what it says alone:
neither by the time of an update nor by what other resources say. A page holds as many containers as `_count` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.bundle import Entry, matched
from fhirhub.interactions.call import Call
from fhirhub.interactions.subset import subset
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest
from fhirhub.model.url import Query
from fhirhub.search.filter import And, Filter, GroupIs, Not, Or, Updated, related
from fhirhub.search.parse import SearchQuery
from fhirhub.search.result_parameters import Contained, ContainedType, contained, contained_type
from fhirhub.search.syntax import bad_value
from fhirhub.store.plan import Page
from fhirhub.store.searches import Holder

CONTAINED: Final = "_contained"
CONTAINED_TYPE: Final = "_containedType"


@dataclass(frozen=True, slots=True)
class Containment:
    """What a request says of contained resources.

    Arguments:
        which: whether they are searched in place of resources that stand alone, or as well.
        result: whether containers are the result, or what they contain.
        own: the parameters that say so, as given.
        others: all other parameters.
    """

    which: Contained
    result: ContainedType
    own: Query
    others: Query


def containment(request: FhirRequest) -> Containment:
    """Read `_contained` and `_containedType`. Raises FhirError."""
    own = tuple(pair for pair in request.query if pair[0] in (CONTAINED, CONTAINED_TYPE))
    given = dict(own)
    for name, _ in own[len(given) :]:
        raise bad_value(name, "stands more than once in the request.")
    return Containment(
        contained(given.get(CONTAINED, "false")),
        contained_type(given.get(CONTAINED_TYPE, "container")),
        own,
        tuple(pair for pair in request.query if pair not in own) if own else request.query,
    )


def _check(query: SearchQuery, asked: Containment) -> None:
    if query.sort:
        raise _not_with("_sort", "contained resources come in the order in which their containers were created")
    if query.includes:
        name = "_revinclude" if query.includes[0].reverse else "_include"
        raise _not_with(name, "nothing can be included with contained resources")
    if query.elements and asked.result == "container":
        raise _not_with("_elements", "containers are of many types; ask for _containedType=contained")
    if related(query.filter):
        raise _not_with(CONTAINED, "contained resources are not found by what other resources say")
    if _asks_for_time(query.filter):
        raise _not_with("_lastUpdated", "contained resources have no time of update of their own")


def _not_with(name: str, reason: str) -> FhirError:
    text = f"Search parameter {name}: not with {CONTAINED}=true or both: {reason}."
    return FhirError(Failure.NOT_SUPPORTED, text, expression=[f"http.{name}"])


def _asks_for_time(part: Filter) -> bool:
    match part:
        case And(parts) | Or(parts):
            return any(map(_asks_for_time, parts))
        case Not(inner) | GroupIs(_, inner):
            return _asks_for_time(inner)
        case _:
            return isinstance(part, Updated)


class Held:
    """The resources that contain a match, or the contained matches."""

    def __init__(self, query: SearchQuery, asked: Containment, request: FhirRequest, call: Call) -> None:
        """Raises FhirError: a criterion contained resources cannot be found by, or a sort."""
        _check(query, asked)
        self._query = query
        self._both = asked.which == "both"
        self._containers = asked.result == "container"
        self._request = request
        self._call = call
        self._searches = call.find.searches
        self._types = sorted(self._searches.in_use())

    def rows(self, page: Page) -> list[Holder]:
        """See `Results.rows`."""
        return self._searches.holders(self._types, self._query.resource_type, self._query.filter, page, both=self._both)

    def entries(self, rows: Sequence[Holder]) -> tuple[list[Entry], list[Issue]]:
        """See `Results.entries`."""
        found: list[Entry] = []
        for holder in rows:
            stored = holder.row.stored
            if self._containers or holder.matches:
                found.append(matched(stored, subset(stored, self._request), self._call.base_url))
            if not self._containers:
                found += self._contained(holder)
        return found, []

    def _contained(self, holder: Holder) -> list[Entry]:
        stored = holder.row.stored
        entries = []
        for each in stored.resource().get("contained", ()) if holder.contained else ():
            if each["resourceType"] == self._query.resource_type and each.get("id", "") in holder.contained:
                inner = replace(stored, resource_type=each["resourceType"], content=encode(each))
                url = f"{self._call.base_url}/{stored.resource_type}/{stored.logical_id}#{each['id']}"
                entries.append(Entry(url, subset(inner, self._request), {"search": {"mode": "match"}}))
        return entries

    def matches(self, rows: Sequence[Holder]) -> int:
        """See `Results.matches`."""
        return len(rows) if self._containers else sum(len(row.contained) + row.matches for row in rows)

    def count(self, at_most: int | None = None) -> int:
        """See `Results.count`."""
        return self._searches.count_held(
            self._types,
            self._query.resource_type,
            self._query.filter,
            both=self._both,
            holders=self._containers,
        )
