"""Criteria on numbers and quantities: implicit precision, prefixes, units.

https://hl7.org/fhir/R4/search.html#number, https://hl7.org/fhir/R4/search.html#quantity
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Final

from fhirhub.search import keys, syntax
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Bound, Filter, RangeIs, any_of
from fhirhub.search.index_numbers import UCUM, Conversion, conversion
from fhirhub.search.temporal import PREFIXES

MAX_DIGITS: Final = 32
"""Most significant digits of a value: with two more, which a database keeps, its implicit limits are exact."""
MAX_EXPONENT: Final = 1_000
"""Most digits of a value before or after the point."""

_LONGEST: Final = 100
_NUMBER: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,5}))?", re.ASCII)
_EXACT: Final = Context(prec=2 * MAX_DIGITS, Emax=10 * MAX_EXPONENT, Emin=-10 * MAX_EXPONENT)

_OPPOSITE: Final[Mapping[str, str]] = MappingProxyType(
    {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "sa": "eb", "eb": "sa"}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """A value and what surrounds it: [low, high) by its precision, [least, most] approximately.

    `falling`: these are numbers of a scale that falls where the client's rises, so the half-open end is the low one.
    """

    value: Decimal
    low: Decimal
    high: Decimal
    least: Decimal
    most: Decimal
    falling: bool = False

    def on(self, scale: Conversion) -> "Limits | None":
        """Return the same limits on another scale; None where it does not reach that far."""
        value, low, high, least, most = map(scale.convert, (self.value, self.low, self.high, self.least, self.most))
        if value is None or low is None or high is None or least is None or most is None:
            return None
        if scale.decreasing:
            return Limits(value, high, low, most, least, falling=True)
        return Limits(value, low, high, least, most)


def number(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a number parameter.

    Raises FhirError: not a number, or one of too many digits.
    """
    prefix, limits = _prefixed(criterion, syntax.unescape(text))
    return _compared(prefix, criterion.parameter.code, limits)


def quantity(criterion: Criterion, text: str) -> Filter:
    """Return the filter of one value of a quantity parameter: `number`, `number|system|code` or `number||code`.

    A number of a UCUM unit is compared with all quantities it can be converted to.
    Raises FhirError: none of these forms, not a number, or one of too many digits.
    """
    code = criterion.parameter.code
    first, *unit = [syntax.unescape(part) for part in syntax.split(criterion.name, text, "|")]
    prefix, limits = _prefixed(criterion, first)
    match unit:
        case []:
            return _compared(prefix, code, limits)
        case ["", symbol] if symbol:
            names = keys.unit_name(code, symbol), keys.coded_name(code, UCUM, symbol)
            return any_of(_compared(prefix, name, limits) for name in names)
        case [system, symbol] if system and symbol:
            scale = conversion(symbol) if system == UCUM else None
            if scale is not None and (converted := limits.on(scale)) is not None:
                return _compared(prefix, keys.canonical_name(code, scale.unit), converted)
            return _compared(prefix, keys.coded_name(code, system, symbol), limits)
        case _:
            raise syntax.bad_value(
                criterion.name,
                f"{text!r} is not of the form number, number|system|code or number||code; "
                "a bar within a code is written \\|.",
            )


def _prefixed(criterion: Criterion, text: str) -> tuple[str, Limits]:
    prefix, rest = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    return prefix, limits_of(criterion.name, rest)


def limits_of(name: str, text: str) -> Limits:
    """Return a number with its limits.

    Arguments:
        name: the parameter that errors name.

    Raises FhirError: not a number, or one of too many digits.
    """
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise syntax.bad_value(name, _wrong(text))
    whole, decimals, exponent = found.groups()
    digits = len(f"{whole}{decimals or ''}".lstrip("0"))
    power = int(exponent or 0) - len(decimals or "")
    if digits > MAX_DIGITS or power + digits > MAX_EXPONENT or power < -MAX_EXPONENT:
        raise syntax.bad_value(
            name,
            f"{text!r} has too many digits; at most {MAX_DIGITS} count, and {MAX_EXPONENT} before or after the point.",
        )
    if exponent is not None and decimals is None:
        # The table of the specification has 1e2 stand for [95, 105): its one digit counts as 1.0.
        power -= 1
    value, half, tenth = Decimal(text), Decimal((0, (5,), power - 1)), Decimal("0.1")
    margin = _EXACT.multiply(abs(value), tenth)
    return Limits(
        value=value,
        low=_EXACT.subtract(value, half),
        high=_EXACT.add(value, half),
        least=_EXACT.subtract(value, margin),
        most=_EXACT.add(value, margin),
    )


def _wrong(text: str) -> str:
    shown = repr(text) if len(text) <= _LONGEST else f"a text of {len(text)} characters"
    hint = ""
    if re.search(r"[eE] [0-9]", text):
        hint = " (a + in a URL means a space: write %2B)"
    elif re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        hint = " (a decimal point is a full stop)"
    prefixes = ", ".join(PREFIXES)
    return f"{shown} is no number: expected one as 5, -5.40 or 1e2{hint}, after one of {prefixes} or none."


def _compared(prefix: str, name: str, limits: Limits) -> Filter:
    """How the range of an entry lies to a number; an exact one is a range of equal ends."""

    def having(*bounds: Bound) -> Filter:
        return RangeIs("number", name, bounds)

    value, falling = limits.value, limits.falling
    match _OPPOSITE.get(prefix, prefix) if falling else prefix:
        case "eq":
            return having(
                ("low", ">" if falling else ">=", limits.low), ("high", "<=" if falling else "<", limits.high)
            )
        case "ne":
            return any_of(
                [
                    having(("low", "<=" if falling else "<", limits.low)),
                    having(("high", ">" if falling else ">=", limits.high)),
                ]
            )
        case "gt":
            return having(("high", ">", value))
        case "lt":
            return having(("low", "<", value))
        case "ge":
            return having(("high", ">=", value))
        case "le":
            return having(("low", "<=", value))
        case "sa":
            return having(("low", ">", value))
        case "eb":
            return having(("high", "<", value))
        case _:
            return having(("low", "<=", limits.most), ("high", ">=", limits.least))
