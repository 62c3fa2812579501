"""Regular expressions that come from outside: searched, matched and replaced within a bound on the work.

http://hl7.org/fhirpath/N1/#matchesregex--string--boolean

Python's matcher backtracks. A repetition inside a repetition can take exponential time, several open repetitions in a
row polynomial time. The first is refused unless its parts cannot be confused, the second is limited by the length of
the text.
"""

import re
import warnings
from functools import lru_cache
from typing import Final

from fhirhub.fhirpath.errors import FhirPathError

MAX_PATTERN: Final = 2_000
"""The longest pattern, in characters."""
MAX_WORK: Final = 50_000_000
"""The most steps a match may take in the worst case: text length to the power of the open repetitions."""
MAX_RESULT: Final = 1_000_000
"""The longest string a replacement may make, in characters."""

_ATOM: Final = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)"  # an escape
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"  # a class
    r"|\((?:\?(?:[:=!]|<[=!]|P?<\w+>|[aiLmsux-]+[:)]))?"  # the start of a group, or flags
    r"|[^()]",
    re.DOTALL,
)
_QUANTIFIER: Final = re.compile(r"(?:\*|\+|\?|\{(?P<least>\d*)(?P<range>,(?P<most>\d*))?\})(?:\?|\+)?")
_REFERENCE: Final = re.compile(r"\\(.)|\$(?:(\d+)|\{(\w+)\})", re.DOTALL)
_PROBES: Final = [chr(code) for code in range(0x250)] + ["Ω", "ж", "中", "\u2028", "😀"]


@lru_cache(maxsize=512)
def _compiled(regex: str) -> tuple[re.Pattern[str], int]:
    """Return the pattern and how many open repetitions it has.

    Raises:
        FhirPathError: no regular expression, or one that could take exponential time.
    """
    if len(regex) > MAX_PATTERN:
        raise FhirPathError(f"The pattern is longer than {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(regex, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise FhirPathError(f"{regex!r} is no regular expression: {error}") from None
    return compiled, _open_repetitions(regex)


def _open_repetitions(regex: str) -> int:
    """Return how many repetitions a pattern has that are not nested; refuse those whose nesting is dangerous."""
    repetitions = 0
    # One entry for each open group: the atoms of its body, and whether something in it repeats.
    groups: list[tuple[list[str], bool]] = [([], False)]
    position = 0
    while position < len(regex):
        if regex[position] == ")":
            body, repeats = groups.pop()
            atom = "(" + "".join(body) + ")"
            position += 1
        else:
            match = _ATOM.match(regex, position)
            assert match is not None  # the pattern compiled, and every character starts an atom
            position = match.end()
            atom, body, repeats = match[0], [], False
            if atom.startswith("(") and not atom.endswith(")"):
                groups.append(([], False))
                continue
        quantifier = _QUANTIFIER.match(regex, position)
        if quantifier is not None:
            position = quantifier.end()
            if _is_open(quantifier):
                repetitions += 1
                if repeats and not _is_separated(body):
                    raise FhirPathError(f"{regex!r} repeats a repetition, which could take forever")
                repeats = True
        outer, outer_repeats = groups[-1] if groups else ([], False)
        outer += [atom, quantifier[0]] if quantifier is not None else [atom]
        if groups:
            groups[-1] = (outer, outer_repeats or repeats)
    return repetitions


def _is_open(quantifier: re.Match[str]) -> bool:
    """Whether a quantifier can repeat often enough to matter."""
    text = quantifier[0]
    if text[0] == "?":
        return False
    if text[0] in "*+":
        return True
    most = quantifier["most"] if quantifier["range"] else quantifier["least"]
    return not most or int(most) > 10


def _is_separated(body: list[str]) -> bool:
    """Whether each turn of a repeated group starts with one character that nothing else in the group can match."""
    if len(body) < 2 or "|" in body or _QUANTIFIER.fullmatch(body[1]) or body[0].startswith("("):
        return False
    first = _characters(body[0])
    return not any(first & _characters(atom) for atom in _flat(body[1:]))


def _flat(atoms: list[str]) -> list[str]:
    """Return the atoms that match a character each, those within groups included."""
    flat: list[str] = []
    for atom in atoms:
        if _QUANTIFIER.fullmatch(atom):
            continue
        if atom.startswith("(") and len(atom) > 1:
            flat += _flat(_ATOM.findall(atom[1:-1].removeprefix("?:")))
        else:
            flat.append(atom)
    return flat


def _characters(atom: str) -> frozenset[str]:
    """Return the characters an atom matches, of a sample that tells the usual classes apart."""
    if atom in ("^", "$", "(", ")", "|") or atom in (r"\b", r"\B", r"\A", r"\Z"):
        return frozenset()
    try:
        matcher = re.compile(atom, re.DOTALL)
    except re.error:
        return frozenset(_PROBES)
    return frozenset(char for char in _PROBES if matcher.fullmatch(char))


def _checked(regex: str, text: str) -> re.Pattern[str]:
    compiled, repetitions = _compiled(regex)
    if repetitions > 1 and (len(text) + 1) ** repetitions > MAX_WORK and len(text) > 256:
        raise FhirPathError(f"A text of {len(text)} characters is too long for {regex!r}")
    return compiled


def search(regex: str, text: str) -> bool:
    """Whether a pattern matches somewhere in a text."""
    return _checked(regex, text).search(text) is not None


def fullmatch(regex: str, text: str) -> bool:
    """Whether a pattern matches the whole text."""
    return _checked(regex, text).fullmatch(text) is not None


def replace(regex: str, replacement: str, text: str) -> str:
    """Return `text` with each match replaced; `$1` and `${name}` in the replacement stand for groups."""
    if not regex:
        return text
    pattern = _checked(regex, text)

    def expand(match: re.Match[str]) -> str:
        return _REFERENCE.sub(lambda part: _group(match, part), replacement)

    result = pattern.sub(expand, text)
    if len(result) > MAX_RESULT:
        raise FhirPathError(f"replaceMatches would make more than {MAX_RESULT} characters")
    return result


def _group(match: re.Match[str], reference: re.Match[str]) -> str:
    if reference[1] is not None:
        return reference[1]
    name = reference[3]
    try:
        found = match[name] if name is not None and not name.isdigit() else match[int(name or reference[2])]
    except IndexError:
        raise FhirPathError(f"The pattern has no group {reference[0]}") from None
    return found or ""
