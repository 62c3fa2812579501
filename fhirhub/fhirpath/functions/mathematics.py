"""Functions of numbers, in decimals of 28 digits.

http://hl7.org/fhirpath/N1/#math-1
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath import quantity
from fhirhub.fhirpath.arithmetic import CONTEXT
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.signature import SAME, Function, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.singleton import number, single, typed

_SYSTEM_OF = r4_schema().system_of
_WIDE: Final = Context(prec=40)
"""More digits than are shown, so that `16.log(2)` is 4 and not a hair less."""


def _value(items: list[Node], what: str) -> Any:
    return typed(items, "System.Decimal", what)


def _on_number(name: str, function: Callable[..., Any]) -> Callable[..., list[Node]]:
    """Make a function of numbers; empty where an operand is, where it is not defined and where it overflows."""

    def run(items: list[Node], *arguments: list[Node]) -> list[Node]:
        operands = [_value(operand, name) for operand in (items, *arguments)]
        if None in operands:
            return []
        try:
            result = function(*operands)
        except (DecimalException, ValueError, OverflowError):
            return []
        return [] if result is None else number(result)

    return run


def _narrow(value: Decimal) -> Decimal:
    return CONTEXT.plus(value)


def _to_whole(rounding: str) -> Callable[[Any], int | None]:
    def run(value: Any) -> int | None:
        whole = Decimal(value).to_integral_value(rounding)
        return int(whole) if whole.adjusted() < 12 else None

    return run


def _round(value: Any, digits: Any = 0) -> Decimal:
    if not isinstance(digits, int) or digits < 0:
        raise FhirPathError("round takes a precision of 0 or more digits")
    exact = Decimal(value)
    if -int(exact.as_tuple().exponent) <= digits:
        return exact
    return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _log(value: Any, base: Any) -> Decimal:
    return _narrow(_WIDE.divide(_WIDE.ln(Decimal(value)), _WIDE.ln(Decimal(base))))


def _power(value: Any, exponent: Any) -> int | Decimal:
    result = _WIDE.power(Decimal(value), Decimal(exponent))
    if isinstance(value, int) and isinstance(exponent, int) and exponent >= 0:
        return int(result) if result.adjusted() < 12 else _narrow(result)
    return _narrow(result)


def _sqrt(value: Any) -> Decimal:
    return _narrow(_WIDE.sqrt(Decimal(value)))


def _abs(items: list[Node]) -> list[Node]:
    node = single(items, "abs")
    if node is not None and _SYSTEM_OF[node.type] == "System.Quantity":
        amount = quantity.convertible(node)
        return [quantity.node_of(replace(amount, value=abs(amount.value)))] if amount is not None else []
    value = _value(items, "abs")
    return [] if value is None else number(abs(value))


_INTEGER: Final = "System.Integer"


def _numeric(
    name: str, function: Callable[..., Any], most: int = 0, least: int = 0, returns: str | None = None
) -> Function:
    return Function(of_values(_on_number(name, function)), least, most, returns=returns or "System.Decimal")


MATHEMATICS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "abs": Function(of_values(_abs), returns=SAME),
        "ceiling": _numeric("ceiling", _to_whole(ROUND_CEILING), returns=_INTEGER),
        "floor": _numeric("floor", _to_whole(ROUND_FLOOR), returns=_INTEGER),
        "truncate": _numeric("truncate", _to_whole(ROUND_DOWN), returns=_INTEGER),
        "round": _numeric("round", _round, 1),
        "exp": _numeric("exp", lambda value: _narrow(_WIDE.exp(Decimal(value)))),
        "ln": _numeric("ln", lambda value: _narrow(_WIDE.ln(Decimal(value)))),
        "log": _numeric("log", _log, 1, 1),
        "power": _numeric("power", _power, 1, 1),
        "sqrt": _numeric("sqrt", _sqrt),
    }
)
