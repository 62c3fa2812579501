"""The leading date of a resource type: the one clients sort by, of which a resource has at most one value.

https://hl7.org/fhir/R4/search.html#sort

Lists such as "the blood pressures of this patient, newest first" are what a clinical system shows all day. For types
with a leading date the index keeps them ready, under keys of the patient, of what the resource is about, and of both.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from fhirhub.definitions import SearchParameter, r4
from fhirhub.search.paths import branches
from fhirhub.search.values import IndexEntries

_PREFERRED: Final = (
    "date", "authored", "authoredon", "authored-on", "recorded-date", "created", "effective", "effective-time",
    "issued", "started", "start", "sent", "recorded", "whenhandedover", "collected", "start-date", "identified",
    "datetime", "datewritten", "period", "birthdate",
)  # fmt: skip
"""Codes by which types name the date that matters most; the first one a type has, and has once, is its leading date."""

LONGEST_DAY: Final = 26 * 3_600 * 1_000_000
"""Microseconds that no day is longer than where clocks are changed."""
_LONGER: Final = "\x1d"
"""A control character, which no key of a list has."""

_PERSON: Final = ("patient", "subject")
_ABOUT: Final = ("code", "category")
_CAST: Final = re.compile(r"( as |\.(as|ofType)\()[A-Za-z]+$")
_PATH: Final = re.compile(r"[A-Z][A-Za-z]*(?:\.[a-z]\w*)+")


@cache
def leading(resource_type: str) -> str | None:
    """Return the code of the leading date of a type, None where it has none."""
    known = r4().search_parameters(resource_type)
    for code in _PREFERRED:
        parameter = known.get(code)
        if parameter is not None and parameter.type == "date" and is_single(parameter, resource_type):
            return code
    return None


def is_single(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether a resource has at most one value of a parameter, as its path shows.

    Alternatives count as one where they are the types of one element.
    """
    paths = {_CAST.sub("", branch.expression.strip("()")) for branch in branches(parameter, resource_type)}
    path = paths.pop() if len(paths) == 1 else ""
    return _PATH.fullmatch(path) is not None and _never_repeats(path)


def _never_repeats(path: str) -> bool:
    type_name, *steps = path.split(".")
    for step in steps:
        definition = r4().type(type_name)
        elements = [definition.elements[step]] if step in definition.elements else definition.choices.get(step, ())
        if not elements or any(element.max != 1 for element in elements):
            return False
        type_name = elements[0].type
    return True


@cache
def person(resource_type: str) -> str | None:
    """Return the code of the reference parameter that leads to the patient."""
    known: Mapping[str, SearchParameter] = r4().search_parameters(resource_type)
    return next((code for code in _PERSON if code in known and known[code].type == "reference"), None)


@cache
def about(resource_type: str) -> tuple[str, ...]:
    """Return the codes of the token parameters that say what a resource is about."""
    known = r4().search_parameters(resource_type)
    return tuple(code for code in _ABOUT if code in known and known[code].type == "token")


def put_leading(entries: IndexEntries, resource_type: str) -> None:
    """Add to the entries of a resource when what it tells of took place, and the lists it is in."""
    code = leading(resource_type)
    if code is None:
        return
    found = next((entry for entry in entries.dates if entry.parameter == code), None)
    entries.event = None if found is None else int(found.low)
    entries.listed = _lists(resource_type, entries.tokens)
    if found is not None and found.high - found.low > LONGEST_DAY:
        entries.listed += [longer(key) for key in ("", *entries.listed)]


def longer(key: str) -> str:
    """Return the key of those of a list whose leading date is longer than a day; "" is the list of all resources.

    What lasts long may have begun long before the time it is looked for in.
    """
    return f"{_LONGER}{key}"


def _lists(resource_type: str, tokens: list[str]) -> list[str]:
    who, what = person(resource_type), about(resource_type)
    if who is None:
        return []
    people = [token for token in tokens if token.startswith(f"{who}=") and not token.endswith("=")]
    things = [token for token in tokens for code in what if token.startswith(f"{code}=") and _names(token, code)]
    return [*people, *things, *(f"{each}&{thing}" for each in people for thing in things)]


def _names(token: str, code: str) -> bool:
    """Whether a key names a code, and not only its system or that something is there."""
    return len(token) > len(code) + 1 and token[len(code) + 1] != "|"
