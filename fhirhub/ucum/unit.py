"""What a unit means: a magnitude and the base units it is of, with their exponents.

https://ucum.org/ucum#section-Semantics
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from fhirhub.ucum.scales import Scale

BASE_UNITS: Final = ("m", "s", "g", "rad", "K", "C", "cd")
"""The base units, in the order of `Unit.vector`."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the product of `terms`, sorted pairs of a symbol and its exponent.

    A symbol is a base unit, or a unit that is commensurable with itself only: an arbitrary unit (`[iU]`), or within a
    product one that is no ratio (`Cel` in `W/Cel`). A unit that is no ratio, alone or scaled (`mCel`), has `special`:
    then a number of it, times `factor`, is what `special` takes.
    """

    factor: Fraction
    terms: tuple[tuple[str, int], ...] = ()
    special: "Special | None" = None

    @property
    def canonical_terms(self) -> tuple[tuple[str, int], ...]:
        """What `to_canonical` gives a number of: equal exactly for commensurable units."""
        return self.terms if self.special is None else self.special.reference.terms

    @property
    def canonical_code(self) -> str:
        """The code of what `to_canonical` gives a number of, such as `g.m-3`; `1` without dimension."""
        return _code(self.canonical_terms)

    @property
    def vector(self) -> tuple[int, ...]:
        """The exponents of the base units in the order of BASE_UNITS."""
        exponents = dict(self.canonical_terms)
        return tuple(exponents.get(symbol, 0) for symbol in BASE_UNITS)

    @property
    def arbitrary(self) -> tuple[tuple[str, int], ...]:
        """The terms that are no base units."""
        return tuple(term for term in self.canonical_terms if term[0] not in BASE_UNITS)

    def to_canonical(self, value: Fraction) -> Fraction:
        """Return `value` of this unit as a number of `canonical_code`.

        Raises:
            UcumError: the scale of a special unit does not reach that far.
        """
        if self.special is None:
            return value * self.factor
        return self.special.scale.to_reference(value * self.factor) * self.special.reference.factor

    def of_canonical(self, value: Fraction) -> Fraction:
        """Return `value` of `canonical_code` as a number of this unit; the inverse of `to_canonical`.

        Raises:
            UcumError: the scale of a special unit does not reach that far.
        """
        if self.special is None:
            return value / self.factor
        return self.special.scale.of_reference(value / self.special.reference.factor) / self.factor

    def times(self, other: "Unit", exponent: int = 1) -> "Unit":
        """Return the product with `other` to a power, as a plain product: `special` is for the caller to see to."""
        exponents = Counter(dict(self.terms))
        for symbol, power in other.terms:
            exponents[symbol] += power * exponent
        terms = tuple(sorted((symbol, power) for symbol, power in exponents.items() if power))
        return Unit(self.factor * other.factor**exponent, terms)


@dataclass(frozen=True, slots=True)
class Special:
    """A unit that is no ratio: `scale` takes its numbers to numbers of `reference` and back."""

    code: str
    reference: Unit
    scale: Scale


ONE: Final = Unit(Fraction(1))


@lru_cache(maxsize=1024)
def _code(terms: tuple[tuple[str, int], ...]) -> str:
    return ".".join(symbol if power == 1 else f"{symbol}{power}" for symbol, power in terms) or "1"
