"""What numbers and quantities are found by: ranges under names that tell the unit.

https://hl7.org/fhir/R4/search.html#number and #quantity. The names are those of `keys`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhirhub.model.json import Json
from fhirhub.search import keys
from fhirhub.search.collector import Collector, Converter
from fhirhub.ucum import UcumError, canonical, decimal_of, parse_unit

UCUM: Final = "http://unitsofmeasure.org"
CURRENCIES: Final = "urn:iso:std:iso:4217"
"""The code system of Money.currency."""

LEAST: Final = Decimal("-Infinity")
MOST: Final = Decimal("Infinity")

_ROUND: Final = Context(prec=34, traps=[])
# Any product of a number that can be converted and the numerator of a unit fits in.
_EXACT: Final = Context(prec=10_000, traps=[])


@dataclass(frozen=True, slots=True)
class Conversion:
    """From numbers of a unit to numbers of its canonical one.

    Arguments:
        unit: the code of the canonical unit.
        decreasing: whether greater numbers become smaller ones (a pH is the smaller the more there is).
    """

    unit: str
    decreasing: bool
    _convert: Callable[[Decimal], Decimal]

    def convert(self, value: Decimal) -> Decimal | None:
        """Return a finite number with 34 digits at most; None where the scale of the unit does not reach."""
        try:
            return self._convert(value)
        except UcumError:
            return None


def conversion(unit: str) -> Conversion | None:
    """Return how numbers of a UCUM unit are made canonical; None for what is no code of UCUM."""
    return _conversion(unit) if len(unit) <= keys.VALUE_LIMIT else None


@lru_cache(maxsize=4096)
def _conversion(code: str) -> Conversion | None:
    try:
        unit = parse_unit(code)
    except UcumError:
        # Remembered here: `parse_unit` would read it again for every value.
        return None
    if unit.special is not None:
        decreasing = unit.to_canonical(Fraction(1)) > unit.to_canonical(Fraction(2))
        return Conversion(unit.canonical_code, decreasing, lambda value: _special(value, code))
    numerator, denominator = Decimal(unit.factor.numerator), Decimal(unit.factor.denominator)
    if denominator == 1:
        return Conversion(unit.canonical_code, False, lambda value: _ROUND.multiply(value, numerator))
    return Conversion(
        unit.canonical_code, False, lambda value: _ROUND.divide(_EXACT.multiply(value, numerator), denominator)
    )


@lru_cache(maxsize=4096)
def _special(value: Decimal, code: str) -> Decimal:
    return decimal_of(canonical(value, code)[0])


@dataclass(frozen=True, slots=True)
class _Unit:
    """What comes behind the code of the parameter for a number as it stands, and how the number is made canonical."""

    suffixes: tuple[str, ...]
    conversion: Conversion | None = None
    canonical: str = ""


def _unit(system: str | None, code: str | None, text: str | None) -> _Unit:
    if (system and len(system) > _SHORT) or (code and len(code) > _SHORT) or (text and len(text) > _SHORT):
        return _new_unit(system, code, text)
    return _known_unit(system, code, text)


def _new_unit(system: str | None, code: str | None, text: str | None) -> _Unit:
    suffixes = [""]
    # A code of UCUM has a name of its own below.
    apart = code if system == UCUM else None
    suffixes += dict.fromkeys(keys.unit_name("", each) for each in (code, text) if each and each != apart)
    if not (system and code):
        return _Unit(tuple(suffixes))
    suffixes.append(keys.coded_name("", system, code))
    found = conversion(code) if system == UCUM else None
    return _Unit(tuple(suffixes), found, keys.canonical_name("", found.unit) if found is not None else "")


# Units recur; whatever else someone writes there shall not fill the memory.
_SHORT: Final = 80
_known_unit: Final = lru_cache(maxsize=4096)(_new_unit)


def _limits(quantity: Json) -> tuple[Decimal, Decimal] | None:
    """The range a Quantity stands for; None without a value."""
    value = quantity.get("value")
    if value is None:
        return None
    number = _ROUND.create_decimal(value)
    match quantity.get("comparator"):
        case "<" | "<=":
            return LEAST, number
        case ">" | ">=":
            return number, MOST
        case _:
            return number, number


def _put(code: str, unit: _Unit, low: Decimal, high: Decimal, into: Collector) -> None:
    for suffix in unit.suffixes:
        _put_number(code + suffix, low, high, into)
    if unit.conversion is not None:
        _put_canonical(code + unit.canonical, unit.conversion, low, unit.conversion, high, into)


def _put_canonical(
    name: str, of_low: Conversion, low: Decimal, of_high: Conversion, high: Decimal, into: Collector
) -> None:
    least = low if low is LEAST else of_low.convert(low)
    most = least if high is low else high if high is MOST else of_high.convert(high)
    if least is not None and most is not None:
        if of_low.decreasing:
            least, most = (LEAST if most is MOST else most), (MOST if least is LEAST else least)
        _put_number(name, least, most, into)


def _put_number(name: str, one: Decimal, other: Decimal, into: Collector) -> None:
    into.numbers[(name, one, other) if one <= other else (name, other, one)] = None


def _unit_of(quantity: Json) -> _Unit:
    return _unit(quantity.get("system"), quantity.get("code"), quantity.get("unit"))


def quantity(code: str, value: Json, into: Collector) -> bool:
    """Add a Quantity, or a type derived from it."""
    limits = _limits(value)
    if limits is None:
        return False
    _put(code, _unit_of(value), *limits, into)
    return True


def money(code: str, value: Json, into: Collector) -> bool:
    """Add an amount of Money, its currency being the unit."""
    limits = _limits(value)
    if limits is None:
        return False
    currency = value.get("currency")
    _put(code, _unit(CURRENCIES, currency, None) if currency else _unit(None, None, None), *limits, into)
    return True


def range_of_quantities(code: str, value: Json, into: Collector) -> bool:
    """Add a Range; an end that is not given is open, and ends that stand the wrong way round are turned.

    The bare numbers of two ends in different units are no range.
    """
    low, high = value.get("low") or {}, value.get("high") or {}
    least, most = _limits(low), _limits(high)
    if least is None and most is None:
        return False
    if least is None or most is None:
        unit = _unit_of(low if most is None else high)
        _put(code, unit, least[0] if least else LEAST, most[1] if most else MOST, into)
        return True
    of_low, of_high = _unit_of(low), _unit_of(high)
    if of_low.conversion and of_high.conversion and of_low.canonical == of_high.canonical:
        _put_canonical(code + of_low.canonical, of_low.conversion, least[0], of_high.conversion, most[1], into)
    common = tuple(suffix for suffix in of_low.suffixes if suffix in of_high.suffixes)
    if len(common) == 1 and len(of_low.suffixes) > 1 and len(of_high.suffixes) > 1:
        return False
    _put(code, _Unit(common), least[0], most[1], into)
    return True


def number(code: str, value: int | Decimal, into: Collector) -> bool:
    """Add a number."""
    exact = _ROUND.create_decimal(value)
    into.numbers[code, exact, exact] = None
    return True


def bare_quantity(code: str, value: Json, into: Collector) -> bool:
    """Add the number of a Quantity, without its unit."""
    limits = _limits(value)
    if limits is None:
        return False
    into.numbers[code, limits[0], limits[1]] = None
    return True


def bare_range(code: str, value: Json, into: Collector) -> bool:
    """Add a Range without its units."""
    least, most = _limits(value.get("low") or {}), _limits(value.get("high") or {})
    if least is None and most is None:
        return False
    _put_number(code, least[0] if least else LEAST, most[1] if most else MOST, into)
    return True


QUANTITIES: Final = ("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity")
"""Quantity and the types that are one (https://hl7.org/fhir/R4/datatypes.html#quantity)."""

_COMPUTED: Final = ("System.Integer", "System.Decimal")

QUANTITY_CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {**dict.fromkeys((*QUANTITIES, "System.Quantity"), quantity), "Money": money, "Range": range_of_quantities}
)
NUMBER_CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {
        **dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt", *_COMPUTED), number),
        **dict.fromkeys((*QUANTITIES, "System.Quantity", "Money"), bare_quantity),
        "Range": bare_range,
    }
)
