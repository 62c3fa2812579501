"""Criteria that lists in the order of the leading date answer: "the blood pressures of this patient, newest first".

https://hl7.org/fhir/R4/search.html#sort

What is found here is implied by the criteria and only ever added to them, so that it decides how MongoDB searches and
never what it finds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.search.filter import And, Filter, Or, RangeIs, TokenIs, TokenStartsWith, all_of
from fhirhub.search.leading import about, leading, person
from fhirhub.search.paths import branches
from fhirhub.store.filters import after_prefix

MAX_LISTS: Final = 200
"""MongoDB merges the orders of this many lists, and sorts in memory beyond (`internalQueryMaxScansToExplode`)."""

Token = TokenIs | TokenStartsWith


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists that have everything the criteria ask for.

    Arguments:
        tokens: their keys; a prefix stands for all keys that start with it.
        narrow: whether they are those of a patient and of a subject matter.
        whole: whether everything in the lists, within the `spans` of the leading date, fulfils the criteria.
    """

    tokens: tuple[Token, ...]
    narrow: bool
    whole: bool

    @property
    def prefixes(self) -> Iterator[str]:
        """The keys that are only known by how they start."""
        return (token.prefix for token in self.tokens if isinstance(token, TokenStartsWith))

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
    rest = [part for part in parts if part not in used and not _is_tight(part, resource_type)]
    return Lists(tokens, narrow=len(used) > 1, whole=not rest)


def joined_spans(resource_type: str, criteria: Filter) -> Filter:
    """Return the same criteria with all conditions on the leading date as one: an index then applies them together.

    That is the same only because a resource has no second leading date.
    """
    parts = parts_of(criteria)
    found = [part for part in parts if isinstance(part, RangeIs) and _is_span(part, resource_type)]
    bounds = [bound for part in found for bound in part.bounds]
    if len(found) < 2 or len({(side, comparison) for side, comparison, _ in bounds}) < len(bounds):
        return criteria
    rest = [part for part in parts if part not in found]
    return all_of([*rest, RangeIs("date", found[0].parameter, tuple(bounds))])


def spans(resource_type: str, criteria: Filter) -> list[dict[str, Any]]:
    """Return the conditions on `e` that follow from the criteria: it is the low end of the only range there is."""
    found: list[dict[str, Any]] = []
    for part in parts_of(criteria):
        if isinstance(part, RangeIs) and _is_span(part, resource_type):
            for side, comparison, limit in part.bounds:
                if side == "low":
                    found.append({"e": {_OPERATORS[comparison]: limit}})
                elif comparison in ("<", "<="):
                    found.append({"e": {"$lte": limit}})
                elif _is_short(resource_type):
                    found.append({"e": {"$gte": int(limit) - _LONGEST}})
    return found


@cache
def _is_short(resource_type: str) -> bool:
    """Whether the leading date is no period, so that its range is a year at most."""
    parameter = r4().search_parameters(resource_type)[leading(resource_type) or ""]
    types = [element.type for branch in branches(parameter, resource_type) for element in branch.elements]
    return bool(types) and set(types) <= _SHORT_TYPES


_SHORT_TYPES: Final = frozenset({"date", "dateTime", "instant"})
_LONGEST: Final = 367 * 86_400 * 1_000_000
"""A year and a day, in microseconds."""
_OPERATORS: Final = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def parts_of(criteria: Filter) -> tuple[Filter, ...]:
    """Return the filters all of which have to be fulfilled."""
    return criteria.parts if isinstance(criteria, And) else (criteria,)


def _is_span(part: Filter, resource_type: str) -> bool:
    return isinstance(part, RangeIs) and part.kind == "date" and part.parameter == leading(resource_type)


def _is_tight(part: Filter, resource_type: str) -> bool:
    """Whether a condition on the leading date is one on its low end: what lasts until some time can begin whenever."""
    if not isinstance(part, RangeIs) or not _is_span(part, resource_type):
        return False
    return all(side == "low" or comparison in ("<", "<=") for side, comparison, _ in part.bounds)


def _alternatives(part: Filter) -> Iterable[Filter]:
    return part.parts if isinstance(part, Or) else (part,)


def _people(part: Filter, resource_type: str, who: str) -> list[TokenIs]:
    """Return the keys of people one of whom a resource has to be about; none where the filter does not say so."""
    found: list[TokenIs] = []
    for each in _alternatives(part):
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
    for each in _alternatives(part):
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


def _joined(who: str, thing: Token) -> Token:
    if isinstance(thing, TokenIs):
        return TokenIs(f"{who}&{thing.key}")
    return TokenStartsWith(f"{who}&{thing.prefix}")
