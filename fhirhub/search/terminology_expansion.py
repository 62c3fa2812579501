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


def expansion(value_set: ValueSet, library: Library) -> frozenset[Coding] | None:
    """Return the codes of a value set; None where they cannot all be told.

    That is so where a code system or an included value set is not in the library, or a filter is another than `is-a`,
    `descendent-of` and `is-not-a`, or a code or canonical has no value.
    """
    return _Expander(library).codings(value_set)


class _Expander:
    """Expands one value set, and each that it includes once, however often it is included."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._included: dict[str, frozenset[Coding] | None] = {}
        self._depth = 0

    def codings(self, value_set: ValueSet) -> frozenset[Coding] | None:
        included = self._union(value_set.compose.get("include", ()))
        if included is None:
            return None
        excluded = self._union(value_set.compose.get("exclude", ()))
        return None if excluded is None else included - excluded

    def _union(self, components: Iterable[Mapping[str, Any]]) -> frozenset[Coding] | None:
        codings: set[Coding] = set()
        for component in components:
            found = self._component(component)
            if found is None:
                return None
            codings |= found
        return frozenset(codings)

    def _component(self, component: Mapping[str, Any]) -> frozenset[Coding] | None:
        """One include or exclude: what its code system and each of its value sets have in common."""
        parts: list[frozenset[Coding] | None] = []
        if "system" in component:
            codes = _codes(component, self._library)
            parts.append(None if codes is None else frozenset((component["system"], code) for code in codes))
        # Null stands for a canonical that has nothing but extensions.
        parts += [canonical and self._of(canonical) for canonical in component.get("valueSet", ())]
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return None
        return frozenset.intersection(*known)

    def _of(self, canonical: str) -> frozenset[Coding] | None:
        if canonical not in self._included:
            # Until more is known: a set that includes itself is as little known as one that is nowhere.
            self._included[canonical] = None
            inner = self._library.value_set(canonical) if self._depth < MAX_DEPTH else None
            if inner is not None:
                self._depth += 1
                self._included[canonical] = self.codings(inner)
                self._depth -= 1
        return self._included[canonical]


def _codes(component: Mapping[str, Any], library: Library) -> frozenset[str] | None:
    if "concept" in component:
        listed = [concept.get("code") for concept in component["concept"]]
        return None if None in listed else frozenset(listed)
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
