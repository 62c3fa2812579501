"""`_text` and `_content`: words that stand somewhere in the narrative, or anywhere in the resource.

https://hl7.org/fhir/R4/search.html#text

    query = both ("OR" both)*          both = term (["AND"] term)*          a blank means AND
    term  = "NOT" term / "(" query ")" / quoted text / word

A quoted text stands for all of its words. `or` and `and` may be small; characters of Chinese, Japanese and Korean are
found in pairs.
"""

import re
from typing import Final

from fhirhub.errors import FhirError
from fhirhub.search import syntax
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, HasWord, all_of, any_of, leaves, none_of
from fhirhub.search.words import asked

CODES: Final = ("_text", "_content")

MAX_DEPTH: Final = 20
"""Most parentheses within one another, and most NOT in a row."""
MAX_WORDS: Final = 100
"""Most words of a query."""
MAX_LENGTH: Final = 16_000
"""Most characters of a query."""

_PIECE: Final = re.compile(r'(?P<sign>[()])|"(?P<quoted>[^"]*)"|(?P<word>[^\s()"]+)|(?P<stray>")')
_OR: Final = ("OR", "or")
_AND: Final = ("AND", "and")


def text_query(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of `_text` or `_content`.

    Raises FhirError: a query that is not of the grammar, without a word, or too long.
    """
    if len(text) > MAX_LENGTH:
        raise syntax.too_costly(criterion.name, f"a query has at most {MAX_LENGTH} characters.")
    return _Query(criterion, syntax.unescape(text)).filter()


class _Query:
    """The pieces of a query, and how far they are read: `(`, `)`, an operator, or the words to find."""

    def __init__(self, criterion: Criterion, text: str) -> None:
        self._name = criterion.name
        self._narrative = criterion.parameter.code == "_text"
        self._pieces: list[str | Filter] = []
        self._next = 0
        self._depth = 0
        for found in _PIECE.finditer(text):
            if found["stray"]:
                raise self._wrong("a quotation mark is not closed")
            word = found["word"]
            if found["sign"]:
                self._pieces.append(found["sign"])
            elif word in _OR or word in _AND or word == "NOT":
                self._pieces.append(word.upper())
            else:
                self._pieces.append(self._words(word or found["quoted"] or ""))

    def filter(self) -> Filter:
        found = self._any()
        if self._next < len(self._pieces):
            raise self._wrong("a closing parenthesis has no opening one")
        if leaves(found) > MAX_WORDS:
            raise syntax.too_costly(self._name, f"a query has at most {MAX_WORDS} words.")
        return found

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._take("OR"):
            parts.append(self._all())
        return any_of(parts)

    def _all(self) -> Filter:
        parts = [self._term()]
        while self._peek() not in (None, "OR", ")"):
            self._take("AND")
            parts.append(self._term())
        return all_of(parts)

    def _term(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise syntax.too_costly(self._name, f"more than {MAX_DEPTH} parentheses or NOT are within one another.")
        if self._take("NOT"):
            found = none_of(self._term())
        elif self._take("("):
            found = self._any()
            if not self._take(")"):
                raise self._wrong("a parenthesis is not closed")
        else:
            piece = self._peek()
            if piece is None or isinstance(piece, str):
                raise self._wrong(f"expected a word {'at the end' if piece is None else f'before {piece}'}")
            self._next += 1
            found = piece
        self._depth -= 1
        return found

    def _peek(self) -> str | Filter | None:
        return self._pieces[self._next] if self._next < len(self._pieces) else None

    def _take(self, sign: str) -> bool:
        taken = self._peek() == sign
        self._next += taken
        return taken

    def _words(self, text: str) -> Filter:
        words = asked(text)
        if not words:
            raise self._wrong(f"{text!r} has no letter or digit")
        return all_of(HasWord(word, self._narrative) for word in words)

    def _wrong(self, problem: str) -> FhirError:
        return syntax.bad_value(
            self._name,
            f'{problem}; expected words such as: fever "chest pain" OR (cough AND NOT smoker).',
        )
