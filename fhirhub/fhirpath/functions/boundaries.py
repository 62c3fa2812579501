"""The least and the greatest value a number or date can stand for, its precision, and whether quantities compare.

https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time
(These functions are newer than N1, but the suite for R4 has them.)
"""

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath import quantity, temporal
from fhirhub.fhirpath.equality import NUMBERS, temporal_of
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.signature import Function, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.singleton import boolean, number, single, typed

_SYSTEM_OF = r4_schema().system_of
_WIDE: Final = Context(prec=200)
_MAX_DIGITS: Final = 31
_DECIMAL_DIGITS: Final = 8
# Digits of a precision to the number of parts of a date or dateTime, and of a time; 17 and 9 are milliseconds.
_DATE_PARTS: Final = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}
_TIME_PARTS: Final = {2: 1, 4: 2, 6: 3, 9: 3}
_FINEST: Final = {"System.Date": 8, "System.DateTime": 17, "System.Time": 9}


def _boundary(name: str, high: bool) -> Callable[..., list[Node]]:
    def run(items: list[Node], *precision: list[Node]) -> list[Node]:
        node = single(items, name)
        digits = typed(precision[0], "System.Integer", name) if precision else None
        if node is None:
            return []
        system = _SYSTEM_OF[node.type]
        if system in NUMBERS:
            value = _decimal_boundary(Decimal(node.value), digits, high)
            return number(value) if value is not None else []
        if system == "System.Quantity":
            amount = quantity.convertible(node)
            value = _decimal_boundary(amount.value, digits, high) if amount is not None else None
            return [quantity.node_of(replace(amount, value=value))] if amount is not None and value is not None else []
        if system in _FINEST:
            moment = temporal_of(node, system)
            return _temporal_boundary(moment, digits, high) if moment is not None else []
        raise FhirPathError(f"{name} is not defined for a {node.type}")

    return run


def _decimal_boundary(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    digits = _DECIMAL_DIGITS if digits is None else digits
    if not 0 <= digits <= _MAX_DIGITS or abs(value.adjusted()) > quantity.MAX_EXPONENT:
        return None
    half = Decimal(5).scaleb(-quantity.places(value) - 1)
    outward = high == (value > 0) or value == 0
    size = abs(value) + half if outward else abs(value) - half
    # Towards zero digits are cut off, away from it they are rounded, as the official test suite has it.
    rounded = size.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP if outward else ROUND_DOWN, _WIDE)
    return rounded if value > 0 or (value == 0 and high) else rounded.copy_negate()


def _temporal_boundary(moment: temporal.Temporal, digits: int | None, high: bool) -> list[Node]:
    digits = _FINEST[moment.type] if digits is None else digits
    is_time = moment.type == "System.Time"
    wanted = (_TIME_PARTS if is_time else _DATE_PARTS).get(digits)
    if wanted is None or digits > _FINEST["System.DateTime" if not is_time else "System.Time"]:
        return []
    parts = list(moment.parts)
    for position in range(len(parts), 3 if is_time else 6):
        parts.append(_extreme(parts, position + (3 if is_time else 0), high))
    fraction = moment.fraction or ("999" if high and len(moment.parts) < len(parts) else "000")
    offset = moment.offset
    if offset is None and not is_time:
        offset = temporal.EARLIEST_OFFSET if high else temporal.LATEST_OFFSET
    shows_clock = not is_time and wanted > 3
    result = temporal.Temporal(
        moment.type,
        tuple(parts[:wanted]),
        fraction.ljust(3, "0")[:3] if digits in (9, 17) else None,
        offset if shows_clock else None,
    )
    return [Node(str(result), moment.type)]


def _extreme(parts: list[int], position: int, high: bool) -> int:
    match position:
        case 1:
            return 12 if high else 1
        case 2:
            return monthrange(parts[0], parts[1])[1] if high else 1
        case 3:
            return 23 if high else 0
    return 59 if high else 0


def _precision(items: list[Node]) -> list[Node]:
    node = single(items, "precision")
    if node is None:
        return []
    system = _SYSTEM_OF[node.type]
    if system in NUMBERS:
        return number(quantity.places(Decimal(node.value)))
    if system in _FINEST:
        moment = temporal_of(node, system)
        if moment is None:
            return []
        table = _TIME_PARTS if system == "System.Time" else _DATE_PARTS
        digits = next(digits for digits, parts in table.items() if parts == len(moment.parts))
        return number(digits + 3 if moment.fraction is not None else digits)
    raise FhirPathError(f"precision is not defined for a {node.type}")


def _comparable(items: list[Node], others: list[Node]) -> list[Node]:
    left, right = single(items, "comparable"), single(others, "comparable")
    if left is None or right is None:
        return []
    amount, other = quantity.of_node(left), quantity.of_node(right)
    if amount is None or other is None:
        raise FhirPathError("comparable takes quantities")
    return boolean(quantity.comparable_values(amount, other) is not None)


BOUNDARIES: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "lowBoundary": Function(of_values(_boundary("lowBoundary", high=False)), 0, 1),
        "highBoundary": Function(of_values(_boundary("highBoundary", high=True)), 0, 1),
        "precision": Function(of_values(_precision), returns="System.Integer"),
        "comparable": Function(of_values(_comparable), 1, 1, returns="System.Boolean"),
    }
)
