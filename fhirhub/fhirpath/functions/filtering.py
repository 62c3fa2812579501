"""Functions that evaluate an expression on each item: filters, projections, sorting, aggregates, `iif`.

http://hl7.org/fhirpath/N1/#filtering-and-projection, http://hl7.org/fhirpath/N1/#aggregates
"""

from collections.abc import Mapping
from functools import cmp_to_key
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath.comparison import order
from fhirhub.fhirpath.equality import ItemSet
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.signature import SAME, Function, each
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Evaluator, Scope
from fhirhub.fhirpath.singleton import single, truth, typed

_SYSTEM_OF = r4_schema().system_of


MAX_COMPUTED: Final = 10_000
"""The most items `repeat` collects that are no elements: `1.repeat($this + 1)` would never end."""


def _where(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    criterion = arguments[0]

    def run(scope: Scope) -> list[Node]:
        items = target(scope)
        return [
            node
            for node, inner in zip(items, each(scope, items), strict=True)
            if truth(criterion(inner), "The criterion of where")
        ]

    return run


def _select(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    projection = arguments[0]

    def run(scope: Scope) -> list[Node]:
        out: list[Node] = []
        for inner in each(scope, target(scope)):
            found = projection(inner)
            scope.run.spend(len(found))
            out += found
        return out

    return run


def _repeat(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    projection = arguments[0]

    def run(scope: Scope) -> list[Node]:
        found: list[Node] = []
        seen = ItemSet()
        level = target(scope)
        while level:
            level = [node for inner in each(scope, level) for node in projection(inner) if seen.add(node)]
            found += level
            if len(found) > MAX_COMPUTED and level and level[0].parent is None:
                raise FhirPathError(f"repeat made up more than {MAX_COMPUTED} items")
        return found

    return run


def _aggregate(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    aggregator = arguments[0]

    def run(scope: Scope) -> list[Node]:
        total = arguments[1](scope) if len(arguments) > 1 else []
        for index, node in enumerate(target(scope)):
            total = aggregator(Scope(scope.run, [node], index, total))
        return total

    return run


def _iif(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    criterion, when_true = arguments[:2]
    otherwise = arguments[2] if len(arguments) > 2 else None

    def run(scope: Scope) -> list[Node]:
        items = target(scope)
        if len(items) > 1:
            raise FhirPathError(f"iif takes one item, not {len(items)}")
        # Where nothing stands before the call, `$index` goes on meaning what it did.
        inner = scope if items is scope.this else Scope(scope.run, items, 0, scope.total)
        if typed(criterion(inner), "System.Boolean", "The criterion of iif"):
            return when_true(inner)
        return otherwise(inner) if otherwise is not None else []

    return run


def _trace(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
    def run(scope: Scope) -> list[Node]:
        items = target(scope)
        trace = scope.run.trace
        if trace is not None:
            name = typed(arguments[0](scope), "System.String", "trace")
            if len(arguments) > 1:
                trace(name or "", [node for inner in each(scope, items) for node in arguments[1](inner)])
            else:
                trace(name or "", items)
        return items

    return run


_Keyed = tuple[list[Node | None], Node]


def sorted_by(target: Evaluator, keys: tuple[tuple[Evaluator, bool], ...]) -> Evaluator:
    """Return the evaluator of `sort`: each key with whether it descends, none for the items themselves.

    Items without a key come first, whichever the direction.
    """

    def compare(left: _Keyed, right: _Keyed) -> int:
        for (_, descends), a, b in zip(keys, left[0], right[0], strict=True):
            if a is None or b is None:
                result = (a is not None) - (b is not None)
            else:
                result = (order(a, b) or 0) * (-1 if descends else 1)
            if result:
                return result
        return 0

    def run(scope: Scope) -> list[Node]:
        items = target(scope)
        rows = [
            ([single(key(inner), "A key of sort") for key, _ in keys], node)
            for inner, node in zip(each(scope, items), items, strict=True)
        ]
        rows.sort(key=cmp_to_key(compare))
        return [node for _, node in rows]

    return run


FILTERING: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "where": Function(_where, 1, 1, returns=SAME, on_each=True, single=False),
        "select": Function(_select, 1, 1, on_each=True, single=False),
        "repeat": Function(_repeat, 1, 1, on_each=True, single=False),
        "aggregate": Function(_aggregate, 1, 2, on_each=True, single=False),
        "iif": Function(_iif, 2, 3, on_each=True, single=False),
        "trace": Function(_trace, 1, 2, returns=SAME, on_each=True, single=False),
    }
)
