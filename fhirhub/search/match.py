"""Whether one resource fulfils a filter, decided from index entries alone.

https://hl7.org/fhir/R4/search.html#combining
"""

import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, assert_never

from fhirhub.search.filter import (
    All,
    And,
    Filter,
    GroupIs,
    HasWord,
    Holds,
    IdIn,
    InHierarchy,
    Not,
    Nothing,
    Or,
    RangeIs,
    ReferredBy,
    Refers,
    Related,
    TokenHas,
    TokenIs,
    TokenStartsWith,
    Updated,
    Within,
    for_contained,
)
from fhirhub.search.keys import held_key
from fhirhub.search.values import IndexEntries, Point, RangeEntry

EARTH_RADIUS: Final = 6_378_100.0
"""In metres; MongoDB's documentation divides distances by the same figure."""

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


class Others(Protocol):
    """The other resources, which chained criteria ask for."""

    def resolve(self, part: Related) -> Filter:
        """Return an equal filter that asks for no other resource."""
        ...


def matches(
    filter: Filter, *, logical_id: str, updated: int, entries: IndexEntries, others: Others | None = None
) -> bool:
    """Return whether the resource is found.

    Arguments:
        logical_id: its logical id.
        updated: its `meta.lastUpdated` in microseconds since 1970 UTC, whole milliseconds as the store keeps them.
        entries: what `extract` found in it.
        others: decides what other resources have a say in; only filters that are `related` need it.

    Raises ValueError: a `related` filter without `others`.
    """

    def fulfilled(node: Filter, entries: IndexEntries) -> bool:
        match node:
            case All():
                return True
            case Nothing():
                return False
            case And(parts):
                return all(fulfilled(part, entries) for part in parts)
            case Or(parts):
                return any(fulfilled(part, entries) for part in parts)
            case Not(part):
                return not fulfilled(part, entries)
            case TokenIs(key):
                return key in entries.tokens
            case TokenStartsWith(prefix):
                return any(token.startswith(prefix) for token in entries.tokens)
            case TokenHas():
                return any(_has(node, token) for token in entries.tokens)
            case RangeIs(kind):
                return any(_keeps(node, entry) for entry in (entries.dates if kind == "date" else entries.numbers))
            case GroupIs(parameter, part):
                return any(fulfilled(part, each.entries) for each in entries.groups if each.parameter == parameter)
            case Holds(parameter, resource_type, part):
                key, inner = held_key(parameter), for_contained(part)
                held = [each.entries for each in entries.contained if each.resource_type == resource_type]
                return any(fulfilled(inner, each) for each in held if key in each.tokens)
            case HasWord(word, narrative):
                return f".{word}" in entries.words or (not narrative and word in entries.words)
            case Within():
                return any(_distance(node, point) <= node.metres for point in entries.points)
            case IdIn(ids):
                return logical_id in ids
            case Updated(low, high):
                return (low is None or updated >= low) and (high is None or updated < high)
            case Refers() | ReferredBy() | InHierarchy():
                if others is None:
                    raise ValueError(f"{node} needs the other resources")
                return fulfilled(others.resolve(node), entries)
            case _:
                assert_never(node)

    return fulfilled(filter, entries)


def _has(node: TokenHas, token: str) -> bool:
    if not token.startswith(node.prefix):
        return False
    text = token[len(node.prefix) :].partition("|")[0]
    return text.endswith(node.text) if node.at_end else node.text in text


def _keeps(node: RangeIs, entry: RangeEntry) -> bool:
    if entry.parameter != node.parameter:
        return False
    ends = {"low": entry.low, "high": entry.high}
    return all(_COMPARE[comparison](ends[side], limit) for side, comparison, limit in node.bounds)


def _distance(node: Within, point: Point) -> float:
    """The way along the surface in metres, by the haversine formula."""
    one, other = math.radians(node.latitude), math.radians(point.latitude)
    across = math.radians(point.longitude - node.longitude)
    half = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(half, 1.0)))
