"""The predicate tree a search compiles to, over index entries; `match` evaluates it, `store.filters` translates it.

https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class All:
    """Matches every resource."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Matches no resource."""


@dataclass(frozen=True, slots=True)
class And:
    """Matches what every part matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Matches what any part matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Matches what `part` does not match."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class TokenIs:
    """Some token equals `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class TokenStartsWith:
    """Some token starts with `prefix`, which is not empty."""

    prefix: str


@dataclass(frozen=True, slots=True)
class DateIs:
    """Some one entry [low, high) of `parameter` keeps every bound given; with none given, any entry of it does.

    Bounds are microseconds since 1970 UTC.
    """

    parameter: str
    low_at_least: int | None = None
    low_below: int | None = None
    high_at_most: int | None = None
    high_above: int | None = None


@dataclass(frozen=True, slots=True)
class IdIn:
    """The logical id is one of `ids`."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Updated:
    """Last updated within [low, high), microseconds since 1970 UTC; None is unbounded."""

    low: int | None = None
    high: int | None = None


Filter = All | Nothing | And | Or | Not | TokenIs | TokenStartsWith | DateIs | IdIn | Updated


def all_of(parts: Iterable[Filter]) -> Filter:
    """Return the conjunction, simplified; of no parts: `All`."""
    flat: dict[Filter, None] = {}
    for part in parts:
        if isinstance(part, Nothing):
            return part
        if isinstance(part, And):
            flat |= dict.fromkeys(part.parts)
        elif not isinstance(part, All):
            flat[part] = None
    if not flat:
        return All()
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def any_of(parts: Iterable[Filter]) -> Filter:
    """Return the disjunction, simplified; of no parts: `Nothing`."""
    flat: dict[Filter, None] = {}
    for part in parts:
        if isinstance(part, All):
            return part
        if isinstance(part, Or):
            flat |= dict.fromkeys(part.parts)
        elif not isinstance(part, Nothing):
            flat[part] = None
    if not flat:
        return Nothing()
    return Or(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def leaves(part: Filter) -> int:
    """Return how many comparisons a filter is made of."""
    match part:
        case And(parts) | Or(parts):
            return sum(map(leaves, parts))
        case Not(inner):
            return leaves(inner)
        case _:
            return 1


def none_of(part: Filter) -> Filter:
    """Return the negation, simplified."""
    match part:
        case All():
            return Nothing()
        case Nothing():
            return All()
        case Not(inner):
            return inner
        case _:
            return Not(part)
