"""Quantities: a number with a UCUM unit or a calendar duration.

http://hl7.org/fhirpath/N1/#quantity, https://hl7.org/fhir/R4/fhirpath.html#quantity
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.units import Unit, multiply, parse_unit

UCUM: Final = "http://unitsofmeasure.org"

MAX_EXPONENT: Final = 60
"""Numbers of this many digits before the point, or zeros after it, are not calculated with."""

CALENDAR_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: unit
        for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
        for name in (unit, unit + "s")
    }
)
"""The words for calendar durations, singular and plural, by the singular."""

_CALENDAR_UCUM: Final = {
    "year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s",
    "millisecond": "ms",
}  # fmt: skip
_FHIR_CALENDAR: Final = {code: word for word, code in _CALENDAR_UCUM.items() if word not in ("week", "millisecond")}
DEFINITE_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
)
"""UCUM units of time that are as long as the calendar duration of that name."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit: a UCUM code, or with `calendar` the singular of a calendar duration.

    `system` is set when the unit is no UCUM code: the system it is of, or nothing. It compares with itself only.
    """

    value: Decimal
    unit: str
    calendar: bool = False
    system: str | None = None


def quantity_json(value: Decimal, unit: str, calendar: bool = False) -> dict[str, Any]:
    """Return the JSON of a FHIR Quantity; a calendar duration has a `unit` only."""
    if calendar:
        return {"value": value, "unit": unit}
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def of_node(node: Node) -> Quantity | None:
    """Return what a quantity says, for comparisons.

    None without a number that can be calculated with, and with a comparator, which makes it a range. A FHIR Quantity in
    UCUM units of time means calendar durations; one without a UCUM code compares with its like only.
    """
    raw = node.value
    if not isinstance(raw, dict) or "comparator" in raw:
        return None
    value = raw.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or abs(Decimal(value).adjusted()) > MAX_EXPONENT:
        return None
    system, code, unit = raw.get("system"), raw.get("code"), raw.get("unit")
    if node.type == "System.Quantity":
        calendar = CALENDAR_UNITS.get(str(unit)) if code is None else None
        return Quantity(Decimal(value), calendar or str(code), calendar=calendar is not None)
    if system != UCUM or not isinstance(code, str):
        return Quantity(Decimal(value), str(code or unit or ""), system=str(system or ""))
    if code in _FHIR_CALENDAR:
        return Quantity(Decimal(value), _FHIR_CALENDAR[code], calendar=True)
    return Quantity(Decimal(value), code)


def convertible(node: Node) -> Quantity | None:
    """Return what a quantity says, for calculations: None as well when it is a FHIR Quantity without a UCUM code."""
    found = of_node(node)
    return found if found is not None and found.system is None else None


def node_of(amount: Quantity) -> Node:
    """Return the System.Quantity of a quantity."""
    return Node(quantity_json(amount.value, amount.unit, amount.calendar), "System.Quantity")


def _unit(quantity: Quantity) -> Unit:
    if quantity.system is not None:
        return Unit(Fraction(1), frozenset({(f"{quantity.system}|{quantity.unit}", 1)}))
    if not quantity.calendar:
        return parse_unit(quantity.unit)
    match quantity.unit:
        case "year":
            return Unit(Fraction(365 * 86_400), frozenset({("s", 1)}))
        case "month":
            return Unit(Fraction(30 * 86_400), frozenset({("s", 1)}))
    return parse_unit(_CALENDAR_UCUM[quantity.unit])


def _variable_length(quantity: Quantity) -> bool:
    return quantity.unit in ("year", "month") if quantity.calendar else quantity.unit in ("a", "mo")


def comparable_values(left: Quantity, right: Quantity) -> tuple[Fraction, Fraction] | None:
    """Return both numbers in one unit; None when the units measure different things.

    A year or month of the calendar has no length that a definite duration could be compared with.
    """
    if left.unit == right.unit and left.calendar == right.calendar and left.system == right.system:
        return Fraction(left.value), Fraction(right.value)
    if left.calendar != right.calendar and (_variable_length(left) or _variable_length(right)):
        return None
    if left.calendar and right.calendar and _variable_length(left) and _variable_length(right):
        return Fraction(left.value) * _months(left), Fraction(right.value) * _months(right)
    return _convert(left, right)


def _months(quantity: Quantity) -> int:
    return 12 if quantity.unit == "year" else 1


def _convert(left: Quantity, right: Quantity) -> tuple[Fraction, Fraction] | None:
    left_unit, right_unit = _unit(left), _unit(right)
    if left_unit.measures != right_unit.measures:
        return None
    low, high = left_unit.to_reference(Fraction(left.value)), right_unit.to_reference(Fraction(right.value))
    return None if low is None or high is None else (low, high)


def in_unit_of(amount: Quantity, like: Quantity) -> Fraction | None:
    """Return the number of an amount in the unit of another; None when that measures something else."""
    values = comparable_values(amount, replace(like, value=Decimal(1)))
    if values is None:
        return None
    if is_ratio(like) or amount.unit == like.unit:
        return values[0] / values[1]
    return _unit(like).of_reference(values[0])


def is_ratio(amount: Quantity) -> bool:
    """Whether numbers of the unit are multiples of one of it, so that they can be added to those of other units."""
    return _unit(amount).special is None


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Whether both are equal to the precision of the less precise one; calendar and definite durations do compare."""
    left, right = (Quantity(q.value, _CALENDAR_UCUM[q.unit]) if q.calendar else q for q in (left, right))
    if _convert(left, right) is None:
        return False
    # In the unit of the one that is less precise in that unit, the other is rounded to as many places.
    coarse, fine = sorted((left, right), key=_resolution, reverse=True)
    in_coarse_unit = in_unit_of(fine, coarse)
    return in_coarse_unit is not None and round_to_places(in_coarse_unit, places(coarse.value)) == coarse.value


def _resolution(quantity: Quantity) -> Fraction:
    """How much one in the last place makes, in base units."""
    unit, value = _unit(quantity), Fraction(quantity.value)
    here, next_one = unit.to_reference(value), unit.to_reference(value + Fraction(10) ** -places(quantity.value))
    return Fraction(0) if here is None or next_one is None else abs(next_one - here)


def places(number: Decimal) -> int:
    """Return how many digits stand after the point."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def round_to_places(number: Fraction, digits: int) -> Decimal:
    """Return `number` with `digits` places after the point, halves away from zero."""
    scaled = number * Fraction(10) ** digits
    whole = (Decimal(scaled.numerator) / Decimal(scaled.denominator)).to_integral_value(ROUND_HALF_UP)
    return whole.scaleb(-digits)


def product(left: Quantity, right: Quantity, sign: int) -> Quantity:
    """Return `left · right`, or for a `sign` of -1 `left / right`, in base units; the caller excludes division by 0."""
    unit = multiply(_unit(left), _unit(right), sign)
    exact = Fraction(left.value) * Fraction(right.value) ** sign * unit.factor
    value = Decimal(exact.numerator) / Decimal(exact.denominator)
    name = ".".join(f"{base}{power if power != 1 else ''}" for base, power in sorted(unit.dimensions))
    return Quantity(value, name or "1")
