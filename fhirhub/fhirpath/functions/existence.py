"""Functions that ask whether and how many items there are.

http://hl7.org/fhirpath/N1/#existence
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath.equality import ItemSet, distinct
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.signature import SAME, Function, each, of_items, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Evaluator, Scope
from fhirhub.fhirpath.singleton import FALSE, TRUE, boolean, number, truth

_SYSTEM_OF = r4_schema().system_of
_BOOLEAN: Final = "System.Boolean"


def _exists(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    if not arguments:
        return lambda scope: TRUE if target(scope) else FALSE
    criterion = arguments[0]

    def run(scope: Scope) -> list[Node]:
        inner = each(scope, target(scope))
        return TRUE if any(truth(criterion(item), "The criterion of exists") for item in inner) else FALSE

    return run


def _all(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    criterion = arguments[0]

    def run(scope: Scope) -> list[Node]:
        inner = each(scope, target(scope))
        return TRUE if all(truth(criterion(item), "The criterion of all") for item in inner) else FALSE

    return run


def _over_booleans(name: str, decide: Callable[[list[bool]], bool]) -> Callable[[list[Node]], list[Node]]:
    def run(items: list[Node]) -> list[Node]:
        for node in items:
            if _SYSTEM_OF[node.type] != _BOOLEAN:
                raise FhirPathError(f"{name} takes Booleans, not a {node.type}")
        return boolean(decide([bool(node.value) for node in items]))

    return run


def _not(items: list[Node]) -> list[Node]:
    value = truth(items, "not")
    return boolean(None if value is None else not value)


def _subset(items: list[Node], others: list[Node]) -> list[Node]:
    allowed = ItemSet(others)
    return boolean(all(node in allowed for node in items))


def _is_distinct(items: list[Node]) -> list[Node]:
    return boolean(len(distinct(items)) == len(items))


EXISTENCE: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "empty": Function(of_items(lambda items: FALSE if items else TRUE), returns=_BOOLEAN),
        "exists": Function(_exists, 0, 1, returns=_BOOLEAN, on_each=True),
        "all": Function(_all, 1, 1, returns=_BOOLEAN, on_each=True),
        "allTrue": Function(of_items(_over_booleans("allTrue", all)), returns=_BOOLEAN),
        "anyTrue": Function(of_items(_over_booleans("anyTrue", any)), returns=_BOOLEAN),
        "allFalse": Function(of_items(_over_booleans("allFalse", lambda v: not any(v))), returns=_BOOLEAN),
        "anyFalse": Function(of_items(_over_booleans("anyFalse", lambda v: not all(v))), returns=_BOOLEAN),
        "subsetOf": Function(of_values(_subset), 1, 1, returns=_BOOLEAN),
        "supersetOf": Function(of_values(lambda items, others: _subset(others, items)), 1, 1, returns=_BOOLEAN),
        "count": Function(of_items(lambda items: number(len(items))), returns="System.Integer"),
        "distinct": Function(of_items(distinct), returns=SAME, single=False),
        "isDistinct": Function(of_items(_is_distinct), returns=_BOOLEAN),
        "not": Function(of_items(_not), returns=_BOOLEAN),
    }
)
