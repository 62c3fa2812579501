"""Code systems and value sets: the codes there are, which stands above which, and how sets are composed of them.

https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import msgspec

_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"
_SUBSUMES: Final = ("is-a", None)
"""The meanings of a hierarchy by which a code is of the kind of the one above it; most systems leave it open."""


class CodeSystem:
    """All codes of one code system, each with those directly above it.

    Arguments:
        url, version: its canonical.
        parents: the codes, and for each the codes directly above it.
    """

    def __init__(self, url: str, version: str | None, parents: Mapping[str, tuple[str, ...]]) -> None:
        self.url = url
        self.version = version
        self.parents = parents
        children: dict[str, list[str]] = defaultdict(list)
        for code, above in parents.items():
            for parent in above:
                children[parent].append(code)
        self._children: Mapping[str, list[str]] = dict(children)

    def above(self, code: str) -> frozenset[str] | None:
        """Return a code and all that subsume it; None: the system has no such code."""
        return self._reach(code, self.parents)

    def below(self, code: str) -> frozenset[str] | None:
        """Return a code and all that it subsumes; None: the system has no such code."""
        return self._reach(code, self._children)

    def _reach(self, code: str, edges: Mapping[str, Iterable[str]]) -> frozenset[str] | None:
        if code not in self.parents:
            return None
        reached, ahead = {code}, [code]
        while ahead:
            fresh = [each for each in edges.get(ahead.pop(), ()) if each in self.parents and each not in reached]
            reached.update(fresh)
            ahead += fresh
        return frozenset(reached)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """How a value set is composed: `include` and `exclude` as in `ValueSet.compose`."""

    url: str
    version: str | None
    compose: Mapping[str, Any]


def parents_of(resource: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the codes of a CodeSystem resource, each with those directly above it.

    Above is what a concept is nested in, and what a property says (`parent`, `subsumedBy`, or `child` the other way
    round), unless the hierarchy is declared to mean something else than subsumption. A code that has no value, but
    says in an extension why, is none.
    """
    subsumes = resource.get("hierarchyMeaning") in _SUBSUMES
    upwards, downwards = _directions(resource)
    parents: dict[str, dict[str, None]] = {}
    children: list[tuple[str, str]] = []
    for concept, parent in _walk(resource.get("concept", ())):
        if "code" not in concept:
            continue
        above = parents.setdefault(concept["code"], {})
        if not subsumes:
            continue
        if parent is not None:
            above[parent] = None
        for stated in concept.get("property", ()):
            code = stated.get("valueCode") or stated.get("valueCoding", {}).get("code")
            if code and stated.get("code") in upwards:
                above[code] = None
            elif code and stated.get("code") in downwards:
                children.append((code, concept["code"]))
    for child, parent in children:
        if child in parents:
            parents[child][parent] = None
    return {code: tuple(above) for code, above in parents.items()}


def _directions(resource: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    upwards, downwards = {"parent", "subsumedBy"}, {"child"}
    for definition in resource.get("property", ()):
        uri, code = definition.get("uri"), definition.get("code")
        if code and uri == f"{_PROPERTIES}parent":
            upwards.add(code)
        elif code and uri == f"{_PROPERTIES}child":
            downwards.add(code)
    return upwards, downwards


def _walk(concepts: Iterable[Any]) -> Iterator[tuple[Any, str | None]]:
    """Yield each concept with the code of the one it is nested in."""
    ahead: list[tuple[Any, str | None]] = [(concept, None) for concept in reversed(list(concepts))]
    while ahead:
        concept, parent = ahead.pop()
        yield concept, parent
        ahead += [(inner, concept.get("code")) for inner in reversed(concept.get("concept", ()))]


def _rows(name: str) -> Iterator[Any]:
    data = files("fhirhub.definitions").joinpath("data", name).read_bytes()
    return map(msgspec.json.Decoder().decode, data.splitlines())


@cache
def r4_code_systems() -> Mapping[str, CodeSystem]:
    """Return the code systems that the R4 package holds completely, by URL. Read on first use, then shared."""
    return MappingProxyType(
        {
            url: CodeSystem(url, version, {code: tuple(above) for code, *above in rows})
            for url, version, rows in _rows("code_systems.ndjson")
        }
    )


@cache
def r4_value_sets() -> Mapping[str, ValueSet]:
    """Return the value sets of the R4 package by URL, those that take codes it does not hold left out."""
    return MappingProxyType(
        {url: ValueSet(url, version, compose) for url, version, compose in _rows("compositions.ndjson")}
    )
