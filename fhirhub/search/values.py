"""What a resource is found by: its index entries.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from dataclasses import dataclass, field
from decimal import Decimal

Amount = int | Decimal
"""A time in microseconds since 1970 UTC, or a number."""


@dataclass(frozen=True, slots=True)
class RangeEntry:
    """What one value of a parameter covers: a time [low, high) in microseconds since 1970 UTC, a number [low, high].

    An exact number has equal limits. The name of a quantity's `parameter` carries its unit (see `keys`).
    """

    parameter: str
    low: Amount
    high: Amount


@dataclass(frozen=True, slots=True)
class Group:
    """One element that a composite parameter is about: the entries of its components, under `1`, `2`, ..."""

    parameter: str
    entries: "IndexEntries"


@dataclass(frozen=True, slots=True)
class Contained:
    """A contained resource: its type, its id within its container, and what it is found by."""

    resource_type: str
    logical_id: str
    entries: "IndexEntries"


@dataclass(frozen=True, slots=True)
class Point:
    """A place on earth, in degrees (WGS 84)."""

    latitude: float
    longitude: float


@dataclass(slots=True)
class IndexEntries:
    """All index entries of one resource; the lists are free of duplicates and in a stable order.

    Arguments:
        tokens: keys of token, string, reference and uri parameters (see `keys`).
        dates, numbers: entries of date parameters, of number and quantity parameters.
        groups: entries of composite parameters.
        words: the words of the whole content; those that the narrative has start with a full stop (see `words`).
        points: places for `near`.
        contained: the contained resources.
        event: when what the resource tells of took place: the low end of its leading date parameter (see `leading`).
        listed: the keys under which lists sorted by `event` are kept (see `leading`).
    """

    tokens: list[str] = field(default_factory=list)
    dates: list[RangeEntry] = field(default_factory=list)
    numbers: list[RangeEntry] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    contained: list[Contained] = field(default_factory=list)
    event: int | None = None
    listed: list[str] = field(default_factory=list)
