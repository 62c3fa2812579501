"""From a search filter to the MongoDB filter document that finds the same resources.

https://hl7.org/fhir/R4/search.html#combining

Client text stands in values only, never in a key or an operator. A prefix is a range of strings, which MongoDB compares
by code point.
"""

import re
from typing import Any, Final, assert_never

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
    TokenHas,
    TokenIs,
    TokenStartsWith,
    Updated,
    Within,
    for_contained,
)
from fhirhub.search.keys import held_key
from fhirhub.search.match import EARTH_RADIUS
from fhirhub.store.ranges import range_condition
from fhirhub.store.stamp import LOW_BITS

_INT64: Final = 2**63 - 1


def to_mongo(filter: Filter) -> dict[str, Any]:
    """Return the filter document over `_id`, `u` and the fields of `entries` of stored documents.

    Raises ValueError: a part is about other resources; `resolve` such parts first.
    """
    match filter:
        case All():
            return {}
        case Nothing():
            return {"_id": {"$in": []}}
        case And(parts):
            return {"$and": [to_mongo(part) for part in parts]}
        case Or(parts):
            return _any(parts)
        case Not(part):
            return {"$nor": [to_mongo(part)]}
        case TokenIs(key):
            return {"k": key}
        case TokenStartsWith(prefix):
            return {"k": {"$elemMatch": {"$gte": prefix, "$lt": after_prefix(prefix)}}}
        case TokenHas(prefix, text, at_end):
            pattern = f"^{re.escape(prefix)}[^|]*{re.escape(text)}" + (r"(\||$)" if at_end else "")
            return {"k": {"$elemMatch": {"$gte": prefix, "$lt": after_prefix(prefix), "$regex": pattern}}}
        case RangeIs():
            return range_condition([filter])
        case GroupIs(parameter, part):
            return {"g": {"$elemMatch": {"$and": [{"p": parameter}, to_mongo(part)]}}}
        case Holds(parameter, resource_type, part):
            return {"c": {"$elemMatch": {"$and": [to_mongo(for_contained(part)), *_held(parameter, resource_type)]}}}
        case HasWord(word, narrative):
            return {"w": f".{word}" if narrative else {"$in": [word, f".{word}"]}}
        case Within(latitude, longitude, metres):
            return {"p.at": {"$geoWithin": {"$centerSphere": [[longitude, latitude], metres / EARTH_RADIUS]}}}
        case IdIn(ids):
            return {"_id": {"$in": sorted(ids)}}
        case Updated(low, high):
            return _updated(low, high)
        case Refers() | ReferredBy() | InHierarchy():
            raise ValueError(f"{filter} has to be resolved first")
        case _:
            assert_never(filter)


def _any(parts: tuple[Filter, ...]) -> dict[str, Any]:
    """One index scan for all equal tokens, one for all ids and few for the ranges of a parameter."""
    tokens: list[str] = []
    ids: frozenset[str] = frozenset()
    ranges: dict[tuple[str, str], list[RangeIs]] = {}
    documents: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case TokenIs(key):
                tokens.append(key)
            case IdIn(more):
                ids |= more
            case RangeIs(kind, parameter):
                ranges.setdefault((kind, parameter), []).append(part)
            case _:
                documents.append(to_mongo(part))
    documents += map(range_condition, ranges.values())
    if tokens:
        documents.insert(0, {"k": {"$in": tokens}})
    if ids:
        documents.insert(0, to_mongo(IdIn(ids)))
    return {"$or": documents} if len(documents) > 1 else documents[0]


def _held(parameter: str, resource_type: str) -> list[dict[str, Any]]:
    """That a parameter leads to a contained resource, in the way MongoDB looks for last.

    Of several conditions on `k` of one member of an array it looks up one in the index: of two of a kind the first,
    and lists after single values. Nothing has the second key.
    """
    key = held_key(parameter)
    return [{"t": resource_type}, {"k": {"$in": [key, f"{key}^"]}}]


def _given(bounds: dict[str, int | None]) -> dict[str, int]:
    return {operator: bound for operator, bound in bounds.items() if bound is not None}


def _updated(low: int | None, high: int | None) -> dict[str, Any]:
    bounds = _given({"$gte": low if low is None else _stamp(low), "$lt": high if high is None else _stamp(high)})
    return {"u": bounds} if bounds else {}


def _stamp(microseconds: int) -> int:
    """Return the least stamp of the first millisecond that is not before a time, kept within 64 bits."""
    return max(-_INT64, min(-(-microseconds // 1000) << LOW_BITS, _INT64))


def after_prefix(prefix: str) -> str:
    """Return the least string greater than all that start with `prefix`, whose last character can be raised."""
    last = ord(prefix[-1]) + 1
    if last == 0x110000:
        return after_prefix(prefix[:-1])
    # Surrogates are no characters: what follows U+D7FF is U+E000.
    return prefix[:-1] + chr(0xE000 if last == 0xD800 else last)
