"""Text of an expression to tokens.

http://hl7.org/fhirpath/N1/#lexical-elements
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from fhirhub.fhirpath.errors import FhirPathSyntaxError

MAX_LENGTH: Final = 20_000
"""The longest expression that is read, in characters (the longest of R4 has 4,000)."""


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    DELIMITED = auto()
    STRING = auto()
    NUMBER = auto()
    DATE = auto()
    DATETIME = auto()
    TIME = auto()
    SPECIAL = auto()
    VARIABLE = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token: strings, delimited names and variables are unescaped, dates and times lose their `@`."""

    kind: Kind
    text: str
    position: int


_SKIPPED = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_TIME = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_ZONE = r"(?:Z|[+-]\d{2}:\d{2})?"
_TOKEN = re.compile(
    rf"""
      (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<NUMBER>\d+(?:\.\d+)?)
    | @T(?P<TIME>{_TIME})
    | @(?P<DATETIME>\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?T(?:{_TIME}{_ZONE})?)
    | @(?P<DATE>\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?)
    | (?P<STRING>'(?:[^'\\]|\\.)*')
    | (?P<DELIMITED>`(?:[^`\\]|\\.)*`)
    | \$(?P<SPECIAL>this|index|total)\b
    | %(?P<VARIABLE>[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*')
    | (?P<SYMBOL><=|>=|!=|!~|[.,()\[\]{{}}+\-*/&|<>=~])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES: Final = {
    "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text`, the last of kind END.

    Raises:
        FhirPathSyntaxError: a character that starts no token, an unfinished string or comment, an unknown escape.
    """
    if len(text) > MAX_LENGTH:
        raise FhirPathSyntaxError(f"The expression is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    tokens = []
    position = 0
    while True:
        skipped = _SKIPPED.match(text, position)
        if skipped is not None:
            position = skipped.end()
        if position == len(text):
            tokens.append(Token(Kind.END, "", position))
            return tokens
        match = _TOKEN.match(text, position)
        if match is None or text.startswith("/*", position):
            raise FhirPathSyntaxError(f"Unexpected {text[position : position + 10]!r}", position)
        group = match.lastgroup
        assert group is not None  # every alternative is a named group
        kind = Kind[group]
        content = match[group]
        if kind in (Kind.STRING, Kind.DELIMITED) or (kind is Kind.VARIABLE and content[0] in "`'"):
            content = _unescape(content[1:-1], position)
        tokens.append(Token(kind, content, position))
        position = match.end()


def _unescape(text: str, position: int) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise FhirPathSyntaxError(f"Unknown escape \\{escape}", position)
        return _ESCAPES[escape]

    return _ESCAPE.sub(replace, text) if "\\" in text else text
