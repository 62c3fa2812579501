"""The values a search is sorted by, computed by MongoDB from the index entries of a document.

https://hl7.org/fhir/R4/search.html#sort

Of several values the smallest counts in ascending order and the largest in descending order; of a range its low end. A
resource without a value gets null. Quantities count in their canonical unit where they have one, else as they stand.
"""

from collections.abc import Sequence
from typing import Any, Final

from fhirhub.search.result_parameters import SortKey
from fhirhub.store.filters import after_prefix
from fhirhub.store.ranges import FIELD, Kind, stored_names

_TEXT_LIMIT: Final = 200
"""Characters of a text that count; what is equal up to there is in the order it was created in."""


def sort_value(key: SortKey) -> Any:
    """Return the aggregation expression of the value of a key."""
    if key.parameter == "_id":
        return "$_id"
    if key.parameter == "_lastUpdated":
        return "$u"
    pick = "$max" if key.descending else "$min"
    codes = key.sources or (key.parameter,)
    match key.type:
        case "date":
            return {pick: _lows("date", _named("date", codes))}
        case "number":
            return {pick: _lows("number", _named("number", codes))}
        case "quantity":
            canonical = _lows("number", {"$or": [_starts("$$each.p", f"{code}|c:") for code in codes]})
            return {"$ifNull": [{pick: canonical}, {pick: _lows("number", _named("number", codes))}]}
        case _:
            return {pick: {"$concatArrays": [_texts(code) for code in codes]}}


def _lows(kind: Kind, condition: Any) -> Any:
    return {"$map": {"input": _filtered(f"${FIELD[kind]}", condition), "as": "each", "in": "$$each.l"}}


def _texts(code: str) -> Any:
    """The values of tokens, without systems; neither `code=` nor `code=|system` tells a value."""
    start = f"{code}="
    valued = {"$or": [_between("$$each", start, f"{start}|", above=True), _between("$$each", f"{start}}}", start)]}
    # The bar that ends a value would sort it after longer ones.
    value = {"$arrayElemAt": [{"$split": ["$$each", "|"]}, 0]}
    cut = {"$substrCP": [value, len(start), _TEXT_LIMIT]}
    return {"$map": {"input": _filtered("$k", valued), "as": "each", "in": cut}}


def _filtered(field: str, condition: Any) -> Any:
    return {"$filter": {"input": {"$ifNull": [field, []]}, "as": "each", "cond": condition}}


def _named(kind: Kind, codes: Sequence[str]) -> Any:
    return {"$in": ["$$each.p", _literal([name for code in codes for name in stored_names(kind, code)])]}


def _starts(path: str, prefix: str) -> Any:
    return _between(path, prefix, prefix)


def _between(path: str, low: str, end: str, *, above: bool = False) -> Any:
    """From `low` up to `end`, or up to all that starts with it where both have the same beginning."""
    high = end if above else after_prefix(end)
    return {"$and": [{"$gt" if above else "$gte": [path, _literal(low)]}, {"$lt": [path, _literal(high)]}]}


def _literal(value: str | list[str]) -> Any:
    # Keeps a text that starts with a dollar sign from being read as a path.
    return {"$literal": value}
