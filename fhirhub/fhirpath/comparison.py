"""`<`, `<=`, `>`, `>=`.

http://hl7.org/fhirpath/N1/#comparison
"""

from typing import Any

from fhirhub.fhirpath import quantity, temporal
from fhirhub.fhirpath.equality import NUMBERS, is_temporal_pair, temporal_of
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema

_SYSTEM_OF = r4_schema().system_of


def order(left: Node, right: Node) -> int | None:
    """Return -1, 0 or 1; None when precision, offsets or units leave it open.

    Raises:
        FhirPathError: the types have no order, or none with each other.
    """
    system, other = _SYSTEM_OF[left.type], _SYSTEM_OF[right.type]
    if system in NUMBERS and other in NUMBERS:
        return _sign(left.value, right.value)
    if system is not None and other is not None and is_temporal_pair(system, other):
        moment, other_moment = temporal_of(left, system), temporal_of(right, other)
        if moment is None or other_moment is None:
            wrong = left if moment is None else right
            raise FhirPathError(f"{wrong.value!r} is no {wrong.type}")
        return temporal.compare(moment, other_moment)
    if system == other == "System.String":
        return _sign(left.value, right.value)
    if system == other == "System.Quantity":
        amount, other_amount = quantity.of_node(left), quantity.of_node(right)
        values = quantity.comparable_values(amount, other_amount) if amount and other_amount else None
        return None if values is None else _sign(*values)
    raise FhirPathError(f"A {left.type} cannot be compared with a {right.type}")


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
