"""The codes of a value set, from how it is composed.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirhub.definitions import CodeSystem, ValueSet

Coding = tuple[str, str]
"""A code system and a code of it."""

MAX_DEPTH: Final = 20
"""How deep value sets may stand within value sets."""


@dataclass(frozen=True, slots=True)
class Library:
    """Where value sets and code systems are looked up, by URL with or without `|version`; None: not there."""

    code_system: Callable[[str], CodeSystem | None]
    value_set: Callable[[str], ValueSet | None]


def expansion(value_set: ValueSet, library: Library, depth: int = 0) -> frozenset[Coding] | None:
    """Return the codes of a value set; None where they cannot all be told.

    That is so where a code system or an included value set is not in the library, or a filter is another than `is-a`,
    `descendent-of` and `is-not-a`.
    """
    included = _union(value_set.compose.get("include", ()), library, depth)
    if included is None:
        return None
    excluded = _union(value_set.compose.get("exclude", ()), library, depth)
    return None if excluded is None else included - excluded


def _union(components: Iterable[Mapping[str, Any]], library: Library, depth: int) -> frozenset[Coding] | None:
    codings: set[Coding] = set()
    for component in components:
        found = _component(component, library, depth)
        if found is None:
            return None
        codings |= found
    return frozenset(codings)


def _component(component: Mapping[str, Any], library: Library, depth: int) -> frozenset[Coding] | None:
    """One include or exclude: what its code system and each of its value sets have in common."""
    parts: list[frozenset[Coding] | None] = []
    if "system" in component:
        codes = _codes(component, library)
        parts.append(None if codes is None else frozenset((component["system"], code) for code in codes))
    for canonical in component.get("valueSet", ()):
        # A set that includes itself is as little known as one that is nowhere.
        inner = library.value_set(canonical) if depth < MAX_DEPTH else None
        parts.append(None if inner is None else expansion(inner, library, depth + 1))
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return frozenset.intersection(*known)


def _codes(component: Mapping[str, Any], library: Library) -> frozenset[str] | None:
    if "concept" in component:
        return frozenset(concept["code"] for concept in component["concept"])
    version = component.get("version")
    system = library.code_system(component["system"] if version is None else f"{component['system']}|{version}")
    if system is None:
        return None
    codes = frozenset(system.parents)
    for filter in component.get("filter", ()):
        kept = _filtered(system, filter)
        if kept is None:
            return None
        codes &= kept
    return codes


def _filtered(system: CodeSystem, filter: Mapping[str, Any]) -> frozenset[str] | None:
    operator, value = filter.get("op"), filter.get("value")
    below = system.below(value) if isinstance(value, str) else None
    if filter.get("property") not in ("concept", "code") or below is None:
        return None
    match operator:
        case "is-a":
            return below
        case "descendent-of":
            return below - {value}
        case "is-not-a":
            return frozenset(system.parents) - below
        case _:
            return None


def of_version(canonical: str, version: str | None) -> bool:
    """Whether what has a version is what a canonical with or without version asks for."""
    asked = canonical.partition("|")[2]
    return not asked or asked == version
