"""What the links inside a transaction point at: other entries, or what a conditional reference finds.

https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/bundle.html#references
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.entries import BundleEntry
from fhirhub.interactions.references import Link, links
from fhirhub.model.json import Json
from fhirhub.model.reference import parse_reference
from fhirhub.search.criteria import parse_criteria
from fhirhub.search.extract import extract
from fhirhub.search.filter import And, Filter, TokenIs, TokenStartsWith, related
from fhirhub.search.match import matches
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries
from fhirhub.store.resolve import Uncommitted
from fhirhub.store.unit_of_work import Key, Unit
from fhirhub.validation import validate_resource

_PLACEHOLDERS = ("urn:uuid:", "urn:oid:")


@dataclass(frozen=True, slots=True)
class _Candidate:
    logical_id: str
    entry: BundleEntry
    resource: Json


@dataclass(slots=True)
class Candidates:
    """What the transaction will create or replace, for searches of the same transaction: they have to see it."""

    site: Site
    _ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _unread: dict[str, list[_Candidate]] = field(default_factory=lambda: defaultdict(list))
    _read: dict[str, list[tuple[_Candidate, IndexEntries]]] = field(default_factory=lambda: defaultdict(list))
    _by_value: dict[Key, list[tuple[_Candidate, IndexEntries]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, key: Key, entry: BundleEntry, resource: Any) -> None:
        """Let searches see a resource of an entry under the id it will have."""
        if isinstance(resource, dict) and resource.get("resourceType") == key[0]:
            self._ids[key[0]].add(key[1])
            self._unread[key[0]].append(_Candidate(key[1], entry, resource))

    def ids(self, resource_type: str) -> Collection[str]:
        """Return the ids of all."""
        return self._ids[resource_type]

    def find(self, resource_type: str, criteria: Filter) -> dict[str, BundleEntry]:
        """Return the ids of those that match, with their entries.

        Raises:
            FhirError: one of them is so invalid that it cannot be searched.
        """
        self._read_all(resource_type)
        needed = _needed(criteria)
        pool = self._read[resource_type] if needed is None else self._by_value[resource_type, needed]
        return {
            candidate.logical_id: candidate.entry
            for candidate, entries in pool
            if matches(criteria, logical_id=candidate.logical_id, updated=0, entries=entries)
        }

    def planned(self) -> dict[Key, Uncommitted]:
        """Return all, for criteria that are about other resources.

        Raises:
            FhirError: one of them is so invalid that it cannot be searched.
        """
        for resource_type in self._ids:
            self._read_all(resource_type)
        return {
            (resource_type, candidate.logical_id): Uncommitted(0, entries)
            for resource_type, read in self._read.items()
            for candidate, entries in read
        }

    def _read_all(self, resource_type: str) -> None:
        unread = self._unread[resource_type]
        while unread:
            read = (unread[-1], self._entries(unread[-1], resource_type))
            self._read[resource_type].append(read)
            for value in {_value(token) for token in read[1].tokens}:
                self._by_value[resource_type, value].append(read)
            unread.pop()

    def _entries(self, candidate: _Candidate, resource_type: str) -> IndexEntries:
        try:
            return extract(candidate.resource, resource_type, self.site)
        except Exception:
            # Entries are validated when their links are in place; until then a resource may have any shape.
            issues = validate_resource(candidate.resource, allow_conditional_references=True)
            if not issues:
                raise
            failure = FhirError(Failure.INVALID, issues=issues)
            raise failure.within(f"{candidate.entry.path}.resource") from None


def _needed(criteria: Filter) -> str | None:
    """Return a value (see `_value`) that whatever matches must have; None where there is no such one."""
    match criteria:
        case TokenIs(key):
            return _value(key)
        case TokenStartsWith(prefix) if "|" in prefix:
            return _value(prefix)
        case And(parts):
            return next(filter(None, map(_needed, parts)), None)
        case _:
            return None


def _value(token: str) -> str:
    """Return the part of a token before the system: `identifier=12` (see `search.keys`)."""
    return token.partition("|")[0]


def is_located(error: FhirError) -> bool:
    """Whether a failure already says where in the Bundle it is."""
    places = [place for issue in error.issues for place in issue.expression]
    return bool(places) and all(place.startswith("Bundle.") for place in places)


@dataclass(frozen=True, slots=True)
class EntryLink:
    """A link that may have to be rewritten, and the entry it stands in."""

    entry: BundleEntry
    link: Link

    @property
    def path(self) -> str:
        """The FHIRPath of the link within the Bundle."""
        return f"{self.entry.path}.resource.{self.link.path.partition('.')[2]}"


def rewritable(entries: Iterable[BundleEntry]) -> list[EntryLink]:
    """Return the links that can point at an entry or are conditional. Found once, rewritten on every attempt."""
    full_urls = {entry.full_url for entry in entries if entry.full_url is not None}
    found = []
    for entry in entries:
        if not isinstance(entry.request.body, dict) or entry.request.method not in {"POST", "PUT", "PATCH"}:
            continue
        # Only where the entry has a restful fullUrl can `Patient/1` mean another entry.
        relative = parse_reference(entry.full_url or "") is not None
        found += [EntryLink(entry, link) for link in links(entry.request.body, full_urls, relative=relative)]
    return found


def plain_criteria(resource_type: str, criteria: str, call: Call, unit: Unit, candidates: Candidates) -> Filter:
    """Return conditional criteria that ask for no other resources; what a chain leads to may be a candidate.

    Raises:
        FhirError: the criteria are no search, or a candidate cannot be searched.
    """
    parsed = parse_criteria(resource_type, criteria, call.site)
    return unit.plain(resource_type, parsed, candidates.planned()) if related(parsed) else parsed


class Targets:
    """Says where each link points, once every entry has its id."""

    def __init__(self, unit: Unit, call: Call, candidates: Candidates, by_full_url: dict[str, str]) -> None:
        self._unit = unit
        self._call = call
        self._candidates = candidates
        self._by_full_url = by_full_url
        self._conditional: dict[str, str | FhirError] = {}

    def rewrite(self, found: EntryLink) -> None:
        """Make one link point at where its target will be.

        Raises:
            FhirError: a placeholder that no entry has, a conditional reference without exactly one match.
        """
        try:
            found.link.rewrite(lambda text: self._target(text, found))
        except FhirError as error:
            if is_located(error):
                raise
            raise FhirError(error.failure, str(error), expression=[found.path]) from None

    def _target(self, text: str, found: EntryLink) -> str | None:
        target = self._by_full_url.get(text)
        if target is not None or found.link.kind != "reference":
            return target
        if "?" in text:
            return self._conditionally(text)
        if text.startswith(_PLACEHOLDERS):
            raise FhirError(Failure.INVALID, f"{text} is the fullUrl of no entry of this Bundle.")
        # A relative reference is relative to the fullUrl of the entry it stands in.
        own = parse_reference(found.entry.full_url or "")
        if own is not None and own.base is not None and "://" not in text:
            return self._by_full_url.get(f"{own.base}/{text}")
        return None

    def _conditionally(self, text: str) -> str | None:
        resource_type, _, criteria = text.removeprefix(f"{self._call.base_url}/").partition("?")
        if not r4().is_resource_type(resource_type):
            return None
        if text not in self._conditional:
            self._conditional[text] = self._found(resource_type, criteria, text)
        answer = self._conditional[text]
        if isinstance(answer, FhirError):
            raise answer
        return answer

    def _found(self, resource_type: str, criteria: str, text: str) -> str | FhirError:
        parsed = plain_criteria(resource_type, criteria, self._call, self._unit, self._candidates)
        ids = set(self._candidates.find(resource_type, parsed))
        # What an entry replaces is judged by its new state alone, so the database may return that many in vain.
        replaced = self._candidates.ids(resource_type)
        stored = self._unit.find(resource_type, parsed, limit=2 + len(replaced))
        ids |= {each.logical_id for each in stored if each.logical_id not in replaced}
        if len(ids) == 1:
            return f"{resource_type}/{ids.pop()}"
        failure = Failure.MULTIPLE_MATCHES if ids else Failure.PRECONDITION_FAILED
        return FhirError(failure, f"The conditional reference {text} matches {len(ids) or 'no'} resources.")
