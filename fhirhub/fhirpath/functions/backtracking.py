"""How much a backtracking matcher may have to do for a regular expression, told from the expression alone.

http://hl7.org/fhirpath/N1/#matchesregex--string--boolean leaves the dialect open. Python's matcher backtracks, so that
some expressions take exponential time on some texts: those that repeat a group that can match one text in several ways.
"""

import re
from dataclasses import dataclass
from typing import Final

_ANY: Final = frozenset([*map(chr, range(0x250)), "Ω", "ж", "中", "\u2028", "😀"])
"""A sample of characters that tells the usual classes apart."""

_ATOM: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()|]", re.DOTALL)
_OPENING: Final = re.compile(r"\((?P<kind>\?(?::|=|!|<=|<!|>|P?<\w+>|P=\w+|#[^)]*|[aiLmsux-]*:|[aiLmsux]+))?")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{(?P<least>\d*)(?P<range>,)?(?P<most>\d*)\})[?+]?")
_ANCHORS: Final = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\Z"})


class AmbiguousPatternError(Exception):
    """A repeated group can match the same text in more than one way."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A character class or a group, with how often it may come."""

    first: frozenset[str]
    """What it can start with."""
    alternatives: "tuple[tuple[_Piece, ...], ...]"
    """The content of a group; empty for a class."""
    least: int = 1
    most: int | None = 1
    nullable: bool = False
    opaque: bool = False
    """Looks around or back: nothing is known of what it matches."""

    @property
    def optional(self) -> bool:
        return self.least == 0 or self.nullable

    @property
    def varies(self) -> bool:
        return self.least != self.most


def repetitions(regex: str) -> tuple[int | None, ...]:
    """Return for each open repetition of a valid regular expression how often it can turn (None: without limit).

    The product of these, each at most the length of the text, bounds the steps of a match at one position.

    Raises:
        AmbiguousPatternError: there is no such bound.
    """
    reader = _Reader(regex)
    alternatives = reader.alternatives()
    return tuple(bound for sequence in alternatives for piece in sequence for bound in _bounds(piece))


class _Reader:
    def __init__(self, regex: str) -> None:
        self._regex = regex
        self._position = 0
        self._flags = re.DOTALL | (re.IGNORECASE if re.search(r"\(\?[a-zA-Z]*i", regex) else 0)

    def alternatives(self) -> tuple[tuple[_Piece, ...], ...]:
        """Read up to the end or the parenthesis that closes the group."""
        found: list[tuple[_Piece, ...]] = []
        sequence: list[_Piece] = []
        while self._position < len(self._regex) and self._regex[self._position] != ")":
            if self._regex[self._position] == "|":
                self._position += 1
                found.append(tuple(sequence))
                sequence = []
            elif (piece := self._piece()) is not None:
                sequence.append(self._quantified(piece))
        return (*found, tuple(sequence))

    def _piece(self) -> _Piece | None:
        opening = _OPENING.match(self._regex, self._position)
        if opening is not None:
            return self._group(opening)
        match = _ATOM.match(self._regex, self._position)
        assert match is not None  # the expression compiled, and every other character starts an atom
        self._position = match.end()
        text = match[0]
        if text in _ANCHORS:
            return None
        if re.fullmatch(r"\\\d", text):
            return _Piece(_ANY, (), nullable=True, opaque=True)
        matcher = re.compile(text, self._flags)
        return _Piece(frozenset(filter(matcher.fullmatch, _ANY)), ())

    def _group(self, opening: re.Match[str]) -> _Piece | None:
        self._position = opening.end()
        kind = opening["kind"] or ""
        content = self.alternatives()
        self._position += 1
        if kind.startswith(("?#", "?P=")) or (kind[1:].isalpha() and content == ((),)):
            return None if not kind.startswith("?P=") else _Piece(_ANY, (), nullable=True, opaque=True)
        nullable = any(all(piece.optional for piece in sequence) for sequence in content)
        looks_around = kind in ("?=", "?!", "?<=", "?<!")
        first = frozenset[str]().union(*(_first(sequence) for sequence in content))
        return _Piece(first, content, nullable=nullable or looks_around, opaque=looks_around)

    def _quantified(self, piece: _Piece) -> _Piece:
        match = _QUANTIFIER.match(self._regex, self._position)
        # Braces that hold no numbers stand for themselves.
        if match is None or (match[0][0] == "{" and not (match["least"] or match["most"])):
            return piece
        self._position = match.end()
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(match[0][0], (0, None))
        if match[0][0] == "{":
            least = int(match["least"] or 0)
            most = int(match["most"]) if match["most"] else None if match["range"] else least
        return _Piece(piece.first, piece.alternatives, least, most, piece.nullable, piece.opaque)


def _first(sequence: tuple[_Piece, ...], follow: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return what a sequence, and what follows it where it can be empty, can start with."""
    found: frozenset[str] = frozenset()
    for piece in sequence:
        found |= piece.first
        if not piece.optional:
            return found
    return found | follow


def _bounds(piece: _Piece) -> list[int | None]:
    inner = [bound for sequence in piece.alternatives for part in sequence for bound in _bounds(part)]
    if not piece.varies and piece.most == 1:
        return inner
    if piece.most == 1:
        return inner
    if piece.alternatives or piece.opaque:
        _require_one_way(piece, piece.first)
        # Each turn can match in one way only, so that the turns are all there is to try.
        inner = []
    return [piece.most, *inner] if piece.varies else inner


def _require_one_way(piece: _Piece, follow: frozenset[str]) -> None:
    """Check that a group that repeats matches any text in one way at most, `follow` being what can come next."""
    if piece.opaque or piece.nullable:
        raise AmbiguousPatternError
    starts: frozenset[str] = frozenset()
    for sequence in piece.alternatives:
        start = _first(sequence)
        if start & starts:
            raise AmbiguousPatternError
        starts |= start
        for position, part in enumerate(sequence):
            after = _first(sequence[position + 1 :], follow)
            if part.varies and part.first & after:
                raise AmbiguousPatternError
            if part.alternatives or part.opaque:
                _require_one_way(part, after | part.first if part.most != 1 else after)
