"""Recognising, without a call of Python code, the strings that come again and again.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from collections.abc import Callable
from typing import Final

LONGEST: Final = 96
"""Most characters of a string that is remembered."""

Recognise = Callable[[str], object]
"""Answers something true for strings that are right; what it does not know may be right as well."""

never: Final[Recognise] = frozenset[str]().__contains__
"""Recognises no string."""


class Seen:
    """Strings that were found right: codes, systems, displays, the references to one patient.

    Bounded: when it holds `most` strings it forgets them all, and those in use are soon back.
    """

    __slots__ = ("_most", "_strings", "recognise")

    def __init__(self, most: int) -> None:
        self._most = most
        self._strings: set[str] = set()
        self.recognise: Final[Recognise] = self._strings.__contains__

    def remember(self, text: str) -> None:
        """Keep a string, unless it is long."""
        if len(text) <= LONGEST:
            if len(self._strings) >= self._most:
                self._strings.clear()
            self._strings.add(text)
