"""From a unit code to what it means.

https://ucum.org/ucum#section-Grammar-of-Units-and-Unit-Terms. Beyond the printed grammar an annotation may follow
whatever it belongs to (`1{cells}`, `(m/s){mean}`), as the functional tests of UCUM have it, and may hold spaces, as in
the codes that https://hl7.org/fhir/R4/valueset-ucum-common.html lists.
"""

import re
from fractions import Fraction
from functools import cache
from typing import Final

from fhirhub.ucum.errors import UcumError
from fhirhub.ucum.scales import SCALES
from fhirhub.ucum.table import Atom, ucum_table
from fhirhub.ucum.unit import ONE, Special, Unit

MAX_LENGTH: Final = 200
"""Characters of a code."""

MAX_NESTING: Final = 20
"""Parentheses within parentheses."""

MAX_EXPONENT: Final = 99
"""Of a unit, in either direction."""

_MAX_BITS: Final = 8_192
_SYMBOL: Final = re.compile(r"""(?:[!#-'*,0-<>-Z\\^-z|~]|\[[!-Z\\^-~]*\])+""")
_ANNOTATION: Final = re.compile(r"\{[ -z|~]*\}")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+")
_SIGNED: Final = re.compile(r"[+-][0-9]*")
_OPERATORS: Final = {".": 1, "/": -1}


def read(code: str) -> Unit:
    """Return what a code means.

    Raises:
        UcumError: it is none.
    """
    if not code:
        raise UcumError("A unit code cannot be empty; the code of a plain number is 1", 0)
    if len(code) > MAX_LENGTH:
        raise UcumError(f"A unit code of more than {MAX_LENGTH} characters is not read", MAX_LENGTH)
    unit = _Reader(code).read()
    if len(unit.terms) == 1 and unit.terms[0][1] == 1:
        return Unit(unit.factor, unit.terms, _special(unit.terms[0][0]))
    return unit


class _Reader:
    """Reads one code from left to right."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._position = 0

    def read(self) -> Unit:
        unit = self._term(_OPERATORS["/"] if self._take("/") else 1, 0)
        if self._position < len(self._code):
            raise self._unexpected()
        return unit

    def _term(self, sign: int, depth: int) -> Unit:
        """Read components joined by `.` and `/`, which bind alike, up to the end or a closing parenthesis."""
        unit = ONE
        while True:
            start = self._position
            unit = unit.times(self._component(depth), sign)
            if not _in_proportion(unit):
                raise UcumError("The unit is out of all proportion", start)
            operator = self._code[self._position : self._position + 1]
            if operator not in _OPERATORS:
                return unit
            sign = _OPERATORS[operator]
            self._position += 1

    def _component(self, depth: int) -> Unit:
        if self._take("("):
            unit = self._nested(depth + 1)
        elif match := _SYMBOL.match(self._code, self._position):
            unit = self._simple(match)
        elif self._annotation():
            unit = ONE
        else:
            raise self._unexpected()
        while self._annotation():
            pass
        return unit

    def _nested(self, depth: int) -> Unit:
        opened = self._position - 1
        if depth > MAX_NESTING:
            raise UcumError(f"More than {MAX_NESTING} parentheses within each other are not read", opened)
        unit = self._term(1, depth)
        if not self._take(")"):
            raise UcumError("The parenthesis is not closed", opened) if self._at_end() else self._unexpected()
        if _EXPONENT.match(self._code, self._position):
            raise UcumError("A parenthesis takes no exponent", self._position)
        return unit

    def _simple(self, match: re.Match[str]) -> Unit:
        """Read a number, or a symbol with its exponent."""
        start, text = match.start(), match[0]
        self._position = match.end()
        signed = _SIGNED.match(self._code, self._position)
        if text.isdigit():
            if signed:
                raise UcumError(f"The number {text} takes no exponent", signed.start())
            if not int(text):
                raise UcumError("0 is no unit", start)
            return Unit(Fraction(int(text)))
        symbol = text.rstrip("0123456789")
        exponent = text[len(symbol) :]
        if signed:
            if exponent or len(signed[0]) == 1:
                raise UcumError("An exponent is a number with at most one sign, right behind its unit", signed.start())
            exponent = signed[0]
            self._position = signed.end()
        if len(exponent) > 4 or abs(int(exponent or 1)) > MAX_EXPONENT:
            raise UcumError(f"Exponents beyond {MAX_EXPONENT} are not read", start + len(symbol))
        return ONE.times(_simple_unit(symbol, start), int(exponent or 1))

    def _annotation(self) -> bool:
        if not self._code.startswith("{", self._position):
            return False
        match = _ANNOTATION.match(self._code, self._position)
        if match is None:
            raise UcumError("An annotation ends with } and holds no other brace and ASCII only", self._position)
        self._position = match.end()
        return True

    def _take(self, character: str) -> bool:
        found = self._code.startswith(character, self._position)
        self._position += found
        return found

    def _at_end(self) -> bool:
        return self._position >= len(self._code)

    def _unexpected(self) -> UcumError:
        if self._at_end():
            return UcumError("A unit is missing at the end", self._position)
        found = self._code[self._position]
        before = self._code[self._position - 1 : self._position]
        if found.isspace():
            return UcumError("A unit code has no spaces", self._position)
        if before == "}":
            return UcumError(f"After an annotation comes . or / or the end, not {found!r}", self._position)
        if found == "(" and before not in ("", ".", "/", "("):
            return UcumError("Before a parenthesis a . or / is missing", self._position)
        if found == "[":
            return UcumError("The bracket is not closed", self._position)
        return UcumError(f"{found!r} is not expected here", self._position)


def _in_proportion(unit: Unit) -> bool:
    bits = unit.factor.numerator.bit_length() + unit.factor.denominator.bit_length()
    return bits <= _MAX_BITS and all(abs(exponent) <= MAX_EXPONENT for _, exponent in unit.terms)


def _simple_unit(symbol: str, position: int) -> Unit:
    """Return the unit of a symbol without exponent: an atom, or a prefix and a metric atom."""
    unit = _symbol(symbol)
    if unit is not None:
        return unit
    if digits := re.match("[0-9]+", symbol):
        joined = f"{digits[0]}.{symbol[digits.end() :]}"
        raise UcumError(f"{symbol!r} is no unit; a number and a unit are joined by a dot, {joined!r}", position)
    raise UcumError(f"{symbol!r} is no unit", position)


@cache
def _atom(code: str) -> Unit:
    """Return the unit of an atom of the table; a special one is a dimension of its own."""
    atom = ucum_table().atoms[code]
    if atom.unit == code or atom.scale in SCALES:
        return Unit(Fraction(1), ((code, 1),))
    return _defined(atom)


def _defined(atom: Atom) -> Unit:
    return Unit(atom.value).times(_Reader(atom.unit).read())


def _symbol(symbol: str) -> Unit | None:
    table = ucum_table()
    if symbol in table.atoms:
        return _atom(symbol)
    for prefix, factor in table.prefixes.items():
        if symbol.startswith(prefix):
            atom = table.atoms.get(symbol[len(prefix) :])
            if atom is not None and atom.metric:
                return Unit(factor).times(_atom(atom.code))
    return None


@cache
def _special(code: str) -> Special | None:
    atom = ucum_table().atoms[code]
    scale = SCALES.get(atom.scale)
    return None if scale is None else Special(code, _defined(atom), scale)
