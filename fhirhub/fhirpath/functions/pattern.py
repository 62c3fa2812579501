"""Regular expressions that come from outside: searched, matched and replaced within a bound on the work.

http://hl7.org/fhirpath/N1/#matchesregex--string--boolean
"""

import re
import warnings
from functools import lru_cache
from typing import Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.backtracking import AmbiguousPatternError, repetitions
from fhirhub.fhirpath.singleton import MAX_TEXT

MAX_PATTERN: Final = 2_000
"""The longest pattern, in characters."""
MAX_WORK: Final = 200_000_000
"""The most steps a match may take in the worst case (a second or two)."""

_REFERENCE: Final = re.compile(r"\\(.)|\$(?:(\d+)|\{(\w+)\})", re.DOTALL)


@lru_cache(maxsize=512)
def _compiled(regex: str) -> tuple[re.Pattern[str], tuple[int | None, ...]]:
    """Return the pattern and its repetitions.

    Raises:
        FhirPathError: no regular expression, or one that could take exponential time.
    """
    if len(regex) > MAX_PATTERN:
        raise FhirPathError(f"The pattern is longer than {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(regex, re.DOTALL), repetitions(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise FhirPathError(f"{regex!r} is no regular expression: {error}") from None
    except AmbiguousPatternError:
        raise FhirPathError(
            f"{regex!r} repeats a group that can match the same text in several ways, which could take forever"
        ) from None


def _checked(regex: str, text: str, anchored: bool) -> re.Pattern[str]:
    compiled, bounds = _compiled(regex)
    length = len(text) + 1
    work = 1 if anchored or regex.startswith(("^", r"\A")) else length
    for bound in bounds:
        work *= length if bound is None else min(bound, length)
    if work > MAX_WORK:
        raise FhirPathError(f"A text of {len(text)} characters is too long for {regex!r}")
    return compiled


def search(regex: str, text: str) -> bool:
    """Whether a pattern matches somewhere in a text."""
    return _checked(regex, text, anchored=False).search(text) is not None


def fullmatch(regex: str, text: str) -> bool:
    """Whether a pattern matches the whole text."""
    return _checked(regex, text, anchored=True).fullmatch(text) is not None


def replace(regex: str, replacement: str, text: str) -> str:
    """Return `text` with each match replaced; `$1` and `${name}` in the replacement stand for groups."""
    if not regex:
        return text
    pattern = _checked(regex, text, anchored=False)
    size = 0

    def expand(match: re.Match[str]) -> str:
        nonlocal size
        expanded = _REFERENCE.sub(lambda part: _group(match, part), replacement)
        size += len(expanded)
        if size > MAX_TEXT:
            raise FhirPathError(f"replaceMatches would make more than {MAX_TEXT} characters")
        return expanded

    return pattern.sub(expand, text)


def _group(match: re.Match[str], reference: re.Match[str]) -> str:
    if reference[1] is not None:
        return reference[1]
    name = reference[3]
    try:
        found = match[name] if name is not None and not name.isdigit() else match[int(name or reference[2])]
    except IndexError:
        raise FhirPathError(f"The pattern has no group {reference[0]}") from None
    return found or ""
