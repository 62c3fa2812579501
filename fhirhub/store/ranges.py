"""Ranges of times and numbers, kept and looked for by how long they are.

https://hl7.org/fhir/R4/search.html#prefix, docs/adr/0006-storage-layout.md

An index is in the order of low ends. Of "ends after X" it can make use only where it is known how long a range is at
most: what is no longer than a day and ends after X begins after the day before X. So the name of an entry tells its
class of length, and a condition becomes one for each class.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any, Final, Literal

from bson.decimal128 import Decimal128

from fhirhub.definitions import r4
from fhirhub.search.filter import And, Bound, Filter, Or, RangeIs, all_of, any_of
from fhirhub.search.leading import LONGEST_DAY, is_single
from fhirhub.search.values import Amount

Kind = Literal["date", "number"]
Document = dict[str, Any]
Bounds = tuple[Bound, ...]

FIELD: Final[Mapping[Kind, str]] = MappingProxyType({"date": "d", "number": "q"})
"""The field that holds the entries of a kind."""

_MARK: Final = "\x1d"
"""A control character, which no parameter and no unit has; as many follow a name as its class has number."""

_DIGITS: Final = 34
_BIAS: Final = 6_176
_HIGHEST: Final = 12_287
_YEAR: Final = 367 * 86_400 * 1_000_000
_LENGTHS: Final[Mapping[Kind, tuple[int | None, ...]]] = MappingProxyType(
    {"date": (LONGEST_DAY, _YEAR, None), "number": (0, None)}
)
"""How long the ranges of each class are at most: a day, a year, whatever else; one number, whatever else."""

_OPERATORS: Final = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_MOST_JOINED: Final = 16
"""Most alternatives that joining makes of some."""


def stored_amount(amount: Amount) -> int | Decimal128:
    """Return a time or number as the database holds it."""
    return _decimal128(amount) if isinstance(amount, Decimal) else amount


@lru_cache(maxsize=65_536)
def _decimal128(number: Decimal) -> Decimal128:
    """Make what `Decimal128(number)` makes bit by bit, which takes longer than all else about an entry.

    The format is the binary one of IEEE 754: sign, exponent, and a coefficient of 113 bits.
    """
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > _DIGITS or not 0 <= exponent + _BIAS <= _HIGHEST:
        return Decimal128(number)
    coefficient = int("".join(map(str, digits)))
    return Decimal128.from_bid((sign << 127 | (exponent + _BIAS) << 113 | coefficient).to_bytes(16, "little"))


def stored_name(kind: Kind, parameter: str, low: Amount, high: Amount) -> str:
    """Return the name of an entry: that of its parameter and the mark of its length."""
    for number, longest in enumerate(_LENGTHS[kind]):
        if longest is None or (low == high if longest == 0 else high - low <= longest):
            return parameter + _MARK * number
    raise AssertionError("the last class takes all")


def parameter_of(name: str) -> str:
    """Return the parameter of the name of an entry."""
    return name.rstrip(_MARK)


def stored_names(kind: Kind, parameter: str) -> list[str]:
    """Return the names that entries of a parameter can have."""
    return [parameter + _MARK * number for number in range(len(_LENGTHS[kind]))]


def range_condition(found: Sequence[RangeIs]) -> Document:
    """Return the condition that some entry keeps the bounds of one of the filters, which are about one parameter.

    Bounds on array members are joined by `$elemMatch`, without which MongoDB may take each from another member.
    """
    kind, parameter = found[0].kind, found[0].parameter
    alike: dict[tuple[Bounds, ...], list[str]] = {}
    for name, longest in zip(stored_names(kind, parameter), _LENGTHS[kind], strict=True):
        for cluster in _overlapping(_with_low_ends(each.bounds, longest) for each in found):
            alike.setdefault(cluster, []).append(name)
    documents = [{FIELD[kind]: {"$elemMatch": _member(names, cluster)}} for cluster, names in alike.items()]
    return documents[0] if len(documents) == 1 else {"$or": documents}


def _member(names: list[str], cluster: tuple[Bounds, ...]) -> Document:
    name: Any = names[0] if len(names) == 1 else {"$in": names}
    if len(cluster) == 1:
        return {"p": name, **_conditions(cluster[0])}
    lows, highs = zip(*map(_low_ends, cluster), strict=True)
    ends: list[Bound] = []
    if None not in lows:
        ends.append(("low", ">=", min(lows)))
    if None not in highs:
        ends.append(("low", "<=", max(highs)))
    return {"p": name, **_conditions(ends), "$or": list(map(_conditions, cluster))}


def _conditions(bounds: Iterable[Bound]) -> Document:
    document: Document = {}
    for side, comparison, limit in bounds:
        document.setdefault(side[0], {})[_OPERATORS[comparison]] = stored_amount(limit)
    return document


def _overlapping(found: Iterable[Bounds]) -> Iterator[tuple[Bounds, ...]]:
    """Put together what is looked up in one stretch of the index, so that no entry of it is met twice."""
    stretches = sorted(set(found), key=_start)
    if () in stretches:
        stretches = [()]
    while stretches:
        cluster, reach = [stretches[0]], _low_ends(stretches[0])[1]
        for each in stretches[1:]:
            low, high = _low_ends(each)
            if reach is not None and low is not None and low > reach:
                break
            cluster.append(each)
            reach = None if reach is None or high is None else max(reach, high)
        yield tuple(cluster)
        del stretches[: len(cluster)]


def _start(bounds: Bounds) -> tuple[bool, Amount]:
    low = _low_ends(bounds)[0]
    return (False, 0) if low is None else (True, low)


def _low_ends(bounds: Bounds) -> tuple[Amount | None, Amount | None]:
    """The least and the greatest low end that keeps the bounds."""
    lows = [limit for side, comparison, limit in bounds if side == "low" and comparison in (">", ">=")]
    highs = [limit for side, comparison, limit in bounds if side == "low" and comparison in ("<", "<=")]
    return max(lows, default=None), min(highs, default=None)


def _with_low_ends(bounds: Bounds, longest: int | None) -> Bounds:
    """Add what bounds on the high end say of the low one, and keep the tightest of each sort."""
    tightest: dict[tuple[Literal["low", "high"], Literal["<", "<=", ">", ">="]], Amount] = {}
    for side, comparison, limit in bounds:
        if longest == 0:
            # One number: it is kept as the low end alone.
            _tighten(tightest, ("low", comparison, limit))
            continue
        _tighten(tightest, (side, comparison, limit))
        if side == "high" and comparison in ("<", "<="):
            _tighten(tightest, ("low", comparison, limit))
        elif side == "high" and longest is not None:
            _tighten(tightest, ("low", comparison, limit - longest))
    return tuple((side, comparison, limit) for (side, comparison), limit in tightest.items())


def _tighten(tightest: dict[Any, Amount], bound: Bound) -> None:
    side, comparison, limit = bound
    known = tightest.get((side, comparison))
    if known is None or (limit > known if comparison in (">", ">=") else limit < known):
        tightest[side, comparison] = limit


def parts_of(criteria: Filter) -> tuple[Filter, ...]:
    """Return the filters all of which have to be fulfilled."""
    return criteria.parts if isinstance(criteria, And) else (criteria,)


def alternatives(part: Filter) -> tuple[RangeIs, ...]:
    """Return the conditions on one parameter one of which a filter asks for; none where it is no such filter."""
    found = part.parts if isinstance(part, Or) else (part,)
    ranges = tuple(each for each in found if isinstance(each, RangeIs))
    if len(ranges) < len(found) or len({(each.kind, each.parameter) for each in ranges}) > 1:
        return ()
    return ranges


def joined(resource_type: str, criteria: Filter) -> Filter:
    """Return the same criteria with all conditions on a parameter as one, so that an index applies them together.

    That is the same only where a resource has no second value: of several, each may fulfil another condition.
    """
    by_parameter: dict[tuple[Kind, str], list[Filter]] = {}
    rest: list[Filter] = []
    for part in parts_of(criteria):
        ranges = alternatives(part)
        if ranges and _is_single(resource_type, ranges[0].parameter.partition("|")[0]):
            by_parameter.setdefault((ranges[0].kind, ranges[0].parameter), []).append(part)
        else:
            rest.append(part)
    return all_of([*rest, *(each for about, parts in by_parameter.items() for each in _together(*about, parts))])


def _together(kind: Kind, parameter: str, parts: list[Filter]) -> list[Filter]:
    each = [alternatives(part) for part in parts]
    if len(parts) == 1 or prod(map(len, each)) > _MOST_JOINED:
        return parts
    ways = (tuple(bound for one in way for bound in one.bounds) for way in product(*each))
    return [any_of(RangeIs(kind, parameter, bounds) for bounds in ways)]


@cache
def _is_single(resource_type: str, code: str) -> bool:
    parameter = r4().search_parameters(resource_type).get(code)
    return parameter is not None and is_single(parameter, resource_type)
