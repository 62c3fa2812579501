"""When two items, two collections are equal or equivalent, and collections without repetition.

http://hl7.org/fhirpath/N1/#equality
"""

import re
from collections.abc import Hashable, Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from fhirhub.fhirpath import quantity, temporal
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema

_SYSTEM_OF = r4_schema().system_of
NUMBERS: Final = frozenset({"System.Integer", "System.Decimal"})
DATES: Final = frozenset({"System.Date", "System.DateTime"})
_WIDE: Final = Context(prec=200)
_WHITESPACE: Final = re.compile(r"\s+")


def temporal_of(node: Node, system: str) -> temporal.Temporal | None:
    """Return the date or time of a node whose System type is `system`; None when its text is none."""
    return temporal.parse(node.value, system) if isinstance(node.value, str) else None


def is_temporal_pair(left: str, right: str) -> bool:
    """Whether values of these System types can be compared as dates or as times."""
    return (left in DATES and right in DATES) or (left == right == "System.Time")


def equal(left: Node, right: Node) -> bool | None:
    """Whether two items are equal; None when their precision or a missing value leaves it open."""
    if left.value is None or right.value is None:
        return None
    system, other = _SYSTEM_OF[left.type], _SYSTEM_OF[right.type]
    if system is None or other is None:
        return system is other and left.type == right.type and bool(left.value == right.value)
    if system == other == "System.String":
        return bool(left.value == right.value)
    if system in NUMBERS:
        return other in NUMBERS and bool(left.value == right.value)
    if is_temporal_pair(system, other):
        moment, other_moment = temporal_of(left, system), temporal_of(right, other)
        if moment is None or other_moment is None:
            return bool(left.value == right.value)
        order = temporal.compare(moment, other_moment)
        return None if order is None else order == 0
    if system == other == "System.Quantity":
        return _equal_quantities(left, right)
    return system == other and bool(left.value == right.value)


def _equal_quantities(left: Node, right: Node) -> bool | None:
    amount, other = quantity.of_node(left), quantity.of_node(right)
    if amount is None or other is None:
        return bool(left.value == right.value)
    values = quantity.comparable_values(amount, other)
    if values is not None:
        return values[0] == values[1]
    # Durations of the calendar against definite ones: nobody can say. Different dimensions: not equal.
    return None if amount.calendar or other.calendar else False


def equal_collections(left: list[Node], right: list[Node]) -> bool | None:
    """Whether two collections hold equal items in the same order; None when one is empty."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    results = [equal(a, b) for a, b in zip(left, right, strict=True)]
    if False in results:
        return False
    return None if None in results else True


def equivalent(left: Node, right: Node) -> bool:
    """Whether two items are equivalent: strings but for case and white space, numbers to the coarser precision."""
    system, other = _SYSTEM_OF[left.type], _SYSTEM_OF[right.type]
    if left.value is None or right.value is None:
        return left.value is right.value
    if system is None or other is None:
        return system is other and left.type == right.type and _equivalent_json(left.value, right.value)
    if is_temporal_pair(system, other):
        moment, other_moment = temporal_of(left, system), temporal_of(right, other)
        if moment is not None and other_moment is not None:
            return temporal.equivalent(moment, other_moment)
    if system == other == "System.Quantity":
        amount, other_amount = quantity.of_node(left), quantity.of_node(right)
        if amount is not None and other_amount is not None:
            return quantity.equivalent(amount, other_amount)
    if system in NUMBERS and other in NUMBERS:
        return _equivalent_numbers(left.value, right.value)
    return system == other and _equivalent_json(left.value, right.value)


def _equivalent_numbers(left: Any, right: Any) -> bool:
    a, b = Decimal(left), Decimal(right)
    if max(abs(a.adjusted()), abs(b.adjusted())) > quantity.MAX_EXPONENT:
        return a == b
    digits = min(quantity.places(a.normalize()), quantity.places(b.normalize()))
    unit = Decimal(1).scaleb(-digits)
    return a.quantize(unit, ROUND_HALF_UP, _WIDE) == b.quantize(unit, ROUND_HALF_UP, _WIDE)


def _equivalent_json(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right or _plain_text(left) == _plain_text(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equivalent_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return _match_all(left, right, _equivalent_json)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return _equivalent_numbers(left, right)
    return bool(left == right)


def _plain_text(text: str) -> str:
    return _WHITESPACE.sub(" ", text).strip().casefold()


def _match_all(left: list[Any], right: list[Any], same: Any) -> bool:
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        position = next((i for i, other in enumerate(rest) if same(item, other)), None)
        if position is None:
            return False
        del rest[position]
    return True


def equivalent_collections(left: list[Node], right: list[Node]) -> bool:
    """Whether two collections hold equivalent items, in whatever order."""
    return _match_all(left, right, equivalent)


def _hash_key(node: Node) -> Hashable | None:
    """Return something that is the same exactly when two items are equal; None where only `equal` can tell."""
    system = _SYSTEM_OF[node.type]
    value = node.value
    if value is None or system == "System.Quantity":
        return None
    if system == "System.String" and isinstance(value, str):
        return value
    if system in NUMBERS and isinstance(value, int | Decimal):
        return value
    if system in DATES or system == "System.Time":
        moment = temporal_of(node, system)
        return temporal.equality_key(moment) if moment is not None else None
    return (system or node.type, _frozen(value))


def _frozen(value: Any) -> Hashable:
    """Return a JSON value as something that is hashable and equal to another exactly when the values are."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value  # type: ignore[no-any-return]  # the scalars of JSON are hashable


class ItemSet:
    """A set of items under `equal`: fast for strings and numbers, correct for all."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._keys: set[Hashable] = set()
        self._others: list[Node] = []
        for node in nodes:
            self.add(node)

    def add(self, node: Node) -> bool:
        """Add an item; return whether it was new."""
        key = _hash_key(node)
        if key is not None:
            before = len(self._keys)
            self._keys.add(key)
            return len(self._keys) != before
        if self._holds(node):
            return False
        self._others.append(node)
        return True

    def __contains__(self, node: Node) -> bool:
        key = _hash_key(node)
        return key in self._keys if key is not None else self._holds(node)

    def _holds(self, node: Node) -> bool:
        return any(other is node or equal(other, node) is True for other in self._others)


def distinct(nodes: Iterable[Node]) -> list[Node]:
    """Return the items without repetition, each where it came first."""
    seen = ItemSet()
    return [node for node in nodes if seen.add(node)]
