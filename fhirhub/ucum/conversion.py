"""Numbers in other units.

https://ucum.org/ucum#section-Semantics, https://hl7.org/fhir/R4/search.html#quantity
"""

from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from fhirhub.ucum.errors import UcumError
from fhirhub.ucum.parser import read
from fhirhub.ucum.unit import Unit

MAX_VALUE_EXPONENT: Final = 1_000
"""Numbers of more digits before or after the point are not converted."""

CANONICAL_DIGITS: Final = 34
"""The digits of a Decimal128, in which databases keep decimals."""


@lru_cache(maxsize=4096)
def parse_unit(code: str) -> Unit:
    """Return what a case-sensitive UCUM code means.

    Raises:
        UcumError: it is no code.
    """
    return read(code)


def is_valid(code: str) -> bool:
    """Whether a text is a case-sensitive UCUM code."""
    try:
        parse_unit(code)
    except UcumError:
        return False
    return True


def is_comparable(left: str, right: str) -> bool:
    """Whether numbers in one unit can be converted to the other.

    Raises:
        UcumError: one of them is no code.
    """
    return parse_unit(left).canonical_terms == parse_unit(right).canonical_terms


def canonical(value: Decimal, code: str) -> tuple[Fraction, str]:
    """Return a number of `code` in canonical units, and their code: `1 mg/dL` is 10 of `g.m-3`.

    The same quantity gives the same pair, whatever commensurable unit it was given in.

    Raises:
        UcumError: `code` is none, or the number is out of range.
    """
    unit = parse_unit(code)
    return unit.to_canonical(_exact(value)), unit.canonical_code


def convert(value: Decimal, from_: str, to: str) -> Fraction:
    """Return a number of one unit as a number of another.

    Raises:
        UcumError: one of them is no code, the units are not commensurable, or the number is out of range.
    """
    source, target = parse_unit(from_), parse_unit(to)
    exact = _exact(value)
    if source == target:
        return exact
    if source.canonical_terms != target.canonical_terms:
        raise UcumError(
            f"{from_!r} cannot be converted to {to!r}: one is of {source.canonical_code}, "
            f"the other of {target.canonical_code}"
        )
    return target.of_canonical(source.to_canonical(exact))


def decimal_of(number: Fraction, digits: int = CANONICAL_DIGITS) -> Decimal:
    """Return `number` with at most `digits` significant digits: exact when that many suffice."""
    return Context(prec=digits).divide(Decimal(number.numerator), Decimal(number.denominator))


def _exact(value: Decimal) -> Fraction:
    if not value.is_finite():
        raise UcumError(f"{value} is no number")
    exponent = value.as_tuple().exponent
    if value and (value.adjusted() > MAX_VALUE_EXPONENT or int(exponent) < -MAX_VALUE_EXPONENT):
        raise UcumError("A number of that many digits is not converted")
    return Fraction(value) if value else Fraction(0)
