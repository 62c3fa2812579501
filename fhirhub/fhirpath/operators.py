"""The operators as builders of evaluators.

http://hl7.org/fhirpath/N1/#operations
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.arithmetic import calculate, negate
from fhirhub.fhirpath.comparison import order
from fhirhub.fhirpath.equality import ItemSet, equal_collections, equivalent_collections
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.subsetting import union
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.scope import Evaluator, Scope
from fhirhub.fhirpath.singleton import FALSE, TRUE, boolean, single, string, truth, typed

BinaryBuilder = Callable[[Evaluator, Evaluator], Evaluator]


_Decision = Callable[[bool | None, bool | None], bool | None]


def _truth_table(name: str, decide: _Decision, settles: bool | None) -> BinaryBuilder:
    """Make an operator of three-valued logic; a left operand of `settles` leaves the right one unread."""

    def build(left: Evaluator, right: Evaluator) -> Evaluator:
        def run(scope: Scope) -> list[Node]:
            first = truth(left(scope), name)
            if first is settles and settles is not None:
                return boolean(decide(first, None))
            return boolean(decide(first, truth(right(scope), name)))

        return run

    return build


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return True if left and right else None


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return False if left is False and right is False else None


def _xor(left: bool | None, right: bool | None) -> bool | None:
    return None if left is None or right is None else left is not right


def _implies(left: bool | None, right: bool | None) -> bool | None:
    return _or(None if left is None else not left, right)


def _equality(decide: Callable[[list[Node], list[Node]], bool | None], negated: bool) -> BinaryBuilder:
    def build(left: Evaluator, right: Evaluator) -> Evaluator:
        def run(scope: Scope) -> list[Node]:
            result = decide(left(scope), right(scope))
            return boolean(result if result is None or not negated else not result)

        return run

    return build


def _comparison(operator: str, accepts: Callable[[int], bool]) -> BinaryBuilder:
    def build(left: Evaluator, right: Evaluator) -> Evaluator:
        def run(scope: Scope) -> list[Node]:
            first, second = single(left(scope), operator), single(right(scope), operator)
            if first is None or second is None:
                return []
            result = order(first, second)
            return [] if result is None else boolean(accepts(result))

        return run

    return build


def _arithmetic(operator: str) -> BinaryBuilder:
    def build(left: Evaluator, right: Evaluator) -> Evaluator:
        def run(scope: Scope) -> list[Node]:
            first, second = single(left(scope), operator), single(right(scope), operator)
            return [] if first is None or second is None else calculate(operator, first, second)

        return run

    return build


def _concatenation(left: Evaluator, right: Evaluator) -> Evaluator:
    def run(scope: Scope) -> list[Node]:
        first, second = (typed(operand(scope), "System.String", "&") for operand in (left, right))
        return string((first or "") + (second or ""))

    return run


def _membership(element: Evaluator, collection: Evaluator, name: str) -> Evaluator:
    def run(scope: Scope) -> list[Node]:
        node = single(element(scope), name)
        return [] if node is None else boolean(node in ItemSet(collection(scope)))

    return run


def _union(left: Evaluator, right: Evaluator) -> Evaluator:
    return lambda scope: union(scope.run, left(scope), right(scope))


BINARY: Final[Mapping[str, BinaryBuilder]] = MappingProxyType(
    {
        "and": _truth_table("and", _and, settles=False),
        "or": _truth_table("or", _or, settles=True),
        "xor": _truth_table("xor", _xor, settles=None),
        "implies": _truth_table("implies", _implies, settles=False),
        "=": _equality(equal_collections, negated=False),
        "!=": _equality(equal_collections, negated=True),
        "~": _equality(equivalent_collections, negated=False),
        "!~": _equality(equivalent_collections, negated=True),
        "<": _comparison("<", lambda result: result < 0),
        "<=": _comparison("<=", lambda result: result <= 0),
        ">": _comparison(">", lambda result: result > 0),
        ">=": _comparison(">=", lambda result: result >= 0),
        **{operator: _arithmetic(operator) for operator in ("+", "-", "*", "/", "div", "mod")},
        "&": _concatenation,
        "in": lambda left, right: _membership(left, right, "in"),
        "contains": lambda left, right: _membership(right, left, "contains"),
        "|": _union,
    }
)


def signed(operator: str, operand: Evaluator) -> Evaluator:
    """Return the evaluator of `+operand` or `-operand`."""

    def run(scope: Scope) -> list[Node]:
        node = single(operand(scope), operator)
        if node is None:
            return []
        negative = negate(node)
        return negative if operator == "-" else [node]

    return run


def is_type(items: Evaluator, matches: Callable[[Node], bool]) -> Evaluator:
    """Return the evaluator of `items is type`."""

    def run(scope: Scope) -> list[Node]:
        nodes = items(scope)
        if len(nodes) == 1:
            return TRUE if matches(nodes[0]) else FALSE
        return refuse_many(nodes)

    return run


def cast(items: Evaluator, matches: Callable[[Node], bool]) -> Evaluator:
    """Return the evaluator of `items.as(type)`."""

    def run(scope: Scope) -> list[Node]:
        nodes = items(scope)
        if len(nodes) > 1:
            refuse_many(nodes)
        return [node for node in nodes if matches(node)]

    return run


def refuse_many(items: Sequence[Any]) -> list[Node]:
    """Return nothing for no items.

    Raises:
        FhirPathError: there are several.
    """
    if items:
        raise FhirPathError(f"A test or change of type takes one item, not {len(items)}")
    return []
