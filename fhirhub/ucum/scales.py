"""The functions of units that are no ratios: temperatures, levels, potencies, slopes.

https://ucum.org/ucum#section-Special-Units-on-non-ratio-Scales. Offsets are exact; logarithms, powers, roots and
tangents are worked out with 60 digits and rounded to DIGITS significant ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import (
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
    localcontext,
)
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from fhirhub.ucum.errors import UcumError
from fhirhub.ucum.trigonometry import arc_tangent, tangent

DIGITS: Final = 40
"""The significant digits of what a logarithm, power, root or tangent gives."""

MAX_ANGLE: Final = 1_000_000
"""Radians; of larger angles no tangent is taken, they would lose digits."""

_TRAPS: Final = [InvalidOperation, DivisionByZero, Overflow, Underflow]
_WORKING: Final = Context(prec=DIGITS + 20, Emax=999, Emin=-999, traps=_TRAPS)
_RESULT: Final = Context(prec=DIGITS, Emax=999, Emin=-999, traps=_TRAPS)


@dataclass(frozen=True, slots=True)
class Scale:
    """A function and its inverse: from numbers of a special unit to numbers of its reference unit, and back.

    Both raise UcumError for a number that the function is not defined for, or whose result is out of range.
    """

    to_reference: Callable[[Fraction], Fraction]
    of_reference: Callable[[Fraction], Fraction]


def _rounded(function: Callable[[Decimal], Decimal]) -> Callable[[Fraction], Fraction]:
    """Return a function of fractions that works in the working context."""

    def run(value: Fraction) -> Fraction:
        try:
            with localcontext(_WORKING):
                result = function(Decimal(value.numerator) / Decimal(value.denominator))
            return Fraction(_RESULT.plus(result))
        except DecimalException as error:
            raise UcumError("The number is off the scale of its unit") from error

    return run


def _offset(zero: str) -> Scale:
    """The scale whose zero lies at `zero` of the reference unit."""
    offset = Fraction(zero)
    return Scale(lambda value: value + offset, lambda value: value - offset)


def _logarithm(base: int, times: int = 1) -> Scale:
    """`times · log(x)` to a base."""
    return Scale(
        _rounded(lambda value: Decimal(base) ** (value / times)),
        _rounded(lambda value: times * _positive(value).log10() / Decimal(base).log10()),
    )


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise InvalidOperation
    return value


def _slope(angle: Decimal) -> Decimal:
    if abs(angle) > MAX_ANGLE:
        raise InvalidOperation
    return 100 * tangent(angle)


def _square(value: Fraction) -> Fraction:
    if value < 0:
        raise UcumError("The number is off the scale of its unit")
    return value * value


SCALES: Final[Mapping[str, Scale]] = MappingProxyType(
    {
        "celsius": _offset("273.15"),
        "fahrenheit": _offset("459.67"),
        "reaumur": _offset("218.52"),
        "lg": _logarithm(10),
        "2lg": _logarithm(10, 2),
        "-lg": _logarithm(10, -1),
        "ld": _logarithm(2),
        "hpX": _logarithm(10, -1),
        "hpC": _logarithm(100, -1),
        "hpM": _logarithm(1_000, -1),
        "hpQ": _logarithm(50_000, -1),
        "ln": Scale(_rounded(Decimal.exp), _rounded(lambda value: _positive(value).ln())),
        "100tan": Scale(_rounded(lambda slope: arc_tangent(slope / 100)), _rounded(_slope)),
        "sqrt": Scale(_square, _rounded(Decimal.sqrt)),
    }
)
"""The functions by their name in the table of units."""
