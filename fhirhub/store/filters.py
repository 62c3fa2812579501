"""From a search filter to the MongoDB filter document that finds the same resources.

https://hl7.org/fhir/R4/search.html#combining

Client text stands in values only, never in a key or an operator. Bounds on array members are joined by `$elemMatch`,
without which MongoDB may take each bound from another member. A prefix is a range of strings, which MongoDB compares by
code point.
"""

from typing import Any, Final, assert_never

from fhirhub.search.filter import (
    All,
    And,
    DateIs,
    Filter,
    IdIn,
    Not,
    Nothing,
    Or,
    TokenIs,
    TokenStartsWith,
    Updated,
)
from fhirhub.store.stamp import LOW_BITS

_INT64: Final = 2**63 - 1


def to_mongo(filter: Filter) -> dict[str, Any]:
    """Return the filter document over `_id`, `u`, `k` and `d` of stored documents."""
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
        case DateIs():
            return {"d": {"$elemMatch": _date(filter)}}
        case IdIn(ids):
            return {"_id": {"$in": sorted(ids)}}
        case Updated(low, high):
            return _updated(low, high)
        case _:
            assert_never(filter)


def _any(parts: tuple[Filter, ...]) -> dict[str, Any]:
    """One index scan for all equal tokens and one for all ids, whatever else is among the alternatives."""
    tokens = [part.key for part in parts if isinstance(part, TokenIs)]
    ids = frozenset[str]().union(*(part.ids for part in parts if isinstance(part, IdIn)))
    documents = [to_mongo(part) for part in parts if not isinstance(part, TokenIs | IdIn)]
    if tokens:
        documents.insert(0, {"k": {"$in": tokens}})
    if ids:
        documents.insert(0, to_mongo(IdIn(ids)))
    return {"$or": documents} if len(documents) > 1 else documents[0]


def _date(node: DateIs) -> dict[str, Any]:
    low = {"$gte": node.low_at_least, "$lt": node.low_below}
    high = {"$lte": node.high_at_most, "$gt": node.high_above}
    bounds = {"l": _given(low), "h": _given(high)}
    return {"p": node.parameter} | {name: bound for name, bound in bounds.items() if bound}


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
