"""What search asks of terminology: the members of a value set, what a code subsumes.

https://hl7.org/fhir/R4/search.html#token (`:in`, `:not-in`, `:above`, `:below`)
"""

from functools import cache, lru_cache
from typing import Protocol

from fhirhub.definitions import CodeSystem, ValueSet, r4_code_systems, r4_value_sets
from fhirhub.search.terminology_expansion import Coding, Library, expansion, of_version


class Terminology(Protocol):
    """Knows code systems and value sets."""

    def members(self, value_set: str) -> frozenset[Coding] | None:
        """Return the codes of a value set; None: not known, or its codes cannot all be told.

        Arguments:
            value_set: its canonical, with or without version, or `ValueSet/id` for one that is stored here.
        """
        ...

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        """Return a code and all below it in the hierarchy of its system; None: system or code is not known."""
        ...

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        """Return a code and all above it in the hierarchy of its system; None: system or code is not known."""
        ...


class R4Terminology:
    """The value sets and code systems that the R4 package tells completely."""

    def members(self, value_set: str) -> frozenset[Coding] | None:
        """See `Terminology`."""
        return _members(value_set)

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        """See `Terminology`."""
        known = r4_code_system(system)
        return None if known is None else known.below(code)

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        """See `Terminology`."""
        known = r4_code_system(system)
        return None if known is None else known.above(code)


def r4_code_system(canonical: str) -> CodeSystem | None:
    """Return a code system of the R4 package by its canonical; None: it holds none of that name and version."""
    known = r4_code_systems().get(canonical.partition("|")[0])
    return known if known is not None and of_version(canonical, known.version) else None


def r4_value_set(canonical: str) -> ValueSet | None:
    """Return a value set of the R4 package by its canonical; None: it holds none of that name and version."""
    known = r4_value_sets().get(canonical.partition("|")[0])
    return known if known is not None and of_version(canonical, known.version) else None


@lru_cache(maxsize=256)
def _members(canonical: str) -> frozenset[Coding] | None:
    value_set = r4_value_set(canonical)
    return None if value_set is None else expansion(value_set, Library(r4_code_system, r4_value_set))


@cache
def r4_terminology() -> Terminology:
    """Return what R4 itself brings along."""
    return R4Terminology()
