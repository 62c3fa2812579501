"""$everything: the record of a patient, of an encounter, of all patients, page by page.

https://hl7.org/fhir/R4/patient-operation-everything.html,
https://hl7.org/fhir/R4/encounter-operation-everything.html

First come the resources of the compartment, then those outside of it that they cannot be understood without. Where a
page ends is told by its link alone: the server remembers nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from fhirhub.builtin.care_dates import ALWAYS, Span, care_span
from fhirhub.builtin.references import Key, local_references
from fhirhub.plugin import (
    Failure,
    FhirError,
    Hub,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    date_range,
    hook,
    r4_compartment,
    r4_operation,
)

MAX_PAGE: Final = 1_000
"""Most resources of one page, and how many there are where the client does not say."""
MAX_FETCHES: Final = 20
"""Most pages of the compartment that are looked through for one page, where few of their resources are wanted."""
_IDS: Final = 100
"""Ids that one search asks for."""

_NEEDED: Final = ("Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole")
_SUPPORTING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"Patient": _NEEDED, "Encounter": (*_NEEDED, "Condition", "EpisodeOfCare", "Patient", "RelatedPerson")}
)
"""By compartment, the types of resources that come along where a member, or what came along, refers to them."""
_ITSELF: Final = "{def}"
"""What a compartment has in place of a parameter where its owner is a member of it."""
_MEMBERS, _ALONG = "m", "a"
"""What cursors begin with: within the compartment, within what comes along."""


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operations of patients and of encounters."""
    return [
        Operation(r4_operation("Patient-everything"), everything, pages=True),
        Operation(r4_operation("Encounter-everything"), everything, pages=True),
    ]


def everything(call: OperationCall) -> OperationResult:
    """Answer with one page. Raises FhirError: a parameter or the link is not one of this operation."""
    record = _Record(call)
    phase, _, position = (call.cursor or _MEMBERS).partition(".")
    if phase not in (_MEMBERS, _ALONG):
        raise _bad("_cursor", "it is not one of a link of this server.")
    members, onward = record.members(position) if phase == _MEMBERS else ([], None)
    if call.cursor is None:
        members = [*record.owner(), *members]
    along: list[Json] = []
    if onward is None:
        after = position if phase == _ALONG else ""
        is_whole = call.cursor is None and not record.narrowed
        waiting = [each for each in record.along(members if is_whole else None) if _place(each) > after]
        along = waiting[: record.count - len(members)]
        if len(along) < len(waiting):
            onward = f"{_ALONG}.{_place(along[-1]) if along else after}"
    return record.bundle(members, along, onward)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the parameters leave of a record; None: all of it."""

    types: frozenset[str] | None
    since: str | None
    care: Span | None


class _Record:
    """The record that was asked for."""

    def __init__(self, call: OperationCall) -> None:
        assert call.resource_type is not None, "it is invoked on a type or an instance of it"
        self._call = call
        self._hub: Hub = call.hub
        self._owner = call.resource_type
        self._compartment = tuple(r4_compartment(self._owner))
        self._supporting = _SUPPORTING[self._owner]
        self._wanted = _Wanted(self._types(), call.parameters.get("_since"), self._care())
        self.count = self._count()

    @property
    def narrowed(self) -> bool:
        """Whether members that come are not all that say what comes along."""
        return self._wanted.types is not None or self._wanted.since is not None

    def owner(self) -> list[Json]:
        """Return the resource whose record it is, where that was not left out: the compartment may be without it."""
        return [] if self._owned is None or not self._is_answered(self._owned) else [self._owned]

    def members(self, position: str) -> tuple[list[Json], str | None]:
        """Return the other members of a page, and where the next one of them begins; None: they end here."""
        types = [name for name in self._own_types if self._is_wanted(name)]
        if not types:
            return [], None
        if self.count == 1 and self._call.cursor is None and self.owner():
            return [], _MEMBERS
        query = [("_count", str(self._rows)), *self._changed()]
        if len(types) < len(self._compartment) or not self._call.logical_id:
            query.append(("_type", ",".join(types)))
        found: list[Json] = []
        onward: str | None = position
        for _ in range(MAX_FETCHES):
            page = self._hub.page(self._place, [*query, *([("_cursor", onward)] if onward else [])])
            more = [each for each in _matches(page) if self._is_of_care(each)]
            if len(found) + len(more) > self._rows:
                break
            found += more
            onward = _next(page)
            if onward is None or len(found) > self._rows // 2:
                break
        return found, None if onward is None else f"{_MEMBERS}.{onward}"

    def along(self, members: Sequence[Json] | None) -> list[Json]:
        """Return what comes along, by type and id.

        Arguments:
            members: all there are; None: they have to be found.
        """
        if not self._call.logical_id or not any(map(self._is_wanted, self._supporting)):
            return []
        if members is None:
            members = [each for each in self._hub.search(self._place) if self._is_of_care(each)]
            members += [] if self._owned is None else [self._owned]
        seen = {_key(each) for each in members}
        waiting = self._referred(members) - seen
        found: list[Json] = []
        while waiting:
            new = list(self._fetched(waiting))
            seen |= waiting
            found += new
            waiting = self._referred(new) - seen
        return sorted((each for each in found if self._is_answered(each)), key=_place)

    def bundle(self, members: Sequence[Json], along: Sequence[Json], onward: str | None) -> Json:
        """Return a page."""
        bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
        if onward is None and self._call.cursor is None:
            bundle["total"] = len(members)
        elif self._wanted.care is None and self._call.logical_id:
            bundle["total"] = self._total()
        bundle["link"] = [{"relation": "self", "url": self._url(self._call.cursor)}]
        if onward is not None:
            bundle["link"].append({"relation": "next", "url": self._url(onward)})
        entries = [*self._entries(members, "match"), *self._entries(along, "include")]
        return bundle | ({"entry": entries} if entries else {})

    @cached_property
    def _owned(self) -> Json | None:
        return self._hub.read(self._owner, self._call.logical_id) if self._call.logical_id else None

    @cached_property
    def _rows(self) -> int:
        """Most members that one page is searched for: the first one has the owner besides."""
        with_owner = self._call.logical_id is not None and self._is_wanted(self._owner)
        return max(self.count - 1, 1) if with_owner else self.count

    @cached_property
    def _place(self) -> str:
        """Where members are searched for."""
        return f"{self._owner}/{self._call.logical_id}/*" if self._call.logical_id else ""

    @cached_property
    def _own_types(self) -> tuple[str, ...]:
        """The types that are searched for: of all records together, those that come along are found like members."""
        return self._compartment if self._call.logical_id else (*self._compartment, *self._supporting)

    def _total(self) -> int:
        types = ",".join(name for name in self._own_types if self._is_wanted(name))
        others = self._hub.count(self._place, [("_type", types), *self._changed()]) if types else 0
        return others + (0 if _ITSELF in r4_compartment(self._owner)[self._owner] else len(self.owner()))

    def _changed(self) -> list[tuple[str, str]]:
        return [] if self._wanted.since is None else [("_lastUpdated", f"ge{self._wanted.since}")]

    def _is_wanted(self, resource_type: str) -> bool:
        return self._wanted.types is None or resource_type in self._wanted.types

    def _is_answered(self, resource: Json) -> bool:
        if self._wanted.since is not None:
            since, updated = (date_range(text) for text in (self._wanted.since, _updated(resource)))
            if since is not None and updated is not None and updated[1] <= since[0]:
                return False
        return self._is_wanted(resource["resourceType"])

    def _is_of_care(self, resource: Json) -> bool:
        """Whether a resource is another member of the record, and of the time that was asked for."""
        if self._call.logical_id:
            if _key(resource) == (self._owner, self._call.logical_id):
                return False
        elif not self._is_of_somebody(resource):
            return False
        if self._wanted.care is None:
            return True
        low, high = care_span(resource, self._hub.zone)
        return low < self._wanted.care[1] and high > self._wanted.care[0]

    def _is_of_somebody(self, resource: Json) -> bool:
        if resource["resourceType"] in (self._owner, *self._supporting):
            return True
        return any(name == self._owner for name, _ in local_references(resource, self._hub.base_url))

    def _referred(self, resources: Iterable[Json]) -> set[Key]:
        base = self._hub.base_url
        return {key for each in resources for key in local_references(each, base) if key[0] in self._supporting}

    def _fetched(self, keys: Iterable[Key]) -> Iterator[Json]:
        by_type: dict[str, list[str]] = {}
        for name, logical_id in sorted(keys):
            by_type.setdefault(name, []).append(logical_id)
        for name, ids in by_type.items():
            for start in range(0, len(ids), _IDS):
                yield from self._hub.search(name, [("_id", ",".join(ids[start : start + _IDS]))])

    def _types(self) -> frozenset[str] | None:
        named = self._call.parameters.get("_type")
        if named is None:
            return None
        known = {*self._compartment, *self._supporting}
        types = frozenset(name.strip() for text in named for name in text.split(","))
        for name in sorted(types - known):
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise _bad("_type", f"no {name[:80]!r} is ever part of it.{hint}")
        return types

    def _care(self) -> Span | None:
        start, end = (self._day(name) for name in ("start", "end"))
        if start is None and end is None:
            return None
        span = (start[0] if start else ALWAYS[0], end[1] if end else ALWAYS[1])
        if span[0] >= span[1]:
            raise _bad("end", "it is before start.")
        return span

    def _day(self, name: str) -> Span | None:
        text = self._call.parameters.get(name)
        return None if text is None else date_range(text, self._hub.zone)

    def _count(self) -> int:
        count: int = self._call.parameters.get("_count", MAX_PAGE)
        if count < 1:
            raise _bad("_count", "a page has at least one resource.")
        return min(count, MAX_PAGE)

    def _entries(self, resources: Iterable[Json], mode: str) -> Iterator[Json]:
        for each in resources:
            yield {"fullUrl": f"{self._hub.base_url}/{_place(each)}", "resource": each, "search": {"mode": mode}}

    def _url(self, cursor: str | None) -> str:
        given = self._call.parameters
        query = [(name, ",".join(value) if isinstance(value, list) else str(value)) for name, value in given.items()]
        if cursor is not None:
            query.append(("_cursor", cursor))
        steps = [self._hub.base_url, self._owner, *filter(None, [self._call.logical_id]), "$everything"]
        return "/".join(steps) + (f"?{urlencode(query)}" if query else "")


def _matches(page: Json) -> list[Json]:
    return [row["resource"] for row in page.get("entry", ()) if row["search"]["mode"] == "match"]


def _next(page: Json) -> str | None:
    url = next((link["url"] for link in page.get("link", ()) if link["relation"] == "next"), None)
    return None if url is None else dict(parse_qsl(urlsplit(url).query))["_cursor"]


def _updated(resource: Json) -> str:
    text: str = resource.get("meta", {}).get("lastUpdated", "")
    return text


def _key(resource: Json) -> Key:
    return resource["resourceType"], resource["id"]


def _place(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _bad(name: str, text: str) -> FhirError:
    return FhirError(Failure.BAD_VALUE, f"Parameter {name}: {text}", expression=[f"http.{name}"])
