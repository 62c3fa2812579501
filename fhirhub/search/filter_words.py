"""A search filter in words, for people who want to know what a search asks for.

https://hl7.org/fhir/R4/search.html

Keys do not tell everything: a system is there as a hash, which is named only where it is one of `systems`; of a value
that was too long its beginning is shown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import Final, assert_never

from fhirhub.definitions import SearchParameter, r4_code_systems, r4_value_sets
from fhirhub.search import keys
from fhirhub.search.components import components
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
)
from fhirhub.search.parameters import SearchParameters

SHOWN: Final = 5
"""How many of a list are written out."""

_WIDTH: Final = 100
_INDENT: Final = "  "
_EPOCH: Final = datetime(1970, 1, 1)
_SIDES: Final[Mapping[str, str]] = MappingProxyType({"low": "begins", "high": "ends"})
_TIMES: Final[Mapping[str, str]] = MappingProxyType(
    {"<": "before", "<=": "at or before", ">": "after", ">=": "at or after"}
)
_MODIFIERS: Final[Mapping[str, str]] = MappingProxyType(
    {"": "", ":text": "the text of ", ":identifier": "the identifier of ", ":of-type": "the type and value of "}
)

Phrase = tuple[str, str]
"""What is said of what, and the value: `("code is", "8480-6")`; alternatives with the same beginning share it."""


def systems_in(values: Iterable[str]) -> Mapping[str, str]:
    """Return what may be code systems in values of search parameters, by what keys have in place of them."""
    pieces = (piece for value in values for piece in re.split(r"[\s,|$()\[\]\"]+", value.replace("\\", "")))
    return {keys.system_id(piece): piece for piece in pieces if piece}


@dataclass(frozen=True, slots=True)
class FilterWords:
    """Writes filters in words.

    Arguments:
        parameters: the search parameters there are.
        systems: code systems by what keys have in place of them, besides those R4 defines.
    """

    parameters: SearchParameters
    systems: Mapping[str, str]

    def of(self, filter: Filter, resource_type: str) -> str:
        """Return what a filter asks of resources of a type: on one line if it is short, else indented."""
        return _Sentence(self, resource_type, self.parameters.of(resource_type)).of(filter)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Words about one resource type, or about one element of a composite, whose parameters are its components."""

    words: FilterWords
    resource_type: str
    known: Mapping[str, SearchParameter]

    def of(self, part: Filter) -> str:
        match part:
            case All():
                return "anything"
            case Nothing():
                return "nothing"
            case And(parts):
                return _joined([self._within(each, And) for each in parts], "and")
            case Or(parts):
                return _joined(list(self._alternatives(parts)), "or")
            case Not(inner):
                return f"not {_bracketed(self.of(inner))}"
            case GroupIs(parameter, All()):
                return f"{parameter} is there"
            case GroupIs(parameter, inner):
                return f"one {parameter} has {_bracketed(self._component(parameter).of(inner))}"
            case Holds(parameter, held_type, inner):
                return f"{parameter} refers to {_a(held_type)} contained in it{self._about(held_type, inner)}"
            case Refers(parameter, target_type, inner):
                return f"{parameter} refers to {_a(target_type)}{self._about(target_type, inner)}"
            case ReferredBy(source_type, parameter, inner):
                return f"referred to, as {parameter}, by {_a(source_type)}{self._about(source_type, inner)}"
            case InHierarchy(parameter, target_type, logical_id, parent, direction):
                there = f"{target_type}/{logical_id}"
                return f"{parameter} refers to {there} or to {_a(target_type)} {direction} it, which {parent} tells"
            case TokenIs() | TokenStartsWith() | TokenHas() | RangeIs() | HasWord() | Within() | IdIn() | Updated():
                return " ".join(filter(None, self._phrase(part)))
            case _:
                assert_never(part)

    def _about(self, resource_type: str, part: Filter) -> str:
        if isinstance(part, All):
            return ""
        return f" that has {_bracketed(self.words.of(part, resource_type))}"

    def _within(self, part: Filter, outer: type[And] | type[Or]) -> str:
        text = self.of(part)
        return _bracketed(text) if isinstance(part, And | Or) and not isinstance(part, outer) else text

    def _alternatives(self, parts: Iterable[Filter]) -> Iterable[str]:
        """What is said of the same thing is said once, and long lists are cut; the others follow one by one."""
        alike: dict[str, list[str]] = {}
        others: list[Filter] = []
        for part in parts:
            if isinstance(part, TokenIs | TokenStartsWith | TokenHas | HasWord | IdIn):
                subject, value = self._phrase(part)
                alike.setdefault(subject, []).append(value)
            else:
                others.append(part)
        for subject, values in alike.items():
            yield f"{subject} {_some(values)}".rstrip()
        yield from (self._within(each, Or) for each in others[: 2 * SHOWN])
        if len(others) > 2 * SHOWN:
            yield f"… ({len(others):,} alternatives in all)"

    def _phrase(
        self, part: TokenIs | TokenStartsWith | TokenHas | RangeIs | HasWord | Within | IdIn | Updated
    ) -> Phrase:
        match part:
            case TokenIs(key):
                return self._token(key)
            case TokenStartsWith(prefix):
                return self._beginning(prefix)
            case TokenHas(prefix, text, at_end):
                subject, beginning = self._beginning(prefix) if prefix[-1] != "=" else (self._subject(prefix[:-1]), "")
                verb = f"{'and ' if beginning else ''}{'ends with' if at_end else 'contains'}"
                return " ".join(filter(None, (subject, beginning, verb))), repr(_value(text))
            case RangeIs():
                return self._range(part), ""
            case HasWord(word, narrative):
                return f"the {'narrative' if narrative else 'content'} has the word", repr(word)
            case Within(latitude, longitude, metres):
                return "lies within", f"{metres:,.0f} m of latitude {latitude:g}, longitude {longitude:g}"
            case IdIn(ids):
                return "_id is", _some(sorted(ids))
            case Updated(low, high):
                return "_lastUpdated is", _period(low, high)
            case _:
                assert_never(part)

    def _token(self, key: str) -> Phrase:
        code, _, value = key.partition("=")
        subject = self._subject(code)
        if not value:
            return f"{subject} is there, without a value to compare", ""
        text, bar, rest = value.partition("|")
        if code.endswith(":of-type"):
            system, _, identifier = rest.partition("|")
            return f"{subject} are", f"{_value(text)} of {self._system(system)} and {_value(identifier)!r}"
        match self._type(code):
            case "string" if code == "phonetic":
                return "a name sounds like", repr(value)
            case "string":
                # Of another spelling a hash is all there is.
                return f"{subject} is exactly", f"{_value(text)!r}{' in a spelling of its own' if rest else ''}"
            case "uri" | "reference":
                return f"{subject} is", _value(value)
            case _ if not bar:
                return f"{subject} is", _value(value)
            case _ if not text:
                return f"{subject} is any code of", self._system(rest)
            case _:
                return f"{subject} is", f"{_value(text)} {f'of {self._system(rest)}' if rest else 'without a system'}"

    def _beginning(self, prefix: str) -> Phrase:
        code, _, value = prefix.partition("=")
        subject = self._subject(code)
        if not value:
            return f"{subject} is there", ""
        if not value.endswith("|"):
            return f"{subject} starts with", repr(_value(value))
        if self._type(code) == "string":
            return f"{subject} is, however it is spelt,", repr(_value(value[:-1]))
        return f"{subject} is", _value(value[:-1])

    def _range(self, part: RangeIs) -> str:
        name, _, unit = part.parameter.partition("|")
        subject = f"{self._subject(name)}{self._unit(unit)}"
        if not part.bounds:
            return f"{subject} has a value"
        if part.kind == "date":
            bounds = [f"{_SIDES[side]} {_TIMES[sign]} {_moment(int(limit))}" for side, sign, limit in part.bounds]
        else:
            bounds = [f"its {side} end {sign} {limit}" for side, sign, limit in part.bounds]
            subject += " has"
        return f"{subject} {' and '.join(bounds)}"

    def _unit(self, text: str) -> str:
        kind, _, unit = text.partition(":")
        match kind:
            case "c":
                return f" converted to {_value(unit)}"
            case "u":
                return f" in {_value(unit)}"
            case "s":
                system, _, code = unit.partition(":")
                return f" in {_value(code)} of {self._system(system)}"
            case _:
                return ""

    def _component(self, parameter: str) -> "_Sentence":
        composite = self.known.get(parameter)
        found = components(composite, self.resource_type, self.words.parameters) if composite else ()
        known = {str(number): each.parameter for number, each in enumerate(found, 1)}
        return _Sentence(self.words, self.resource_type, known)

    def _subject(self, code: str) -> str:
        name, colon, modifier = code.partition(":")
        parameter = self.known.get(name)
        return f"{_MODIFIERS.get(colon + modifier, '')}{parameter.code if parameter else name}"

    def _type(self, code: str) -> str:
        """The type of the parameter that keys with this code are of; that of a code if it is not known."""
        name, colon, modifier = code.partition(":")
        parameter = self.known.get(name)
        if colon:
            return "string" if modifier == "text" else "token"
        return parameter.type if parameter else "token"

    def _system(self, key: str) -> str:
        found = self.words.systems.get(key) or _r4_systems().get(key)
        return found or f"the system with key {key}"


@cache
def _r4_systems() -> Mapping[str, str]:
    includes = (each for value_set in r4_value_sets().values() for each in value_set.compose.get("include", ()))
    named = (each["system"] for each in includes if "system" in each)
    return MappingProxyType({keys.system_id(url): url for url in (*r4_code_systems(), *named)})


def _value(text: str) -> str:
    """What a part of a key stands for."""
    beginning, cut, _ = text.partition(keys.CUT)
    return f"{beginning.replace(keys.BAR, '|')}{'…' if cut else ''}"


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"


def _some(values: Sequence[str]) -> str:
    shown = " or ".join(islice(values, SHOWN))
    return shown if len(values) <= SHOWN else f"{shown} … ({len(values):,} in all)"


def _joined(texts: Sequence[str], word: str) -> str:
    line = f" {word} ".join(texts)
    return line if len(line) <= _WIDTH and "\n" not in line else f"\n{word} ".join(texts)


def _bracketed(text: str) -> str:
    if "\n" not in text and len(text) <= _WIDTH:
        return f"({text})"
    inner = "\n".join(f"{_INDENT}{line}" for line in text.splitlines())
    return f"(\n{inner}\n)"


def _period(low: int | None, high: int | None) -> str:
    ends = [("at or after", low), ("before", high)]
    return " and ".join(f"{word} {_moment(end)}" for word, end in ends if end is not None) or "any time"


def _moment(microseconds: int) -> str:
    try:
        return f"{(_EPOCH + timedelta(microseconds=microseconds)).isoformat()}Z"
    except OverflowError:
        return "the beginning of time" if microseconds < 0 else "the end of time"
