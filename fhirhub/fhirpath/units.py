"""Units of measure as FHIRPath compares and multiplies quantities: those of UCUM, and texts that are none.

http://hl7.org/fhirpath/N1/#quantity, https://ucum.org/ucum. A text that is no UCUM code is a dimension of its own,
equal to itself only. So is a unit that is no ratio (Cel, [degF], [pH], dB): sums of such numbers mean nothing.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from fhirhub import ucum


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the product of the base units with their exponents."""

    factor: Fraction
    dimensions: frozenset[tuple[str, int]]


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> Unit:
    """Return what a UCUM code (`mg/dL`, `m2`, `1`) stands for; a text that is none stands for itself."""
    try:
        unit = ucum.parse_unit(text)
    except ucum.UcumError:
        return Unit(Fraction(1), frozenset({(text, 1)}))
    return Unit(unit.factor, frozenset(unit.terms))


def multiply(left: Unit, right: Unit, sign: int = 1) -> Unit:
    """Return `left · right`, or `left / right` for a `sign` of -1."""
    exponents = Counter(dict(left.dimensions))
    for name, exponent in right.dimensions:
        exponents[name] += sign * exponent
    return Unit(
        left.factor * right.factor**sign,
        frozenset((name, exponent) for name, exponent in exponents.items() if exponent),
    )
