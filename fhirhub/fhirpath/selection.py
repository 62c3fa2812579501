"""Routes to functions: a few look-ups of keys in the JSON, without nodes or scopes.

https://hl7.org/fhir/R4/searchparameter.html#notes
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

from fhirhub.fhirpath.equality import distinct
from fhirhub.fhirpath.node import Node, actual_type
from fhirhub.fhirpath.quantity import UCUM
from fhirhub.fhirpath.routes import Filter, Move, Pick, Plan, Route, Step
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Json

_SYSTEM_OF = r4_schema().system_of

Pair = tuple[str, Any]
Select = Callable[[Json], list[Pair]]
_Follow = Callable[[list[Any], Json], list[Any]]


class UnexpectedShapeError(Exception):
    """The JSON is not of the shape the definitions promise; the general evaluation copes with that."""


def selection(plan: Plan) -> Select:
    """Return the function that finds (type, value) along the routes of a plan.

    It raises `UnexpectedShapeError`, `AttributeError` or `TypeError` for JSON that does not follow the definitions.
    """
    parts = [_finder(list(group)) for _, group in groupby(plan.routes, key=_way)]
    find = parts[0] if len(parts) == 1 else _joined(parts)
    return _without_repetition(find) if plan.is_distinct else find


def _way(route: Route) -> tuple[Move, ...] | int:
    """Return what routes share that are looked for together: the types of a choice differ in their last step only."""
    last = route.moves[-1] if route.moves else None
    if isinstance(last, Step) and not last.is_array and route.type != "Resource":
        return route.moves[:-1]
    return id(route)


def _joined(parts: list[Select]) -> Select:
    def run(resource: Json) -> list[Pair]:
        out: list[Pair] = []
        for part in parts:
            out += part(resource)
        return out

    return run


_TIMES: Final = frozenset({"System.Date", "System.DateTime", "System.Time"})


def _without_repetition(find: Select) -> Select:
    def run(resource: Json) -> list[Pair]:
        pairs = find(resource)
        if len(pairs) < 2:
            return pairs
        out: list[Pair] = []
        seen: list[Pair] = []
        for type_name, value in pairs:
            system = _SYSTEM_OF[type_name]
            if system in _TIMES or (system == "System.Quantity" and not _in_one_unit(pairs)):
                # Equal values can look different: 10:00Z and 12:00+02:00, 1 g and 1000 mg.
                return [(node.type, node.value) for node in distinct(Node(v, t) for t, v in pairs)]
            key = (system or type_name, value["value"] if system == "System.Quantity" else value)
            if key not in seen:
                seen.append(key)
                out.append((type_name, value))
        return out

    return run


def _in_one_unit(pairs: list[Pair]) -> bool:
    """Whether all values are quantities in the same UCUM unit, so that their numbers alone tell them apart."""
    code = pairs[0][1].get("code")
    return code is not None and all(
        value.get("system") == UCUM and value.get("code") == code and "value" in value and "comparator" not in value
        for _, value in pairs
    )


def _finder(routes: list[Route]) -> Select:
    type_name, moves = routes[0].type, routes[0].moves
    if not moves:
        return lambda resource: [(type_name, resource)]
    last = moves[-1]
    if not isinstance(last, Step) or type_name == "Resource":
        find = _values(moves)
        if type_name == "Resource":
            return lambda resource: [(actual_type(type_name, value), value) for value in find(resource)]
        return lambda resource: [(type_name, value) for value in find(resource)]
    if last.is_array:
        if len(moves) == 1:
            return _array(last.key, type_name)
        find = _values(moves)
        return lambda resource: [(type_name, value) for value in find(resource)]
    if len(routes) == len(moves) == 1:
        return _property(last.key, type_name)
    ends = [(route.moves[-1], route.type) for route in routes]
    return _choice(moves[:-1], tuple((end.key, of_type) for end, of_type in ends if isinstance(end, Step)))


def _property(key: str, type_name: str) -> Select:
    def run(resource: Json) -> list[Pair]:
        value = resource.get(key)
        if value is None:
            return []
        if type(value) is list:
            raise UnexpectedShapeError
        return [(type_name, value)]

    return run


def _array(key: str, type_name: str) -> Select:
    def run(resource: Json) -> list[Pair]:
        values = resource.get(key)
        if values is None:
            return []
        if type(values) is not list:
            raise UnexpectedShapeError
        return [(type_name, value) for value in values if value is not None]

    return run


def _choice(moves: tuple[Move, ...], alternatives: tuple[tuple[str, str], ...]) -> Select:
    """Look for any of several properties (key, type) at the end of a route, one value each."""
    find = _values(moves)

    def run(resource: Json) -> list[Pair]:
        out = []
        for item in find(resource):
            for key, type_name in alternatives:
                value = item.get(key)
                if value is not None:
                    if type(value) is list:
                        raise UnexpectedShapeError
                    out.append((type_name, value))
        return out

    return run


def _values(moves: tuple[Move, ...]) -> Callable[[Json], list[Any]]:
    """Compile a route to the values it leads to, without their type."""
    if not moves:
        return lambda resource: [resource]
    first, following = moves[0], [_move(move) for move in moves[1:]]
    if not isinstance(first, Step):
        following.insert(0, _move(first))
        return lambda resource: _followed([resource], following, resource)
    key, is_array = first.key, first.is_array

    def run(resource: Json) -> list[Any]:
        # Most elements are absent: nothing is built for those.
        value = resource.get(key)
        if value is None:
            return []
        if not is_array:
            return _followed([value], following, resource)
        if type(value) is not list:
            raise UnexpectedShapeError
        return _followed([item for item in value if item is not None], following, resource)

    return run


def _followed(items: list[Any], following: list[_Follow], resource: Json) -> list[Any]:
    for follow in following:
        items = follow(items, resource)
        if not items:
            break
    return items


def _move(move: Move) -> _Follow:
    match move:
        case Step(key, is_array):
            if is_array:
                return lambda items, resource: _flattened(items, key)
            return lambda items, resource: [value for item in items if (value := item.get(key)) is not None]
        case Filter(test):
            return lambda items, resource: [item for item in items if test(item, resource)]
        case Pick(index):
            return lambda items, resource: items[index : index + 1]


def _flattened(items: list[Any], key: str) -> list[Any]:
    out: list[Any] = []
    for item in items:
        values = item.get(key)
        if values is not None:
            if type(values) is not list:
                raise UnexpectedShapeError
            out += [value for value in values if value is not None]
    return out
