"""What the links inside a transaction point at: other entries, or what a conditional reference finds.

https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.interactions.entries import BundleEntry
from fhirhub.interactions.references import Link, links
from fhirhub.model.reference import parse_reference
from fhirhub.search.criteria import parse_criteria
from fhirhub.search.extract import extract
from fhirhub.search.filter import All, Filter
from fhirhub.search.match import matches
from fhirhub.search.values import IndexEntries
from fhirhub.store.unit_of_work import Key, Unit

_PLACEHOLDERS = ("urn:uuid:", "urn:oid:")
_ANY = All()


@dataclass(slots=True)
class Candidates:
    """Resources of the transaction that searches of the same transaction have to see."""

    base_url: str
    _resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    _entries: dict[Key, IndexEntries] = field(default_factory=dict)

    def add(self, logical_id: str, resource: Any) -> None:
        """Let searches see a resource under the id it will have."""
        if isinstance(resource, dict):
            self._resources.setdefault(resource.get("resourceType", ""), {})[logical_id] = resource

    def find(self, resource_type: str, criteria: Filter) -> list[str]:
        """Return the ids of those that match."""
        found = []
        for logical_id, resource in self._resources.get(resource_type, {}).items():
            key = (resource_type, logical_id)
            if key not in self._entries:
                self._entries[key] = extract(resource, resource_type, base_url=self.base_url)
            if matches(criteria, logical_id=logical_id, updated=0, entries=self._entries[key]):
                found.append(logical_id)
        return found


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
        if not isinstance(entry.request.body, dict) or entry.request.method not in {"POST", "PUT"}:
            continue
        found += [
            EntryLink(entry, link)
            for link in links(entry.request.body, full_urls)
            if link.kind != "reference" or not link.original.startswith("#")
        ]
    return found


class Targets:
    """Says where each link points, once every entry has its id."""

    def __init__(
        self, unit: Unit, call: Call, candidates: Candidates, by_full_url: dict[str, str], gone: frozenset[Key]
    ) -> None:
        self._unit = unit
        self._call = call
        self._candidates = candidates
        self._by_full_url = by_full_url
        self._gone = gone
        self._conditional: dict[str, str | FhirError] = {}

    def rewrite(self, found: EntryLink) -> None:
        """Make one link point at where its target will be.

        Raises:
            FhirError: a placeholder that no entry has, a conditional reference without exactly one match.
        """
        try:
            found.link.rewrite(lambda text: self._target(text, found))
        except FhirError as error:
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
        parsed = parse_criteria(resource_type, criteria, base_url=self._call.base_url, now=self._call.now)
        ids = set(self._candidates.find(resource_type, parsed))
        replaced = self._candidates.find(resource_type, _ANY)
        for stored in self._unit.find(resource_type, parsed, limit=2 + len(self._gone) + len(replaced)):
            if (resource_type, stored.logical_id) not in self._gone and stored.logical_id not in replaced:
                ids.add(stored.logical_id)
        if len(ids) == 1:
            return f"{resource_type}/{ids.pop()}"
        failure = Failure.MULTIPLE_MATCHES if ids else Failure.PRECONDITION_FAILED
        return FhirError(failure, f"The conditional reference {text} matches {len(ids) or 'no'} resources.")
