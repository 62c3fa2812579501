"""The predicate tree a search compiles to, over index entries; `match` evaluates it, `store.filters` translates it.

https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fhirhub.search.values import Amount


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
class TokenHas:
    """Some token starts with `prefix` and has `text` in what follows, up to a bar: anywhere in it, or at its end."""

    prefix: str
    text: str
    at_end: bool = False


Bound = tuple[Literal["low", "high"], Literal["<", "<=", ">", ">="], Amount]
"""A condition on one end of a range: `("high", ">", 5)`."""


@dataclass(frozen=True, slots=True)
class RangeIs:
    """Some one entry of `parameter` keeps every bound given; with none given, any entry of it does."""

    kind: Literal["date", "number"]
    parameter: str
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupIs:
    """Some one group of the composite `parameter` fulfils `part`, which is about the entries of the group."""

    parameter: str
    part: "Filter"


@dataclass(frozen=True, slots=True)
class Holds:
    """Some one contained resource of a type, which the reference parameter `parameter` leads to, fulfils `part`.

    A contained resource has no logical id and no time of update, and nothing but its container knows it: of `part`,
    nothing that is about those is fulfilled (see `for_contained`).
    https://hl7.org/fhir/R4/search.html#contained
    """

    parameter: str
    resource_type: str
    part: "Filter"


@dataclass(frozen=True, slots=True)
class HasWord:
    """The content has a word; with `narrative`, its narrative has."""

    word: str
    narrative: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """Some place of the resource lies within a distance, in metres, of a point given in degrees."""

    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class Refers:
    """By the reference parameter `parameter` the resource refers to a resource of a type that fulfils `part`.

    https://hl7.org/fhir/R4/search.html#chaining
    """

    parameter: str
    target_type: str
    part: "Filter"


@dataclass(frozen=True, slots=True)
class ReferredBy:
    """A resource of `source_type` that fulfils `part` refers to this one by its reference parameter `parameter`.

    https://hl7.org/fhir/R4/search.html#has
    """

    source_type: str
    parameter: str
    part: "Filter"


@dataclass(frozen=True, slots=True)
class InHierarchy:
    """By `parameter` the resource refers to `target_type/logical_id`, or to one that stands `above` or `below` it.

    Which stands above which is told by the reference parameter `parent` of the target type.
    https://hl7.org/fhir/R4/search.html#reference
    """

    parameter: str
    target_type: str
    logical_id: str
    parent: str
    direction: Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class IdIn:
    """The logical id is one of `ids`."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Updated:
    """Last updated within [low, high), microseconds since 1970 UTC; None is unbounded."""

    low: int | None = None
    high: int | None = None


Related = Refers | ReferredBy | InHierarchy
"""What the entries of one resource cannot tell: it takes others to decide."""

Filter = (
    All
    | Nothing
    | And
    | Or
    | Not
    | TokenIs
    | TokenStartsWith
    | TokenHas
    | RangeIs
    | GroupIs
    | Holds
    | HasWord
    | Within
    | IdIn
    | Updated
    | Related
)


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
        case Not(inner) | GroupIs(_, inner) | Holds(_, _, inner) | Refers(_, _, inner) | ReferredBy(_, _, inner):
            return leaves(inner)
        case _:
            return 1


def related(part: Filter) -> bool:
    """Whether a filter, or any part of it, takes other resources to decide."""
    match part:
        case And(parts) | Or(parts):
            return any(map(related, parts))
        case Not(inner) | GroupIs(_, inner) | Holds(_, _, inner):
            return related(inner)
        case _:
            return isinstance(part, Related)


def served(part: Filter) -> bool:
    """Whether an index leads to what a filter finds; without one, all resources are looked at for those that match."""
    match part:
        case And(parts):
            return any(map(served, parts))
        case Or(parts):
            return all(map(served, parts))
        case All() | Not() | TokenHas() | GroupIs():
            return False
        case _:
            return True


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


def replaced(part: Filter, by: Callable[[Filter], Filter]) -> Filter:
    """Return a filter with everything that `And`, `Or` and `Not` join replaced, simplified."""
    match part:
        case And(parts):
            return all_of(replaced(each, by) for each in parts)
        case Or(parts):
            return any_of(replaced(each, by) for each in parts)
        case Not(inner):
            return none_of(replaced(inner, by))
        case _:
            return by(part)


def for_contained(part: Filter) -> Filter:
    """Return what a filter comes to for a contained resource.

    Its id is one within its container only: whoever asks for Patient/1 does not mean any `#1`.
    """
    return replaced(part, lambda each: Nothing() if isinstance(each, IdIn | Updated | ReferredBy) else each)
