"""From a collection to the one value an operator or function needs, and back.

http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema

_SYSTEM_OF = r4_schema().system_of

MAX_TEXT: Final = 20_000_000
"""The longest string an expression makes, in characters."""

# What JSON has for each System type; resources that were not validated can hold anything.
_SHAPES: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "System.Boolean": (bool,),
        "System.String": (str,),
        "System.Integer": (int,),
        "System.Decimal": (int, Decimal),
        "System.Date": (str,),
        "System.DateTime": (str,),
        "System.Time": (str,),
        "System.Quantity": (dict,),
    }
)

TRUE = [Node(True, "System.Boolean")]
FALSE = [Node(False, "System.Boolean")]


def boolean(value: bool | None) -> list[Node]:
    """Return a truth value as a collection, unknown as the empty one."""
    if value is None:
        return []
    return TRUE if value else FALSE


def string(value: str) -> list[Node]:
    """Return a string as a collection.

    Raises:
        FhirPathError: it is longer than `MAX_TEXT`.
    """
    if len(value) > MAX_TEXT:
        raise FhirPathError(f"A string of more than {MAX_TEXT} characters")
    return [Node(value, "System.String")]


def number(value: int | Decimal) -> list[Node]:
    """Return an Integer or Decimal as a collection; empty where the value is out of the range FHIRPath guarantees."""
    if isinstance(value, int):
        return [Node(value, "System.Integer")] if -(2**31) <= value < 2**31 else []
    if not value.is_finite() or value.adjusted() > 27:
        return []
    return [Node(value, "System.Decimal")]


def single(nodes: list[Node], what: str) -> Node | None:
    """Return the only item, None when there is none or it has no value.

    Raises:
        FhirPathError: there are several, or it is not what its type says; `what` names the operand in the message.
    """
    if not nodes:
        return None
    if len(nodes) > 1:
        raise FhirPathError(f"{what} takes one item, not {len(nodes)}")
    node = nodes[0]
    if node.value is None:
        return None
    shape = _SHAPES.get(_SYSTEM_OF[node.type] or "")
    if shape is not None and type(node.value) not in shape:
        raise FhirPathError(f"{node.value!r} is no {node.type}")
    return node


def typed(nodes: list[Node], system: str, what: str) -> Any:
    """Return the value of the only item, which has to be of a System type; None when there is none.

    Raises:
        FhirPathError: there are several items, or one of another type.
    """
    node = single(nodes, what)
    if node is None:
        return None
    found = _SYSTEM_OF[node.type]
    if found != system and not (system == "System.Decimal" and found == "System.Integer"):
        raise FhirPathError(f"{what} takes a {system.removeprefix('System.')}, not a {node.type}")
    return node.value


def truth(nodes: list[Node], what: str) -> bool | None:
    """Return a collection as a truth value: empty is unknown, one item that is no Boolean is true.

    Raises:
        FhirPathError: there are several items.
    """
    if nodes is TRUE:
        return True
    if nodes is FALSE:
        return False
    if not nodes:
        return None
    if len(nodes) > 1:
        raise FhirPathError(f"{what} takes one item, not {len(nodes)}")
    node = nodes[0]
    if _SYSTEM_OF[node.type] == "System.Boolean":
        return node.value if isinstance(node.value, bool) else None
    return True
