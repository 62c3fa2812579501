"""What search asks of terminology: the members of a value set, what a code subsumes.

https://hl7.org/fhir/R4/search.html#token (`:in`, `:not-in`, `:above`, `:below`)
"""

from functools import cache
from typing import Protocol

from fhirhub.definitions import r4

Coding = tuple[str, str]
"""A code system and a code of it."""


class Terminology(Protocol):
    """Knows code systems and value sets."""

    def members(self, value_set: str) -> frozenset[Coding] | None:
        """Return the codes of a value set, by its canonical (with or without version); None: not known, or open."""
        ...

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        """Return a code and all below it in the hierarchy of its system; None: system or code is not known."""
        ...

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        """Return a code and all above it in the hierarchy of its system; None: system or code is not known."""
        ...


class R4Terminology:
    """The value sets that the required bindings of R4 name; it knows of no hierarchy."""

    def members(self, value_set: str) -> frozenset[Coding] | None:
        """See `Terminology`."""
        systems = r4().codings.get(value_set.partition("|")[0])
        if systems is None or any(codes is None for codes in systems.values()):
            return None
        return frozenset((system, code) for system, codes in systems.items() for code in codes or ())

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        """See `Terminology`."""
        return None

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        """See `Terminology`."""
        return None


@cache
def r4_terminology() -> Terminology:
    """Return what R4 itself brings along."""
    return R4Terminology()
