"""The expressions of `_filter`, parsed.

https://hl7.org/fhir/R4/search_filter.html

    expression = term (("and" / "or") term)*        from left to right, neither binds more tightly
    term       = ["not"] "(" expression ")" / test
    test       = path operator value
    path       = name ["[" expression "]"] *("." name ["[" expression "]"])
    value      = JSON string / characters without blanks, ")" and "]"
"""

import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from fhirhub.errors import FhirError
from fhirhub.search.syntax import bad_value, too_costly

OPERATORS: Final = (
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re",
)  # fmt: skip

MAX_LENGTH: Final = 16_000
"""Most characters of an expression."""
MAX_DEPTH: Final = 20
"""Most parentheses and brackets within one another."""
MAX_CHANGES: Final = 20
"""Most changes between `and` and `or`: each puts all that stands before it one level deeper."""

_BLANK: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-:]*")
_WORD: Final = re.compile(r"[A-Za-z]+")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN: Final = re.compile(r"[^\s\"\])][^\s\])]*")
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
"""What JSON can escape and no value has: NUL and half surrogate pairs."""


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, and the expression in brackets after it: a condition on what it leads to."""

    name: str
    condition: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A parameter, maybe at the end of a chain, compared with a value; `position` counts characters from 1."""

    path: tuple[Step, ...]
    operator: str
    value: str
    position: int


@dataclass(frozen=True, slots=True)
class Combination:
    """Expressions of which all (`and`) or any (`or`) have to hold."""

    operator: Literal["and", "or"]
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """An expression that must not hold."""

    part: "Expression"


Expression = Comparison | Combination | Negation


def parse_expression(text: str) -> Expression:
    """Return the parsed expression. Raises FhirError, which says at which character it is wrong."""
    if len(text) > MAX_LENGTH:
        raise too_costly("_filter", f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed.")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._changes = 0

    def whole(self) -> Expression:
        found = self._expression()
        if self._at < len(self._text):
            raise self._wrong("and, or, or the end of the expression")
        return found

    def _expression(self) -> Expression:
        found = self._term()
        while (operator := self._joint()) is not None:
            part = self._term()
            if isinstance(found, Combination) and found.operator == operator:
                found = Combination(operator, (*found.parts, part))
            else:
                self._changes += isinstance(found, Combination)
                found = Combination(operator, (found, part))
        if self._changes > MAX_CHANGES:
            raise too_costly(
                "_filter", f"and and or change more than {MAX_CHANGES} times; put parts that and joins in parentheses."
            )
        return found

    def _joint(self) -> Literal["and", "or"] | None:
        self._skip()
        word = _WORD.match(self._text, self._at)
        if word is None:
            return None
        if word[0] == "and" or word[0] == "or":
            self._at = word.end()
            return "and" if word[0] == "and" else "or"
        raise self._wrong("and or or")

    def _term(self) -> Expression:
        self._skip()
        if self._take("("):
            return self._closed(")")
        start = self._at
        if self._text.startswith("not", self._at):
            self._at += len("not")
            self._skip()
            if self._take("("):
                return Negation(self._closed(")"))
            self._at = start
        path = self._path()
        operator = self._operator()
        return Comparison(path, operator, self._value(), start + 1)

    def _closed(self, end: str) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_costly("_filter", f"more than {MAX_DEPTH} parentheses and brackets are within one another.")
        found = self._expression()
        self._depth -= 1
        self._skip()
        if not self._take(end):
            raise self._wrong(f"and, or, or {end}")
        return found

    def _path(self) -> tuple[Step, ...]:
        steps = []
        while True:
            name = _NAME.match(self._text, self._at)
            if name is None:
                raise self._wrong("the name of a search parameter")
            self._at = name.end()
            condition = self._closed("]") if self._take("[") else None
            steps.append(Step(name[0], condition))
            if not self._take("."):
                if condition is not None:
                    raise self._wrong("a full stop and a name after ]")
                return tuple(steps)

    def _operator(self) -> str:
        self._blank()
        word = _WORD.match(self._text, self._at)
        if word is None or word[0] not in OPERATORS:
            raise self._wrong(f"one of {', '.join(OPERATORS)}")
        self._at = word.end()
        return word[0]

    def _value(self) -> str:
        self._blank()
        if (token := _TOKEN.match(self._text, self._at)) is not None:
            self._at = token.end()
            return token[0]
        if (string := _STRING.match(self._text, self._at)) is None:
            raise self._wrong("a value: a text in double quotes, a number, a date or a code")
        try:
            value = str(json.loads(string[0]))
        except ValueError:
            raise self._wrong("a text in double quotes, as JSON writes it") from None
        if _NO_TEXT.search(value) is not None:
            raise self._wrong("a text of characters, not NUL or half a surrogate pair")
        self._at = string.end()
        return value

    def _take(self, char: str) -> bool:
        taken = self._text.startswith(char, self._at)
        self._at += taken
        return taken

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at

    def _blank(self) -> None:
        start = self._at
        self._skip()
        if self._at == start:
            raise self._wrong("a blank")

    def _wrong(self, expected: str) -> FhirError:
        here = self._text[self._at : self._at + 20]
        found = repr(here) if here else "the end"
        return bad_value("_filter", f"at character {self._at + 1} expected {expected}, found {found}.")
