"""Criteria that lists in the order of the leading date answer: "the blood pressures of this patient, newest first".

https://hl7.org/fhir/R4/search.html#sort

What is found here is implied by the criteria and only ever added to them, so that it decides how MongoDB searches and
never what it finds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.search.filter import Filter, Or, RangeIs, TokenIs, TokenStartsWith
from fhirhub.search.leading import LONGEST_DAY, about, leading, longer, person
from fhirhub.search.paths import branches
from fhirhub.store.filters import after_prefix
from fhirhub.store.ranges import alternatives, parts_of

MAX_LISTS: Final = 200
"""MongoDB merges the orders of this many lists, and sorts in memory beyond (`internalQueryMaxScansToExplode`)."""

Token = TokenIs | TokenStartsWith
Document = dict[str, Any]
Limits = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists that have everything the criteria ask for.

    Arguments:
        tokens: their keys; a prefix stands for all keys that start with it.
        narrow: whether they are those of a patient and of a subject matter.
        whole: whether everything in the lists, but for conditions on the leading date, fulfils the criteria.
    """

    tokens: tuple[Token, ...]
    narrow: bool
    whole: bool

    @property
    def prefixes(self) -> Iterator[str]:
        """The keys that are only known by how they start."""
        return (token.prefix for token in self.tokens if isinstance(token, TokenStartsWith))

    def longer(self) -> "Lists":
        """Return the lists of those whose leading date is longer than a day."""
        return replace(self, tokens=tuple(_longer(token) for token in self.tokens))

    def condition(self) -> dict[str, Any]:
        """Return what MongoDB is to look for in the field `a`."""
        keys = [token.key for token in self.tokens if isinstance(token, TokenIs)]
        among = ({"$gte": each, "$lt": after_prefix(each)} for each in self.prefixes)
        ranges: list[dict[str, Any]] = [{"a": {"$elemMatch": each}} for each in among]
        if not ranges:
            wanted: Any = keys[0] if len(keys) == 1 else {"$in": keys}
            return {"a": wanted}
        documents: list[dict[str, Any]] = [{"a": {"$in": keys}}, *ranges] if keys else ranges
        return documents[0] if len(documents) == 1 else {"$or": documents}


def lists(resource_type: str, criteria: Filter) -> Lists | None:
    """Return the lists in which everything is that fulfils the criteria; None where there are none."""
    who = person(resource_type)
    if leading(resource_type) is None or who is None:
        return None
    parts = parts_of(criteria)
    of_people = ((part, _people(part, resource_type, who)) for part in parts)
    of_things = ((part, _things(part, code)) for code in about(resource_type) for part in parts)
    people = next((each for each in of_people if each[1]), None)
    things = next((each for each in of_things if each[1]), None)
    used = [each[0] for each in (people, things) if each is not None]
    tokens: tuple[Token, ...]
    if people is not None and things is not None:
        tokens = tuple(_joined(each.key, thing) for each in people[1] for thing in things[1])
    elif people is not None:
        tokens = tuple(people[1])
    elif things is not None:
        tokens = tuple(things[1])
    else:
        return None
    if len(tokens) > MAX_LISTS:
        return None
    rest = [part for part in parts if part not in used and not _spans(part, resource_type)]
    return Lists(tokens, narrow=len(used) > 1, whole=not rest)


def within(resource_type: str, criteria: Filter, listed: Lists | None) -> Document | None:
    """Return the condition on `e`, the low end of the leading date, that follows from the criteria; None: none does.

    Arguments:
        listed: the lists to look in.

    What ends after some time begins a day before it at the earliest, unless it is among those that last longer.
    """
    usual: Limits = (None, None)
    lasting: Limits = (None, None)
    for part in parts_of(criteria):
        ranges = alternatives(part)
        if ranges and _is_span(ranges[0], resource_type):
            usual = _both(usual, _either([_limits(each, LONGEST_DAY) for each in ranges]))
            lasting = _both(lasting, _either([_limits(each, None) for each in ranges]))
    if usual == (None, None):
        return None
    keys = {} if listed is None else listed.condition()
    if usual == lasting:
        return {**keys, **_on_event(usual)}
    among = {"a": longer("")} if listed is None else listed.longer().condition()
    return {"$or": [{**keys, **_on_event(usual)}, {**among, **_on_event(lasting)}]}


def _limits(node: RangeIs, longest: int | None) -> Limits:
    """The least and the greatest low end of a range that keeps the bounds and is not longer than `longest`."""
    low: list[int] = []
    high: list[int] = []
    for side, comparison, limit in node.bounds:
        if comparison in ("<", "<="):
            high.append(int(limit))
        elif side == "low":
            low.append(int(limit))
        elif longest is not None:
            low.append(int(limit) - longest)
    return max(low, default=None), min(high, default=None)


def _both(one: Limits, other: Limits) -> Limits:
    lows, highs = _known(one[0], other[0]), _known(one[1], other[1])
    return max(lows, default=None), min(highs, default=None)


def _either(found: list[Limits]) -> Limits:
    lows, highs = _known(*(low for low, _ in found)), _known(*(high for _, high in found))
    return min(lows) if len(lows) == len(found) else None, max(highs) if len(highs) == len(found) else None


def _known(*limits: int | None) -> list[int]:
    return [limit for limit in limits if limit is not None]


def _on_event(limits: Limits) -> Document:
    low, high = limits
    given = {operator: limit for operator, limit in (("$gte", low), ("$lte", high)) if limit is not None}
    return {"e": given} if given else {}


def _spans(part: Filter, resource_type: str) -> bool:
    ranges = alternatives(part)
    return bool(ranges) and _is_span(ranges[0], resource_type)


def _is_span(part: RangeIs, resource_type: str) -> bool:
    return part.kind == "date" and part.parameter == leading(resource_type)


def _one_of(part: Filter) -> Iterable[Filter]:
    return part.parts if isinstance(part, Or) else (part,)


def _people(part: Filter, resource_type: str, who: str) -> list[TokenIs]:
    """Return the keys of people one of whom a resource has to be about; none where the filter does not say so."""
    found: list[TokenIs] = []
    for each in _one_of(part):
        if not isinstance(each, TokenIs):
            return []
        name, _, value = each.key.partition("=")
        if name != who and not (value.startswith("Patient/") and name in _also(resource_type, who)):
            return []
        if not value:
            return []
        found.append(TokenIs(f"{who}={value}"))
    return found


@cache
def _also(resource_type: str, who: str) -> frozenset[str]:
    """Return the parameters of the same elements as `who`: `subject=Patient/1` means `patient=Patient/1`."""
    known = r4().search_parameters(resource_type)
    own = {branch.expression for branch in branches(known[who], resource_type)}
    alike = (
        code
        for code in ("subject",)
        if code in known and {branch.expression for branch in branches(known[code], resource_type)} <= own
    )
    return frozenset(alike) if known[who].target == ("Patient",) or who == "patient" else frozenset()


def _things(part: Filter, code: str) -> list[Token]:
    """Return the keys of codes one of which a resource has to have; none where the filter does not say so."""
    found: list[Token] = []
    for each in _one_of(part):
        match each:
            case TokenIs(key) if _names_code(key, code):
                found.append(each)
            case TokenStartsWith(prefix) if _names_code(prefix, code):
                found.append(each)
            case _:
                return []
    return found


def _names_code(text: str, code: str) -> bool:
    """Whether a key, or the beginning of one, names a code and not only its system."""
    value = text.removeprefix(f"{code}=")
    return value != text and value[:1] not in ("", "|")


def _longer(token: Token) -> Token:
    if isinstance(token, TokenIs):
        return TokenIs(longer(token.key))
    return TokenStartsWith(longer(token.prefix))


def _joined(who: str, thing: Token) -> Token:
    if isinstance(thing, TokenIs):
        return TokenIs(f"{who}&{thing.key}")
    return TokenStartsWith(f"{who}&{thing.prefix}")
