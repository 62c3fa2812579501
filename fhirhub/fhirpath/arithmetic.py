"""`+ - * / div mod` and the sign, in exact decimals.

http://hl7.org/fhirpath/N1/#math, http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Context, Decimal, DecimalException
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath import quantity, temporal
from fhirhub.fhirpath.calendar_arithmetic import add_duration
from fhirhub.fhirpath.equality import NUMBERS
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.singleton import number, string

_SYSTEM_OF = r4_schema().system_of
CONTEXT: Final = Context(prec=28)
"""Twenty-eight digits, as the specification asks for at least."""

_TIMES: Final = frozenset({"System.Date", "System.DateTime", "System.Time"})


def calculate(operator: str, left: Node, right: Node) -> list[Node]:
    """Return the result; empty for a division by zero and for results out of range.

    Raises:
        FhirPathError: the operator is not defined for these types.
    """
    system, other = _SYSTEM_OF[left.type], _SYSTEM_OF[right.type]
    try:
        if system in NUMBERS and other in NUMBERS:
            return _NUMERIC[operator](left.value, right.value)
        if operator == "+" and system == other == "System.String":
            return string(left.value + right.value)
        if operator in ("+", "-") and system in _TIMES and other == "System.Quantity":
            return _shift(operator, left, right)
        if "System.Quantity" in (system, other):
            return _quantities(operator, left, right)
    except DecimalException:
        return []
    raise FhirPathError(f"{operator} is not defined for {left.type} and {right.type}")


def negate(node: Node) -> list[Node]:
    """Return `-node`.

    Raises:
        FhirPathError: it is neither a number nor a quantity.
    """
    system = _SYSTEM_OF[node.type]
    if system in NUMBERS:
        return number(-node.value)
    if system == "System.Quantity":
        amount = quantity.convertible(node)
        return [quantity.node_of(replace(amount, value=-amount.value))] if amount is not None else []
    raise FhirPathError(f"- is not defined for {node.type}")


def _exact(operation: Callable[[Decimal, Decimal], Decimal], whole: Callable[[int, int], int]) -> Callable[..., Any]:
    def run(left: int | Decimal, right: int | Decimal) -> list[Node]:
        if isinstance(left, int) and isinstance(right, int):
            return number(whole(left, right))
        return number(operation(Decimal(left), Decimal(right)))

    return run


def _divide(left: int | Decimal, right: int | Decimal) -> list[Node]:
    return number(CONTEXT.divide(Decimal(left), Decimal(right))) if right else []


def _whole_quotient(left: int | Decimal, right: int | Decimal) -> list[Node]:
    return number(int(CONTEXT.divide_int(Decimal(left), Decimal(right)))) if right else []


def _remainder(left: int | Decimal, right: int | Decimal) -> list[Node]:
    if not right:
        return []
    rest = CONTEXT.remainder(Decimal(left), Decimal(right))
    return number(int(rest) if isinstance(left, int) and isinstance(right, int) else rest)


_NUMERIC: Final[Mapping[str, Callable[[Any, Any], list[Node]]]] = MappingProxyType(
    {
        "+": _exact(CONTEXT.add, int.__add__),
        "-": _exact(CONTEXT.subtract, int.__sub__),
        "*": _exact(CONTEXT.multiply, int.__mul__),
        "/": _divide,
        "div": _whole_quotient,
        "mod": _remainder,
    }
)


def _shift(operator: str, left: Node, right: Node) -> list[Node]:
    moment = temporal.parse(left.value, _SYSTEM_OF[left.type] or "")
    amount = quantity.convertible(right)
    if moment is None or amount is None:
        return []
    moved = add_duration(moment, amount, 1 if operator == "+" else -1)
    return [Node(str(moved), moved.type)] if moved is not None else []


def _amount(node: Node) -> quantity.Quantity | None:
    if _SYSTEM_OF[node.type] in NUMBERS:
        return quantity.Quantity(Decimal(node.value), "1")
    if _SYSTEM_OF[node.type] == "System.Quantity":
        return quantity.convertible(node)
    raise FhirPathError(f"A {node.type} is no quantity")


def _quantities(operator: str, left: Node, right: Node) -> list[Node]:
    if operator not in ("+", "-", "*", "/"):
        raise FhirPathError(f"{operator} is not defined for {left.type} and {right.type}")
    amount, other = _amount(left), _amount(right)
    if amount is None or other is None:
        return []
    if operator in ("+", "-"):
        return _sum(amount, other, 1 if operator == "+" else -1)
    if operator == "/" and other.value == 0:
        return []
    if other.unit == "1":
        value = CONTEXT.multiply(amount.value, other.value) if operator == "*" else amount.value / other.value
        return _quantity(value, amount)
    if amount.unit == "1" and operator == "*":
        return _quantity(CONTEXT.multiply(amount.value, other.value), other)
    return [quantity.node_of(quantity.product(amount, other, 1 if operator == "*" else -1))]


def _sum(left: quantity.Quantity, right: quantity.Quantity, sign: int) -> list[Node]:
    if left.unit == right.unit and left.calendar == right.calendar:
        return _quantity(CONTEXT.add(left.value, sign * right.value), left)
    other = quantity.in_unit_of(right, left) if quantity.is_ratio(left) and quantity.is_ratio(right) else None
    if other is None:
        return []
    exact = Fraction(left.value) + sign * other
    return _quantity(CONTEXT.divide(Decimal(exact.numerator), Decimal(exact.denominator)), left)


def _quantity(value: Decimal, like: quantity.Quantity) -> list[Node]:
    return [quantity.node_of(replace(like, value=value))]
