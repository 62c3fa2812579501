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
from fhirhub.search.values import RangeEntry

_PREFERRED: Final = (
    "date", "authored", "authoredon", "authored-on", "recorded-date", "created", "effective", "effective-time",
    "issued", "started", "start", "sent", "recorded", "whenhandedover", "collected", "start-date", "identified",
    "datetime", "datewritten", "period", "birthdate",
)  # fmt: skip
"""Codes by which types name the date that matters most; the first one a type has, and has once, is its leading date."""

_PERSON: Final = ("patient", "subject")
_ABOUT: Final = ("code", "category")
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
    """Whether a resource has at most one value of a parameter, as its path shows."""
    found = branches(parameter, resource_type)
    return len(found) == 1 and _PATH.fullmatch(found[0].expression) is not None and _never_repeats(found[0].expression)


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


def event(resource_type: str, dates: list[RangeEntry]) -> int | None:
    """Return the low end of the leading date, None where the resource has none."""
    code = leading(resource_type)
    return None if code is None else next((int(entry.low) for entry in dates if entry.parameter == code), None)


def listed(resource_type: str, tokens: list[str]) -> list[str]:
    """Return the keys of the lists a resource of a type with a leading date is in."""
    who, what = person(resource_type), about(resource_type)
    if who is None:
        return []
    people = [token for token in tokens if token.startswith(f"{who}=") and not token.endswith("=")]
    things = [token for token in tokens for code in what if token.startswith(f"{code}=") and _names(token, code)]
    return [*people, *things, *(f"{each}&{thing}" for each in people for thing in things)]


def _names(token: str, code: str) -> bool:
    """Whether a key names a code, and not only its system or that something is there."""
    return len(token) > len(code) + 1 and token[len(code) + 1] != "|"
