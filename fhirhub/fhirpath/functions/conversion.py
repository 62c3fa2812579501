"""Functions that turn a value into another System type, and those that ask whether that would work.

http://hl7.org/fhirpath/N1/#conversion
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath import quantity, temporal
from fhirhub.fhirpath.functions.signature import Function, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.singleton import boolean, single, typed

_SYSTEM_OF = r4_schema().system_of
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}")
_DECIMAL: Final = re.compile(r"[+-]?\d{1,60}(\.\d{1,60})?")
_QUANTITY: Final = re.compile(r"(?P<value>[+-]?\d{1,60}(\.\d{1,60})?)\s*('(?P<unit>[^']+)'|(?P<calendar>[A-Za-z]+))?")


def _to_boolean(value: Any, system: str) -> bool | None:
    match system:
        case "System.Boolean":
            return bool(value)
        case "System.String":
            word = value.lower()
            return word in _TRUE if word in _TRUE | _FALSE else None
        case "System.Integer" | "System.Decimal" if value in (0, 1):
            return bool(value)
    return None


def _to_integer(value: Any, system: str) -> int | None:
    match system:
        case "System.Integer":
            return int(value)
        case "System.Boolean":
            return 1 if value else 0
        case "System.String" if _INTEGER.fullmatch(value):
            number = int(value)
            return number if -(2**31) <= number < 2**31 else None
    return None


def _to_decimal(value: Any, system: str) -> Decimal | None:
    match system:
        case "System.Integer" | "System.Decimal":
            return Decimal(value)
        case "System.Boolean":
            return Decimal(1) if value else Decimal(0)
        case "System.String" if _DECIMAL.fullmatch(value):
            return Decimal(value)
    return None


def to_text(value: Any, system: str) -> str | None:
    """Return a value as `toString()` writes it; None for values that have no text."""
    match system:
        case "System.Boolean":
            return "true" if value else "false"
        case "System.Decimal":
            number = Decimal(value)
            return format(number, "f") if abs(number.adjusted()) <= quantity.MAX_EXPONENT else str(number)
        case "System.Quantity":
            unit = f"'{value['code']}'" if "code" in value else value["unit"]
            return f"{format(Decimal(value['value']), 'f')} {unit}"
    return str(value)


def _to_temporal(wanted: str) -> Callable[[Any, str], str | None]:
    def convert(value: Any, system: str) -> str | None:
        if system == wanted or system == "System.String" or (system, wanted) == ("System.Date", "System.DateTime"):
            return value if temporal.parse(value, wanted) is not None else None
        if (system, wanted) == ("System.DateTime", "System.Date"):
            return str(value)[:10] if temporal.parse(value, system) is not None else None
        return None

    return convert


def _to_quantity(value: Any, system: str) -> dict[str, Any] | None:
    match system:
        case "System.Quantity":
            return dict(value)
        case "System.Integer" | "System.Decimal" | "System.Boolean":
            return quantity.quantity_json(Decimal(value), "1")
        case "System.String":
            match = _QUANTITY.fullmatch(value)
            if match is None:
                return None
            number, calendar = Decimal(match["value"]), match["calendar"]
            if calendar is None:
                return quantity.quantity_json(number, match["unit"] or "1")
            if calendar in quantity.CALENDAR_UNITS:
                return quantity.quantity_json(number, calendar, calendar=True)
    return None


Conversion = Callable[[Any, str], Any]


def _converted(convert: Conversion, items: list[Node], what: str) -> Any:
    node = single(items, what)
    system = _SYSTEM_OF[node.type] if node is not None else None
    if node is None or system is None:
        return None
    if system == "System.Quantity":
        amount = quantity.convertible(node)
        if amount is None:
            return None
        if node.type != system:
            node = quantity.node_of(amount)
    return convert(node.value, system)


def _to(convert: Conversion, name: str) -> Callable[[list[Node]], list[Node]]:
    def run(items: list[Node]) -> list[Node]:
        value = _converted(convert, items, f"to{name}")
        return [] if value is None else [Node(value, f"System.{name}")]

    return run


def _converts_to(convert: Conversion, name: str) -> Callable[[list[Node]], list[Node]]:
    def run(items: list[Node]) -> list[Node]:
        return boolean(_converted(convert, items, f"convertsTo{name}") is not None) if items else []

    return run


def _in_unit(items: list[Node], unit: list[Node]) -> quantity.Quantity | None:
    raw, wanted = _converted(_to_quantity, items, "toQuantity"), typed(unit, "System.String", "toQuantity")
    amount = quantity.convertible(Node(raw, "System.Quantity")) if raw is not None else None
    if amount is None or wanted is None:
        return None
    calendar = wanted in quantity.CALENDAR_UNITS
    name = quantity.CALENDAR_UNITS[wanted] if calendar else wanted
    number = quantity.in_unit_of(amount, quantity.Quantity(Decimal(1), name, calendar))
    if number is None:
        return None
    return quantity.Quantity(Decimal(number.numerator) / Decimal(number.denominator), name, calendar)


def _to_quantity_call(items: list[Node], *unit: list[Node]) -> list[Node]:
    if not unit:
        return _to(_to_quantity, "Quantity")(items)
    amount = _in_unit(items, unit[0])
    if amount is None:
        return []
    return [quantity.node_of(amount)]


def _converts_to_quantity(items: list[Node], *unit: list[Node]) -> list[Node]:
    if not unit:
        return _converts_to(_to_quantity, "Quantity")(items)
    return boolean(_in_unit(items, unit[0]) is not None) if items else []


_CONVERSIONS: Final[Mapping[str, Conversion]] = {
    "Boolean": _to_boolean,
    "Integer": _to_integer,
    "Decimal": _to_decimal,
    "String": to_text,
    "Date": _to_temporal("System.Date"),
    "DateTime": _to_temporal("System.DateTime"),
    "Time": _to_temporal("System.Time"),
}

CONVERSION: Final[Mapping[str, Function]] = MappingProxyType(
    {
        f"to{name}": Function(of_values(_to(convert, name)), returns=f"System.{name}")
        for name, convert in _CONVERSIONS.items()
    }
    | {
        f"convertsTo{name}": Function(of_values(_converts_to(convert, name)), returns="System.Boolean")
        for name, convert in _CONVERSIONS.items()
    }
    | {
        "toQuantity": Function(of_values(_to_quantity_call), 0, 1, returns="System.Quantity"),
        "convertsToQuantity": Function(of_values(_converts_to_quantity), 0, 1, returns="System.Boolean"),
    }
)
