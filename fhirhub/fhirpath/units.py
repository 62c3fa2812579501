"""Units of measure as FHIRPath compares and multiplies quantities: those of UCUM, and texts that are none.

http://hl7.org/fhirpath/N1/#quantity, https://ucum.org/ucum. A text that is no UCUM code is a dimension of its own,
equal to itself only. So is, in products, a unit that is no ratio (Cel, [degF], [pH], dB): they would mean nothing
otherwise.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from fhirhub import ucum


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the product of the base units with their exponents; one that is no ratio has `special`."""

    factor: Fraction
    dimensions: frozenset[tuple[str, int]]
    special: ucum.Unit | None = None

    @property
    def measures(self) -> frozenset[tuple[str, int]]:
        """The dimensions of what `to_reference` gives a number of: equal exactly for units that can be compared."""
        return self.dimensions if self.special is None else frozenset(self.special.canonical_terms)

    def to_reference(self, value: Fraction) -> Fraction | None:
        """Return a number of this unit in base units; None where the scale of the unit does not reach."""
        if self.special is None:
            return value * self.factor
        try:
            return self.special.to_canonical(value)
        except ucum.UcumError:
            return None

    def of_reference(self, value: Fraction) -> Fraction | None:
        """Return a number of base units in this unit; None where the scale of the unit does not reach."""
        if self.special is None:
            return value / self.factor
        try:
            return self.special.of_canonical(value)
        except ucum.UcumError:
            return None


def parse_unit(text: str) -> Unit:
    """Return what a UCUM code (`mg/dL`, `m2`, `1`) stands for; a text that is none stands for itself."""
    return _known_unit(text) if len(text) <= _SHORT else _new_unit(text)


def _new_unit(text: str) -> Unit:
    try:
        unit = ucum.parse_unit(text)
    except ucum.UcumError:
        return Unit(Fraction(1), frozenset({(text, 1)}))
    return Unit(unit.factor, frozenset(unit.terms), None if unit.special is None else unit)


# Units recur; whatever else someone writes there shall not fill the memory.
_SHORT: Final = 80
_known_unit: Final = lru_cache(maxsize=1024)(_new_unit)


def multiply(left: Unit, right: Unit, sign: int = 1) -> Unit:
    """Return `left · right`, or `left / right` for a `sign` of -1."""
    exponents = Counter(dict(left.dimensions))
    for name, exponent in right.dimensions:
        exponents[name] += sign * exponent
    return Unit(
        left.factor * right.factor**sign,
        frozenset((name, exponent) for name, exponent in exponents.items() if exponent),
    )
