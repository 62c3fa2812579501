"""Terminology of what is stored here, and of R4 where it is not.

https://hl7.org/fhir/R4/valueset.html, https://hl7.org/fhir/R4/codesystem.html

Whoever stores a ValueSet of the URL of one of R4 means it to count here.
"""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from fhirhub.definitions import CodeSystem, ValueSet, parents_of
from fhirhub.model.json import Json
from fhirhub.search import keys
from fhirhub.search.filter import IdIn, TokenIs
from fhirhub.search.terminology import r4_code_system, r4_value_set
from fhirhub.search.terminology_expansion import Coding, Library, expansion, of_version
from fhirhub.store.find import Find
from fhirhub.store.plan import Page

FRESH_SECONDS: Final = 5.0
"""How long an answer may be given again without asking the database."""
MAX_KEPT: Final = 100
"""Most answers of one kind that are kept."""
MAX_VERSIONS: Final = 100
"""Most resources of the same URL that are looked at; the newest ones."""

_LOCAL: Final = "ValueSet/"

Answer = TypeVar("Answer")


class _Recent(Generic[Answer]):
    """Answers of the last seconds; the oldest is dropped when there are too many."""

    def __init__(self, ask: Callable[[str], Answer], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._changing = threading.Lock()

    def __call__(self, question: str) -> Answer:
        now = self._clock()
        with self._changing:
            known = self._answers.get(question)
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        answer = self._ask(question)
        with self._changing:
            self._answers[question] = (now, answer)
            self._answers.move_to_end(question)
            while len(self._answers) > MAX_KEPT or now - next(iter(self._answers.values()))[0] >= FRESH_SECONDS:
                self._answers.popitem(last=False)
        return answer


class StoredTerminology:
    """Knows the ValueSet and CodeSystem resources of one database, and those of R4.

    An answer may be up to `FRESH_SECONDS` old.

    Arguments:
        find: the queries of the database.
        clock: seconds that only ever grow.
    """

    def __init__(self, find: Find, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._code_system: _Recent[CodeSystem | None] = _Recent(self._read_code_system, clock)
        self._members: _Recent[frozenset[Coding] | None] = _Recent(self._read_members, clock)

    def members(self, value_set: str) -> frozenset[Coding] | None:
        """See `fhirhub.search.terminology.Terminology`."""
        return self._members(value_set)

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        """See `fhirhub.search.terminology.Terminology`."""
        known = self._code_system(system)
        return None if known is None else known.below(code)

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        """See `fhirhub.search.terminology.Terminology`."""
        known = self._code_system(system)
        return None if known is None else known.above(code)

    def _read_members(self, value_set: str) -> frozenset[Coding] | None:
        if value_set.startswith(_LOCAL):
            rows = self._find.search("ValueSet", IdIn(frozenset([value_set.removeprefix(_LOCAL)])), Page(limit=1))
            found = _value_sets(rows[0].stored.resource()) if rows else []
        else:
            named = self._named("ValueSet", value_set)
            of_r4 = r4_value_set(value_set)
            found = _value_sets(named) if named is not None else [] if of_r4 is None else [of_r4]
        library = Library(self._code_system, self._read_value_set)
        expansions = (expansion(each, library) for each in found)
        return next((codings for codings in expansions if codings is not None), None)

    def _read_value_set(self, canonical: str) -> ValueSet | None:
        stored = self._named("ValueSet", canonical)
        return r4_value_set(canonical) if stored is None else next(iter(_value_sets(stored)), None)

    def _read_code_system(self, canonical: str) -> CodeSystem | None:
        stored = self._named("CodeSystem", canonical)
        return r4_code_system(canonical) if stored is None else _complete(stored)

    def _named(self, resource_type: str, canonical: str) -> Json | None:
        """Return the resource of a canonical; of several the active one, and of those the one changed last."""
        url = canonical.partition("|")[0]
        rows = self._find.search(resource_type, TokenIs(f"url={keys.uri_key(url)}"), Page(limit=MAX_VERSIONS))
        newest = sorted((row.stored for row in rows), key=lambda stored: stored.stamp, reverse=True)
        # The key of a very long URL is a hash.
        resources = [
            resource
            for resource in (stored.resource() for stored in newest)
            if resource.get("url") == url and of_version(canonical, resource.get("version"))
        ]
        active = [resource for resource in resources if resource.get("status") == "active"]
        return next(iter(active or resources), None)


def _complete(resource: Json) -> CodeSystem | None:
    """Return a code system that holds all of its codes; None: others cannot be told."""
    if resource.get("content") != "complete":
        return None
    return CodeSystem(resource["url"], resource.get("version"), parents_of(resource))


def _value_sets(resource: Json) -> list[ValueSet]:
    """Return what a value set says of its codes: how it is composed, and its expansion as a list of codes."""
    url, version = resource.get("url", ""), resource.get("version")
    composed = [resource["compose"]] if "compose" in resource else []
    listed = _listed(resource["expansion"]) if "expansion" in resource else None
    return [ValueSet(url, version, each) for each in (*composed, listed) if each is not None]


def _listed(expanded: Json) -> Json | None:
    """Return an expansion as a composition of single codes; None where it is part of a larger one."""
    codes: dict[str, list[Json]] = defaultdict(list)
    count = 0
    ahead: list[Json] = list(expanded.get("contains", ()))
    while ahead:
        each = ahead.pop()
        ahead += each.get("contains", ())
        count += 1
        if "code" in each and "system" in each and not each.get("abstract"):
            codes[each["system"]].append({"code": each["code"]})
    if expanded.get("total", count) > count or expanded.get("offset", 0):
        return None
    return {"include": [{"system": system, "concept": concepts} for system, concepts in codes.items()]}
